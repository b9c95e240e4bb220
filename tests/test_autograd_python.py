"""The Python side of autograd: modes, custom Functions, functional derivatives, gradcheck, saved-tensor hooks, checkpointing."""

import warnings

import numpy as np
import pytest

import rushlight as rl
from rushlight.autograd import functional, graph
from rushlight.utils.checkpoint import CheckpointError, checkpoint, checkpoint_sequential


def leaf(*values, dtype=None):
    return rl.tensor(values, dtype=dtype or rl.float64, requires_grad=True)


# ---- modes

def test_modes_nest_and_are_restored():
    assert rl.is_grad_enabled()
    with rl.no_grad():
        assert not rl.is_grad_enabled()
        with rl.enable_grad():
            assert rl.is_grad_enabled()
        assert not rl.is_grad_enabled()
    with pytest.raises(ValueError), rl.no_grad():
        raise ValueError
    assert rl.is_grad_enabled()
    rl.set_grad_enabled(False)
    assert not rl.is_grad_enabled()
    rl.set_grad_enabled(True)


def test_modes_decorate_with_and_without_parentheses():
    @rl.no_grad
    def bare():
        return rl.is_grad_enabled()

    @rl.no_grad()
    def called():
        return rl.is_grad_enabled()

    @rl.set_grad_enabled(False)
    def chosen():
        return rl.is_grad_enabled()

    @rl.inference_mode
    def inferring():
        return rl.is_inference_mode_enabled(), rl.is_grad_enabled()

    assert not bare() and not called() and not chosen() and inferring() == (True, False)
    assert rl.is_grad_enabled() and bare.__name__ == "bare"


def test_modes_decorate_generators():
    @rl.no_grad()
    def numbers():
        try:
            got = yield rl.is_grad_enabled()
            yield got, rl.is_grad_enabled()
        except KeyError:
            yield "caught", rl.is_grad_enabled()
        return 7

    generator = numbers()
    assert next(generator) is False and rl.is_grad_enabled()
    assert generator.send(3) == (3, False) and rl.is_grad_enabled()
    assert generator.throw(KeyError) == ("caught", False)
    with pytest.raises(StopIteration) as stop:
        next(generator)
    assert stop.value.value == 7


def test_decorated_classes_are_warned_about():
    with pytest.warns(FutureWarning, match="Decorating classes"):
        @rl.no_grad()
        class Thing:
            def __init__(self):
                self.mode = rl.is_grad_enabled()

    assert Thing().mode is False


def test_inference_tensors_take_no_part():
    with rl.inference_mode():
        x = rl.ones(2)
        assert x.is_inference()
        with rl.inference_mode(False):
            assert rl.is_grad_enabled() and not rl.ones(2).is_inference()
    with pytest.raises(RuntimeError, match="[Ii]nference tensor"):
        (leaf(1.0, 2.0, dtype=rl.float32) * x).sum().backward()


def test_anomaly_mode_names_the_call():
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        with rl.autograd.detect_anomaly():
            assert rl.is_anomaly_enabled()
            x = leaf(0.0)
            with pytest.raises(RuntimeError, match="returned nan values"):
                (x.sqrt() * 0).sum().backward()
    assert not rl.is_anomaly_enabled()


# ---- backward and grad

def test_grad_arguments():
    x, y = leaf(2.0), leaf(3.0)
    z = x * x
    assert rl.autograd.grad(z, {"x": x}, retain_graph=True)["x"].item() == 4
    with pytest.raises(RuntimeError, match="not have been used"):
        rl.autograd.grad(z, [x, y], retain_graph=True)
    assert rl.autograd.grad(z, [x, y], retain_graph=True, allow_unused=True)[1] is None
    assert rl.autograd.grad(z, [x, y], retain_graph=True, materialize_grads=True)[1].item() == 0
    batch = rl.tensor([[1.0], [2.0]], dtype=rl.float64)
    assert rl.autograd.grad(z, x, batch, is_grads_batched=True)[0].tolist() == [[4], [8]]
    for match, call in [("only for scalar outputs", lambda: rl.autograd.grad(leaf(1.0, 2.0) * 2, x)),
                        ("Mismatch in shape", lambda: rl.autograd.grad(x * 2, x, rl.ones(3))),
                        ("cannot be empty", lambda: rl.autograd.grad(x * 2, [])),
                        ("backward through the graph a second time", lambda: rl.autograd.grad(z, x))]:
        with pytest.raises(RuntimeError, match=match):
            call()


