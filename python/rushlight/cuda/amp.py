"""torch.cuda.amp, the old place of rushlight.amp: the same, for device "cuda", with a warning."""

import functools
import warnings

import rushlight as rl
from rushlight import amp as _amp

__all__ = ["autocast", "custom_fwd", "custom_bwd", "GradScaler"]


def _warn(name, instead):
    warnings.warn(f"`torch.cuda.amp.{name}(args...)` is deprecated. Please use `torch.amp.{name}({instead})` instead.", FutureWarning,
                  stacklevel=3)


class autocast(_amp.autocast):
    """amp.autocast("cuda", ...): it does nothing, since there is no CUDA."""

    def __init__(self, enabled: bool = True, dtype=None, cache_enabled: bool = True):
        _warn("autocast", "'cuda', args...")
        super().__init__("cuda", enabled=enabled, dtype=rl.float16 if dtype is None else dtype, cache_enabled=cache_enabled)


class GradScaler(_amp.GradScaler):
    """amp.GradScaler("cuda", ...): it does nothing, since there is no CUDA."""

    def __init__(self, init_scale: float = 65536.0, growth_factor: float = 2.0, backoff_factor: float = 0.5,
                 growth_interval: int = 2000, enabled: bool = True) -> None:
        _warn("GradScaler", "'cuda', args...")
        super().__init__("cuda", init_scale, growth_factor, backoff_factor, growth_interval, enabled)


def custom_fwd(fwd=None, *, cast_inputs=None):
    """amp.custom_fwd(..., device_type="cuda")"""
    _warn("custom_fwd", "args..., device_type='cuda'")
    return functools.partial(_amp.custom_fwd, device_type="cuda")(fwd, cast_inputs=cast_inputs)


def custom_bwd(bwd):
    """amp.custom_bwd(..., device_type="cuda")"""
    _warn("custom_bwd", "args..., device_type='cuda'")
    return _amp.custom_bwd(bwd, device_type="cuda")
