"""The parametrizations that come ready made: orthogonal matrices, weight normalisation, spectral normalisation."""

from enum import Enum, auto

import rushlight as rl
from rushlight.nn.modules.module import Module
from rushlight.nn.utils import parametrize
from rushlight.nn.utils.spectral_norm import as_matrix, default_dim
from rushlight.nn.utils.weight_norm import norm_except_dim

__all__ = ["orthogonal", "spectral_norm", "weight_norm"]


def _weight_of(module, name):
    weight = getattr(module, name, None)
    if not isinstance(weight, rl.Tensor):
        raise ValueError(f"Module '{module}' has no parameter or buffer with name '{name}'")
    return weight


def _is_orthogonal(Q):
    """Whether the columns are orthonormal to within rounding."""
    gram = Q.mH @ Q
    identity = rl.eye(Q.size(-1), dtype=Q.dtype)
    return bool((gram - identity).abs().max() <= 10.0 * Q.size(-2) * rl.finfo(Q.dtype).eps)


def _make_orthogonal(A):
    """The Q of A = QR with positive diagonal in R."""
    q, r = rl.linalg.qr(A)
    return q * r.diagonal(dim1=-2, dim2=-1).sgn().unsqueeze(-2)


class _OrthMaps(Enum):
    matrix_exp = auto()
    cayley = auto()
    householder = auto()


class _Orthogonal(Module):
    """Any matrix to one with orthonormal columns (or rows, if there are fewer).

    The exponential and Cayley maps take a skew-symmetric matrix, filled from the lower triangle, to a rotation; with trivialization
    the rotation starts at `base`, so that any orthogonal matrix can be assigned.
    """

    def __init__(self, weight, orthogonal_map, *, use_trivialization=True):
        super().__init__()
        if weight.is_complex() and orthogonal_map == _OrthMaps.householder:
            raise ValueError("The householder parametrization does not support complex tensors.")
        self.shape = weight.shape
        self.orthogonal_map = orthogonal_map
        if use_trivialization:
            self.register_buffer("base", None)

    def _rotation(self, X, n, k):
        X = X.tril()
        if n != k:
            X = rl.cat([X, X.new_zeros((*X.shape[:-2], n, n - k))], dim=-1)
        A = X - X.mH
        if self.orthogonal_map == _OrthMaps.matrix_exp:
            return rl.matrix_exp(A)[..., :k]
        identity = rl.eye(n, dtype=A.dtype)
        return rl.linalg.solve(identity - 0.5 * A, identity + 0.5 * A)[..., :k]

    def _reflections(self, X):
        A = X.tril(-1)
        tau = 2.0 / (1.0 + (A * A).sum(dim=-2))
        Q = rl.linalg.householder_product(A, tau)
        return Q * X.diagonal(dim1=-2, dim2=-1).int().unsqueeze(-2)     # the diagonal holds signs and takes no gradient

    def forward(self, X):
        transposed = X.size(-2) < X.size(-1)
        X = X.mT if transposed else X
        n, k = X.shape[-2:]
        Q = self._reflections(X) if self.orthogonal_map == _OrthMaps.householder else self._rotation(X, n, k)
        if hasattr(self, "base"):
            Q = self.base @ Q
        return Q.mT if transposed else Q

    def right_inverse(self, Q):
        if Q.shape != self.shape:
            raise ValueError(f"Expected a matrix or batch of matrices of shape {self.shape}. Got a tensor of shape {Q.shape}.")
        given = Q
        transposed = Q.size(-2) < Q.size(-1)
        Q = Q.mT if transposed else Q
        n, k = Q.shape[-2:]
        if not hasattr(self, "base"):
            return self._right_inverse_reflections(Q, transposed)
        if n == k:
            Q = Q.clone() if _is_orthogonal(Q) else _make_orthogonal(Q)
        else:
            Q = _make_orthogonal(rl.cat([Q, rl.randn(*Q.shape[:-2], n, n - k, dtype=Q.dtype)], dim=-1))
        self.base = Q
        # The point that maps to the identity times base; -1 on the diagonal is what the reflections need, and the others ignore.
        start = rl.zeros_like(given)
        start.diagonal(dim1=-2, dim2=-1).fill_(-1.0)
        return start

    def _right_inverse_reflections(self, Q, transposed):
        if self.orthogonal_map != _OrthMaps.householder:
            raise NotImplementedError("It is not possible to assign to the matrix exponential or the Cayley parametrizations when "
                                      "use_trivialization=False.")
        A, tau = rl.geqrf(Q)
        diagonal = A.diagonal(dim1=-2, dim2=-1)
        diagonal.copy_(rl.where(tau == 0, -diagonal.sign(), diagonal.sign()))      # no reflection there, and _reflections makes one
        return A.mT if transposed else A


