"""Storages as objects: UntypedStorage, the engine's, holds bytes; TypedStorage shows them as elements of one dtype."""

import rushlight as rl
from rushlight import _C

from ._pt.tensors import itemsize

__all__ = ["UntypedStorage", "TypedStorage", "typed_storage"]

UntypedStorage = _C.UntypedStorage


class TypedStorage:
    """Elements of one dtype; the older form, which tensor.storage() gives."""

    def __init__(self, source=0, *, dtype=None, wrap_storage=None):
        self.dtype = dtype or rl.get_default_dtype()
        if isinstance(source, rl.Tensor):
            self._bytes = source
        elif isinstance(source, int):
            self._bytes = rl.zeros(source * itemsize(self.dtype), dtype=rl.uint8)
        else:
            self._bytes = _C._storage_bytes(rl.tensor(list(source), dtype=self.dtype))
        if wrap_storage is not None:
            self._bytes = rl.frombuffer(wrap_storage, dtype=rl.uint8)

    @property
    def _elements(self):
        return self._bytes.view(self.dtype)

    @property
    def device(self):
        return self._bytes.device

    def untyped(self):
        return self._bytes.untyped_storage()

    def nbytes(self):
        return self._bytes.numel()

    def size(self):
        return self._bytes.numel() // itemsize(self.dtype)

    __len__ = size

    def element_size(self):
        return itemsize(self.dtype)

    def data_ptr(self):
        return self._bytes.data_ptr()

    def __getitem__(self, index):
        found = self._elements[index]
        return found.item() if isinstance(index, int) else TypedStorage(_C._storage_bytes(found.clone()), dtype=self.dtype)

    def __setitem__(self, index, value):
        self._elements[index] = value

    def __iter__(self):
        return iter(self.tolist())

    def tolist(self):
        return self._elements.tolist()

    def fill_(self, value):
        self._elements.fill_(value)
        return self

    def copy_(self, source, non_blocking=None):
        self._elements.copy_(source._elements)
        return self

    def clone(self):
        return TypedStorage(self._bytes.clone(), dtype=self.dtype)

    def cpu(self):
        return self

    def is_shared(self):
        return False

    def __repr__(self):
        lines = "".join(f" {value}\n" for value in self.tolist())
        return f"{lines}[rushlight.storage.TypedStorage(dtype={self.dtype}, device={self.device}) of size {self.size()}]"


def typed_storage(tensor):
    """What tensor.storage() returns."""
    return TypedStorage(_C._storage_bytes(tensor.detach()), dtype=tensor.dtype)
