"""torch's import path of LinearCrossEntropyOptions."""

from ._linear_loss import LinearCrossEntropyOptions

__all__ = ["LinearCrossEntropyOptions"]

LinearCrossEntropyOptions.__module__ = __name__
