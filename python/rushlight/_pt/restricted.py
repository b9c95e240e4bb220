"""Pickle opcodes to Python objects, running nothing that the file names.

A pickle is a program for a small stack machine; CPython's machine calls whatever the program names.  This one knows some
forty opcodes.  A name in the file becomes an opaque token; only tokens from the lists below can be called, and each checks what it is
called with.  Lists take items, dictionaries take keys, instances made by this load take state, and nothing else does.  So
whatever the bytes are, the outcome is data or UnpicklingError.  Names that the user allowed are the exception: their classes run.
"""

import codecs
import collections
import pickle
import struct
import types

import rushlight as rl

from . import names, tensors

UnpicklingError = pickle.UnpicklingError
NEVER = ("os", "posix", "nt", "sys", "subprocess", "shutil")  # not even if the user allows it
_KEY_DEPTH = 8
_MARK = object()


class Token:
    """A name from the file that may be called: `make` gets the arguments."""

    def __init__(self, make, title):
        self.make, self.title = make, title


class Kind:
    """A name from the file that stands for itself: a storage class or the class Tensor."""

    def __init__(self, title, dtype=None, in_bytes=False):
        self.title, self.dtype, self.in_bytes = title, dtype, in_bytes


def refuse(what):
    return UnpicklingError(what)


def want(condition, what):
    if not condition:
        raise refuse(f"malformed checkpoint: {what}")


def is_key(value, depth=0):
    """Whether value may be a dictionary key: hashing it must be short and run nobody's code."""
    if type(value) in (tuple, rl.Size):
        return depth < _KEY_DEPTH and len(value) < 64 and all(is_key(item, depth + 1) for item in value)
    return value is None or type(value) in (str, int, float, bool, bytes, complex, rl.dtype, rl.device)


def is_ints(value):
    return type(value) in (tuple, list, rl.Size) and all(type(item) is int for item in value)


# What the tokens make


def _ordered_dict(*args):
    want(len(args) <= 1, "OrderedDict takes one argument at most")
    pairs = args[0] if args else []
    want(type(pairs) in (list, dict), "OrderedDict of something that is no list of pairs")
    if type(pairs) is list:
        want(all(type(pair) in (list, tuple) and len(pair) == 2 and is_key(pair[0]) for pair in pairs), "OrderedDict pairs")
    return collections.OrderedDict(pairs)


def _counter(*args):
    want(not args or (len(args) == 1 and type(args[0]) is dict), "Counter of something that is no dict")
    return collections.Counter(*args)


def _encode(text, encoding="latin1"):
    want(type(text) is str and encoding in ("latin1", "latin-1", "utf-8"), "codecs.encode")
    return codecs.encode(text, encoding)


def _bytes(*args):
    want(not args or (len(args) == 1 and type(args[0]) is bytes), "bytes of something else")
    return bytes(*args)


def _bytearray(*args):
    if len(args) == 2:
        args = (_encode(*args),)
    want(not args or (len(args) == 1 and type(args[0]) is bytes), "bytearray of something that is no bytes")
    return bytearray(*args)


def _complex(*args):
    want(len(args) == 2 and all(type(part) in (int, float) for part in args), "complex of something that is no two numbers")
    return complex(*args)


def _set(*args):
    want(not args or (len(args) == 1 and type(args[0]) in (list, tuple)), "set of something that is no list")
    want(not args or all(is_key(item) for item in args[0]), "set of something that may not be a key")
    return set(*args)


def _frozenset(*args):
    return frozenset(_set(*args))


def _size(*args):
    want(len(args) == 1 and is_ints(args[0]), "Size of something that is no integers")
    return rl.Size(args[0])


def _device(*args):
    want(len(args) in (1, 2) and type(args[0]) is str, "device")
    want(len(args) == 1 or args[1] is None or type(args[1]) is int, "device index")
    return rl.device("cpu")


def _layout(*args):
    want(args == ("torch.strided",), f"layout {args}: only torch.strided is known here")
    return rl.strided


