"""Keywords and signatures: what torch's documentation writes, what torch's parser takes, and that both are true here."""

import inspect
import pickle
import warnings

import numpy
import pytest
import rushlight as rl
from rushlight import _documented

torch = pytest.importorskip("torch")


def both(*shape, seed=0, low=0.5):
    array = numpy.random.default_rng(seed).random(shape) + low
    return rl.from_numpy(array), torch.from_numpy(array)


def same(ours, theirs):
    if isinstance(theirs, tuple):
        assert len(ours) == len(theirs)
        for a, b in zip(ours, theirs):
            same(a, b)
    else:
        assert str(ours.dtype).split(".")[1] == str(theirs.dtype).split(".")[1]
        numpy.testing.assert_allclose(ours.numpy(), theirs.numpy(), rtol=1e-6 if theirs.dtype == torch.float32 else 1e-12)      # the order of sums differs


# Each: the documented call, here; what torch's parser takes for it, in both.

DOCUMENTED = [
    ("x.mul(value=2)", "x.mul(other=2)"), ("x.clone().mul_(value=y)", "x.clone().mul_(other=y)"), ("x.multiply(value=2)", "x.multiply(other=2)"),
    ("x.div(value=2, rounding_mode='floor')", "x.div(other=2, rounding_mode='floor')"), ("x.clone().divide_(value=y)", "x.clone().divide_(y)"),
    ("x.true_divide(value=2)", "x.true_divide(other=2)"), ("x.floor_divide(value=2)", "x.floor_divide(other=2)"),
    ("x.fmod(divisor=0.3)", "x.fmod(other=0.3)"), ("x.clone().remainder_(divisor=y)", "x.clone().remainder_(other=y)"),
    ("x.matmul(tensor2=y)", "x.matmul(other=y)"), ("b.bmm(batch2=b)", "b.bmm(mat2=b)"), ("v.dot(other=v)", "v.dot(tensor=v)"),
    ("x.take(indices=i)", "x.take(index=i)"), ("x.masked_scatter(x > 1, tensor=y)", "x.masked_scatter(x > 1, source=y)"),
    ("x.index_copy(0, i, tensor2=y[:2])", "x.index_copy(0, i, source=y[:2])"), ("x.clone().index_copy_(0, i, tensor=y[:2])", "x.clone().index_copy_(0, i, source=y[:2])"),
    ("x.narrow(dimension=0, start=1, length=2)", "x.narrow(dim=0, start=1, length=2)"), ("x.narrow_copy(dimension=1, start=0, length=1)", "x.narrow_copy(dim=1, start=0, length=1)"),
    ("x.hsplit(split_size_or_sections=3)", "x.hsplit(sections=3)"), ("x.vsplit(split_size_or_sections=(1, 2))", "x.vsplit(indices=(1, 2))"),
    ("b.dsplit(split_size_or_sections=3)", "b.dsplit(sections=3)"),
    ("x.topk(2, dim=None, largest=False)", "x.topk(2, largest=False)"), ("x.topk(2, None, False)", "x.topk(2, -1, False)"),
    ("x.kthvalue(1, None, True)", "x.kthvalue(1, -1, True)"), ("x.mode(None)", "x.mode()"), ("x.mode(dim=None, keepdim=True)", "x.mode(keepdim=True)"),
    ("x.sum(0, False, D.float32)", "x.sum(0, False, dtype=D.float32)"), ("x.nansum(0, True, D.float32)", "x.nansum(0, True, dtype=D.float32)"),
    ("x.prod(1, False, D.float32)", "x.prod(1, False, dtype=D.float32)"), ("x.prod(None)", "x.prod()"), ("x.sum(dim=None, keepdim=True)", "x.sum(dim=None, keepdim=True)"),
    ("x.cumsum(0, D.float32)", "x.cumsum(0, dtype=D.float32)"), ("x.clone().cumprod_(1, D.float64)", "x.clone().cumprod_(1, dtype=D.float64)"),
    ("x.type_as(tensor=i)", "x.type_as(other=i)"), ("x.clone().copy_(src=y)", "x.clone().copy_(other=y)"), ("x.round(1)", "x.round(decimals=1)"), ("x.clone().round_(2)", "x.clone().round_(decimals=2)"), ("x.t().contiguous(D.contiguous_format)", "x.t().contiguous()"),
    ("D.hsplit(x, indices_or_sections=(1,))", "D.hsplit(x, indices=(1,))"), ("D.vsplit(input=x, indices_or_sections=3)", "D.vsplit(x, sections=3)"),
    ("D.concatenate([x, y], axis=1)", "D.concatenate([x, y], dim=1)"), ("D.concatenate([x, y], 1, None)", "D.concatenate([x, y], axis=1)"),
    ("D.cholesky_solve(B=y, L=x.tril())", "D.cholesky_solve(y, input2=x.tril())"), ("D.cholesky_inverse(L=x.tril())", "D.cholesky_inverse(input=x.tril())"),
    ("D.kthvalue(x, 1, None)", "D.kthvalue(x, 1)"), ("D.topk(x, 1, None, False)", "D.topk(x, 1, largest=False)"),
    ("D.searchsorted(v.sort().values, values=x)", "D.searchsorted(v.sort().values, input=x)"), ("D.true_divide(dividend=x, divisor=y)", "D.true_divide(x, other=y)"),
    ("D.unsafe_split(tensor=x, split_size_or_sections=2)", "D.unsafe_split(x, split_size=2)"), ("D.nn.functional.gelu(x, 'tanh')", "D.nn.functional.gelu(x, approximate='tanh')"),
    ("D.orgqr(x, tau=v[:2])", "D.orgqr(x, input2=v[:2])"), ("D.ormqr(x, tau=v, other=y)", "D.ormqr(x, input2=v, input3=y)"),
]


