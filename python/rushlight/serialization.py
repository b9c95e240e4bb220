"""save and load: torch's .pt files, both ways.

load runs nothing that is written in the file: it reads tensors, numbers, strings and containers, and refuses the rest by
name.  weights_only=False hands the file to Python's own unpickler, which runs whatever the file says; use it for files
that you made yourself.  The work is in rushlight/_pt.
"""

import io
import os
import pickle
import pickletools
import tempfile
import warnings
from collections.abc import Callable
from contextlib import contextmanager
from typing import IO, Any, TypeAlias

import numpy
import rushlight as rl

from ._pt import archive, legacy, names, options, restricted, tensors
from ._pt.emit import Emitter
from ._pt.options import *

__all__ = [
    "save", "load", "add_safe_globals", "clear_safe_globals", "get_safe_globals", "safe_globals",
    "get_unsafe_globals_in_checkpoint", "get_crc32_options", "set_crc32_options", "DEFAULT_PROTOCOL",
    *options.__all__,
]  # fmt: skip

DEFAULT_PROTOCOL = 2
FILE_LIKE: TypeAlias = str | os.PathLike[str] | IO[bytes]
MAP_LOCATION: TypeAlias = Callable[[Any, str], Any] | rl.device | str | dict[str, str] | None
_crc32 = True
_allowed = []


# What else weights_only may make


def add_safe_globals(safe_globals):
    """Allow load to make instances of these classes and call these functions.  An entry may be (object, "module.name")."""
    _allowed.extend(item for item in safe_globals if item not in _allowed)


def clear_safe_globals():
    """Forget what add_safe_globals allowed."""
    _allowed.clear()


def get_safe_globals():
    """What add_safe_globals allowed, as a list."""
    return list(_allowed)


@contextmanager
def safe_globals(safe_globals):
    """add_safe_globals for the length of a with statement."""
    before = get_safe_globals()
    add_safe_globals(safe_globals)
    try:
        yield
    finally:
        _allowed[:] = before


def _allowed_titles():
    """{"module.name" as a file says it: object}"""
    titles = {}
    for item in _allowed:
        obj, title = item if isinstance(item, tuple) else (item, None)
        if title is None:
            module, name = obj.__module__, obj.__qualname__
            titles[f"{module}.{name}"] = obj
            if module == "builtins":
                titles[f"__builtin__.{name}"] = obj
            title = ".".join(names.to_file(module, name))
        titles[title] = obj
    return titles


def get_crc32_options():
    """Whether save writes check sums."""
    return _crc32


def set_crc32_options(compute_crc32):
    """Whether save writes check sums.  Files without them load as well."""
    global _crc32
    _crc32 = bool(compute_crc32)


# save


def save(
    obj, f, pickle_module=pickle, pickle_protocol=DEFAULT_PROTOCOL, _use_new_zipfile_serialization=True, _disable_byteorder_record=False
):
    """Write obj, which may hold tensors, to a file that torch.load reads too.

    obj: a tensor, a state dict, any nesting of dicts, lists, tuples, strings and numbers, or any object that pickle can
    write.  f: a path, or an object with write.  A path gets its content in one step: whoever reads it meanwhile sees the old file or
    the new, never half of one.  Tensors that share memory share it after loading.

    >>> rl.save({"w": rl.ones(2)}, path)
    >>> rl.load(path)
    {'w': tensor([1., 1.])}
    """
    if pickle_protocol not in (2, 3):
        raise ValueError(f"save: pickle_protocol must be 2, which every torch reads, not {pickle_protocol}")
    write = _write_zip if _use_new_zipfile_serialization else _write_legacy
    if isinstance(f, (str, os.PathLike)):
        path = os.fspath(f)
        prefix = os.path.splitext(os.path.basename(path))[0]
        _write_in_one_step(path, lambda file: write(obj, file, prefix, not _disable_byteorder_record))
    elif hasattr(f, "write"):
        write(obj, f, "archive", not _disable_byteorder_record)
        if hasattr(f, "flush"):
            f.flush()
    else:
        raise AttributeError(f"expected 'f' to be string, path, or a file-like object with a 'write' attribute, not {type(f).__name__}")


