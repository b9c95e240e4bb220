"""torch.distributed for a program of one process: groups of one rank, over which every exchange is a copy or nothing at all.

Scripts written for several processes run as they are when they are started as one (RANK=0, WORLD_SIZE=1). A larger world is refused
when the group is made, and never pretended.
"""

from .distributed_c10d import *  # noqa: F403
from .distributed_c10d import __all__ as _names

__all__ = ["is_available", *_names]
_SUBMODULES = frozenset(("algorithms", "checkpoint", "constants", "device_mesh", "fsdp", "nn", "optim", "rpc", "tensor"))


def __getattr__(name):
    import importlib
    if name in _SUBMODULES:
        return importlib.import_module(f"{__name__}.{name}")
    if name in ("DeviceMesh", "init_device_mesh"):
        return getattr(importlib.import_module(f"{__name__}.device_mesh"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}: rushlight.distributed knows one process")


def is_available() -> bool:
    """True: groups of one process can be made."""
    return True
