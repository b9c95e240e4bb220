"""Forward mode: every differentiable row against differences; levels, views, writes, modules and custom Functions against torch."""

import numpy as np
import pytest
import rushlight as rl
import rushlight.autograd.forward_ad as fwd
from test_ops import DIFFERENTIABLE, NUMERICAL_DIFFERS, calls, differentiable_function, function, tensors


@pytest.mark.parametrize("dtype", ["float64", "complex128"])
@pytest.mark.parametrize("row", [row for row, _ in DIFFERENTIABLE], ids=[name for _, name in DIFFERENTIABLE])
def test_rows(row, dtype):
    """Tangents are the columns that differences give."""
    if row["name"] in NUMERICAL_DIFFERS:
        pytest.skip(NUMERICAL_DIFFERS[row["name"]])
    tried = 0
    for text, args, kwargs, _ in calls(row, dtype=dtype, grad=True):
        if dtype == "complex128":
            try:
                if not tensors(function(row)(*args, **kwargs)):
                    continue
            except (RuntimeError, NotImplementedError, TypeError, ValueError):
                pytest.skip("not for complex numbers")
        call, inputs = differentiable_function(row, args, kwargs)
        if not inputs or not call(*inputs):
            continue
        tried += 1
        assert rl.autograd.gradcheck(call, inputs, check_forward_ad=True, check_backward_ad=False), text
    if not tried:
        pytest.skip("no sample is differentiable")


# ---- programs, the same under both libraries: each returns tensors; results and their tangents must agree ----


def start(torch, *shape, seed=0, **options):
    rng = np.random.default_rng(seed)
    return torch.tensor(rng.standard_normal(shape), dtype=torch.float64, **options)


def dual(torch, fwd, *shape, seed=0, **options):
    return fwd.make_dual(start(torch, *shape, seed=seed, **options), start(torch, *shape, seed=seed + 100))


def views(torch, fwd):
    x = dual(torch, fwd, 3, 4)
    return x.t(), x[1], x[:, ::2].reshape(-1), x.diagonal(), x.unsqueeze(0).expand(2, 3, 4), *x.split(2, 1), x.permute(1, 0).contiguous(), x.view(2, 6)


def writes(torch, fwd):
    x, base = dual(torch, fwd, 4), start(torch, 3, 4)
    base[1] = x
    base[:, 2] *= 3
    row = base[2]
    row.add_(x * x)
    y = x.clone()
    y.mul_(x).sin_()
    z = x * 2
    z[0] = 0
    z[1:3].exp_()
    w = dual(torch, fwd, 4, seed=5) * 1
    w.copy_(start(torch, 4))
    filled = x * 1
    filled.zero_()
    return base, y, z, w, filled


def indexing(torch, fwd):
    x, places = dual(torch, fwd, 4, 3), torch.tensor([2, 0, 2])
    y = torch.zeros(4, 3, dtype=torch.float64)
    y.index_add_(0, places, x[:3])
    return x[places], x[x.detach() > 0], y, x.gather(1, torch.tensor([[0], [2], [1], [1]])), torch.cat([x, x * x]), torch.where(x.detach() > 0, x, x * 2), *x.max(1)[:1], x.sort(0)[0]


def without_recording(torch, fwd):
    with torch.no_grad():
        x = dual(torch, fwd, 5)
        return (x * x).sum(), torch.nn.functional.gelu(x), torch.softmax(x, 0), torch.nn.functional.layer_norm(x, (5,))


def detached(torch, fwd):
    x = dual(torch, fwd, 3)
    return x.detach() * 2, x.detach() * x, torch.sign(x), (x > 0).double()


