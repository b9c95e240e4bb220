"""A module's hooks: how they are registered, one by one or for all modules, and the call that runs them.

The C base calls `forward` directly while no hook is registered anywhere; otherwise it comes to `_call_impl` here. Registries are
OrderedDicts from a handle's number to the hook; whether a hook wants keyword arguments, or to run even when forward raises, is
written beside it, in registries of their own under the same number.
"""

import functools
import warnings
import weakref
from collections import OrderedDict

import rushlight as rl
from rushlight.utils.hooks import BackwardHook, RemovableHandle

_global_buffer_registration_hooks = OrderedDict()
_global_module_registration_hooks = OrderedDict()
_global_parameter_registration_hooks = OrderedDict()
_global_backward_pre_hooks = OrderedDict()
_global_backward_hooks = OrderedDict()
_global_forward_pre_hooks = OrderedDict()
_global_forward_hooks = OrderedDict()
_global_forward_hooks_always_called = OrderedDict()
_global_forward_hooks_with_kwargs = OrderedDict()
_global_is_full_backward_hook = None

_MIXED_BACKWARD = ("Cannot use both regular backward hooks and full backward hooks on a single Module. Please use only one of them.")
_MIXED_GLOBAL_BACKWARD = ("Cannot use both regular backward hooks and full backward hooks as a global Module hook. Please use only "
                          "one of them.")


def _register(registry, hook, prepend=False, **marks):
    """Put the hook in, first or last, and under its number True into every registry of marks whose wish holds."""
    wanted = [marked for marked, wish in marks.values() if wish]
    handle = RemovableHandle(registry, extra_dict=[marked for marked, _ in marks.values()])
    registry[handle.id] = hook
    for marked in wanted:
        marked[handle.id] = True
    if prepend:
        registry.move_to_end(handle.id, last=False)
    return handle


def register_module_buffer_registration_hook(hook):
    """`hook(module, name, buffer)` runs whenever any module takes a buffer; an answer replaces the buffer."""
    return _register(_global_buffer_registration_hooks, hook)


def register_module_module_registration_hook(hook):
    """`hook(module, name, submodule)` runs whenever any module takes a submodule; an answer replaces it."""
    return _register(_global_module_registration_hooks, hook)


def register_module_parameter_registration_hook(hook):
    """`hook(module, name, param)` runs whenever any module takes a parameter; an answer replaces it."""
    return _register(_global_parameter_registration_hooks, hook)


def register_module_forward_pre_hook(hook):
    """`hook(module, args)` runs before every module's forward; an answer replaces the arguments."""
    return _register(_global_forward_pre_hooks, hook)


def register_module_forward_hook(hook, *, with_kwargs=False, always_call=False):
    """`hook(module, args, output)` runs after every module's forward; an answer replaces the output."""
    return _register(_global_forward_hooks, hook, with_kwargs=(_global_forward_hooks_with_kwargs, with_kwargs),
                     always_call=(_global_forward_hooks_always_called, always_call))


def _set_global_backward_kind(full):
    global _global_is_full_backward_hook
    if _global_is_full_backward_hook is (not full):
        raise RuntimeError(_MIXED_GLOBAL_BACKWARD)
    _global_is_full_backward_hook = full


def register_module_backward_hook(hook):
    """The old kind, which sees the gradients of the last operation instead of the module's: prefer the full one."""
    _set_global_backward_kind(False)
    return _register(_global_backward_hooks, hook)


def register_module_full_backward_pre_hook(hook):
    """`hook(module, grad_output)` runs before every module's backward; an answer replaces the gradients."""
    return _register(_global_backward_pre_hooks, hook)


def register_module_full_backward_hook(hook):
    """`hook(module, grad_input, grad_output)` runs after every module's backward; an answer replaces `grad_input`."""
    _set_global_backward_kind(True)
    return _register(_global_backward_hooks, hook)


def _has_any_global_hook():
    return bool(_global_backward_pre_hooks or _global_backward_hooks or _global_forward_pre_hooks or _global_forward_hooks
                or _global_forward_hooks_always_called or _global_forward_hooks_with_kwargs)