def _write_in_one_step(path, write):
    folder = os.path.dirname(path) or "."
    if not os.path.isdir(folder):
        raise RuntimeError(f"Parent directory {folder} does not exist.")
    if os.path.exists(path) and not os.path.isfile(path):  # a pipe or a device cannot be replaced
        with open(path, "wb") as file:
            return write(file)
    path = os.path.realpath(path)
    handle, temporary = tempfile.mkstemp(prefix=".", suffix=".part", dir=os.path.dirname(path))
    try:
        with os.fdopen(handle, "wb") as file:
            write(file)
            file.flush()
            os.fsync(file.fileno())
        os.chmod(temporary, os.stat(path).st_mode & 0o777 if os.path.exists(path) else 0o666 & ~_umask())
        os.replace(temporary, path)
    except BaseException:
        os.unlink(temporary)
        raise


def _umask():
    mask = os.umask(0)
    os.umask(mask)
    return mask


def _write_zip(obj, file, prefix, byteorder):
    emitter = Emitter()
    data = emitter.dump(obj)  # before the first byte is written, so that what cannot be saved leaves no trace
    _warn_of_waste(emitter)
    writer = archive.Writer(file, prefix, _crc32)
    writer.add("data.pkl", data)
    writer.add(".format_version", b"1")
    writer.add(".storage_alignment", b"64")
    if byteorder:
        writer.add("byteorder", b"little")
    for key, (storage, _) in emitter.storages.items():
        writer.add(f"data/{key}", bytes(storage.numel()) if options.skips_data() else tensors.buffer_of(storage))
    writer.add("version", b"3\n")
    writer.close()


def _write_legacy(obj, file, prefix, byteorder):
    legacy.save(obj, file)


def _warn_of_waste(emitter):
    """A slice is saved with all that it was cut from; say so where it matters."""
    for key, (storage, name) in emitter.storages.items():
        whole, used = storage.numel(), emitter.reached[key] * tensors.itemsize(names.dtype_named(name))
        if whole > 10 * used and whole - used > 1 << 20:
            warnings.warn(
                f"save: a tensor of {used:,} bytes is a slice of a storage of {whole:,}, and all of it is saved. "
                "Save tensor.clone() to write the slice alone.",
                stacklevel=4,
            )


# load


def load(f, map_location=None, pickle_module=None, *, weights_only=None, mmap=None, **pickle_load_args):
    """Read what save, here or in torch, has written.

    map_location: where tensors go; there is only "cpu", so that files from any device load.  weights_only: True, the default,
    makes data only and runs nothing from the file; False runs what the file says.  mmap: use the file's bytes where they
    are, read when touched; changes stay in memory.
    """
    encoding = pickle_load_args.pop("encoding", "utf-8")
    if pickle_load_args:
        raise TypeError(f"load() got an unexpected keyword argument {next(iter(pickle_load_args))!r}")
    weights_only = _wished(weights_only, pickle_module)
    if weights_only and pickle_module is not None:
        raise RuntimeError("Can not safely load weights when explicit pickle_module is specified")
    if isinstance(f, (str, os.PathLike)):
        with open(f, "r+b" if mmap and options.maps_shared() else "rb") as file:
            return _load(file, map_location, pickle_module, weights_only, bool(mmap), encoding)
    if not hasattr(f, "read"):
        raise AttributeError(f"expected 'f' to be string, path, or a file-like object with a 'read' attribute, not {type(f).__name__}")
    if mmap:
        raise ValueError("f must be a file path in order to use the mmap argument")
    return _load(_at_hand(f), map_location, pickle_module, weights_only, False, encoding)


