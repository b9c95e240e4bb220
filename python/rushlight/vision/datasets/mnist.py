"""MNIST and its relatives from local IDX files.

IDX is a big-endian header (two zero bytes, a type, a number of dimensions, the dimensions) and the values. Files are
looked for under `root/NAME/raw`, where torchvision keeps them, then in `root/raw` and `root`; gzipped ones are read
too. Nothing is downloaded: `download=True` says which files are missing, where to get them and where to put them.
"""

import gzip
import math
import os

import numpy as np

import rushlight as rl

from ..image import from_array
from ._batch import whole_batch
from .vision import VisionDataset

__all__ = ["MNIST", "FashionMNIST", "KMNIST", "read_idx"]

IDX_TYPES = {8: ">u1", 9: ">i1", 11: ">i2", 12: ">i4", 13: ">f4", 14: ">f8"}


def read_idx(path):
    """The array in an IDX file, gzipped or not; ValueError when the file does not hold what its header says."""
    opener = gzip.open if str(path).endswith(".gz") else open
    with opener(path, "rb") as file:
        data = file.read()
    if len(data) < 4 or data[:2] != b"\0\0" or data[2] not in IDX_TYPES or len(data) < 4 + 4 * data[3]:
        raise ValueError(f"{path} is not an IDX file")
    kind = np.dtype(IDX_TYPES[data[2]])
    shape = np.frombuffer(data, ">u4", data[3], 4).tolist()
    start, count = 4 + 4 * data[3], math.prod(shape)
    if len(data) - start != count * kind.itemsize:
        raise ValueError(f"{path} holds {len(data) - start} bytes of values, its header speaks of "
                         f"{' x '.join(map(str, shape))} x {kind.itemsize}")
    return np.frombuffer(data, kind, count, start).reshape(shape).astype(kind.newbyteorder("="))


class MNIST(VisionDataset):
    """70,000 handwritten digits of 28 x 28, 60,000 of them for training."""

    site = "https://ossci-datasets.s3.amazonaws.com/mnist/"
    classes = ["0 - zero", "1 - one", "2 - two", "3 - three", "4 - four", "5 - five", "6 - six", "7 - seven",
               "8 - eight", "9 - nine"]

    def __init__(self, root, train=True, transform=None, target_transform=None, download=False):
        super().__init__(root, transform=transform, target_transform=target_transform)
        self.train = train
        stem = "train" if train else "t10k"
        names = [f"{stem}-images-idx3-ubyte", f"{stem}-labels-idx1-ubyte"]
        images, labels = (read_idx(path) for path in self._find(names, download))
        if images.ndim != 3 or labels.ndim != 1 or len(images) != len(labels):
            raise ValueError(f"{type(self).__name__}: images of shape {images.shape} do not go with labels of shape "
                             f"{labels.shape}")
        self.data = rl.from_numpy(images)
        self.targets = rl.from_numpy(labels.astype(np.int64))

    @property
    def raw_folder(self):
        return os.path.join(self.root, type(self).__name__, "raw")

    @property
    def processed_folder(self):
        return os.path.join(self.root, type(self).__name__, "processed")

    @property
    def class_to_idx(self):
        return {name: i for i, name in enumerate(self.classes)}

    def _find(self, names, download):
        for folder in (self.raw_folder, os.path.join(self.root, "raw"), self.root):
            for suffix in ("", ".gz"):
                paths = [os.path.join(folder, name + suffix) for name in names]
                if all(os.path.isfile(path) for path in paths):
                    return paths
        files = " and ".join(name + ".gz" for name in names)
        raise RuntimeError(
            f"Dataset not found. {'rushlight does not download; get' if download else 'Get'} {files} from {self.site} "
            f"and put them into {self.raw_folder} (unpacked or as they are)")

    def __getitem__(self, index):
        picture, target = from_array(self.data[index].numpy()), int(self.targets[index])
        return (picture, target) if self.transforms is None else self.transforms(picture, target)

    def _gather(self, indices):
        return whole_batch(self.data.numpy(), self.targets.numpy(), indices, self.transform, self.target_transform)

    def __len__(self):
        return len(self.data)

    def extra_repr(self):
        return f"Split: {'Train' if self.train else 'Test'}"


class FashionMNIST(MNIST):
    """70,000 pictures of clothes in MNIST's form."""

    site = "http://fashion-mnist.s3-website.eu-central-1.amazonaws.com/"
    classes = ["T-shirt/top", "Trouser", "Pullover", "Dress", "Coat", "Sandal", "Shirt", "Sneaker", "Bag",
               "Ankle boot"]


class KMNIST(MNIST):
    """70,000 cursive Japanese characters in MNIST's form."""

    site = "http://codh.rois.ac.jp/kmnist/dataset/kmnist/"
    classes = ["o", "ki", "su", "tsu", "na", "ha", "ma", "ya", "re", "wo"]
