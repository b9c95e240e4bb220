"""Mixed precision: autocast runs chosen operations in bfloat16 or float16, GradScaler keeps small gradients from vanishing."""

from .autocast_mode import (_enter_autocast, _exit_autocast, autocast, autocast_decrement_nesting, autocast_increment_nesting,
                            clear_autocast_cache, custom_bwd, custom_fwd, get_autocast_cpu_dtype, get_autocast_dtype,
                            get_autocast_gpu_dtype, is_autocast_available, is_autocast_cache_enabled, is_autocast_cpu_enabled,
                            is_autocast_enabled, set_autocast_cache_enabled, set_autocast_cpu_dtype, set_autocast_cpu_enabled,
                            set_autocast_dtype, set_autocast_enabled, set_autocast_gpu_dtype)
from .grad_scaler import GradScaler

__all__ = ["autocast", "custom_fwd", "custom_bwd", "is_autocast_available", "GradScaler"]
