"""Operations of one's own: functions under a name in rushlight.ops, with a derivative if one is given.

`custom_op("lib::name", mutates_args=())` makes one of a function; `register_autograd` says how gradients go through it. What a compiler
would ask for, the shapes of the results (`register_fake`), is taken and never used, since nothing is compiled.
"""

import functools
import inspect

import rushlight as rl

__all__ = ["CustomOpDef", "Library", "custom_op", "define", "impl", "impl_abstract", "opcheck", "register_autocast", "register_autograd", "register_fake", "register_kernel",
           "triton_op", "wrap_triton"]

_operations = {}


def _split(qualname):
    namespace, found, name = qualname.partition("::")
    if not found or not namespace or not name:
        raise ValueError(f"Expected `name` to be of the form `namespace::name`, got {qualname!r}")
    return namespace, name.partition(".")[0]


class _WithoutFormula(rl.autograd.Function):
    """Results of an operation whose derivative nobody gave: they say so when a gradient arrives."""

    @staticmethod
    def forward(ctx, name, results, *inputs):
        ctx.qualname = name
        return results

    @staticmethod
    def backward(ctx, *grads):
        raise RuntimeError(f"Trying to backward through {ctx.qualname} but no autograd formula was registered. Please use register_autograd to add one.")


def _tensors_in(value):
    return [value] if isinstance(value, rl.Tensor) else [item for item in value if isinstance(item, rl.Tensor)] if isinstance(value, (list, tuple)) else []


def _need_formula(qualname, result, inputs):
    """The result as one that backward cannot pass, where an input wants a gradient."""
    found = _tensors_in(result)
    wants = [t for value in inputs for t in _tensors_in(value) if t.requires_grad]
    if not wants or not found or isinstance(result, (list, tuple)) and len(found) != len(result) or not any(t.is_floating_point() or t.is_complex() for t in found):
        return result
    made = _WithoutFormula.apply(qualname, result if isinstance(result, rl.Tensor) else tuple(result), *wants)
    return list(made) if isinstance(result, list) else made


class CustomOpDef:
    """A function under a name, with a derivative once register_autograd is called."""

    def __init__(self, qualname, function, mutates_args=None):
        self._asks_formula, self._mutates = mutates_args is not None, self._written(function, mutates_args or ())
        self._namespace, self._name = _split(qualname)
        self._qualname, self._function, self._differentiable = f"{self._namespace}::{self._name}", function, None
        functools.update_wrapper(self, function)
        _operations[self._qualname] = self
        setattr(getattr(rl.ops, self._namespace), self._name, self)

    default = property(lambda self: self)

    def __call__(self, *args, **kwargs):
        if self._differentiable is not None and rl.is_grad_enabled() and any(isinstance(a, rl.Tensor) and a.requires_grad for a in (*args, *kwargs.values())):
            return self._differentiable(*args, **kwargs)
        with rl.no_grad():
            result = self._function(*args, **kwargs)
        if self._mutates:
            self._note_writes(args, kwargs)
            return result
        return _need_formula(self._qualname, result, (*args, *kwargs.values())) if self._asks_formula and rl.is_grad_enabled() else result

    @staticmethod
    def _written(function, mutates_args):
        """The names of the arguments that the function writes to; "unknown": any of them."""
        if not mutates_args:
            return set()
        names = list(inspect.signature(function).parameters)
        if mutates_args == "unknown":
            return set(names)
        strange = [name for name in mutates_args if name not in names]
        if strange:
            raise ValueError(f"mutates_args names {strange}, which are no arguments of the function: it has {names}")
        return set(mutates_args)

    def _note_writes(self, args, kwargs):
        """What was written to behind the engine's back has another version, so that backward notices."""
        for name, value in inspect.signature(self).bind(*args, **kwargs).arguments.items():
            for tensor in _tensors_in(value) if name in self._mutates else ():
                rl.autograd.graph.increment_version(tensor)

    def __repr__(self):
        return f"<CustomOpDef({self._qualname})>"

    def register_kernel(self, device_types, func=None):
        """The function for these devices; that of the CPU is used."""
        def register(function):
            if device_types is None or "cpu" in ([device_types] if isinstance(device_types, str) else device_types):
                self._function = function
            return function
        return register if func is None else register(func)

    def register_fake(self, fn=None):
        """The function that gives shapes: taken, and never asked."""
        return fn if fn is not None else (lambda function: function)

    register_vmap = register_torch_dispatch = register_fake

    def register_autograd(self, backward, /, *, setup_context=None):
        """backward(ctx, *grads) gives the gradients of the arguments; setup_context(ctx, inputs, output) saves for it."""
        operation = self

        class Differentiable(rl.autograd.Function):
            """The operation as a node."""

            @staticmethod
            def forward(ctx, *args):
                result = operation._function(*args)
                if setup_context is not None:
                    setup_context(ctx, args, result)
                return result

        Differentiable.backward = staticmethod(backward)
        Differentiable.__name__ = Differentiable.__qualname__ = self._name

        def call(*args, **kwargs):
            if kwargs:
                bound = inspect.signature(self._function).bind(*args, **kwargs)
                bound.apply_defaults()
                args = (*bound.args, *bound.kwargs.values())
            return Differentiable.apply(*args)

        self._differentiable = call


