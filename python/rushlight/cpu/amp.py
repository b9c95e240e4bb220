"""torch.cpu.amp, the old place of rushlight.amp: the same, for device "cpu", with a warning."""

import warnings

import rushlight as rl
from rushlight import amp as _amp

__all__ = ["autocast", "GradScaler"]


class autocast(_amp.autocast):
    """amp.autocast("cpu", ...)"""

    def __init__(self, enabled: bool = True, dtype=None, cache_enabled: bool = True):
        warnings.warn("`torch.cpu.amp.autocast(args...)` is deprecated. Please use `torch.amp.autocast('cpu', args...)` instead.",
                      FutureWarning, stacklevel=2)
        super().__init__("cpu", enabled=enabled, dtype=rl.bfloat16 if dtype is None else dtype, cache_enabled=cache_enabled)


class GradScaler(_amp.GradScaler):
    """amp.GradScaler("cpu", ...)"""

    def __init__(self, init_scale: float = 65536.0, growth_factor: float = 2.0, backoff_factor: float = 0.5,
                 growth_interval: int = 2000, enabled: bool = True) -> None:
        warnings.warn("`torch.cpu.amp.GradScaler(args...)` is deprecated. Please use `torch.amp.GradScaler('cpu', args...)` instead.",
                      FutureWarning, stacklevel=2)
        super().__init__("cpu", init_scale, growth_factor, backoff_factor, growth_interval, enabled)