def test_backward_of_several_roots_into_chosen_inputs():
    x, y = leaf(2.0), leaf(3.0)
    rl.autograd.backward([x * y, y * 2], [rl.tensor([1.0], dtype=rl.float64), None], inputs=[y])
    assert y.grad.item() == 4 and x.grad is None


# ---- custom Functions

class Cube(rl.autograd.Function):
    @staticmethod
    def forward(ctx, x):
        ctx.save_for_backward(x)
        return x ** 3

    @staticmethod
    def backward(ctx, grad):
        x, = ctx.saved_tensors
        return grad * 3 * x ** 2


class Scaled(rl.autograd.Function):
    """forward without ctx, an argument that is no tensor, a default."""

    @staticmethod
    def forward(x, factor=2.0):
        return x * factor

    @staticmethod
    def setup_context(ctx, inputs, output):
        ctx.factor = inputs[1]

    @staticmethod
    def backward(ctx, grad):
        return grad * ctx.factor, None


def test_functions_are_differentiated_twice():
    x = leaf(2.0)
    first, = rl.autograd.grad(Cube.apply(x), x, create_graph=True)
    second, = rl.autograd.grad(first, x)
    assert (first.item(), second.item()) == (12, 12)
    assert rl.autograd.gradcheck(Cube.apply, (leaf(0.5, -1.5),)) and rl.autograd.gradgradcheck(Cube.apply, (leaf(0.5, -1.5),))
    assert type(Cube.apply(x).grad_fn).__name__ == "CubeBackward"


def test_setup_context_and_keywords():
    x = leaf(1.0, 2.0)
    Scaled.apply(x, factor=5.0).sum().backward()
    assert x.grad.tolist() == [5, 5]
    x.grad = None
    Scaled.apply(x).sum().backward()
    assert x.grad.tolist() == [2, 2]


def test_outputs_without_gradient_and_materialized_zeros():
    seen = []

    class Two(rl.autograd.Function):
        @staticmethod
        def forward(ctx, x, materialize):
            ctx.set_materialize_grads(materialize)
            index = x.detach() > 0
            ctx.mark_non_differentiable(index)
            return x * 2, x * 3, index

        @staticmethod
        def backward(ctx, a, b, c):
            seen.append(None if b is None else b.tolist())
            return a * 2, None

    for materialize in (True, False):
        a, b, index = Two.apply(leaf(1.0), materialize)
        assert b.requires_grad and not index.requires_grad
        a.sum().backward()
    assert seen == [[0.0], None]


def test_dirty_inputs_are_outputs():
    class Double(rl.autograd.Function):
        @staticmethod
        def forward(ctx, x):
            x.mul_(2)
            ctx.mark_dirty(x)
            return x

        @staticmethod
        def backward(ctx, grad):
            return grad * 2

    x = leaf(3.0)
    y = x * 1
    z = Double.apply(y)
    assert z is y and z.item() == 6
    z.sum().backward()
    assert x.grad.item() == 2


def test_once_differentiable_refuses_a_second_time():
    class Once(rl.autograd.Function):
        @staticmethod
        def forward(ctx, x):
            return x * 2

        @staticmethod
        @rl.autograd.function.once_differentiable
        def backward(ctx, grad):
            return grad * 2

    x = leaf(1.0)
    g, = rl.autograd.grad((Once.apply(x) ** 2).sum(), x, create_graph=True)
    assert g.item() == 8
    with pytest.raises(RuntimeError, match="once_differentiable"):
        g.sum().backward()


def test_functions_that_lack_something():
    class NoBackward(rl.autograd.Function):
        @staticmethod
        def forward(ctx, x):
            return x * 2

    class TooMany(Cube):
        @staticmethod
        def backward(ctx, grad):
            return grad, grad

    with pytest.raises(NotImplementedError, match="backward or vjp"):
        NoBackward.apply(leaf(1.0)).sum().backward()
    with pytest.raises(RuntimeError, match="incorrect number of gradients"):
        TooMany.apply(leaf(1.0)).sum().backward()
    with pytest.raises(RuntimeError, match="Legacy autograd function"), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        Cube()(1)


# ---- functional

