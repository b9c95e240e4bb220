"""The Tensor type and its neighbours: making, asking, converting, protocols, subclasses, callables, NumPy and back."""

import copy
import inspect
import operator
import pickle

import numpy as np
import pytest

import rushlight as rl
from rushlight import nn

DTYPES = [rl.bool, rl.uint8, rl.int8, rl.int16, rl.int32, rl.int64, rl.float16, rl.bfloat16, rl.float32, rl.float64, rl.complex64, rl.complex128]

# ---- making --------------------------------------------------------------------------------------------------------------

DATA = ["1", "2.5", "True", "1j", "[]", "[[]]", "[1, 2]", "[1, 2.5]", "[True, 2]", "[True, False]", "[1, 2j]", "[[1, 2], [3, 4]]", "range(3)", "(1, 2)",
        "np.float32(2)", "np.float64(2)", "[np.float64(2)]", "[np.int32(2)]", "[np.float32(2), 1]", "np.array(2, dtype=np.int16)",
        "[np.arange(3), np.arange(3)]", "np.ones((2, 2))", "[torch.tensor(1), 2.5]", "[2.0 ** 70]"]
BAD_DATA = ["'a'", "['a']", "[1, 'a']", "[[1, 2], [3]]", "[[1, 2], 3]", "None", "{}", "{1, 2}", "(i for i in [1])", "2 ** 63", "np.array(['a'])",
            "np.arange(3)[::-1]", "[torch.ones(2), torch.ones(2)]"]


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("text", DATA)
def test_tensor_infers_what_torch_infers(text):
    torch = pytest.importorskip("torch")
    mine, theirs = (eval(f"torch.tensor({text})", {"torch": lib, "np": np}) for lib in (rl, torch))
    assert (tuple(mine.shape), str(mine.dtype).split(".")[1], mine.tolist()) == (tuple(theirs.shape), str(theirs.dtype).split(".")[1], theirs.tolist())


@pytest.mark.parametrize("text", BAD_DATA)
def test_tensor_refuses_what_torch_refuses(text):
    torch = pytest.importorskip("torch")
    with pytest.raises(Exception) as theirs:
        eval(f"torch.tensor({text})", {"torch": torch, "np": np})
    with pytest.raises(type(theirs.value)):
        eval(f"torch.tensor({text})", {"torch": rl, "np": np})


@pytest.mark.parametrize("dtype", DTYPES, ids=str)
def test_tensor_in_every_dtype_and_back(dtype):
    x = rl.tensor([[0, 1], [1, 0]], dtype=dtype)
    assert x.dtype == dtype and x.tolist() == [[0, 1], [1, 0]] and x[0, 1].item() == 1
    assert rl.tensor(x.tolist()).shape == (2, 2)


@pytest.mark.parametrize("value, dtype", [(300, rl.uint8), (2**40, rl.int32), (float("nan"), rl.int64), (1e30, rl.int64)])
def test_numbers_that_do_not_fit(value, dtype):
    with pytest.raises(RuntimeError, match="without overflow"):
        rl.tensor([value], dtype=dtype)


def test_complex_is_not_real():
    with pytest.raises(TypeError, match="must be real number, not complex"):
        rl.tensor([1j], dtype=rl.float32)


def test_requires_grad_of_new_tensors():
    assert rl.tensor([1.0], requires_grad=True).requires_grad and rl.zeros(2, requires_grad=True).requires_grad
    with pytest.raises(RuntimeError, match="floating point"):
        rl.tensor([1], requires_grad=True)


def test_old_constructor():
    assert rl.Tensor([1, 2]).dtype == rl.float32 and rl.Tensor(2, 3).shape == (2, 3) and rl.Tensor().shape == (0,)
    assert rl.LongTensor([1, 2]).dtype == rl.int64 and isinstance(rl.tensor(1), rl.LongTensor)
    with pytest.raises(TypeError, match="data must be a sequence"):
        rl.Tensor(1.5)


# ---- NumPy, buffers, DLPack ----------------------------------------------------------------------------------------------


def test_numpy_shares_memory_both_ways():
    a = np.arange(6.0).reshape(2, 3)
    x = rl.from_numpy(a)
    x[0, 0] = 9
    assert a[0, 0] == 9 and rl.as_tensor(a).data_ptr() == x.data_ptr() == a.ctypes.data
    b = x.t().numpy()
    b[2, 1] = -1
    assert x[1, 2] == -1 and b.strides == (8, 24)
    assert np.asarray(x).dtype == np.float64 and np.array(x, dtype=np.float32).dtype == np.float32


