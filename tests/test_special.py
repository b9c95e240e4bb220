"""Special functions beside mpmath, in single and double precision: within four units.

A unit is the distance of neighbouring numbers at the true value, or what the function changes by when an argument moves by half of its own
unit, whichever is more: near a zero, or where the function is steep, no result computed from a rounded argument can be meant more closely.
Points are spread over the ranges between which special.c and vspecial.h change their methods, at random but always the same.
"""

import numpy
import pytest

import rushlight as rl

mpmath = pytest.importorskip("mpmath")

UNITS, POINTS = 4, 12
EPS = {"float32": 2.0**-23, "float64": 2.0**-52}
RANDOM = numpy.random.default_rng(1)
special = rl.special


def even(low, high, n=POINTS):
    return RANDOM.uniform(low, high, n)


def decades(low, high, n=POINTS):
    return 10 ** RANDOM.uniform(low, high, n)


def both(*parts):
    x = numpy.concatenate(parts)
    return numpy.concatenate([x, -x])


def whole(high, n=POINTS):
    return RANDOM.integers(0, high, n).astype(float)


def normal(x):
    return mpmath.erfc(-x / mpmath.sqrt(2)) / 2


def normal_quantile(p):
    """Newton on the logarithm of the distribution function."""
    if p > 0.5:
        return -normal_quantile(1 - p)
    x = -mpmath.sqrt(-2 * mpmath.log(p)) if p < 0.1 else mpmath.sqrt(2) * mpmath.erfinv(2 * p - 1)
    for _ in range(60):
        below = normal(x)
        x -= (mpmath.log(below) - mpmath.log(p)) * below / mpmath.npdf(x)
    return x


def chebyshev(kind):
    def polynomial(x, n):
        before, now = mpmath.mpf(1), {"t": x, "u": 2 * x, "v": 2 * x - 1, "w": 2 * x + 1}[kind]
        for _ in range(int(n) - 1):
            before, now = now, 2 * x * now - before
        return now if n else mpmath.mpf(1)

    return polynomial


def hermite_he(x, n):
    before, now = mpmath.mpf(1), x
    for k in range(1, int(n)):
        before, now = now, x * now - k * before
    return now if n else mpmath.mpf(1)