def cubes(x, y):
    return (x ** 3 * y).sum()


def test_functional_derivatives_of_known_functions():
    x, y = leaf(1.0, 2.0), leaf(3.0, 4.0)
    v = (rl.tensor([1.0, 0.0], dtype=rl.float64), rl.tensor([0.0, 1.0], dtype=rl.float64))
    value, grads = functional.vjp(cubes, (x, y))
    assert value.item() == 35 and [g.tolist() for g in grads] == [[9, 48], [1, 8]]
    assert functional.jvp(cubes, (x, y), v)[1].item() == 9 + 8
    blocks = functional.hessian(cubes, (x, y))
    assert blocks[0][0].tolist() == [[18, 0], [0, 48]] and blocks[0][1].tolist() == [[3, 0], [0, 12]]
    assert [p.tolist() for p in functional.vhp(cubes, (x, y), v)[1]] == [[18, 12], [3, 0]]
    assert [p.tolist() for p in functional.hvp(cubes, (x, y), v)[1]] == [[18, 12], [3, 0]]
    rows = functional.jacobian(lambda t: t.exp() * t[0], x)
    np.testing.assert_allclose(rows.numpy(), [[2 * np.e, 0], [np.e ** 2, np.e ** 2]], rtol=1e-12)
    assert not rows.requires_grad and functional.jacobian(lambda t: t ** 2, x, create_graph=True).requires_grad


def test_derivatives_of_scalars():
    """Inputs and outputs without dimensions give results without."""
    x = rl.tensor(2.0)
    assert functional.jacobian(lambda t: t ** 3, x).tolist() == 12.0 and functional.hessian(lambda t: t ** 3, x).tolist() == 12.0


@pytest.mark.parametrize("name, args", [("vjp", ()), ("jacobian", ()), ("hessian", ()), ("vhp", None), ("hvp", None), ("jvp", None)])
def test_functional_is_torchs(name, args):
    torch = pytest.importorskip("torch")

    def run(lib):
        x, y = (lib.tensor(v, dtype=lib.float64) for v in ([[0.5, -1.0], [2.0, 0.3]], [0.7, 1.1]))
        given = args if args is not None else ((lib.ones_like(x), lib.ones_like(y) * 2),)
        result = getattr(lib.autograd.functional, name)(lambda a, b: ((a @ b).sin() * b).sum(), (x, y), *given)
        flat = []

        def walk(value):
            flat.append(value.numpy()) if isinstance(value, lib.Tensor) else [walk(v) for v in value]

        walk(result)
        return flat

    for a, b in zip(run(rl), run(torch), strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-10, atol=1e-12)     # double precision, a handful of operations


def test_functional_refusals():
    x = leaf(1.0, 2.0)
    for error, match, call in [
        (TypeError, "must be either a Tensor or a tuple", lambda: functional.vjp(lambda t: t, 3)),
        (RuntimeError, "can only be None", lambda: functional.vjp(lambda t: t, x)),
        (RuntimeError, "invalid size", lambda: functional.vjp(lambda t: t, x, rl.ones(3, dtype=rl.float64))),
        (RuntimeError, "single element", lambda: functional.hessian(lambda t: t, x)),
        (RuntimeError, "strict mode", lambda: functional.jacobian(lambda t: t.detach(), x, strict=True)),
        (RuntimeError, "strict mode", lambda: functional.hessian(lambda t: t.sum(), x, strict=True)),
        (RuntimeError, "not supported together", lambda: functional.jacobian(lambda t: t, x, strict=True, vectorize=True)),
        (NotImplementedError, "requires vectorize=True", lambda: functional.jacobian(lambda t: t, x, strategy="forward-mode")),
    ]:
        with pytest.raises(error, match=match):
            call()
    assert functional.jacobian(lambda t: t.detach(), x).tolist() == [[0, 0], [0, 0]]


# ---- gradcheck

def test_gradcheck_finds_a_wrong_gradient():
    class Wrong(Cube):
        @staticmethod
        def backward(ctx, grad):
            return grad * 3.1 * ctx.saved_tensors[0] ** 2

    x = leaf(0.5, -1.5)
    with pytest.raises(rl.autograd.gradcheck.__globals__["GradcheckError"], match="Jacobian mismatch"):
        rl.autograd.gradcheck(Wrong.apply, (x,))
    assert rl.autograd.gradcheck(Wrong.apply, (x,), raise_exception=False) is False
    assert rl.autograd.gradcheck(Wrong.apply, (x,), raise_exception=False, fast_mode=True) is False
    assert rl.autograd.gradcheck(Cube.apply, (x,), fast_mode=True)
    assert rl.autograd.gradcheck(Wrong.apply, (x,), rtol=0.1)