def _tensor_v2(*args):
    want(len(args) in (6, 7), "_rebuild_tensor_v2 takes six or seven arguments")
    stored, offset, size, stride, requires_grad, hooks = args[:6]
    want(isinstance(stored, rl.TypedStorage), "a tensor without storage")
    want(type(offset) is int and is_ints(size) and is_ints(stride) and type(requires_grad) is bool, "tensor geometry")
    want(type(hooks) in (collections.OrderedDict, type(None)) and not hooks, "backward hooks in a tensor")
    tensor = tensors.view(stored, offset, tuple(size), tuple(stride), requires_grad and (stored.dtype.is_floating_point or stored.dtype.is_complex))
    meta = args[6] if len(args) == 7 else None
    want(meta is None or type(meta) is dict, "tensor metadata")
    if meta and meta.get("conj"):
        tensor = tensor.conj().resolve_conj() if hasattr(tensor, "resolve_conj") else tensor.conj()
    return -tensor if meta and meta.get("neg") else tensor


def _tensor_v3(*args):
    want(len(args) in (7, 8), "_rebuild_tensor_v3 takes seven or eight arguments")
    if isinstance(args[6], Token):
        args[6].make()  # a dtype that does not exist here: says so
    want(isinstance(args[0], rl.TypedStorage) and type(args[6]) is rl.dtype, "_rebuild_tensor_v3 of something that is no storage and dtype")
    return _tensor_v2(rl.TypedStorage._over(args[0]._bytes, args[6]), *args[1:6], *args[7:])


def _tensor_v1(*args):
    want(len(args) == 4, "_rebuild_tensor takes four arguments")
    return _tensor_v2(*args, False, None)


def _parameter(*args):
    want(len(args) in (2, 3) and isinstance(args[0], rl.Tensor) and type(args[1]) is bool, "_rebuild_parameter")
    return rl.nn.Parameter(args[0], args[1])


def _parameter_with_state(*args):
    want(len(args) == 4 and type(args[3]) is dict, "_rebuild_parameter_with_state")
    return with_state(_parameter(*args[:3]), args[3])


def _from_type(*args):
    want(len(args) == 4 and isinstance(args[0], Token) and type(args[2]) is tuple, "_rebuild_from_type_v2")
    want(args[0].make in (_tensor_v3, _tensor_v2, _tensor_v1, _parameter), "_rebuild_from_type_v2 of a function that makes no tensor")
    made = args[0].make(*args[2])
    if not isinstance(args[1], Kind):  # a class that the user allowed
        made = made.as_subclass(allowed_class(args[1]))
    return with_state(made, args[3])


def with_state(obj, state):
    """Set attributes of an instance from a plain dict with plain names, or from a pair of them: the second is for its slots."""
    own, slots = state if type(state) is tuple and len(state) == 2 else (state, None)
    for part in (own, slots):
        want(type(part) is dict or part is None, f"state of a {type(obj).__name__} that is no dict")
        want(all(type(name) is str and not name.startswith("__") for name in part or ()), f"names of the attributes of a {type(obj).__name__}")
    want(not own or hasattr(obj, "__dict__"), f"state of a {type(obj).__name__}, which has no attributes")
    if own:
        obj.__dict__.update(own)
    for name, value in (slots or {}).items():
        kind = next((vars(base)[name] for base in type(obj).__mro__ if name in vars(base)), None)
        want(isinstance(kind, types.MemberDescriptorType), f"{type(obj).__name__} has no slot {name!r}")
        kind.__set__(obj, value)
    return obj


def _foreign(title, why):
    def make(*args):
        raise refuse(f"{title}: {why}")

    return Token(make, title)


