"""nn.Module's semantics, pinned as literal expectations and run under rushlight and, where it is installed, under torch.

A test that passes under one and fails under the other shows a difference between the two libraries.
"""

import copy
import gc
import pickle
import warnings
import weakref
from collections import OrderedDict

import pytest


@pytest.fixture(params=["rushlight", "torch"])
def lib(request):
    return pytest.importorskip(request.param)


def make_net(lib, bias=True):
    """One module of each kind of member: a parameter, two buffers (one unsaved), a child, a shared child."""
    nn = lib.nn

    class Leaf(nn.Module):
        def __init__(self):
            super().__init__()
            self.scale = nn.Parameter(lib.ones(2))

        def forward(self, x):
            return x * self.scale

    class Net(nn.Module):
        def __init__(self):
            super().__init__()
            self.weight = nn.Parameter(lib.full((2,), 3.0))
            self.register_parameter("bias", nn.Parameter(lib.zeros(2)) if bias else None)
            self.register_buffer("steps", lib.zeros((), dtype=lib.int64))
            self.register_buffer("cache", lib.ones(2), persistent=False)
            self.leaf = Leaf()
            self.again = self.leaf

        def forward(self, x, *, twice=False):
            y = self.leaf(x) * self.weight
            return y * 2 if twice else y

    return Net()


# ---- attributes ----

def test_members_are_found_as_attributes(lib):
    net = make_net(lib)
    assert net.weight is net._parameters["weight"]
    assert net.cache is net._buffers["cache"]
    assert net.leaf is net._modules["leaf"]
    assert "weight" not in net.__dict__ and "leaf" not in net.__dict__


def test_absent_attribute_names_class_and_attribute(lib):
    with pytest.raises(AttributeError, match="'Net' object has no attribute 'wieght'"):
        make_net(lib).wieght


def test_assignment_before_init_is_refused(lib):
    class Early(lib.nn.Module):
        def __init__(self, value):
            self.x = value

    with pytest.raises(AttributeError, match=r"cannot assign parameters before Module.__init__\(\) call"):
        Early(lib.nn.Parameter(lib.ones(1)))
    with pytest.raises(AttributeError, match=r"cannot assign module before Module.__init__\(\) call"):
        Early(lib.nn.Module())
    assert Early(3).x == 3


def test_reassignment_moves_between_registries(lib):
    net = make_net(lib)
    net.plain = 5
    net.plain = lib.nn.Parameter(lib.ones(1))
    assert "plain" in net._parameters and "plain" not in net.__dict__
    net.other = 5
    net.other = lib.nn.Module()
    assert "other" in net._modules and "other" not in net.__dict__
    net.other = None
    assert net._modules["other"] is None
    net.leaf = lib.nn.Parameter(lib.ones(1))
    assert "leaf" in net._parameters and "leaf" not in net._modules
    net.cache = lib.nn.Parameter(lib.ones(1))
    assert "cache" not in net._buffers and net._non_persistent_buffers_set == set()


def test_assignment_type_errors(lib):
    net = make_net(lib)
    with pytest.raises(TypeError, match=r"as parameter 'weight' \(torch.nn.Parameter or None expected\)"):
        net.weight = lib.ones(2)
    with pytest.raises(TypeError, match=r"cannot assign 'int' as child module 'leaf' \(torch.nn.Module or None expected\)"):
        net.leaf = 3
    with pytest.raises(TypeError, match="cannot assign 'int' as buffer 'cache'"):
        net.cache = 3
    net.cache = lib.zeros(2)
    assert net._buffers["cache"] is net.cache
    net.weight = None
    assert net._parameters["weight"] is None


def test_delete(lib):
    net = make_net(lib)
    del net.weight, net.cache, net.leaf, net.training
    assert "weight" not in net._parameters and "leaf" not in net._modules and not hasattr(net, "training")
    assert net._non_persistent_buffers_set == set()
    with pytest.raises(AttributeError):
        del net.weight


def test_plain_tensor_is_a_plain_attribute(lib):
    net = make_net(lib)
    net.last = lib.ones(2)
    assert "last" in net.__dict__ and "last" not in dict(net.named_buffers())


def test_buffer_class_registers(lib):
    net = make_net(lib)
    net.stat = lib.nn.Buffer(lib.ones(2))
    net.temp = lib.nn.Buffer(lib.ones(2), persistent=False)
    assert isinstance(net.stat, lib.nn.Buffer) and not isinstance(lib.ones(1), lib.nn.Buffer)
    assert "stat" in net.state_dict() and "temp" not in net.state_dict() and "temp" in dict(net.named_buffers())


