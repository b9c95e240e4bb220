"""How nn.functional meets the engine: `_nn` holds one function per row of the op table that belongs to it.

A function written in Python on top of other ops steps aside as soon as a row of its name exists: `unless_row`.
Its first argument list is the contract between the two: a row has torch.nn.functional's parameters.
"""

import functools

import rushlight as rl

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


def _outside_autocast(function, dtype):
    """function without autocast inside, its floating tensors cast first where dtype says to what."""
    narrow = (rl.bfloat16, rl.float16)

    @functools.wraps(function)
    def call(*args, **kwargs):
        if not rl.is_autocast_enabled("cpu"):
            return function(*args, **kwargs)
        if dtype is not None:
            args = [a.to(dtype) if isinstance(a, rl.Tensor) and a.dtype in narrow else a for a in args]
            kwargs = {k: a.to(dtype) if isinstance(a, rl.Tensor) and a.dtype in narrow else a for k, a in kwargs.items()}
        with rl.autocast("cpu", enabled=False):
            return function(*args, **kwargs)

    return call


def in_single(function):
    """function, which autocast runs in float32."""
    return _outside_autocast(function, rl.float32)


def as_given(function):
    """function, which autocast leaves alone."""
    return _outside_autocast(function, None)
