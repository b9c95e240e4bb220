"""Function transforms: values of torch's, nesting, trees, refusals."""

import numpy as np
import pytest

import rushlight as rl

CASES = {
    "grad": lambda t, x: t.func.grad(lambda v: (v.sin() * v).sum())(x),
    "grad of grad": lambda t, x: t.func.grad(lambda v: t.func.grad(lambda u: (u ** 4).sum())(v).sum())(x),
    "grad and value, two arguments": lambda t, x: t.func.grad_and_value(lambda a, b: (a * b.exp()).sum(), argnums=(0, 1))(x, x),
    "grad with aux": lambda t, x: t.func.grad(lambda v: ((v * v).sum(), v * 2), has_aux=True)(x),
    "grad by a dict": lambda t, x: list(t.func.grad(lambda d: (d["a"] * d["b"]).sum())({"a": x, "b": x * 2}).values()),
    "hessian": lambda t, x: t.func.hessian(lambda v: (v ** 3).prod())(x),
    "jacrev": lambda t, x: t.func.jacrev(lambda v: (v ** 2, v.sum()))(x),
    "jacfwd, second argument": lambda t, x: t.func.jacfwd(lambda a, b: a * b.sin(), argnums=1)(x, x),
    "vjp": lambda t, x: t.func.vjp(lambda v: (v * 2, v.exp()), x)[1]((x, x)),
    "jvp": lambda t, x: t.func.jvp(lambda a, b: a * b, (x, x + 1), (x, x)),
    "linearize": lambda t, x: t.func.linearize(lambda v: v.exp(), x)[1](x),
    "vmap": lambda t, x: t.vmap(lambda a, b: (a * b).sum(), in_dims=(0, None))(x.unsqueeze(1), x),
    "vmap, other dims": lambda t, x: t.func.vmap(lambda v: {"y": v.outer(v)}, in_dims=1, out_dims=2)(t.stack([x, x + 1], 1))["y"],
    "gradients per example": lambda t, x: t.vmap(t.func.grad(lambda v: (v ** 3).sum()))(x),
    "vmap of vmap": lambda t, x: t.vmap(t.vmap(lambda a, b: a * b, (0, None)), (None, 0))(x, x),
}


def arrays(lib, value):
    if isinstance(value, lib.Tensor):
        return [value.detach().numpy()]
    return [a for part in value for a in arrays(lib, part)]


@pytest.mark.parametrize("name", CASES)
def test_values_are_torchs(name):
    torch = pytest.importorskip("torch")
    ours, theirs = (arrays(lib, CASES[name](lib, lib.tensor([0.5, -1.2, 2.0], dtype=lib.float64))) for lib in (rl, torch))
    for a, b in zip(ours, theirs, strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-12)          # double precision, a handful of operations


def test_results_are_connected_where_inputs_are():
    x = rl.tensor([1.0, 2.0])
    assert not rl.func.grad(lambda v: (v ** 2).sum())(x).requires_grad
    x.requires_grad_()
    g = rl.func.grad(lambda v: (v ** 3).sum())(x)
    g.sum().backward()
    assert x.grad.tolist() == [6, 12]
    with rl.no_grad():
        assert rl.func.grad(lambda v: (v ** 2).sum())(x).tolist() == [2, 4]


def test_modules_as_functions():
    nets = [rl.nn.Linear(3, 2) for _ in range(4)]
    parameters, buffers = rl.func.stack_module_state(nets)
    x = rl.ones(5, 3)
    together = rl.vmap(lambda p, b: rl.func.functional_call(nets[0], (p, b), (x,)))(parameters, buffers)
    np.testing.assert_allclose(together.detach().numpy(), [net(x).detach().numpy() for net in nets], rtol=1e-6)
    slopes = rl.func.grad(lambda p: rl.func.functional_call(nets[0], p, (x,)).sum())(dict(nets[0].named_parameters()))
    assert slopes["bias"].tolist() == [5, 5] and slopes["weight"].shape == (2, 3)


def test_randomness():
    x = rl.zeros(3)
    with pytest.raises(RuntimeError, match="randomness error mode"):
        rl.vmap(lambda v: v + rl.rand(()))(x)
    same = rl.vmap(lambda v: v + rl.rand(()), randomness="same")(x)
    different = rl.vmap(lambda v: v + rl.rand(()), randomness="different")(x)
    assert len(set(same.tolist())) == 1 and len(set(different.tolist())) == 3