def _wished(weights_only, pickle_module):
    """What weights_only is, by the argument and by two variables of the environment."""
    always, never = (os.environ.get(f"TORCH_FORCE_{name}WEIGHTS_ONLY_LOAD", "0") in ("1", "y", "yes", "true") for name in ("", "NO_"))
    if always and never:
        raise RuntimeError("Only one of `TORCH_FORCE_WEIGHTS_ONLY_LOAD` or `TORCH_FORCE_NO_WEIGHTS_ONLY_LOAD` should be set, but both were set.")
    if always:
        return True
    if weights_only is None and never:
        warnings.warn("TORCH_FORCE_NO_WEIGHTS_ONLY_LOAD is set and weights_only was not given: forcing weights_only=False, so that load runs what the file says", UserWarning, stacklevel=3)
        return False
    return pickle_module is None if weights_only is None else weights_only


def _at_hand(f):
    """A file whose place may be set.  Of a file in the older format no more is read than the one checkpoint: others may follow it."""
    try:
        start = f.tell()
        head = f.read(4)
        f.seek(start)
    except (AttributeError, OSError):
        return io.BytesIO(f.read())
    return f if head[:1] == b"\x80" and hasattr(f, "readline") else io.BytesIO(f.read())


def _load(file, map_location, pickle_module, weights_only, mapped, encoding):
    start = file.tell()
    head = file.read(512)
    file.seek(start)
    if not head:
        raise EOFError("Ran out of input: the file is empty")
    place = _placing(map_location)
    if weights_only:
        run = _restricted_run(_allowed_titles(), encoding)
    else:
        run = _trusting_run(pickle_module or pickle, encoding)
    try:
        if head.startswith(b"PK\3\4"):
            return _load_zip(archive.Reader(file, mapped=mapped, shared=options.maps_shared()), run, place)
        if mapped:
            raise RuntimeError("mmap can only be used with files saved with `torch.save(_use_new_zipfile_serialization=True)`")
        return _load_old(file, head, run, place)
    except pickle.UnpicklingError as error:
        raise pickle.UnpicklingError(_explain(error, weights_only)) from None


def _explain(error, weights_only):
    if not weights_only:
        return f"{error}"
    return (
        f"Weights only load failed. WeightsUnpickler error: {error}\n"
        "By default load makes tensors, numbers, strings and containers, and runs nothing that a file names. If you trust the "
        "file, allow the name with add_safe_globals, or pass weights_only=False, which can run arbitrary code from the file."
    )


def _placing(map_location):
    """A function (Stored, location) -> Stored."""
    if map_location is None:
        return options.restored
    if isinstance(map_location, dict):
        return lambda stored, location: _check_device(stored, map_location.get(location, "cpu"))
    if isinstance(map_location, (str, rl.device)):
        _check_device(None, map_location)
        return lambda stored, location: stored
    return lambda stored, location: map_location(stored, location) or stored


def _check_device(stored, device):
    if str(device).partition(":")[0] != "cpu":
        raise tensors.no_device(device)
    return stored


def _load_zip(reader, run, place):
    if "constants.pkl" in reader:
        raise RuntimeError("this is a TorchScript archive; rushlight reads what torch.save writes. Save the module's state_dict().")
    version = reader.read("version" if "version" in reader else ".data/version").strip()
    if not version.isdigit() or not 1 <= int(version) <= 10:
        raise archive.broken(f"unknown version {version!r}")
    order = reader.read("byteorder") if "byteorder" in reader else options.byte_order()
    if order not in (b"little", b"big"):
        raise ValueError("Unknown endianness type: " + order.decode("ascii", "replace"))
    stored = {}

    def find_storage(dtype, key, location, count, view):
        dtype = names.dtype_named(dtype)
        nbytes = count * tensors.itemsize(dtype)
        if key not in stored:
            stored[key] = place(tensors.Stored(_read_storage(reader, key, nbytes, dtype, order), dtype, location), location)
        known = stored[key]
        restricted.want(known.nbytes() == nbytes, f"storage {key} has two sizes")
        return known.as_typed(dtype)

    return run(io.BytesIO(reader.read("data.pkl")), find_storage)


