"""torch.linalg: the engine's rows, and what is written in terms of them."""

import math

import rushlight as rl
from rushlight import _C

globals().update({name: value for name, value in vars(_C._linalg).items() if not name.startswith("_")})

LinAlgError = _C._LinAlgError


def cholesky(input, *, upper=False, out=None):
    """The triangle L with L @ L.mH = input; input is Hermitian and positive definite."""
    factor = _C._linalg.cholesky_ex(input, upper=upper, check_errors=True)[0]
    return factor if out is None else out.copy_(factor)


def svdvals(A, *, driver=None, out=None):
    """Singular values, largest first."""
    values = _C._linalg.svd(A, full_matrices=False)[1]
    return values if out is None else out.copy_(values)


def eigvalsh(A, UPLO="L", *, out=None):
    """Eigenvalues of a Hermitian matrix, smallest first."""
    values = _C._linalg.eigh(A, UPLO)[0]
    return values if out is None else out.copy_(values)


def matrix_norm(A, ord="fro", dim=(-2, -1), keepdim=False, *, dtype=None, out=None):
    """The norm of matrices: "fro", "nuc", or the operator norms of order 1, -1, 2, -2, inf, -inf."""
    if not isinstance(dim, (tuple, list)) or len(dim) != 2:
        raise RuntimeError(f"linalg.matrix_norm: dim must be a 2-tuple. Got {dim}")
    if A.dim() < 2:
        raise RuntimeError(f"linalg.matrix_norm: The input tensor A must have at least 2 dimensions. Got shape {tuple(A.shape)}")
    A = A if dtype is None else A.to(dtype)
    rows, columns = (d % A.dim() for d in dim)
    if rows == columns:
        raise RuntimeError(f"linalg.matrix_norm: dims must be different. Got ({dim[0]}, {dim[1]})")
    if ord == "fro":
        norm = _C._linalg.vector_norm(A, 2, (rows, columns), keepdim)
    elif ord in ("nuc", 2, -2):
        values = svdvals(A.movedim((rows, columns), (-2, -1)))
        norm = values.sum(-1) if ord == "nuc" else values.amax(-1) if ord == 2 else values.amin(-1)
        for d in sorted((rows, columns)) if keepdim else ():
            norm = norm.unsqueeze(d)
    elif ord in (1, -1, float("inf"), -float("inf")):
        inner, outer = (rows, columns) if abs(ord) == 1 else (columns, rows)
        sums = A.abs().sum(inner, keepdim=True)
        norm = sums.amax(outer, keepdim=True) if ord > 0 else sums.amin(outer, keepdim=True)
        norm = norm if keepdim else norm.squeeze((rows, columns))
    else:
        raise RuntimeError(f"linalg.matrix_norm: Order {ord} not supported.")
    return norm if out is None else out.copy_(norm)


def norm(A, ord=None, dim=None, keepdim=False, *, out=None, dtype=None):
    """A vector norm over one dim or all, a matrix norm over two."""
    if dim is not None and not isinstance(dim, int) and len(dim) > 2:
        raise RuntimeError(f"linalg.norm: If dim is specified, it must be of length 1 or 2. Got {dim}")
    if ord is not None and dim is None and A.dim() not in (1, 2):
        raise RuntimeError(f"linalg.norm: If dim is not specified but ord is, the input must be 1D or 2D. Got {A.dim()}D.")
    if ord is None or (A.dim() == 1 if dim is None else isinstance(dim, int) or len(dim) == 1):
        result = _C._linalg.vector_norm(A, 2 if ord is None else ord, dim, keepdim, dtype=dtype)
        return result if out is None else out.copy_(result)
    return matrix_norm(A, ord, (-2, -1) if dim is None else dim, keepdim, dtype=dtype, out=out)


def diagonal(A, *, offset=0, dim1=-2, dim2=-1):
    """The diagonals of matrices, a view."""
    return rl.diagonal(A, offset, dim1, dim2)


def vecdot(x, y, *, dim=-1, out=None):
    """The inner products along a dimension; x is conjugated."""
    result = (x.conj() * y).sum(dim)
    return result if out is None else out.copy_(result)


def matrix_power(A, n, *, out=None):
    """A @ A @ ... n times; negative powers are those of the inverse."""
    if n < 0:
        A, n = _C._linalg.inv(A), -n
    result = None
    while n:
        if n & 1:
            result = A if result is None else result @ A
        n >>= 1
        A = A @ A if n else A
    if result is None:
        result = rl.eye(A.shape[-1], dtype=A.dtype).expand(A.shape).clone()
    return result if out is None else out.copy_(result)


