"""assert_close: numbers, tensors, arrays and containers of these, compared within tolerances, with torch's messages.

Values are compared in NumPy: a test helper should not lean on the operations under test.
"""

import cmath
import collections.abc
import math

import numpy
import rushlight as rl

_TOLERANCES = {  # relative, absolute; all other dtypes must be equal
    "float16": (1e-3, 1e-5),
    "bfloat16": (1.6e-2, 1e-5),
    "float32": (1.3e-6, 1e-5),
    "float64": (1e-7, 1e-7),
    "complex64": (1.3e-6, 1e-5),
    "complex128": (1e-7, 1e-7),
}
_NUMBERS = {bool: "bool", int: "int64", float: "float64", complex: "complex128"}


class _Mismatch(Exception):
    """What differs and where: path is the way through the containers."""

    def __init__(self, text, path, kind=AssertionError):
        super().__init__(text)
        self.text, self.path, self.kind = text, path, kind

    def message(self, msg):
        where = "".join(f"[{key!r}]" for key in self.path)
        text = f"{self.text}\n\nThe failure occurred for item {where}" if where else self.text
        if msg is None or self.kind is not AssertionError:
            return text
        return msg(text) if callable(msg) else msg


def assert_close(
    actual, expected, *, allow_subclasses=True, rtol=None, atol=None, equal_nan=False, check_device=True, check_dtype=True,
    check_layout=True, check_stride=False, msg=None,
):  # fmt: skip
    """Raise AssertionError unless abs(actual - expected) <= atol + rtol * abs(expected) everywhere.

    Tensors, NumPy arrays, numbers, None, and sequences and mappings of these.  rtol and atol, given both or not at all, otherwise
    follow from the dtype.  Shapes must agree; dtypes too unless check_dtype is False.  msg replaces the message, or turns
    it into another if it is callable.

    >>> rl.testing.assert_close(rl.tensor([1.0, 2.0]), rl.tensor([1.0, 2.5]))
    Traceback (most recent call last):
    AssertionError: Tensor-likes are not close!
    <BLANKLINE>
    Mismatched elements: 1 / 2 (50.0%)
    Greatest absolute difference: 0.5 at index (1,) (up to 1e-05 allowed)
    Greatest relative difference: 0.20000000298023224 at index (1,) (up to 1.3e-06 allowed)
    """
    if (rtol is None) != (atol is None):
        raise ValueError(f"Both 'rtol' and 'atol' must be either specified or omitted, but got no {'rtol' if rtol is None else 'atol'}.")
    checks = {"dtype": check_dtype, "layout": check_layout, "device": check_device, "stride()": check_stride}
    failure = None
    try:
        for a, e, path in list(_pairs(actual, expected, (), allow_subclasses)):
            _compare(a, e, path, rtol, atol, equal_nan, checks)
    except _Mismatch as mismatch:
        failure = mismatch.kind(mismatch.message(msg))
    if failure is not None:
        raise failure


def assert_allclose(actual, expected, rtol=None, atol=None, equal_nan=True, msg=""):
    """The older name; assert_close replaces it."""
    if rtol is None and atol is None:
        rtol, atol = _tolerances(*(_dtype_of(x) for x in (actual, expected)))
    assert_close(actual, expected, rtol=rtol, atol=atol, equal_nan=equal_nan, check_dtype=False, msg=msg or None)


# Containers


def _is_sequence(x):
    return isinstance(x, collections.abc.Sequence) and not isinstance(x, str)


def _pairs(actual, expected, path, allow_subclasses):
    """The leaves of two containers of equal structure."""
    if _is_sequence(actual) and _is_sequence(expected):
        if len(actual) != len(expected):
            raise _Mismatch(f"The length of the sequences mismatch: {len(actual)} != {len(expected)}", path)
        for i in range(len(actual)):
            yield from _pairs(actual[i], expected[i], (*path, i), allow_subclasses)
    elif isinstance(actual, collections.abc.Mapping) and isinstance(expected, collections.abc.Mapping):
        _same_keys(actual, expected, path)
        for key in _in_order(actual):
            yield from _pairs(actual[key], expected[key], (*path, key), allow_subclasses)
    else:
        if not _comparable(actual, expected, allow_subclasses):
            text = f"No comparison pair was able to handle inputs of type {type(actual)} and {type(expected)}."
            raise _Mismatch(text, path, TypeError)
        yield actual, expected, path