_CALLS = {
    "collections.OrderedDict": _ordered_dict,
    "collections.Counter": _counter,
    "_codecs.encode": _encode,
    "torch.Size": _size,
    "torch.device": _device,
    "torch.serialization._get_layout": _layout,
    "torch._utils._rebuild_tensor": _tensor_v1,
    "torch._utils._rebuild_tensor_v2": _tensor_v2,
    "torch._utils._rebuild_tensor_v3": _tensor_v3,
    "torch._utils._rebuild_parameter": _parameter,
    "torch._utils._rebuild_parameter_with_state": _parameter_with_state,
    "torch._tensor._rebuild_from_type_v2": _from_type,
}
for _module in names.BUILTINS:
    _CALLS |= {
        f"{_module}.{name}": make
        for name, make in {
            "bytes": _bytes, "bytearray": _bytearray, "complex": _complex, "set": _set, "frozenset": _frozenset,
        }.items()
    }  # fmt: skip
_ABSENT = {
    "torch._utils._rebuild_sparse_tensor": "sparse tensors do not exist here",
    "torch._utils._rebuild_sparse_csr_tensor": "sparse tensors do not exist here",
    "torch._utils._rebuild_qtensor": "quantised tensors do not exist here",
    "torch._utils._rebuild_meta_tensor_no_storage": "tensors on the device 'meta' do not exist here",
    "torch._utils._rebuild_device_tensor_from_numpy": "tensors of other devices do not exist here",
    "torch._utils._rebuild_nested_tensor": "nested tensors do not exist here",
}
_KNOWN = {title: Token(make, title) for title, make in _CALLS.items()}
_KNOWN |= {title: _foreign(title, why) for title, why in _ABSENT.items()}
_KNOWN |= {title: Kind(title) for title in ("torch.Tensor", "torch._tensor.Tensor")}
_KNOWN |= {f"torch.storage.{name}": Kind(name, "uint8", True) for name in (names.UNTYPED,)}
for _module in ("torch", "torch.cuda"):
    _KNOWN |= {f"{_module}.{name}": Kind(name, dtype) for name, dtype in names.STORAGES.items()}
    _KNOWN |= {f"{_module}.{name}": _foreign(name, "quantised tensors do not exist here") for name in names.FOREIGN_STORAGES}


def known(title):
    """The meaning of a global that every checkpoint may use, or None."""
    found = _KNOWN.get(title)
    if found is None and title in ("torch.nn.parameter.Parameter", "torch.nn.Parameter"):
        return Allowed(rl.nn.Parameter, title)
    module, _, name = title.rpartition(".")
    if found is None and module == "torch":
        if name in names.DTYPES:
            return names.dtype_named(name)
        if name in names.FOREIGN_DTYPES:
            return _foreign(title, "this dtype does not exist here")
    return found


class Allowed:
    """A class or function that the user allowed; it runs."""

    def __init__(self, obj, title):
        self.obj, self.title = obj, title


def plain(value):
    """A value as the user gets it: an allowed class for its token; no other token leaves the machine this way."""
    want(not isinstance(value, (Token, Kind)), "a name where a value belongs")
    return value.obj if isinstance(value, Allowed) else value


def allowed_class(token):
    want(isinstance(token, Allowed) and isinstance(token.obj, type), "an instance of something that is no class")
    return token.obj


