"""torch.linalg: linear algebra over the factorisations of the engine.

Factorisations, solvers and determinants are rows of the op table (csrc/ops/decompose.c, through LAPACK).  What is written here
is built from them and from ordinary operations, so its gradients come from theirs.
"""

import math
import warnings

import rushlight as rl

from ._asking import ask_first
from . import _C
from ._C import _LinAlgError as LinAlgError
from ._keywords import along, also_called
from .return_types import structure

_rows = {name: value for name, value in vars(_C._linalg).items() if not name.startswith("_")}
globals().update(_rows)


def _give(result, out):
    """The result, written to out where that was given."""
    if out is None:
        return result
    if isinstance(result, tuple):
        return type(result)(_give(r, o) for r, o in zip(result, out))
    if not rl.can_cast(result.dtype, out.dtype):
        raise RuntimeError(f"Expected out tensor to have dtype {result.dtype}, but got {out.dtype} instead")
    if out.shape != result.shape:
        if out.numel():
            warnings.warn(f"An output with one or more elements was resized since it had shape {list(out.shape)}, which does not match the required output shape {list(result.shape)}. "
                          "This behavior is deprecated: an out tensor of no elements, as t.resize_(0) makes, is resized without a word.", UserWarning, stacklevel=3)
        out.resize_(result.shape)
    with rl.no_grad():
        return out.copy_(result)


def _check_matrix(name, a, what="A"):
    if a.dim() < 2:
        raise RuntimeError(f"linalg.{name}: The input tensor {what} must have at least 2 dimensions.")


def _check_square(name, a):
    _check_matrix(name, a)
    if a.shape[-1] != a.shape[-2]:
        raise RuntimeError(f"linalg.{name}: A must be batches of square matrices, but they are {a.shape[-2]} by {a.shape[-1]} matrices")


def _word(a):
    """The name that torch's messages have for a dtype."""
    words = {rl.float16: "Half", rl.float32: "Float", rl.float64: "Double", rl.int64: "Long", rl.int32: "Int", rl.int16: "Short", rl.int8: "Char", rl.uint8: "Byte",
             rl.bool: "Bool", rl.bfloat16: "BFloat16", rl.complex64: "ComplexFloat", rl.complex128: "ComplexDouble",
             rl.uint16: "UInt16", rl.uint32: "UInt32", rl.uint64: "UInt64"}
    return words.get(a.dtype, str(a.dtype))


def _check_inexact(name, a):
    if not (a.is_floating_point() or a.is_complex()):
        raise RuntimeError(f"linalg.{name}: Expected a floating point or complex tensor as input. Got {_word(a)}")


# ---- factorisations --------------------------------------------------------------------------------------------------

@also_called(input="A")
def cholesky(A, *, upper=False, out=None):
    """The factor L of A = L L^H, or its adjoint with upper=True; [*, n, n]. Raises LinAlgError if A is not positive-definite."""
    return _give(_rows["cholesky_ex"](A, upper=upper, check_errors=True)[0], out)


def lu_factor(A, *, pivot=True, out=None):
    """L and U in one matrix, and the row swaps."""
    return _give(structure("linalg_lu_factor", ("LU", "pivots"), tuple(_rows["lu_factor_ex"](A, pivot=pivot, check_errors=False))[:2]), out)


def lu(A, *, pivot=True, out=None):
    """P, L, U with A = P L U: [*, m, m], [*, m, k], [*, k, n] for k = min(m, n)."""
    packed, pivots, _ = _rows["lu_factor_ex"](A, pivot=pivot)
    return _give(structure("linalg_lu", ("P", "L", "U"), rl.lu_unpack(packed, pivots)), out)


