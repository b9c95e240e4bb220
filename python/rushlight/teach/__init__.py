"""The teaching layer: see what the engine does."""

from .formulas import Formula, formula

__all__ = ["Formula", "formula"]
