"""Float32 maths beside float64: for each instruction set, the largest error over inputs spread evenly through all bit patterns.

The unit is the distance of neighbouring float32 numbers at the true value.  RUSHLIGHT_ULP_INPUTS sets how many inputs each
function sees (2^24 make it every 256th float).  The bounds: what a user may rely on, 1.5 (tanh and sigmoid 2.5), as the
vector forms stay within it without tables; the special functions 4.
"""

import os
import subprocess
import sys

import numpy as np
import pytest
import rushlight as rl

INPUTS = int(os.environ.get("RUSHLIGHT_ULP_INPUTS", 1 << 18))
CHUNK = 1 << 20
SETS = {"base": "DEFAULT", "avx2": "AVX2", "avx512": "AVX512"}   # as RUSHLIGHT_ISA and as torch call them


def sigmoid(x):
    e = np.exp(-np.abs(x))
    return np.where(x >= 0, 1, e) / (1 + e)


def references():
    """Name -> (a float64 function of its own, bound); those of SciPy where it is installed."""
    plain = "exp exp2 expm1 log log2 log10 log1p sin cos tan sinh cosh sqrt reciprocal".split()
    inverse = dict(asin="arcsin", acos="arccos", atan="arctan", asinh="arcsinh", acosh="arccosh", atanh="arctanh")
    table = {name: (getattr(np, name), 1.5) for name in plain}
    table |= {name: (getattr(np, theirs), 1.5) for name, theirs in inverse.items()}
    table |= dict(tanh=(np.tanh, 2.5), sigmoid=(sigmoid, 2.5), rsqrt=(lambda x: 1 / np.sqrt(x), 1.5))
    try:
        from scipy import special
    except ImportError:
        return table
    table |= dict(erf=(special.erf, 1.5), erfc=(special.erfc, 4), erfinv=(special.erfinv, 4), lgamma=(lambda x: np.where(np.isneginf(x), np.inf, special.gammaln(x)), 4), digamma=(special.psi, 4))
    return table


def worst(name, reference):
    """(error in ulp, the input where it is worst)."""
    function, most, where = getattr(rl, name), 0.0, 0.0
    step = max(1, (1 << 32) // INPUTS)
    for start in range(0, INPUTS, CHUNK):
        bits = (np.arange(start, min(start + CHUNK, INPUTS), dtype=np.uint64) * step).astype(np.uint32)
        x = bits.view(np.float32)
        with np.errstate(all="ignore"):
            got = function(rl.from_numpy(x)).numpy().astype(np.float64)
            want = reference(x.astype(np.float64))
            near = want.astype(np.float32)
            unit = np.maximum(np.spacing(np.abs(np.where(np.isfinite(near), near, np.float32(3e38)))), np.float32(2**-149)).astype(np.float64)
            same = (np.isnan(got) & np.isnan(want)) | (got == near)
            error = np.where(same, 0, np.abs(got - want) / unit)
        error[np.isnan(error)] = np.inf
        at = int(error.argmax())
        if error[at] > most:
            most, where = float(error[at]), float(x[at])
    return most, where


@pytest.mark.slow
@pytest.mark.parametrize("isa", SETS)
def test_within_ulps(isa):
    """A child process for each instruction set: it is chosen when the extension is loaded."""
    environment = dict(os.environ, RUSHLIGHT_ISA="", PYTHONPATH=os.pathsep.join(sys.path))
    query = "import rushlight; print(rushlight.backends.cpu.get_cpu_capability())"
    widest = subprocess.run([sys.executable, "-c", query], capture_output=True, text=True, env=environment).stdout.strip()
    if list(SETS).index(isa) > list(SETS.values()).index(widest):
        pytest.skip(f"this machine has no {isa}")
    environment["RUSHLIGHT_ISA"] = isa
    done = subprocess.run([sys.executable, __file__], capture_output=True, text=True, env=environment)
    print(done.stdout)
    assert done.returncode == 0, done.stdout + done.stderr


if __name__ == "__main__":
    failed = False
    for name, (reference, bound) in references().items():
        most, where = worst(name, reference)
        failed |= most > bound
        print(f"{name:10} {most:8.3f} ulp at {where!r}{'  MORE THAN ' + str(bound) if most > bound else ''}")
    sys.exit(failed)
