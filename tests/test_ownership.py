"""Who owns what: every kind of reference cycle is collected, objects keep their identity, and what finalisers do harms nobody.

A sentinel hangs on each cycle as an attribute; it must be dead after one collection.
"""

import copy
import gc
import pickle
import subprocess
import sys
import threading
import weakref

import pytest

import rushlight as rl
from rushlight import nn


class Sentinel:
    pass


class Carry(rl.autograd.Function):
    """Identity whose ctx may hold anything."""

    @staticmethod
    def forward(ctx, x):
        return x.clone()

    @staticmethod
    def backward(ctx, g):
        return g


def leaf():
    return rl.ones(3, requires_grad=True)


def hook_on_leaf():
    x = leaf()
    x.register_hook(lambda g, x=x: None)
    return x


def module_and_hook():
    module = nn.Linear(2, 2)
    module.weight.register_hook(lambda g, module=module: None)
    return module


def tensor_holds_itself():
    x = rl.ones(3)
    x.me = x
    return x


def result_in_its_ctx():
    y = Carry.apply(leaf())
    y.grad_fn.result = y
    return y


def hook_on_result():
    y = leaf() * 2
    y.register_hook(lambda g, y=y: None)
    return y


def module_with_result_and_hook():
    module = nn.Linear(2, 2)
    module.last = module(rl.ones(1, 2))
    module.last.register_hook(lambda g, module=module: None)
    return module


def gradient_points_back():
    x = leaf()
    x.grad = rl.ones(3)
    x.grad.owner = x
    return x


def hook_over_grad_fn():
    y = leaf() * 2
    fn = y.grad_fn
    fn.register_hook(lambda gi, go, fn=fn: None)
    return y


def hook_holds_a_later_result():
    first = leaf() * 2
    last = ((first + 1) * 3).exp()
    first.grad_fn.register_hook(lambda gi, go, last=last: None)
    return last


def inner_node_used_twice():
    y = leaf() * 2
    square = y * y
    y.grad_fn.register_hook(lambda gi, go, square=square: None)
    return square


def two_results_over_one_node():
    first, second = rl.ones(2, 3, requires_grad=True).unbind()
    first.grad_fn.register_hook(lambda gi, go, both=(first, second): None)
    return first


def ctx_below_what_it_holds():
    y = Carry.apply(leaf())
    last = (y * 2).exp()
    y.grad_fn.last = last
    return last


def loss_on_leaf_that_is_not_saved():
    x = leaf()
    x.loss = x + 1
    return x


def loss_on_leaf_that_is_saved():
    x = leaf()
    x.loss = x * x
    return x


def gradient_with_graph():
    x = leaf()
    (x * x * x).backward(rl.ones(3), create_graph=True)
    return x


CYCLES = [hook_on_leaf, module_and_hook, tensor_holds_itself, result_in_its_ctx, hook_on_result, module_with_result_and_hook,
          gradient_points_back, hook_over_grad_fn, hook_holds_a_later_result, inner_node_used_twice, two_results_over_one_node,
          ctx_below_what_it_holds, loss_on_leaf_that_is_not_saved, loss_on_leaf_that_is_saved, gradient_with_graph]


@pytest.mark.parametrize("make", CYCLES, ids=lambda f: f.__name__)
def test_cycle_is_collected(make):
    thing = make()
    sentinel = thing.sentinel = Sentinel()
    dead = weakref.ref(sentinel)
    del sentinel
    gc.collect()
    assert dead() is not None, "nothing may be freed while it is held"
    del thing
    gc.collect()
    assert dead() is None


def test_nothing_in_a_held_cycle_is_cleared():
    y = result_in_its_ctx()
    y.note = "kept"
    node = y.grad_fn
    del y
    gc.collect()
    assert node.result.note == "kept" and node.result.grad_fn is node


# ---- identity ------------------------------------------------------------------------------------------------------------