@pytest.mark.parametrize("documented, parsed", DOCUMENTED, ids=[d for d, _ in DOCUMENTED])
def test_documented_calls(documented, parsed):
    (x, their_x), (y, their_y), (b, their_b), (v, their_v) = both(3, 3), both(3, 3, seed=1), both(2, 3, 3), both(3)
    ours = {"D": rl, "x": x, "y": y, "b": b, "v": v, "i": rl.tensor([0, 2])}
    theirs = {"D": torch, "x": their_x, "y": their_y, "b": their_b, "v": their_v, "i": torch.tensor([0, 2])}
    expected = eval(parsed, theirs)
    same(eval(parsed, ours), expected)
    same(eval(documented, ours), expected)


@pytest.mark.parametrize("method", [False, True])
def test_documented_forms_are_shown_and_bind_what_they_show(method):
    for name, text in _documented._FORMS[method].items():
        owner = rl.Tensor if method else rl if hasattr(rl, name) else rl.nn.functional
        shown = inspect.signature(getattr(owner, name))
        assert list(shown.parameters)[method:] == [p.split("=")[0].strip() for p in text[1:-1].split(",") if p.strip() != "*"]


@pytest.mark.parametrize("call", ["x.mul(valeu=2)", "x.mul()", "x.mul(value='a')", "x.mul(2, value=2)", "x.topk('a', None)", "x.narrow(dimension=0)", "x.sum(0, False, 1, 2)", "x.hsplit(pieces=2)"])
def test_calls_that_fit_no_form_are_type_errors(call):
    with pytest.raises(TypeError):
        eval(call, {"x": rl.ones(2, 2)})


def test_documented_forms_reach_torch_function():
    class Told(rl.Tensor):
        @classmethod
        def __torch_function__(cls, func, types, args=(), kwargs=None):
            return func.__name__, len(args), dict(kwargs or {})

    told = rl.ones(2).as_subclass(Told)
    assert told.mul(value=2) == ("mul", 1, {"value": 2}) or told.mul(value=2) == ("mul", 2, {})


def test_defaults_that_are_shown_may_be_passed():
    x = rl.rand(2, 3)
    assert x.amax(dim=None).item() == x.max().item() and rl.amin(x, dim=None, keepdim=True).shape == (1, 1)
    assert rl.roll(rl.arange(4), 1, dims=None).tolist() == torch.roll(torch.arange(4), 1, dims=None).tolist()
    assert inspect.signature(rl.randperm).parameters["dtype"].default is rl.int64 and rl.randperm(3, dtype=None).dtype is rl.int64
    assert x.to_dense(masked_grad=True) is not None and inspect.signature(rl.Tensor.to_dense).parameters["masked_grad"].default is True
    assert inspect.signature(rl.save).parameters["pickle_module"].default is pickle


def test_result_type_by_name():
    x = rl.ones(2, dtype=rl.int32)
    assert rl.result_type(tensor=x, other=1.5) is rl.float32 and rl.result_type(scalar=1, tensor=x) is rl.int32
    assert rl.result_type(scalar1=1, scalar2=2.0) is rl.float32 and rl.result_type(tensor1=x, tensor2=x) is rl.int32
    with pytest.raises(TypeError, match="unexpected keyword argument 'third'"):
        rl.result_type(x, third=x)
    with pytest.raises(TypeError):
        rl.result_type(x)


# asarray, DLPack


@pytest.mark.parametrize("wanted", [None, True, False])
@pytest.mark.parametrize("more", [{}, {"copy": True}, {"dtype": "float64"}])
def test_asarray_takes_over_what_requires_grad_says(wanted, more):
    def state(library, leaf):
        source = library.ones(2, requires_grad=True)
        source = source if leaf else source * 2
        options = {key: getattr(library, value) if key == "dtype" else value for key, value in more.items()}
        result = library.asarray(source, requires_grad=wanted, **options)
        return result.requires_grad, result.grad_fn is None, result.data_ptr() == source.data_ptr()

    for leaf in (True, False):
        assert state(rl, leaf) == state(torch, leaf)