def test_class_attribute_and_property_go_before_members(lib):
    class P(lib.nn.Module):
        here = "class"

        def __init__(self):
            super().__init__()
            self._parameters["here"] = lib.nn.Parameter(lib.ones(1))
            self.w = lib.nn.Parameter(lib.ones(1))

        @property
        def double(self):
            return self.w * 2

        @double.setter
        def double(self, value):
            self.seen = value

    p = P()
    p.double = 4
    assert p.here == "class" and p.double.item() == 2 and p.seen == 4


def test_property_that_raises_attribute_error_without_override(lib):
    class P(lib.nn.Module):
        @property
        def broken(self):
            return self.no_such_thing

    with pytest.raises(AttributeError):
        P().broken


def test_getattr_override_falls_back_to_members(lib):
    class Wrapper(lib.nn.Module):
        def __init__(self, module):
            super().__init__()
            self.module = module

        def __getattr__(self, name):
            try:
                return super().__getattr__(name)
            except AttributeError:
                return getattr(self.module, name)

    net = make_net(lib)
    wrapped = Wrapper(net)
    assert wrapped.module is net and wrapped.weight is net.weight
    with pytest.raises(AttributeError, match="nowhere"):
        wrapped.nowhere


def test_getattr_assigned_later(lib):
    class Late(lib.nn.Module):
        pass

    class Later(Late):
        pass

    m = Later()
    Late.__getattr__ = lambda self, name: "late:" + name
    assert m.thing == "late:thing"
    del Late.__getattr__
    with pytest.raises(AttributeError):
        m.thing


def test_getattribute_override(lib):
    class Spy(lib.nn.Module):
        def __getattribute__(self, name):
            if name == "secret":
                return 42
            return super().__getattribute__(name)

    s = Spy()
    s.w = lib.nn.Parameter(lib.ones(1))
    assert s.secret == 42 and s.w.item() == 1


def test_setattr_override_and_object_setattr(lib):
    class Log(lib.nn.Module):
        def __setattr__(self, name, value):
            self.__dict__.setdefault("log", []).append(name)
            super().__setattr__(name, value)

    m = Log()
    m.w = lib.nn.Parameter(lib.ones(1))
    object.__setattr__(m, "hidden", lib.nn.Module())
    assert m.log[-1] == "w"
    assert "w" in m._parameters and "hidden" not in m._modules


def test_dir_lists_members_without_numbers(lib):
    names = dir(make_net(lib))
    assert {"weight", "cache", "leaf", "forward"} <= set(names)
    assert names == sorted(names)
    assert "0" not in dir(lib.nn.Sequential(lib.nn.Module()))


# ---- registration ----

@pytest.mark.parametrize("method, word", [("register_parameter", "parameter"), ("register_buffer", "buffer"), ("add_module", "module")])
def test_registration_refuses_bad_names(lib, method, word):
    net = make_net(lib)
    register = getattr(net, method)
    with pytest.raises(TypeError, match=f"{word} name should be a string. Got int"):
        register(3, None)
    with pytest.raises(KeyError, match=word + r" name can.*contain"):
        register("a.b", None)
    with pytest.raises(KeyError, match=word + r" name can.*be empty string"):
        register("", None)
    with pytest.raises(KeyError, match="attribute 'forward' already exists"):
        register("forward", None)


def test_registration_refuses_wrong_types(lib):
    net = make_net(lib)
    with pytest.raises(TypeError, match=r"object to parameter 'p' \(torch.nn.Parameter or None required\)"):
        net.register_parameter("p", lib.ones(1))
    with pytest.raises(TypeError, match=r"cannot assign 'int' object to buffer 'p' \(torch Tensor or None required\)"):
        net.register_buffer("p", 3)
    with pytest.raises(TypeError, match="int is not a Module subclass"):
        net.add_module("p", 3)
    assert not hasattr(net, "p")


def test_get_and_set_submodule(lib):
    net = make_net(lib)
    assert net.get_submodule("") is net and net.get_submodule("leaf") is net.leaf
    assert net.get_parameter("leaf.scale") is net.leaf.scale and net.get_buffer("cache") is net.cache
    with pytest.raises(AttributeError, match="Net has no attribute `branch`"):
        net.get_submodule("branch.x")
    with pytest.raises(AttributeError, match="`weight` is not an nn.Module"):
        net.get_submodule("weight")
    with pytest.raises(AttributeError, match="`cache` is not an nn.Parameter"):
        net.get_parameter("cache")
    with pytest.raises(AttributeError, match="`weight` is not a buffer"):
        net.get_buffer("weight")
    new = lib.nn.Module()
    net.set_submodule("leaf.inner", new)
    assert net.leaf.inner is new
    with pytest.raises(AttributeError, match="Leaf has no attribute `nothing`"):
        net.set_submodule("leaf.nothing", new, strict=True)
    with pytest.raises(ValueError, match="Cannot set the submodule without a target name!"):
        net.set_submodule("", new)