def test_arithmetic_with_numpy():
    x = rl.ones(3)
    assert (x + np.ones(3)).dtype == rl.float64
    for y in (np.float64(2) * x, x * np.float64(2), np.float32(2) + x):
        assert isinstance(y, rl.Tensor) and y.dtype == rl.float32
    assert isinstance(np.sin(x), rl.Tensor)


def test_numpy_refusals():
    with pytest.raises(RuntimeError, match="Can't call numpy\\(\\) on Tensor that requires grad"):
        rl.ones(2, requires_grad=True).numpy()
    assert rl.ones(2, requires_grad=True).numpy(force=True).tolist() == [1, 1]
    with pytest.raises(TypeError, match="BFloat16"):
        rl.ones(2, dtype=rl.bfloat16).numpy()
    with pytest.raises(ValueError, match="strides in the given numpy array|stride in the given numpy array"):
        rl.from_numpy(np.arange(3)[::-1])
    with pytest.raises(TypeError, match="can't convert np.ndarray of type numpy.str_"):
        rl.from_numpy(np.array(["a"]))
    with pytest.raises(ValueError, match="byte order"):
        rl.from_numpy(np.arange(3).astype(">i4"))
    with pytest.raises(TypeError, match="expected np.ndarray"):
        rl.from_numpy(3)


def test_array_keeps_memory_in_place():
    x = rl.ones(2)
    array = x.numpy()
    with pytest.raises(RuntimeError, match="not resizable"):
        x.resize_(1000)
    assert array.tolist() == [1, 1]


def test_buffer_and_dlpack():
    x = rl.arange(6).reshape(2, 3)
    view = memoryview(x)
    assert view.shape == (2, 3) and view.format == "q" and view.tolist() == x.tolist()
    y = rl.frombuffer(bytearray(b"abcdefgh"), dtype=rl.int32, offset=4)
    assert y.tolist() == [1751606885]
    with pytest.raises(ValueError, match="multiple of element size"):
        rl.frombuffer(bytearray(9), dtype=rl.int32)
    z = rl.from_dlpack(np.arange(4.0))
    assert z.tolist() == [0, 1, 2, 3] and np.from_dlpack(x).tolist() == x.tolist() and x.__dlpack_device__() == (1, 0)
    capsule = x.__dlpack__()
    assert rl.from_dlpack(capsule).data_ptr() == x.data_ptr()
    with pytest.raises(RuntimeError, match="consumed only once"):
        rl.from_dlpack(capsule)
    with pytest.raises(BufferError):
        rl.ones(2, requires_grad=True).__dlpack__()


# ---- asking --------------------------------------------------------------------------------------------------------------


def test_what_a_tensor_says_about_itself():
    x = rl.zeros(2, 3, 4)
    assert x.shape == x.size() == rl.Size([2, 3, 4]) and x.size(-1) == 4 and x.stride() == (12, 4, 1) and x.stride(0) == 12
    assert x.dim() == x.ndim == 3 and x.numel() == x.nelement() == 24 and x.element_size() == 4 and x.nbytes == 96
    assert x.device == rl.device("cpu") and x.layout is rl.strided and not x.is_cuda and x.is_contiguous()
    assert x.T.shape == (4, 3, 2) and x.mT.shape == (2, 4, 3) and x.storage_offset() == 0 and x[1].storage_offset() == 12
    assert x.untyped_storage().nbytes() == 96 and x[1].untyped_storage() == x.untyped_storage()
    assert rl.zeros(1, 2, 3, 4).contiguous(memory_format=rl.channels_last).is_contiguous(memory_format=rl.channels_last)
    with pytest.raises(IndexError, match="Dimension out of range"):
        x.size(5)
    with pytest.raises(AttributeError, match="'Tensor' object has no attribute 'nonsense'"):
        x.nonsense


@pytest.mark.parametrize("action, error, text", [
    (lambda x: bool(x), RuntimeError, "ambiguous"), (lambda x: int(x), ValueError, "only one element tensors"), (lambda x: x.item(), RuntimeError, "cannot be converted to Scalar"),
    (lambda x: operator.index(rl.tensor(1.5)), TypeError, "only integer tensors"), (lambda x: len(rl.tensor(1)), TypeError, "len\\(\\) of a 0-d tensor"),
    (lambda x: iter(rl.tensor(1)), TypeError, "iteration over a 0-d tensor"), (lambda x: "a" in x, RuntimeError, "only supports Tensor or scalar"),
    (lambda x: x + "a", TypeError, "unsupported operand"), (lambda x: x + None, TypeError, "unsupported operand"), (lambda x: x < "a", TypeError, "not supported"),
])
def test_protocol_errors(action, error, text):
    with pytest.raises(error, match=text):
        action(rl.ones(2, 3))


