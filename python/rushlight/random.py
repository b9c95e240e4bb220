"""The default stream of random numbers: seeds and states."""

import contextlib

import rushlight as rl
from rushlight import _C

__all__ = ["set_rng_state", "get_rng_state", "manual_seed", "seed", "initial_seed", "fork_rng", "default_generator",
           "thread_safe_generator"]

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


def thread_safe_generator():
    """A generator of one's own inside a worker that is a thread; here workers are processes, so None: the default stream."""
    return None


@contextlib.contextmanager
def fork_rng(devices=None, enabled=True, _caller="fork_rng", _devices_kw="devices", device_type=None):
    """A block after which the default stream stands where it stood before. Other devices than the CPU are not there to be kept."""
    if device_type is not None:
        rl.device(device_type)  # refuses what is no device at all
    if not enabled:
        yield
        return
    if devices is not None and len(list(devices)):
        raise AssertionError(f"Torch not compiled with CUDA enabled: {_caller}({_devices_kw}=...) may name no device, rushlight runs on the CPU")
    state = rl.get_rng_state()
    try:
        yield
    finally:
        rl.set_rng_state(state)