def test_refusals():
    x = rl.ones(2)
    for error, match, call in [
        (RuntimeError, "scalar tensor", lambda: rl.func.grad(lambda v: v)(x)),
        (RuntimeError, "to return a Tensor", lambda: rl.func.grad(lambda v: 3)(x)),
        (RuntimeError, "only 1 positional", lambda: rl.func.grad(lambda v: v.sum(), argnums=1)(x)),
        (RuntimeError, "pytree structure", lambda: rl.func.vjp(lambda v: (v, v), x)[1](x)),
        (RuntimeError, "to be a tuple", lambda: rl.func.jvp(lambda v: v, x, x)),
        (RuntimeError, "at least one Tensor", lambda: rl.func.jvp(rl.sin, (), ())),
        (RuntimeError, "tangents to only contain Tensors", lambda: rl.func.jvp(rl.sin, (x,), (1.0,))),
        (RuntimeError, "int or Tuple", lambda: rl.func.grad(rl.mul, argnums=[0])(x, x)),
        (RuntimeError, "must be int", lambda: rl.func.grad(rl.mul, argnums=("0",))(x, x)),
        (RuntimeError, "must be unique", lambda: rl.func.jacrev(rl.mul, argnums=(0, -2))(x, x)),
        (RuntimeError, "must be non-empty", lambda: rl.func.jacfwd(rl.mul, argnums=())(x, x)),
        (RuntimeError, "unsupported type <class 'str'>", lambda: rl.func.grad(lambda v: (v.sum(), "s"), has_aux=True)(x)),
        (RuntimeError, "non-empty output", lambda: rl.func.jacrev(lambda v: None)(x)),
        (RuntimeError, "only tensors, got unsupported type <class 'int'>", lambda: rl.func.jacrev(lambda v: 1)(x)),
        (ValueError, "same size in the mapped", lambda: rl.vmap(lambda a, b: a)(x, rl.ones(3))),
        (ValueError, "dimensionality 1", lambda: rl.vmap(lambda a: a, in_dims=1)(x)),
        (ValueError, "no inputs", lambda: rl.vmap(lambda: 1)()),
        (ValueError, "must only return Tensors", lambda: rl.vmap(lambda a: 1)(x)),
        (ValueError, "multiple dictionaries", lambda: rl.func.functional_call(rl.nn.Linear(1, 1), [{"bias": x}, {"bias": x}], ())),
    ]:
        with pytest.raises(error, match=match):
            call()


def test_results_are_differentiable_by_what_the_function_closes_over():
    """Parameters that are no arguments, as for a gradient penalty; and nothing else keeps a history."""
    torch = pytest.importorskip("torch")

    def slopes(library):
        func, x = library.func, library.tensor([1.0, 2.0, 3.0])
        w = library.tensor([2.0, 3.0, 5.0], requires_grad=True)
        f = lambda a: (w * a * a).sum()  # noqa: E731
        value, pull = func.vjp(lambda a: w * a.sin(), x)
        made = [func.grad(f)(x), func.jacrev(lambda a: w * a * a)(x), value, pull(x)[0], func.jvp(f, (x,), (x,))[1], func.hessian(f)(x), func.jacfwd(lambda a: w * a * a)(x)]
        return [(y.requires_grad, library.autograd.grad(y.square().sum(), w, retain_graph=True)[0].tolist()) for y in made] + [func.grad(lambda a: (a * a).sum())(x).requires_grad]

    import torch.func  # noqa: F401

    ours, theirs = slopes(rl), slopes(torch)
    assert ours[-1] is theirs[-1] is False
    for (live, values), (expected, reference) in zip(ours[:-1], theirs[:-1], strict=True):
        assert live == expected and values == pytest.approx(reference, rel=1e-5)


def test_what_is_computed_without_recording_is_a_constant():
    def slope(inner):
        def function(x):
            with rl.no_grad():
                constant = inner(x)
            return x ** 3 - constant

        x = rl.tensor(1.5, requires_grad=True)
        y = rl.func.grad(function)(x)
        return y.item(), rl.autograd.grad(y, x)[0].item()

    one = rl.ones(())
    for inner in (rl.func.grad(lambda x: x ** 4), lambda x: rl.func.grad_and_value(lambda x: x ** 4)(x)[1], lambda x: rl.func.vjp(lambda x: x ** 4, x)[1](one)[0],
                  lambda x: rl.func.jvp(lambda x: x ** 4, (x,), (one,))[1], lambda x: x ** 4):
        assert slope(inner) == (6.75, 9.0)


def test_jacobians_of_numbers():
    x = rl.tensor(0.5)
    for transform in (rl.func.jacrev, rl.func.jacfwd):
        assert transform(rl.sin)(x) == x.cos() and transform(rl.sin)(x).shape == ()
    assert rl.func.hessian(rl.sin)(x) == -x.sin()


def test_named_results_are_containers():
    from rushlight.utils import _pytree
    leaves, spec = _pytree.tree_flatten(rl.rand(2, 3).max(0))
    assert len(leaves) == 2 and _pytree.tree_unflatten(leaves, spec).values is leaves[0]
    assert repr(_pytree.tree_structure([1, (2, 3)])) == "TreeSpec(list, None, [*,\n  TreeSpec(tuple, None, [*,\n    *])])"


def test_functional_call_puts_tensors_where_tensors_are():
    class Model(rl.nn.Module):
        def __init__(self):
            super().__init__()
            self.layer, self.number = rl.nn.Linear(1, 1), 0.0

        def forward(self, x):
            return self.layer(x), [name for name, _ in self.named_parameters()]

    model, x = Model(), rl.ones(1, 1)
    with pytest.raises(TypeError, match="attribute `number`: 0.0 is not an instance"):
        rl.func.functional_call(model, {"number": rl.ones(1)}, x)
    assert rl.func.functional_call(model, {"layer.more": rl.nn.Parameter(x)}, x)[1] == ["layer.weight", "layer.bias", "layer.more"]
    assert [name for name, _ in model.named_parameters()] == ["layer.weight", "layer.bias"]


def test_module_tracker_knows_what_runs():
    from rushlight.utils.module_tracker import ModuleTracker
    model, seen = rl.nn.Sequential(rl.nn.Linear(2, 2), rl.nn.Linear(2, 1)), []
    model[0].register_forward_hook(lambda *args: seen.append((sorted(tracker.parents), tracker.is_bw)))
    with ModuleTracker() as tracker:
        y = model(rl.rand(1, 2, requires_grad=True))
        y.register_hook(lambda g: seen.append((sorted(tracker.parents), tracker.is_bw)))
        y.sum().backward()
        assert tracker.parents == {"Global"} and not tracker.is_bw
    assert seen == [(["Global", "Sequential"], False), (["Global", "Sequential", "Sequential.1"], True)]
