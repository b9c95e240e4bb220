"""Constraints made of constraints: batch dimensions taken as part of the event, mixtures, concatenations, stacks.

`constraints` shows these as its own; this file only keeps that one short.
"""

import rushlight as torch

from .constraints import Constraint


def _require(condition, message):
    if not condition:
        raise AssertionError(message)


class _Wrapping(Constraint):
    """A constraint about another."""

    def __init__(self, base_constraint):
        _require(isinstance(base_constraint, Constraint), f"base_constraint must be a Constraint, got {type(base_constraint).__name__}")
        self.base_constraint = base_constraint

    @property
    def is_discrete(self):
        return self.base_constraint.is_discrete

    @property
    def event_dim(self):
        return self.base_constraint.event_dim

    def __repr__(self):
        return f"{type(self).__name__.lstrip('_')}({self.base_constraint!r})"


class _IndependentConstraint(_Wrapping):
    """A product of sets: one member takes reinterpreted_batch_ndims dimensions more, all of whose parts must lie in the base set."""

    def __init__(self, base_constraint, reinterpreted_batch_ndims):
        super().__init__(base_constraint)
        _require(isinstance(reinterpreted_batch_ndims, int),
                 f"reinterpreted_batch_ndims must be an int, got {type(reinterpreted_batch_ndims).__name__}")
        _require(reinterpreted_batch_ndims >= 0, f"reinterpreted_batch_ndims must be >= 0, got {reinterpreted_batch_ndims}")
        self.reinterpreted_batch_ndims = reinterpreted_batch_ndims

    @property
    def event_dim(self):
        return self.base_constraint.event_dim + self.reinterpreted_batch_ndims

    def check(self, value):
        result = self.base_constraint.check(value)
        if result.dim() < self.reinterpreted_batch_ndims:
            raise ValueError(f"Expected value.dim() >= {self.event_dim} but got {value.dim()}")
        for _ in range(self.reinterpreted_batch_ndims):
            result = result.all(-1)
        return result

    def __repr__(self):
        return f"{type(self).__name__.lstrip('_')}({self.base_constraint!r}, {self.reinterpreted_batch_ndims})"


class MixtureSameFamilyConstraint(_Wrapping):
    """Values that lie in the base set for every component; the components are the last batch dimension of the base's parameters."""

    def check(self, value):
        event_dim = self.base_constraint.event_dim
        keep = value.dim() - event_dim
        result = self.base_constraint.check(value.unsqueeze(-1 - event_dim))
        if result.dim() < keep:
            raise ValueError(f"Expected value.dim() >= {event_dim} but got {value.dim()}")
        return result.flatten(keep).all(-1)


class _Sequence(Constraint):
    """Several constraints, each for its part of a dimension."""

    def __init__(self, cseq, dim):
        _require(all(isinstance(constraint, Constraint) for constraint in cseq), "All elements of cseq must be Constraint instances")
        self.cseq = list(cseq)
        self.dim = dim

    @property
    def is_discrete(self):
        return any(constraint.is_discrete for constraint in self.cseq)

    def _check_dim(self, value):
        _require(-value.dim() <= self.dim < value.dim(), f"dim {self.dim} out of range for value with {value.dim()} dimensions")


class _Cat(_Sequence):
    """Pieces of the given lengths (default 1 each) along dim, each in its own set."""

    def __init__(self, cseq, dim=0, lengths=None):
        super().__init__(cseq, dim)
        self.lengths = [1] * len(self.cseq) if lengths is None else list(lengths)
        _require(len(self.lengths) == len(self.cseq), f"lengths ({len(self.lengths)}) must match cseq ({len(self.cseq)})")

    @property
    def event_dim(self):
        return max(constraint.event_dim for constraint in self.cseq)

    def check(self, value):
        self._check_dim(value)
        checks, start = [], 0
        for constraint, length in zip(self.cseq, self.lengths):
            checks.append(constraint.check(value.narrow(self.dim, start, length)))
            start += length
        return torch.cat(checks, self.dim)


class _Stack(_Sequence):
    """Slices along dim, each in its own set."""

    def __init__(self, cseq, dim=0):
        super().__init__(cseq, dim)

    @property
    def event_dim(self):
        inner = max(constraint.event_dim for constraint in self.cseq)
        return inner + 1 if self.dim + inner < 0 else inner

    def check(self, value):
        self._check_dim(value)
        slices = value.unbind(self.dim)
        return torch.stack([constraint.check(part) for part, constraint in zip(slices, self.cseq)], self.dim)


for _class in (_IndependentConstraint, MixtureSameFamilyConstraint, _Cat, _Stack):
    _class.__module__ = Constraint.__module__
