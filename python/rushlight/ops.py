"""torch.ops: operations by the names of their libraries. `ops.aten.NAME`, and its overloads such as `.default`, call the operation."""

import types as _types

import rushlight as rl
from rushlight import _C

__all__ = ["aten"]


class _Packet:
    """An operation; its overloads are the same, since calls are told apart by their arguments."""

    def __init__(self, namespace, name):
        self.__name__, self.__qualname__ = name, f"{namespace}.{name}"

    def __call__(self, *args, **kwargs):
        for home in (rl, rl.nn.functional, _C._ops, rl.Tensor, rl.special, rl.linalg):
            if callable(getattr(home, self.__name__, None)):
                return getattr(home, self.__name__)(*args, **kwargs)
        raise NotImplementedError(f"rushlight has no operation {self.__qualname__}")

    def __getattr__(self, overload):
        if overload.startswith("__"):
            raise AttributeError(overload)
        return self

    def overloads(self):
        """The names of overloads."""
        return ["default"]

    def __repr__(self):
        return f"<OpOverloadPacket(op='{self.__qualname__}')>"


class _Namespace(_types.ModuleType):
    """The operations of one library: names of aten are looked up when they are called, other libraries are empty."""

    def __getattr__(self, name):
        if name.startswith("__"):
            raise AttributeError(name)
        if self.__name__ != "rushlight.ops.aten":
            raise AttributeError(f"{self.__name__} has no operation {name!r}")
        packet = _Packet("aten", name)
        setattr(self, name, packet)
        return packet


aten = _Namespace("rushlight.ops.aten")


def __getattr__(name):
    if name.startswith("__"):
        raise AttributeError(name)
    globals()[name] = _Namespace(f"rushlight.ops.{name}")
    return globals()[name]


def load_library(path):
    """Refused."""
    raise NotImplementedError(f"ops.load_library({path!r}): libraries built for torch do not fit rushlight")
