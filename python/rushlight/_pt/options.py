"""What a program may decide about saving and loading: where storages go, which byte order and mapping files have, whether bytes matter at all."""

import enum
import mmap
import shutil
import sys
import tempfile
import threading
import warnings
from contextlib import contextmanager

import rushlight as rl

from . import names, tensors

__all__ = [
    "LoadEndianness", "SourceChangeWarning", "StorageType", "check_module_version_greater_or_equal", "default_restore_location", "get_default_load_endianness",
    "get_default_mmap_options", "location_tag", "mkdtemp", "normalize_storage_type", "register_package", "set_default_load_endianness", "set_default_mmap_options",
    "skip_data", "storage_to_tensor_type", "validate_cuda_device",
]  # fmt: skip


class SourceChangeWarning(Warning):
    """The source of a saved class is not what it was; files of today hold no source."""


class LoadEndianness(enum.Enum):
    """Byte orders for files that do not say theirs."""

    NATIVE = 1
    LITTLE = 2
    BIG = 3


_endianness, _mmap_flags = None, getattr(mmap, "MAP_PRIVATE", 2)
_local = threading.local()


def get_default_load_endianness():
    """The byte order of files that do not say theirs; None: this machine's."""
    return _endianness


def set_default_load_endianness(endianness):
    """Says which byte order files have that do not say theirs."""
    global _endianness
    if endianness is not None and not isinstance(endianness, LoadEndianness):
        raise TypeError(f"Invalid argument type in function set_default_load_endianness: expected LoadEndianness or None, not {type(endianness).__name__}")
    _endianness = endianness


def byte_order():
    """b"little" or b"big", for a file without a mark."""
    native = _endianness in (None, LoadEndianness.NATIVE)
    return (sys.byteorder if native else _endianness.name.lower()).encode()


def get_default_mmap_options():
    """How load(mmap=True) maps a file: mmap.MAP_PRIVATE, or MAP_SHARED, by which changes reach the file."""
    return _mmap_flags


class set_default_mmap_options:
    """Says how load(mmap=True) maps files, from now on or for a with statement."""

    def __init__(self, flags):
        global _mmap_flags
        if flags not in (mmap.MAP_PRIVATE, mmap.MAP_SHARED):
            raise ValueError(f"Invalid argument in function set_default_mmap_options, expected mmap.MAP_PRIVATE or mmap.MAP_SHARED, but got {flags}")
        self.prev, _mmap_flags = _mmap_flags, flags

    def __enter__(self):
        pass

    def __exit__(self, *exception):
        global _mmap_flags
        _mmap_flags = self.prev


def maps_shared():
    return _mmap_flags == getattr(mmap, "MAP_SHARED", None)


class skip_data:
    """In its with statement save leaves room for the bytes of storages, zeros, and load makes tensors without reading theirs."""

    def __init__(self, materialize_fake_tensors=False):
        self.materialize_fake_tensors = materialize_fake_tensors

    def __enter__(self):
        self._before, _local.skip = skips_data(), True

    def __exit__(self, *exception):
        _local.skip = self._before


def skips_data():
    return getattr(_local, "skip", False)


# Places by name


def _cpu_tag(storage):
    return "cpu" if storage.device.type == "cpu" else None


def _cpu_restore(storage, location):
    return storage if location == "cpu" else None


def _cuda_restore(storage, location):
    if location.startswith("cuda"):
        validate_cuda_device(location)


_packages = [(10, _cpu_tag, _cpu_restore), (20, lambda storage: None, _cuda_restore)]
_own = len(_packages)


def register_package(priority, tagger, deserializer):
    """tagger(storage) names a place at saving, deserializer(storage, name) goes there at loading; None from either asks the next, lower priorities first."""
    _packages.append((priority, tagger, deserializer))
    _packages.sort(key=lambda package: package[0])


def location_tag(storage):
    """The name of the place of a storage: the first that a package gives."""
    for _, tagger, _ in _packages:
        location = tagger(storage)
        if location:
            return location
    raise RuntimeError(f"don't know how to determine data location of {rl.typename(storage)}")


def default_restore_location(storage, location):
    """The storage at the place of that name, from the first package that knows it."""
    for _, _, restore in _packages:
        found = restore(storage, location)
        if found is not None:
            return found
    raise RuntimeError(f"don't know how to restore data location of {rl.typename(storage)} (tagged with {location})")


def restored(stored, location):
    """What load without map_location makes of a storage: registered packages are asked, and without one all is on the CPU, whatever the file says."""
    if len(_packages) == _own:
        return stored
    for _, _, restore in _packages:
        if restore in (_cpu_restore, _cuda_restore):
            continue
        found = restore(stored, location)
        if isinstance(found, rl.UntypedStorage):
            found = tensors.Stored(rl.empty(0, dtype=rl.uint8).set_(found), stored.dtype, location)
        if found is not None:
            return found
    return stored


def tag(data):
    """The place that a file names for the bytes of a storage, here a tensor."""
    return "cpu" if len(_packages) == _own else location_tag(data.untyped_storage())


def validate_cuda_device(location):
    """The index of a CUDA device by name: here none is there."""
    if not str(location).startswith("cuda"):
        raise ValueError(f"Expected a cuda device, but got: {location}")
    raise tensors.no_device(location)


# Small things that libraries import


class StorageType:
    """A dtype by the name of its storage class."""

    def __init__(self, name):
        if name not in names.STORAGES:
            raise KeyError(f'pickle storage type "{name}" is not recognized')
        self._dtype = names.dtype_named(names.STORAGES[name])

    @property
    def dtype(self):
        return self._dtype

    def __str__(self):
        return f"StorageType(dtype={self.dtype})"


def normalize_storage_type(storage_type):
    """The public storage class of the same name."""
    return getattr(rl, storage_type.__name__)


def storage_to_tensor_type(storage):
    """The old tensor type with the dtype of a storage."""
    return getattr(rl, names.STORAGE_OF[names.dtype_name(storage.dtype)].replace("Storage", "Tensor"))


@contextmanager
def mkdtemp():
    """A folder that is gone after the with statement."""
    path = tempfile.mkdtemp()
    try:
        yield path
    finally:
        shutil.rmtree(path)


def check_module_version_greater_or_equal(module, req_version_tuple, error_if_malformed=True):
    """Whether module.__version__, read as a tuple of the same types, is at least the one required."""
    try:
        parts = module.__version__.split(".")
        return tuple(type(wanted)(parts[i]) for i, wanted in enumerate(req_version_tuple)) >= tuple(req_version_tuple)
    except Exception as error:
        text = f"'{module.__name__}' module version string is malformed '{module.__version__}' and cannot be compared with tuple {req_version_tuple}"
        if error_if_malformed:
            raise RuntimeError(text) from error
        warnings.warn(f"{text}; it is taken to be new enough", stacklevel=2)
        return True