ROOT = 1.4616321449683622   # of digamma
TAILS = numpy.concatenate([even(0, 1), decades(-30, -1), 1 - decades(-6, -1)])
SHAPES = numpy.concatenate([decades(-3, 3), decades(-1, 2)])
BESIDE = numpy.concatenate([SHAPES[:POINTS] * decades(-1, 1), SHAPES[POINTS:] * even(0.7, 1.3)])
RIGHT = numpy.concatenate([even(0, 10), decades(-8, 4)])
NEAR = both(even(0, 3), even(0, 30))
I = mpmath.besseli
CASES = {
    "digamma": (rl.digamma, mpmath.digamma, RIGHT, even(1.4, 1.5), ROOT + numpy.array([0, 1e-15, -1e-10, 1e-5]), -even(0, 10)),
    "trigamma": (lambda x: rl.polygamma(1, x), lambda x: mpmath.polygamma(1, x), RIGHT, -even(0, 10), [0.49, 0.51, 7.99, 8.0]),
    "polygamma": (lambda x: rl.polygamma(2, x), lambda x: mpmath.polygamma(2, x), RIGHT),
    "lgamma": (rl.lgamma, lambda x: mpmath.log(abs(mpmath.gamma(x))), RIGHT, -even(0, 10), [0.999, 1.001, 1.999, 2.001, 2.499, 2.501]),
    "erfc": (rl.erfc, mpmath.erfc, both(even(0, 9), decades(-6, 0))),
    "erfcx": (special.erfcx, lambda x: mpmath.erfc(x) * mpmath.exp(x * x), even(-9, 9), RIGHT, [24.99, 25.01]),
    "erfinv": (rl.erfinv, lambda x: mpmath.sign(x) * normal_quantile((1 + abs(x)) / 2) / mpmath.sqrt(2), both(even(0, 1), decades(-8, -1)), 1 - decades(-6, -1)),
    "ndtr": (special.ndtr, normal, even(-13, 8), both(decades(-6, 0))),
    "log_ndtr": (special.log_ndtr, lambda x: mpmath.log(normal(x)), even(-30, 8), -decades(0, 8), [-1.001, -0.999]),
    "ndtri": (special.ndtri, normal_quantile, TAILS, [0.0999, 0.1001, 0.9001]),
    "logit": (rl.logit, lambda x: mpmath.log(x / (1 - x)), TAILS, even(0.49, 0.51)),
    "entr": (special.entr, lambda x: -x * mpmath.log(x), RIGHT),
    "expit": (special.expit, lambda x: 1 / (1 + mpmath.exp(-x)), even(-80, 80)),
    "sinc": (rl.sinc, lambda x: mpmath.sin(mpmath.pi * x) / (mpmath.pi * x), even(-20, 20), decades(-8, 3)),
    "i0": (rl.i0, lambda x: I(0, x), NEAR, even(60, 80), [24.99, 25.01]),
    "i0e": (special.i0e, lambda x: I(0, x) * mpmath.exp(-abs(x)), NEAR, decades(0, 6)),
    "i1": (special.i1, lambda x: I(1, x), NEAR, even(60, 80), decades(-8, 0)),
    "i1e": (special.i1e, lambda x: I(1, x) * mpmath.exp(-abs(x)), NEAR, decades(0, 6)),
    "k0": (special.modified_bessel_k0, lambda x: mpmath.besselk(0, x), even(0, 80), decades(-8, 0), [0.999, 1.0, 1.001]),
    "k1": (special.modified_bessel_k1, lambda x: mpmath.besselk(1, x), even(0, 80), decades(-8, 0), [0.999, 1.0, 1.001]),
    "k0e": (special.scaled_modified_bessel_k0, lambda x: mpmath.exp(x) * mpmath.besselk(0, x), RIGHT),
    "k1e": (special.scaled_modified_bessel_k1, lambda x: mpmath.exp(x) * mpmath.besselk(1, x), RIGHT),
    "j0": (special.bessel_j0, lambda x: mpmath.besselj(0, x), NEAR, RIGHT, [2.4048256, 5.5200781, 7.999, 8.001]),
    "j1": (special.bessel_j1, lambda x: mpmath.besselj(1, x), NEAR, RIGHT, [3.8317060, 7.0155867, 7.999, 8.001]),
    "y0": (special.bessel_y0, lambda x: mpmath.bessely(0, x), RIGHT, even(0, 100), [0.8935770, 3.9576784, 7.999, 8.001]),
    "y1": (special.bessel_y1, lambda x: mpmath.bessely(1, x), RIGHT, even(0, 100), [2.1971413, 5.4296810]),
    "spherical_j0": (special.spherical_bessel_j0, lambda x: mpmath.sin(x) / x, NEAR, decades(-8, 4)),
    "airy_ai": (special.airy_ai, mpmath.airyai, even(-20, 18), even(-3, 3), [-13.51, -13.49, -5.01, -4.99, -4.0879494, -3.51, -2.3381074, 0.0, 0.99, 1.01, 1.99, 2.01]),
    "zeta": (special.zeta, mpmath.zeta, numpy.concatenate([1 + decades(-3, 1.5), even(1.1, 10)]), numpy.concatenate([decades(-3, 3), even(0.1, 10)])),
    "gammainc": (special.gammainc, lambda a, x: mpmath.gammainc(a, 0, x, regularized=True), SHAPES, BESIDE),
    "gammaincc": (special.gammaincc, lambda a, x: mpmath.gammainc(a, x, mpmath.inf, regularized=True), SHAPES, BESIDE),
    "xlog1py": (special.xlog1py, lambda a, b: a * mpmath.log1p(b), even(-5, 5), even(-1, 1)),
    "multigammaln": (lambda x: special.multigammaln(x, 2), lambda x: mpmath.log(mpmath.pi) / 2 + mpmath.loggamma(x) + mpmath.loggamma(x - mpmath.mpf(1) / 2), even(0.6, 30)),
    "hermite_h": (special.hermite_polynomial_h, lambda x, n: mpmath.hermite(int(n), x), even(-3, 3), whole(20)),
    "hermite_he": (special.hermite_polynomial_he, hermite_he, even(-3, 3), whole(20)),
    "laguerre": (special.laguerre_polynomial_l, lambda x, n: mpmath.laguerre(int(n), 0, x), even(0, 8), whole(20)),
    "legendre": (special.legendre_polynomial_p, lambda x, n: mpmath.legendre(int(n), x), even(-1, 1), whole(30)),
}  # fmt: skip
for _kind in "tuvw":
    CASES["chebyshev_" + _kind] = (getattr(special, "chebyshev_polynomial_" + _kind), chebyshev(_kind), even(-1.1, 1.1), whole(80))
