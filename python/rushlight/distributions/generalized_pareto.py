"""The generalized Pareto distribution: what lies above a high threshold."""

import rushlight as torch

from . import constraints
from .distribution import Distribution
from .utils import _all_numbers, broadcast_all

__all__ = ["GeneralizedPareto"]


class GeneralizedPareto(Distribution):
    """P(X > x) = (1 + c z)^(-1/c), z = (x - loc) / scale, c = concentration; exp(-z) for c = 0. Events are numbers.

    For c < 0 outcomes are bounded by loc - scale / c.
    """

    arg_constraints = {"loc": constraints.real, "scale": constraints.positive, "concentration": constraints.real}
    has_rsample = True

    def __init__(self, loc, scale, concentration, validate_args=None):
        self.loc, self.scale, self.concentration = broadcast_all(loc, scale, concentration)
        super().__init__(torch.Size() if _all_numbers(loc, scale, concentration) else self.loc.size(), validate_args=validate_args)

    def expand(self, batch_shape, _instance=None):
        return self._expanded(GeneralizedPareto, batch_shape, _instance, "loc", "scale", "concentration")

    def _cases(self):
        """Where concentration counts as zero, and concentration with 1 in those places."""
        zero = torch.isclose(self.concentration, torch.zeros_like(self.concentration))
        return zero, torch.where(zero, torch.ones_like(self.concentration), self.concentration)

    def rsample(self, sample_shape=torch.Size()):
        return self.icdf(torch.rand(self._extended_shape(sample_shape), dtype=self.loc.dtype, device=self.loc.device))

    def log_prob(self, value):
        if self._validate_args:
            self._validate_sample(value)
        z = self._z(value)
        zero, c = self._cases()
        return -self.scale.log() + torch.where(zero, -z, -(1 / c + torch.ones_like(z)) * torch.log1p(c * z))

    def log_survival_function(self, value):
        """log P(X > value)."""
        if self._validate_args:
            self._validate_sample(value)
        z = self._z(value)
        zero, c = self._cases()
        return torch.where(zero, -z, -torch.log1p(c * z) / c)

    def log_cdf(self, value):
        """log P(X <= value)."""
        return torch.log1p(-torch.exp(self.log_survival_function(value)))

    def cdf(self, value):
        return torch.exp(self.log_cdf(value))

    def icdf(self, value):
        zero, c = self._cases()
        log_survival = torch.log1p(-value)
        return torch.where(zero, self.loc - self.scale * log_survival, self.loc + self.scale * torch.expm1(-c * log_survival) / c)

    def _z(self, x):
        return (x - self.loc) / self.scale

    @property
    def mean(self):
        """Defined for concentration < 1."""
        c = self.concentration
        mean = self.loc + self.scale / (1 - torch.where(c < 1, c, torch.zeros_like(c)))
        return torch.where(c < 1, mean, torch.nan)

    @property
    def variance(self):
        """Defined for concentration < 1/2."""
        c = torch.where(self.concentration < 0.5, self.concentration, torch.zeros_like(self.concentration))
        variance = self.scale ** 2 / ((1 - c) ** 2 * (1 - 2 * c))
        return torch.where(self.concentration < 0.5, variance, torch.nan)

    def entropy(self):
        return (torch.log(self.scale) + self.concentration + 1).expand(self._batch_shape)

    mode = property(lambda self: self.loc)

    @constraints.dependent_property(is_discrete=False, event_dim=0)
    def support(self):
        upper = torch.where(self.concentration < 0, self.loc - self.scale / self.concentration, torch.inf)
        return constraints.interval(self.loc, upper)
