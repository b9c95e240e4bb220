"""Which modules are running: in forward those whose call is open, in backward those whose gradients are being computed."""

import rushlight as rl
from rushlight.autograd.graph import register_multi_grad_hook
from rushlight.nn.modules.module import register_module_forward_hook, register_module_forward_pre_hook

__all__ = ["ModuleTracker"]


class ModuleTracker:
    """A block in which `parents` is the set of the names of the modules that run, "Global" always among them; `is_bw` tells backward.

    A module's name is its path below the module that was called first, which goes by the name of its class.
    """

    def __init__(self):
        self.parents = {"Global"}
        self._names = {}
        self._hooks = []

    @property
    def is_bw(self):
        """Whether a backward is running."""
        return rl._C._current_run_id() >= 0

    def _name(self, module):
        if module not in self._names:
            self._names[module] = type(module).__name__
            for name, child in module.named_children():
                self._enter_names(child, f"{self._names[module]}.{name}")
        return self._names[module]

    def _enter_names(self, module, name):
        if module not in self._names:
            self._names[module] = name
            for each, child in module.named_children():
                self._enter_names(child, f"{name}.{each}")

    def _when_done(self, tensors, act):
        tensors = [x for x in rl.utils._pytree.tree_leaves(tensors) if isinstance(x, rl.Tensor) and x.requires_grad]
        if tensors and rl.is_grad_enabled():
            register_multi_grad_hook(tensors, lambda grads: act())

    def _before(self, module, args):
        name = self._name(module)
        self.parents.add(name)
        self._when_done(args, lambda: self.parents.discard(name))

    def _after(self, module, args, output):
        name = self._name(module)
        self.parents.discard(name)

        def enter():
            if not self._watched:
                self._watched = True
                rl._C._queue_callback(self._backward_is_done)
            self.parents.add(name)

        self._when_done(output, enter)

    def _backward_is_done(self):
        self._watched = False
        self.parents = {"Global"}

    def __enter__(self):
        self._watched = False
        self._hooks = [register_module_forward_pre_hook(self._before), register_module_forward_hook(self._after, always_call=True)]
        return self

    def __exit__(self, *args):
        for hook in self._hooks:
            hook.remove()
        self._names.clear()
