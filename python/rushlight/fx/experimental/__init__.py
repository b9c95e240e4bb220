"""torch.fx.experimental: sizes as symbols, which are numbers here."""