def _in_order(keys):
    try:
        return sorted(keys)
    except TypeError:
        return list(keys)


def _same_keys(actual, expected, path):
    missing, more = _in_order(set(expected) - set(actual)), _in_order(set(actual) - set(expected))
    if missing or more:
        text = "The keys of the mappings do not match:"
        text += f"\nMissing keys in the actual mapping: {missing}" if missing else ""
        text += f"\nAdditional keys in the actual mapping: {more}" if more else ""
        raise _Mismatch(text, path)


def _is_bool(x):
    return isinstance(x, (bool, numpy.bool_))


def _is_number(x):
    return isinstance(x, (int, float, complex, numpy.number)) and not _is_bool(x)


def _comparable(actual, expected, allow_subclasses):
    if actual is None or expected is None or (_is_bool(actual) and _is_bool(expected)):
        return True
    numbers = _is_number(actual) or _is_bool(actual), _is_number(expected) or _is_bool(expected)
    if any(numbers):
        return all(numbers)
    if not isinstance(actual, (rl.Tensor, numpy.ndarray)) or not isinstance(expected, (rl.Tensor, numpy.ndarray)):
        return False
    if not allow_subclasses:
        return type(actual) is type(expected)
    return isinstance(actual, type(expected)) or isinstance(expected, type(actual))


# Leaves


def _compare(actual, expected, path, rtol, atol, equal_nan, checks):
    if actual is None or expected is None:
        if actual is not expected:
            raise _Mismatch(f"None mismatch: {actual} is not {expected}", path)
    elif _is_bool(actual) and _is_bool(expected):
        if bool(actual) is not bool(expected):
            raise _Mismatch(f"Booleans mismatch: {bool(actual)} is not {bool(expected)}", path)
    elif _is_number(actual) or _is_bool(actual):
        _compare_numbers(actual, expected, path, rtol, atol, equal_nan, checks["dtype"])
    else:
        _compare_tensors(rl.as_tensor(actual), rl.as_tensor(expected), path, rtol, atol, equal_nan, checks)


def _dtype_name(dtype):
    return str(dtype).rpartition(".")[2]


def _dtype_of(x):
    return _dtype_name(x.dtype) if hasattr(x, "dtype") else _NUMBERS.get(type(x), "float32")


def _tolerances(*dtypes):
    """The widest of the dtypes' tolerances."""
    pairs = [_TOLERANCES.get(dtype, (0.0, 0.0)) for dtype in dtypes]
    return max(pair[0] for pair in pairs), max(pair[1] for pair in pairs)


def _compare_numbers(actual, expected, path, rtol, atol, equal_nan, check_dtype):
    actual, expected = (x.item() if isinstance(x, (numpy.number, numpy.bool_)) else x for x in (actual, expected))
    if check_dtype and type(actual) is not type(expected):
        raise _Mismatch(f"The (d)types do not match: {type(actual)} != {type(expected)}.", path)
    if rtol is None:
        rtol, atol = _tolerances(_dtype_of(actual), _dtype_of(expected))
    _judge_numbers(actual, expected, path, rtol, atol, equal_nan)


def _judge_numbers(actual, expected, path, rtol, atol, equal_nan):
    if actual == expected or (equal_nan and cmath.isnan(actual) and cmath.isnan(expected)):
        return
    difference = abs(actual - expected)
    if math.isfinite(difference) and difference <= atol + rtol * abs(expected) and (rtol or atol):
        return
    relative = difference / abs(expected) if expected else math.inf
    equal = rtol == 0 and atol == 0
    text = (
        f"Scalars are not {'equal' if equal else 'close'}!\n\nExpected {expected} but got {actual}.\n"
        f"Absolute difference: {difference}{_allowed(atol, equal)}\nRelative difference: {relative}{_allowed(rtol, equal)}"
    )
    raise _Mismatch(text, path)


