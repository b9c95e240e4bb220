"""The named tuples that operations with several results return."""

from rushlight import _C

_types = _C._return_types


def __getattr__(name):
    if name in _types:
        return _types[name]
    operation = getattr(_C._VariableFunctions, name, None)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}" + (": the type is made when the operation first runs" if operation else ""))


def __dir__():
    return sorted(_types)