class _WrappedHook:
    """A hook that is given its module, which is held weakly, as first argument."""

    def __init__(self, hook, module=None):
        self.hook = hook
        functools.update_wrapper(self, hook)
        self.with_module = module is not None
        if module is not None:
            self.module = weakref.ref(module)

    def __call__(self, *args, **kwargs):
        if not self.with_module:
            return self.hook(*args, **kwargs)
        module = self.module()
        if module is None:
            raise RuntimeError("You are trying to call the hook of a dead Module!")
        return self.hook(module, *args, **kwargs)

    def __getstate__(self):
        state = {"hook": self.hook, "with_module": self.with_module}
        if self.with_module:
            state["module"] = self.module()
        return state

    def __setstate__(self, state):
        self.hook = state["hook"]
        self.with_module = state["with_module"]
        if self.with_module:
            if state["module"] is None:
                raise RuntimeError("You are trying to revive the hook of a dead Module!")
            self.module = weakref.ref(state["module"])


class ModuleHooks:
    """The part of Module that knows about hooks."""

    def register_forward_pre_hook(self, hook, *, prepend=False, with_kwargs=False):
        """`hook(module, args)` (or `(module, args, kwargs)`) runs before forward and may answer with new arguments."""
        return _register(self._forward_pre_hooks, hook, prepend, with_kwargs=(self._forward_pre_hooks_with_kwargs, with_kwargs))

    def register_forward_hook(self, hook, *, prepend=False, with_kwargs=False, always_call=False):
        """`hook(module, args, output)` (or `(module, args, kwargs, output)`) runs after forward and may answer with a new output;
        with `always_call` also when forward raises."""
        return _register(self._forward_hooks, hook, prepend, with_kwargs=(self._forward_hooks_with_kwargs, with_kwargs),
                         always_call=(self._forward_hooks_always_called, always_call))

    def register_full_backward_pre_hook(self, hook, prepend=False):
        """`hook(module, grad_output)` runs before the module's backward and may answer with new gradients."""
        return _register(self._backward_pre_hooks, hook, prepend)

    def _set_backward_kind(self, full):
        if self._is_full_backward_hook is (not full):
            raise RuntimeError(_MIXED_BACKWARD)
        self._is_full_backward_hook = full

    def register_backward_hook(self, hook):
        """The old kind, which sees the gradients of the last operation instead of the module's: prefer the full one."""
        self._set_backward_kind(False)
        return _register(self._backward_hooks, hook)

    def register_full_backward_hook(self, hook, prepend=False):
        """`hook(module, grad_input, grad_output)` runs after the module's backward and may answer with a new `grad_input`."""
        self._set_backward_kind(True)
        return _register(self._backward_hooks, hook, prepend)

    def _get_backward_hooks(self):
        """The full hooks and the old ones that apply to this module, global ones first."""
        full, old = [], []
        (full if _global_is_full_backward_hook else old).extend(_global_backward_hooks.values())
        (full if self._is_full_backward_hook else old).extend(self._backward_hooks.values())
        return full, old

    def _get_backward_pre_hooks(self):
        return [*_global_backward_pre_hooks.values(), *self._backward_pre_hooks.values()]

    def _maybe_warn_non_full_backward_hook(self, inputs, result, grad_fn):
        """An old backward hook sees one node; say so where the module is more than one node."""
        def say(problem):
            warnings.warn("Using a non-full backward hook when " + problem + " Please use register_full_backward_hook to get "
                          "the documented behavior.", FutureWarning, stacklevel=4)

        def many(values):
            return not isinstance(values, rl.Tensor) and not (isinstance(values, tuple)
                                                              and all(isinstance(v, rl.Tensor) for v in values))

        if many(result):
            return say("the forward's output is neither a Tensor nor a tuple of Tensors is deprecated: its grad_output is incomplete.")
        if many(inputs):
            return say("the forward's inputs are not only Tensors is deprecated: its grad_input is incomplete.")
        if len({r.grad_fn for r in ((result,) if isinstance(result, rl.Tensor) else result)} | {grad_fn}) > 1:
            return say("outputs are generated by different autograd Nodes is deprecated: it sees the gradients of one of them.")
        needed = {i.grad_fn for i in ((inputs,) if isinstance(inputs, rl.Tensor) else inputs)} - {None}
        reached = {node for node, _ in grad_fn.next_functions} - {None}
        if needed and not needed & reached:
            say("the forward contains multiple autograd Nodes is deprecated: its grad_input is of the last one.")

    def _run_forward_pre_hooks(self, args, kwargs):
        for number, hook in (*_global_forward_pre_hooks.items(), *self._forward_pre_hooks.items()):
            if number in self._forward_pre_hooks_with_kwargs:
                answer = hook(self, args, kwargs)
                if answer is None:
                    continue
                if not (isinstance(answer, tuple) and len(answer) == 2):
                    raise RuntimeError(f"forward pre-hook must return None or a tuple of (new_args, new_kwargs), but got {answer}.")
                args, kwargs = answer
            else:
                answer = hook(self, args)
                if answer is not None:
                    args = answer if isinstance(answer, tuple) else (answer,)
        return args, kwargs

    def _run_forward_hook(self, number, hook, args, kwargs, result):
        if number in self._forward_hooks_with_kwargs or number in _global_forward_hooks_with_kwargs:
            answer = hook(self, args, kwargs, result)
        else:
            answer = hook(self, args, result)
        return result if answer is None else answer

    def _attach_old_backward_hooks(self, hooks, args, result):
        """An old backward hook hangs on the node of the first tensor found in the result."""
        found = result
        while not isinstance(found, rl.Tensor):
            found = next(v for v in found.values() if isinstance(v, rl.Tensor)) if isinstance(found, dict) else found[0]
        if found.grad_fn is not None:
            for hook in hooks:
                found.grad_fn.register_hook(_WrappedHook(hook, self))
            self._maybe_warn_non_full_backward_hook(args, result, found.grad_fn)

    def _run_always_called(self, done, args, kwargs):
        """Forward raised: the hooks that asked to run even so get their turn, and what they raise is only told."""
        result = None
        for always, registry, kind in ((_global_forward_hooks_always_called, _global_forward_hooks, "global module"),
                                       (self._forward_hooks_always_called, self._forward_hooks, "module")):
            for number, hook in list(registry.items()):
                if number not in always or number in done:
                    continue
                try:
                    result = self._run_forward_hook(number, hook, args, kwargs, result)
                except Exception as error:
                    warnings.warn(f"{kind} forward hook with ``always_call=True`` raised an exception that was silenced as another "
                                  f"error was raised in forward: {error}", stacklevel=3)

    def _call_impl(self, *args, **kwargs):
        """The whole call: pre-hooks, forward, hooks, with the backward hooks' nodes laid around it."""
        done = set()
        try:
            args, kwargs = self._run_forward_pre_hooks(args, kwargs)
            full, old = self._get_backward_hooks()
            before = self._get_backward_pre_hooks()
            around = BackwardHook(self, full, before) if full or before else None
            if around is not None:
                args = around.setup_input_hook(args)
            result = self.forward(*args, **kwargs)
            for number, hook in (*_global_forward_hooks.items(), *self._forward_hooks.items()):
                done.add(number)
                result = self._run_forward_hook(number, hook, args, kwargs, result)
            if around is not None:
                if not isinstance(result, (rl.Tensor, tuple)):
                    warnings.warn("For backward hooks to be called, module output should be a Tensor or a tuple of Tensors but "
                                  f"received {type(result)}", stacklevel=2)
                result = around.setup_output_hook(result)
            if old:
                self._attach_old_backward_hooks(old, args, result)
            return result
        except Exception:
            self._run_always_called(done, args, kwargs)
            raise

    _wrapped_call_impl = _call_impl
