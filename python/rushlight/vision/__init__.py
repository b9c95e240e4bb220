"""Pictures: transforms, data sets and helpers under torchvision's names.

`import rushlight.vision as torchvision` serves scripts that use `torchvision.transforms`, `torchvision.datasets`
and `torchvision.utils`. Pillow is used where it is installed and not needed where it is not.
"""

import importlib

from .. import __version__
from . import datasets, io, transforms, utils
from .digits import Digits

__all__ = ["Digits", "datasets", "io", "models", "ops", "transforms", "utils"]


def __getattr__(name):
    if name in ("models", "ops"):
        return importlib.import_module(f"{__name__}.{name}")
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}; it has {', '.join(__all__)}")