def test_unknown_constructor_arguments(lib):
    class M(lib.nn.Module):
        def __init__(self, *args, **kwargs):
            super().__init__(*args, **kwargs)

    with pytest.raises(TypeError, match=r"M.__init__\(\) got an unexpected keyword argument 'depth'"):
        M(depth=3)
    with pytest.raises(TypeError, match=r"M.__init__\(\) takes 1 positional argument but 3 were given"):
        M(1, 2)


# ---- iteration ----

def test_named_members_in_order_and_once(lib):
    net = make_net(lib)
    assert [n for n, _ in net.named_parameters()] == ["weight", "bias", "leaf.scale"]
    assert [n for n, _ in net.named_parameters(remove_duplicate=False)] == ["weight", "bias", "leaf.scale", "again.scale"]
    assert [n for n, _ in net.named_parameters(prefix="p", recurse=False)] == ["p.weight", "p.bias"]
    assert [n for n, _ in net.named_buffers()] == ["steps", "cache"]
    assert [n for n, _ in net.named_children()] == ["leaf"]
    assert [n for n, _ in net.named_modules()] == ["", "leaf"]
    assert [n for n, _ in net.named_modules(prefix="net", remove_duplicate=False)] == ["net", "net.leaf", "net.again"]
    assert len(list(net.modules())) == 2 and len(list(net.parameters())) == 3 and len(list(net.children())) == 1


def test_missing_parameter_is_not_listed(lib):
    net = make_net(lib, bias=False)
    assert net.bias is None and [n for n, _ in net.named_parameters()] == ["weight", "leaf.scale"]


def test_apply_visits_children_first(lib):
    seen = []
    net = make_net(lib)
    assert net.apply(lambda m: seen.append(type(m).__name__)) is net
    assert seen == ["Leaf", "Net"]


def test_train_and_eval_reach_all(lib):
    net = make_net(lib)
    assert net.eval() is net and not net.training and not net.leaf.training
    assert net.train().leaf.training
    with pytest.raises(ValueError, match="training mode is expected to be boolean"):
        net.train(1)


# ---- conversion and gradients ----

def test_conversion_keeps_parameter_objects_and_integers(lib):
    net = make_net(lib)
    weight = net.weight
    for convert, dtype in [("double", lib.float64), ("half", lib.float16), ("bfloat16", lib.bfloat16), ("float", lib.float32)]:
        assert getattr(net, convert)() is net
        assert net.weight is weight and weight.dtype == dtype and net.leaf.scale.dtype == dtype
        assert net.cache.dtype == dtype and net.steps.dtype == lib.int64


def test_to(lib):
    net = make_net(lib)
    assert net.to("cpu", lib.float64).weight.dtype == lib.float64
    assert net.to(lib.float32).weight.dtype == lib.float32
    assert net.to(lib.ones(1, dtype=lib.float64)).weight.dtype == lib.float64
    assert net.to(dtype=lib.float32, device=lib.device("cpu")).cache.dtype == lib.float32
    assert net.to(device="cpu", non_blocking=True) is net
    with pytest.raises(TypeError, match="nn.Module.to only accepts floating point or complex dtypes, but got desired dtype="):
        net.to(lib.int32)


def test_devices_that_are_not_there(lib):
    if lib.__name__ == "torch" and lib.cuda.is_available():
        pytest.skip("this torch has CUDA")
    for method, error, text in [("cuda", AssertionError, "not compiled with CUDA"), ("xpu", AssertionError, "not compiled with XPU"),
                                ("ipu", RuntimeError, "not linked with support for ipu")]:
        with pytest.raises(error, match=text):
            getattr(make_net(lib), method)()
    empty = lib.nn.Module()
    assert empty.cuda() is empty and empty.cpu() is empty


def test_conversion_converts_gradients(lib):
    net = make_net(lib)
    net(lib.ones(2)).sum().backward()
    net.double()
    assert net.weight.grad.dtype == lib.float64 and net.weight.grad.tolist() == [1.0, 1.0]


def test_zero_grad(lib):
    net = make_net(lib)
    net(lib.ones(2)).sum().backward()
    grad = net.weight.grad
    net.zero_grad(set_to_none=False)
    assert net.weight.grad is grad and grad.tolist() == [0.0, 0.0]
    net.zero_grad()
    assert net.weight.grad is None


def test_requires_grad_(lib):
    net = make_net(lib)
    assert net.requires_grad_(False) is net
    assert not any(p.requires_grad for p in net.parameters())
    assert all(p.requires_grad for p in net.requires_grad_().parameters())


