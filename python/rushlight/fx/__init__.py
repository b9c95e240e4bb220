"""torch.fx: programs are not traced here. What libraries say at import works; tracing says that it is not there."""

from ..nn import Module

__all__ = ["Graph", "GraphModule", "Interpreter", "Node", "Proxy", "Tracer", "Transformer", "symbolic_trace", "wrap"]


def wrap(fn_or_name):
    """The function itself: it marks what a tracer would leave alone."""
    if not callable(fn_or_name) and not isinstance(fn_or_name, str):
        raise RuntimeError("Unsupported type for global function! Must be either a callable or string name")
    return fn_or_name


def _refuse(*args, **kwargs):
    raise NotImplementedError("rushlight does not trace programs into graphs: torch.fx's tracer is not there. A module runs eagerly; forward hooks "
                              "(register_forward_hook) give the outputs of its layers")


symbolic_trace = _refuse


def _refused(name, base=object):
    return type(name, (base,), {"__new__": _refuse, "__doc__": "Never made: nothing is traced.", "__module__": __name__})


Graph, Interpreter, Node, Proxy, Tracer, Transformer = map(_refused, ("Graph", "Interpreter", "Node", "Proxy", "Tracer", "Transformer"))
GraphModule = _refused("GraphModule", Module)