def _read_storage(reader, key, nbytes, dtype, order):
    """The bytes of record data/KEY as a uint8 tensor."""
    record = f"data/{key}"
    if reader.size(record) != nbytes:
        raise archive.broken(f"{record} has {reader.size(record)} bytes where its tensor says {nbytes}")
    if options.skips_data():
        return rl.zeros(nbytes, dtype=rl.uint8)
    if reader.map is not None and nbytes and order == b"little":
        return tensors.over(numpy.frombuffer(reader.map, numpy.uint8, nbytes, reader.span(record)[1]))
    data, buffer = tensors.blank(nbytes)
    reader.read_into(record, buffer)
    if order == b"big":
        data.numpy()[:] = tensors.from_bytes(bytes(buffer), dtype, True)
    return data


def _load_old(file, head, run, place):
    if legacy.is_tar(head):
        raise RuntimeError("this is a tar checkpoint of torch before 0.1.10. Load it with torch and save it again.")
    if head[0] != 0x80:
        hint = " It looks like a safetensors file." if head[8:9] == b"{" else ""
        raise pickle.UnpicklingError(f"this is no checkpoint: it begins with {bytes(head[:8])!r}.{hint}")
    start = file.tell()
    length = _length(file, start)
    file.seek(start)
    return legacy.load(_Limited(file, length), length, run)


def _length(file, start):
    """How many bytes there are from start on; some files that know places cannot count from the end."""
    try:
        return file.seek(0, io.SEEK_END) - start
    except (ValueError, OSError, TypeError):
        file.seek(start)
        return len(file.read())


class _Limited:
    """A file whose read never sets aside more memory than the file has bytes."""

    def __init__(self, file, length):
        self.file, self.length, self.readline = file, length, file.readline

    def read(self, count):
        return self.file.read(min(count, self.length))


def _restricted_run(allowed, encoding):
    def run(file, find_storage):
        return restricted.Machine(file, find_storage, allowed, encoding).load()

    return run


def _trusting_run(pickle_module, encoding):
    """Python's unpickler, which calls what the file names; torch's names lead to ours."""

    class Unpickler(pickle_module.Unpickler):
        def find_class(self, module, name):
            title = f"{module}.{name}"
            found = restricted.known(title)
            if isinstance(found, restricted.Token):
                return _from_type if title == "torch._tensor._rebuild_from_type_v2" else found.make
            if isinstance(found, restricted.Allowed):
                return found.obj
            if isinstance(found, restricted.Kind):
                return rl.Tensor if found.dtype is None else found
            return found if found is not None else names.from_file(module, name)

        def persistent_load(self, pid):
            if not (isinstance(pid, tuple) and len(pid) in (5, 6) and pid[0] == "storage"):
                raise pickle.UnpicklingError(f"unknown persistent id {pid!r:.80}")
            _, kind, key, location, count = pid[:5]
            return self.find_storage(kind.dtype, key, location, count, pid[5] if len(pid) == 6 else None)

    def run(file, find_storage):
        unpickler = Unpickler(file, encoding=encoding)
        unpickler.find_storage = find_storage
        return unpickler.load()

    return run


def _from_type(make, kind, args, state):
    """A tensor of another class or with attributes, from a file that is trusted."""
    made = make(*args)
    if type(made) is not kind:
        made = made.as_subclass(kind)
    own = getattr(kind, "__setstate__", None)
    if own is not None and own is not getattr(rl.Tensor, "__setstate__", None):
        made.__setstate__(state)
        return made
    return restricted.with_state(made, state)


def get_unsafe_globals_in_checkpoint(f):
    """The names that a file asks for and that load would refuse, without making anything."""
    with open(f, "rb") if isinstance(f, (str, os.PathLike)) else io.BytesIO(f.read()) as file:
        if file.read(4) != b"PK\3\4":
            raise ValueError("Expected input to be a checkpoint returned by torch.save")
        reader = archive.Reader(file)
        data = reader.read("data.pkl")
    allowed = _allowed_titles()
    titles = [arg.replace(" ", ".", 1) for opcode, arg, _ in pickletools.genops(data) if opcode.name == "GLOBAL"]
    return [title for title in dict.fromkeys(titles) if restricted.known(title) is None and title not in allowed]