def lu_solve(LU, pivots, B, *, left=True, adjoint=False, out=None):
    """X of A X = B from A's LU factorisation; X A = B with left=False, A^H for A with adjoint=True."""
    if LU.dtype != B.dtype:
        raise RuntimeError(f"linalg.lu_solve: Expected LU and B to have the same dtype, but found LU of type {LU.dtype} and B of type {B.dtype} instead")
    if not left:
        return _give(lu_solve(LU, pivots, B.mH, adjoint=not adjoint).mH, out)
    n = LU.shape[-1]
    lower = LU.tril(-1) + rl.eye(n, dtype=LU.dtype)
    upper = LU.triu()
    swap = _C._ops._permutation_matrix(pivots, n, LU.dtype)
    if adjoint:
        y = solve_triangular(upper.mH, B, upper=False)
        result = (solve_triangular(lower.mH, y, upper=True, unitriangular=True).mT @ swap.mT).mT      # column by column, as solvers leave it
    else:
        y = solve_triangular(lower, swap.mT @ B, upper=False, unitriangular=True)
        result = solve_triangular(upper, y, upper=True)
    return _give(result, out)


@also_called(input="A")
def eigvalsh(A, UPLO="L", *, out=None):
    """Eigenvalues, rising, of symmetric or Hermitian matrices."""
    return _give(eigh(A, UPLO)[0], out)


@also_called(input="A")
def eigvals(A, *, out=None):
    """Eigenvalues, complex."""
    bad = None if A.isfinite().all() else ~A.isfinite().flatten(-2).all(-1)
    values = eig(A if bad is None else A.masked_fill(bad[..., None, None], 0))[0]
    return _give(values if bad is None else values.masked_fill(bad[..., None], math.nan), out)


def svdvals(A, *, driver=None, out=None):
    """Singular values, falling."""
    return _give(svd(A, full_matrices=False)[1], out)


# ---- solving ---------------------------------------------------------------------------------------------------------

@also_called(input="A")
def tensorinv(A, ind=2, *, out=None):
    """The inverse of A seen as a matrix from its last dims to its first ind."""
    if ind <= 0:
        raise RuntimeError("Expected a strictly positive integer for 'ind'")
    rows, cols = math.prod(A.shape[:ind]), math.prod(A.shape[ind:])
    if rows != cols:
        raise RuntimeError(f"Expected self to satisfy the requirement prod(self.shape[ind:]) == prod(self.shape[:ind]), but got {cols} != {rows}")
    return _give(inv(A.reshape(rows, cols)).reshape(*A.shape[ind:], *A.shape[:ind]), out)


@also_called(input="A", other="B")
def tensorsolve(A, B, dims=None, *, out=None):
    """X of tensordot(A, X, X.ndim) = B."""
    if dims is not None:
        A = A.movedim(tuple(dims), tuple(range(A.ndim - len(dims), A.ndim)))
    shape = A.shape[B.ndim:]
    if math.prod(shape) != math.prod(A.shape[:B.ndim]):
        raise RuntimeError("Expected self to satisfy the requirement prod(self.shape[other.ndim:]) == prod(self.shape[:other.ndim]), "
                           f"but got {math.prod(shape)} != {math.prod(A.shape[:B.ndim])}")
    return _give(solve(A.reshape(B.numel(), math.prod(shape)), B.flatten()).reshape(shape), out)


def _tolerance(a, s, atol, rtol):
    """What counts as zero among singular values: max(atol, rtol * largest)."""
    if rtol is None:
        rtol = rl.zeros(()) if atol is not None and bool(rl.as_tensor(atol).gt(0).all()) else max(a.shape[-2:]) * rl.finfo(s.dtype).eps
    atol = 0.0 if atol is None else atol
    largest = s.abs().amax(-1) if s.shape[-1] else s.new_zeros(s.shape[:-1])
    return rl.maximum(rl.as_tensor(atol, dtype=s.dtype), rl.as_tensor(rtol, dtype=s.dtype) * largest)


@also_called(input="A")
def matrix_rank(A, tol=None, hermitian=False, *, atol=None, rtol=None, out=None):
    """How many singular values are larger than max(atol, rtol * the largest)."""
    _check_matrix("matrix_rank", A)
    if tol is not None:
        atol, rtol = tol, 0.0
    with rl.no_grad():
        s = eigvalsh(A).abs() if hermitian else svdvals(A)
        return _give((s > _tolerance(A, s, atol, rtol).unsqueeze(-1)).sum(-1), out)


@also_called(input="A")
def pinv(A, rcond=None, hermitian=False, *, atol=None, rtol=None, out=None):
    """The Moore-Penrose inverse; singular values up to max(atol, rtol * the largest) count as zero."""
    _check_matrix("pinv", A)
    if rcond is not None:
        atol, rtol = 0.0, rcond
    return _give(_Pinv.apply(A, atol, rtol, hermitian), out)


