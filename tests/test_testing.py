"""assert_close and make_tensor: verdicts and messages as torch's, and what make_tensor promises."""

import math

import numpy
import pytest
import rushlight as rl


def cases(t):
    """(name, a call that passes or raises)"""
    T, nan, A, np = t.tensor, math.nan, t.testing.assert_close, numpy
    yield "eq", lambda: A(T([1., 2.]), T([1., 2.]))
    yield "one off", lambda: A(T([1., 2., 3.]), T([1., 2., 4.]))
    yield "2d", lambda: A(T([[1., 2.], [3., 4.]]), T([[1., 2.], [3., 5.]]))
    yield "0d", lambda: A(T(1.), T(2.))
    yield "0d int", lambda: A(T(1), T(2))
    yield "int", lambda: A(T([1, 2]), T([1, 3]))
    yield "bool", lambda: A(T([True, False]), T([True, True]))
    yield "scalar", lambda: A(1., 2.)
    yield "scalar int", lambda: A(1, 2)
    yield "scalar mix", lambda: A(1, 2.)
    yield "scalar complex", lambda: A(1j, 2.)
    yield "scalar eq", lambda: A(1, 1.0, check_dtype=False)
    yield "pybool", lambda: A(True, False)
    yield "none", lambda: A(None, None)
    yield "none2", lambda: A(None, 1)
    yield "str", lambda: A("a", "a")
    yield "tensor-float", lambda: A(T(1.), 1.)
    yield "list", lambda: A([1., 2.], [1., 3.])
    yield "list len", lambda: A([1.], [1., 3.])
    yield "list tuple", lambda: A([1., 2.], (1., 2.))
    yield "dict", lambda: A({"a":T(1.)}, {"a":T(2.)})
    yield "dict keys", lambda: A({"a":1, "c":2}, {"b":2})
    yield "nested", lambda: A({"a":[T([1.]), T([2.])]}, {"a":[T([1.]), T([3.])]})
    yield "shape", lambda: A(T([1.]), T([1., 2.]))
    yield "dtype", lambda: A(T([1.]), T([1]))
    yield "dtype off", lambda: A(T([1.]), T([1]), check_dtype=False)
    yield "dtype off2", lambda: A(T([1.]), T([2]), check_dtype=False)
    yield "dtype64", lambda: A(T([1.]), T([1.1], dtype=t.float64), check_dtype=False)
    yield "stride", lambda: A(t.ones(2, 3), t.ones(3, 2).t(), check_stride=True)
    yield "nan", lambda: A(T([nan]), T([nan]))
    yield "nan ok", lambda: A(T([nan]), T([nan]), equal_nan=True)
    yield "nan half", lambda: A(T([nan, 1.]), T([1., 2.]))
    yield "inf", lambda: A(T([math.inf, 1.]), T([math.inf, 2.]))
    yield "inf2", lambda: A(T([math.inf, 1.]), T([1., 1.]))
    yield "zero expected", lambda: A(T([1.]), T([0.]))
    yield "rtol", lambda: A(T([1.]), T([1.1]), rtol=0.01, atol=0.001)
    yield "rtol ok", lambda: A(T([1.]), T([1.1]), rtol=0.2, atol=0)
    yield "exact", lambda: A(T([1., 2.]), T([1., 2.5]), rtol=0, atol=0)
    yield "exact scalar", lambda: A(1., 2., rtol=0, atol=0)
    yield "only rtol", lambda: A(T([1.]), T([1.]), rtol=0.1)
    yield "only atol", lambda: A(1., 1., atol=0.1)
    yield "msg", lambda: A(T([1.]), T([2.]), msg="hello")
    yield "msg fn", lambda: A(T([1.]), T([2.]), msg=lambda m: "pre\n"+m)
    yield "msg nested", lambda: A([T([1.])], [T([2.])], msg=lambda m: "pre\n"+m)
    yield "half", lambda: A(T([1., 2.], dtype=t.float16), T([1., 2.1], dtype=t.float16))
    yield "bf", lambda: A(T([1., 2.], dtype=t.bfloat16), T([1., 2.1], dtype=t.bfloat16))
    yield "bf ok", lambda: A(T([1., 2.], dtype=t.bfloat16), T([1., 2.015], dtype=t.bfloat16))
    yield "complex", lambda: A(T([1+1j]), T([1+2j]))
    yield "complex nan", lambda: A(T([complex(nan, 1)]), T([complex(1, nan)]), equal_nan=True)
    yield "empty", lambda: A(t.empty(0), t.empty(0))
    yield "uint8", lambda: A(T([1, 255], dtype=t.uint8), T([3, 0], dtype=t.uint8))
    yield "f64", lambda: A(T([1., 2.], dtype=t.float64), T([1., 2.0000001], dtype=t.float64))
    yield "np", lambda: A(np.ones(2), np.ones(2)*2)
    yield "np tensor", lambda: A(T([1.]), np.ones(1))
    yield "np float", lambda: A(np.float64(1.), np.float64(2.))
    yield "grad", lambda: A(t.ones(2, requires_grad=True), t.ones(2)*2)
    yield "big", lambda: A(t.arange(1000.), t.arange(1000.)+1)
    yield "param", lambda: A(t.nn.Parameter(T([1.])), T([2.]))
    yield "param2", lambda: A(t.nn.Parameter(T([1.])), T([2.]), allow_subclasses=False)
    yield "set", lambda: A({1}, {1})
    yield "int neg", lambda: A(T([-5]), T([5]))
    yield "near", lambda: A(T([1.0000001]), T([1.]))
    yield "int64 big", lambda: A(T([2**62]), T([2**62+1]))
    yield "perm", lambda: A(t.tensor([[1., 2., 3.], [4., 5., 6.]]).t(), t.zeros(3, 2))


