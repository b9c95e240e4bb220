"""Handles that remove hooks, and the machinery behind a module's full backward hooks.

A table of hooks is an OrderedDict from a number to a callable; a handle remembers the number.  BackwardHook alone knows what its
hooks are for: it places the gradients of a module's inputs and outputs into their hands.
"""

import functools
import itertools
import warnings
import weakref
from collections import OrderedDict

import rushlight as rl

__all__ = ["RemovableHandle", "unserializable_hook", "warn_if_has_hooks", "BackwardHook"]

_ids = itertools.count()


class RemovableHandle:
    """Removes a hook from the table that holds it: handle.remove(), or `with handle:`.

    The table is held weakly, so a handle keeps no module or tensor alive. extra_dict tables lose the same id.
    """

    def __init__(self, hooks_dict, *, extra_dict=None):
        self.hooks_dict_ref = weakref.ref(hooks_dict)
        self.id = next(_ids)
        self.extra_dict_ref = ()
        if extra_dict is not None:
            self.extra_dict_ref = tuple(map(weakref.ref, (extra_dict,) if isinstance(extra_dict, dict) else extra_dict))

    def remove(self):
        """Remove the hook; a second call, or one after its owner died, does nothing."""
        table = self.hooks_dict_ref()
        if table is not None:
            table.pop(self.id, None)
        for ref in self.extra_dict_ref:
            table = ref()
            if table is not None:
                table.pop(self.id, None)

    def __getstate__(self):
        extra = tuple(ref() for ref in self.extra_dict_ref)
        return (self.hooks_dict_ref(), self.id, extra) if extra else (self.hooks_dict_ref(), self.id)

    def __setstate__(self, state):
        table, self.id, *extra = state
        self.hooks_dict_ref = weakref.ref(OrderedDict() if table is None else table)
        self.extra_dict_ref = tuple(weakref.ref(OrderedDict() if t is None else t) for t in (extra[0] if extra else ()))

    def __enter__(self):
        return self

    def __exit__(self, type, value, traceback):
        self.remove()


def unserializable_hook(f):
    """Mark a hook that pickling a tensor leaves out, with a warning."""
    f.__torch_unserializable__ = True
    return f


def warn_if_has_hooks(tensor):
    """Warn when pickling would lose hooks of the tensor."""
    for hook in (getattr(tensor, "_backward_hooks", None) or {}).values():
        if not hasattr(hook, "__torch_unserializable__"):
            warnings.warn(f"backward hook {hook!r} on tensor will not be serialized.  If this is expected, you can decorate the "
                          "function with @torch.utils.hooks.unserializable_hook to suppress this warning", stacklevel=3)


@functools.cache
def _identity_function():
    """The autograd Function that does nothing: a node to hang hooks on. Made at first use, when the engine is there."""

    class BackwardHookFunction(rl.autograd.Function):
        @staticmethod
        def forward(ctx, *args):
            ctx.mark_non_differentiable(*[a for a in args if not a.requires_grad])
            return args

        @staticmethod
        def backward(ctx, *grads):
            return grads

    return BackwardHookFunction


def _through_identity(values, attach):
    """Pass the tensors of `values` through one identity node and let `attach` hook it; return the values and the tensors' places."""
    places = [i for i, v in enumerate(values) if isinstance(v, rl.Tensor)]
    tensors = [values[i] for i in places]
    if not (rl.is_grad_enabled() and any(t.requires_grad for t in tensors)):
        return values, None
    renewed = _identity_function().apply(*tensors)
    if not isinstance(renewed, tuple):
        renewed = (renewed,)
    node = next((t.grad_fn for t in renewed if t.grad_fn is not None), None)
    if node is None:
        raise RuntimeError("Error while setting up backward hooks: no input of the module carries a gradient function.")
    attach(node)
    values = list(values)
    for i, t in zip(places, renewed):
        values[i] = t
    return values, places


def _spread(places, grads, length):
    """Gradients of the tensors among `length` values, None elsewhere."""
    full = [None] * length
    for i, g in zip(places, grads):
        full[i] = g
    return tuple(full)


def _rebuild(like, values):
    return tuple(values) if type(like) is tuple else type(like)(*values)


class BackwardHook:
    """One forward call's full backward hooks: an identity node in front of the module and one behind it.

    The node behind sees the gradients of the outputs first, runs the pre-hooks and keeps what they leave; the node in front then
    sees the gradients of the inputs and runs the hooks with both.
    """

    def __init__(self, module, user_hooks, user_pre_hooks):
        self.module = module
        self.user_hooks = user_hooks
        self.user_pre_hooks = user_pre_hooks
        self.grad_outputs = None
        self.input_places = None
        self.n_inputs = -1

    def setup_input_hook(self, args):
        def attach(node):
            node.register_hook(self._inputs_ready)

        values, self.input_places = _through_identity(args, attach)
        self.n_inputs = len(args)
        return args if self.input_places is None else _rebuild(args, values)

    def setup_output_hook(self, result):
        def attach(node):
            node.register_prehook(self._outputs_ready)

        values = result if isinstance(result, tuple) else (result,)
        self.n_outputs = len(values)
        # The places are needed by a hook that runs much later, never during this call.
        renewed, self.output_places = _through_identity(values, attach)
        if self.output_places is None:
            return result
        return _rebuild(result, renewed) if isinstance(result, tuple) else renewed[0]

    def _inputs_ready(self, grad_input, _):
        if self.grad_outputs is None:   # reached without passing the outputs: a second derivative
            return None
        full = _spread(self.input_places, grad_input, self.n_inputs)
        answer = full
        for hook in self.user_hooks:
            out = hook(self.module, full, self.grad_outputs)
            if out is None:
                continue
            if not isinstance(out, tuple):
                out = (out,)
            if len(out) != len(full):
                raise RuntimeError(f"Backward hook returned an invalid number of grad_input, got {len(out)}, "
                                   f"but expected {len(full)}")
            answer = full = out
        self.grad_outputs = None
        return tuple(answer[i] for i in self.input_places)

    def _outputs_ready(self, grad_output):
        self.grad_outputs = _spread(self.output_places, grad_output, self.n_outputs)
        for pre_hook in self.user_pre_hooks:
            out = pre_hook(self.module, self.grad_outputs)
            if out is None:
                continue
            if not isinstance(out, tuple):
                out = (out,)
            if len(out) != self.n_outputs:
                raise RuntimeError(f"Backward pre hook returned an invalid number of grad_output, got {len(out)}, "
                                   f"but expected {self.n_outputs}")
            self.grad_outputs = out
        passed_on = self.grad_outputs
        if self.input_places is None:
            self._fire_without_inputs()
        return tuple(passed_on[i] for i in self.output_places)

    def _fire_without_inputs(self):
        """No input needs a gradient, so the node in front does not exist: the hooks run now, and may change nothing."""
        warnings.warn("Full backward hook is firing when gradients are computed with respect to module outputs since no inputs "
                      "require gradients.", stacklevel=5)
        for hook in self.user_hooks:
            out = hook(self.module, (None,) * self.n_inputs, self.grad_outputs)
            if out is not None and not (isinstance(out, tuple) and all(g is None for g in out)):
                raise RuntimeError("Backward hook for Modules where no input requires gradient should always return None or "
                                   "None for all gradients.")
        self.grad_outputs = None
