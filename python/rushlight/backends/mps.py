"""torch.backends.mps: not there."""

__all__ = ["is_built", "is_available"]


def is_built() -> bool:
    """False."""
    return False


def is_available() -> bool:
    """False."""
    return False
