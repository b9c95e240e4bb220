"""torch.jit for code that runs eagerly: script and trace give back what they were given."""

import functools

__all__ = ["script", "trace", "script_method", "ignore", "unused", "export", "is_scripting", "is_tracing", "annotate", "Final", "interface", "ScriptModule",
           "trace_module", "freeze", "optimize_for_inference", "save", "load", "fork", "wait"]

from typing import Final

from .nn import Module as ScriptModule


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


script_method = export = interface = _decorator


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


def save(m, f, *args, **kwargs):
    """There is no TorchScript: rushlight.save writes state dicts."""
    raise NotImplementedError("jit.save writes TorchScript, which rushlight does not compile; use rushlight.save(module.state_dict(), path)")


def load(f, *args, **kwargs):
    """There is no TorchScript: rushlight.load reads state dicts."""
    raise NotImplementedError("jit.load reads TorchScript, which rushlight does not run; use rushlight.load on a state dict")
