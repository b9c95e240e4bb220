"""Writes through views that show complex numbers as real ones, or pairs as complex ones: values and derivatives of two orders."""

import numpy as np
import pytest
import rushlight as rl

DRAW = np.random.default_rng(0)
Z = DRAW.standard_normal((3, 4)) + 1j * DRAW.standard_normal((3, 4))
PAIRS = DRAW.standard_normal((3, 4, 2))
R = DRAW.standard_normal((3, 4))


def real_part_scaled(m, z, r):
    y = z * 2
    y.real.mul_(r)
    return y * y


def imaginary_rows_replaced(m, z, r):
    y = z * 2
    y.imag[1:] = r[1:]
    return y * y


def a_slice_of_a_part(m, z, r):
    y = z * 1
    part = y[:, 1:].imag
    part.mul_(r[:, 1:]).add_(1)
    return y * y.conj() + part.sum() + y.real.sum()


def pairs_of_a_complex(m, z, r):
    y = z * 1
    v = m.view_as_real(y)
    v[..., 0] = r * r
    v.mul_(3)
    return y * y + v.sum()


def the_base_is_written(m, z, r):
    y = z * 1
    part = y.real
    y.mul_(2j)
    return y * part * r


def complex_view_scaled(m, q, r):
    y = q * 1
    m.view_as_complex(y).mul_(r * (1 + 2j))
    return y * y


def complex_row_replaced(m, q, r):
    y = q * 1
    m.view_as_complex(y)[1].copy_(r[0])
    return y * y * y


def part_of_a_complex_view(m, q, r):
    y = (q * 1).reshape(-1)
    m.view_as_complex(y[2:].view(11, 2))[::2].real.mul_(r.reshape(-1)[:6])
    return y * y * y


OF_COMPLEX = [real_part_scaled, imaginary_rows_replaced, a_slice_of_a_part, pairs_of_a_complex, the_base_is_written]
OF_PAIRS = [complex_view_scaled, complex_row_replaced, part_of_a_complex_view]


@pytest.mark.parametrize("function", OF_COMPLEX + OF_PAIRS)
def test_writes_through_views_of_another_dtype(function):
    """gradcheck's own differences know nothing of views."""
    given = rl.tensor(Z if function in OF_COMPLEX else PAIRS).requires_grad_()
    inputs = given, rl.tensor(R).requires_grad_()
    assert rl.autograd.gradcheck(lambda *a: function(rl, *a), inputs)
    assert rl.autograd.gradgradcheck(lambda *a: function(rl, *a), inputs)


@pytest.mark.parametrize("function", OF_COMPLEX + OF_PAIRS)
def test_their_values_are_torchs(function):
    torch = pytest.importorskip("torch")
    given = Z if function in OF_COMPLEX else PAIRS
    np.testing.assert_allclose(function(rl, rl.tensor(given), rl.tensor(R)).numpy(), function(torch, torch.tensor(given), torch.tensor(R)).resolve_conj().numpy(), rtol=1e-12)