PAIRS = ("zeta", "gammainc", "gammaincc", "xlog1py", "hermite_h", "hermite_he", "laguerre", "legendre", *("chebyshev_" + kind for kind in "tuvw"))


def units_off(got, exact, point, eps, tiny):
    """|got - exact| in the units that the file's first paragraph names."""
    true = mpmath.re(exact(*point))
    size = max(abs(true), mpmath.mpf(tiny))
    unit = mpmath.mpf(2) ** mpmath.floor(mpmath.log(size, 2)) * eps
    error = abs(mpmath.mpf(got) - true)
    if error <= UNITS * unit:
        return float(error / unit)
    moved = mpmath.mpf(0)
    for k, x in enumerate(point):
        if k and x == int(x):   # a degree is exact
            continue
        moved += abs(exact(*point[:k], x * (1 + mpmath.mpf(eps) / 2), *point[k + 1 :]) - true)
    return float(error / max(unit, moved))


@pytest.mark.parametrize("dtype", EPS)
@pytest.mark.parametrize("name", CASES)
def test_within_four_units_of_mpmath(name, dtype):
    function, exact, *parts = CASES[name]
    columns = [numpy.asarray(part, dtype) for part in parts] if name in PAIRS else [numpy.concatenate(parts).astype(dtype)]
    results = function(*map(rl.from_numpy, columns)).tolist()
    tiny = float(numpy.finfo(dtype).tiny)
    off = {}
    with mpmath.workdps(40):
        for got, *point in zip(results, *columns):
            exactly = [mpmath.mpf(float(x)) for x in point]
            if numpy.isfinite(got) and abs(got) >= tiny:
                off[tuple(map(float, point))] = units_off(got, exact, exactly, EPS[dtype], tiny)
    assert len(off) > POINTS // 2
    worst = max(off, key=off.get)
    assert off[worst] <= UNITS, (worst, off[worst])


def test_incomplete_gamma_of_huge_arguments_ends():
    huge = rl.tensor([1e200, 1e10, 3.0], dtype=rl.float64)
    assert rl.special.gammaincc(huge, huge * 4).tolist() == [0.0, 0.0, rl.special.gammaincc(huge, huge * 4)[2]]


def test_an_element_does_not_see_its_neighbours():
    """Rows that send some elements to special.c or libm leave the others as they are."""
    plain = rl.linspace(0.1, 4, 300)
    mixed = plain.clone()
    hard = {rl.sin: 1e7, rl.lgamma: -2.5, rl.digamma: -2.5, special.bessel_j0: 20.0, special.bessel_y1: 1e7, special.airy_ai: -9.0}
    for function, value in hard.items():
        mixed[7] = value
        got, want = function(mixed), function(plain)
        assert rl.equal(got[8:], want[8:]) and got[7] == function(rl.tensor([value]))[0]


@pytest.mark.parametrize("function", [rl.fmod, rl.remainder, rl.floor_divide])
def test_quotients_near_and_far(function):
    """What is left of a division is exact, however large the quotient."""
    a, b = numpy.float32([7.5, -7.5, 1e30, -1e30, 5.0, 3e38, -0.0, 6.0]), numpy.float32([2.0, 2.0, 7.0, 7.0, numpy.inf, 1e-38, 3.0, -3.0])
    whole = {rl.fmod: numpy.fmod, rl.remainder: numpy.mod, rl.floor_divide: numpy.floor_divide}[function]
    one_by_one = [function(rl.tensor(x), rl.tensor(y)).item() for x, y in zip(a, b)]
    numpy.testing.assert_array_equal(function(rl.from_numpy(a), rl.from_numpy(b)).numpy(), one_by_one)
    assert function(rl.tensor(5.0), rl.tensor(float("inf"))) == whole(5.0, numpy.inf)
    small = numpy.float32(numpy.random.default_rng(2).uniform(-50, 50, (2, 1000)))
    numpy.testing.assert_array_equal(function(*rl.from_numpy(small)).numpy(), whole(*small))


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
