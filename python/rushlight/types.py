"""Names for annotations: numbers, devices, sizes."""

import builtins
from typing import Any, Union

from . import Tensor, device, dtype, layout  # noqa: F401
from . import SymInt, SymFloat, SymBool

__all__ = ["Number", "Device", "FileLike", "Storage"]

import os as _os

_bool, _int, _float, _complex = builtins.bool, builtins.int, builtins.float, builtins.complex
Number = Union[int, float, bool]
PyNumber = (int, float, bool)
Device = Union[device, str, int, None]
DeviceLikeType = Union[str, device, int]
FileLike = Union[str, _os.PathLike, Any]
_size = Union["Size", list, tuple]
_dtype = dtype
_device, _layout = device, layout
_symint = Union[int, SymInt]
_TensorOrTensors = _TensorOrTensorsOrGradEdge = Union[Tensor, tuple]
IntLikeType, FloatLikeType, BoolLikeType = Union[int, SymInt], Union[float, SymFloat], Union[bool, SymBool]
py_sym_types = (SymInt, SymFloat, SymBool)
Storage = Any
