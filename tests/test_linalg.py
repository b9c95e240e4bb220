"""linalg in Python: norms, powers, products, exponentials and reflectors, against NumPy and, where it is installed, torch."""

import math

import numpy as np
import pytest

import rushlight as rl

DRAW = np.random.default_rng(0)
INF = math.inf


@pytest.mark.parametrize("order", ["fro", "nuc", 1, -1, 2, -2, INF, -INF])
@pytest.mark.parametrize("dim", [(-2, -1), (0, 2), (2, 1)])
@pytest.mark.parametrize("keepdim", [False, True])
def test_matrix_norm(order, dim, keepdim):
    a = DRAW.standard_normal((2, 3, 4))
    got = rl.linalg.matrix_norm(rl.from_numpy(a), order, dim, keepdim).numpy()
    want = np.linalg.norm(a, order, axis=dim, keepdims=keepdim)
    assert got.shape == want.shape
    np.testing.assert_allclose(got, want, rtol=1e-12)


@pytest.mark.parametrize("order", [None, 0, 1, 2, 3.5, INF, -INF])
def test_norm_of_vectors(order):
    a = DRAW.standard_normal((3, 4))
    np.testing.assert_allclose(rl.linalg.norm(rl.from_numpy(a), order, dim=1).numpy(), np.linalg.norm(a, order, axis=1), rtol=1e-12)
    np.testing.assert_allclose(rl.linalg.norm(rl.from_numpy(a)).numpy(), np.linalg.norm(a), rtol=1e-12)
    np.testing.assert_allclose(rl.linalg.norm(rl.from_numpy(a), 2).numpy(), np.linalg.norm(a, 2), rtol=1e-12)


def test_vector_norm_has_a_slope_at_zero():
    for order in (1, 1.5, 2, 3, INF, -INF, -1):
        x = rl.zeros(3, dtype=rl.float64, requires_grad=True)
        rl.linalg.vector_norm(x, order).backward()
        assert x.grad.tolist() == [0.0, 0.0, 0.0], order


def test_norm_errors():
    with pytest.raises(RuntimeError, match="linalg.vector_norm: Expected a floating point or complex tensor as input. Got Long"):
        rl.linalg.vector_norm(rl.tensor([1, 2]))
    with pytest.raises(RuntimeError, match="must have at least 2 dimensions"):
        rl.linalg.matrix_norm(rl.ones(3))
    with pytest.raises(RuntimeError, match="Order 3 not supported"):
        rl.linalg.matrix_norm(rl.ones(3, 3), 3)


def positive(n=3):
    a = DRAW.standard_normal((2, n, n))
    return a @ a.transpose(0, 2, 1) + np.eye(n)


def test_values_of_factorisations():
    a = positive()
    np.testing.assert_allclose(rl.linalg.cholesky(rl.from_numpy(a)).numpy(), np.linalg.cholesky(a), rtol=1e-10)
    np.testing.assert_allclose(rl.linalg.eigvalsh(rl.from_numpy(a)).numpy(), np.linalg.eigvalsh(a), rtol=1e-10)
    np.testing.assert_allclose(rl.linalg.svdvals(rl.from_numpy(a)).numpy(), np.linalg.svd(a, compute_uv=False), rtol=1e-10)


@pytest.mark.parametrize("n", [-2, 0, 1, 2, 7])
def test_matrix_power(n):
    a = positive()
    np.testing.assert_allclose(rl.linalg.matrix_power(rl.from_numpy(a), n).numpy(), np.linalg.matrix_power(a, n), rtol=1e-8, atol=1e-8)


@pytest.mark.parametrize("shapes", [[(3, 4), (4, 2)], [(3, 4), (4, 2), (2, 6), (6, 1)], [(3,), (3, 4), (4, 2), (2, 6), (6,)]])
def test_multi_dot(shapes):
    factors = [DRAW.standard_normal(s) for s in shapes]
    got = rl.linalg.multi_dot([rl.from_numpy(f) for f in factors]).numpy()
    np.testing.assert_allclose(got, np.linalg.multi_dot(factors), rtol=1e-10)


