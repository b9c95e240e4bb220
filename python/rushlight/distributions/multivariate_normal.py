"""The normal distribution of vectors."""

import math

import rushlight as torch

from . import constraints
from .distribution import Distribution
from .utils import _standard_normal, lazy_property

__all__ = ["MultivariateNormal"]


def _batch_mv(bmat, bvec):
    """Matrices (*b, n, n) times vectors (*b, n)."""
    return torch.matmul(bmat, bvec.unsqueeze(-1)).squeeze(-1)


def _batch_mahalanobis(bL, bx):
    """|L^-1 x|^2 for Cholesky factors (*b, n, n) and vectors (*s, n), where b broadcasts to s.

    The vectors that share a factor are solved for together: s is cut into dimensions that the factors have and those over which they
    are repeated, and the latter are moved behind as columns.
    """
    n, batch = bx.size(-1), bL.shape[:-2]
    lead = bx.dim() - 1 - len(batch)
    shape, own, repeated = [], [], []
    for size, factors in zip(bx.shape[:-1], (1,) * lead + tuple(batch)):
        if factors not in (1, size):
            raise RuntimeError(f"vectors of shape {tuple(bx.shape)} do not fit factors of shape {tuple(bL.shape)}")
        own.append(len(shape)) if factors == size else repeated.append(len(shape))
        shape.append(size)
    arranged = bx.permute(own + [len(shape)] + repeated)
    columns = arranged.reshape(torch.Size([shape[i] for i in own]) + (n, -1))
    factors = bL.reshape(torch.Size([shape[i] for i in own]) + (n, n))
    lengths = torch.linalg.solve_triangular(factors, columns, upper=False).pow(2).sum(-2)
    order = own + repeated
    lengths = lengths.reshape([shape[i] for i in order])
    return lengths.permute([order.index(i) for i in range(len(shape))])


def _precision_to_scale_tril(P):
    """The Cholesky factor of P^-1. Turned upside down and right to left, P has a Cholesky factor; turned back that is an upper
    triangular U with P = U U^T, so that P^-1 = (U^-T)(U^-T)^T, and U^-T is lower triangular."""
    upper = torch.flip(torch.linalg.cholesky(torch.flip(P, (-2, -1))), (-2, -1))
    identity = torch.eye(P.shape[-1], dtype=P.dtype, device=P.device)
    return torch.linalg.solve_triangular(upper.mT, identity, upper=False)


class MultivariateNormal(Distribution):
    """Density exp(-(x - loc)^T C^-1 (x - loc) / 2) / sqrt(det(2 pi C)); events are vectors of n numbers.

    The covariance C is given as itself, as its inverse (precision_matrix) or as its Cholesky factor (scale_tril, the cheapest).
    """

    arg_constraints = {"loc": constraints.real_vector, "covariance_matrix": constraints.positive_definite,
                       "precision_matrix": constraints.positive_definite, "scale_tril": constraints.lower_cholesky}
    support = constraints.real_vector
    has_rsample = True

    def __init__(self, loc, covariance_matrix=None, precision_matrix=None, scale_tril=None, validate_args=None):
        if loc.dim() < 1:
            raise ValueError("loc must be at least one-dimensional.")
        given = {"covariance_matrix": covariance_matrix, "precision_matrix": precision_matrix, "scale_tril": scale_tril}
        given = {name: matrix for name, matrix in given.items() if matrix is not None}
        if len(given) != 1:
            raise ValueError("Exactly one of covariance_matrix or precision_matrix or scale_tril may be specified.")
        (name, matrix), = given.items()
        if matrix.dim() < 2:
            name = "scale_tril matrix" if name == "scale_tril" else name
            raise ValueError(f"{name} must be at least two-dimensional, with optional leading batch dimensions")
        batch_shape = torch.broadcast_shapes(matrix.shape[:-2], loc.shape[:-1])
        setattr(self, name, matrix.expand(batch_shape + (-1, -1)))
        self.loc = loc.expand(batch_shape + (-1,))
        super().__init__(batch_shape, self.loc.shape[-1:], validate_args=validate_args)
        if name == "scale_tril":
            self._unbroadcasted_scale_tril = matrix
        elif name == "covariance_matrix":
            self._unbroadcasted_scale_tril = torch.linalg.cholesky(matrix)
        else:
            self._unbroadcasted_scale_tril = _precision_to_scale_tril(matrix)

    def expand(self, batch_shape, _instance=None):
        new = self._expanded(MultivariateNormal, batch_shape, _instance, "loc", "covariance_matrix", "scale_tril", "precision_matrix")
        new._unbroadcasted_scale_tril = self._unbroadcasted_scale_tril
        return new

    def _over_batch(self, matrix):
        return matrix.expand(self._batch_shape + self._event_shape + self._event_shape)

    @lazy_property
    def scale_tril(self):
        """The Cholesky factor of the covariance."""
        return self._over_batch(self._unbroadcasted_scale_tril)

    @lazy_property
    def covariance_matrix(self):
        factor = self._unbroadcasted_scale_tril
        return self._over_batch(torch.matmul(factor, factor.mT))

    @lazy_property
    def precision_matrix(self):
        return self._over_batch(torch.cholesky_inverse(self._unbroadcasted_scale_tril))

    mean = property(lambda self: self.loc)
    mode = property(lambda self: self.loc)

    @property
    def variance(self):
        return self._unbroadcasted_scale_tril.pow(2).sum(-1).expand(self._batch_shape + self._event_shape)

    def rsample(self, sample_shape=torch.Size()):
        eps = _standard_normal(self._extended_shape(sample_shape), dtype=self.loc.dtype, device=self.loc.device)
        return self.loc + _batch_mv(self._unbroadcasted_scale_tril, eps)

    def _half_log_det(self):
        return self._unbroadcasted_scale_tril.diagonal(dim1=-2, dim2=-1).log().sum(-1)

    def log_prob(self, value):
        if self._validate_args:
            self._validate_sample(value)
        distance = _batch_mahalanobis(self._unbroadcasted_scale_tril, value - self.loc)
        return -0.5 * (self._event_shape[0] * math.log(2 * math.pi) + distance) - self._half_log_det()

    def entropy(self):
        entropy = 0.5 * self._event_shape[0] * (1.0 + math.log(2 * math.pi)) + self._half_log_det()
        return entropy if len(self._batch_shape) == 0 else entropy.expand(self._batch_shape)