def test_protocols():
    x = rl.tensor([1.0, 2.0])
    assert [v.item() for v in x] == [1, 2] and 2 in x and 3 not in x and float(x[1]) == 2 and int(x[1]) == 2 and complex(x[1]) == 2
    assert [0, 1, 2][rl.tensor(2)] == 2 and hash(x) == hash(x)
    assert (2 ** x).tolist() == [2, 4] and (1 - x).tolist() == [0, -1] and (3 / x).tolist() == [3, 1.5] and (7 // x).tolist() == [7, 3]
    assert (x @ x).item() == 5 and (-x).tolist() == [-1, -2] and abs(-x).tolist() == [1, 2] and (~rl.tensor([True])).item() is False
    y = x
    y += 1
    y *= 2
    assert y is x and x.tolist() == [4, 6]
    assert (x == "a") is False and (x != None) is True  # noqa: E711


@pytest.mark.parametrize("dtype", DTYPES, ids=str)
def test_conversions(dtype):
    x = rl.tensor([0.0, 1.0])
    assert x.to(dtype).dtype == dtype and x.to("cpu", dtype).dtype == dtype and x.type(dtype).dtype == dtype and x.to(rl.zeros(1, dtype=dtype)).dtype == dtype
    assert x.to(x.dtype) is x and x.to(x.dtype, copy=True) is not x and x.float() is x and x.cpu() is x
    assert x.type() == "torch.FloatTensor" and x.type("torch.DoubleTensor").dtype == rl.float64
    with pytest.raises(AssertionError, match="CUDA"):
        x.to("cuda")
    with pytest.raises(TypeError, match="invalid combination"):
        x.to(rl.contiguous_format.__class__)


# ---- small types ---------------------------------------------------------------------------------------------------------


def test_small_types():
    assert repr(rl.float32) == "rushlight.float32" and rl.float32 is rl.float and rl.float32.itemsize == 4 and rl.complex64.is_complex
    assert repr(rl.device("cuda:1")) == "device(type='cuda', index=1)" and str(rl.device("cuda", 1)) == "cuda:1" and rl.device("cpu") == rl.device("cpu")
    size = rl.Size([2, 3])
    assert repr(size) == "rushlight.Size([2, 3])" and size.numel() == 6 and isinstance(size[1:], rl.Size) and isinstance(size + (1,), rl.Size) and size == (2, 3)
    with pytest.raises(TypeError, match="iterable of 'int'"):
        rl.Size([1.5])
    with pytest.raises(RuntimeError, match="Expected one of cpu"):
        rl.device("teapot")
    assert rl.finfo(rl.float32).eps == 2.0 ** -23 and rl.iinfo(rl.int8).max == 127
    with pytest.raises(TypeError, match="floating point"):
        rl.finfo(rl.int8)


@pytest.mark.parametrize("value", [rl.float32, rl.strided, rl.contiguous_format, rl.device("cpu"), rl.Size([1, 2]), rl.relu, rl.Tensor.add, rl.Tensor.add_], ids=str)
def test_values_pickle_and_copy(value):
    again = pickle.loads(pickle.dumps(value))
    assert again is value or again == value
    assert copy.deepcopy(value) == value and copy.copy(value) == value


def test_generator():
    g = rl.Generator().manual_seed(5)
    a = rl.rand(3, generator=g)
    state = g.get_state()
    b = rl.rand(3, generator=g)
    assert g.initial_seed() == 5 and rl.rand(3, generator=g.manual_seed(5)).tolist() == a.tolist()
    assert rl.rand(3, generator=g.set_state(state)).tolist() == b.tolist()
    other = pickle.loads(pickle.dumps(g.manual_seed(5)))
    assert rl.rand(3, generator=other).tolist() == a.tolist()


def test_named_tuples():
    r = rl.max(rl.tensor([[1.0, 2.0]]), 1)
    assert type(r).__name__ == "max" and r.values.item() == 2 and r[1].item() == 1
    values, indices = r
    assert repr(r).startswith("rushlight.return_types.max(\nvalues=tensor([2.]),\nindices=")


# ---- copies, pickles, subclasses -----------------------------------------------------------------------------------------


def test_pickle_keeps_sharing_and_flags():
    x = rl.arange(6.0).reshape(2, 3).requires_grad_()
    again, view = pickle.loads(pickle.dumps((x, x.detach()[1])))
    assert again.requires_grad and again.tolist() == x.tolist() and view.tolist() == [3, 4, 5]
    one, two = copy.deepcopy([x.detach(), x.detach()[1]])
    one[1, 0] = 9
    assert two[0] == 9, "deepcopy keeps shared memory shared"
    with pytest.raises(RuntimeError, match="graph leaves"):
        copy.deepcopy(x * 2)


def test_parameter():
    p = nn.Parameter(rl.ones(2))
    assert isinstance(p, rl.Tensor) and type(p * 1) is rl.Tensor and p.requires_grad and type(p.data) is rl.Tensor
    assert repr(p) == "Parameter containing:\ntensor([1., 1.], requires_grad=True)"
    assert not nn.Parameter(rl.ones(1), requires_grad=False).requires_grad
    assert type(pickle.loads(pickle.dumps(p))) is nn.Parameter


class Tagged(rl.Tensor):
    pass


class Logged(rl.Tensor):
    calls = []

    @classmethod
    def __torch_function__(cls, func, types, args=(), kwargs=None):
        cls.calls.append(func.__name__)
        return super().__torch_function__(func, types, args, kwargs or {})


class Duck:
    """No tensor, but it knows what to do in a tensor's place."""

    @classmethod
    def __torch_function__(cls, func, types, args=(), kwargs=None):
        return func.__name__, [t.__name__ for t in types]


def test_subclass_results_keep_the_subclass():
    x = rl.ones(2, 2).as_subclass(Tagged)
    assert type(x + 1) is type(1 + x) is type(x[0]) is type(rl.mm(x, rl.ones(2, 2))) is type(x.t()) is Tagged
    assert [type(t) for t in x.unbind()] == [Tagged, Tagged] and type(Tagged([1, 2])) is Tagged
    y = rl.ones(2, requires_grad=True)
    z = y.as_subclass(Tagged)
    (z * 2).sum().backward()
    assert y.grad.tolist() == [2, 2]


def test_torch_function_is_asked():
    x = rl.ones(2, 2).as_subclass(Logged)
    Logged.calls.clear()
    rl.mm(x, x)
    x + 1
    x.add_(1)
    x[0]
    assert Logged.calls == ["mm", "add", "add_", "__getitem__"]
    assert rl.add(rl.ones(2), Duck()) == ("add", ["Duck"]) and rl.cat([rl.ones(1), Duck()]) == ("cat", ["Duck"])


# ---- callables -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("call, text", [
    ("rl.relu()", 'relu() missing 1 required positional arguments: "input"'), ("rl.relu(3)", "relu(): argument 'input' (position 1) must be Tensor, not int"),
    ("rl.relu(x, foo=1)", "relu() got an unexpected keyword argument 'foo'"), ("rl.relu(x, 1)", "relu() takes 1 positional argument but 2 were given"),
    ("rl.cat(x)", "cat(): argument 'tensors' (position 1) must be tuple of Tensors, not Tensor"), ("rl.cat([x, 1])", "expected Tensor as element 1 in argument 0, but got int"),
    ("rl.zeros(2, 'a')", "zeros(): argument 'size' failed to unpack the object at pos 2"), ("x.mm(3)", "mm(): argument 'mat2' (position 1) must be Tensor, not int"),
    ("rl.mm(x, x, input=x)", "mm() got multiple values for argument 'input'"), ("rl.mm(x, x, out=3)", "argument 'out' must be Tensor, not int"),
])
def test_bad_calls_say_what_torch_says(call, text):
    x = rl.ones(2, 2)
    with pytest.raises(TypeError) as caught:
        eval(call, {"rl": rl, "x": x})
    assert text in str(caught.value)