def orthogonal(module, name="weight", orthogonal_map=None, *, use_trivialization=True):
    """Keep a matrix of the module orthogonal; `orthogonal_map` is "matrix_exp", "cayley" or "householder"."""
    weight = _weight_of(module, name)
    if weight.dim() < 2:
        raise ValueError(f"Expected a matrix or batch of matrices. Got a tensor of {weight.dim()} dimensions.")
    if orthogonal_map is None:
        orthogonal_map = "matrix_exp" if weight.size(-2) == weight.size(-1) or weight.is_complex() else "householder"
    if orthogonal_map not in _OrthMaps.__members__:
        raise ValueError(f'orthogonal_map has to be one of "matrix_exp", "cayley", "householder". Got: {orthogonal_map}')
    chain = _Orthogonal(weight, _OrthMaps[orthogonal_map], use_trivialization=use_trivialization)
    parametrize.register_parametrization(module, name, chain, unsafe=True)
    return module


class _WeightNorm(Module):
    """A length per slice along `dim`, and a direction, to their product."""

    def __init__(self, dim=0):
        super().__init__()
        self.dim = -1 if dim is None else dim

    def forward(self, weight_g, weight_v):
        return weight_v * (weight_g / norm_except_dim(weight_v, self.dim))

    def right_inverse(self, weight):
        return norm_except_dim(weight, self.dim), weight


def weight_norm(module, name="weight", dim=0):
    """Train a weight's length and direction apart: `parametrizations.<name>.original0` and `original1`."""
    parametrize.register_parametrization(module, name, _WeightNorm(dim), unsafe=True)

    def take_old_names(state_dict, prefix, local_metadata, strict, missing_keys, unexpected_keys, error_msgs):
        g, v = f"{prefix}{name}_g", f"{prefix}{name}_v"
        if g in state_dict and v in state_dict:
            state_dict[f"{prefix}parametrizations.{name}.original0"] = state_dict.pop(g)
            state_dict[f"{prefix}parametrizations.{name}.original1"] = state_dict.pop(v)

    module._register_load_state_dict_pre_hook(take_old_names)
    return module


class _SpectralNorm(Module):
    """A weight to itself divided by its largest singular value, which a power iteration follows in training."""

    def __init__(self, weight, n_power_iterations=1, dim=0, eps=1e-12):
        super().__init__()
        ndim = weight.dim()
        if not -ndim <= dim < ndim:
            raise IndexError(f"Dimension out of range (expected to be in range of [-{ndim}, {ndim - 1}] but got {dim})")
        if n_power_iterations <= 0:
            raise ValueError(f"Expected n_power_iterations to be positive, but got n_power_iterations={n_power_iterations}")
        self.dim = dim % ndim
        self.eps = eps
        if ndim > 1:
            self.n_power_iterations = n_power_iterations
            matrix = as_matrix(weight, self.dim)
            u, v = (matrix.new_empty(size).normal_(0, 1) for size in matrix.shape)
            self.register_buffer("_u", rl.nn.functional.normalize(u, dim=0, eps=eps))
            self.register_buffer("_v", rl.nn.functional.normalize(v, dim=0, eps=eps))
            self._iterate(matrix, 15)

    def _iterate(self, matrix, steps):
        normalize = rl.nn.functional.normalize
        with rl.no_grad():
            for _ in range(steps):
                self._u.copy_(normalize(rl.mv(matrix, self._v), dim=0, eps=self.eps))
                self._v.copy_(normalize(rl.mv(matrix.mH, self._u), dim=0, eps=self.eps))

    def forward(self, weight):
        if weight.dim() == 1:
            return rl.nn.functional.normalize(weight, dim=0, eps=self.eps)
        matrix = as_matrix(weight, self.dim)
        if self.training:
            self._iterate(matrix, self.n_power_iterations)
        # Copies, because the next forward writes into the buffers while this one's graph may still need them.
        u, v = self._u.clone(), self._v.clone()
        return weight / rl.vdot(u, rl.mv(matrix, v))

    def right_inverse(self, value):
        return value    # already of norm one, as far as the power iteration knows


def spectral_norm(module, name="weight", n_power_iterations=1, eps=1e-12, dim=None):
    """Keep the largest singular value of a weight at one."""
    weight = _weight_of(module, name)
    dim = default_dim(module) if dim is None else dim
    parametrize.register_parametrization(module, name, _SpectralNorm(weight, n_power_iterations, dim, eps))
    return module
