"""Divergences between distributions of different types: -entropy of p - E_p[log q], with the expectation worked out.

Where p has outcomes that q cannot have, the divergence is infinite.
"""

import math

import rushlight as torch

from .bernoulli import Bernoulli
from .beta import Beta
from .binomial import Binomial
from .continuous_bernoulli import ContinuousBernoulli
from .exponential import Exponential
from .gamma import Gamma
from .gumbel import Gumbel
from .kl import register_kl
from .laplace import Laplace
from .normal import Normal
from .pareto import Pareto
from .poisson import Poisson
from .uniform import Uniform
from .utils import euler_constant

inf = torch.inf


def _register_infinite(p_type, parameter, *q_types):
    """p reaches where none of these can be."""
    def infinite(p, q):
        return torch.full_like(getattr(p, parameter), inf)
    infinite.__name__ = infinite.__qualname__ = f"_kl_{p_type.__name__.lower()}_infinity"
    for q_type in q_types:
        register_kl(p_type, q_type)(infinite)


_register_infinite(Beta, "concentration1", Pareto)
_register_infinite(ContinuousBernoulli, "probs", Pareto)
_register_infinite(Exponential, "rate", Beta, ContinuousBernoulli, Pareto, Uniform)
_register_infinite(Gamma, "concentration", Beta, ContinuousBernoulli, Pareto, Uniform)
_register_infinite(Gumbel, "loc", Beta, ContinuousBernoulli, Exponential, Gamma, Pareto, Uniform)
_register_infinite(Laplace, "loc", Beta, ContinuousBernoulli, Exponential, Gamma, Pareto, Uniform)
_register_infinite(Normal, "loc", Beta, ContinuousBernoulli, Exponential, Gamma, Pareto, Uniform)
_register_infinite(Pareto, "scale", Beta, ContinuousBernoulli, Uniform)
_register_infinite(Poisson, "rate", Bernoulli, Binomial)


# Parts of E_p[log q] that several pairs share


def _normal_cross(mean, variance, q):
    """-E[log q] for a normal q, of whatever has this mean and variance."""
    return 0.5 * math.log(2 * math.pi) + q.scale.log() + (variance + (mean - q.loc).pow(2)) / (2 * q.scale.pow(2))


def _exponential_cross(mean, q):
    return q.rate * mean - q.rate.log()


def _gamma_cross(mean, mean_log, q):
    return torch.lgamma(q.concentration) - q.concentration * q.rate.log() - (q.concentration - 1) * mean_log + q.rate * mean


def _continuous_bernoulli_cross(mean, q):
    return -mean * q.logits - torch.log1p(-q.probs) - q._cont_bern_log_norm()


def _x_log_x(x):
    return torch.special.xlogy(x, x)


def _uniform_mean_log(low, high):
    """E[log x] of a uniform x."""
    width = high - low
    return (_x_log_x(high) - _x_log_x(low) - width) / width


@register_kl(Bernoulli, Poisson)
def _kl_bernoulli_poisson(p, q):
    return -p.entropy() - (p.probs * q.rate.log() - q.rate)


@register_kl(Beta, ContinuousBernoulli)
def _kl_beta_continuous_bernoulli(p, q):
    return -p.entropy() + _continuous_bernoulli_cross(p.mean, q)


@register_kl(Beta, Exponential)
def _kl_beta_exponential(p, q):
    return -p.entropy() + _exponential_cross(p.mean, q)


@register_kl(Beta, Gamma)
def _kl_beta_gamma(p, q):
    mean_log = p.concentration1.digamma() - (p.concentration1 + p.concentration0).digamma()
    return -p.entropy() + _gamma_cross(p.mean, mean_log, q)


@register_kl(Beta, Normal)
def _kl_beta_normal(p, q):
    return -p.entropy() + _normal_cross(p.mean, p.variance, q)


@register_kl(Beta, Uniform)
@register_kl(ContinuousBernoulli, Uniform)
def _kl_unit_interval_uniform(p, q):
    result = -p.entropy() + (q.high - q.low).log()
    return torch.where((q.high < 1) | (q.low > 0), inf, result)


@register_kl(ContinuousBernoulli, Exponential)
def _kl_continuous_bernoulli_exponential(p, q):
    return -p.entropy() + _exponential_cross(p.mean, q)


@register_kl(ContinuousBernoulli, Normal)
def _kl_continuous_bernoulli_normal(p, q):
    return -p.entropy() + _normal_cross(p.mean, p.variance, q)


@register_kl(Exponential, Gamma)
def _kl_exponential_gamma(p, q):
    return -p.entropy() + _gamma_cross(p.mean, -euler_constant - p.rate.log(), q)


@register_kl(Exponential, Gumbel)
def _kl_exponential_gumbel(p, q):
    product, shift = p.rate * q.scale, q.loc / q.scale
    return product.log() - 1 - shift + torch.exp(shift) * product / (product + 1) + product.reciprocal()


@register_kl(Exponential, Normal)
def _kl_exponential_normal(p, q):
    return -p.entropy() + _normal_cross(p.mean, p.variance, q)


