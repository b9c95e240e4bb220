"""Sizes as callers write them: one number for all dimensions or a tuple, None for "as the input"."""

from collections.abc import Iterable
from itertools import repeat


def _ntuple(n, name="parse"):
    """A function that turns one number into n equal ones and any iterable into a tuple."""

    def parse(x):
        return tuple(x) if isinstance(x, Iterable) else tuple(repeat(x, n))

    parse.__name__ = name
    return parse


_single = _ntuple(1, "_single")
_pair = _ntuple(2, "_pair")
_triple = _ntuple(3, "_triple")
_quadruple = _ntuple(4, "_quadruple")


def _list_with_default(out_size, defaults):
    """out_size with every None replaced by the input's own size there (the last len(out_size) of defaults)."""
    if isinstance(out_size, int):
        return out_size
    if len(defaults) <= len(out_size):
        raise ValueError(f"Input dimension should be at least {len(out_size) + 1}")
    return [d if v is None else v for v, d in zip(out_size, defaults[-len(out_size):])]
