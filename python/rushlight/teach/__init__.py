"""The teaching layer: see what the engine does."""
