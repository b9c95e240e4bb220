"""torch.utils.dlpack: tensors from and for other libraries, without a copy."""

from .. import from_dlpack

__all__ = ["from_dlpack", "to_dlpack"]


def to_dlpack(tensor):
    """A DLPack capsule of the tensor."""
    return tensor.__dlpack__()