def multi_dot(tensors, *, out=None):
    """The product of two or more matrices, in the order that costs least; the first and last may be vectors."""
    tensors = list(tensors)
    if len(tensors) < 2:
        raise RuntimeError("multi_dot(): expected at least 2 tensors but got " + str(len(tensors)))
    first, last = tensors[0].dim() == 1, tensors[-1].dim() == 1
    if first:
        tensors[0] = tensors[0].unsqueeze(0)
    if last:
        tensors[-1] = tensors[-1].unsqueeze(1)
    result = _cheapest_product(tensors)
    result = result.squeeze(0) if first else result
    result = result.squeeze(-1) if last else result
    return result if out is None else out.copy_(result)


def _cheapest_product(matrices):
    """Matrix chain multiplication: the split of every run of factors that needs fewest multiplications."""
    n = len(matrices)
    sizes = [m.shape[0] for m in matrices] + [matrices[-1].shape[1]]
    cost = [[0] * n for _ in range(n)]
    split = [[0] * n for _ in range(n)]
    for length in range(1, n):
        for i in range(n - length):
            j = i + length
            cost[i][j], split[i][j] = min((cost[i][k] + cost[k + 1][j] + sizes[i] * sizes[k + 1] * sizes[j + 1], k) for k in range(i, j))

    def product(i, j):
        return matrices[i] if i == j else product(i, split[i][j]) @ product(split[i][j] + 1, j)

    return product(0, n - 1)


# How far the norm may go for the approximant of degree 13 (Higham 2005), and its coefficients.
_PADE_NORM = 5.371920351148152
_PADE = [64764752532480000, 32382376266240000, 7771770303897600, 1187353796428800, 129060195264000, 10559470521600, 670442572800,
         33522128640, 1323241920, 40840800, 960960, 16380, 182, 1]


def matrix_exp(A):
    """The exponential of matrices: a rational approximation near zero, squared as often as A was halved to get there."""
    if not (A.is_floating_point() or A.is_complex()):
        raise RuntimeError(f"linalg.matrix_exp: Expected a floating point or complex tensor as input. Got {A.dtype}")
    if A.dim() < 2 or A.shape[-1] != A.shape[-2]:
        raise RuntimeError("linalg.matrix_exp: A must be batches of square matrices, but they are "
                           f"{'x'.join(map(str, A.shape[-2:]))} matrices")
    if A.numel() == 0:
        return A.clone()
    largest = A.detach().abs().sum(-2).max().item()
    halvings = max(0, math.ceil(math.log2(largest / _PADE_NORM))) if 0 < largest < math.inf else 0
    A = A / 2.0 ** halvings
    identity = rl.eye(A.shape[-1], dtype=A.dtype)
    b = [coefficient / _PADE[0] for coefficient in _PADE]
    A2 = A @ A
    A4 = A2 @ A2
    A6 = A4 @ A2
    odd = A @ (A6 @ (b[13] * A6 + b[11] * A4 + b[9] * A2) + b[7] * A6 + b[5] * A4 + b[3] * A2 + b[1] * identity)
    even = A6 @ (b[12] * A6 + b[10] * A4 + b[8] * A2) + b[6] * A6 + b[4] * A4 + b[2] * A2 + b[0] * identity
    result = _C._linalg.solve(even - odd, even + odd)
    for _ in range(halvings):
        result = result @ result
    return result


def householder_product(A, tau, *, out=None):
    """The first columns of the product of reflectors I - tau v v^H, whose v lie below the diagonal of A, with 1 on it."""
    m, n, k = A.shape[-2], A.shape[-1], tau.shape[-1]
    if m < n:
        raise RuntimeError(f"torch.linalg.householder_product: input.shape[-2] must be greater than or equal to input.shape[-1], got {m} and {n}")
    if n < k:
        raise RuntimeError(f"torch.linalg.householder_product: input.shape[-1] must be greater than or equal to tau.shape[-1], got {n} and {k}")
    reflectors = A.tril(-1) + rl.eye(m, n, dtype=A.dtype)
    Q = rl.eye(m, n, dtype=A.dtype).expand(A.shape)
    for i in reversed(range(k)):
        v = reflectors[..., i:i + 1]
        Q = Q - tau[..., i, None, None] * (v @ (v.mH @ Q))
    return Q if out is None else out.copy_(Q)