def test_overloads_list_what_fits():
    with pytest.raises(TypeError) as caught:
        rl.max(rl.ones(2), "a")
    text = str(caught.value)
    assert "max() received an invalid combination of arguments - got (Tensor, str), but expected one of:" in text and text.count("\n * (") >= 3


def test_numpy_style_names():
    x = rl.ones(2, 3)
    assert x.sum(axis=0).shape == (3,) and x.sum(axis=1, keepdims=True).shape == (2, 1) and rl.add(x=x, other=1).shape == (2, 3)


def test_callables_describe_themselves():
    assert str(inspect.signature(rl.mm)) == "(input, mat2, *, out=None)"
    assert list(inspect.signature(rl.Tensor.mm).parameters) == ["self", "mat2"]
    assert rl.mm.__name__ == rl.Tensor.mm.__name__ == "mm" and "mm(input: Tensor" in rl.mm.__doc__
    assert inspect.isroutine(rl.mm) and rl.mm.__module__ == "rushlight"


def test_absent_names_name_their_neighbours():
    with pytest.raises(AttributeError, match="no attribute 'softmx'"):
        rl.softmx
    assert not hasattr(rl, "nonsense") and hasattr(rl, "nn")


def test_copy_takes_a_number():
    x = rl.zeros(2, requires_grad=True)
    y = x * 1
    assert y.copy_(3).tolist() == [3, 3] and rl.zeros(2, dtype=rl.int64).copy_(2.7).tolist() == [2, 2]
    y.sum().backward()
    assert x.grad.tolist() == [0, 0]