def modules(torch, fwd):
    torch.manual_seed(0)
    nn, x, image = torch.nn, dual(torch, fwd, 5, 6), dual(torch, fwd, 2, 3, 8, 8, seed=1)
    layers = [nn.Linear(6, 4), nn.LayerNorm(6), nn.BatchNorm1d(6), nn.Sequential(nn.Linear(6, 8), nn.GELU(), nn.Dropout(0.0), nn.Linear(8, 1))]
    over_images = [nn.Conv2d(3, 4, 3, padding=1), nn.MaxPool2d(2), nn.AvgPool2d(2), nn.BatchNorm2d(3), nn.GroupNorm(3, 3), nn.Upsample(scale_factor=2), nn.Flatten()]
    losses = [lambda x: nn.functional.cross_entropy(x, torch.tensor([0, 1, 2, 3, 4])), lambda x: nn.functional.mse_loss(x, torch.zeros(5, 6, dtype=torch.float64))]
    return [layer.double()(x) for layer in layers] + [layer.double()(image) for layer in over_images] + [loss(x) for loss in losses]


def attention(torch, fwd):
    q = dual(torch, fwd, 1, 2, 4, 3)
    return torch.softmax(q @ (q * 2).mT, -1) @ q.sin()


def reverse_over_forward(torch, fwd):
    x = start(torch, 4, requires_grad=True)
    d = fwd.make_dual(x, start(torch, 4, seed=9))
    tangent = fwd.unpack_dual((d.sin() * d).sum()).tangent
    return torch.autograd.grad(tangent, x)[0], tangent


def forward_over_reverse(torch, fwd):
    """A Hessian times a vector, with and without a graph."""
    def slope(create_graph):
        x = fwd.make_dual(start(torch, 4, requires_grad=True), start(torch, 4, seed=9))
        return torch.autograd.grad((x.tanh() * x.exp() + torch.nn.functional.gelu(x)).sum(), x, create_graph=create_graph)[0]

    return slope(False), slope(True)


def complex_numbers(torch, fwd):
    x = dual(torch, fwd, 4)
    z = torch.complex(x, x * x)
    return torch.view_as_real(z * z), z.abs(), torch.view_as_real(torch.fft.fft(x)), (z.conj() * z).real


def linear_algebra(torch, fwd):
    a = dual(torch, fwd, 3, 3)
    s = a @ a.mT + 3 * torch.eye(3, dtype=torch.float64)
    return torch.linalg.inv(s), torch.linalg.det(s), torch.linalg.cholesky(s), torch.linalg.solve(s, a), torch.linalg.eigvalsh(s), torch.linalg.svdvals(a), torch.einsum("ij,kj->ik", a, a)


PROGRAMS = [views, writes, indexing, without_recording, detached, modules, attention, reverse_over_forward, forward_over_reverse, complex_numbers, linear_algebra]


@pytest.mark.parametrize("program", PROGRAMS, ids=lambda program: program.__name__)
def test_programs(program):
    torch = pytest.importorskip("torch")
    import torch.autograd.forward_ad as their_fwd

    def results(library, forward):
        with forward.dual_level():
            outputs = program(library, forward)
            pairs = [forward.unpack_dual(y) for y in (outputs if isinstance(outputs, (tuple, list)) else (outputs,))]
            return [(y.detach().numpy().copy(), None if t is None else t.detach().numpy().copy()) for y, t in pairs]

    for k, ((y, t), (expected, tangent)) in enumerate(zip(results(rl, fwd), results(torch, their_fwd), strict=True)):
        np.testing.assert_allclose(y, expected, rtol=1e-9, atol=1e-12, err_msg=str(k))
        assert (t is None) == (tangent is None), k
        if t is not None:
            np.testing.assert_allclose(t, tangent, rtol=1e-8, atol=1e-11, err_msg=str(k))


def test_attention_against_differences():
    """torch's fused kernel refuses."""
    attend = rl.nn.functional.scaled_dot_product_attention
    call = lambda q: attend(q, q * 2, q.sin(), is_causal=True)  # noqa: E731
    assert rl.autograd.gradcheck(call, start(rl, 1, 2, 4, 3, requires_grad=True), check_forward_ad=True)


def test_recurrent_layers_against_differences():
    """torch's own refuse."""
    rl.manual_seed(0)
    for kind in (rl.nn.LSTM, rl.nn.GRU, rl.nn.RNN):
        layer = kind(3, 4, 2, bidirectional=True).double()
        assert rl.autograd.gradcheck(lambda x: layer(x)[0], start(rl, 5, 2, 3, requires_grad=True), check_forward_ad=True, check_backward_ad=False)


