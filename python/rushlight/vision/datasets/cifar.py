"""CIFAR-10 and CIFAR-100 from the local Python archives.

The files are pickles from the network, so they are read by an unpickler that knows arrays, dicts, lists, strings and
numbers and refuses everything else.
"""

import io
import os
import pickle
import tarfile

import numpy as np

from ..image import from_array
from ._batch import whole_batch
from .vision import VisionDataset

__all__ = ["CIFAR10", "CIFAR100"]

ALLOWED = {("numpy", "ndarray"), ("numpy", "dtype"), ("_codecs", "encode")}


class _ArrayUnpickler(pickle.Unpickler):
    def find_class(self, module, name):
        if name == "_reconstruct" and module in ("numpy.core.multiarray", "numpy._core.multiarray"):
            return np.zeros(0).__reduce__()[0]  # under whichever of the two names this NumPy has it
        if (module, name) not in ALLOWED:
            raise pickle.UnpicklingError(f"CIFAR file asks for {module}.{name}: refused, only arrays are expected")
        return super().find_class(module, name)


class CIFAR10(VisionDataset):
    """60,000 colour pictures of 32 x 32 in 10 classes, 50,000 of them for training."""

    base_folder = "cifar-10-batches-py"
    url = "https://www.cs.toronto.edu/~kriz/cifar-10-python.tar.gz"
    filename = "cifar-10-python.tar.gz"
    train_list = [f"data_batch_{i}" for i in range(1, 6)]
    test_list = ["test_batch"]
    label_key, meta_file, meta_key = "labels", "batches.meta", "label_names"

    def __init__(self, root, train=True, transform=None, target_transform=None, download=False):
        super().__init__(root, transform=transform, target_transform=target_transform)
        self.train = train
        read = self._reader(download)
        parts = [read(name) for name in (self.train_list if train else self.test_list)]
        pixels = np.concatenate([part["data"] for part in parts])
        if pixels.dtype != np.uint8 or pixels.ndim != 2 or pixels.shape[1] != 3072:
            raise ValueError(f"{type(self).__name__}: expected rows of 3072 bytes, "
                             f"got {pixels.dtype} {pixels.shape}")
        self.data = np.ascontiguousarray(pixels.reshape(-1, 3, 32, 32).transpose(0, 2, 3, 1))
        self.targets = [label for part in parts for label in part[self.label_key]]
        self.classes = read(self.meta_file)[self.meta_key]
        self.class_to_idx = {name: i for i, name in enumerate(self.classes)}

    def _reader(self, download):
        """A function from the name of a file to what it holds: from the folder, else from the archive."""
        folder, archive = os.path.join(self.root, self.base_folder), os.path.join(self.root, self.filename)
        if os.path.isdir(folder):
            def read(name):
                with open(os.path.join(folder, name), "rb") as file:
                    return _ArrayUnpickler(file, encoding="latin1").load()
        elif os.path.isfile(archive):
            def read(name):
                with tarfile.open(archive) as tar:
                    data = tar.extractfile(f"{self.base_folder}/{name}").read()
                return _ArrayUnpickler(io.BytesIO(data), encoding="latin1").load()
        else:
            raise RuntimeError(
                f"Dataset not found or corrupted. {'rushlight does not download; get' if download else 'Get'} "
                f"{self.url} and put it into {self.root} (as it is, or unpacked as {folder})")
        return read

    def __getitem__(self, index):
        picture, target = from_array(self.data[index]), self.targets[index]
        return (picture, target) if self.transforms is None else self.transforms(picture, target)

    def _gather(self, indices):
        return whole_batch(self.data, self.targets, indices, self.transform, self.target_transform)

    def __len__(self):
        return len(self.data)

    def extra_repr(self):
        return f"Split: {'Train' if self.train else 'Test'}"


class CIFAR100(CIFAR10):
    """60,000 colour pictures of 32 x 32 in 100 classes, 50,000 of them for training."""

    base_folder = "cifar-100-python"
    url = "https://www.cs.toronto.edu/~kriz/cifar-100-python.tar.gz"
    filename = "cifar-100-python.tar.gz"
    train_list, test_list = ["train"], ["test"]
    label_key, meta_file, meta_key = "fine_labels", "meta", "fine_label_names"
