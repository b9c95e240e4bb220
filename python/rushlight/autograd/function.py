"""Custom Functions: a forward and a backward written in Python, recorded as one node. The node is the ctx that both are given."""

import functools
import inspect
import warnings

import rushlight as rl
from rushlight import _C

from . import forward_ad

__all__ = ["FunctionCtx", "BackwardCFunction", "FunctionMeta", "Function", "once_differentiable", "InplaceFunction", "NestedIOFunction"]


class FunctionCtx:
    """What forward and setup_context tell the engine."""

    def save_for_backward(self, *tensors):
        """Keep inputs, outputs or others for backward, which finds them in ctx.saved_tensors. Call it once."""
        self.to_save = tensors

    def save_for_forward(self, *tensors):
        """Keep tensors for jvp."""
        for tensor in tensors:
            if not (isinstance(tensor, rl.Tensor) or tensor is None):
                raise AssertionError("save_for_forward expects all arguments to be tensors; you should save non-tensors as attributes "
                                     f"on ctx, but got {type(tensor).__name__}")
        self.saved_for_forward = tensors

    def mark_dirty(self, *args):
        """Say which inputs forward has written to; they must be outputs."""
        self.dirty_tensors = args

    def mark_shared_storage(self, *pairs):
        """Not needed: tensors that share memory are noticed."""
        warnings.warn("`mark_shared_storage` is deprecated. Tensors with shared storages are automatically tracked. Note that calls "
                      "to `set_()` are not tracked", FutureWarning, stacklevel=2)

    def mark_non_differentiable(self, *args):
        """Say which outputs have no gradient."""
        self.non_differentiable = args

    def set_materialize_grads(self, value: bool):
        """Whether backward gets zeros (True, the default) or None for outputs that no gradient came for."""
        self.materialize_grads = value


_ContextMethodMixin = FunctionCtx


class _State(_C._FunctionBase):
    """What the engine keeps for a call of a custom Function."""

    @property
    def requires_grad(self):
        """Whether a gradient of any argument is wanted."""
        return any(self.needs_input_grad or ())


class BackwardCFunction(_State, FunctionCtx):
    """The node of a custom Function; each Function has a subclass."""

    def apply(self, *args):
        """Run the user's backward."""
        function = self._forward_cls
        backward, vjp = function.backward, function.vjp
        if backward is not Function.backward and vjp is not Function.vjp:
            raise RuntimeError("Implementing both 'backward' and 'vjp' for a custom Function is not allowed. You should only implement "
                               "one of them.")
        own = backward if vjp is Function.vjp else vjp
        return own(self, list(args)) if function.boxed_grads_call else own(self, *args)

    def apply_jvp(self, *args):
        """Run the user's jvp."""
        return self._forward_cls.jvp(self, *args)


class FunctionMeta(type):
    """Makes the node class of a Function."""

    def __init__(cls, name, bases, attrs):
        cls._backward_cls = type(name + "Backward", (BackwardCFunction,), {"_forward_cls": cls})
        super().__init__(name, bases, attrs)


class Function(_State, FunctionCtx, metaclass=FunctionMeta):
    """Subclass it with static methods forward(ctx, *args) and backward(ctx, *grads), and call Sub.apply(*args).

    forward may leave ctx out where setup_context(ctx, inputs, output) does what concerns it. backward returns a gradient, or None,
    for each argument of forward.
    """

    generate_vmap_rule = False
    clear_saved_tensors_on_access = False
    boxed_grads_call = False
    derives_jvp = False  # of Functions whose backward can be differentiated: jvp is then found from it

    def __init__(self, *args, **kwargs):
        warnings.warn(f"{type(self)} should not be instantiated. Methods on autograd functions are all static, so you should invoke "
                      "them on the class itself. Instantiating an autograd function will raise an error in a future version of "
                      "PyTorch.", DeprecationWarning, stacklevel=2)

    def __call__(self, *args, **kwargs):
        raise RuntimeError("Legacy autograd function with non-static forward method is deprecated. Please use new-style autograd "
                           "function with static forward method: make forward and backward static, and call Sub.apply(...)")

    @staticmethod
    def forward(*args, **kwargs):
        """The result, computed without recording."""
        raise NotImplementedError("You must implement the forward function for custom autograd.Function.")

    @staticmethod
    def setup_context(ctx, inputs, output):
        """What a forward without ctx would have told it."""
        raise NotImplementedError("setup_context is not implemented.")

    @staticmethod
    def backward(ctx, *grad_outputs):
        """The inputs' gradients from the outputs'."""
        raise NotImplementedError("You must implement either the backward or vjp method for your custom autograd.Function to use it "
                                  "with backward mode AD.")

    vjp = backward

    @staticmethod
    def jvp(ctx, *grad_inputs):
        """The outputs' tangents from the inputs'."""
        raise NotImplementedError("You must implement the jvp function for custom autograd.Function to use it with forward mode AD.")

    @staticmethod
    def vmap(info, in_dims, *args):
        """The function over a batch dimension."""
        raise NotImplementedError("To use autograd.Function with vmap, you must either override the vmap staticmethod or set "
                                  "generate_vmap_rule=True.")

    @classmethod
    def apply(cls, *args, **kwargs):
        """Run forward and record it."""
        setup = cls.setup_context is not Function.setup_context
        if kwargs or setup:
            bound = inspect.signature(cls.forward).bind(*(() if setup else (None,)), *args, **kwargs)
            bound.apply_defaults()
            if bound.kwargs:
                raise TypeError(f"{cls.__name__}.apply() cannot pass keyword-only arguments on: {', '.join(bound.kwargs)}")
            args = bound.args if setup else bound.args[1:]
        if forward_ad._current_level >= 0 and any(_C._has_tangent(x) for x in args) and _C._is_fwd_grad_enabled():
            return _apply_with_tangents(cls, setup, args)
        return _C._function_apply(cls, cls._backward_cls, setup, args)