def _pinv_value(A, atol, rtol, hermitian):
    if A.numel() == 0:
        return A.new_empty(*A.shape[:-2], A.shape[-1], A.shape[-2])
    if hermitian:
        s, v = eigh(A)
        keep = s.abs() > _tolerance(A, s, atol, rtol).unsqueeze(-1)
        inverse = rl.where(keep, s, rl.ones_like(s)).reciprocal() * keep
        return (v * inverse.unsqueeze(-2)) @ v.mH
    u, s, vh = svd(A, full_matrices=False)
    keep = s > _tolerance(A, s, atol, rtol).unsqueeze(-1)
    inverse = rl.where(keep, s, rl.ones_like(s)).reciprocal() * keep
    return (vh.mH * inverse.unsqueeze(-2).to(vh.dtype)) @ u.mH


class _Pinv(rl.autograd.Function):
    """Golub and Pereyra 1973: the derivative of the pseudo-inverse, where the rank stays as it is."""

    derives_jvp = True

    @staticmethod
    def forward(ctx, A, atol, rtol, hermitian):
        result = _pinv_value(A, atol, rtol, hermitian)
        ctx.save_for_backward(A, result)
        return result

    @staticmethod
    def backward(ctx, g):
        return _Pinv.slope(*ctx.saved_tensors, g), None, None, None

    @staticmethod
    def slope(A, P, g):
        return _left(A, P, g) + _right(A, P, g) - P.mH @ g @ P.mH


def _left(A, P, g):
    """The part of the gradient that leaves A's range: (I - A P) g^H P P^H."""
    K = g.mH @ P
    return (K - A @ (P @ K)) @ P.mH


def _right(A, P, g):
    """The part that leaves its row space: P^H P g^H (I - P A)."""
    K = P @ g.mH
    return P.mH @ (K - (K @ P) @ A)


class _Lstsq(rl.autograd.Function):
    """The solution and the residuals; the gradient of the solution is that of pinv(A) B."""

    derives_jvp = True

    @staticmethod
    def forward(ctx, A, B, rcond, driver):
        tall, rank, values = _C._ops._lstsq(A, B, rcond, driver)
        for d in range(rank.dim()):                      # B may have more examples than A
            rank, values = rank.narrow(d, 0, A.shape[d]), values.narrow(d, 0, A.shape[d])
        m, n = A.shape[-2:]
        residuals = values.new_empty(0)
        if m > n and (driver == "gels" or (driver != "gelsy" and bool((rank == n).all()))):
            residuals = tall[..., n:, :].abs().square().sum(-2)
        solution = tall[..., :n, :]
        ctx.save_for_backward(A, B, solution)
        ctx.full = residuals.shape != (0,)
        rank, values = rank if driver != "gels" else rank.new_empty(0), values if driver in ("gelsd", "gelss") else values.new_empty(0)
        ctx.mark_non_differentiable(rank, values)
        return solution, residuals, rank, values

    @staticmethod
    def backward(ctx, g, g_residuals, *_):
        A, B, X = ctx.saved_tensors
        P = pinv(A)
        gA = _Pinv.slope(A, P, g @ B.mH)
        gB = P.mH @ g
        if ctx.full:
            rest = 2 * g_residuals.unsqueeze(-2) * (A @ X - B)
            gA, gB = gA + rest @ X.mH, gB - rest
        return gA, gB, None, None


