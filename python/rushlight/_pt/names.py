"""What torch calls its classes and functions in a pickle, and what they are here.

A file names things as torch does ("torch FloatStorage"), whichever library wrote it.
"""

import importlib
import itertools

import rushlight as rl

# storage class in the file -> dtype; in bytes, not elements: UntypedStorage
STORAGES = {
    "FloatStorage": "float32",
    "DoubleStorage": "float64",
    "HalfStorage": "float16",
    "BFloat16Storage": "bfloat16",
    "LongStorage": "int64",
    "IntStorage": "int32",
    "ShortStorage": "int16",
    "CharStorage": "int8",
    "ByteStorage": "uint8",
    "BoolStorage": "bool",
    "ComplexFloatStorage": "complex64",
    "ComplexDoubleStorage": "complex128",
}
STORAGE_OF = {dtype: name for name, dtype in STORAGES.items()}
UNTYPED = "UntypedStorage"

BARE = ("uint16", "uint32", "uint64")  # dtypes without a storage class: their storages count in bytes
DTYPES = {name: name for name in (*STORAGE_OF, *BARE)} | {
    "float": "float32",
    "double": "float64",
    "half": "float16",
    "long": "int64",
    "int": "int32",
    "short": "int16",
    "cfloat": "complex64",
    "cdouble": "complex128",
}

# dtypes of torch that a file may hold and that do not exist here
FOREIGN_DTYPES = {
    "complex32", "float8_e4m3fn", "float8_e5m2", "float8_e4m3fnuz", "float8_e5m2fnuz", "float8_e8m0fnu",
    "float4_e2m1fn_x2", "qint8", "quint8", "qint32", "quint4x2", "quint2x4",
}  # fmt: skip
FOREIGN_STORAGES = {"QInt8Storage", "QUInt8Storage", "QInt32Storage", "QUInt4x2Storage", "QUInt2x4Storage"}

BUILTINS = ("builtins", "__builtin__")


def dtype_name(dtype):
    """'float32' for rushlight.float32."""
    return str(dtype).rpartition(".")[2]


def dtype_named(name):
    return getattr(rl, DTYPES[name])


SHARED = frozenset(
    "amp autograd backends cuda distributed distributions fft func functional futures hub jit linalg library masked multiprocessing nested nn optim "
    "overrides profiler random return_types serialization signal sparse special storage testing types utils".split())

# Functions that torch's engine keeps in rooms of its own, where a room's name may come before theirs.
_ROOMS = ("nn", "special", "linalg", "fft")
_OTHER_NAMES = {"logsigmoid": "log_sigmoid"}
# Of _nn's here, those that torch has elsewhere: among nn.functional's for a reader.
_FUNCTIONAL = frozenset(
    "sigmoid tanh relu selu celu threshold hardshrink rms_norm layer_norm batch_norm group_norm conv1d conv_transpose1d conv2d conv_transpose2d conv3d "
    "conv_transpose3d max_pool1d_with_indices max_pool1d adaptive_avg_pool1d adaptive_max_pool1d_with_indices max_pool2d adaptive_max_pool2d_with_indices "
    "max_pool3d adaptive_max_pool3d_with_indices avg_pool1d cross_entropy binary_cross_entropy_with_logits dropout feature_dropout alpha_dropout "
    "feature_alpha_dropout rrelu prelu".split())


def to_file(module, name):
    """Where torch would look for a class or function of ours; what only we have keeps its name."""
    top, *rest = module.split(".")
    if module == "builtins":
        return "__builtin__", name
    if top != "rushlight" or (rest and rest[0] not in SHARED and not rest[0].startswith("_")):
        return module, name
    room = rest[1][1:] if rest[:1] == ["_C"] and len(rest) == 2 else None
    if room in _ROOMS:
        return _to_room(room, name)
    public = list(itertools.takewhile(lambda part: not part.startswith("_"), rest))
    return ".".join(["torch", *public]), name


def _to_room(room, name):
    if room != "nn":
        return f"torch._C._{room}", f"{room}_{name}"
    if name.rstrip("_") in _FUNCTIONAL:
        return "torch.nn.functional", name
    return "torch._C._nn", _OTHER_NAMES.get(name, name)


def from_file(module, name):
    """The object that a file means; for files that the user trusts.  Raises AttributeError or ImportError."""
    if module == "__builtin__":
        module = "builtins"
    if module.partition(".")[0] != "torch":
        found = importlib.import_module(module)
    elif module == "torch._C" and name in _ENGINE_CLASSES:
        return _ENGINE_CLASSES[name]
    elif module.startswith("torch._C._") and module[10:] in _ROOMS:
        found, name = _from_room(module[10:], name)
    else:
        found = _ours(module, name)
    for part in name.split("."):
        found = getattr(found, part)
    return found


# Whose attributes functions and methods are in a file of torch's.
_ENGINE_CLASSES = {"_VariableFunctionsClass": rl._C._VariableFunctions, "TensorBase": rl.Tensor, "_TensorBase": rl.Tensor}


def _from_room(room, name):
    names = {theirs: ours for ours, theirs in _OTHER_NAMES.items()}
    name = names.get(name, name.removeprefix(room + "_"))
    within = getattr(rl._C, f"_{room}")
    return (within if hasattr(within, name) else importlib.import_module("rushlight.nn.functional" if room == "nn" else f"rushlight.{room}")), name


def _ours(module, name):
    """The longest part of a torch module's path that exists here and knows the name."""
    path = ["rushlight", *module.split(".")[1:]]
    first = name.partition(".")[0]
    while path:
        try:
            found = importlib.import_module(".".join(path))
            if hasattr(found, first):
                return found
        except ImportError:
            pass
        path.pop()
    raise AttributeError(f"the file asks for {module}.{name}, which rushlight does not have")