def test_identity():
    x = leaf()
    y = x * 2
    z = y * y
    assert y.grad_fn is y.grad_fn
    assert z.grad_fn.next_functions[0][0] is y.grad_fn
    assert y.grad_fn.next_functions[0][0].variable is x
    assert z.grad_fn._saved_self is y
    z.backward(rl.ones(3))
    first = x.grad
    assert x.grad is first
    (x * 1).backward(rl.ones(3))
    assert x.grad is first, "gradients add up in place"
    assert x.view(3)._base is x


def test_saved_output_is_an_alias():
    y = leaf().exp()
    saved = y.grad_fn._saved_result
    assert saved is not y and saved.data_ptr() == y.data_ptr()


def test_objects_carry_what_python_objects_carry():
    class Sub(rl.Tensor):
        pass

    x = rl.ones(3)
    x.__class__ = Sub
    assert type(x) is Sub and type(x * 2) is Sub
    x.__class__ = rl.Tensor
    x.name_of_mine = 1
    ref = weakref.ref(x)
    assert ref() is x and x.__dict__ == {"name_of_mine": 1}
    del x
    assert ref() is None


def test_resurrection_in_del():
    saved = []

    class Phoenix(rl.Tensor):
        def __del__(self):
            saved.append(self)

    x = rl.ones(3).as_subclass(Phoenix)
    x.note = 7
    del x
    gc.collect()
    assert saved[0].note == 7 and saved[0].tolist() == [1, 1, 1]
    saved.clear()


def test_reused_objects_start_clean():
    for _ in range(3):
        tensors = [rl.ones(2) for _ in range(50)]
        for t in tensors:
            assert not t.__dict__ and not t.requires_grad and t.grad is None and t._base is None
            t.mark, t.requires_grad = 1, True
            t.grad = rl.ones(2)


# ---- pitfalls ------------------------------------------------------------------------------------------------------------


def test_functions_do_not_bind_and_methods_do():
    class Config:
        act = rl.exp

    x = rl.zeros(2)
    assert Config().act(x).tolist() == [1, 1]
    assert x.exp().tolist() == [1, 1]
    assert rl.Tensor.exp is not rl.exp and rl.Tensor.exp(x).tolist() == [1, 1]


def test_finaliser_does_not_swallow_an_error():
    class Noisy:
        def __del__(self):
            rl.ones(3) + 1
            try:
                rl.ones(2) + rl.ones(3)
            except RuntimeError:
                pass

    class Fails(rl.autograd.Function):
        @staticmethod
        def forward(ctx, x):
            ctx.noisy = Noisy()
            return x.clone()

        @staticmethod
        def backward(ctx, g):
            ctx.__dict__.clear()
            raise KeyError("from backward")

    y = Fails.apply(leaf())
    with pytest.raises(KeyError, match="from backward"):
        y.backward(rl.ones(3))
    assert (rl.ones(2) + 1).tolist() == [2, 2]


def test_long_chains_need_no_stack():
    script = ("import rushlight as rl, threading\n"
              "def run():\n"
              "    x = y = rl.ones(1, requires_grad=True)\n"
              "    for _ in range(200000): y = y + 1\n"
              "    y.backward(); assert x.grad.item() == 1\n"
              "    del x, y\n"
              "    t = rl.ones(1)\n"
              "    for _ in range(200000):\n"
              "        s = rl.ones(1); s.grad = t; t = s\n"
              "    del s, t\n"
              "threading.stack_size(256 * 1024)\n"
              "t = threading.Thread(target=run); t.start(); t.join(); print('done')\n")
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=120)
    assert done.stdout.strip() == "done", done.stderr


def test_storage_swapped_while_others_read():
    x, stop, errors = rl.ones(1000), threading.Event(), []

    def read():
        while not stop.is_set():
            values = (x + 1).tolist()
            if values != [2] * 1000:
                errors.append(values)

    threads = [threading.Thread(target=read) for _ in range(3)]
    for t in threads:
        t.start()
    for _ in range(300):
        x.set_(rl.ones(1000))
    stop.set()
    for t in threads:
        t.join()
    assert not errors