def test_to_empty_and_share_memory(lib):
    net = make_net(lib)
    assert net.to_empty(device="cpu").weight.shape == (2,)
    assert net.share_memory() is net and net.weight.is_shared()


# ---- the call and its hooks ----

def test_call_passes_arguments(lib):
    net = make_net(lib)
    assert net(lib.ones(2)).tolist() == [3.0, 3.0]
    assert net(x=lib.ones(2), twice=True).tolist() == [6.0, 6.0]

    class Many(lib.nn.Module):
        def forward(self, *args, **kwargs):
            return args, kwargs

    assert Many()(*range(12), a=1) == (tuple(range(12)), {"a": 1})
    assert Many()() == ((), {})


def test_forward_must_be_defined(lib):
    with pytest.raises(NotImplementedError, match=r'Module \[Module\] is missing the required "forward" function'):
        lib.nn.Module()(3)


def test_forward_on_the_instance(lib):
    net = make_net(lib)
    net.forward = lambda x: x + 1
    assert net(3) == 4


def test_call_can_be_overridden_and_patched(lib, monkeypatch):
    class Called(lib.nn.Module):
        def forward(self, x):
            return x

    class Over(Called):
        def __call__(self, x):
            return super().__call__(x) + 100

    assert Over()(1) == 101
    module = Called()
    assert module(1) == 1
    monkeypatch.setattr(Called, "__call__", lambda self, x: "patched", raising=False)
    assert module(1) == "patched"
    monkeypatch.undo()
    assert module(1) == 1


def test_forward_hooks_in_order(lib):
    net, log = make_net(lib), []
    net.register_forward_hook(lambda m, a, out: log.append("second"))
    net.register_forward_hook(lambda m, a, out: log.append("first"), prepend=True)
    net.register_forward_pre_hook(lambda m, a: log.append("pre"))
    handle = net.register_forward_hook(lambda m, a, k, out: (log.append(dict(k)), out + 1)[1], with_kwargs=True)
    assert net(lib.ones(2), twice=True).tolist() == [7.0, 7.0]
    assert log == ["pre", "first", "second", {"twice": True}]
    handle.remove()
    assert net(lib.ones(2)).tolist() == [3.0, 3.0] and len(net._forward_hooks_with_kwargs) == 0


def test_pre_hooks_change_arguments(lib):
    net = make_net(lib)
    with net.register_forward_pre_hook(lambda m, a: a[0] * 10):
        assert net(lib.ones(2)).tolist() == [30.0, 30.0]
    with net.register_forward_pre_hook(lambda m, a, k: (a, {"twice": True}), with_kwargs=True):
        assert net(lib.ones(2)).tolist() == [6.0, 6.0]
    with net.register_forward_pre_hook(lambda m, a, k: a, with_kwargs=True):
        with pytest.raises(RuntimeError, match="forward pre-hook must return None or a tuple"):
            net(lib.ones(2))
    assert net(lib.ones(2)).tolist() == [3.0, 3.0]


def test_always_called_hook_sees_the_failure(lib):
    class Fails(lib.nn.Module):
        def forward(self, x):
            raise ValueError("inside")

    net, log = Fails(), []
    net.register_forward_hook(lambda m, a, out: log.append(out), always_call=True)
    net.register_forward_hook(lambda m, a, out: log.append("never"))

    def broken(m, a, out):
        raise RuntimeError("told only")

    net.register_forward_hook(broken, always_call=True)
    with pytest.warns(UserWarning, match="always_call=True.*told only"), pytest.raises(ValueError, match="inside"):
        net(1)
    assert log == [None]


def test_global_hooks(lib):
    module = lib.nn.modules.module
    log, net = [], make_net(lib)
    handles = [module.register_module_forward_pre_hook(lambda m, a: log.append("pre " + type(m).__name__)),
               module.register_module_forward_hook(lambda m, a, out: log.append("post " + type(m).__name__))]
    net(lib.ones(2))
    for handle in handles:
        handle.remove()
    net(lib.ones(2))
    assert log == ["pre Net", "pre Leaf", "post Leaf", "post Net"]


def test_registration_hooks(lib):
    module = lib.nn.modules.module
    log = []
    handles = [module.register_module_parameter_registration_hook(lambda m, n, p: log.append(("p", n))),
               module.register_module_buffer_registration_hook(lambda m, n, b: log.append(("b", n))),
               module.register_module_module_registration_hook(lambda m, n, s: log.append(("m", n)))]
    make_net(lib)
    for handle in handles:
        handle.remove()
    make_net(lib)
    assert log == [("p", "weight"), ("p", "bias"), ("b", "steps"), ("b", "cache"), ("p", "scale"), ("m", "leaf"), ("m", "again")]


