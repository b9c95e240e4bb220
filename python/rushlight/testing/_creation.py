"""make_tensor: a tensor of any dtype with random values in a range, as tests want it."""

import math

import rushlight as rl

_INTEGERS = {"uint8": (0, 10), "int8": (-9, 10), "int16": (-9, 10), "int32": (-9, 10), "int64": (-9, 10),
             "uint16": (0, 10), "uint32": (0, 10), "uint64": (0, 10)}
_FLOATS = ("float16", "bfloat16", "float32", "float64", "complex64", "complex128")


def make_tensor(
    *shape, dtype, device="cpu", low=None, high=None, requires_grad=False, noncontiguous=False, exclude_zero=False, memory_format=None
):
    """A tensor of this shape and dtype with values drawn evenly from [low, high).

    Without low and high: bool from {False, True}, unsigned integers from [0, 10), signed ones from [-9, 10), others from
    [-9, 9).  noncontiguous: with gaps, if there are two elements at least.  exclude_zero: zeros become one, or the smallest
    normal number.
    """
    if len(shape) == 1 and not isinstance(shape[0], int):
        shape = tuple(shape[0])
    name = str(dtype).rpartition(".")[2]
    if noncontiguous and memory_format is not None:
        raise ValueError(f"The parameters `noncontiguous` and `memory_format` are mutually exclusive, but got {noncontiguous=} and {memory_format=}")
    if requires_grad and name not in _FLOATS:
        raise ValueError(f"`requires_grad=True` is not supported for boolean and integral dtypes, but got {dtype=}")
    if name == "bool":
        low, high = _limits(low, high, 0, 2, 0, 2, name)
        result = rl.randint(low, high, shape, dtype=dtype)
    elif name in _INTEGERS:
        info = rl.iinfo(dtype)
        low, high = _limits(low, high, *_INTEGERS[name], info.min, min(info.max + 1, 2**63 - 1), name)
        result = rl.randint(low, high, shape, dtype=dtype)
    elif name in _FLOATS:
        result = _floats(shape, dtype, low, high)
    else:
        raise TypeError(f"The requested dtype '{dtype}' is not supported by make_tensor().")
    if noncontiguous and result.numel() > 1:
        result = rl.stack([result, result], dim=-1).flatten(-2)[..., ::2] if result.dim() else result
    elif memory_format is not None:
        result = result.clone(memory_format=memory_format)
    if exclude_zero:
        _replace_zeros(result, name)
    return result.requires_grad_() if requires_grad else result


def _floats(shape, dtype, low, high):
    real = dtype.to_real() if dtype.is_complex else dtype
    info = rl.finfo(real)
    low, high = _limits(low, high, -9, 9, info.min, info.max, str(dtype), whole=False)
    result = rl.empty(shape, dtype=dtype)
    (rl.view_as_real(result) if dtype.is_complex else result).uniform_(low, high)
    return result


def _limits(low, high, low_default, high_default, lowest, highest, name, whole=True):
    """The range to draw from, cut to what the dtype can hold."""
    low = low_default if low is None else low
    high = high_default if high is None else high
    for value in (low, high):
        if isinstance(value, float) and math.isnan(value):
            raise ValueError(f"`low` and `high` cannot be NaN, but got {low=} and {high=}")
    if low > high or (low == high and whole):
        raise ValueError(f"`low` must be less than `high`, but got {low} >= {high}")
    if high < lowest or low > highest:
        raise ValueError(f"The value interval [{low}, {high}) lies outside of what {name} can hold")
    low, high = max(low, lowest), min(high, highest)
    return (math.ceil(low), math.ceil(high)) if whole else (low, high)


def _replace_zeros(tensor, name):
    value = rl.finfo(tensor.dtype).tiny if name in _FLOATS else 1
    if tensor.dtype.is_complex:
        value = complex(value, value)
    tensor[tensor == 0] = value