def levels(torch, fwd):
    x = torch.ones(3)

    def in_level(call):
        with fwd.dual_level():
            return call()

    return [
        lambda: fwd.make_dual(x, x), fwd.exit_dual_level, lambda: in_level(lambda: fwd.make_dual(x, torch.ones(2))), lambda: in_level(lambda: fwd.make_dual(x.int(), x)),
        lambda: in_level(lambda: fwd.make_dual(x, x.int())), lambda: in_level(lambda: fwd.make_dual(fwd.make_dual(x, x), x)), lambda: in_level(fwd.enter_dual_level),
        lambda: in_level(lambda: fwd.make_dual(x, x, level=3)), lambda: in_level(lambda: fwd.exit_dual_level(level=3)),
        lambda: in_level(lambda: torch.add(fwd.make_dual(x, x), 1, out=torch.empty(3))), lambda: in_level(lambda: torch._standard_gamma(fwd.make_dual(x, x))),
    ]  # fmt: skip


def test_levels_refuse_what_torchs_refuse():
    torch = pytest.importorskip("torch")
    import torch.autograd.forward_ad as their_fwd

    for theirs, ours in zip(levels(torch, their_fwd), levels(rl, fwd), strict=True):
        with pytest.raises(Exception) as expected:
            theirs()
        with pytest.raises(type(expected.value)) as got:
            ours()
        assert str(got.value)[:50] == str(expected.value).replace("torch.", "rushlight.")[:50]
        assert fwd._current_level == -1


def test_levels_forget_their_tangents():
    kept = []
    for _ in range(2):
        with fwd.dual_level():
            d = fwd.make_dual(rl.ones(3), rl.ones(3))
            kept.append(d)
            assert repr(d) == "tensor([1., 1., 1.], tangent=tensor([1., 1., 1.]))"
            for k in range(2000):  # the table grows, and gives up what is freed
                d = d * 1.0001
        assert fwd.unpack_dual(d).tangent is None and not rl._C._has_tangent(d)


def test_operations_without_tangents_get_none():
    with fwd.dual_level():
        assert fwd.unpack_dual(rl.ones(3) * 2).tangent is None
        d = fwd.make_dual(rl.ones(3), rl.ones(3))
        with fwd._set_fwd_grad_enabled(False):
            assert fwd.unpack_dual(d * 2).tangent is None
        assert fwd.unpack_dual(d.int()).tangent is None
        y, t = fwd.unpack_dual(rl.nn.functional.dropout(d, 0.5))
        assert y.tolist() == t.tolist() and set(y.tolist()) <= {0.0, 2.0}


def test_custom_functions():
    class Scaled(rl.autograd.Function):
        @staticmethod
        def forward(ctx, a, b, factor):
            ctx.factor = factor
            ctx.save_for_forward(a, b)
            return a * b * factor, a + 1

        @staticmethod
        def jvp(ctx, a_t, b_t, factor_t):
            a, b = ctx.saved_tensors
            assert factor_t is None
            return (a_t * b + a * b_t) * ctx.factor, a_t

    class BackwardAlone(rl.autograd.Function):
        @staticmethod
        def forward(ctx, a):
            return a * 2

        @staticmethod
        def backward(ctx, g):
            return g * 2

    with fwd.dual_level():
        a, b = rl.tensor([1.0, 2.0]), rl.tensor([3.0, 5.0])
        y, z = Scaled.apply(fwd.make_dual(a, rl.tensor([1.0, 10.0])), b, 2)
        assert fwd.unpack_dual(y).tangent.tolist() == [6.0, 100.0] and fwd.unpack_dual(z).tangent.tolist() == [1.0, 10.0]
        assert fwd.unpack_dual(y * y).tangent.tolist() == [2 * 6 * 6.0, 2 * 20 * 100.0]
        assert fwd.unpack_dual(Scaled.apply(a, b, 2)[0]).tangent is None
        with pytest.raises(NotImplementedError, match="You must implement the jvp function for custom autograd.Function"):
            BackwardAlone.apply(fwd.make_dual(a, b))


