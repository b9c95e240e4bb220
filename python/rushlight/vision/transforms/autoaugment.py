"""Augmentation without tuning: RandAugment and TrivialAugment choose among the same fourteen operations.

An operation has a row of strengths, and may go either way. Choice, strength and direction are drawn from the global
generator, in torchvision's order.
"""

import math

import rushlight as rl

from . import functional as F
from .functional import InterpolationMode
from .transforms import _integer

__all__ = ["RandAugment", "TrivialAugmentWide"]


def _shear(img, x, y, how):
    degrees = [math.degrees(math.atan(x)), math.degrees(math.atan(y))]
    return F.affine(img, 0.0, [0, 0], 1.0, degrees, center=[0, 0], **how)


def _move(img, x, y, how):
    return F.affine(img, 0.0, [int(x), int(y)], 1.0, [0.0, 0.0], **how)


OPERATIONS = {  # name -> what it does to a picture at a strength; `how` is interpolation and fill
    "Identity": lambda img, strength, how: img,
    "ShearX": lambda img, strength, how: _shear(img, strength, 0.0, how),
    "ShearY": lambda img, strength, how: _shear(img, 0.0, strength, how),
    "TranslateX": lambda img, strength, how: _move(img, strength, 0, how),
    "TranslateY": lambda img, strength, how: _move(img, 0, strength, how),
    "Rotate": lambda img, strength, how: F.rotate(img, strength, **how),
    "Brightness": lambda img, strength, how: F.adjust_brightness(img, 1.0 + strength),
    "Color": lambda img, strength, how: F.adjust_saturation(img, 1.0 + strength),
    "Contrast": lambda img, strength, how: F.adjust_contrast(img, 1.0 + strength),
    "Sharpness": lambda img, strength, how: F.adjust_sharpness(img, 1.0 + strength),
    "Posterize": lambda img, strength, how: F.posterize(img, int(strength)),
    "Solarize": lambda img, strength, how: F.solarize(img, strength),
    "AutoContrast": lambda img, strength, how: F.autocontrast(img),
    "Equalize": lambda img, strength, how: F.equalize(img),
}
NAMES = list(OPERATIONS)
NEITHER_WAY = {"Posterize", "Solarize"}


def _strengths(bins, shear, move_x, move_y, turn, colour, bits):
    """name -> strengths from weak to strong, for the operations that have any."""
    def up_to(top):
        return rl.linspace(0.0, top, bins).tolist()

    return {"ShearX": up_to(shear), "ShearY": up_to(shear), "TranslateX": up_to(move_x), "TranslateY": up_to(move_y),
            "Rotate": up_to(turn), **{name: up_to(colour) for name in ("Brightness", "Color", "Contrast", "Sharpness")},
            "Posterize": [8 - round(i / ((bins - 1) / bits)) for i in range(bins)],
            "Solarize": rl.linspace(255.0, 0.0, bins).tolist()}


class _Augment(rl.nn.Module):
    def __init__(self, num_magnitude_bins, interpolation, fill):
        super().__init__()
        self.num_magnitude_bins = num_magnitude_bins
        self.interpolation = interpolation
        self.fill = fill

    def _once(self, img, strengths, pick):
        """One operation at random; `pick` chooses among its strengths."""
        name = NAMES[_integer(0, len(NAMES))]
        strength = pick(strengths[name]) if name in strengths else 0.0
        if name in strengths and name not in NEITHER_WAY and _integer(0, 2):
            strength = -strength
        return OPERATIONS[name](img, strength, {"interpolation": self.interpolation, "fill": self.fill})


class RandAugment(_Augment):
    """`num_ops` operations of one strength."""

    def __init__(self, num_ops=2, magnitude=9, num_magnitude_bins=31, interpolation=InterpolationMode.NEAREST, fill=None):
        super().__init__(num_magnitude_bins, interpolation, fill)
        self.num_ops = num_ops
        self.magnitude = magnitude

    def forward(self, img):
        _, height, width = F.get_dimensions(img)
        strengths = _strengths(self.num_magnitude_bins, 0.3, 150.0 / 331.0 * width, 150.0 / 331.0 * height, 30.0, 0.9, 4)
        for _ in range(self.num_ops):
            img = self._once(img, strengths, lambda row: row[self.magnitude])
        return img

    def __repr__(self):
        return (f"{type(self).__name__}(num_ops={self.num_ops}, magnitude={self.magnitude}, "
                f"num_magnitude_bins={self.num_magnitude_bins}, interpolation={self.interpolation}, fill={self.fill})")


class TrivialAugmentWide(_Augment):
    """One operation of random strength."""

    def __init__(self, num_magnitude_bins=31, interpolation=InterpolationMode.NEAREST, fill=None):
        super().__init__(num_magnitude_bins, interpolation, fill)

    def forward(self, img):
        strengths = _strengths(self.num_magnitude_bins, 0.99, 32.0, 32.0, 135.0, 0.99, 6)
        return self._once(img, strengths, lambda row: row[_integer(0, len(row))])

    def __repr__(self):
        return (f"{type(self).__name__}(num_magnitude_bins={self.num_magnitude_bins}, "
                f"interpolation={self.interpolation}, fill={self.fill})")