@pytest.mark.parametrize("scale", [0.0, 0.1, 3.0, 30.0])
def test_matrix_exp(scale):
    turn = scale * np.array([[0.0, -1.0], [1.0, 0.0]])
    got = rl.matrix_exp(rl.from_numpy(turn)).numpy()
    # Squaring loses up to a digit or two where the matrix was halved often.
    np.testing.assert_allclose(got, [[math.cos(scale), -math.sin(scale)], [math.sin(scale), math.cos(scale)]], atol=1e-12)


def test_matrix_exp_and_reflectors_have_gradients():
    a = rl.from_numpy(DRAW.standard_normal((3, 3))).requires_grad_()
    assert rl.autograd.gradcheck(rl.linalg.matrix_exp, (a,), check_undefined_grad=False)
    v, tau = (t.requires_grad_() for t in rl.geqrf(rl.from_numpy(DRAW.standard_normal((4, 3)))))
    assert rl.autograd.gradcheck(rl.linalg.householder_product, (v, tau), check_undefined_grad=False)


def test_reflectors_make_q():
    a = rl.from_numpy(DRAW.standard_normal((2, 5, 3)))
    q, r = rl.linalg.qr(a)
    v, tau = rl.geqrf(a)
    np.testing.assert_allclose(rl.linalg.householder_product(v, tau).numpy(), q.numpy(), atol=1e-12)
    np.testing.assert_allclose(v.triu()[:, :3].numpy(), r.numpy(), atol=1e-12)


def test_least_squares_drivers_agree():
    a, b = rl.tensor(DRAW.standard_normal((5, 3))), rl.tensor(DRAW.standard_normal((5, 2)))
    want, rest, rank, values = np.linalg.lstsq(a.numpy(), b.numpy(), rcond=None)
    for driver in ("gels", "gelsy", "gelsd", "gelss"):
        got = rl.linalg.lstsq(a, b, driver=driver)
        np.testing.assert_allclose(got.solution.numpy(), want, rtol=1e-10)
        assert got.residuals.shape == (() if driver == "gelsy" else rest.shape) or got.residuals.numel() == 0
        assert driver == "gels" or got.rank.item() == rank
    np.testing.assert_allclose(got.singular_values.numpy(), values, rtol=1e-10)
    np.testing.assert_allclose(got.residuals.numpy(), rest, rtol=1e-10)


def test_ldl_solves_what_it_factors():
    for kind, adjoint in ((0, False), (1j, True), (1j, False)):
        a = DRAW.standard_normal((4, 4)) + kind * DRAW.standard_normal((4, 4))
        a = a + (a.conj().T if adjoint else a.T)
        b = DRAW.standard_normal((4, 2)) + kind
        factors = rl.linalg.ldl_factor(rl.tensor(a), hermitian=adjoint)
        np.testing.assert_allclose(a @ rl.linalg.ldl_solve(*factors, rl.tensor(b), hermitian=adjoint).numpy(), b, rtol=1e-9, atol=1e-12)
    with pytest.raises(RuntimeError, match="pivots must be those of ldl_factor"):
        rl.linalg.ldl_solve(rl.eye(2), rl.tensor([7, 1], dtype=rl.int32), rl.ones(2, 1))


def test_exponential_of_matrices():
    a = rl.tensor([[0.0, 1.0], [-1.0, 0.0]], dtype=rl.float64, requires_grad=True)
    np.testing.assert_allclose(rl.matrix_exp(a * (math.pi / 2)).detach().numpy(), [[0, 1], [-1, 0]], atol=1e-14)
    assert rl.autograd.gradcheck(rl.matrix_exp, (a,)) and rl.autograd.gradgradcheck(rl.matrix_exp, (a,))
    assert rl.matrix_exp(rl.eye(2, dtype=rl.float16)).dtype is rl.float16


def test_a_matrix_may_be_called_input():
    """torch's bindings call A so."""
    a = rl.eye(2)
    for name in ("cholesky", "eigvals", "eigvalsh", "matrix_rank", "pinv", "matrix_norm", "cond", "matrix_exp", "eig", "eigh"):
        getattr(rl.linalg, name)(input=a)