def test_constant_factors_keep_nothing_alive():
    x = leaf()
    y = x * 2
    middle = weakref.ref(y)
    z = y * 3
    del y
    gc.collect()
    assert middle() is None and z.requires_grad


def test_deepcopy_of_a_parameter_drops_attributes_and_pickle_keeps_them():
    p = nn.Parameter(rl.ones(2))
    p.note = 5
    assert not hasattr(copy.deepcopy(p), "note")
    assert copy.copy(p).note == 5 and pickle.loads(pickle.dumps(p)).note == 5
    assert type(copy.deepcopy(p)) is nn.Parameter


def test_hooks_run_with_the_grad_mode_of_the_run():
    seen = []
    x = leaf()
    y = x * x
    y.register_hook(lambda g: seen.append(rl.is_grad_enabled()))
    y.backward(rl.ones(3), create_graph=True)
    (x * x).register_hook(lambda g: None)
    z = x * x
    z.register_hook(lambda g: seen.append(rl.is_grad_enabled()))
    z.backward(rl.ones(3))
    assert seen == [True, False]


def test_nested_backward_over_a_shared_graph():
    x = leaf()
    shared = x * x
    inner = shared * 2
    outer = shared * 3
    outer.register_hook(lambda g: inner.backward(rl.ones(3), retain_graph=True))
    outer.backward(rl.ones(3), retain_graph=True)
    assert x.grad.tolist() == [10, 10, 10]      # 2 x * (2 + 3)


def test_a_run_owns_its_graph_and_ids_are_never_used_again():
    """A run keeps its state by the node's address, so none may be taken again while it lasts, though its tensors let go of the graph."""
    seen, again = set(), 0
    x = leaf()

    def build_and_run(g):
        total.detach_()
        for n in range(1, 6):
            y = x
            for _ in range(n):
                with rl.enable_grad():
                    y = y * 2
                assert id(y.grad_fn) not in addresses and y.grad_fn._id not in seen
                seen.add(y.grad_fn._id)
            (inner,) = rl.autograd.grad(y, x, rl.ones(3))
            assert inner.tolist() == [2.0**n] * 3
        return g

    for _ in range(5):
        before = addresses if seen else set()
        addresses, chain = set(), x
        for k in range(12):
            chain = chain * 3 if k % 2 else chain + x
            assert chain.grad_fn._id not in seen
            seen.add(chain.grad_fn._id)
            addresses.add(id(chain.grad_fn))
            if k in (3, 7):
                chain.register_hook(build_and_run)
        again += len(addresses & before)
        total, chain = chain.sum(), None
        (g,) = rl.autograd.grad(total, x)
        assert g.tolist() == [sum(3.0**k for k in range(1, 7)) + 3.0**6] * 3   # v <- 3 (v + x), six times from v = x
    assert again, "no address was used again between runs: ids were not tried"


def test_collector_running_at_every_allocation():
    before = gc.get_threshold()
    gc.set_threshold(1)
    try:
        for _ in range(20):
            x = leaf()
            y = Carry.apply(x * x)
            y.register_hook(lambda g, y=y: None)
            y.backward(rl.ones(3))
            assert x.grad.tolist() == [2, 2, 2]
    finally:
        gc.set_threshold(*before)


def test_error_leaves_operands_as_they_were():
    x, y = rl.ones(3), rl.ones(2)
    version = x._version
    with pytest.raises(RuntimeError, match="size of tensor a"):
        x.add_(y)
    assert x.tolist() == [1, 1, 1] and x._version == version


def test_array_outlives_tensor_and_storage_swap():
    x = rl.ones(4)
    array = x.numpy()
    x.set_(rl.zeros(2))
    del x
    gc.collect()
    assert array.tolist() == [1, 1, 1, 1]
