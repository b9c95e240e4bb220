"""torch.compiler for code that runs eagerly: what is compiled stays as it is."""

from ._settings import compile

__all__ = ["compile", "disable", "is_compiling", "is_dynamo_compiling", "is_exporting", "reset", "allow_in_graph", "list_backends", "set_stance", "assume_constant_result",
           "cudagraph_mark_step_begin"]


def disable(fn=None, recursive=True, **kwargs):
    """The function itself."""
    return fn if fn is not None else (lambda function: function)


def allow_in_graph(fn):
    """The function itself."""
    return fn


assume_constant_result = allow_in_graph


def is_compiling():
    """False."""
    return False


is_dynamo_compiling = is_exporting = is_compiling


def reset():
    """There is nothing to forget."""


cudagraph_mark_step_begin = reset


def list_backends(exclude_tags=()):
    """["eager"]"""
    return ["eager"]


def set_stance(stance="default", **kwargs):
    """Everything runs eagerly."""