def outcome(call):
    try:
        call()
    except Exception as error:
        return type(error).__name__, str(error)


NAMES = [name for name, _ in cases(rl)]


@pytest.mark.parametrize("name", NAMES)
def test_as_torch(name):
    torch = pytest.importorskip("torch")
    theirs, ours = (outcome(dict(cases(library))[name]) for library in (torch, rl))
    if ours:
        ours = ours[0], ours[1].replace("rushlight", "torch")
    if theirs:
        theirs = theirs[0], theirs[1].replace("torch.nn.parameter.Parameter", "torch.Parameter")
        ours = ours[0], ours[1].replace("torch.nn.parameter.Parameter", "torch.Parameter").replace("torch._C.", "torch.")
    assert ours == theirs


def test_messages():
    with pytest.raises(AssertionError) as caught:
        rl.testing.assert_close({"a": [rl.tensor([1.0, 2.0])]}, {"a": [rl.tensor([1.0, 2.5])]})
    assert str(caught.value) == (
        "Tensor-likes are not close!\n\nMismatched elements: 1 / 2 (50.0%)\n"
        "Greatest absolute difference: 0.5 at index (1,) (up to 1e-05 allowed)\n"
        "Greatest relative difference: 0.20000000298023224 at index (1,) (up to 1.3e-06 allowed)\n\n"
        "The failure occurred for item ['a'][0]"
    )
    with pytest.raises(AssertionError, match="^mine$"):
        rl.testing.assert_close(rl.tensor(1.0), rl.tensor(2.0), msg="mine")


DTYPES = ["bool", "uint8", "int8", "int16", "int32", "int64", "float16", "bfloat16", "float32", "float64", "complex64", "complex128"]


@pytest.mark.parametrize("name", DTYPES)
def test_make_tensor(name):
    dtype = getattr(rl, name)
    made = rl.testing.make_tensor(40, 5, dtype=dtype, device="cpu")
    assert made.shape == (40, 5) and made.dtype == dtype
    values = made.to(rl.complex128 if "complex" in name else rl.float64).numpy()
    assert numpy.abs(values.real).max() <= 9 and len(numpy.unique(values)) > 1
    gaps = rl.testing.make_tensor((3, 4), dtype=dtype, device="cpu", noncontiguous=True)
    assert not gaps.is_contiguous() and gaps.shape == (3, 4)
    assert bool((rl.testing.make_tensor(200, dtype=dtype, device="cpu", exclude_zero=True) != 0).all())


@pytest.mark.parametrize("name", DTYPES)
def test_make_tensor_draws_as_torch(name):
    torch = pytest.importorskip("torch")
    values = []
    for library in (rl, torch):
        library.manual_seed(3)
        made = library.testing.make_tensor(7, 5, dtype=getattr(library, name), device="cpu")
        values.append(made.to(library.complex128 if "complex" in name else library.float64).numpy())
    numpy.testing.assert_array_equal(*values)


def test_make_tensor_refuses():
    with pytest.raises(ValueError, match="requires_grad=True"):
        rl.testing.make_tensor(2, dtype=rl.int64, requires_grad=True)
    with pytest.raises(ValueError, match="must be less than"):
        rl.testing.make_tensor(2, dtype=rl.float32, low=3, high=1)
    with pytest.raises(ValueError, match="NaN"):
        rl.testing.make_tensor(2, dtype=rl.float32, low=math.nan)