def test_full_backward_hooks(lib):
    net, log = make_net(lib), []
    net.register_full_backward_hook(lambda m, gin, gout: log.append((gin[0].tolist(), gout[0].tolist())))
    net.register_full_backward_pre_hook(lambda m, gout: (gout[0] * 2,))
    x = lib.ones(2, requires_grad=True)
    net(x).sum().backward()
    assert log == [([6.0, 6.0], [2.0, 2.0])] and x.grad.tolist() == [6.0, 6.0]


def test_full_backward_hook_replaces_grad_input(lib):
    net = make_net(lib)
    handle = net.register_full_backward_hook(lambda m, gin, gout: (gin[0] * 100,))
    x = lib.ones(2, requires_grad=True)
    net(x).sum().backward()
    assert x.grad.tolist() == [300.0, 300.0]
    handle.remove()
    net.register_full_backward_hook(lambda m, gin, gout: (gin[0], gin[0]))
    with pytest.raises(RuntimeError, match="Backward hook returned an invalid number of grad_input, got 2, but expected 1"):
        net(x).sum().backward()


def test_full_backward_hook_without_input_gradient(lib):
    net, log = make_net(lib), []
    net.register_full_backward_hook(lambda m, gin, gout: log.append((gin, gout[0].tolist())))
    with pytest.warns(UserWarning, match="Full backward hook is firing when gradients are computed with respect to module outputs"):
        net(lib.ones(2)).sum().backward()
    assert log == [((None,), [1.0, 1.0])] and net.weight.grad.tolist() == [1.0, 1.0]


def test_full_backward_hook_with_several_values(lib):
    class Two(lib.nn.Module):
        def forward(self, a, n, b):
            return a * n, "text", b * n

    net, log = Two(), []
    net.register_full_backward_hook(lambda m, gin, gout: log.append([None if g is None else g.item() for g in gin + gout]))
    a, b = lib.tensor(2.0, requires_grad=True), lib.tensor(3.0, requires_grad=True)
    y, text, z = net(a, 5, b)
    (y + 2 * z).backward()
    assert text == "text" and log == [[5.0, None, 10.0, 1.0, None, 2.0]]


def test_old_backward_hook(lib):
    net, log = make_net(lib).leaf, []
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        net.register_backward_hook(lambda m, gin, gout: log.append(gout[0].tolist()))
        net(lib.ones(2, requires_grad=True)).sum().backward()
    assert log == [[1.0, 1.0]]
    with pytest.raises(RuntimeError, match="Cannot use both regular backward hooks and full backward hooks on a single Module"):
        net.register_full_backward_hook(lambda m, gin, gout: None)


# ---- state ----

def test_state_dict_keys_and_sharing(lib):
    net = make_net(lib)
    state = net.state_dict()
    assert isinstance(state, OrderedDict) and list(state) == ["weight", "bias", "steps", "leaf.scale", "again.scale"]
    assert dict(state._metadata) == {"": {"version": 1}, "leaf": {"version": 1}, "again": {"version": 1}}
    assert not state["weight"].requires_grad and state["weight"].data_ptr() == net.weight.data_ptr()
    assert net.state_dict(keep_vars=True)["weight"] is net.weight
    assert list(net.state_dict(prefix="m."))[0] == "m.weight"


def test_load_state_dict(lib):
    net, other = make_net(lib), make_net(lib)
    weight = other.weight
    with lib.no_grad():
        net.weight.fill_(7.0)
    result = other.load_state_dict(net.state_dict())
    assert repr(result) == "<All keys matched successfully>" and result.missing_keys == []
    assert other.weight is weight and weight.tolist() == [7.0, 7.0]


def test_load_state_dict_lists_what_does_not_fit(lib):
    net = make_net(lib)
    state = net.state_dict()
    del state["bias"]
    state["extra"] = lib.ones(1)
    state["leaf.scale"] = lib.ones(3)
    state["nowhere.else"] = lib.ones(1)
    with pytest.raises(RuntimeError) as error:
        net.load_state_dict(state)
    size = type(lib.ones(1).shape)
    assert str(error.value) == (
        'Error(s) in loading state_dict for Net:\n\tMissing key(s) in state_dict: "bias". \n\tUnexpected key(s) in state_dict: '
        f'"extra", "nowhere.else". \n\tsize mismatch for leaf.scale: copying a param with shape {size([3])} from checkpoint, the '
        f"shape in current model is {size([2])}.")
    state["leaf.scale"] = lib.ones(2)
    missing, unexpected = net.load_state_dict(state, strict=False)
    assert missing == ["bias"] and unexpected == ["extra", "nowhere.else"]
    with pytest.raises(TypeError, match="Expected state_dict to be dict-like, got <class 'int'>"):
        net.load_state_dict(3)


