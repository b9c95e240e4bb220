"""Parameters, buffers and their uninitialized forms, under rushlight and, where it is installed, torch."""

import copy
import pickle

import pytest


@pytest.fixture(params=["rushlight", "torch"])
def lib(request):
    return pytest.importorskip(request.param)


def test_parameter_is_a_leaf_of_its_own(lib):
    data = lib.ones(2)
    p = lib.nn.Parameter(data)
    assert isinstance(p, lib.Tensor) and type(p) is lib.nn.Parameter and p.requires_grad and p.is_leaf
    assert p.data_ptr() == data.data_ptr() and not data.requires_grad
    assert not lib.nn.Parameter(data, requires_grad=False).requires_grad
    assert lib.nn.Parameter().shape == (0,)
    assert type(p + 1) is lib.Tensor and type(p.data) is lib.Tensor and type(p.detach()) is lib.Tensor
    with lib.no_grad():
        assert lib.nn.Parameter(lib.ones(1)).requires_grad
    assert lib.nn.parameter.Parameter is lib.nn.Parameter


def test_parameter_of_integers_cannot_require_gradients(lib):
    with pytest.raises(RuntimeError, match="[Oo]nly Tensors of floating point"):
        lib.nn.Parameter(lib.ones(2, dtype=lib.int64))
    assert not lib.nn.Parameter(lib.ones(2, dtype=lib.int64), requires_grad=False).requires_grad


def test_parameter_prints_as_one(lib):
    assert repr(lib.nn.Parameter(lib.tensor([1.0, 2.0]))) == "Parameter containing:\ntensor([1., 2.], requires_grad=True)"


def test_parameter_copies(lib):
    p = lib.nn.Parameter(lib.tensor([1.0, 2.0]), requires_grad=False)
    p.note = "kept"
    for twin in (copy.deepcopy(p), pickle.loads(pickle.dumps(p))):
        assert type(twin) is lib.nn.Parameter and not twin.requires_grad and twin.tolist() == [1.0, 2.0]
        assert twin.data_ptr() != p.data_ptr()
    assert pickle.loads(pickle.dumps(p)).note == "kept" and not hasattr(copy.deepcopy(p), "note")
    a, b = copy.deepcopy([p, p])
    assert a is b


def test_parameter_subclass(lib):
    class Named(lib.nn.Parameter):
        pass

    n = Named(lib.ones(2))
    assert type(n) is Named and isinstance(n, lib.nn.Parameter) and n.requires_grad
    module = lib.nn.Module()
    module.n = n
    assert module._parameters["n"] is n


def test_buffer(lib):
    b = lib.nn.Buffer(lib.ones(2), persistent=False)
    assert type(b) is lib.Tensor and isinstance(b, lib.nn.Buffer) and not b.persistent
    assert not isinstance(lib.ones(1), lib.nn.Buffer) and issubclass(lib.nn.Buffer, lib.Tensor)
    assert lib.nn.Buffer().shape == (0,)


def test_uninitialized_parameter(lib):
    u = lib.nn.UninitializedParameter(dtype=lib.float64)
    assert repr(u) == "<UninitializedParameter>" and lib.nn.parameter.is_lazy(u) and isinstance(u, lib.nn.Parameter)
    assert u.requires_grad and u.dtype == lib.float64
    with pytest.raises(RuntimeError, match="Can't access the shape of an uninitialized parameter or buffer"):
        u.shape
    with pytest.raises(RuntimeError, match="Can't share memory on an uninitialized parameter or buffer"):
        u.share_memory_()
    for use in (lambda: u + 1, lambda: lib.add(u, u), lambda: u.sum(), lambda: u @ u):
        with pytest.raises(ValueError, match="Attempted to use an uninitialized parameter in"):
            use()
    twin = copy.deepcopy(u)
    assert type(twin) is lib.nn.UninitializedParameter and twin is not u
    assert type(pickle.loads(pickle.dumps(u))) is lib.nn.UninitializedParameter
    same = u
    u.materialize((2, 3))
    assert u is same and type(u) is lib.nn.Parameter and u.shape == (2, 3) and u.dtype == lib.float64 and u.requires_grad
    assert not lib.nn.parameter.is_lazy(u)


def test_uninitialized_buffer(lib):
    u = lib.nn.UninitializedBuffer()
    assert repr(u) == "<UninitializedBuffer>" and not u.requires_grad and isinstance(u, lib.nn.Buffer)
    u.materialize((4,), dtype=lib.float64)
    assert type(u) is lib.Tensor and u.shape == (4,) and u.dtype == lib.float64


def test_module_converts_lazy_parameters(lib):
    module = lib.nn.Module()
    module.w = lib.nn.UninitializedParameter()
    assert module.double().w.dtype == lib.float64 and lib.nn.parameter.is_lazy(module.w)


def test_lazy_linear(lib):
    layer = lib.nn.LazyLinear(3)
    assert repr(layer) == "LazyLinear(in_features=0, out_features=3, bias=True)"
    state = layer.state_dict()
    assert lib.nn.parameter.is_lazy(state["weight"])
    assert layer(lib.ones(2, 5)).shape == (2, 3)
    assert type(layer) is lib.nn.Linear and layer.weight.shape == (3, 5) and layer.in_features == 5
    other = lib.nn.LazyLinear(3)
    other.load_state_dict(layer.state_dict())
    assert other.weight.shape == (3, 5) and other.weight.tolist() == layer.weight.tolist()
    third = lib.nn.LazyLinear(3)
    third.load_state_dict(lib.nn.LazyLinear(3).state_dict())
    assert lib.nn.parameter.is_lazy(third.weight)
    with pytest.raises(RuntimeError, match="Can't access the shape of an uninitialized parameter or buffer"):
        layer.load_state_dict(lib.nn.LazyLinear(3).state_dict())
