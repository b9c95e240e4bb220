"""The LKJ distribution of correlation matrices (Lewandowski, Kurowicka and Joe, 2009), given by their Cholesky factors."""

import math

import rushlight as torch

from . import constraints
from .beta import Beta
from .distribution import Distribution
from .utils import broadcast_all

__all__ = ["LKJCholesky"]


class LKJCholesky(Distribution):
    """Cholesky factors L of correlation matrices M = L L^T, dim by dim, whose density is proportional to det(M)^(concentration - 1).

    concentration 1 is uniform over correlation matrices; more favours the identity.
    """

    arg_constraints = {"concentration": constraints.positive}
    support = constraints.corr_cholesky

    def __init__(self, dim, concentration=1.0, validate_args=None):
        if dim < 2:
            raise ValueError(f"Expected dim to be an integer greater than or equal to 2. Found dim={dim}.")
        self.dim = dim
        self.concentration, = broadcast_all(concentration)
        # Squared lengths of the off-diagonal part of each row: the onion method.
        like = {"dtype": self.concentration.dtype, "device": self.concentration.device}
        offset = torch.cat([torch.zeros(1, **like), torch.arange(dim - 1, **like)])
        marginal = self.concentration + 0.5 * (dim - 2)
        self._beta = Beta(offset + 0.5, marginal.unsqueeze(-1) - 0.5 * offset)
        super().__init__(self.concentration.size(), torch.Size((dim, dim)), validate_args)

    def expand(self, batch_shape, _instance=None):
        new = self._expanded(LKJCholesky, batch_shape, _instance, "concentration")
        new.dim = self.dim
        new._beta = self._beta.expand(torch.Size(batch_shape) + (self.dim,))
        return new

    def sample(self, sample_shape=torch.Size()):
        with torch.no_grad():
            length = self._beta.sample(sample_shape).unsqueeze(-1)
            normal = torch.randn(self._extended_shape(sample_shape), dtype=length.dtype, device=length.device).tril(-1)
            direction = normal / normal.norm(dim=-1, keepdim=True)
            direction[..., 0, :].fill_(0.0)  # the first row has no off-diagonal part
            rows = torch.sqrt(length) * direction
            rest = torch.clamp(1 - torch.sum(rows ** 2, dim=-1), min=torch.finfo(rows.dtype).tiny)
            return rows + torch.diag_embed(rest.sqrt())

    def log_prob(self, value):
        """sum_{i>=2} (dim - i + 2 concentration - 2) log L_ii, less the logarithm of the normaliser."""
        if self._validate_args:
            self._validate_sample(value)
        order = torch.arange(2, self.dim + 1, device=self.concentration.device)
        order = 2 * (self.concentration - 1).unsqueeze(-1) + self.dim - order
        unnormalized = torch.sum(order * value.diagonal(dim1=-1, dim2=-2)[..., 1:].log(), dim=-1)
        n = self.dim - 1
        alpha = self.concentration + 0.5 * n
        normalizer = 0.5 * n * math.log(math.pi) + torch.mvlgamma(alpha - 0.5, n) - torch.lgamma(alpha) * n
        return unnormalized - normalizer
