"""torch.utils.dlpack: tensors from and for other libraries, without a copy."""

import enum

import rushlight as rl
from rushlight import _C

__all__ = ["DLDeviceType", "from_dlpack", "to_dlpack"]


class DLDeviceType(enum.IntEnum):
    """The numbers that DLPack gives kinds of devices."""

    kDLCPU = 1
    kDLCUDA = 2
    kDLCUDAHost = 3
    kDLOpenCL = 4
    kDLVulkan = 7
    kDLMetal = 8
    kDLVPI = 9
    kDLROCM = 10
    kDLROCMHost = 11
    kDLExtDev = 12
    kDLCUDAManaged = 13
    kDLOneAPI = 14
    kDLWebGPU = 15
    kDLHexagon = 16
    kDLMAIA = 17


def _capsule(ext_tensor, wishes):
    """A capsule of an object, with those of the wishes that its __dlpack__ knows; and whether a copy was among them."""
    for dropped in ((), ("copy",), ("copy", "dl_device")):
        given = {name: value for name, value in wishes.items() if name not in dropped}
        try:
            return ext_tensor.__dlpack__(**given), "copy" in given
        except TypeError:
            if not given:
                raise
    raise AssertionError("the last call has no keywords")


def from_dlpack(ext_tensor, *, device=None, copy=None):
    """A tensor over the memory of another library's, which has __dlpack__, or of a capsule; with copy=True over memory of its own."""
    if not hasattr(ext_tensor, "__dlpack__"):
        if device is not None or copy is not None:
            raise AssertionError("device and copy kwargs not supported when ext_tensor is already a DLPack capsule.")
        return _C._from_dlpack(ext_tensor)
    wishes = {}
    if copy is not None:
        wishes["copy"] = copy
    if device is not None:
        rl.empty(0, device=device)      # refuses all but the CPU
        wishes["dl_device"] = (int(DLDeviceType.kDLCPU), 0)
    capsule, copied = _capsule(ext_tensor, wishes)
    tensor = _C._from_dlpack(capsule)
    return tensor.clone() if copy and not copied else tensor


def to_dlpack(tensor):
    """A DLPack capsule of the tensor."""
    return tensor.__dlpack__()
