"""Exponential families: densities exp(<t(x), theta> - F(theta) + k(x)), of which entropy and divergence follow from F alone."""

import rushlight as torch

from .distribution import Distribution

__all__ = ["ExponentialFamily"]


class ExponentialFamily(Distribution):
    """A distribution with natural parameters theta and log normaliser F.

    Subclasses give `_natural_params`, `_log_normalizer(*theta)` and `_mean_carrier_measure`, the mean of k(x). Gradients of F are means
    of the statistics t(x), so automatic differentiation does the rest (Nielsen and Nock, 2010).
    """

    @property
    def _natural_params(self):
        raise NotImplementedError

    def _log_normalizer(self, *natural_params):
        raise NotImplementedError

    @property
    def _mean_carrier_measure(self):
        raise NotImplementedError

    def entropy(self):
        """F(theta) - <theta, grad F(theta)> - E[k(x)]."""
        params = [param.detach().requires_grad_() for param in self._natural_params]
        normalizer = self._log_normalizer(*params)
        gradients = torch.autograd.grad(normalizer.sum(), params, create_graph=True)
        result = normalizer - self._mean_carrier_measure
        for param, gradient in zip(params, gradients):
            result = result - (param * gradient).reshape(self._batch_shape + (-1,)).sum(-1)
        return result
