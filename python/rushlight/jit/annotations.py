"""Types for annotations that a compiler would read."""

from typing import Any, Dict, List, Optional, Tuple, Union  # noqa: F401

from . import Future  # noqa: F401

__all__ = ["Any", "Dict", "Future", "List", "Optional", "Tuple", "Union"]
