"""The container of torch before 1.6, still found in old weight files: five pickles in a row, then raw storages.

magic number, protocol version, facts about the machine, the object, the sorted list of storage keys; then for each key an
int64 count of elements and the elements.  A tar file, older still, is recognised and refused.
"""

import struct

import rushlight as rl

from . import names, restricted, tensors
from .emit import Emitter

MAGIC = 0x1950A86A20F9469CFC6C
PROTOCOL = 1001
MACHINE = {"protocol_version": PROTOCOL, "little_endian": True, "type_sizes": {"short": 2, "int": 4, "long": 4}}


def is_tar(head):
    return head[257:262] == b"ustar"


def save(obj, file):
    for value in (MAGIC, PROTOCOL, MACHINE):
        file.write(Emitter().dump(value))
    emitter = Emitter(legacy=True)
    file.write(emitter.dump(obj))
    keys = sorted(emitter.storages)
    file.write(Emitter().dump(keys))
    for key in keys:
        data, name = emitter.storages[key]
        file.write(struct.pack("<q", data.numel() // tensors.itemsize(names.dtype_named(name))))
        file.write(tensors.buffer_of(data))


def load(file, length, run):
    """run(file, find_storage) runs one pickle; the restricted machine or, for trusted files, Python's."""
    if run(file, _no_storage) != MAGIC:
        raise RuntimeError("Invalid magic number; corrupt file?")
    version = run(file, _no_storage)
    if version != PROTOCOL:
        raise RuntimeError(f"Invalid protocol version: {version}")
    machine = run(file, _no_storage)
    restricted.want(type(machine) is dict, "the facts about the machine are no dict")
    swap = machine.get("little_endian") is False
    stored, parts = {}, {}

    def find_storage(dtype, key, location, count, view):
        dtype = names.dtype_named(dtype)
        nbytes = count * tensors.itemsize(dtype)
        if key not in stored:
            restricted.want(nbytes <= length, f"storage {key} of {nbytes} bytes in a file of {length}")
            stored[key] = tensors.Stored(tensors.blank(nbytes)[0], dtype, location)
        known = stored[key]
        restricted.want(known.nbytes() == nbytes, f"storage {key} has two sizes")
        return known.as_typed(dtype) if view is None else _part(known, view, dtype, parts)

    result = run(file, find_storage)
    keys = run(file, _no_storage)
    restricted.want(type(keys) is list and all(type(key) is str for key in keys), "the list of storages is none")
    for key in keys:
        restricted.want(key in stored, f"storage {key} belongs to nothing")
        fill(file, stored[key], swap, key)
    return result


def _part(stored, view, dtype, parts):
    """A storage that is a part of another, as torch before 0.4 had them: (name, first element, elements)."""
    restricted.want(len(view) == 3 and type(view[0]) is str and all(type(n) is int and n >= 0 for n in view[1:]), "a view of a storage")
    name, start, count = view
    if name not in parts:
        width = tensors.itemsize(dtype)
        restricted.want((start + count) * width <= stored.nbytes(), f"part {name} of a storage, which reaches outside of it")
        parts[name] = rl.TypedStorage._over(stored.data[start * width : (start + count) * width], dtype)
    return parts[name]


def _no_storage(*pid):
    raise restricted.refuse("a storage where none belongs")


def fill(file, stored, swap, key):
    """Read one storage's bytes into place."""
    head = file.read(8)
    width = tensors.itemsize(stored.dtype)
    if len(head) != 8 or struct.unpack("<q", head)[0] * width != stored.nbytes():
        raise RuntimeError(f"storage {key} has wrong byte size: expected {stored.nbytes()}; the file is damaged")
    data = file.read(stored.nbytes())
    if len(data) != stored.nbytes():
        raise RuntimeError(f"storage {key} is cut off; the file is damaged")
    stored.data.numpy()[:] = tensors.from_bytes(data, stored.dtype, swap)
