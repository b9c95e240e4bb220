"""torch.cpu: the device that everything is on."""

import contextlib

from . import amp

__all__ = ["is_available", "is_initialized", "synchronize", "current_device", "current_stream", "stream", "set_device", "device_count",
           "Stream", "StreamContext", "amp"]


class Stream:
    """A queue of work: there is one, and it is always done."""

    def __init__(self, priority: int = -1) -> None:
        self.priority = priority

    def wait_stream(self, stream) -> None:
        """Nothing is pending."""

    def synchronize(self) -> None:
        """Nothing is pending."""


class StreamContext(contextlib.nullcontext):
    """A block on a stream."""

    def __init__(self, stream) -> None:
        super().__init__(None)
        self.stream = stream


_the_stream = Stream()


def is_available() -> bool:
    """True."""
    return True


def is_initialized() -> bool:
    """True."""
    return True


def synchronize(device=None) -> None:
    """Nothing is pending."""


def current_device() -> str:
    """cpu"""
    return "cpu"


def current_stream(device=None) -> Stream:
    """The one stream."""
    return _the_stream


def stream(stream):
    """A block on a stream."""
    return StreamContext(stream)


def set_device(device) -> None:
    """There is one device."""


def device_count() -> int:
    """1"""
    return 1