class Machine:
    """Runs one pickle from `read` (a file object's read).  find_storage turns a persistent id into a Stored."""

    def __init__(self, file, find_storage, allowed, encoding="utf-8"):
        self.file, self.find_storage, self.allowed, self.encoding = file, find_storage, allowed, encoding
        self.stack, self.memo = [], {}
        self.made = set()  # ids of instances of allowed classes, which may be given state
        self.keep = []  # ... kept alive, so that the ids stay theirs

    def load(self):
        while True:
            code = self.file.read(1)
            if not code:
                raise EOFError("Ran out of input")
            if code == b".":
                want(len(self.stack) == 1, "the pickle ends with something left over")
                return plain(self.stack.pop())
            step = _STEPS.get(code)
            if step is None:
                raise refuse(f"Unsupported operand {code[0]}")
            step(self)

    # Reading

    def take(self, count):
        data = self.file.read(count)
        if len(data) != count:
            raise EOFError(f"the pickle is cut off: {count} bytes wanted, {len(data)} there")
        return data

    def number(self, form):
        return struct.unpack(form, self.take(struct.calcsize(form)))[0]

    def line(self):
        line = self.file.readline(4096)
        want(line.endswith(b"\n"), "a name without an end")
        return line[:-1].decode("utf-8", "replace")

    # Stack

    def push(self, value):
        self.stack.append(value)

    def pop(self):
        want(self.stack and self.stack[-1] is not _MARK, "the stack is empty")
        return self.stack.pop()

    def top(self):
        want(self.stack and self.stack[-1] is not _MARK, "the stack is empty")
        return self.stack[-1]

    def pop_to_mark(self):
        at = len(self.stack) - 1
        while at >= 0 and self.stack[at] is not _MARK:
            at -= 1
        want(at >= 0, "no mark on the stack")
        items = self.stack[at + 1 :]
        del self.stack[at:]
        return items

    # Opcodes

    def proto(self):
        version = self.take(1)[0]
        if version not in (2, 3):
            raise refuse(f"pickle protocol {version}: checkpoints are written in protocol 2")

    def name(self):
        module, name = self.line(), self.line()
        module = "builtins" if module == "__builtin__" else module
        title = f"{module}.{name}"
        found = known(title)
        if found is None and module.partition(".")[0] in NEVER:
            raise refuse(f"Trying to load unsupported GLOBAL {title} whose module {module} is blocked.")
        if found is None and title in self.allowed:
            found = Allowed(self.allowed[title], title)
        if found is None:
            raise refuse(
                f"Unsupported global: GLOBAL {title} was not an allowed global by default. Please use "
                f"`torch.serialization.add_safe_globals([{name}])` or the `torch.serialization.safe_globals([{name}])` context "
                "manager to allowlist this global if you trust this class/function."
            )
        self.push(found)

    def made_here(self, value):
        self.made.add(id(value))
        self.keep.append(value)
        self.push(value)

    def call(self):
        args, function = self.pop(), self.pop()
        want(type(args) is tuple, "a call without an argument tuple")
        if isinstance(function, Token):
            try:
                self.push(function.make(*args))
            except TypeError as error:
                raise refuse(f"malformed checkpoint: {function.title}: {error}") from None
        elif isinstance(function, Allowed):
            self.made_here(function.obj(*map(plain, args)))
        else:
            raise refuse(f"Trying to call reduce for unrecognized function {self.title(function)}")

    def new(self):
        args, kind = self.pop(), self.pop()
        want(type(args) is tuple, "NEWOBJ without an argument tuple")
        if isinstance(kind, Allowed):
            cls = allowed_class(kind)
            self.made_here(cls.__new__(cls, *map(plain, args)))
        elif isinstance(kind, Token) and kind.make in (_ordered_dict, _counter):
            self.push(kind.make(*args))
        else:
            raise refuse(f"Trying to call NEWOBJ on {self.title(kind)}, which is not an allowed class")

    def build(self):
        state, obj = self.pop(), self.top()
        if type(obj) is collections.OrderedDict:
            with_state(obj, state)
        elif id(obj) not in self.made:
            raise refuse(
                "Can only build Tensor, Parameter, OrderedDict or types allowlisted via `add_safe_globals`, but got "
                f"{self.title(obj)}"
            )
        elif hasattr(obj, "__setstate__"):
            obj.__setstate__(state)
        else:
            with_state(obj, state)

    @staticmethod
    def title(value):
        return getattr(value, "title", None) or type(value).__name__

    def persistent(self):
        pid = self.pop()
        want(type(pid) is tuple and len(pid) in (5, 6) and pid[0] == "storage", "persistent id must be a tuple that starts with 'storage'")
        _, kind, key, location, count = pid[:5]
        if isinstance(kind, Token):
            kind.make()
        want(isinstance(kind, Kind) and kind.dtype, "persistent id without a storage class")
        want(type(key) is str and type(location) is str and type(count) is int and count >= 0, "persistent id")
        want(len(pid) == 5 or pid[5] is None or type(pid[5]) is tuple, "persistent id")
        self.push(self.find_storage(kind.dtype, key, location, count, pid[5] if len(pid) == 6 else None))

    def remember(self, number):
        self.memo[number] = self.top()

    def recall(self, number):
        want(number in self.memo, f"memo {number} is empty")
        self.push(self.memo[number])

    def text(self, size, encoding="utf-8"):
        data = self.take(size)
        try:
            self.push(data.decode(encoding, "surrogatepass" if encoding == "utf-8" else "strict"))
        except UnicodeDecodeError as error:
            raise refuse(f"malformed checkpoint: {error}") from None

    def python2_text(self, size):
        self.push(self.take(size)) if self.encoding == "bytes" else self.text(size, self.encoding)

    def integer(self, size):
        want(0 <= size < 4096, "an integer of that many bytes")
        self.push(int.from_bytes(self.take(size), "little", signed=True))

    def append(self, items):
        target = self.top()
        want(type(target) is list, f"items for a {self.title(target)}")
        target.extend(map(plain, items))

    def setitems(self, items):
        target = self.top()
        fits = type(target) in (dict, collections.OrderedDict, collections.Counter, collections.defaultdict)
        want(fits or (isinstance(target, dict) and id(target) in self.made), f"keys for a {self.title(target)}")
        want(len(items) % 2 == 0, "a key without a value")
        for key, value in zip(items[::2], items[1::2]):
            want(is_key(key), f"a {self.title(key)} as a dictionary key")
            target[key] = plain(value)

    def tuple_of(self, count):
        want(len(self.stack) >= count and _MARK not in self.stack[-count:], "the stack is empty")
        items = tuple(self.stack[-count:])
        del self.stack[-count:]
        self.push(items)

    def drop(self):
        self.pop()

    def one_item(self):
        item = self.pop()
        self.append([item])

    def one_pair(self):
        value, key = self.pop(), self.pop()
        self.setitems([key, value])


