"""Tensors without memory, for compilers, under the name of torch's private package: there are none here."""

from .fake_tensor import FakeTensor, FakeTensorMode

__all__ = ["FakeTensor", "FakeTensorMode"]
