"""Tools beside the tensors, under torch.utils' names. Submodules load when they are first asked for."""

import copyreg
import importlib
import weakref

_SUBMODULES = frozenset(("benchmark", "checkpoint", "data", "flop_counter", "dlpack", "hooks", "model_zoo", "tensorboard", "_foreach_utils", "_pytree"))


def _refuse_poisoned(grad_outputs):
    raise RuntimeError("Trying to execute AccumulateGrad node that was poisoned by swap_tensors: the graph was made before its leaf's content was "
                       "exchanged, as a module's conversion does under torch.__future__.set_swap_module_params_on_conversion(True). Convert before "
                       "forward, or after backward")


def _swap_attribute(t1, t2, name):
    """Exchange an attribute that either may lack."""
    lacking = object()
    one, other = getattr(t1, name, lacking), getattr(t2, name, lacking)
    for t, value, there in ((t1, other, one), (t2, one, other)):
        if value is not lacking:
            setattr(t, name, value)
        elif there is not lacking:
            delattr(t, name)


def swap_tensors(t1, t2):
    """Exchange class, attributes, values, gradient and all else of two tensors, which stay the objects they are."""
    for name, t in (("t1", t1), ("t2", t2)):
        if weakref.getweakrefs(t):
            raise RuntimeError(f"Cannot swap {name} because it has weakref associated with it")
    slots = {*copyreg._slotnames(type(t1))}
    if slots != {*copyreg._slotnames(type(t2))}:
        raise RuntimeError("Cannot swap t1 and t2 if they have different slots: their classes' __slots__ are not the same")
    t1._swap_contents(t2)
    for t in (t1, t2):
        if t.requires_grad:
            importlib.import_module("rushlight.autograd.graph").get_gradient_edge(t).node.register_prehook(_refuse_poisoned)
    for name in ("__class__", "__dict__", *slots):
        _swap_attribute(t1, t2, name)


def __getattr__(name):
    if name in _SUBMODULES:
        return importlib.import_module(f"{__name__}.{name}")
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}; it has {', '.join(sorted(_SUBMODULES))}")


def __dir__():
    return sorted({*globals(), *_SUBMODULES})
