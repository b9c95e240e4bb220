"""torch.distributed for a program of one process: groups of one rank, over which every exchange is a copy or nothing at all.

Scripts written for several processes run as they are when they are started as one (RANK=0, WORLD_SIZE=1). A larger world is refused
when the group is made, and never pretended.
"""

from .distributed_c10d import *  # noqa: F403
from .distributed_c10d import __all__ as _names

__all__ = ["is_available", *_names]


def is_available() -> bool:
    """True: groups of one process can be made."""
    return True
