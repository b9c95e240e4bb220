"""Storages as objects: UntypedStorage, the engine's, holds bytes; TypedStorage shows them as elements of one dtype."""

import rushlight as rl
from rushlight import _C

from ._pt.tensors import itemsize

__all__ = ["UntypedStorage", "TypedStorage", "typed_storage", "Storage", "StorageBase"]

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


# One class per dtype, as they were before storages knew theirs

class _LegacyType(type):
    def __instancecheck__(cls, instance):
        return type(instance) is cls or isinstance(instance, TypedStorage) and instance.dtype == cls.dtype

    def __call__(cls, source=0, *, wrap_storage=None, device=None):
        return TypedStorage(source, dtype=cls.dtype, wrap_storage=wrap_storage)

    def from_buffer(cls, buffer):
        """The bytes of an object as elements."""
        return TypedStorage(rl.frombuffer(bytearray(buffer), dtype=rl.uint8), dtype=cls.dtype)


def _legacy(name, dtype):
    return _LegacyType(name, (), {"dtype": dtype, "__module__": "rushlight", "__doc__": f"TypedStorage of {dtype}."})


_LEGACY = {dtype: _legacy(name + "Storage", dtype) for name, dtype in (
    ("Bool", rl.bool), ("Byte", rl.uint8), ("Char", rl.int8), ("Short", rl.int16), ("Int", rl.int32), ("Long", rl.int64), ("Half", rl.float16), ("BFloat16", rl.bfloat16),
    ("Float", rl.float32), ("Double", rl.float64), ("ComplexFloat", rl.complex64), ("ComplexDouble", rl.complex128))}
globals().update({kind.__name__: kind for kind in _LEGACY.values()})
Storage, StorageBase = _LEGACY[rl.float32], UntypedStorage


def legacy_type(dtype):
    """The class of storages of a dtype."""
    return _LEGACY[dtype]