def test_load_state_dict_of_non_tensor(lib):
    net = make_net(lib)
    with pytest.raises(RuntimeError, match='While copying the parameter named "weight", expected torch.Tensor or Tensor-like object'):
        net.load_state_dict({**net.state_dict(), "weight": 3})


def test_load_state_dict_assign(lib):
    net = make_net(lib)
    net.weight.requires_grad_(False)
    state = {k: v.clone() for k, v in net.state_dict().items()}
    state["weight"] = lib.full((2,), 9.0, dtype=lib.float64)
    net.load_state_dict(state, assign=True)
    assert net.weight.dtype == lib.float64 and isinstance(net.weight, lib.nn.Parameter) and not net.weight.requires_grad
    assert net.steps is state["steps"]


def test_one_element_vector_loads_into_scalar(lib):
    net = make_net(lib)
    net.load_state_dict({**net.state_dict(), "steps": lib.tensor([4])})
    assert net.steps.item() == 4


def test_state_hooks(lib):
    net, log = make_net(lib), []
    net.register_state_dict_pre_hook(lambda m, prefix, keep: log.append(("pre", prefix, keep)))

    def post(m, state, prefix, metadata):
        log.append(("post", len(state), metadata))
        state["added"] = lib.ones(1)

    handle = net.register_state_dict_post_hook(post)
    assert "added" in net.state_dict()
    assert log == [("pre", "", False), ("post", 5, {"version": 1})]
    handle.remove()

    def rename(m, state, prefix, metadata, strict, missing, unexpected, errors):
        state[prefix + "weight"] = state.pop(prefix + "old")

    net.register_load_state_dict_pre_hook(rename)
    net.register_load_state_dict_post_hook(lambda m, keys: keys.missing_keys.clear())
    state = net.state_dict()
    state["old"] = state.pop("weight") + 1
    del state["bias"]
    net.load_state_dict(state)
    assert net.weight.tolist() == [4.0, 4.0]


def test_extra_state(lib):
    class Extra(lib.nn.Module):
        count = 0

        def get_extra_state(self):
            return {"count": self.count}

        def set_extra_state(self, state):
            self.count = state["count"]

    one, two = Extra(), Extra()
    one.count = 5
    state = one.state_dict()
    assert state == {"_extra_state": {"count": 5}}
    two.load_state_dict(state)
    assert two.count == 5
    with pytest.raises(RuntimeError, match='Unexpected key.*"_extra_state"'):
        lib.nn.Module().load_state_dict(state)


def test_load_from_state_dict_is_an_extension_point(lib):
    class Versioned(lib.nn.Module):
        _version = 2

        def __init__(self):
            super().__init__()
            self.w = lib.nn.Parameter(lib.zeros(1))

        def _load_from_state_dict(self, state_dict, prefix, local_metadata, *rest):
            if local_metadata.get("version", 1) < 2:
                state_dict[prefix + "w"] = state_dict.pop(prefix + "v")
            super()._load_from_state_dict(state_dict, prefix, local_metadata, *rest)

    net = lib.nn.Sequential(Versioned())
    net.load_state_dict({"0.v": lib.ones(1)}, strict=False)
    assert net[0].w.item() == 1 and net.state_dict()._metadata["0"] == {"version": 2}


# ---- copies, pickles, garbage ----

def test_deepcopy_is_independent(lib):
    net = make_net(lib)
    twin = copy.deepcopy(net)
    assert twin.leaf is twin.again and twin.leaf is not net.leaf
    assert isinstance(twin.weight, lib.nn.Parameter) and twin.weight is not net.weight and twin.weight.requires_grad
    with lib.no_grad():
        twin.weight.zero_()
    assert net.weight.tolist() == [3.0, 3.0] and twin._non_persistent_buffers_set == {"cache"}
    shallow = copy.copy(net)
    assert shallow.weight is net.weight and shallow.__dict__ is not net.__dict__


def test_pickle(lib):
    net = lib.nn.Sequential(lib.nn.ParameterList([lib.ones(2)]), lib.nn.ModuleDict({"a": lib.nn.Module()}))
    back = pickle.loads(pickle.dumps(net))
    assert repr(back) == repr(net) and list(back.state_dict()) == ["0.0"]
    assert back[0][0].tolist() == [1.0, 1.0] and back[0][0].requires_grad


def test_setstate_fills_what_old_pickles_lack(lib):
    module = lib.nn.Module.__new__(lib.nn.Module)
    state = lib.nn.Module().__getstate__()
    for name in ("_forward_hooks_with_kwargs", "_state_dict_pre_hooks", "_non_persistent_buffers_set", "_load_state_dict_pre_hooks"):
        state.pop(name)
    module.__setstate__(state)
    assert len(module._state_dict_pre_hooks) == 0 and module._non_persistent_buffers_set == set() and module.state_dict() == {}