def transforms(torch):
    func, x = torch.func, start(torch, 3)
    f = lambda a, b: (a.sin() * b, {"sum": (a * b).sum()})  # noqa: E731
    g = lambda a: (a.exp() * a.cos()).sum()  # noqa: E731
    linear, push = func.linearize(lambda a: a.tanh() * 2, x)
    return [
        func.jvp(f, (x, x + 1), (x * 2, x)), func.jacfwd(f, argnums=(0, 1))(x, x + 1), func.jacfwd(lambda a: a.outer(a))(x), func.hessian(g)(x),
        func.jacfwd(func.jacrev(g))(x), func.jacrev(func.jacfwd(g))(x), func.jacfwd(func.jacfwd(g))(x), func.jvp(func.grad(g), (x,), (x,)), linear, push(x),
        func.grad(lambda a: func.jvp(g, (a,), (a,))[1])(x), func.jvp(lambda a: func.jvp(g, (a,), (x,))[1], (x,), (x,)),
        torch.autograd.functional.jvp(lambda a: a.exp(), x, x), torch.autograd.functional.jacobian(lambda a: (a.exp(), a.sum()), x, vectorize=True, strategy="forward-mode"),
        torch.autograd.functional.hessian(g, x, vectorize=True, outer_jacobian_strategy="forward-mode"),
    ]  # fmt: skip


def test_writes_under_inference_mode_carry_tangents():
    with rl.inference_mode(), fwd.dual_level():
        x = fwd.make_dual(rl.ones(2), rl.full((2,), 3.0))
        x.mul_(2)
        assert fwd.unpack_dual(x).tangent.tolist() == [6.0, 6.0]


def test_what_cannot_carry_a_tangent():
    with fwd.dual_level():
        x = fwd.make_dual(rl.rand(2), rl.rand(2))
        with pytest.raises(RuntimeError, match="that itself has a forward gradient"):
            fwd.make_dual(rl.rand(2), x)
        with pytest.raises(NotImplementedError, match="out= function"):
            rl.add(rl.ones(2), 1, out=x)
        with pytest.raises(NotImplementedError, match="forward AD with igamma that does not support it"):
            rl.igamma(x, x)
        assert fwd.unpack_dual(x.clone().detach_() * 2).tangent is None


def test_transforms():
    torch = pytest.importorskip("torch")
    import torch.func  # noqa: F401
    from torch.utils._pytree import tree_leaves

    theirs, ours = tree_leaves(transforms(torch)), rl.utils._pytree.tree_leaves(transforms(rl))
    for k, (t, o) in enumerate(zip(theirs, ours, strict=True)):
        np.testing.assert_allclose(o.detach().numpy(), t.detach().numpy(), rtol=1e-9, atol=1e-12, err_msg=str(k))
        assert not o.requires_grad and not rl._C._has_tangent(o)


def test_gradcheck_of_forward_mode_notices_errors():
    class Wrong(rl.autograd.Function):
        @staticmethod
        def forward(ctx, a):
            return a * 2

        @staticmethod
        def jvp(ctx, a_t):
            return a_t * 3

    x = start(rl, 3, requires_grad=True)
    with pytest.raises(rl.autograd.gradcheck.__globals__["GradcheckError"], match="Jacobian computed with forward mode mismatch for output 0"):
        rl.autograd.gradcheck(Wrong.apply, x, check_forward_ad=True, check_backward_ad=False)
    assert rl.autograd.gradgradcheck(lambda a: (a.sin() * a.exp()).cumsum(0), x, check_fwd_over_rev=True)


def test_checkpoints_and_saved_tensor_hooks_stay_out_of_it():
    calls_seen = []
    with fwd.dual_level(), rl.autograd.graph.saved_tensors_hooks(lambda t: calls_seen.append(1) or t, lambda t: t):
        d = fwd.make_dual(rl.ones(3), rl.ones(3))
        assert fwd.unpack_dual((d * d).exp()).tangent is not None
    assert calls_seen == []


