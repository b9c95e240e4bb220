"""The type of traced modules."""

from . import GraphModule

__all__ = ["GraphModule"]