def test_cycles_are_collected(lib):
    net = make_net(lib)
    net.leaf.__dict__["parent"] = net
    net.register_forward_hook(lambda m, a, out, keep=net: None)
    alive = weakref.ref(net)
    del net
    gc.collect()
    assert alive() is None


def test_multiple_inheritance(lib):
    import abc

    class Mixin:
        def __init__(self, *args, extra=1, **kwargs):
            super().__init__(*args, **kwargs)
            self.extra = extra

        def __init_subclass__(cls, tag=None, **kwargs):
            super().__init_subclass__(**kwargs)
            cls.tag = tag

    class First(Mixin, lib.nn.Module, tag="first"):
        pass

    class Abstract(lib.nn.Module, abc.ABC):
        @abc.abstractmethod
        def size(self):
            """Defined below."""

    class Last(Abstract):
        def size(self):
            return 3

    class Listed(lib.nn.Module, list):
        def __init__(self, items):
            lib.nn.Module.__init__(self)
            list.__init__(self, items)

    assert First(extra=4).extra == 4 and First.tag == "first"
    with pytest.raises(TypeError, match="abstract"):
        Abstract()
    assert Last().size() == 3
    listed = Listed([1, 2])
    listed.w = lib.nn.Parameter(lib.ones(1))
    assert len(listed) == 2 and listed.w is listed._parameters["w"]
    with pytest.raises(TypeError):
        type("Tagged", (lib.nn.Module,), {}, tag="x")


def test_slots_and_class_assignment(lib):
    class A(lib.nn.Module):
        def forward(self, x):
            return "a"

    class B(A):
        def forward(self, x):
            return "b"

    class Slotted(lib.nn.Module):
        __slots__ = ("fast",)

    m = A()
    m.__class__ = B
    s = Slotted()
    s.fast = 3
    assert m(0) == "b" and s.fast == 3 and "fast" not in s.__dict__


def test_class_assignment_across_a_mixin(lib):
    class Plain(lib.nn.Module):
        def forward(self, x):
            return "plain"

    class Mixin:
        pass

    class Lazy(Mixin, Plain):
        def forward(self, x):
            self.__class__ = Plain
            return "lazy"

    m = Lazy()
    assert m(0) == "lazy" and m(0) == "plain"


def test_call_super_init(lib):
    class Base:
        def __init__(self, value):
            self.value = value

    class Both(lib.nn.Module, Base):
        call_super_init = True

        def __init__(self, value):
            super().__init__(value)

    assert Both(5).value == 5


def test_nodes_know_the_module_calls_they_are_recorded_in():
    """rushlight alone: a weak reference to the module, the call around it, and the line that called."""
    rl = pytest.importorskip("rushlight")
    net = make_net(rl)
    rl._C._set_sites_enabled(True)
    product = net(rl.ones(2)).grad_fn
    module, around, code, offset = product._module_entry
    assert module() is net and around is None and code is test_nodes_know_the_module_calls_they_are_recorded_in.__code__
    inner = product.next_functions[0][0]._module_entry
    assert inner[0]() is net.leaf and inner[1] is product._module_entry and inner[2] is type(net).forward.__code__
    assert (rl.ones(2, requires_grad=True) * 2).grad_fn._module_entry is None
    del net
    gc.collect()
    assert module() is None


# ---- printing ----

def test_repr(lib):
    class Shown(lib.nn.Module):
        def __init__(self, extra, *children):
            super().__init__()
            self.extra = extra
            for i, child in enumerate(children):
                self.add_module(f"c{i}", child)

        def extra_repr(self):
            return self.extra

    assert repr(Shown("")) == "Shown()"
    assert repr(Shown("a=1")) == "Shown(a=1)"
    assert repr(Shown("a=1\nb=2")) == "Shown(\n  a=1\n  b=2\n)"
    assert repr(Shown("x", Shown("y"), Shown("", Shown("z")))) == (
        "Shown(\n  x\n  (c0): Shown(y)\n  (c1): Shown(\n    (c0): Shown(z)\n  )\n)")


def test_handle_outlives_module(lib):
    net = make_net(lib)
    handle = net.register_forward_hook(lambda m, a, out: None)
    del net
    gc.collect()
    handle.remove()


def test_module_is_hashable_and_compared_by_identity(lib):
    a, b = make_net(lib), make_net(lib)
    assert len({a, b, a}) == 2 and a != b


# ---- how a conversion puts new tensors in ----

@pytest.fixture
def future(lib):
    yield lib.__future__
    lib.__future__.set_overwrite_module_params_on_conversion(False)
    lib.__future__.set_swap_module_params_on_conversion(False)


