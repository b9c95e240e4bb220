"""Forward mode: within a level a tensor may carry a tangent, and every operation carries tangents on beside its values."""

import functools
from typing import Any, NamedTuple

from rushlight import _C

__all__ = ["UnpackedDualTensor", "enter_dual_level", "exit_dual_level", "make_dual", "unpack_dual", "dual_level"]

_current_level = -1


class UnpackedDualTensor(NamedTuple):
    """A tensor and its tangent, None where it has none."""

    primal: Any
    tangent: Any


def enter_dual_level():
    """Open the level; returns its number, 0. There is one at a time."""
    global _current_level
    _current_level = _C._enter_dual_level()
    return _current_level


def exit_dual_level(*, level=None):
    """Close the level: all tangents are forgotten."""
    global _current_level
    if level is None:
        level = _current_level
    if level < 0:
        raise RuntimeError("Dual level must be a positive number.")
    if level != _current_level:
        raise RuntimeError("Trying to exit a forward AD level that was not the last one that was created. This is not supported.")
    _C._exit_dual_level()
    _current_level = -1


def make_dual(tensor, tangent, *, level=None):
    """A view of tensor that carries tangent, which must have its shape."""
    level = _current_level if level is None else level
    if level < 0:
        raise RuntimeError("Trying to create a dual Tensor for forward AD but no level exists, make sure to enter_dual_level() first.")
    for name, value in (("primal", tensor), ("tangent", tangent)):
        if not (value.is_floating_point() or value.is_complex()):
            raise ValueError(f"Expected {name} to be floating point or complex, but got: {value.dtype}")
    if level != _current_level:
        raise RuntimeError("Invalid level given to _make_dual")
    return _C._make_dual(tensor, tangent)


def unpack_dual(tensor, *, level=None):
    """(the tensor without its tangent, the tangent or None)"""
    level = _current_level if level is None else level
    if level < 0:
        return UnpackedDualTensor(tensor, None)
    return UnpackedDualTensor(*_C._unpack_dual(tensor))


def _detach(tensor, and_tangent=False):
    """detach(), but the tangent stays; with its own history unless and_tangent."""
    result = tensor.detach()
    if _C._has_tangent(tensor):
        tangent = _C._unpack_dual(tensor)[1]
        _C._set_tangent(result, tangent.detach() if and_tangent else tangent)
    return result


class dual_level:
    """A block, or a function, that is a level."""

    def __enter__(self):
        return enter_dual_level()

    def __exit__(self, exc_type, exc_value, exc_tb):
        exit_dual_level()

    def __call__(self, function):
        @functools.wraps(function)
        def wrapper(*args, **kwargs):
            with dual_level():
                return function(*args, **kwargs)

        return wrapper


class _set_fwd_grad_enabled:
    """Whether operations carry tangents on; takes effect at once, and for a block puts the state back."""

    def __init__(self, mode):
        self.prev = _C._is_fwd_grad_enabled()
        _C._set_fwd_grad_enabled(mode)

    def __enter__(self):
        return None

    def __exit__(self, exc_type, exc_value, exc_tb):
        _C._set_fwd_grad_enabled(self.prev)
