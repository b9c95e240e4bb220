"""Pictures: transforms, data sets and helpers under torchvision's names.

`import rushlight.vision as torchvision` serves scripts that use `torchvision.transforms`, `torchvision.datasets`
and `torchvision.utils`. Pillow is used where it is installed and not needed where it is not.
"""

from . import datasets, io, transforms, utils
from .digits import Digits

__all__ = ["Digits", "datasets", "io", "transforms", "utils"]
