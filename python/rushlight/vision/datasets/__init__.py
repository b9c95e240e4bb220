"""Picture data sets from local files, under torchvision.datasets' names."""

from .cifar import CIFAR10, CIFAR100
from .fakedata import FakeData
from .folder import DatasetFolder, ImageFolder
from .mnist import KMNIST, MNIST, FashionMNIST
from .vision import VisionDataset

__all__ = ["CIFAR10", "CIFAR100", "DatasetFolder", "FakeData", "FashionMNIST", "ImageFolder", "KMNIST", "MNIST",
           "VisionDataset"]


def __getattr__(name):
    if name[:1].isupper():
        raise AttributeError(f"rushlight.vision.datasets has no {name}; it has {', '.join(__all__)}. "
                             "ImageFolder reads any set of picture files sorted into one folder per class")
    raise AttributeError(f"module 'rushlight.vision.datasets' has no attribute {name!r}")