@register_kl(Gamma, Exponential)
def _kl_gamma_exponential(p, q):
    return -p.entropy() + _exponential_cross(p.mean, q)


@register_kl(Gamma, Gumbel)
def _kl_gamma_gumbel(p, q):
    """E[exp(-x / s)] = (1 + 1 / (rate s))^-a."""
    product, shift = p.rate * q.scale, q.loc / q.scale
    return (-p.entropy() + q.scale.log() + p.concentration / product - shift
            + torch.exp(shift) * (1 + product.reciprocal()).pow(-p.concentration))


@register_kl(Gamma, Normal)
def _kl_gamma_normal(p, q):
    return -p.entropy() + _normal_cross(p.mean, p.variance, q)


@register_kl(Gumbel, Normal)
def _kl_gumbel_normal(p, q):
    return -p.entropy() + _normal_cross(p.mean, p.variance, q)


@register_kl(Laplace, Normal)
def _kl_laplace_normal(p, q):
    return -p.entropy() + _normal_cross(p.mean, p.variance, q)


@register_kl(Normal, Gumbel)
def _kl_normal_gumbel(p, q):
    """E[exp(-(x - m) / s)] of a normal x is that of a log-normal number."""
    z, variance = (p.loc - q.loc) / q.scale, (p.scale / q.scale).pow(2)
    return -0.5 * variance.log() + z + torch.exp(-z + 0.5 * variance) - 0.5 * (1 + math.log(2 * math.pi))


@register_kl(Normal, Laplace)
def _kl_normal_laplace(p, q):
    """E|x - m| of a normal x is the mean of a folded normal number."""
    distance = p.loc - q.loc
    z = distance / p.scale
    folded = math.sqrt(2 / math.pi) * p.scale * torch.exp(-0.5 * z.pow(2)) + distance * torch.erf(math.sqrt(0.5) * z)
    return -(p.scale / q.scale).log() + folded / q.scale - 0.5 * (1 + math.log(0.5 * math.pi))


@register_kl(Pareto, Exponential)
def _kl_pareto_exponential(p, q):
    product = p.scale * q.rate
    result = (p.alpha / product).log() - p.alpha.reciprocal() + p.alpha * product / (p.alpha - 1) - 1
    return torch.where(p.alpha <= 1, inf, result)


@register_kl(Pareto, Gamma)
def _kl_pareto_gamma(p, q):
    mean = p.alpha * p.scale / (p.alpha - 1)
    result = -p.entropy() + _gamma_cross(mean, p.scale.log() + p.alpha.reciprocal(), q)
    return torch.where(p.alpha <= 1, inf, result)


@register_kl(Pareto, Normal)
def _kl_pareto_normal(p, q):
    ratio = p.scale / (p.alpha - 1)
    result = -p.entropy() + _normal_cross(p.alpha * ratio, p.alpha * ratio.pow(2) / (p.alpha - 2), q)
    return torch.where(p.alpha <= 2, inf, result)


@register_kl(Uniform, Beta)
def _kl_uniform_beta(p, q):
    a, b = q.concentration1, q.concentration0
    mean_log, mean_log_rest = _uniform_mean_log(p.low, p.high), _uniform_mean_log(1 - p.high, 1 - p.low)
    log_norm = a.lgamma() + b.lgamma() - (a + b).lgamma()
    result = -p.entropy() - (a - 1) * mean_log - (b - 1) * mean_log_rest + log_norm
    return torch.where((p.high > 1) | (p.low < 0), inf, result)


@register_kl(Uniform, ContinuousBernoulli)
def _kl_uniform_continuous_bernoulli(p, q):
    result = -p.entropy() + _continuous_bernoulli_cross(p.mean, q)
    return torch.where((p.high > 1) | (p.low < 0), inf, result)


@register_kl(Uniform, Exponential)
def _kl_uniform_exponential(p, q):
    return torch.where(p.low < 0, inf, -p.entropy() + _exponential_cross(p.mean, q))


@register_kl(Uniform, Gamma)
def _kl_uniform_gamma(p, q):
    result = -p.entropy() + _gamma_cross(p.mean, _uniform_mean_log(p.low, p.high), q)
    return torch.where(p.low < 0, inf, result)


@register_kl(Uniform, Gumbel)
def _kl_uniform_gumbel(p, q):
    share = q.scale / (p.high - p.low)
    high, low = (p.high - q.loc) / q.scale, (p.low - q.loc) / q.scale
    return share.log() + 0.5 * (high + low) - share * (torch.exp(-high) - torch.exp(-low))


@register_kl(Uniform, Normal)
def _kl_uniform_normal(p, q):
    return -p.entropy() + _normal_cross(p.mean, p.variance, q)


@register_kl(Uniform, Pareto)
def _kl_uniform_pareto(p, q):
    result = (q.alpha + 1) * _uniform_mean_log(p.low, p.high) - q.alpha.log() - q.alpha * q.scale.log() - p.entropy()
    return torch.where(p.low < q.scale, inf, result)
