"""torch.mps on a machine without Metal."""


def is_available() -> bool:
    """False."""
    return False


def device_count() -> int:
    """0."""
    return 0


def manual_seed(seed: int) -> None:
    """There is no generator to seed."""
    int(seed)


def _refuse(*args, **kwargs):
    raise RuntimeError("Cannot execute this without MPS backend: rushlight computes on the CPU")


synchronize = empty_cache = seed = get_rng_state = set_rng_state = current_allocated_memory = driver_allocated_memory = _refuse
set_per_process_memory_fraction = recommended_max_memory = _refuse