def _allowed(tolerance, equal):
    return "" if equal else f" (up to {tolerance} allowed)"


def _compare_tensors(actual, expected, path, rtol, atol, equal_nan, checks):
    _same("shape", actual.shape, expected.shape, path)
    for name in ("layout", "dtype", "device"):
        if checks[name]:
            _same(name, getattr(actual, name), getattr(expected, name), path)
    if checks["stride()"]:
        _same("stride()", actual.stride(), expected.stride(), path)
    if rtol is None:
        rtol, atol = _tolerances(_dtype_of(actual), _dtype_of(expected))
    dtype = rl.promote_types(actual.dtype, expected.dtype)
    a, e = _array(actual, dtype), _array(expected, dtype)
    if a.ndim == 0:
        return _judge_numbers(a.item(), e.item(), path, rtol, atol, equal_nan)
    close = _isclose(a, e, rtol, atol, equal_nan)
    if not close.all():
        raise _Mismatch(_report(a, e, close, rtol, atol, _dtype_name(dtype) == "bfloat16"), path)


def _same(name, actual, expected, path):
    if actual != expected:
        raise _Mismatch(f"The values for attribute '{name}' do not match: {actual} != {expected}.", path)


def _array(tensor, dtype):
    """The values in NumPy, in the common dtype; bool as integers, bfloat16, which NumPy lacks, as float32."""
    tensor = tensor.detach().to(dtype)
    if _dtype_name(dtype) == "bfloat16":
        tensor = tensor.float()
    array = tensor.resolve_conj().numpy() if hasattr(tensor, "resolve_conj") else tensor.numpy()
    return array if array.dtype.kind in "fc" else array.astype(numpy.int64)


def _isclose(a, e, rtol, atol, equal_nan):
    with numpy.errstate(all="ignore"):
        close = a == e
        if equal_nan:
            close |= numpy.isnan(a) & numpy.isnan(e)
        if rtol or atol:
            difference = numpy.abs(a - e)
            close |= numpy.isfinite(difference) & (difference <= atol + numpy.abs(rtol * e))
    return close


def _report(a, e, close, rtol, atol, as_bfloat16):
    """How many elements differ, and the largest differences."""
    with numpy.errstate(all="ignore"):
        difference = numpy.abs(a - e)
        size = numpy.abs(e)
        if difference.dtype.kind in "iu":
            relative = difference.astype(numpy.float32) / size.astype(numpy.float32)
        else:
            difference = _bfloat16(difference) if as_bfloat16 else difference
            relative = difference / size
            relative = _bfloat16(relative) if as_bfloat16 else relative
    difference, relative = (numpy.where(close, values.dtype.type(0), values) for values in (difference, relative))
    wrong, equal = int((~close).sum()), rtol == 0 and atol == 0
    return (
        f"Tensor-likes are not {'equal' if equal else 'close'}!\n\n"
        f"Mismatched elements: {wrong} / {close.size} ({wrong / close.size:.1%})\n"
        f"Greatest absolute difference: {_greatest(difference)}{_allowed(atol, equal)}\n"
        f"Greatest relative difference: {_greatest(relative)}{_allowed(rtol, equal)}"
    )


def _greatest(values):
    at = int(values.argmax())
    index = tuple(int(i) for i in numpy.unravel_index(at, values.shape))
    return f"{values.reshape(-1)[at].item()} at index {index}"


def _bfloat16(values):
    """float32 values rounded to what bfloat16 can hold."""
    bits = values.view(numpy.uint32)
    rounded = ((bits + 0x7FFF + ((bits >> 16) & 1)) & 0xFFFF0000).astype(numpy.uint32).view(numpy.float32)
    return numpy.where(numpy.isfinite(values), rounded, values)
