"""torch.backends.mkldnn: not there. The switches that scripts set are kept as set."""

from contextlib import contextmanager

VERBOSE_OFF, VERBOSE_ON, VERBOSE_ON_CREATION = 0, 1, 2
enabled = True
deterministic = False
allow_tf32 = True


def is_available() -> bool:
    """False."""
    return False


@contextmanager
def flags(enabled=False, deterministic=False, allow_tf32=True, fp32_precision="none"):
    """A block with these switches."""
    names = ("enabled", "deterministic", "allow_tf32")
    before = {name: globals()[name] for name in names}
    globals().update(zip(names, (enabled, deterministic, allow_tf32)))
    try:
        yield
    finally:
        globals().update(before)
