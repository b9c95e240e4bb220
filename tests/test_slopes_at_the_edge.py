"""Gradients where numbers end: infinite and undefined gradients and inputs, overlapping views, leaves that are views; against torch."""

import warnings

import numpy as np
import pytest
import rushlight as rl

VALUES = [-7.0, -3.0, -1.0, -0.5, 0.0, 0.3, 0.5, 1.0, 3.0, 6.0, float("inf"), float("-inf"), float("nan")]
GATES = ["relu", "relu6", "hardtanh", "hardswish", "elu", "selu", "celu", "leaky_relu", "softshrink", "hardshrink", "softplus", "silu", "gelu"]


def slopes(torch, call, gradient):
    x = torch.tensor(VALUES, dtype=torch.float64, requires_grad=True)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        y = call(torch, x)
        y.backward(torch.full_like(y, gradient))
    return x.grad.numpy()


CALLS = {name: lambda torch, x, name=name: getattr(torch.nn.functional, name)(x) for name in GATES} | {
    "threshold": lambda torch, x: torch.nn.functional.threshold(x, 0.1, 0.2),
    "clamp": lambda torch, x: x.clamp(-0.5, 0.5),
    "maximum": lambda torch, x: torch.maximum(x, torch.zeros_like(x)),
    "minimum": lambda torch, x: torch.minimum(x, torch.zeros_like(x)),
    "maximum with itself": lambda torch, x: torch.maximum(x, x * 1),
    "max of all": lambda torch, x: x.max(),
    "min of all": lambda torch, x: x.min(),
    "logaddexp": lambda torch, x: torch.logaddexp(x, torch.zeros_like(x)),
    "logaddexp2": lambda torch, x: torch.logaddexp2(x, torch.zeros_like(x)),
    "huber_loss": lambda torch, x: torch.nn.functional.huber_loss(x, torch.zeros_like(x), reduction="none"),
    "smooth_l1_loss": lambda torch, x: torch.nn.functional.smooth_l1_loss(x, torch.zeros_like(x), reduction="none"),
}


@pytest.mark.parametrize("gradient", [1.0, float("inf"), float("nan"), 0.0])
@pytest.mark.parametrize("name", CALLS)
def test_slopes_are_torchs(name, gradient):
    torch = pytest.importorskip("torch")
    np.testing.assert_allclose(slopes(rl, CALLS[name], gradient), slopes(torch, CALLS[name], gradient), rtol=1e-12, atol=1e-12)    # another order of operations


@pytest.mark.parametrize("name", ["relu", "hardtanh", "softshrink", "hardshrink"])
def test_nothing_passes_a_closed_gate(name):
    """Not even infinity: a gradient that overflowed is found in the weights that it belongs to, and nowhere else."""
    x = rl.tensor([-3.0, 0.0, 0.3, 3.0], requires_grad=True)
    y = getattr(rl.nn.functional, name)(x)
    open_ = rl.autograd.grad(y.sum(), x)[0] != 0
    (slope,) = rl.autograd.grad(getattr(rl.nn.functional, name)(x), x, rl.full((4,), float("inf")))
    assert slope.isinf().tolist() == open_.tolist() and not slope.isnan().any()


def overlapping(torch, x):
    return [x.expand(4, 4).as_strided((2, 2), (1, 1)), x.expand(3, 4).as_strided((4,), (1,)), x.unfold(0, 2, 1).as_strided((3,), (1,), 1), x.expand(2, 3, 4)[1].as_strided((2, 3), (1, 1))]


@pytest.mark.parametrize("k", range(4))
def test_a_view_of_a_view_whose_elements_share_memory(k):
    """Each number has one gradient, however many places of the view in between show it."""
    torch = pytest.importorskip("torch")
    results = []
    for library in (rl, torch):
        x = library.tensor([1.0, 2.0, 3.0, 4.0], dtype=library.float64, requires_grad=True)
        y = overlapping(library, x)[k]
        (first,) = library.autograd.grad((y * y * y).sum(), x, create_graph=True)
        (second,) = library.autograd.grad((first * first).sum(), x)
        results.append([first.detach().numpy(), second.numpy()])
    np.testing.assert_array_equal(results[0], results[1])