@also_called(input="A", b="B")
def lstsq(A, B, rcond=None, *, driver=None, out=None):
    """X of least |A X - B|, the residuals where A has full rank and more rows than columns, the rank, the singular values."""
    if A.dim() < 2:
        raise RuntimeError("torch.linalg.lstsq: input must have at least 2 dimensions.")
    if B.dim() < 1:
        raise RuntimeError("torch.linalg.lstsq: other must have at least 1 dimension.")
    if A.dtype != B.dtype:
        raise RuntimeError("torch.linalg.lstsq: Expected input and other to have the same dtype, but got "
                           f"input's dtype {A.dtype} and other's dtype {B.dtype}")
    if not 0 <= A.dim() - B.dim() <= 1:
        raise RuntimeError("torch.linalg.lstsq: input.dim() must be greater or equal to other.dim() and (input.dim() - other.dim()) <= 1; "
                           f"the shapes are {list(A.shape)} and {list(B.shape)}")
    vector = A.dim() - B.dim() == 1
    if A.shape[-2] != B.shape[-1 if vector else -2]:
        raise RuntimeError(f"torch.linalg.lstsq: input.size(-2) should match other.size({-1 if vector else -2}); the shapes are {list(A.shape)} and {list(B.shape)}")
    driver = "gelsy" if driver is None else driver
    if driver not in ("gels", "gelsy", "gelsd", "gelss"):
        raise RuntimeError(f"torch.linalg.lstsq: parameter `driver` should be one of (gels, gelsy, gelsd, gelss), but it is {driver}")
    if A.dtype not in (rl.float32, rl.float64, rl.complex64, rl.complex128):
        raise RuntimeError(f"This function doesn't handle types other than float and double; linalg.lstsq was given {A.dtype}")
    rcond = rl.finfo(A.dtype).eps * max(A.shape[-2:]) if rcond is None else float(rcond)
    solution, residuals, rank, values = _Lstsq.apply(A, B.unsqueeze(-1) if vector else B, rcond, driver)
    solution = solution.squeeze(-1) if vector else solution
    return _give(structure("linalg_lstsq", ("solution", "residuals", "rank", "singular_values"), (solution, residuals, rank, values)), out)


# ---- norms -----------------------------------------------------------------------------------------------------------

def _two_dims(name, A, dim):
    if not isinstance(dim, tuple):
        dim = tuple(dim)
    if len(dim) != 2:
        raise RuntimeError(f"linalg.{name}: dim must be a 2-tuple. Got {' '.join(map(str, dim))}")
    first, second = (d % A.dim() if -A.dim() <= d < A.dim() else _bad_dim(A, d) for d in dim)
    if first == second:
        raise RuntimeError(f"linalg.{name}: dims must be different. Got ({dim[0]}, {dim[1]})")
    return first, second


def _bad_dim(A, d):
    raise IndexError(f"Dimension out of range (expected to be in range of [{-A.dim()}, {A.dim() - 1}], but got {d})")


@also_called(input="A", axis="dim", keepdims="keepdim")
def matrix_norm(A, ord="fro", dim=(-2, -1), keepdim=False, *, dtype=None, out=None):
    """Norms of matrices: 'fro', 'nuc', 2, -2 (singular values), 1, -1 (columns), inf, -inf (rows)."""
    _check_inexact("matrix_norm", A)
    _check_matrix("matrix_norm", A)
    if dtype is not None:
        A = A.to(dtype)
    first, second = (-2, -1) if dim == (-2, -1) else _two_dims("matrix_norm", A, dim)
    if ord == "fro":
        norm = _rows["vector_norm"](A, 2, (first, second), keepdim)
        return norm if out is None else _give(norm, out)
    if ord in (1, -1, math.inf, -math.inf):
        along, over = (first, second) if abs(ord) == 1 else (second, first)
        sums = A.abs().sum(along, keepdim=True)
        extreme = sums.amin if ord < 0 else sums.amax if A.shape[over] else sums.sum      # the largest of nothing is 0 here
        result = extreme(over, keepdim=True)
    elif ord in (2, -2, "nuc"):
        s = svdvals(A.movedim((first, second), (-2, -1)))
        result = s.sum(-1) if ord == "nuc" else s.amin(-1) if ord == -2 else s.amax(-1) if s.shape[-1] else s.sum(-1)
        result = result.unsqueeze(-1).unsqueeze(-1).movedim((-2, -1), (first, second))
    else:
        raise RuntimeError(f"linalg.matrix_norm: Order {ord} not supported.")
    if not keepdim:
        result = result.squeeze((first, second))
    return _give(result, out)