def test_memory_that_runs_out():
    """Every allocation of a dual call and of a dual write fails in turn: MemoryError, no crash, and nothing stays behind."""
    def work():
        with fwd.dual_level():
            d = fwd.make_dual(rl.ones(3), rl.ones(3))
            y = (d * d.sin()).cumsum(0)
            base = rl.zeros(2, 3)
            base[1] = y
            base[:, 1:].exp_()
            return fwd.unpack_dual(base).tangent.tolist()

    expected, failed = work(), 0
    for n in range(400):
        before = rl._C._memory_fail_after(n, True)
        try:
            found = work()
        except MemoryError:
            found = None
        failed += rl._C._memory_fail_after(-1, True) - before
        assert found in (None, expected) and fwd._current_level == -1
    assert failed > 100
    assert work() == expected


def test_linearize_runs_the_function_once():
    runs = []

    def f(a):
        runs.append(1)
        return a.sin() * rl.rand(3, dtype=a.dtype)

    value, push = rl.func.linearize(f, start(rl, 3))
    one, two = push(rl.ones(3, dtype=rl.float64)), push(2 * rl.ones(3, dtype=rl.float64))
    assert len(runs) == 1 and not value.requires_grad and not one.requires_grad
    np.testing.assert_allclose(two.numpy(), 2 * one.numpy())
    with pytest.raises(RuntimeError, match="doesn't match the shape"):
        push(rl.ones(2))


@pytest.mark.parametrize("draw", [
    lambda x: x.bernoulli_(), lambda x: x.bernoulli_(0.5), lambda x: x.bernoulli_(x.detach().clone()), lambda x: x.bernoulli_(x), lambda x: x.exponential_(), lambda x: x.normal_(), lambda x: x.uniform_(),
    lambda x: x.geometric_(0.5), lambda x: x.cauchy_(), lambda x: x.log_normal_(), lambda x: x.random_(2)])
def test_numbers_drawn_in_place_have_a_tangent_of_zeros(draw):
    for copied in (False, True):
        with fwd.dual_level():
            x = fwd.make_dual(rl.full((3,), 0.5), rl.ones(3))
            y = draw(x.clone() if copied else x)
            assert fwd.unpack_dual(y).tangent.tolist() == [0, 0, 0]


def test_views_see_the_tangent_that_their_base_gets_later():
    with fwd.dual_level():
        y = fwd.make_dual(rl.ones(2, 6), rl.arange(12.0).reshape(2, 6))
        x = rl.zeros(2, 6)
        view = x[0]
        x.copy_(y)
        assert fwd.unpack_dual(view * 2).tangent.tolist() == [0, 2, 4, 6, 8, 10] and fwd.unpack_dual(view).tangent.tolist() == [0, 1, 2, 3, 4, 5]
        x = rl.zeros(2, 6)
        row, column = x[0], x[:, 1]
        row.copy_(y[1])
        assert fwd.unpack_dual(column).tangent.tolist() == [7, 0] and fwd.unpack_dual(x.sum()).tangent.item() == 51
        x, other = rl.zeros(2, 6), rl.ones(6)
        row = x[0]
        x.copy_(y)
        other.mul_(row)
        assert fwd.unpack_dual(other).tangent.tolist() == [0, 1, 2, 3, 4, 5]


def test_views_of_tensors_whose_tangents_are_laid_out_otherwise():
    for tangent in (rl.ones(2, 6), rl.ones(6, 2).t()):
        with fwd.dual_level():
            x = fwd.make_dual(rl.zeros(2, 3, 6)[:, 1], tangent)
            y = fwd.make_dual(rl.ones(2, 6), rl.arange(12.0).reshape(2, 6))
            view = x[0, ::2]
            x.copy_(y)
            assert fwd.unpack_dual(view).tangent.tolist() == [0, 2, 4] and fwd.unpack_dual(x).tangent.tolist() == y.new_tensor(range(12)).reshape(2, 6).tolist()