def test_gradcheck_of_complex_functions():
    z = rl.tensor([0.5 + 1j, -0.3 + 0.2j], dtype=rl.complex128, requires_grad=True)
    assert rl.autograd.gradcheck(lambda t: t * t, (z,))
    assert rl.autograd.gradcheck(lambda t: rl.view_as_real(t).sum(), (z,))
    assert rl.autograd.gradgradcheck(lambda t: t * t, (z,))


def test_gradcheck_conditions():
    with pytest.raises(ValueError, match="at least one input tensor to require gradient"):
        rl.autograd.gradcheck(lambda t: t * 2, (rl.ones(2, dtype=rl.float64),))
    with pytest.warns(UserWarning, match="not a double precision"):
        rl.autograd.gradcheck(lambda t: t * 2, (rl.ones(2, requires_grad=True),), atol=1, rtol=1)
    with pytest.raises(RuntimeError, match="stride 0"):
        rl.autograd.gradcheck(lambda t: t * 2, (rl.ones(1, dtype=rl.float64).expand(3).requires_grad_(),))
    assert rl.autograd.gradcheck(lambda a, b: (a * b, a + b), (leaf(1.0, 2.0), leaf(3.0, 4.0)), check_batched_grad=True)


# ---- the graph

def test_saved_tensors_hooks_pack_and_unpack():
    packed = []
    x = leaf(3.0)
    with graph.saved_tensors_hooks(lambda t: packed.append(t) or len(packed) - 1, lambda i: packed[i]):
        y = x * x
    y.sum().backward()
    assert x.grad.item() == 6 and packed
    with pytest.raises(RuntimeError, match="no hooks here"), graph.disable_saved_tensors_hooks("no hooks here"):
        with graph.saved_tensors_hooks(lambda t: t, lambda t: t):
            pass
    x.grad = None
    with graph.save_on_cpu():
        y = x.exp() * x
    y.sum().backward()
    assert x.grad.item() == pytest.approx(4 * np.exp(3.0))


def test_mutation_of_saved_tensors():
    x = leaf(2.0)
    with graph.allow_mutation_on_saved_tensors():
        y = x * 1
        z = (y * y).sum()
        y.detach().zero_()
        z.backward()
    assert x.grad.item() == 4


def test_edges_stand_for_tensors():
    x = leaf(2.0)
    y = x * x
    edge = graph.get_gradient_edge(y)
    assert edge.node is y.grad_fn and isinstance(edge.node, graph.Node) and edge.output_nr == 0
    g, = rl.autograd.grad((y * 3).sum(), [edge])
    assert g.item() == 3


def test_hooks_on_several_gradients():
    a, b, c = leaf(1.0), leaf(2.0), leaf(3.0)
    seen = []
    handle = graph.register_multi_grad_hook([a, b, c], lambda grads: seen.append([None if g is None else g.item() for g in grads]))
    (a * b).sum().backward()
    (a * b * c).sum().backward()
    assert seen == [[2, 1, None], [6, 3, 2]]
    handle.remove()
    first = graph.register_multi_grad_hook([a, b], lambda g: seen.append(g.item()), mode="any")
    (a * b).sum().backward()
    assert len(seen) == 3
    first.remove()


# ---- checkpointing

def network():
    rl.manual_seed(0)
    return rl.nn.Sequential(rl.nn.Linear(3, 5), rl.nn.Tanh(), rl.nn.Linear(5, 5), rl.nn.Tanh(), rl.nn.Linear(5, 2))


@pytest.mark.parametrize("reentrant", [True, False])
def test_checkpoints_change_no_gradient(reentrant):
    x = rl.ones(4, 3, requires_grad=True)
    results = []
    for run in (lambda net: net(x), lambda net: checkpoint(net, x, use_reentrant=reentrant),
                lambda net: checkpoint_sequential(net, 2, x, use_reentrant=reentrant)):
        net, x.grad = network(), None
        run(net).sum().backward()
        results.append([p.grad.numpy().copy() for p in (x, *net.parameters())])
    for other in results[1:]:
        for a, b in zip(results[0], other, strict=True):
            np.testing.assert_allclose(a, b, rtol=1e-6)       # the same operations, run twice


