"""Random numbers beyond what the table draws: gradients of samples, and streams that depend on neither machine nor threads."""

import itertools

import numpy as np
import pytest

import rushlight as rl

# torch's own gradients are approximations: against 40 digits of mpmath they are up to 6e-4 off for gamma samples and 7e-3 for beta
# ones, ours 3e-10.  So torch can only be followed that far.
TORCH_IS_OFF = 1e-2
SHAPES = [1e-3, 0.03, 0.3, 0.9, 1.0, 2.0, 4.5, 7.9, 8.1, 30.0, 400.0, 9999.0, 10001.0, 1e6]
LEVELS = [1e-3, 0.05, 0.3, 0.5, 0.8, 0.99, 0.9999]


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_gradients_of_gamma_samples_are_torchs(dtype):
    torch, special = pytest.importorskip("torch"), pytest.importorskip("scipy.special")
    grid = [(a, x) for a, level in itertools.product(SHAPES, LEVELS) if (x := special.gammaincinv(a, level)) > 1e-30]
    a, x = np.array(grid).T.astype(dtype)
    theirs = torch._standard_gamma_grad(torch.from_numpy(a), torch.from_numpy(x)).numpy()
    np.testing.assert_allclose(rl._standard_gamma_grad(rl.from_numpy(a), rl.from_numpy(x)).numpy(), theirs, rtol=TORCH_IS_OFF)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_gradients_of_dirichlet_samples_are_torchs(dtype):
    torch, special = pytest.importorskip("torch"), pytest.importorskip("scipy.special")
    shapes = [0.03, 0.3, 1.0, 2.0, 7.0, 30.0, 400.0]
    grid = [(a, b, x) for a, b, level in itertools.product(shapes, shapes, LEVELS) if 1e-30 < (x := special.betaincinv(a, b, level)) < 1 - 1e-4]
    a, b, x = np.array(grid).T.astype(dtype)
    theirs = torch._dirichlet_grad(*map(torch.from_numpy, (x, a, a + b))).numpy()
    np.testing.assert_allclose(rl._dirichlet_grad(*map(rl.from_numpy, (x, a, a + b))).numpy(), theirs, rtol=TORCH_IS_OFF, atol=1e-30)


def test_gradients_of_samples_are_the_distribution_functions():
    """By differences of the inverse distribution functions, whose own rounding allows some six digits."""
    special = pytest.importorskip("scipy.special")
    a, level = (v.ravel() for v in np.meshgrid(SHAPES[2:12], LEVELS[1:6]))
    b, h = a[::-1].copy(), 1e-5 * a
    x = special.gammaincinv(a, level)
    slope = (special.gammaincinv(a + h, level) - special.gammaincinv(a - h, level)) / (2 * h)
    np.testing.assert_allclose(rl._standard_gamma_grad(rl.tensor(a), rl.tensor(x)).numpy(), slope, rtol=1e-6)
    x = special.betaincinv(a, b, level)
    inside = (x > 1e-8) & (x < 1 - 1e-5)
    slope = (special.betaincinv(a + h, b, level) - special.betaincinv(a - h, b, level)) / (2 * h)
    ours = rl._dirichlet_grad(rl.tensor(x), rl.tensor(a), rl.tensor(a + b)).numpy() * (1 - x)
    np.testing.assert_allclose(ours[inside], slope[inside], rtol=1e-5)


@pytest.mark.parametrize("name", ["_standard_gamma", "_sample_dirichlet"])
def test_samples_carry_gradients(name):
    torch = pytest.importorskip("torch")
    weights = [[0.3, -1.0, 2.0], [1.0, 0.5, -0.25]]
    values = [[0.5, 2.0, 3.0], [8.0, 0.1, 20.0]]
    torch.manual_seed(3), rl.manual_seed(3)
    a, b = torch.tensor(values, dtype=torch.float64, requires_grad=True), rl.tensor(values, dtype=rl.float64, requires_grad=True)
    theirs = torch._standard_gamma(a) if name == "_standard_gamma" else torch.distributions.Dirichlet(a).rsample()
    ours = getattr(rl, name)(b)
    np.testing.assert_array_equal(ours.detach().numpy(), theirs.detach().numpy())
    (theirs * torch.tensor(weights)).sum().backward(), (ours * rl.tensor(weights)).sum().backward()
    np.testing.assert_allclose(b.grad.numpy(), a.grad.numpy(), rtol=TORCH_IS_OFF)


def test_gradients_of_samples_refuse_what_torch_refuses():
    with pytest.raises(NotImplementedError, match="_standard_gamma_grad_cpu.*Half"):
        rl._standard_gamma_grad(rl.ones(2, dtype=rl.float16), rl.ones(2, dtype=rl.float16))
    with pytest.raises(RuntimeError, match="Found dtype Double but expected Float"):
        rl._dirichlet_grad(rl.ones(2), rl.ones(2).double(), rl.ones(2))
