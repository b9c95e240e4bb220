"""Special functions in single precision: no further than 4 units in the last place from SciPy's in double, over wide ranges."""

import math

import numpy as np
import pytest
import rushlight as rl

scipy = pytest.importorskip("scipy.special")
DRAW = np.random.default_rng(0)
NEAR = np.concatenate([DRAW.uniform(-30, 30, 3000), 10.0 ** DRAW.uniform(-8, 3, 3000), -(10.0 ** DRAW.uniform(-8, 3, 3000)), [0, -0.0, np.nan, 1, -1]])
CHANCES = np.concatenate([DRAW.uniform(0, 1, 3000), 10.0 ** DRAW.uniform(-30, 0, 3000), 1 - 10.0 ** DRAW.uniform(-7, 0, 1000), [0, 1, 0.5, -0.1, np.nan]])
ABOVE = np.abs(NEAR)
OTHER = DRAW.permutation(ABOVE)

FUNCTIONS = {
    "i0": scipy.i0, "i0e": scipy.i0e, "i1": scipy.i1, "i1e": scipy.i1e, "erfcx": scipy.erfcx, "ndtr": scipy.ndtr, "log_ndtr": scipy.log_ndtr, "erf": scipy.erf, "erfc": scipy.erfc,
    "entr": scipy.entr, "bessel_j0": scipy.j0, "bessel_j1": scipy.j1, "bessel_y0": scipy.y0, "bessel_y1": scipy.y1, "modified_bessel_k0": scipy.k0, "modified_bessel_k1": scipy.k1,
    "scaled_modified_bessel_k0": scipy.k0e, "scaled_modified_bessel_k1": scipy.k1e, "airy_ai": lambda x: scipy.airy(x)[0], "digamma": scipy.digamma, "gammaln": scipy.gammaln,
}  # fmt: skip


def check(ours, reference, *arguments):
    """A result that is not finite in single precision must be so in both."""
    singles = [a.astype(np.float32) for a in arguments]
    got = ours(*map(rl.from_numpy, singles)).numpy()
    with np.errstate(all="ignore"):
        want = np.asarray(reference(*(a.astype(np.float64) for a in singles)))
        rounded = want.astype(np.float32)
    finite = np.isfinite(rounded)
    np.testing.assert_array_equal(got[~finite], rounded[~finite])
    units = np.abs(got[finite] - want[finite]) / np.spacing(np.abs(rounded[finite])).astype(np.float64)
    assert units.max() <= 4, (units.max(), [a[finite][units.argmax()] for a in singles])


@pytest.mark.parametrize("name", FUNCTIONS)
def test_of_one_variable(name):
    check(getattr(rl.special, name), FUNCTIONS[name], NEAR)


@pytest.mark.parametrize("name", ["ndtri", "logit"])
def test_of_chances(name):
    check(getattr(rl.special, name), getattr(scipy, name), CHANCES)


@pytest.mark.parametrize("name", ["gammainc", "gammaincc", "xlogy", "xlog1py"])
def test_of_two_variables(name):
    check(getattr(rl.special, name), getattr(scipy, name), ABOVE, OTHER)


@pytest.mark.parametrize("n", [1, 2, 5, 10])
def test_polygamma(n):
    check(lambda x: rl.special.polygamma(n, x), lambda x: scipy.polygamma(n, x), ABOVE)


def test_values_at_the_edges_are_torchs():
    inf, nan = math.inf, math.nan
    zeta = rl.special.zeta(rl.tensor([nan, 2.0, 1.0, 0.5]), rl.tensor([-1.0, -2.0, 3.0, 1.0])).tolist()
    assert zeta[:3] == [inf, inf, inf] and math.isnan(zeta[3])
    assert rl.polygamma(1, rl.tensor(inf)).item() == 0
    assert rl.special.gammainc(rl.tensor(1e30), rl.tensor(1e30)).item() == 0.5
