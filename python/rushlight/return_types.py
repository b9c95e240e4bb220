"""The named tuples that operations with several results return."""

from operator import itemgetter

import rushlight as rl
from rushlight import _C

_types = _C._return_types


def structure(name, fields, values):
    """A named tuple rushlight.return_types.<name>, for operations that are put together in Python."""
    kind = _types.get(name)
    if kind is None:
        members = {field: property(itemgetter(i)) for i, field in enumerate(fields)}
        members.update(__slots__=(), __module__=__name__, __match_args__=tuple(fields), __repr__=_repr, __reduce__=_reduce)
        kind = _types[name] = type(name, (tuple,), members)
    return kind(values)


def _repr(self):
    parts = ",\n".join(f"{field}={value!r}" for field, value in zip(self.__match_args__, self))
    return f"{rl.__name__}.return_types.{type(self).__name__}(\n{parts})"


def _reduce(self):
    return structure, (type(self).__name__, self.__match_args__, tuple(self))


def __getattr__(name):
    if name in _types:
        return _types[name]
    operation = getattr(_C._VariableFunctions, name, None)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}" + (": the type is made when the operation first runs" if operation else ""))


def __dir__():
    return sorted(_types)
