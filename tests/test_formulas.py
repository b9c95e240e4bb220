"""The formulas of the table: NumPy runs each and must find what the engine's backward found; LaTeX is well formed."""

import doctest
import inspect

import numpy as np
import pytest
import rushlight as rl
from rushlight.teach import formulas
from samples import array, calls, function, row_ids, rows

ROWS = [row for row in rows() if row["formula"] and row["differentiable"]]


def by_name(row, args, kwargs):
    """The call's arguments by parameter name, defaults filled in."""
    bound = inspect.signature(function(row)).bind(*args, **kwargs)
    bound.apply_defaults()
    return bound.arguments


def plain(value):
    return array(value.detach()) if isinstance(value, rl.Tensor) else value


def fit(gradient, shape):
    """Summed over what broadcasting had repeated, as the engine does for every row."""
    gradient = np.asarray(gradient)
    gradient = gradient.sum(axis=tuple(range(gradient.ndim - len(shape)))) if gradient.ndim > len(shape) else gradient
    repeated = tuple(k for k, n in enumerate(shape) if n == 1 and gradient.ndim == len(shape) and gradient.shape[k] != 1)
    return np.broadcast_to(gradient.sum(axis=repeated, keepdims=True), shape)


@pytest.mark.parametrize("row", ROWS, ids=row_ids(ROWS))
def test_numpy_finds_the_same_gradient(row):
    """Equal to 1e-9: both compute in float64, and the library's special functions keep about twelve digits."""
    made = formulas.Formula(row["name"], "", row["formula"])
    tried = 0
    for _, args, kwargs, _ in calls(row, dtype="float64", grad=True):
        named = by_name(row, args, kwargs)
        y = function(row)(*args, **kwargs)
        if not isinstance(y, rl.Tensor) or not y.requires_grad:
            continue
        unknown = [name for name, text in made.text.items() if "_no_derivative" in text]
        if unknown:
            with pytest.raises(RuntimeError, match=f"derivative for '?(aten::)?{row['name'].rpartition('.')[2]}"):
                rl.autograd.grad(y, named[unknown[0]], rl.ones_like(y))
            tried += 1
            continue
        g = rl.rand_like(y.detach()) + 0.5
        wanted = {name: value for name, value in named.items() if isinstance(value, rl.Tensor) and value.requires_grad and name in made.text}
        found = rl.autograd.grad(y, list(wanted.values()), g, allow_unused=True)
        with np.errstate(all="ignore"):
            ours = made.numpy(plain(g), plain(y), **{name: plain(value) for name, value in named.items()})
        for (name, value), gradient in zip(wanted.items(), found):
            expected = np.zeros(value.shape) if gradient is None else array(gradient)
            np.testing.assert_allclose(fit(ours[name], tuple(value.shape)), expected, rtol=1e-9, atol=1e-9, err_msg=f"{row['name']}: {name}")
            tried += 1
    if not tried:
        pytest.skip("no sample of it has a gradient in float64")


@pytest.mark.parametrize("row", ROWS, ids=row_ids(ROWS))
def test_latex_is_balanced(row):
    for text in formulas.Formula(row["name"], "", row["formula"]).latex.values():
        assert text.count("{") == text.count("}") and text.count(r"\left(") == text.count(r"\right)")
        assert text.count(r"\begin{cases}") == text.count(r"\end{cases}") and "ast." not in text


def test_found_by_function_name_and_node():
    x = rl.randn(3, requires_grad=True)
    assert str(formulas.formula(rl.sigmoid)) == str(formulas.formula("sigmoid")) == str(formulas.formula(x.sigmoid().grad_fn))
    assert formulas.formula("atan2").latex["other"].startswith(r"\bar{\mathrm{other}} = \frac{-\bar{y} \, x}")
    with pytest.raises(LookupError, match="no formula"):
        formulas.formula("sort")
    with pytest.raises(LookupError, match="no operation"):
        formulas.formula("frobnicate")


def test_examples():
    assert doctest.testmod(formulas).failed == 0
