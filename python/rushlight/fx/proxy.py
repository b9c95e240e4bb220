"""The type of values while tracing."""

from . import Proxy

__all__ = ["Proxy"]
