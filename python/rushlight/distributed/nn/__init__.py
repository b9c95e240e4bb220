"""Collectives that gradients go through; over one process each is its input."""

from .functional import *  # noqa: F403
from .functional import __all__  # noqa: F401
