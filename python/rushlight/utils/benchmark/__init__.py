"""torch.utils.benchmark: how long a statement takes, measured often enough to say so."""

from .timer import Measurement, Timer
from .compare import Compare

__all__ = ["Compare", "Measurement", "Timer"]