_STEPS = {
    b"\x80": Machine.proto,
    b"c": Machine.name,
    b"R": Machine.call,
    b"\x81": Machine.new,
    b"b": Machine.build,
    b"Q": Machine.persistent,
    b"(": lambda m: m.push(_MARK),
    b"0": Machine.drop,
    b"1": Machine.pop_to_mark,
    b"N": lambda m: m.push(None),
    b"\x88": lambda m: m.push(True),
    b"\x89": lambda m: m.push(False),
    b"J": lambda m: m.push(m.number("<l")),
    b"K": lambda m: m.push(m.number("<B")),
    b"M": lambda m: m.push(m.number("<H")),
    b"\x8a": lambda m: m.integer(m.number("<B")),
    b"\x8b": lambda m: m.integer(m.number("<l")),
    b"G": lambda m: m.push(m.number(">d")),
    b"X": lambda m: m.text(m.number("<L")),
    b"U": lambda m: m.python2_text(m.number("<B")),
    b"T": lambda m: m.python2_text(m.number("<L")),
    b"C": lambda m: m.push(m.take(m.number("<B"))),
    b"B": lambda m: m.push(m.take(m.number("<L"))),
    b"q": lambda m: m.remember(m.number("<B")),
    b"r": lambda m: m.remember(m.number("<L")),
    b"h": lambda m: m.recall(m.number("<B")),
    b"j": lambda m: m.recall(m.number("<L")),
    b"}": lambda m: m.push({}),
    b"]": lambda m: m.push([]),
    b")": lambda m: m.push(()),
    b"\x8f": lambda m: m.push(set()),
    b"t": lambda m: m.push(tuple(m.pop_to_mark())),
    b"\x85": lambda m: m.tuple_of(1),
    b"\x86": lambda m: m.tuple_of(2),
    b"\x87": lambda m: m.tuple_of(3),
    b"a": Machine.one_item,
    b"e": lambda m: m.append(m.pop_to_mark()),
    b"s": Machine.one_pair,
    b"u": lambda m: m.setitems(m.pop_to_mark()),
}