@along
def norm(input, ord=None, dim=None, keepdim=False, *, dtype=None, out=None):
    """vector_norm or matrix_norm, as ord and dim say; without either, of all elements."""
    if dim is not None and not isinstance(dim, int) and len(dim) not in (1, 2):
        raise RuntimeError(f"linalg.norm: If dim is specified, it must be of length 1 or 2. Got {list(dim)}")
    if ord is not None and dim is None and input.dim() not in (1, 2):
        raise RuntimeError("linalg.norm: If dim is not specified but ord is, the input must be 1D or 2D. Got "
                           f"{input.dim()}D.")
    pair = dim is not None and not isinstance(dim, int) and len(dim) == 2
    if ord is not None and (pair or (dim is None and input.dim() == 2)):
        return matrix_norm(input, ord, tuple(dim) if pair else (0, 1), keepdim, dtype=dtype, out=out)
    if isinstance(ord, str):
        raise RuntimeError("linalg.matrix_norm: The input tensor A must have at least 2 dimensions." if input.dim() < 2 else f"linalg.norm: Order {ord} not supported for vectors")
    return _give(_rows["vector_norm"](input, 2 if ord is None else ord, dim, keepdim, dtype=dtype), out)


@also_called(input="A")
def cond(A, p=None, *, out=None):
    """The condition number: norm of A times norm of its inverse, by default in the 2-norm."""
    _check_matrix("cond", A)
    if p is None or p in (2, -2):
        s = svdvals(A)
        if s.shape[-1] == 0:
            return _give(s.sum(-1), out)
        largest, smallest = s.amax(-1), s.amin(-1)
        return _give(smallest / largest if p == -2 else largest / smallest, out)
    if p not in ("fro", "nuc", math.inf, -math.inf, 1, -1):
        raise RuntimeError(f"linalg.cond got an invalid norm type: {p}")
    _check_square("cond", A)
    inverse, info = inv_ex(A)
    result = matrix_norm(A, p) * matrix_norm(inverse, p)
    return _give(rl.where(info != 0, rl.full_like(result, math.inf), result), out)


# ---- products --------------------------------------------------------------------------------------------------------

@also_called(input="A")
def matrix_power(A, n, *, out=None):
    """A multiplied n times with itself; of the inverse for negative n."""
    shape = A.shape
    if n == 2 and out is None and len(shape) > 1 and shape[-1] == shape[-2]:
        return A @ A
    _check_square("matrix_power", A)
    if n < 0:
        A, n = inv(A), -n
    if n == 0:
        return _give(A.clone().copy_(rl.eye(A.shape[-1], dtype=A.dtype).expand(A.shape)), out)
    result = None
    while n:
        if n & 1:
            result = A if result is None else result @ A
        n >>= 1
        if n:
            A = A @ A
    return _give(result.clone() if result is A else result, out)


@also_called(input="A")
def matrix_exp(A):
    """The exponential of each matrix, by scaling and squaring with a Pade approximant of degree 13 (Higham 2005)."""
    if A.dim() < 2:
        raise RuntimeError("linalg.matrix_exp: The input tensor A must have at least 2 dimensions.")
    if not (A.is_floating_point() or A.is_complex()):
        raise RuntimeError(f"linalg.matrix_exp: Expected a floating point or complex tensor as input. Got {_word(A)}")
    _check_square("matrix_exp", A)
    return _MatrixExp.apply(A)


class _MatrixExp(rl.autograd.Function):
    """In double precision throughout. The derivative along E is the upper right block of exp [[A, E], [0, A]] (Mathias 1996)."""

    @staticmethod
    def forward(ctx, A):
        ctx.save_for_backward(A)
        return _exponential(A.to(rl.complex128 if A.is_complex() else rl.float64)).to(A.dtype).contiguous() if A.numel() else A.clone()

    @staticmethod
    def backward(ctx, g):
        A, = ctx.saved_tensors
        n, adjoint = A.shape[-1], A.mH
        blocks = rl.cat([rl.cat([adjoint, g], -1), rl.cat([rl.zeros_like(g), adjoint], -1)], -2)
        return _MatrixExp.apply(blocks)[..., :n, n:]


