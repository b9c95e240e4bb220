"""Special functions in double precision beside mpmath, over the ranges between which special.c changes its method."""

import numpy
import pytest

import rushlight as rl

mpmath = pytest.importorskip("mpmath")

SHARES = [1e-300, 1e-30, 1.3e-11, 1.4e-11, 1e-4, 0.0999, 0.1, 0.1001, 0.25, 0.4999999, 0.5000001, 0.75, 0.9, 0.9001, 1 - 1e-9]
POSITIVE = [1e-8, 0.01, 0.3, 0.999, 1.0, 1.001, 2.0, 3.5, 10.0, 25.0, 100.0, 600.0]


def normal_quantile(p):
    """Newton on the logarithm of the distribution function, in 40 digits."""
    if p > 0.5:
        return -normal_quantile(1 - p)
    x = -mpmath.sqrt(-2 * mpmath.log(p)) if p < 0.1 else mpmath.sqrt(2) * mpmath.erfinv(2 * p - 1)
    for _ in range(60):
        below = mpmath.erfc(-x / mpmath.sqrt(2)) / 2
        x -= (mpmath.log(below) - mpmath.log(p)) * below / mpmath.npdf(x)
    return x


CASES = [
    (rl.special.ndtri, normal_quantile, [(p,) for p in SHARES], 4e-15),
    (rl.erfinv, lambda x: mpmath.sign(x) * normal_quantile((1 + abs(x)) / 2) / mpmath.sqrt(2), [(x,) for x in (-0.9999999, -0.81, -0.5, 1e-9, 0.3, 0.7999, 0.8001, 1 - 1e-12)], 4e-15),
    (rl.special.modified_bessel_k0, lambda x: mpmath.besselk(0, x), [(x,) for x in POSITIVE], 4e-15),
    (rl.special.modified_bessel_k1, lambda x: mpmath.besselk(1, x), [(x,) for x in POSITIVE], 4e-15),
    (rl.special.scaled_modified_bessel_k0, lambda x: mpmath.exp(x) * mpmath.besselk(0, x), [(x,) for x in POSITIVE], 4e-15),
    (rl.special.scaled_modified_bessel_k1, lambda x: mpmath.exp(x) * mpmath.besselk(1, x), [(x,) for x in POSITIVE], 4e-15),
    (rl.special.airy_ai, mpmath.airyai, [(x,) for x in (-7.9, -3.0, -1.0, 0.0, 1e-5, 0.5, 1.9, 2.1, 10.0)], 2e-13),
    (lambda x: rl.polygamma(1, x), lambda x: mpmath.polygamma(1, x), [(x,) for x in (-2.5, -0.3, 0.1, 0.49, 0.51, 1.0, 7.99, 8.0, 30.0, 1e6)], 1e-14),
    (rl.special.zeta, mpmath.zeta, [(1.1, 0.5), (2.0, 1.0), (3.5, 2.5), (7.0, 12.0), (30.0, 1.0), (60.0, 9.5)], 1e-14),
    (rl.special.gammaincc, lambda a, x: mpmath.gammainc(a, x, mpmath.inf, regularized=True),
     [(0.5, 1.6), (0.5, 40.0), (3.0, 4.1), (10.0, 11.5), (10.0, 60.0), (100.0, 102.0), (0.1, 700.0)], 1e-12),
]  # fmt: skip


@pytest.mark.parametrize("function, exact, arguments, tolerance", CASES, ids=lambda value: getattr(value, "__name__", None))
def test_close_to_mpmath(function, exact, arguments, tolerance):
    """Tolerances are a few units of the last place, and what argument errors become where the function is steep."""
    columns = [rl.tensor(column, dtype=rl.float64) for column in zip(*arguments)]
    with mpmath.workdps(40):
        wanted = [float(exact(*map(mpmath.mpf, point))) for point in arguments]
    numpy.testing.assert_allclose(function(*columns).numpy(), wanted, rtol=tolerance, atol=0)


def test_incomplete_gamma_of_huge_arguments_ends():
    huge = rl.tensor([1e200, 1e10, 3.0], dtype=rl.float64)
    assert rl.special.gammaincc(huge, huge * 4).tolist() == [0.0, 0.0, rl.special.gammaincc(huge, huge * 4)[2]]


# Slopes where closed forms divide 0 by 0


def test_slope_of_atan2_at_the_origin():
    y, x = (rl.zeros(1, dtype=rl.float64, requires_grad=True) for _ in range(2))
    assert [g.item() for g in rl.autograd.grad(rl.atan2(y, x), [y, x])] == [0, 0]      # as in torch


def series_of_sinc(x, order):
    """A derivative of sin(pi x) / (pi x), term by term."""
    terms = [(-1) ** k * mpmath.pi ** (2 * k) / mpmath.factorial(2 * k + 1) for k in range(20)]
    return float(sum(c * mpmath.ff(2 * k, order) * mpmath.mpf(x) ** (2 * k - order) for k, c in enumerate(terms) if 2 * k >= order))


@pytest.mark.parametrize("dtype, first, second", [(rl.float32, 1e-6, 3e-3), (rl.float64, 1e-13, 1e-11)])      # the closed form beyond 0.03 loses digits twice
def test_slopes_of_sinc_near_zero(dtype, first, second):
    x = rl.tensor([0.0, 1e-8, -1e-4, 1e-3, 0.0299, 0.0301, 0.079, 0.08, -0.5], dtype=dtype, requires_grad=True)
    slope, = rl.autograd.grad(rl.sinc(x).sum(), x, create_graph=True)
    bend, = rl.autograd.grad(slope.sum(), x)
    plain, = rl.autograd.grad(rl.sinc(x).sum(), x)
    with mpmath.workdps(40):
        slopes, bends = ([series_of_sinc(v, order) for v in x.detach().double().tolist()] for order in (1, 2))
    numpy.testing.assert_allclose(slope.tolist(), slopes, rtol=100 * first)
    numpy.testing.assert_allclose(plain.tolist(), slopes, rtol=first)
    numpy.testing.assert_allclose(bend.tolist(), bends, rtol=second)
