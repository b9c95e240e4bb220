"""A module's state as a flat dictionary of tensors: writing one, loading one, and telling everything that does not fit.

Keys are the attribute path joined by dots. Each module writes and reads its own parameters and persistent buffers
(`_save_to_state_dict`, `_load_from_state_dict`: a subclass may override them); walking the children is done here.
"""

import itertools
import warnings
from collections import OrderedDict, namedtuple
from collections.abc import Mapping

import rushlight as rl
from rushlight import __future__ as _future
from rushlight.nn.modules._hooks import _register, _WrappedHook
from rushlight.nn.parameter import Parameter, is_lazy
from rushlight.utils import swap_tensors

_EXTRA_STATE_KEY_SUFFIX = "_extra_state"


class _IncompatibleKeys(namedtuple("IncompatibleKeys", ["missing_keys", "unexpected_keys"])):
    __slots__ = ()

    def __repr__(self):
        if not self.missing_keys and not self.unexpected_keys:
            return "<All keys matched successfully>"
        return super().__repr__()

    __str__ = __repr__


def _quoted(keys):
    return ", ".join(f'"{k}"' for k in keys)


def _swap_in(current, given, assign):
    """What the tensor says should come of it when it loads the given one, in its place."""
    loaded = current.module_load(given, assign=assign)
    if loaded is current or loaded is given:
        raise RuntimeError("module_load returned one of self or other, please .detach() the result if returning one of the inputs in module_load")
    if isinstance(current, Parameter):
        loaded = loaded.requires_grad_(current.requires_grad) if isinstance(loaded, Parameter) else Parameter(loaded, requires_grad=current.requires_grad)
    swap_tensors(current, loaded)


def _load_tree(module, state, prefix, metadata, assign, missing, unexpected, errors):
    """Load a module, then its children; a child sees only the keys that begin with its path."""
    local_metadata = {} if metadata is None else metadata.get(prefix[:-1], {})
    if assign:
        local_metadata["assign_to_params_buffers"] = assign
    module._load_from_state_dict(state, prefix, local_metadata, True, missing, unexpected, errors)
    for name, child in module._modules.items():
        if child is not None:
            child_prefix = f"{prefix}{name}."
            child_state = {k: v for k, v in state.items() if k.startswith(child_prefix)}
            _load_tree(child, child_state, child_prefix, metadata, assign, missing, unexpected, errors)
    keys = _IncompatibleKeys(missing, unexpected)
    for hook in module._load_state_dict_post_hooks.values():
        if hook(module, keys) is not None:
            raise AssertionError("Hooks registered with ``register_load_state_dict_post_hook`` are not expected to return new "
                                 "values, if incompatible_keys need to be modified, it should be done inplace.")