def test_asarray_inherits_requires_grad():
    x = rl.ones(2, requires_grad=True)
    assert rl.asarray(x) is x and rl.asarray(x * 2).grad_fn is not None


def test_from_dlpack_copies_on_request():
    array = numpy.arange(3.0)
    assert rl.from_dlpack(array).data_ptr() == array.ctypes.data == rl.from_dlpack(array, device="cpu", copy=False).data_ptr()
    assert rl.from_dlpack(array, copy=True).data_ptr() != array.ctypes.data
    x = rl.rand(3)
    copy = rl.utils.dlpack.from_dlpack(x, copy=True)
    assert copy.data_ptr() != x.data_ptr() and copy.tolist() == x.tolist()
    assert rl.from_dlpack(torch.ones(2), copy=True).tolist() == [1, 1]
    with pytest.raises(AssertionError, match="already a DLPack capsule"):
        rl.from_dlpack(x.__dlpack__(), copy=True)
    assert rl.utils.dlpack.DLDeviceType.kDLCPU == 1


# Storages by class


def test_storages_take_what_torch_takes():
    x = rl.ones(2)
    storage = rl.FloatStorage(wrap_storage=x.untyped_storage())
    storage[0] = 5
    assert x.tolist() == [5, 1]
    assert rl.TypedStorage([1, 2], dtype=rl.int16, device="cpu").tolist() == [1, 2] and len(rl.LongStorage()) == 0
    assert rl.TypedStorage(wrap_storage=x.untyped_storage(), dtype=rl.float32).tolist() == [5, 1]


@pytest.mark.parametrize("call, error", [
    ("FloatStorage(3, dtype=D.float32)", "Keyword argument 'dtype' cannot be specified"), ("FloatStorage(1, 2)", "Too many positional arguments"),
    ("FloatStorage({})", "Argument type not recognized"), ("TypedStorage(wrap_storage=3, dtype=D.int8)", "Argument 'wrap_storage' must be UntypedStorage"),
    ("TypedStorage(wrap_storage=D.UntypedStorage(4))", "Argument 'dtype' must be specified"), ("LongStorage(1, wrap_storage=D.UntypedStorage(8))", "No positional arguments should be given"),
])
def test_storages_refuse_what_torch_refuses(call, error):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        with pytest.raises((TypeError, RuntimeError), match=error) as theirs:
            eval(f"D.{call}", {"D": torch})
    with pytest.raises(theirs.type, match=error):
        eval(f"D.{call}", {"D": rl})


# grad_dtype, volatile, chalf


def gradient(library, wanted, made="x * 3"):
    x = library.ones(2, requires_grad=True)
    x.grad_dtype = None if wanted is None else getattr(library, wanted)
    eval(made, {"x": x, "D": library}).sum().backward()
    eval(made, {"x": x, "D": library}).sum().backward()
    return str(x.grad.dtype).split(".")[1], x.grad.tolist()


@pytest.mark.parametrize("wanted", ["float16", "bfloat16", "float32", "float64", None])
@pytest.mark.parametrize("made", ["x * 3", "x * D.ones(2, dtype=D.float64)", "x.double() * 3"])
def test_grad_dtype(wanted, made):
    assert gradient(rl, wanted, made) == gradient(torch, wanted, made)


def test_grad_dtype_is_checked():
    x = rl.ones(2, requires_grad=True)
    assert x.grad_dtype is rl.float32 and x.detach().grad_dtype is rl.float32
    for result in (lambda: (x * 2).grad_dtype, lambda: setattr(x * 2, "grad_dtype", rl.float16)):
        with pytest.raises(RuntimeError, match="on leaf tensors"):
            result()
    x.grad_dtype = rl.float16
    with pytest.raises(RuntimeError, match="attempting to assign a gradient with dtype"):
        x.grad = rl.ones(2)
    x.grad = rl.ones(2, dtype=rl.float16)
    with pytest.raises(RuntimeError, match="there is already a gradient with dtype"):
        x.grad_dtype = rl.float64
    with pytest.raises(RuntimeError, match="must be a torch.dtype or None, but got int"):
        x.grad_dtype = 3
    x.grad = None
    grad, = rl.autograd.grad((x * 3).sum(), x)
    assert grad.dtype is rl.float16
    x.grad_dtype = rl.float64
    (x * 3).sum().backward(create_graph=True)
    assert x.grad.dtype is rl.float64


def test_volatile_is_false():
    x = rl.ones(2)
    with pytest.warns(UserWarning, match="volatile was removed"):
        assert x.volatile is False
    with pytest.warns(UserWarning, match="now has no effect"):
        x.volatile = True


def test_chalf_says_what_to_use():
    with pytest.raises(NotImplementedError, match="cfloat"):
        rl.ones(2).chalf()