def test_checkpoints_keep_little_and_run_twice():
    calls = []

    def part(t):
        calls.append(1)
        return (t.exp() * t).sin()

    x = leaf(0.5)
    y = checkpoint(part, x, use_reentrant=False)
    assert len(calls) == 1
    y.sum().backward(retain_graph=True)
    assert len(calls) == 2
    first = x.grad.clone()
    x.grad = None
    y.sum().backward()
    assert x.grad.item() == first.item() and len(calls) == 3


@pytest.mark.parametrize("reentrant", [True, False])
def test_checkpoints_repeat_their_random_numbers(reentrant):
    x = rl.ones(100, requires_grad=True)
    rl.manual_seed(3)
    y = checkpoint(lambda t: rl.nn.functional.dropout(t * 1.0, 0.5), x, use_reentrant=reentrant)
    y.sum().backward()
    np.testing.assert_array_equal(x.grad.numpy(), y.detach().numpy())


def test_nested_checkpoints():
    x = leaf(0.7)

    def inner(t):
        return t.sin() * t

    y = checkpoint(lambda t: checkpoint(inner, t.exp(), use_reentrant=False).cos(), x, use_reentrant=False)
    y.sum().backward()
    e = np.exp(0.7)
    assert x.grad.item() == pytest.approx(-np.sin(np.sin(e) * e) * (np.cos(e) * e + np.sin(e)) * e)


def test_checkpoints_that_compute_something_else_are_refused():
    state = {"runs": 0}

    def part(t):
        state["runs"] += 1
        return (t.exp() if state["runs"] == 1 else t.exp().sin()).exp()

    y = checkpoint(part, leaf(0.5), use_reentrant=False, early_stop=False)
    with pytest.raises(CheckpointError, match="more tensors|different number"):
        y.sum().backward()
    with pytest.warns(UserWarning, match="use_reentrant"):
        checkpoint(lambda t: t, leaf(1.0))
    with pytest.raises(ValueError, match="Unexpected keyword"):
        checkpoint(lambda t: t, leaf(1.0), use_reentrant=True, other=1)


@pytest.mark.parametrize("fast_mode", [False, True])
def test_gradcheck_of_what_the_function_knows_without_its_arguments(fast_mode):
    layer = rl.nn.Linear(3, 2).double()
    weight, x = layer.weight, rl.randn(4, 3, dtype=rl.float64)
    before = weight.tolist()
    assert rl.autograd.gradcheck(lambda *unused: layer(x).sin(), tuple(layer.parameters()), fast_mode=fast_mode)
    assert weight.tolist() == before and layer.weight is weight


# ---- what hooks on saved tensors may change, and what not

class Quotient(rl.autograd.Function):
    @staticmethod
    def forward(ctx, x, y):
        result = x * y
        ctx.save_for_backward(x, y, result)
        return result

    @staticmethod
    def backward(ctx, g):
        x, y, result = ctx.saved_tensors
        return g * result / x, g * result / y


@pytest.mark.parametrize("function", [lambda x: x ** 3, lambda x: x.exp() * x, lambda x: (x * 2).sin() * x, lambda x: Quotient.apply(x, x.exp())],
                         ids=["a leaf", "a result", "an inner tensor", "a custom Function"])
@pytest.mark.parametrize("hooks", [lambda: graph.saved_tensors_hooks(lambda x: x.numpy().copy(), rl.from_numpy), graph.save_on_cpu,
                                   lambda: graph.saved_tensors_hooks(lambda x: x, lambda x: x)], ids=["numpy", "save_on_cpu", "nothing"])
def test_second_derivatives_through_packed_tensors(function, hooks):
    def derivatives(surroundings):
        x = leaf(0.5, 1.5)
        with surroundings:
            y = function(x).sum()
        first, = rl.autograd.grad(y, x, create_graph=True)
        return first, rl.autograd.grad(first.sum(), x)[0]

    for got, plain in zip(derivatives(hooks()), derivatives(rl.enable_grad())):
        assert rl.equal(got, plain)


