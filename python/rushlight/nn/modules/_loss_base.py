"""What every loss layer holds: how its elements are reduced and, for some, a weight as a buffer."""

from .. import _reduction as _Reduction
from .module import Module


class _Loss(Module):
    """Keeps `reduction`."""

    reduction: str

    def __init__(self, size_average=None, reduce=None, reduction="mean"):
        super().__init__()
        if size_average is not None or reduce is not None:
            reduction = _Reduction.legacy_get_string(size_average, reduce)
        self.reduction = reduction


class _WeightedLoss(_Loss):
    """Keeps `reduction` and the buffer `weight`."""

    def __init__(self, weight=None, size_average=None, reduce=None, reduction="mean"):
        super().__init__(size_average, reduce, reduction)
        self.register_buffer("weight", weight)
