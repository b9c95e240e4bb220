"""Transforms of pictures, under torchvision.transforms' names."""

from . import functional
from .autoaugment import RandAugment, TrivialAugmentWide
from .functional import InterpolationMode
from .transforms import *  # noqa: F401, F403
from .transforms import __all__ as _names

__all__ = ["functional", "RandAugment", "TrivialAugmentWide", *_names]
