"""Names of torch that follow from others: in-place functions, ravel, repeat_interleave."""

import numpy as np

import rushlight as rl
from rushlight import _C

from ._asking import ask_first
from ._keywords import along

_F, _ops = _C._VariableFunctions, _C._ops

_INPLACE = "addmv_ as_strided_ clamp_max_ clamp_min_ detach_ fill_ gcd_ index_put_ lcm_ ldexp_ resize_as_ xlogy_".split()

__all__ = [*_INPLACE, "ravel", "repeat_interleave", "get_device"]


def _inplace(name):
    def function(input, *args, **kwargs):
        if not isinstance(input, rl.Tensor):
            raise TypeError(f"{name}(): argument 'input' (position 1) must be Tensor, not {type(input).__name__}")
        return getattr(input, name)(*args, **kwargs)
    function.__name__ = function.__qualname__ = name
    function.__doc__ = f"Tensor.{name}"
    return function


for _name in _INPLACE:
    globals()[_name] = _inplace(_name)


def ravel(input):
    """The elements in one dimension; a view where that is possible."""
    return input.contiguous().view(-1)


def get_device(input):
    """-1: the CPU."""
    return input.get_device()


def _checked_repeats(repeats):
    if repeats.dim() > 1:
        raise RuntimeError(f"repeat_interleave only accept 1D vector as repeat, not one of shape {list(repeats.shape)}")
    if repeats.dtype not in (rl.int64, rl.int32):
        raise RuntimeError(f"repeats has to be Long or Int tensor, not {repeats.dtype}")
    if (repeats < 0).any():
        raise RuntimeError("repeats can not be negative")
    return repeats


def _numbers(repeats):
    """0 as often as repeats[0], 1 as often as repeats[1], and so on."""
    return rl.from_numpy(np.repeat(np.arange(len(repeats)), repeats.numpy()))


@along
def repeat_interleave(input, repeats=None, dim=None, *, output_size=None):
    """Each element, or slice along dim, as often as repeats says; repeat_interleave(repeats) gives the numbers of the elements."""
    if repeats is None:
        return _numbers(_checked_repeats(input)).to(input.dtype)
    if dim is None:
        input, dim = input.reshape(-1), 0
    if not input.dim():
        raise IndexError(f"Dimension specified as {dim} but tensor has no dimensions")
    size = input.shape[dim]
    if not isinstance(repeats, int):
        repeats = _checked_repeats(rl.as_tensor(repeats)).reshape(-1)
        repeats = int(repeats) if len(repeats) == 1 else repeats
    if isinstance(repeats, int):
        if repeats < 0:
            raise RuntimeError(f"Repeats must be non-negative, got {repeats}")
        _check_output_size(output_size, size * repeats)
        dim = dim % input.dim()
        return input.unsqueeze(dim + 1).expand(*input.shape[:dim + 1], repeats, *input.shape[dim + 1:]).clone(memory_format=rl.contiguous_format).flatten(dim, dim + 1)
    if len(repeats) != size:
        raise RuntimeError(f"repeats must have the same size as input along dim, but got repeats.size(0) = {len(repeats)} and input.size({dim}) = {size}")
    index = _numbers(repeats)
    _check_output_size(output_size, len(index))
    return input.index_select(dim, index)


def _check_output_size(expected, size):
    if expected is not None and expected != size:
        raise RuntimeError(f"Allocated size does not match required size: output_size is {expected}, but the result has {size}")


def _attach():
    for name in ("ravel", "repeat_interleave"):
        setattr(rl.Tensor, name, globals()[name])


_attach()


ask_first(globals())
