"""Tensors apart into storages and views for writing, and together again after reading.

This is the only file of the package that touches tensor memory.
"""

import numpy
import rushlight as rl
from rushlight import _C

from . import names


class Stored:
    """A storage read from a file: all its bytes as a uint8 tensor, and the dtype that the file gives them.

    It is what a map_location function receives, and it stays on the CPU wherever it is sent.
    """

    def __init__(self, data, dtype, location="cpu"):
        self.data, self.dtype, self.location = data, dtype, location
        self.typed = {}

    def as_typed(self, dtype):
        """The TypedStorage that the program gets: one object per dtype, however often the file names it."""
        if dtype not in self.typed:
            self.typed[dtype] = rl.TypedStorage._over(self.data, dtype)
        return self.typed[dtype]

    def cpu(self):
        return self

    def cuda(self, device=None, non_blocking=False):
        raise no_device("cuda")

    @property
    def device(self):
        return rl.device("cpu")

    def nbytes(self):
        return self.data.numel()

    def size(self):
        return self.data.numel() // itemsize(self.dtype)

    __len__ = size


def no_device(location):
    return RuntimeError(
        f"Attempting to deserialize object on a {str(location).partition(':')[0].upper()} device but this library computes on "
        "the CPU only. Please use torch.load with map_location=torch.device('cpu') to map your storages to the CPU."
    )


def itemsize(dtype):
    return _ITEMSIZE[names.dtype_name(dtype)]


_ITEMSIZE = {
    "bool": 1, "uint8": 1, "int8": 1, "int16": 2, "int32": 4, "int64": 8, "float16": 2, "bfloat16": 2, "float32": 4,
    "float64": 8, "complex64": 8, "complex128": 16, "uint16": 2, "uint32": 4, "uint64": 8,
}  # fmt: skip


def blank(nbytes):
    """A storage of nbytes and a buffer to fill it through."""
    data = rl.empty(nbytes, dtype=rl.uint8)
    return data, memoryview(data.numpy())


def over(array):
    """A storage over a NumPy uint8 array, without a copy."""
    return rl.from_numpy(array)


def storage_of(tensor):
    """All bytes of the tensor's storage, as a uint8 tensor."""
    return _C._storage_bytes(tensor.detach())


def buffer_of(data):
    """The bytes of such a tensor as a buffer."""
    return memoryview(numpy.ascontiguousarray(data.numpy()))


def view(stored, offset, size, stride, requires_grad=False):
    """A tensor over a TypedStorage.  Whatever reaches outside of it is an error."""
    width = itemsize(stored.dtype)
    room = stored.nbytes() // width
    if len(size) != len(stride):
        raise _bad(f"a tensor with {len(size)} sizes and {len(stride)} strides")
    if offset < 0 or any(n < 0 for n in size) or any(n < 0 for n in stride):
        raise _bad(f"a tensor with size {size}, stride {stride}, offset {offset}: none may be negative")
    if len(size) > 64 or max((offset, *size, *stride)) >= 1 << 63:
        raise _bad("a tensor too large for this machine")
    end = offset + sum((n - 1) * step for n, step in zip(size, stride)) + 1
    if offset > room or (0 not in size and end > room):
        raise _bad(f"a tensor with size {size}, stride {stride}, offset {offset} over a storage of {room} elements")
    tensor = _C._from_storage(stored._bytes, stored.dtype, size, stride, offset + stored._bytes.storage_offset() // width)
    if requires_grad:
        tensor.requires_grad_()
    return tensor


def _bad(what):
    return RuntimeError(f"The file is damaged or hostile: it describes {what}.")


def from_bytes(data, dtype, swap=False):
    """Bytes as a uint8 array, turned round element by element if they come from a big-endian machine."""
    array = numpy.frombuffer(data, numpy.uint8)
    if not swap:
        return array
    width = itemsize(dtype) // (2 if dtype.is_complex else 1)
    return array.reshape(-1, width)[:, ::-1].reshape(-1)
