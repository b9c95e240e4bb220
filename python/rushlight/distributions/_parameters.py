"""Distributions that are given by probs or by logits, one of both: the other follows when it is asked for."""

from numbers import Number

import rushlight as torch

from .utils import broadcast_all, lazy_property, logits_to_probs, probs_to_logits


def _require_one(probs, logits):
    if (probs is None) == (logits is None):
        raise ValueError("Either `probs` or `logits` must be specified, but not both.")


class ProbsOrLogits:
    """A mixin. `_param` is what was given; `_is_binary` says whether an entry is a probability by itself or one of a vector."""

    _is_binary = True

    @lazy_property
    def logits(self):
        """log(p / (1 - p)), or log(p) where probs are a vector."""
        return probs_to_logits(self.probs, is_binary=self._is_binary)

    @lazy_property
    def probs(self):
        """Probabilities."""
        return logits_to_probs(self.logits, is_binary=self._is_binary)

    @property
    def param_shape(self):
        return self._param.size()

    def _new(self, *args, **kwargs):
        """An uninitialised tensor like the parameter."""
        return self._param.new(*args, **kwargs)

    def _take_binary(self, probs, logits):
        """Set what was given and `_param`; returns the shape of the batch."""
        _require_one(probs, logits)
        name, given = ("probs", probs) if logits is None else ("logits", logits)
        self._param, = broadcast_all(given)
        setattr(self, name, self._param)
        return torch.Size() if isinstance(given, Number) else self._param.size()

    def _expanded_param(self, cls, batch_shape, _instance, *others):
        """expand() of distributions whose parameters are _param and these others."""
        new = self._expanded(cls, batch_shape, _instance, "probs", "logits", *others)
        new._param = new.__dict__["probs" if "probs" in self.__dict__ and self._param is self.__dict__["probs"] else "logits"]
        return new
