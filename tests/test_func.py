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
        (RuntimeError, "to return a tensor", lambda: rl.func.grad(lambda v: 3)(x)),
        (RuntimeError, "only 1 positional", lambda: rl.func.grad(lambda v: v.sum(), argnums=1)(x)),
        (RuntimeError, "pytree structure", lambda: rl.func.vjp(lambda v: (v, v), x)[1](x)),
        (RuntimeError, "to be tuples", lambda: rl.func.jvp(lambda v: v, x, x)),
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