class _ForwardContext:
    """The ctx of a call as jvp sees it: saved_tensors are those that save_for_forward kept."""

    def __init__(self, ctx):
        object.__setattr__(self, "_ctx", ctx)

    @property
    def saved_tensors(self):
        return self._ctx.saved_for_forward or ()

    def __getattr__(self, name):
        return getattr(self._ctx, name)

    def __setattr__(self, name, value):
        setattr(self._ctx, name, value)


def _tangent_for(x, materialize):
    """What jvp is given for one argument."""
    if not isinstance(x, rl.Tensor) or not (x.is_floating_point() or x.is_complex()):
        return None
    tangent = forward_ad.unpack_dual(x).tangent
    return rl.zeros_like(x) if tangent is None and materialize else tangent


def _apply_with_tangents(cls, setup, args):
    """Run forward, and then jvp for the tangents of what it returned."""
    given = [(x, _tangent_for(x, False)) for x in args]
    if cls.derives_jvp:
        return _derive_tangents(cls, args, given)
    with forward_ad._set_fwd_grad_enabled(False):
        outputs, ctx = _C._function_apply(cls, cls._backward_cls, setup, args, True)
        tangents = cls.jvp(_ForwardContext(ctx), *(_tangent_for(x, ctx.materialize_grads) if t is None else t for x, t in given))
    many, tangents = (x if isinstance(x, tuple) else (x,) for x in (outputs, tangents))
    if len(many) != len(tangents):
        raise RuntimeError(f"{cls.__name__}.jvp returned {len(tangents)} tangents for the {len(many)} outputs of forward")
    for y, tangent in zip(many, tangents):
        if not isinstance(y, rl.Tensor) or not (y.is_floating_point() or y.is_complex()):
            continue
        tangent = rl.zeros_like(y) if tangent is None else tangent
        if tangent.shape != y.shape:
            raise RuntimeError(f"{cls.__name__}.jvp returned a tangent of shape {list(tangent.shape)} for an output of shape {list(y.shape)}")
        _C._set_tangent(y, tangent.to(y.dtype))
    return outputs


def _derive_tangents(cls, args, given):
    """As rows do it: the backward rule is linear in the gradients it is given; its derivative by them, against the tangents."""
    with forward_ad._set_fwd_grad_enabled(False):
        outputs = cls.apply(*args)
        with rl.enable_grad():
            points = [x if t is None else x.view_as(x) if x.requires_grad else x.detach().requires_grad_() for x, t in given]
            again = cls.apply(*points)
            results = [y for y in (again if isinstance(again, tuple) else (again,)) if isinstance(y, rl.Tensor) and y.requires_grad]
            weights = [rl.zeros_like(y).requires_grad_() for y in results]
            chosen = [(p, t) for p, (_, t) in zip(points, given) if t is not None]
            slopes = rl.autograd.grad(results, [p for p, _ in chosen], weights, create_graph=True, allow_unused=True)
        live = [(g, t) for g, (_, t) in zip(slopes, chosen) if g is not None and g.requires_grad]
        wanted = rl.is_grad_enabled() and any(isinstance(x, rl.Tensor) and x.requires_grad for x in (*args, *(t for _, t in live)))
        tangents = iter(rl.autograd.grad([g for g, _ in live], weights, [t for _, t in live], create_graph=wanted, allow_unused=True) if live else [None] * len(weights))
    for y, z in zip(outputs if isinstance(outputs, tuple) else (outputs,), again if isinstance(again, tuple) else (again,)):
        if isinstance(z, rl.Tensor) and z.requires_grad:
            tangent = next(tangents)
            _C._set_tangent(y, rl.zeros_like(y) if tangent is None else tangent.clone())
    return outputs


class _Once(Function):
    """Passes gradients on; to differentiate them is an error."""

    @staticmethod
    def forward(ctx, *values):
        return tuple(v if v is None else v.detach() for v in values)

    @staticmethod
    def backward(ctx, *grads):
        raise RuntimeError("trying to differentiate twice a function that was marked with @once_differentiable")


def once_differentiable(fn):
    """Decorates a backward that is not written in recorded operations: differentiating its result is then an error, not wrong."""
    @functools.wraps(fn)
    def wrapper(ctx, *args):
        with rl.no_grad():
            outputs = fn(ctx, *args)
        if not rl.is_grad_enabled() or not any(isinstance(x, rl.Tensor) and x.requires_grad for x in args):
            return outputs
        many = outputs if isinstance(outputs, tuple) else (outputs,)
        marked = _Once.apply(*(v if v is None else v.detach().requires_grad_() for v in many))
        return marked if isinstance(outputs, tuple) else marked[0]

    return wrapper


class InplaceFunction(Function):
    """A Function with a flag; it is kept for old code."""

    def __init__(self, inplace=False):
        super().__init__()
        self.inplace = inplace


class NestedIOFunction(Function):
    """Refused: Functions over nested lists of tensors had non-static methods. Pass the tensors of the lists as arguments."""

    @classmethod
    def apply(cls, *args, **kwargs):
        raise NotImplementedError("NestedIOFunction is not part of rushlight: pass nested tensors as single arguments of a Function")
