"""Handles that remove hooks, and the decorator that forbids one hook beside another."""

import itertools
import weakref
from collections import OrderedDict

__all__ = ["RemovableHandle", "unserializable_hook", "warn_if_has_hooks"]

_ids = itertools.count()


class RemovableHandle:
    """Removes a hook from the table that holds it: handle.remove(), or `with handle:`.

    The table is held weakly, so a handle keeps no module or tensor alive. extra_dict tables lose the same id.
    """

    def __init__(self, hooks_dict, *, extra_dict=None):
        self.hooks_dict_ref = weakref.ref(hooks_dict)
        self.id = next(_ids)
        extra = () if extra_dict is None else (extra_dict,) if isinstance(extra_dict, dict) else tuple(extra_dict)
        self.extra_dict_ref = tuple(weakref.ref(table) for table in extra)

    def remove(self):
        """Remove the hook; a second call, or one after its owner died, does nothing."""
        for ref in (self.hooks_dict_ref, *self.extra_dict_ref):
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
    import warnings
    for hook in (getattr(tensor, "_backward_hooks", None) or {}).values():
        if not hasattr(hook, "__torch_unserializable__"):
            warnings.warn(f"backward hook {hook!r} on tensor will not be serialized.  If this is expected, you can decorate the "
                          "function with @torch.utils.hooks.unserializable_hook to suppress this warning", stacklevel=3)
