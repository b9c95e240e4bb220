"""torch.cuda.nvtx: marks for NVIDIA's profiler, which sees no CPU."""

import contextlib

__all__ = ["mark", "range", "range_pop", "range_push"]


def range_push(msg):
    """-1: nobody listens."""
    return -1


def range_pop():
    """-1: nobody listens."""
    return -1


def mark(msg):
    """Nobody listens."""


@contextlib.contextmanager
def range(msg, *args, **kwargs):
    """A block like any other."""
    yield
