"""torch.jit for code that runs eagerly: script and trace give back what they were given."""

import builtins
import contextlib
import functools

__all__ = ["script", "trace", "script_method", "ignore", "unused", "export", "is_scripting", "annotate", "Final", "interface", "ScriptModule",
           "trace_module", "freeze", "optimize_for_inference", "save", "load", "fork", "wait", "script_if_tracing", "isinstance", "is_tracing",
           "set_fusion_strategy", "optimized_execution", "enable_onednn_fusion", "strict_fusion", "ScriptFunction", "RecursiveScriptModule",
           "Attribute", "TracerWarning", "Error", "Future"]

from typing import Final, NamedTuple, get_origin

from ..futures import Future

from ..nn import Module


class ScriptModule(Module):
    """A module as a class of scripts would begin it: it runs eagerly."""



def script(obj=None, *args, **kwargs):
    """The function or module itself: rushlight runs eagerly."""
    return obj if obj is not None else script


def trace(func, example_inputs=None, *args, **kwargs):
    """The function or module itself."""
    return func


def trace_module(mod, inputs, *args, **kwargs):
    """The module itself."""
    return mod


def freeze(mod, *args, **kwargs):
    """The module itself."""
    return mod


optimize_for_inference = freeze


def _decorator(fn=None, **kwargs):
    return fn if callable(fn) else (lambda function: function)


script_method = export = interface = script_if_tracing = _overload = _overload_method = _script_if_tracing = _decorator


class ScriptFunction:
    """The type of compiled functions: never made."""


class RecursiveScriptModule(ScriptModule):
    """The type of compiled modules: never made by script or trace."""


class Attribute(NamedTuple):
    """A value and the type that a compiler would give it."""

    value: object
    type: object


class TracerWarning(Warning):
    """Never given here; scripts silence it."""


class Error(Exception):
    """Never raised here; scripts catch it."""


def isinstance(obj, target_type):
    """Whether obj is of a type, which may be one of typing's."""
    targets = target_type if builtins.isinstance(target_type, tuple) else (target_type,)
    return any(builtins.isinstance(obj, get_origin(each) or each) for each in targets)


def set_fusion_strategy(strategy):
    """Nothing is fused by a compiler; gives back what it was told."""
    return strategy


def enable_onednn_fusion(enabled):
    """There is no such library."""


@contextlib.contextmanager
def optimized_execution(should_optimize):
    """A block like any other."""
    yield


strict_fusion = contextlib.nullcontext


def ignore(drop=False, **kwargs):
    """The function itself."""
    return drop if callable(drop) else (lambda function: function)


unused = _decorator


def is_scripting():
    """False."""
    return False


def is_tracing():
    """False."""
    return False


def annotate(the_type, the_value):
    """The value."""
    return the_value


def fork(func, *args, **kwargs):
    """The call, done at once; wait gives the result."""
    return functools.partial(lambda value: value, func(*args, **kwargs))


def wait(future):
    """The result of fork."""
    return future()


def _get_trace_graph(f, args=(), kwargs=None, **options):
    """Refused: counters of operations import it, and need it when they count."""
    raise NotImplementedError("rushlight does not trace programs into graphs; forward hooks (register_forward_hook) see the calls of a model's layers")


def save(m, f, *args, **kwargs):
    """There is no TorchScript: rushlight.save writes state dicts."""
    raise NotImplementedError("jit.save writes TorchScript, which rushlight does not compile; use rushlight.save(module.state_dict(), path)")


def load(f, *args, **kwargs):
    """There is no TorchScript: rushlight.load reads state dicts."""
    raise NotImplementedError("jit.load reads TorchScript, which rushlight does not run; use rushlight.load on a state dict")
