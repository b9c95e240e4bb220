"""Storages as objects: the memory under a tensor, as bytes or as elements of one dtype.

The engine counts storages and shows them as uint8 tensors of all their bytes; these classes give that view torch's names.
"""

import rushlight as rl
from rushlight import _C

from ._pt.tensors import itemsize

__all__ = ["UntypedStorage", "TypedStorage", "untyped_storage", "typed_storage"]


class UntypedStorage:
    """Bytes.  Tensors over the same memory give equal data_ptr()."""

    dtype = property(lambda self: rl.uint8)
    _width = 1

    def __init__(self, source=0):
        self._bytes = source if isinstance(source, rl.Tensor) else rl.zeros(source if isinstance(source, int) else len(source), dtype=rl.uint8)
        if not isinstance(source, (int, rl.Tensor)):
            self._elements.copy_(rl.tensor(list(source), dtype=self.dtype))

    @property
    def _elements(self):
        return self._bytes if self._width == 1 else self._bytes.view(self.dtype)

    @property
    def device(self):
        return self._bytes.device

    def untyped(self):
        return UntypedStorage(self._bytes)

    def nbytes(self):
        return self._bytes.numel()

    def size(self):
        return self._bytes.numel() // self._width

    __len__ = size

    def element_size(self):
        return self._width

    def data_ptr(self):
        return self._bytes.data_ptr()

    def __getitem__(self, index):
        found = self._elements[index]
        return found.item() if isinstance(index, int) else type(self)(found)

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
        return type(self)(self._bytes.clone())

    def cpu(self):
        return self

    def is_shared(self):
        return False

    def __eq__(self, other):
        return isinstance(other, UntypedStorage) and self.data_ptr() == other.data_ptr() and self.nbytes() == other.nbytes()

    __hash__ = object.__hash__

    def __repr__(self):
        lines = "".join(f" {value}\n" for value in self.tolist())
        return f"{lines}[{type(self).__module__}.{type(self).__name__}(dtype={self.dtype}, device={self.device}) of size {self.size()}]"


class TypedStorage(UntypedStorage):
    """Elements of one dtype; the older form, which tensor.storage() gives."""

    def __init__(self, source=0, dtype=None):
        self._dtype = dtype or rl.get_default_dtype()
        self._width = itemsize(self._dtype)
        if isinstance(source, int):
            source = rl.zeros(source * self._width, dtype=rl.uint8)
        elif not isinstance(source, rl.Tensor):
            source = untyped_storage(rl.tensor(list(source), dtype=self._dtype))._bytes
        super().__init__(source)

    dtype = property(lambda self: self._dtype)

    def __getitem__(self, index):
        return self._elements[index].item() if isinstance(index, int) else self._elements[index].tolist()

    def clone(self):
        return TypedStorage(self._bytes.clone(), self._dtype)


def untyped_storage(tensor):
    """What tensor.untyped_storage() returns."""
    return UntypedStorage(_C._ops._storage_bytes(tensor.detach()))


def typed_storage(tensor):
    """What tensor.storage() returns."""
    return TypedStorage(_C._ops._storage_bytes(tensor.detach()), tensor.dtype)
