"""The names of torchvision.transforms.v2 that small scripts use, for single pictures.

The classes are those of version 1; `ToImage` and `ToDtype` take ToTensor's place. Boxes, masks, and samples of several
parts are not known here.
"""

import rushlight as rl

from . import functional
from ..autoaugment import RandAugment, TrivialAugmentWide
from ..transforms import *  # noqa: F401, F403
from ..transforms import __all__ as _names

__all__ = ["Identity", "RGB", "RandAugment", "TrivialAugmentWide", "ToDtype", "ToImage", "ToPureTensor", "functional", *_names]


class Identity(rl.nn.Module):
    """The picture itself."""

    def forward(self, img):
        return img


ToPureTensor = Identity


class ToImage(rl.nn.Module):
    """A picture or (H, W, C) array to a (C, H, W) tensor of its own values; a tensor stays as it is."""

    def forward(self, img):
        return functional.to_image(img)


class ToDtype(rl.nn.Module):
    """To another type of number; with `scale`, white stays white."""

    def __init__(self, dtype, scale=False):
        super().__init__()
        self.dtype = dtype
        self.scale = scale

    def forward(self, img):
        return functional.to_dtype(img, self.dtype, self.scale)

    def extra_repr(self):
        return f"scale={self.scale}"


class RGB(rl.nn.Module):
    """Three channels, from one or three."""

    def forward(self, img):
        return functional.grayscale_to_rgb(img)
