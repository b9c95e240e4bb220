"""torch.xpu on a machine without such a device."""

__all__ = ["is_available", "device_count", "manual_seed", "manual_seed_all"]


def is_available() -> bool:
    """False."""
    return False


is_initialized = is_bf16_supported = is_available


def device_count() -> int:
    """0."""
    return 0


def manual_seed(seed: int) -> None:
    """There is no generator to seed."""
    int(seed)


def manual_seed_all(seed: int) -> None:
    """There are no generators to seed."""
    int(seed)


def empty_cache() -> None:
    """There is no cache."""


def _refuse(*args, **kwargs):
    raise AssertionError("Torch not compiled with XPU enabled: rushlight computes on the CPU")


synchronize = current_device = set_device = get_device_name = get_device_properties = current_stream = memory_allocated = _refuse
max_memory_allocated = memory_reserved = get_rng_state = set_rng_state = get_rng_state_all = set_rng_state_all = _refuse