def test_second_derivatives_through_nested_checkpoints():
    def once(x):
        return x.sin().exp()

    def value(inner, outer):
        x = leaf(0.3, 0.7)
        def slope(x):
            with rl.enable_grad():
                return rl.autograd.grad(inner(lambda z: inner(once, z) * z, x).sum(), x, create_graph=True)[0]
        return rl.autograd.grad(outer(slope, x).sum(), x)[0]

    def plain(function, x):
        return function(x)

    def part(function, x):
        return checkpoint(function, x, use_reentrant=False)

    for inner, outer in ((part, plain), (plain, part), (part, part)):
        assert rl.allclose(value(inner, outer), value(plain, plain))


def test_a_pack_hook_may_not_write_and_does_not_record():
    x = leaf(1.0, 2.0)
    seen = []
    with graph.saved_tensors_hooks(lambda t: seen.append(rl.is_grad_enabled()) or t, lambda t: t):
        (x * x).sum()
    assert seen and not any(seen)
    with graph.saved_tensors_hooks(lambda t: t.mul_(2), lambda t: t), pytest.raises(RuntimeError, match="modifying its input in place"):
        x.clone().exp()


# ---- rules at places where they are easily wrong

def test_extremes_of_nan_have_gradients_that_say_so():
    nan = float("nan")
    for function in (rl.amax, rl.amin, lambda x: rl.aminmax(x).max):
        x = leaf(1.0, nan)
        function(x).backward()
        assert x.grad.isnan().all()
    for function in (rl.max, rl.min, rl.median):
        x = leaf(1.0, nan, nan)
        function(x).backward()
        assert x.grad.tolist() == ([0.0, 0.5, 0.5])
    a, b = leaf(nan, 1.0), leaf(2.0, 1.0)
    (rl.maximum(a, b) + rl.minimum(a, b)).sum().backward()
    assert a.grad.tolist() == [2.0, 1.0] and b.grad.tolist() == [2.0, 1.0]


def test_equal_medians_share_the_gradient():
    for function in (rl.median, rl.nanmedian):
        x = leaf(1.0, 3.0, 3.0, 2.0, 3.0)
        function(x).backward()
        assert rl.allclose(x.grad, rl.tensor([0, 1, 1, 0, 1], dtype=rl.float64) / 3)


def test_complex_powers_of_negative_numbers():
    e = rl.tensor([0.3 + 0.5j, -1.2 + 0.1j], dtype=rl.complex128, requires_grad=True)
    base = rl.tensor([-1.0, -2.5], dtype=rl.float64)
    assert rl.autograd.gradcheck(lambda e: base ** e, (e,))
    assert rl.autograd.gradcheck(lambda e: rl.pow(-1, e), (e,))


def test_products_with_two_zeros_refuse_a_second_derivative():
    x, source, place = leaf(1.0), leaf(0.0, 0.0), rl.tensor([0, 0])
    first, = rl.autograd.grad(rl.scatter_reduce(x, 0, place, source, "prod").sum(), source, create_graph=True)
    assert first.tolist() == [0.0, 0.0]
    with pytest.raises(RuntimeError, match="Double backward is unsupported"):
        first.sum().backward()


def test_strict_derivatives_refuse_what_does_not_depend_on_the_input():
    x, v = rl.rand(4), rl.rand(4)
    for function in (functional.hvp, functional.vhp):
        with pytest.raises(RuntimeError, match="jacobian of the user-provided function with respect to input 0 is independent"):
            function(lambda a: 3 * a.sum(), x, v, strict=True)
    with pytest.raises(RuntimeError, match="jacobian of the user-provided function is independent of input 0"):
        functional.jvp(lambda a: a * 2, x, v, strict=True, create_graph=True)
    with pytest.raises(RuntimeError, match="with respect to input 0"):
        functional.hessian(lambda a: a.long().float().requires_grad_().sum(), x, strict=True)
    one = rl.tensor(1.0)
    assert functional.jacobian(lambda a: a * 2, one, vectorize=True, strategy="forward-mode") == 2


def test_mutation_contexts_do_not_nest():
    with graph.allow_mutation_on_saved_tensors():
        with pytest.raises(RuntimeError, match="cannot be nested"), graph.allow_mutation_on_saved_tensors():
            pass
    with graph.allow_mutation_on_saved_tensors():
        pass
