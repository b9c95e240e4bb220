"""The type of nodes of traced programs."""

from . import Node

__all__ = ["Node"]