@pytest.mark.parametrize("write", [lambda x: x.add_(1), lambda x: x.__setitem__(0, 0.0), lambda x: x.zero_(), lambda x: x.t_()])
def test_a_leaf_that_is_a_view_is_not_written_to(write):
    x = rl.arange(4.0).reshape(2, 2).requires_grad_()
    with pytest.raises(RuntimeError, match="a view of a leaf Variable that requires grad is being used in an in-place operation"):
        write(x)
    assert x.tolist() == [[0, 1], [2, 3]] and x.is_leaf and x._version == 0
    with rl.no_grad():
        write(x)
    assert x.is_leaf and x._version == 1


@pytest.mark.parametrize("call", [lambda x: rl.rot90(x, 2), lambda x: rl.tensordot(x, x, 1), lambda x: rl.nn.functional.one_hot(x.abs().long())])
def test_a_result_is_no_view_of_what_its_caller_never_saw(call):
    y = call(rl.randn(3, 3, requires_grad=True))
    assert not y._is_view() and y._base is None
    if y.requires_grad:
        y.mul_(2)
        assert type(y.grad_fn).__name__.startswith("Mul")
        y.detach_()


def test_shapes_of_overlapping_tensors_change_in_place():
    x = rl.ones(1, 3).expand(4, 1, 3)
    assert x.squeeze_().shape == (4, 3) and x.t_().shape == (3, 4) and x.unsqueeze_(0).shape == (1, 3, 4) and x.transpose_(0, 1).shape == (3, 1, 4)


@pytest.mark.parametrize("name", ["mse_loss", "smooth_l1_loss", "huber_loss"])
def test_a_bool_target_is_a_number(name):
    p, t = rl.tensor([0.5, 1.0], requires_grad=True), rl.tensor([True, False])
    loss, same = getattr(rl.nn.functional, name)(p, t), getattr(rl.nn.functional, name)(p, t.float())
    assert rl.equal(loss, same) and rl.equal(rl.autograd.grad(loss, p)[0], rl.autograd.grad(same, p)[0])
    assert rl.tensor(1.0).mT.shape == () and rl.tensor(1j).mH.tolist() == -1j


HALVES = {
    "mul": lambda x, y: x * 0.01, "div": lambda x, y: x / 0.3, "floor_divide": lambda x, y: x // 0.3, "1 / x": lambda x, y: 0.3 / x, "in place": lambda x, y: x.clone().mul_(0.01),
    "add": lambda x, y: x + 0.3, "sub": lambda x, y: 0.3 - x, "pow": lambda x, y: x.abs() ** 0.3, "remainder": lambda x, y: x % 0.3, "lerp": lambda x, y: x.lerp(y, 0.3),
    "addcmul": lambda x, y: x.addcmul(x, y, value=0.3), "std": lambda x, y: x.reshape(50, 40).std(1), "less": lambda x, y: (x < 0.3).to(x.dtype),
}


@pytest.mark.parametrize("dtype", ["float16", "bfloat16"])
@pytest.mark.parametrize("name", HALVES)
def test_numbers_beside_halves(name, dtype):
    """Factors, divisors and weights keep their places, summands and powers are rounded first: to the bit as torch."""
    torch = pytest.importorskip("torch")
    rng = np.random.default_rng(0)
    x, y = rng.standard_normal(2000) * 3, rng.standard_normal(2000)
    ours, theirs = (HALVES[name](t.tensor(x).to(getattr(t, dtype)), t.tensor(y).to(getattr(t, dtype))).float().numpy() for t in (rl, torch))
    np.testing.assert_array_equal(ours, theirs)
