"""Sobol' points: the first ones, their balance, scrambling, and torch's numbers."""

import subprocess
import sys

import pytest
import rushlight as rl
from rushlight.quasirandom import SobolEngine


def test_the_first_points():
    assert rl.quasirandom.SobolEngine is SobolEngine
    e = SobolEngine(3)
    assert e.draw(4).tolist() == [[0, 0, 0], [0.5, 0.5, 0.5], [0.75, 0.25, 0.25], [0.25, 0.75, 0.75]]
    assert e.num_generated == 4 and e.quasi.shape == (3,)
    assert repr(e) == "SobolEngine(dimension=3)" and repr(SobolEngine(2, True, 4)) == "SobolEngine(dimension=2, scramble=True, seed=4)"
    out = rl.empty(0)
    assert e.reset().draw(2, out=out) is out and out.tolist() == [[0, 0, 0], [0.5, 0.5, 0.5]]


@pytest.mark.parametrize("scramble", [False, True])
def test_every_dimension_is_balanced(scramble):
    """Of 2^m points exactly one lies in each of 2^m equal pieces of an axis."""
    points = SobolEngine(SobolEngine.MAXDIM, scramble=scramble, seed=7).draw_base2(8, dtype=rl.float64)
    pieces = (points * 256).floor().long().sort(0).values
    assert (pieces == rl.arange(256).unsqueeze(1)).all() and points.dtype == rl.float64


def test_points_may_be_left_out_and_drawn_in_parts():
    whole = SobolEngine(5, scramble=True, seed=1).draw(50)
    e = SobolEngine(5, scramble=True, seed=1)
    first, rest = e.draw(), e.fast_forward(9).draw(40)
    assert first.tolist() == whole[:1].tolist() and rest.tolist() == whole[10:].tolist()
    assert SobolEngine(5, scramble=True, seed=2).draw(3).tolist() != whole[:3].tolist()


def test_what_is_refused():
    for dimension in (0, SobolEngine.MAXDIM + 1):
        with pytest.raises(ValueError, match="Supported range of dimensionality"):
            SobolEngine(dimension)
    e = SobolEngine(2)
    e.draw(1)
    with pytest.raises(ValueError, match="power of 2"):
        e.draw_base2(1)
    with pytest.raises(ValueError, match="at least 1"):
        e.draw(0)


@pytest.mark.parametrize("scramble, seed", [(False, None), (True, None), (True, 123)])
def test_numbers_are_torchs(scramble, seed):
    torch = pytest.importorskip("torch")
    for dimension in (1, 2, 7, 40, SobolEngine.MAXDIM):
        torch.manual_seed(3)
        rl.manual_seed(3)
        theirs, ours = torch.quasirandom.SobolEngine(dimension, scramble, seed), SobolEngine(dimension, scramble, seed)
        assert ours.sobolstate.tolist() == theirs.sobolstate.tolist() and ours.shift.tolist() == theirs.shift.tolist() and repr(ours) == repr(theirs)
        for n, dtype in ((1, "float64"), (70, "float32"), (5, "float64")):
            assert ours.draw(n, dtype=getattr(rl, dtype)).tolist() == theirs.draw(n, dtype=getattr(torch, dtype)).tolist()
        ours.fast_forward(9), theirs.fast_forward(9)
        assert ours.draw(2).tolist() == theirs.draw(2).tolist() and ours.quasi.tolist() == theirs.quasi.tolist()


def test_the_package_finds_its_module_unasked():
    """In a process of its own: here the import above has put it in place."""
    said = subprocess.run([sys.executable, "-c", "import rushlight as rl; print(rl.quasirandom.SobolEngine(2).draw(2).tolist())"], capture_output=True, text=True, check=True)
    assert said.stdout.strip() == "[[0.0, 0.0], [0.5, 0.5]]"
