"""torch._dynamo for code that runs eagerly: what would be compiled stays as it is, and switches are remembered."""

import types as _types

from ..compiler import allow_in_graph, assume_constant_result, disable, is_compiling, list_backends, reset, set_stance  # noqa: F401
from .._settings import compile as _compile

__all__ = ["allow_in_graph", "disable", "is_compiling", "list_backends", "optimize", "reset", "run", "config"]


class _Config(_types.ModuleType):
    """Switches of a compiler: any may be set and read; one that was not set is False."""

    def __getattr__(self, name):
        if name.startswith("__"):
            raise AttributeError(name)
        return False

    def patch(self, *args, **kwargs):
        """A block, or a decorator, with other switches."""
        import contextlib

        @contextlib.contextmanager
        def block():
            yield

        return block()


class _EvalFrame(_types.ModuleType):
    """Where the type of compiled modules lives: no module is one."""

    class OptimizedModule:
        """Never made: nothing is compiled."""

        def __new__(cls, *args, **kwargs):
            raise NotImplementedError("OptimizedModule: rushlight does not compile, compile() gives the module itself")


config = _Config("rushlight._dynamo.config")
eval_frame = _EvalFrame("rushlight._dynamo.eval_frame")
OptimizedModule = eval_frame.OptimizedModule
graph_break = forbid_in_graph = disallow_in_graph = mark_static_address = lambda *args, **kwargs: None
mark_dynamic = mark_static = maybe_mark_dynamic = graph_break


def optimize(backend="inductor", **kwargs):
    """A decorator that gives back what it decorates."""
    return lambda model: _compile(model)


optimize_assert = optimize


def run(fn=None):
    """The function itself."""
    return fn if fn is not None else (lambda function: function)


def is_dynamo_supported():
    """False."""
    return False


is_inductor_supported = is_dynamo_supported

import sys as _sys  # noqa: E402

_sys.modules[config.__name__], _sys.modules[eval_frame.__name__] = config, eval_frame