class ModuleState:
    """The part of Module that knows about state_dict."""

    def get_extra_state(self):
        """Override, together with `set_extra_state`, to put more than tensors into the state_dict."""
        raise RuntimeError("Reached a code path in Module.get_extra_state() that should never be called. It is for classes that "
                           "define it.")

    def set_extra_state(self, state):
        """Receives from `load_state_dict` what `get_extra_state` gave."""
        raise RuntimeError("Reached a code path in Module.set_extra_state() that should never be called. A class that defines "
                           "get_extra_state needs set_extra_state too.")

    def _defines(self, method):
        return getattr(type(self), method) is not getattr(ModuleState, method)

    def _persistent_buffers(self):
        return {k: v for k, v in self._buffers.items() if k not in self._non_persistent_buffers_set}

    def _register_state_dict_hook(self, hook):
        """The private form: `hook(module, state_dict, prefix, local_metadata)`, whose answer replaces the dictionary."""
        if getattr(hook, "_from_public_api", False):
            raise RuntimeError("Cannot register the same function as the state dict post hook that was previously registered via "
                               "register_state_dict_post_hook")
        return _register(self._state_dict_hooks, hook)

    def register_state_dict_post_hook(self, hook):
        """`hook(module, state_dict, prefix, local_metadata)` runs after the module wrote its state; it may change the
        dictionary in place."""
        hook._from_public_api = True
        return _register(self._state_dict_hooks, hook)

    def register_state_dict_pre_hook(self, hook):
        """`hook(module, prefix, keep_vars)` runs before the module writes its state."""
        return _register(self._state_dict_pre_hooks, hook)

    def _save_to_state_dict(self, destination, prefix, keep_vars):
        """Write this module's own parameters, persistent buffers and extra state, not its children's."""
        for name, tensor in self._parameters.items():
            if tensor is not None:
                destination[prefix + name] = tensor if keep_vars else tensor.detach()
        if buffers := self._buffers:
            passing = self._non_persistent_buffers_set
            for name, tensor in buffers.items():
                if tensor is not None and name not in passing:
                    destination[prefix + name] = tensor if keep_vars else tensor.detach()
        if type(self).get_extra_state is not ModuleState.get_extra_state:
            destination[prefix + _EXTRA_STATE_KEY_SUFFIX] = self.get_extra_state()

    def state_dict(self, *args, destination=None, prefix="", keep_vars=False):
        """All parameters and persistent buffers by name, detached but sharing memory (`keep_vars`: the objects themselves)."""
        if args:
            warnings.warn("Positional args are being deprecated, use kwargs instead: state_dict(destination=, prefix=, keep_vars=).",
                          FutureWarning, stacklevel=2)
            if destination is None:
                destination = args[0]
            prefix = args[1] if len(args) > 1 and prefix == "" else prefix
            keep_vars = args[2] if len(args) > 2 and keep_vars is False else keep_vars
        if destination is None:
            destination = OrderedDict()
            destination._metadata = OrderedDict()
        local_metadata = {"version": self._version}
        if hasattr(destination, "_metadata"):
            destination._metadata[prefix[:-1]] = local_metadata
        for hook in self._state_dict_pre_hooks.values():
            hook(self, prefix, keep_vars)
        self._save_to_state_dict(destination, prefix, keep_vars)
        for name, module in self._modules.items():
            if module is not None:
                module.state_dict(destination=destination, prefix=f"{prefix}{name}.", keep_vars=keep_vars)
        for hook in self._state_dict_hooks.values():
            answer = hook(self, destination, prefix, local_metadata)
            if getattr(hook, "_from_public_api", False):
                if answer is not None:
                    raise RuntimeError("state_dict post-hook must return None")
            elif answer is not None:
                destination = answer
        return destination

    def _register_load_state_dict_pre_hook(self, hook, with_module=False):
        return _register(self._load_state_dict_pre_hooks, _WrappedHook(hook, self if with_module else None))

    def register_load_state_dict_pre_hook(self, hook):
        """`hook(module, state_dict, prefix, local_metadata, strict, missing_keys, unexpected_keys, error_msgs)` runs before the
        module reads its state; it may change all of them in place."""
        return self._register_load_state_dict_pre_hook(hook, with_module=True)

    def register_load_state_dict_post_hook(self, hook):
        """`hook(module, incompatible_keys)` runs after the module and its children read their state."""
        return _register(self._load_state_dict_post_hooks, hook)

    def _load_tensor(self, name, key, current, given, assign, error_msgs):
        """One entry into one parameter or buffer; what does not fit is told in `error_msgs` and leaves it as it was."""
        if not isinstance(given, rl.Tensor):
            error_msgs.append(f'While copying the parameter named "{key}", expected torch.Tensor or Tensor-like object from checkpoint '
                              f"but received {type(given)}")
            return
        if not is_lazy(current):
            shape = current.shape
            if not shape and len(given.shape) == 1 and given.shape[0] > 0:
                given = given[0]     # scalars were saved as one-element vectors once
            if given.shape != shape:
                error_msgs.append(f"size mismatch for {key}: copying a param with shape {given.shape} from checkpoint, the shape in "
                                  f"current model is {shape}.")
                return
        swap = _future.get_swap_module_params_on_conversion()
        try:
            with rl.no_grad():
                if swap:
                    _swap_in(current, given, assign)
                    return
                if not assign:
                    current.copy_(given)
                    return
                if isinstance(current, Parameter):
                    if isinstance(given, Parameter):
                        given.requires_grad_(current.requires_grad)
                    else:
                        given = Parameter(given, requires_grad=current.requires_grad)
                setattr(self, name, given)
        except Exception as error:
            error_msgs.append(f'While {"swapping" if swap else "copying"} the parameter named "{key}", whose dimensions in the model are {current.size()} and whose '
                              f"dimensions in the checkpoint are {given.size()}, an exception occurred : {error.args}.")

    def _load_from_state_dict(self, state_dict, prefix, local_metadata, strict, missing_keys, unexpected_keys, error_msgs):
        """Read this module's own parameters, persistent buffers and extra state; append to the three lists what is amiss."""
        for hook in self._load_state_dict_pre_hooks.values():
            hook(state_dict, prefix, local_metadata, strict, missing_keys, unexpected_keys, error_msgs)
        own = {k: v for k, v in itertools.chain(self._parameters.items(), self._persistent_buffers().items()) if v is not None}
        assign = local_metadata.get("assign_to_params_buffers", False)
        for name, current in own.items():
            key = prefix + name
            if key in state_dict:
                self._load_tensor(name, key, current, state_dict[key], assign, error_msgs)
            elif strict:
                missing_keys.append(key)
        extra_key = prefix + _EXTRA_STATE_KEY_SUFFIX
        if self._defines("set_extra_state"):
            if extra_key in state_dict:
                self.set_extra_state(state_dict[extra_key])
            elif strict:
                missing_keys.append(extra_key)
        elif strict and extra_key in state_dict:
            unexpected_keys.append(extra_key)
        if strict:
            for key in state_dict:
                if key.startswith(prefix) and key != extra_key:
                    head, *rest = key[len(prefix):].split(".", 1)
                    if head not in (self._modules if rest else own):
                        unexpected_keys.append(key)

    def load_state_dict(self, state_dict, strict=True, assign=False):
        """Copy the tensors of `state_dict` into this module's, name by name (`assign`: take the tensors themselves).

        `strict` demands that both have the same names. Returns the names that were missing and unexpected.
        """
        if not isinstance(state_dict, Mapping):
            raise TypeError(f"Expected state_dict to be dict-like, got {type(state_dict)}.")
        metadata = getattr(state_dict, "_metadata", None)
        state_dict = OrderedDict(state_dict)
        if metadata is not None:
            state_dict._metadata = metadata
        missing, unexpected, errors = [], [], []
        _load_tree(self, state_dict, "", metadata, assign, missing, unexpected, errors)
        if strict:
            if unexpected:
                errors.insert(0, f"Unexpected key(s) in state_dict: {_quoted(unexpected)}. ")
            if missing:
                errors.insert(0, f"Missing key(s) in state_dict: {_quoted(missing)}. ")
        if errors:
            raise RuntimeError("Error(s) in loading state_dict for {}:\n\t{}".format(type(self).__name__, "\n\t".join(errors)))
        return _IncompatibleKeys(missing, unexpected)
