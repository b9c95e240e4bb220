"""The __torch_function__ protocol for code that dispatches by hand: torch.overrides' names.

The engine's functions ask their arguments themselves; a function written in Python asks with has_torch_function and hands over with
handle_torch_function.
"""

import functools

import rushlight as rl
from rushlight import _C

__all__ = ["get_ignored_functions", "get_overridable_functions", "get_testing_overrides", "handle_torch_function", "has_torch_function",
           "has_torch_function_unary", "has_torch_function_variadic", "resolve_name", "is_tensor_like", "is_tensor_method_or_property", "wrap_torch_function",
           "enable_reentrant_dispatch", "get_default_nowrap_functions", "DisableTorchFunctionSubclass", "DisableTorchFunction",
           "TorchFunctionMode"]

_disabled = _C._disabled_torch_function_impl


class DisableTorchFunctionSubclass:
    """A block in which __torch_function__ is not asked."""

    def __enter__(self):
        _C._torch_function_off(1)
        return self

    def __exit__(self, *args):
        _C._torch_function_off(-1)


DisableTorchFunction = DisableTorchFunctionSubclass


def _overrides(value):
    kind = type(value)
    if kind in (rl.Tensor, _C.Parameter) or _C._torch_function_off(0):
        return False
    own = getattr(kind, "__torch_function__", None)
    return own is not None and own is not _disabled


def has_torch_function(relevant_args):
    """Whether one of the arguments brings a __torch_function__ of its own."""
    return any(map(_overrides, relevant_args))


def has_torch_function_unary(arg):
    """has_torch_function of one argument."""
    return _overrides(arg)


def has_torch_function_variadic(*args):
    """has_torch_function of the arguments."""
    return any(map(_overrides, args))


def _in_order(relevant_args):
    """One argument per overriding type, subclasses before their bases."""
    found = []
    for arg in relevant_args:
        if _overrides(arg) and type(arg) not in map(type, found):
            place = next((i for i, old in enumerate(found) if issubclass(type(arg), type(old))), len(found))
            found.insert(place, arg)
    return found


def handle_torch_function(public_api, relevant_args, *args, **kwargs):
    """What the first __torch_function__ that knows public_api answers."""
    arguments = _in_order(relevant_args)
    types = tuple(map(type, arguments))
    for arg in arguments:
        result = arg.__torch_function__(public_api, types, args, kwargs)
        if result is not NotImplemented:
            return result
    raise TypeError(f"no implementation found for '{public_api.__module__}.{public_api.__name__}' on types that implement __torch_function__: {[type(a) for a in arguments]}")


def wrap_torch_function(dispatcher):
    """Decorator: dispatcher(*args) names the arguments that may override the function."""
    def wrap(function):
        @functools.wraps(function)
        def wrapped(*args, **kwargs):
            relevant = dispatcher(*args, **kwargs)
            return handle_torch_function(wrapped, relevant, *args, **kwargs) if has_torch_function(relevant) else function(*args, **kwargs)
        return wrapped
    return wrap


def is_tensor_like(inp):
    """Whether inp is a tensor or behaves as one by __torch_function__."""
    return isinstance(inp, rl.Tensor) or hasattr(type(inp), "__torch_function__")


def get_overridable_functions():
    """The functions that ask __torch_function__, by namespace."""
    return {rl: [f for n, f in vars(_C._VariableFunctions).items() if not n.startswith("__")],
            rl.Tensor: [f for n, f in vars(rl.Tensor).items() if isinstance(f, _C.method_descriptor)]}


def get_ignored_functions():
    """Functions that never ask: those that make tensors from nothing."""
    return {rl.tensor, rl.as_tensor, rl.from_numpy, rl.asarray, rl.is_grad_enabled, rl.no_grad, rl.enable_grad, rl.set_grad_enabled}


def get_testing_overrides():
    """A function of the same name for each overridable one."""
    return {f: (lambda *args, **kwargs: -1) for functions in get_overridable_functions().values() for f in functions}


def get_default_nowrap_functions():
    """Functions whose results the default __torch_function__ leaves as they are."""
    return {rl.Tensor._base.__get__, rl.Tensor.grad.__get__, rl.Tensor._grad.__get__}


def resolve_name(f):
    """The full name of a function or method."""
    return f"{getattr(f, '__module__', None) or 'rushlight'}.{getattr(f, '__qualname__', getattr(f, '__name__', repr(f)))}"


def is_tensor_method_or_property(func):
    """Whether func is a method of Tensor or the getter of a property."""
    return isinstance(func, _C.method_descriptor) or getattr(func, "__name__", "") == "__get__"


class enable_reentrant_dispatch(DisableTorchFunctionSubclass):
    """A block without effect here."""

    def __enter__(self):
        return self

    def __exit__(self, *args):
        pass


class TorchFunctionMode:
    """A block in which every call goes through __torch_function__: not here, where types override calls and blocks do not."""

    def __enter__(self):
        raise NotImplementedError("TorchFunctionMode: rushlight asks the types of arguments for __torch_function__, and no blocks; subclass Tensor instead")

    def __exit__(self, *exc):
        return False
