"""Forward mode: refused by name. Derivatives here run backward; autograd.functional.jvp gives forward products by running twice."""

from typing import Any, NamedTuple

__all__ = ["UnpackedDualTensor", "enter_dual_level", "exit_dual_level", "make_dual", "unpack_dual", "dual_level"]

_REFUSAL = ("forward mode automatic differentiation is not part of rushlight; for Jacobian-vector products use "
            "autograd.functional.jvp, which takes two backward passes")


class UnpackedDualTensor(NamedTuple):
    """A tensor and its tangent, None where it has none."""

    primal: Any
    tangent: Any


def enter_dual_level():
    """Refused."""
    raise NotImplementedError(_REFUSAL)


def exit_dual_level(*, level=None):
    """Refused."""
    raise NotImplementedError(_REFUSAL)


def make_dual(tensor, tangent, *, level=None):
    """Refused."""
    raise NotImplementedError(_REFUSAL)


def unpack_dual(tensor, *, level=None):
    """A tensor without a tangent: no level is ever entered."""
    return UnpackedDualTensor(tensor, None)


class dual_level:
    """Refused when entered."""

    def __enter__(self):
        return enter_dual_level()

    def __exit__(self, exc_type, exc_value, exc_tb):
        return None
