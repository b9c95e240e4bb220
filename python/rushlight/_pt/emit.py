"""Python objects to pickle opcodes, protocol 2, with torch's names for torch's things.

CPython's pickler cannot do this: it imports torch._utils to see whether it is there.  Tensors become references to
storages, which the caller writes beside the pickle (`storages`).  Objects of unknown classes go the way pickle goes,
through __reduce_ex__.  What cannot be written is named with its path: checkpoint['sched']['fn'].
"""

import collections
import copyreg
import io
import pickle
import struct
import sys
from itertools import islice

import rushlight as rl

from . import names, options, tensors

_BATCH = 1000


class Emitter:
    """One pickle.  `storages` collects, in order of first sight, key -> (bytes as a tensor, dtype)."""

    def __init__(self, legacy=False):
        self.out = io.BytesIO()
        self.legacy = legacy
        self.memo = {}  # id -> (number, object); holding the object keeps its id from being used again
        self.texts = {}  # string or global -> number: equal ones are written once
        self.count = 0
        self.path = []
        self.storages = {}
        self.keys = {}  # address of a storage -> key
        self.reached = {}  # key -> elements that some tensor reaches, for the warning about large storages

    def dump(self, obj):
        try:
            self.raw(b"\x80\x02")
            self.save(obj)
        except RecursionError:
            raise RecursionError(f"{self.place()} is nested too deeply to be saved") from None
        self.raw(b".")
        return self.out.getvalue()

    # Small pieces

    def raw(self, data):
        self.out.write(data)

    def place(self):
        return "object" + "".join(self.path[:20])

    def refuse(self, why):
        return pickle.PicklingError(f"{why} (at {self.place()})")

    def put(self):
        """Give what was just written a number."""
        number, self.count = self.count, self.count + 1
        self.raw(b"q" + bytes([number]) if number < 256 else b"r" + struct.pack("<L", number))
        return number

    def get(self, number):
        self.raw(b"h" + bytes([number]) if number < 256 else b"j" + struct.pack("<L", number))

    def remember(self, obj):
        self.memo[id(obj)] = (self.put(), obj)

    def recall(self, obj):
        """Write a reference if obj has been written before."""
        known = self.memo.get(id(obj))
        if known is None:
            return False
        self.get(known[0])
        return True

    def name(self, module, name):
        """A GLOBAL; the same one a second time is a reference."""
        key = (module, name)
        if key in self.texts:
            return self.get(self.texts[key])
        self.raw(f"c{module}\n{name}\n".encode())
        self.texts[key] = self.put()

    # Values

    def save(self, obj):
        if self.recall(obj):
            return
        kind = type(obj)
        handler = _HANDLERS.get(kind)
        if handler:
            handler(self, obj)
        elif isinstance(obj, rl.Tensor):
            self.tensor(obj)
        elif isinstance(obj, (rl.TypedStorage, rl.UntypedStorage)):
            self.storage_alone(obj)
        elif isinstance(obj, type) or callable(obj) and hasattr(obj, "__qualname__") and not hasattr(obj, "__self__"):
            self.named_object(obj)
        elif kind is rl.dtype:
            self.name("torch", names.dtype_name(obj))
        elif kind is rl.Size:
            self.call("torch", "Size", (tuple(obj),), obj)
        elif kind is rl.device:
            self.call("torch", "device", (obj.type,) if obj.index is None else (obj.type, obj.index), obj)
        elif kind is rl.layout:
            self.call("torch.serialization", "_get_layout", (f"torch.{str(obj).rpartition('.')[2]}",), obj)
        else:
            self.reduce(obj)

    def call(self, module, name, args, obj=None):
        self.name(module, name)
        self.save_tuple(args, keep=False)
        self.raw(b"R")
        if obj is not None:
            self.remember(obj)

    def save_none(self, obj):
        self.raw(b"N")

    def save_bool(self, obj):
        self.raw(b"\x88" if obj else b"\x89")

    def save_int(self, obj):
        if 0 <= obj < 256:
            self.raw(b"K" + bytes([obj]))
        elif 0 <= obj < 65536:
            self.raw(b"M" + struct.pack("<H", obj))
        elif -(1 << 31) <= obj < 1 << 31:
            self.raw(b"J" + struct.pack("<l", obj))
        else:
            data = pickle.encode_long(obj)
            self.raw(b"\x8a" + bytes([len(data)]) if len(data) < 256 else b"\x8b" + struct.pack("<l", len(data)))
            self.raw(data)

    def save_float(self, obj):
        self.raw(b"G" + struct.pack(">d", obj))

    def save_str(self, obj):
        if obj in self.texts:
            return self.get(self.texts[obj])
        data = obj.encode("utf-8", "surrogatepass")
        self.raw(b"X" + struct.pack("<L", len(data)) + data)
        self.texts[obj] = self.put()

    def save_bytes(self, obj):
        self.call("_codecs", "encode", (obj.decode("latin1"), "latin1"), obj)

    def save_bytearray(self, obj):
        self.call("__builtin__", "bytearray", (bytes(obj),) if obj else (), obj)

    def save_complex(self, obj):
        self.call("__builtin__", "complex", (obj.real, obj.imag), obj)

    def save_set(self, obj):
        self.call("__builtin__", type(obj).__name__, (list(obj),), obj)

    def save_tuple(self, obj, keep=True):
        count = len(obj)
        if not count:
            return self.raw(b")")
        if count > 3:
            self.raw(b"(")
        for i, item in enumerate(obj):
            self.path.append(f"[{i}]" if keep else "")
            self.save(item)
            self.path.pop()
        if keep and id(obj) in self.memo:  # the tuple holds itself, through a list: it is written by now
            self.raw(b"0" * count if count < 4 else b"1")
            return self.recall(obj)
        self.raw((b"t", b"\x85", b"\x86", b"\x87")[count if count < 4 else 0])
        if keep:
            self.remember(obj)

    def save_list(self, obj):
        self.raw(b"]")
        self.remember(obj)
        self.append(obj)

    def append(self, items):
        items, at = iter(items), 0
        while batch := list(islice(items, _BATCH)):
            self.raw(b"(" if len(batch) > 1 else b"")
            for item in batch:
                self.path.append(f"[{at}]")
                self.save(item)
                self.path.pop()
                at += 1
            self.raw(b"e" if len(batch) > 1 else b"a")

    def save_dict(self, obj):
        self.raw(b"}")
        self.remember(obj)
        self.setitems(obj.items())

    def setitems(self, items):
        items = iter(items)
        while batch := list(islice(items, _BATCH)):
            self.raw(b"(" if len(batch) > 1 else b"")
            for key, value in batch:
                self.path.append(f"[{key!r}]" if isinstance(key, (str, int)) else "[...]")
                self.save(key)
                self.save(value)
                self.path.pop()
            self.raw(b"u" if len(batch) > 1 else b"s")

    def save_ordered_dict(self, obj):
        self.call("collections", "OrderedDict", (), obj)
        self.setitems(obj.items())
        if obj.__dict__:
            self.save(dict(obj.__dict__))
            self.raw(b"b")

    # Functions, classes, anything else

    def named_object(self, obj):
        """A function or class, by its name, as long as it can be found under it."""
        name = getattr(obj, "__qualname__", None) or getattr(obj, "__name__", "")
        module = pickle.whichmodule(obj, name)
        try:
            found = sys.modules[module] if module in sys.modules else __import__(module, fromlist=["_"])
            for part in name.split("."):
                found = getattr(found, part)
        except (ImportError, AttributeError, KeyError):
            raise self.refuse(f"Can't pickle {obj!r}: attribute lookup {name} on {module} failed") from None
        if found is not obj:
            raise self.refuse(f"Can't pickle {obj!r}: it's not the same object as {module}.{name}")
        self.name(*names.to_file(module, name))

    def reduce(self, obj):
        """What pickle does with instances of classes it does not know."""
        reducer = copyreg.dispatch_table.get(type(obj))
        try:
            reduced = reducer(obj) if reducer else obj.__reduce_ex__(2)
        except (TypeError, pickle.PicklingError, AttributeError) as error:
            raise type(error)(f"{error} (at {self.place()})") from None
        if isinstance(reduced, str):
            return self.name(*names.to_file(pickle.whichmodule(obj, reduced), reduced))
        if not isinstance(reduced, tuple) or not 2 <= len(reduced) <= 6:
            raise self.refuse(f"__reduce__ of {type(obj).__name__} must return a string or a tuple of two to six")
        function, args, state, items, pairs, setter = (*reduced, *[None] * (6 - len(reduced)))
        if setter is not None:
            raise self.refuse(f"{type(obj).__name__} asks for a state setter, which protocol 2 cannot say")
        if getattr(function, "__name__", "") == "__newobj__":
            self.save(args[0])
            self.save_tuple(args[1:], keep=False)
            self.raw(b"\x81")
        else:
            self.save(function)
            self.save_tuple(args, keep=False)
            self.raw(b"R")
        if id(obj) in self.memo:  # obj was reached through its own arguments
            self.raw(b"0")
            self.recall(obj)
        else:
            self.remember(obj)
        if items is not None:
            self.append(items)
        if pairs is not None:
            self.setitems(pairs)
        if state is not None:
            self.path.append(".__dict__")
            self.save(state)
            self.path.pop()
            self.raw(b"b")

    # Tensors

    def tensor(self, obj):
        kind, state = type(obj), getattr(obj, "__dict__", None)
        if kind is rl.nn.Parameter:
            self.parameter(obj, state)
        elif kind is rl.Tensor and not state:
            self.plain_tensor(obj)
        else:
            self.name("torch._tensor", "_rebuild_from_type_v2")
            self.raw(b"(")
            self.rebuilder(obj)
            self.save(kind) if kind is not rl.Tensor else self.name("torch", "Tensor")
            self.tensor_args(obj)
            self.save(dict(state or {}))
            self.raw(b"tR")
        self.remember(obj)

    def parameter(self, obj, state):
        self.name("torch._utils", "_rebuild_parameter_with_state" if state else "_rebuild_parameter")
        self.raw(b"(")
        self.plain_tensor(obj.detach())
        self.save_bool(obj.requires_grad)
        self.call("collections", "OrderedDict", ())
        if state:
            self.save(dict(state))
        self.raw(b"tR")

    def plain_tensor(self, obj):
        self.rebuilder(obj)
        self.tensor_args(obj)
        self.raw(b"R")

    def rebuilder(self, obj):
        """The third kind is told the dtype, which the storage does not know."""
        self.name("torch._utils", "_rebuild_tensor_v3" if names.dtype_name(obj.dtype) in names.BARE else "_rebuild_tensor_v2")

    def tensor_args(self, obj):
        self.raw(b"(")
        self.storage(obj)
        self.save_int(obj.storage_offset())
        self.save_tuple(tuple(obj.shape), keep=False)
        self.save_tuple(tuple(obj.stride()), keep=False)
        self.save_bool(obj.requires_grad)
        self.call("collections", "OrderedDict", ())
        if names.dtype_name(obj.dtype) in names.BARE:
            self.save(obj.dtype)
        self.raw(b"t")

    def storage(self, obj):
        """The persistent id of a tensor's storage."""
        name = names.dtype_name(obj.dtype)
        bare = name in names.BARE
        self.storage_id(tensors.storage_of(obj), "uint8" if bare else name, bare, obj.nbytes if bare else obj.numel())

    def storage_alone(self, obj):
        """A storage that is saved as an object of its own."""
        typed = isinstance(obj, rl.TypedStorage)
        data = tensors.storage_of(obj._bytes if typed else rl.empty(0, dtype=rl.uint8).set_(obj))
        name = names.dtype_name(obj.dtype) if typed else "uint8"
        bare = not typed or name in names.BARE
        name = "uint8" if bare else name
        self.storage_id(data, name, bare, data.numel() // tensors.itemsize(names.dtype_named(name)))

    def storage_id(self, data, name, bare, reached):
        """The persistent id of all the bytes of a storage; storages are told apart by where they are."""
        address = (data.data_ptr(), data.numel()) if data.numel() else id(data)
        key = self.keys.setdefault(address, str(len(self.keys)))
        first = self.storages.setdefault(key, (data, name))
        if first[1] != name:
            raise RuntimeError(
                "Cannot save multiple tensors or storages that view the same data as different types: "
                f"{first[1]} and {name} (at {self.place()})"
            )
        self.reached[key] = self.reached.get(key, 0) + reached
        self.raw(b"(")
        self.save("storage")
        self.name(*(("torch.storage", names.UNTYPED) if bare else ("torch", names.STORAGE_OF[name])))
        self.save(key)
        self.save(options.tag(data))
        self.save_int(data.numel() // (1 if bare else tensors.itemsize(names.dtype_named(name))))
        self.raw(b"NtQ" if self.legacy else b"tQ")


_HANDLERS = {
    type(None): Emitter.save_none, bool: Emitter.save_bool, int: Emitter.save_int, float: Emitter.save_float,
    str: Emitter.save_str, bytes: Emitter.save_bytes, bytearray: Emitter.save_bytearray, complex: Emitter.save_complex,
    tuple: Emitter.save_tuple, list: Emitter.save_list, dict: Emitter.save_dict, set: Emitter.save_set,
    frozenset: Emitter.save_set, collections.OrderedDict: Emitter.save_ordered_dict,
}  # fmt: skip