def _exponential(A):
    largest = float(A.abs().sum(-2).amax())
    steps = max(0, math.ceil(math.log2(largest / 4.25))) if largest > 4.25 and math.isfinite(largest) else 0
    A = A / 2 ** steps
    b = (64764752532480000., 32382376266240000., 7771770303897600., 1187353796428800., 129060195264000., 10559470521600.,
         670442572800., 33522128640., 1323241920., 40840800., 960960., 16380., 182., 1.)
    b = [c / b[0] for c in b]
    eye = rl.eye(A.shape[-1], dtype=A.dtype)
    A2 = A @ A
    A4 = A2 @ A2
    A6 = A4 @ A2
    U = A @ (A6 @ (b[13] * A6 + b[11] * A4 + b[9] * A2) + b[7] * A6 + b[5] * A4 + b[3] * A2 + b[1] * eye)
    V = A6 @ (b[12] * A6 + b[10] * A4 + b[8] * A2) + b[6] * A6 + b[4] * A4 + b[2] * A2 + b[0] * eye
    result = solve(V - U, V + U)
    for _ in range(steps):
        result = result @ result
    return result


def multi_dot(tensors, *, out=None):
    """A product of several matrices in the order that takes the fewest multiplications."""
    n = len(tensors)
    if n < 2:
        raise RuntimeError(f"multi_dot(): expected at least 2 tensors but got {n}")
    tensors = list(tensors)
    shapes = [t.shape for t in tensors]
    for i, shape in enumerate(shapes):
        if len(shape) != 2 and (len(shape) != 1 or 0 < i < n - 1):
            raise RuntimeError(f"multi_dot(): tensor {i} must be {'1D or 2D' if i in (0, n - 1) else '2D'} but got {len(shape)}D")
    row, column = len(shapes[0]) == 1, len(shapes[-1]) == 1
    if row:
        tensors[0] = tensors[0].unsqueeze(0)
    if column:
        tensors[-1] = tensors[-1].unsqueeze(-1)
    sizes = [1 if row else shapes[0][0], *[shape[0] for shape in shapes[1:]], 1 if column else shapes[-1][-1]]
    for i, shape in enumerate(shapes[:-1]):
        if shape[-1] != sizes[i + 1]:
            raise RuntimeError(f"multi_dot(): tensors {i} and {i + 1} with shapes {list(tensors[i].shape)} and {list(tensors[i + 1].shape)} cannot be multiplied")
    result = _cheapest(tensors, sizes)
    if out is None and not (row or column):
        return result
    result = result.squeeze(0) if row else result
    if out is not None and out.dtype != result.dtype:
        raise RuntimeError(f"multi_dot(): expected out tensor to have dtype {result.dtype} but got {out.dtype}")
    return _give(result.squeeze(-1) if column else result, out)


def _cheapest(tensors, sizes):
    """The product of matrices of these sizes: sizes[i] by sizes[i + 1]."""
    n = len(tensors)
    if n == 2:
        return tensors[0] @ tensors[1]
    if n == 3:
        a, b, c, d = sizes
        return tensors[0] @ tensors[1] @ tensors[2] if a * c * (b + d) < b * d * (a + c) else tensors[0] @ (tensors[1] @ tensors[2])
    best, cut = {(i, i): 0 for i in range(n)}, {}
    for length in range(1, n):
        for i in range(n - length):
            j = i + length
            best[i, j], cut[i, j] = min((best[i, k] + best[k + 1, j] + sizes[i] * sizes[k + 1] * sizes[j + 1], k) for k in range(i, j))

    def product(i, j):
        return tensors[i] if i == j else product(i, cut[i, j]) @ product(cut[i, j] + 1, j)
    return product(0, n - 1)


@along
def vecdot(x, y, *, dim=-1, out=None):
    """Sums of the products of x, conjugated, with y along dim."""
    return _give((x.conj() * y).sum(dim), out)


def diagonal(A, *, offset=0, dim1=-2, dim2=-1):
    """torch.diagonal over the last two dims."""
    return rl.diagonal(A, offset, dim1, dim2)


def vander(x, N=None):
    """Powers 0 to N - 1 of each element along a new last dim."""
    x = rl.atleast_1d(x)
    N = x.shape[-1] if N is None else N
    if N <= 1:
        raise RuntimeError(f"N must be greater than 1; it is {N}")
    x = x.long() if x.dtype == rl.bool else x
    ones = rl.ones_like(x).unsqueeze(-1)
    return rl.cat([ones, x.unsqueeze(-1).expand(*x.shape, N - 1).cumprod(-1)], -1)


ask_first(globals())
