"""Storages as objects: UntypedStorage, the engine's, holds bytes; TypedStorage shows them as elements of one dtype."""

from collections.abc import Sequence

import rushlight as rl
from rushlight import _C

from ._pt.tensors import itemsize

__all__ = ["UntypedStorage", "TypedStorage", "typed_storage", "Storage", "StorageBase"]

UntypedStorage = _C.UntypedStorage


_LEGACY_FORMS = ("no arguments", "(int size)", "(Sequence data)", "(*, UntypedStorage wrap_storage)")
_FORMS = ("(*, torch.device device, torch.dtype dtype)", "(int size, *, torch.device device, torch.dtype dtype)", "(Sequence data, *, torch.device device, torch.dtype dtype)",
          "(*, UntypedStorage wrap_storage, torch.dtype dtype)")


def _refused(place, forms, reason):
    return f"{place} received an invalid combination of arguments. Expected one of:\n" + "".join(f" * {form}\n" for form in forms) + reason


def _check_arguments(place, forms, args, wrap_storage):
    """A size or a sequence, or a storage to wrap, or nothing."""
    if wrap_storage is not None and args:
        raise RuntimeError(_refused(place, forms, "No positional arguments should be given when using 'wrap_storage'"))
    if wrap_storage is not None and not isinstance(wrap_storage, UntypedStorage):
        raise TypeError(_refused(place, forms, f"Argument 'wrap_storage' must be UntypedStorage, but got {type(wrap_storage)}"))
    if len(args) > 1:
        raise RuntimeError(_refused(place, forms, "Too many positional arguments"))
    if args and not isinstance(args[0], (int, Sequence)):
        raise TypeError(_refused(place, forms, f"Argument type not recognized: {type(args[0])}"))


class TypedStorage:
    """Elements of one dtype; the older form, which tensor.storage() gives."""

    def __init__(self, *args, wrap_storage=None, dtype=None, device=None):
        _check_arguments("TypedStorage.__init__", _FORMS, args, wrap_storage)
        if wrap_storage is not None:
            if dtype is None:
                raise RuntimeError(_refused("TypedStorage.__init__", _FORMS, "Argument 'dtype' must be specified"))
            if device is not None:
                raise RuntimeError(_refused("TypedStorage.__init__", _FORMS, "Argument 'device' should not be specified when 'wrap_storage' is given"))
            self._bytes = rl.empty(0, dtype=rl.uint8).set_(wrap_storage)
        if dtype is not None and not isinstance(dtype, rl.dtype):
            raise TypeError(_refused("TypedStorage.__init__", _FORMS, f"Argument 'dtype' must be torch.dtype, not {type(dtype)}"))
        self.dtype = dtype or rl.get_default_dtype()
        if device is not None:
            rl.empty(0, device=device)      # refuses all but the CPU
        if wrap_storage is not None:
            return
        source = args[0] if args else 0
        if isinstance(source, int):
            self._bytes = rl.zeros(source * itemsize(self.dtype), dtype=rl.uint8)
        else:
            self._bytes = _C._storage_bytes(rl.tensor(list(source), dtype=self.dtype))

    @classmethod
    def _over(cls, data, dtype):
        """Over a uint8 tensor."""
        made = cls.__new__(cls)
        made._bytes, made.dtype = data, dtype
        return made

    @property
    def _elements(self):
        return self._bytes.view(self.dtype)

    @property
    def device(self):
        return self._bytes.device

    def untyped(self):
        return self._bytes.untyped_storage()

    _untyped_storage = property(untyped)

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
        return found.item() if isinstance(index, int) else TypedStorage._over(_C._storage_bytes(found.clone()), self.dtype)

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
        return TypedStorage._over(self._bytes.clone(), self.dtype)

    def cpu(self):
        return self

    def is_shared(self):
        return False

    def __repr__(self):
        lines = "".join(f" {value}\n" for value in self.tolist())
        return f"{lines}[rushlight.storage.TypedStorage(dtype={self.dtype}, device={self.device}) of size {self.size()}]"


def typed_storage(tensor):
    """What tensor.storage() returns."""
    return TypedStorage._over(_C._storage_bytes(tensor.detach()), tensor.dtype)


# One class per dtype, as they were before storages knew theirs

class _LegacyType(type):
    def __instancecheck__(cls, instance):
        return type(instance) is cls or isinstance(instance, TypedStorage) and instance.dtype == cls.dtype

    def __call__(cls, *args, wrap_storage=None, dtype=None, device=None):
        place = f"{cls}.__new__"
        for name, value in (("device", device), ("dtype", dtype)):
            if value is not None:
                raise RuntimeError(_refused(place, _LEGACY_FORMS, f"Keyword argument {name!r} cannot be specified"))
        _check_arguments(place, _LEGACY_FORMS, args, wrap_storage)
        return TypedStorage(*args, wrap_storage=wrap_storage, dtype=cls.dtype)

    def from_buffer(cls, buffer):
        """The bytes of an object as elements."""
        return TypedStorage._over(rl.frombuffer(bytearray(buffer), dtype=rl.uint8), cls.dtype)


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
