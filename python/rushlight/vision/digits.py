"""Real handwritten digits that travel with the package.

1,797 pictures of 8 x 8 with 17 levels of grey, written by 13 people: the test part of "Optical Recognition of
Handwritten Digits" by E. Alpaydin and C. Kaynak (UCI Machine Learning Repository, 1998,
https://doi.org/10.24432/C50P49, licence CC BY 4.0), in the order of scikit-learn's copy. `digits.bin` holds them as
zlib-packed bytes: all pixels (0 to 16), then all labels.
"""

import pathlib
import zlib

import numpy as np

import rushlight as rl

from .datasets._batch import whole_batch
from .datasets.vision import VisionDataset
from .image import from_array

__all__ = ["Digits", "load_digits"]

COUNT, SIDE, LEVELS = 1797, 8, 16
HELD_OUT = 5  # every fifth picture is for testing


def load_digits():
    """(pictures, labels): uint8 arrays of shapes (1797, 8, 8), scaled to 0 ... 255, and (1797,)."""
    packed = pathlib.Path(__file__).with_name("digits.bin").read_bytes()
    values = np.frombuffer(zlib.decompress(packed), np.uint8)
    pixels = values[:COUNT * SIDE * SIDE].reshape(COUNT, SIDE, SIDE)
    pictures = np.rint(pixels * (255 / LEVELS)).astype(np.uint8)
    return pictures, values[COUNT * SIDE * SIDE:].copy()


class Digits(VisionDataset):
    """The UCI digits as a data set: 1,438 for training, every fifth of the 1,797 (359) held out for testing."""

    classes = [str(digit) for digit in range(10)]

    def __init__(self, train=True, transform=None, target_transform=None):
        super().__init__(transform=transform, target_transform=target_transform)
        self.train = train
        pictures, labels = load_digits()
        held_out = np.arange(COUNT) % HELD_OUT == HELD_OUT - 1
        chosen = ~held_out if train else held_out
        self.data = rl.from_numpy(pictures[chosen])
        self.targets = rl.from_numpy(labels[chosen].astype(np.int64))

    def __getitem__(self, index):
        picture, target = from_array(self.data[index].numpy()), int(self.targets[index])
        return (picture, target) if self.transforms is None else self.transforms(picture, target)

    def _gather(self, indices):
        return whole_batch(self.data.numpy(), self.targets.numpy(), indices, self.transform, self.target_transform)

    def __len__(self):
        return len(self.data)

    def extra_repr(self):
        return f"Split: {'Train' if self.train else 'Test'}"