def custom_op(name, fn=None, /, *, mutates_args=(), device_types=None, schema=None, tags=None):
    """A decorator: the function becomes the operation `name`, "namespace::name"."""
    return (lambda function: CustomOpDef(name, function, mutates_args)) if fn is None else CustomOpDef(name, fn, mutates_args)


triton_op = custom_op


def _find(op):
    if isinstance(op, CustomOpDef):
        return op
    found = _operations.get(op)
    if found is None:
        raise RuntimeError(f"There is no custom operation {op!r}; custom_op, or define and impl, make one")
    return found


def define(qualname, schema, *, lib=None, tags=()):
    """A name for an operation whose function comes with impl."""
    def missing(*args, **kwargs):
        raise NotImplementedError(f"{qualname} has no function for the CPU: library.impl({qualname!r}, 'cpu') registers one")
    CustomOpDef(qualname, missing)


def impl(qualname, types, func=None, *, lib=None):
    """A decorator: the function of an operation that was defined."""
    kinds = [types] if isinstance(types, str) else types
    wanted = [kind for kind in kinds if kind.lower() in ("cpu", "default", "compositeexplicitautograd", "compositeimplicitautograd")]
    return _find(qualname).register_kernel("cpu" if wanted else "other", func)


def register_kernel(op, device_types, func=None, /, *, lib=None):
    """CustomOpDef.register_kernel"""
    return _find(op).register_kernel(device_types, func)


def register_autograd(op, backward, /, *, setup_context=None, lib=None):
    """CustomOpDef.register_autograd"""
    _find(op).register_autograd(backward, setup_context=setup_context)


def register_fake(op, func=None, /, *, lib=None, allow_override=False):
    """A decorator for the function that gives shapes: taken, and never asked."""
    return func if func is not None else (lambda function: function)


impl_abstract = register_vmap = register_torch_dispatch = register_fake


def register_autocast(op, device_type, cast_inputs, /, *, lib=None):
    """Taken, and never asked: an operation of one's own sees its arguments as they are."""


def opcheck(op, args, kwargs=None, **options):
    """Calls the operation; {"test_schema": "SUCCESS"} if that works."""
    op(*args, **(kwargs or {}))
    return {"test_schema": "SUCCESS"}


def wrap_triton(triton_kernel, /):
    """Refused."""
    raise NotImplementedError("wrap_triton: rushlight runs no Triton kernels")


class Library:
    """Operations of one namespace, defined and given functions one by one."""

    def __init__(self, ns, kind, dispatch_key=""):
        if kind not in ("IMPL", "DEF", "FRAGMENT"):
            raise ValueError(f"Unsupported kind: {kind}")
        self.ns, self.kind, self.dispatch_key = ns, kind, dispatch_key

    def define(self, schema, alias_analysis="", *, tags=()):
        """The name that the schema begins with."""
        name = schema.partition("(")[0].strip()
        if f"{self.ns}::{name}" not in _operations:
            define(f"{self.ns}::{name}", schema)
        return name

    def impl(self, op_name, fn, dispatch_key="", *, with_keyset=False, allow_override=False):
        """The function of an operation."""
        key = dispatch_key or self.dispatch_key or "CPU"
        name = op_name if isinstance(op_name, str) else op_name.__name__
        if key != "Meta":
            impl(name if "::" in name else f"{self.ns}::{name}", key, fn)

    def _register_fake(self, op_name, fn, *args, **kwargs):
        """Taken, and never asked."""

    def _destroy(self):
        """There is nothing to give back."""