@pytest.mark.parametrize("way", ["neither", "overwrite", "swap"])
def test_conversion_keeps_or_replaces_parameters(lib, future, way):
    net = make_net(lib)
    net.weight.grad = lib.ones(2)
    net.leaf.scale.requires_grad_(False)
    before, gradient, numbers = net.weight, net.weight.grad, net.weight.data_ptr()
    if way != "neither":
        getattr(future, f"set_{way}_module_params_on_conversion")(True)
    assert net.double() is net
    assert (net.weight is before) is (way != "overwrite") and type(net.weight) is lib.nn.Parameter
    assert net.weight.dtype == net.weight.grad.dtype == net.leaf.scale.dtype == net.cache.dtype == lib.float64
    assert net.weight.requires_grad and not net.leaf.scale.requires_grad and net.weight.tolist() == [3, 3]
    assert before.dtype == (lib.float32 if way == "overwrite" else lib.float64) and (before.data_ptr() == numbers) is (way == "overwrite")
    assert (net.weight.grad is gradient) is (way != "overwrite") and gradient.dtype == (lib.float32 if way == "overwrite" else lib.float64)


def test_swapped_parameters_take_the_class_of_what_they_load(lib, future):
    class Marked(lib.nn.Parameter):
        def module_load(self, other, assign=False):
            return Marked(other * 2)

    net = make_net(lib)
    net.leaf.scale = Marked(lib.ones(2))
    scale, weight, bias = net.leaf.scale, net.weight, net.bias
    future.set_swap_module_params_on_conversion(True)
    net.load_state_dict({**net.state_dict(), "leaf.scale": lib.full((2,), 5.0), "again.scale": lib.full((2,), 7.0), "bias": lib.full((2,), 1.0)})
    assert net.leaf.scale is scale and scale.tolist() == [14, 14] and type(scale) is Marked
    assert net.weight is weight and net.bias is bias and bias.tolist() == [1, 1] and bias.requires_grad
    with pytest.raises(RuntimeError, match='While swapping the parameter named "bias".*module_load returned one of self or other'):
        lib.nn.Parameter.module_load, kept = (lambda self, other, assign=False: other), lib.nn.Parameter.module_load
        try:
            net.load_state_dict({"bias": lib.ones(2)}, strict=False)
        finally:
            lib.nn.Parameter.module_load = kept


def test_swapped_tensors_are_each_what_the_other_was(lib):
    a, b = lib.nn.Parameter(lib.ones(3)), lib.zeros(2, 4, dtype=lib.int32).t()
    b = b.clone(memory_format=lib.preserve_format)
    a.grad, b.note = lib.full((3,), 2.0), "here"
    lib.utils.swap_tensors(a, b)
    assert type(a) is lib.Tensor and type(b) is lib.nn.Parameter and a.note == "here" and not hasattr(b, "note")
    assert a.shape == (4, 2) and a.stride() == (1, 4) and a.dtype == lib.int32 and a.grad is None and not a.requires_grad
    assert b.tolist() == [1, 1, 1] and b.grad.tolist() == [2, 2, 2] and b.requires_grad and b.is_leaf
    (b * 3).sum().backward()
    assert b.grad.tolist() == [5, 5, 5]


def test_a_graph_from_before_a_swap_is_refused(lib):
    a = lib.nn.Parameter(lib.ones(3))
    early = (a * 2).sum()
    lib.utils.swap_tensors(a, lib.nn.Parameter(lib.zeros(2)))
    with pytest.raises(RuntimeError, match="poisoned by swap_tensors"):
        early.backward()
    (a * 3).sum().backward()
    assert a.grad.tolist() == [3, 3]


def test_what_cannot_be_swapped(lib):
    class Slotted(lib.Tensor):
        __slots__ = ("extra",)

    a, b = lib.ones(2), lib.zeros(2)
    reference = weakref.ref(a)
    with pytest.raises(RuntimeError, match="Cannot swap t1 because it has weakref"):
        lib.utils.swap_tensors(a, b)
    with pytest.raises(RuntimeError, match="Cannot swap t2 because it has weakref"):
        lib.utils.swap_tensors(b, a)
    del reference
    with pytest.raises(RuntimeError, match="different slots"):
        lib.utils.swap_tensors(a, lib.Tensor._make_subclass(Slotted, b))


@pytest.mark.parametrize("make", [lambda x: x[:1], lambda x: x * 2])
def test_a_swap_would_part_a_result_from_its_history(make):
    import rushlight as rl
    with pytest.raises(RuntimeError, match="Expected use_count of t1.*only leaves that are no views"):
        rl.utils.swap_tensors(make(rl.ones(2, requires_grad=True)), rl.zeros(2))
