"""How nn.functional meets the engine: `_nn` holds one function per row of the op table that belongs to it.

A function written in Python on top of other ops steps aside as soon as a row of its name exists: `unless_row`.
Its first argument list is the contract between the two: a row has torch.nn.functional's parameters.
"""

from .. import _C

_nn = _C._nn


def unless_row(function):
    """The row named like function (leading underscores aside) where there is one, otherwise function."""
    return getattr(_nn, function.__name__.lstrip("_"), None) or function


def reduced(loss, reduction):
    """loss as it is, its mean, or its sum."""
    if reduction == "mean":
        return loss.mean()
    if reduction == "sum":
        return loss.sum()
    if reduction == "none":
        return loss
    raise ValueError(f"{reduction} is not a valid value for reduction: it is one of 'none', 'mean', 'sum'")
