"""Linear algebra under the names that torch gave it before torch.linalg, as functions and as methods of Tensor."""

import rushlight as rl

from ._asking import ask_first
from . import _C, linalg
from ._keywords import also_called
from .linalg import _give
from .return_types import structure

__all__ = ["cholesky", "det", "inverse", "logdet", "lu", "lu_solve", "lu_unpack",
           "matrix_exp", "matrix_power", "pca_lowrank", "pinverse", "qr", "slogdet", "svd", "svd_lowrank",
           "triangular_solve", "chain_matmul"]

METHODS = [name for name in __all__ if name not in ("lu_unpack", "pca_lowrank", "svd_lowrank", "chain_matmul")]


def cholesky(input, upper=False, *, out=None):
    """linalg.cholesky under its older name."""
    return _give(linalg.cholesky(input, upper=upper), out)


def det(input):
    """linalg.det."""
    return linalg.det(input)


def slogdet(input, *, out=None):
    """linalg.slogdet."""
    return _give(structure("slogdet", ("sign", "logabsdet"), tuple(linalg.slogdet(input))), out)


def logdet(input):
    """The logarithm of the determinant; NaN where it is negative, -inf where it vanishes."""
    sign, value = linalg.slogdet(input)
    if input.is_complex():
        return sign.log() + value
    return rl.where(sign < 0, rl.full_like(value, rl.nan), value)


def inverse(input, *, out=None):
    """linalg.inv."""
    return linalg.inv(input) if out is None else _give(linalg.inv(input), out)


def pinverse(input, rcond=1e-15):
    """linalg.pinv with rcond."""
    return linalg.pinv(input, rcond=rcond)


def matrix_power(input, n, *, out=None):
    """linalg.matrix_power."""
    return linalg.matrix_power(input, n, out=out)


def matrix_exp(input):
    """linalg.matrix_exp."""
    return linalg.matrix_exp(input)


def qr(input, some=True, *, out=None):
    """linalg.qr: reduced for some=True, else complete."""
    return _give(structure("qr", ("Q", "R"), tuple(linalg.qr(input, "reduced" if some else "complete"))), out)


def svd(input, some=True, compute_uv=True, *, out=None):
    """linalg.svd that returns V, not its adjoint; zeros for U and V with compute_uv=False."""
    if compute_uv:
        u, s, vh = linalg.svd(input, full_matrices=not some)
        result = u, s, vh.mH
    else:
        m, n = input.shape[-2:]
        result = (input.new_zeros(*input.shape[:-2], m, m), linalg.svdvals(input), input.new_zeros(*input.shape[:-2], n, n))
    return _give(structure("svd", ("U", "S", "V"), result), out)


def lu(A, pivot=True, get_infos=False, out=None):
    """The packed LU factorisation and its row swaps; with get_infos also a code per matrix."""
    packed = tuple(linalg.lu_factor_ex(A, pivot=pivot))
    if out is not None:
        for target, result in zip(out, packed[:3 if get_infos else 2], strict=True):
            target.resize_(result.shape).copy_(result)
        return out
    return structure("_lu_with_info", ("LU", "pivots", "info"), packed) if get_infos else packed[:2]


@also_called(input="b")
def lu_solve(b, LU_data, LU_pivots, *, out=None):
    """linalg.lu_solve with the right-hand side first."""
    return _give(linalg.lu_solve(LU_data, LU_pivots, b), out)


def lu_unpack(LU_data, LU_pivots, unpack_data=True, unpack_pivots=True, *, out=None):
    """P, L and U from a packed LU factorisation; empty tensors for what is not asked for."""
    m, n = LU_data.shape[-2:]
    k = min(m, n)
    if LU_pivots.dtype is not rl.int32:
        raise RuntimeError("torch.lu_unpack: LU_pivots is expected to be a contiguous tensor of torch.int32 dtype. Note: this function is intended to be used "
                           "with the output produced by torch.linalg.lu_factor")
    P = L = U = LU_data.new_empty(0)
    if unpack_pivots:
        P = _C._ops._permutation_matrix(LU_pivots, m, LU_data.dtype)
    if unpack_data:
        L = LU_data[..., :k].tril(-1) + rl.eye(m, k, dtype=LU_data.dtype)
        U = LU_data[..., :k, :].triu()
    return _give(structure("lu_unpack", ("P", "L", "U"), (P, L, U)), out)


@also_called(input="b")
def triangular_solve(b, A, upper=True, transpose=False, unitriangular=False, *, out=None):
    """X of A X = b for triangular A, and A itself."""
    if b.dtype != A.dtype:
        raise RuntimeError(f"triangular_solve: Expected b and A to have the same dtype, but found b of type {b.dtype} and A of type {A.dtype} instead")
    if transpose:
        solution = linalg.solve_triangular(A.mT, b, upper=not upper, unitriangular=unitriangular)
    else:
        solution = linalg.solve_triangular(A, b, upper=upper, unitriangular=unitriangular)
    shape = rl.broadcast_shapes(A.shape[:-2], b.shape[:-2])
    return _give(structure("triangular_solve", ("solution", "cloned_coefficient"), (solution, A.mT.expand(*shape, *A.shape[-2:]).clone(memory_format=rl.contiguous_format).mT)), out)


def svd_lowrank(A, q=6, niter=2, M=None):
    """The q largest singular values and their vectors, by random projection (Halko, Martinsson and Tropp 2009, algorithm 5.1)."""
    q = 6 if q is None else q
    m, n = A.shape[-2:]
    if M is not None:
        A = A - M.expand(A.shape)
    wide = m < n
    if wide:
        A = A.mH
    R = rl.randn(A.shape[-1], q, dtype=A.dtype)
    Q = linalg.qr(A @ R)[0]
    for _ in range(niter):
        Q = linalg.qr(A.mH @ Q)[0]
        Q = linalg.qr(A @ Q)[0]
    U, S, Vh = linalg.svd(Q.mH @ A, full_matrices=False)
    U, V = Q @ U, Vh.mH
    return (V, S, U) if wide else (U, S, V)


def pca_lowrank(A, q=None, center=True, niter=2):
    """svd_lowrank of A with the mean of its rows taken off."""
    m, n = A.shape[-2:]
    q = min(6, m, n) if q is None else q
    if not 0 <= q <= min(m, n):
        raise ValueError(f"q(={q}) must be non-negative integer and not greater than min(m, n)={min(m, n)}")
    if niter < 0:
        raise ValueError(f"niter(={niter}) must be non-negative integer")
    return svd_lowrank(A - A.mean(-2, keepdim=True) if center else A, q, niter)


def chain_matmul(*matrices, out=None):
    """linalg.multi_dot under its older name."""
    return linalg.multi_dot(matrices, out=out) if len(matrices) > 1 else _give(matrices[0], out)


ask_first(globals())