def test_lstsq_tells_the_rank_once_for_a_matrix_that_serves_several_examples():
    A, B = rl.rand(1, 3, 3, dtype=rl.float64), rl.rand(4, 3, 2, dtype=rl.float64)
    solution, _, rank, values = rl.linalg.lstsq(A, B, driver="gelsd")
    assert solution.shape == (4, 3, 2) and rank.tolist() == [3] and values.shape == (1, 3)
    assert rl.allclose(A @ solution, B)


@pytest.mark.parametrize("dtype", [rl.float32, rl.float64, rl.complex64, rl.complex128])
def test_matrices_with_infinities_and_nan(dtype):
    """LAPACK's search for singular values has no end among infinities; torch says nan of those, and refuses nan."""
    good = rl.eye(3, dtype=dtype) * 2
    bad = {name: good.clone() for name in ("inf", "nan")}
    for name, matrix in bad.items():
        matrix[0, 0] = float(name)
    assert rl.linalg.svdvals(rl.stack([good, bad["inf"]])).tolist()[0] == [2, 2, 2] and rl.linalg.svdvals(bad["inf"]).isnan().all()
    u, s, vh = rl.linalg.svd(bad["inf"])
    assert u.isnan().all() and vh.isnan().all() and rl.linalg.pinv(bad["inf"]).shape == (3, 3) and rl.linalg.cond(bad["inf"]).isnan()
    with pytest.raises(rl.linalg.LinAlgError, match="non-finite"):
        rl.linalg.svd(bad["nan"])
    for matrix in bad.values():
        with pytest.raises(RuntimeError, match="linalg.eig: input tensor should not contain infs or NaNs"):
            rl.linalg.eig(rl.stack([good, matrix]))
        values = rl.linalg.eigvals(rl.stack([good, matrix]))
        assert values[0].real.tolist() == [2, 2, 2] and values[1].isnan().all()
        for driver in ("gelsd", "gelss"):
            both = rl.linalg.lstsq(rl.stack([good, matrix]), rl.stack([good, good]), driver=driver)
            assert rl.allclose(both.solution[0], rl.eye(3, dtype=dtype)) and both.solution[1].isnan().all() and both.rank.tolist() == [3, 0]
            assert rl.linalg.lstsq(good[:2], matrix[:2], driver=driver).solution.isnan().all() and rl.linalg.lstsq(good[:2], good[:2], driver=driver).solution.isfinite().all()
    with pytest.raises(rl.linalg.LinAlgError, match="leading minor of order 1 is not positive-definite"):
        rl.linalg.cholesky(bad["nan"])
    assert rl.linalg.cholesky_ex(rl.stack([good, bad["nan"]])).info.tolist() == [0, 1]


def test_norms_of_nothing():
    for p in (float("inf"), -float("inf"), -1, -2.5):
        for shape, dim in (((0, 3), None), ((0, 3), 0), ((2, 0), 1), ((2, 0), (0, 1))):
            with pytest.raises(RuntimeError, match="does not have an identity"):
                rl.linalg.vector_norm(rl.empty(shape), p, dim)
        assert rl.linalg.vector_norm(rl.empty(0, 3), p, 1).shape == (0,)
    assert rl.linalg.vector_norm(rl.empty(0), 3).item() == 0


def test_tensorsolve_of_nothing():
    assert rl.linalg.tensorsolve(rl.empty(0, 0, 0), rl.empty(0, 0)).shape == (0,)
    assert rl.linalg.tensorsolve(rl.empty(3, 0, 3, 0), rl.empty(3, 0)).shape == (3, 0)


def test_resized_out_is_said():
    for function, args, shape in ((rl.linalg.svdvals, (rl.eye(3),), (3,)), (rl.linalg.pinv, (rl.eye(3),), (3, 3)), (rl.linalg.matrix_rank, (rl.eye(3),), ())):
        with pytest.warns(UserWarning, match="An output with one or more elements was resized"):
            assert function(*args, out=rl.empty(1, 7)).shape == shape
        function(*args, out=rl.empty(0))
