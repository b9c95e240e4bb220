"""torch.accelerator on a machine without one."""

__all__ = ["is_available", "device_count", "current_accelerator", "current_device_index", "device_index", "current_device_idx", "set_device_index",
           "set_device_idx", "current_stream", "set_stream", "synchronize", "empty_cache", "memory_allocated", "max_memory_allocated",
           "memory_reserved", "max_memory_reserved", "memory_stats", "reset_peak_memory_stats"]


def is_available() -> bool:
    """False."""
    return False


def device_count() -> int:
    """0."""
    return 0


def current_accelerator(check_available: bool = False):
    """None: there is no accelerator."""
    return None


def _refuse(*args, **kwargs):
    raise RuntimeError("Cannot access accelerator device when none is available.")


current_device_index = current_device_idx = set_device_index = set_device_idx = current_stream = set_stream = synchronize = _refuse
empty_cache = memory_allocated = max_memory_allocated = memory_reserved = max_memory_reserved = memory_stats = _refuse
reset_peak_memory_stats = reset_accumulated_memory_stats = get_memory_info = get_device_capability = _refuse


class device_index:
    """A block with another current device; None, the only one there can be here, changes nothing."""

    def __init__(self, device, /):
        self.idx = device

    def __enter__(self):
        if self.idx is not None:
            _refuse()

    def __exit__(self, *exc_info):
        return None
