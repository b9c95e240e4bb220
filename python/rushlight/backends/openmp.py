"""torch.backends.openmp: threads come from a pool of the engine's own."""


def is_available() -> bool:
    """False."""
    return False
