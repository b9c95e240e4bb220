"""Names of torch that follow from others: copies of views, in-place functions, ravel, repeat_interleave."""

import rushlight as rl
from rushlight import _C

_F, _ops = _C._VariableFunctions, _C._ops

# view operation: its copying form
_COPIES = {"alias_copy": "view_as", "as_strided_copy": "as_strided", "detach_copy": "detach", "diagonal_copy": "diagonal", "expand_copy": "expand", "permute_copy": "permute",
           "select_copy": "select", "slice_copy": "_slice", "split_copy": "split", "split_with_sizes_copy": "split_with_sizes", "squeeze_copy": "squeeze", "t_copy": "t",
           "transpose_copy": "transpose", "unbind_copy": "unbind", "unfold_copy": "unfold", "unsqueeze_copy": "unsqueeze", "view_copy": "view",
           "view_as_complex_copy": "view_as_complex", "view_as_real_copy": "view_as_real", "narrow_copy": "narrow", "unsafe_chunk": "chunk", "unsafe_split": "split",
           "unsafe_split_with_sizes": "split_with_sizes"}
_INPLACE = "addmv_ as_strided_ clamp_max_ clamp_min_ detach_ fill_ gcd_ index_put_ lcm_ ldexp_ resize_as_ xlogy_".split()

__all__ = [*_COPIES, *_INPLACE, "ravel", "repeat_interleave", "get_device"]


def _write(result, out):
    """The result, or out= filled with it."""
    if out is None:
        return result
    if isinstance(result, rl.Tensor):
        return out.resize_(result.shape).copy_(result)
    for target, value in zip(out, result):
        target.resize_(value.shape).copy_(value)
    return None


def _copying(name, view):
    def function(input, *args, out=None, **kwargs):
        if view == "view_as":
            result = input.clone()
        else:
            method = getattr(rl.Tensor, view, None) or getattr(_ops, view)
            result = method(input, *args, **kwargs)
            result = result.clone() if isinstance(result, rl.Tensor) else tuple(t.clone() for t in result)
        return _write(result, out)
    function.__name__ = function.__qualname__ = name
    function.__doc__ = f"{view.strip('_')}, as a copy."
    return function


def _inplace(name):
    def function(input, *args, **kwargs):
        if not isinstance(input, rl.Tensor):
            raise TypeError(f"{name}(): argument 'input' (position 1) must be Tensor, not {type(input).__name__}")
        return getattr(input, name)(*args, **kwargs)
    function.__name__ = function.__qualname__ = name
    function.__doc__ = f"Tensor.{name}"
    return function


for _name, _view in _COPIES.items():
    globals()[_name] = _copying(_name, _view)
for _name in _INPLACE:
    globals()[_name] = _inplace(_name)


def ravel(input):
    """The elements in one dimension; a view where that is possible."""
    return input.reshape(-1)


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


def repeat_interleave(input, repeats=None, dim=None, *, output_size=None):
    """Each element, or slice along dim, as often as repeats says; repeat_interleave(repeats) gives the numbers of the elements."""
    if repeats is None:
        counts = _checked_repeats(input).tolist()
        return rl.tensor([i for i, n in enumerate(counts) for _ in range(n)], dtype=input.dtype)
    if dim is None:
        input, dim = input.reshape(-1), 0
    size = input.shape[dim] if input.dim() else 1
    input = input if input.dim() else input.reshape(1)
    if isinstance(repeats, int):
        if repeats < 0:
            raise RuntimeError(f"Repeats must be non-negative, got {repeats}")
        repeats = [repeats] * size
    else:
        repeats = _checked_repeats(rl.as_tensor(repeats)).reshape(-1).tolist()
        repeats = repeats * size if len(repeats) == 1 else repeats
    if len(repeats) != size:
        raise RuntimeError(f"repeats must have the same size as input along dim, but got repeats.size(0) = {len(repeats)} and input.size({dim}) = {size}")
    index = rl.tensor([i for i, n in enumerate(repeats) for _ in range(n)], dtype=rl.int64)
    if output_size is not None and output_size != len(index):
        raise RuntimeError(f"Allocated size does not match required size: output_size is {output_size}, but the result has {len(index)}")
    return input.index_select(dim, index)


def _attach():
    for name in ("ravel", "repeat_interleave", "narrow_copy", "unsafe_chunk", "unsafe_split", "unsafe_split_with_sizes"):
        setattr(rl.Tensor, name, globals()[name])


_attach()
