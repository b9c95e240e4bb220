"""The default stream of random numbers: seeds and states."""

import contextlib

import rushlight as rl
from rushlight import _C

__all__ = ["set_rng_state", "get_rng_state", "manual_seed", "seed", "initial_seed", "fork_rng", "default_generator"]

default_generator = _C._default_generator()


def manual_seed(seed):
    """Start the default stream that belongs to seed; the same seed gives the numbers torch gives. Returns the generator."""
    return default_generator.manual_seed(int(seed))


def seed():
    """Seed the default stream from the system; returns the seed."""
    return default_generator.seed()


def initial_seed():
    """The seed with which the default stream began."""
    return default_generator.initial_seed()


def get_rng_state():
    """The state of the default stream as a tensor of bytes."""
    return default_generator.get_state()


def set_rng_state(new_state):
    """Continue the default stream from a state that get_rng_state gave."""
    default_generator.set_state(new_state)


@contextlib.contextmanager
def fork_rng(devices=None, enabled=True, **unused):
    """A block after which the default stream stands where it stood before."""
    if not enabled:
        yield
        return
    state = rl.get_rng_state()
    try:
        yield
    finally:
        rl.set_rng_state(state)
