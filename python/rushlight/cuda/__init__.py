"""torch.cuda as on a machine without CUDA: nothing is available, statistics are zero, seeds are taken and forgotten.

Whatever needs a device raises what torch raises there: AssertionError("Torch not compiled with CUDA enabled").
"""

from collections import OrderedDict

from . import amp, nvtx
from .. import device as _device

__all__ = ["is_available", "device_count", "manual_seed", "manual_seed_all", "synchronize", "empty_cache", "amp"]

default_generators = ()
has_half = True
has_magma = False


def _refuse(*args, **kwargs):
    raise AssertionError("Torch not compiled with CUDA enabled: rushlight computes on the CPU")


def is_available() -> bool:
    """False."""
    return False


def is_initialized() -> bool:
    """False."""
    return False


def is_bf16_supported(including_emulation: bool = True) -> bool:
    """False."""
    return False


def is_tf32_supported() -> bool:
    """False."""
    return False


def device_count() -> int:
    """0."""
    return 0


def get_arch_list() -> list:
    """No architectures."""
    return []


def get_gencode_flags() -> str:
    """No flags."""
    return ""


def manual_seed(seed: int) -> None:
    """There is no generator to seed."""
    int(seed)


def manual_seed_all(seed: int) -> None:
    """There are no generators to seed."""
    int(seed)


def seed() -> None:
    """There is no generator to seed."""


def seed_all() -> None:
    """There are no generators to seed."""


def get_rng_state_all() -> list:
    """The states of no generators."""
    return []


def set_rng_state_all(new_states) -> None:
    """Restore the states of no generators."""
    for state in new_states:
        set_rng_state(state)


def empty_cache() -> None:
    """There is no cache."""


def memory_allocated(device=None) -> int:
    """0 bytes, as are all statistics of memory."""
    return 0


def reset_peak_memory_stats(device=None) -> None:
    """There is nothing to reset."""


def memory_stats(device=None) -> OrderedDict:
    """No statistics."""
    return OrderedDict()


max_memory_allocated = memory_reserved = max_memory_reserved = memory_cached = max_memory_cached = memory_allocated
reset_max_memory_allocated = reset_max_memory_cached = reset_accumulated_memory_stats = reset_peak_memory_stats

init = current_device = current_stream = default_stream = synchronize = initial_seed = ipc_collect = _refuse
get_device_name = get_device_capability = get_device_properties = mem_get_info = get_rng_state = set_rng_state = _refuse
set_device = set_stream = get_sync_debug_mode = set_sync_debug_mode = set_per_process_memory_fraction = cudart = _refuse
can_device_access_peer = current_blas_handle = utilization = temperature = _refuse


class device:
    """A block with another current device: harmless where the index is None or negative, else refused."""

    def __init__(self, device):
        self.index = device.index if isinstance(device, _device) else device

    def __enter__(self):
        if self.index is not None and not (isinstance(self.index, int) and self.index < 0):
            _refuse()
        return self

    def __exit__(self, type, value, traceback):
        return False


class device_of(device):
    """The same for the device of a tensor, which is the CPU."""

    def __init__(self, obj):
        super().__init__(None)


class Stream:
    """Refused."""

    def __init__(self, *args, **kwargs):
        raise RuntimeError("torch.cuda.Stream requires CUDA support")


class Event:
    """Refused."""

    def __init__(self, *args, **kwargs):
        raise RuntimeError("Tried to instantiate dummy base class Event: there is no CUDA; time with time.perf_counter()")


class StreamContext:
    """A block on a stream: harmless for None."""

    def __init__(self, stream):
        self.stream = stream

    def __enter__(self):
        return None

    def __exit__(self, type, value, traceback):
        return None


def stream(stream):
    """A block on a stream."""
    return StreamContext(stream)


def __getattr__(name):
    if name == "OutOfMemoryError":
        from .._older import OutOfMemoryError
        return OutOfMemoryError
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


class CUDAGraph:
    """Refused."""

    def __init__(self, *args, **kwargs):
        _refuse()


class graph(CUDAGraph):
    """Refused."""


graph_pool_handle = make_graphed_callables = memory_summary = memory_snapshot = list_gpu_processes = _refuse
_initialized = False


def is_current_stream_capturing() -> bool:
    """False."""
    return False


def _legacy(name):
    def __new__(cls, *args, **kwargs):
        raise TypeError(f"type torch.cuda.{name} not available. Torch not compiled with CUDA enabled.")

    return type(name, (), {"__new__": __new__, "__doc__": "Refused.", "__module__": __name__})


FloatTensor, DoubleTensor, HalfTensor, BFloat16Tensor = map(_legacy, ("FloatTensor", "DoubleTensor", "HalfTensor", "BFloat16Tensor"))
ByteTensor, CharTensor, ShortTensor, IntTensor = map(_legacy, ("ByteTensor", "CharTensor", "ShortTensor", "IntTensor"))
LongTensor, BoolTensor = map(_legacy, ("LongTensor", "BoolTensor"))