@pytest.mark.parametrize("name", ["maximum", "minimum", "fmax", "fmin"])
def test_complex_numbers_have_no_order(name):
    with pytest.raises(RuntimeError, match=f"{name} not implemented for complex tensors"):
        getattr(rl, name)(rl.tensor([1j]), rl.tensor([1j]))


def test_to_channels_last_orders_the_strides_even_where_sizes_of_one_leave_them_open():
    x = rl.empty(2, 1, 4, 5)
    for y in (x.to(memory_format=rl.channels_last), x.to(rl.float64, memory_format=rl.channels_last), x.clone(memory_format=rl.channels_last)):
        assert y.stride() == (20, 1, 5, 1)
    assert x.contiguous(memory_format=rl.channels_last) is x                # it is contiguous in either sense
    z = x.to(memory_format=rl.channels_last)
    assert z.to(memory_format=rl.channels_last) is z and z.to(memory_format=rl.contiguous_format).stride() == (20, 20, 5, 1)
    t = rl.empty(2, 3).t()
    assert t.to(memory_format=rl.contiguous_format) is t                    # not in channels-last: nothing to do


def test_dim_order_and_what_leaves_it_open():
    x = rl.empty(2, 3, 4, 5)
    assert x.dim_order() == (0, 1, 2, 3) and x.transpose(1, 2).dim_order() == (0, 2, 1, 3)
    assert x.to(memory_format=rl.channels_last).dim_order(ambiguity_check=True) == (0, 2, 3, 1)
    assert rl.empty(2, 1, 4, 5).to(memory_format=rl.channels_last).dim_order() == (0, 2, 3, 1)
    one = rl.empty(1, 2, 3, 4)
    assert one.dim_order(ambiguity_check=[rl.contiguous_format, rl.channels_last]) == (0, 1, 2, 3)
    for check in (True, [rl.channels_last]):
        with pytest.raises(RuntimeError, match="cannot map to exact one of the given memory formats"):
            one.dim_order(ambiguity_check=check)
    with pytest.raises(RuntimeError, match="unique dim order"):
        rl.empty(2, 3, 1).expand(2, 3, 4).dim_order(ambiguity_check=True)
    with pytest.raises(TypeError, match="bool or a list of memory formats"):
        one.dim_order(ambiguity_check="no")


def test_classes_with_torch_dispatch_are_refused():
    """They would be passed over silently."""
    class Asks(rl.Tensor):
        @classmethod
        def __torch_dispatch__(cls, func, types, args=(), kwargs=None):
            return func(*args, **(kwargs or {}))

    class AsksNot(rl.Tensor):
        __torch_dispatch__ = rl._C._disabled_torch_dispatch_impl

    x = rl.ones(2)
    for make in (lambda: rl.Tensor._make_wrapper_subclass(Asks, (2,), dtype=x.dtype), lambda: rl.Tensor._make_subclass(Asks, x), lambda: x.as_subclass(Asks), lambda: Asks(x), lambda: Asks([1, 2]),
                 lambda: AsksNot._make_wrapper_subclass(AsksNot, (2,))):
        with pytest.raises(NotImplementedError, match="__torch_dispatch__"):
            make()
    assert type(x.as_subclass(AsksNot) + 1) is AsksNot


def test_an_empty_storage_is_an_empty_tensor():
    """Files of tensors hold empty ones too."""
    storage = rl.ones(3).untyped_storage()
    empty = rl.asarray(storage[0:0], dtype=rl.uint8)
    assert empty.shape == (0,) and empty.dtype == rl.uint8 and empty.view(rl.float32).reshape(0, 3).shape == (0, 3)
    with pytest.raises(ValueError, match="must not be 0"):
        rl.asarray(bytearray(), dtype=rl.uint8)


def test_no_memory_format_is_that_of_the_tensor():
    x = rl.ones(2, 3).T
    assert x.clone(memory_format=None).stride() == (1, 3) and rl.empty_like(x, memory_format=None).stride() == (1, 3) and x.to(rl.float64, memory_format=None).stride() == (1, 3)
    assert x.double(memory_format=None).stride() == (1, 3)
