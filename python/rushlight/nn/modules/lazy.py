"""Lazy layers: modules whose parameters get their shapes from the first input.

A lazy layer holds UninitializedParameters. A forward pre-hook calls `initialize_parameters(input)`, which gives them
their shapes and draws their values; a forward hook then takes the hooks away and turns the object into its plain
class (`cls_to_become`). A state dict may come first: then its shapes are taken.
"""

import itertools

import rushlight as rl

from ..parameter import is_lazy

__all__ = ["LazyModuleMixin"]


class LazyModuleMixin:
    """Mixed in before a Module class; the subclass gives `cls_to_become` and `initialize_parameters`."""

    cls_to_become = None

    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs)
        self._load_hook = self._register_load_state_dict_pre_hook(self._lazy_load_hook)
        self._initialize_hook = self.register_forward_pre_hook(self._infer_parameters, with_kwargs=True)

    def _save_to_state_dict(self, destination, prefix, keep_vars):
        """Uninitialized tensors are saved as they are: they have no data to detach."""
        tensors = itertools.chain(
            self._parameters.items(),
            ((n, b) for n, b in self._buffers.items() if n not in self._non_persistent_buffers_set))
        for name, tensor in tensors:
            if tensor is not None:
                keep = keep_vars or is_lazy(tensor)
                destination[prefix + name] = tensor if keep else tensor.detach()

    def _lazy_load_hook(self, state_dict, prefix, local_metadata, strict, missing_keys, unexpected_keys, error_msgs):
        """Before loading: a saved tensor with a shape gives its shape to the uninitialized one."""
        for name, tensor in itertools.chain(self._parameters.items(), self._buffers.items()):
            saved = state_dict.get(prefix + name)
            if saved is None or tensor is None or not is_lazy(tensor) or is_lazy(saved):
                continue
            with rl.no_grad():
                tensor.materialize(saved.shape)

    def initialize_parameters(self, *args, **kwargs):
        """Gives every uninitialized parameter the shape that this input asks for."""
        raise NotImplementedError(f"initialize_parameters is not implemented for {type(self).__name__}")

    def has_uninitialized_params(self):
        """Whether any parameter or buffer of this very module still has no shape."""
        return any(is_lazy(t) for t in itertools.chain(self._parameters.values(), self._buffers.values()))

    def _infer_parameters(self, module, args, kwargs=None):
        """The forward pre-hook: fixes shapes, then leaves no trace of laziness behind."""
        module.initialize_parameters(*args, **(kwargs or {}))
        if module.has_uninitialized_params():
            raise RuntimeError(f"module {self._get_name()} has not been fully initialized")
        module._initialize_hook.remove()
        module._load_hook.remove()
        delattr(module, "_initialize_hook")
        delattr(module, "_load_hook")
        if module.cls_to_become is not None:
            module.__class__ = module.cls_to_become

    def _replicate_for_data_parallel(self):
        raise RuntimeError("Modules with uninitialized parameters can't be used with `DataParallel`. "
                           "Run a dummy forward pass to correctly initialize the modules")
