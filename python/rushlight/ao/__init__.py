"""torch.ao, of which only the names of quantization are here."""

from . import quantization

__all__ = ["quantization"]
