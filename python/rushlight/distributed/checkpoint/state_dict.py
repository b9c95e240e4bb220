"""State dicts of modules and optimizers that several processes hold: the only process holds all of them."""

import dataclasses

__all__ = ["StateDictOptions", "get_model_state_dict", "get_optimizer_state_dict", "get_state_dict", "set_model_state_dict", "set_optimizer_state_dict"]


@dataclasses.dataclass
class StateDictOptions:
    """What to gather; there is nothing to gather."""

    full_state_dict: bool = False
    cpu_offload: bool = False
    ignore_frozen_params: bool = False
    keep_submodule_prefixes: bool = True
    strict: bool = True
    broadcast_from_rank0: bool = False
    flatten_optimizer_state_dict: bool = False


def get_model_state_dict(model, *, submodules=None, options=None):
    """The module's state dict."""
    return model.state_dict()


def set_model_state_dict(model, model_state_dict, *, options=None):
    """Into the module."""
    return model.load_state_dict(model_state_dict, strict=options is None or options.strict)


def get_optimizer_state_dict(model, optimizers, *, submodules=None, options=None):
    """The optimizer's state dict."""
    return optimizers.state_dict()


def set_optimizer_state_dict(model, optimizers, optim_state_dict, *, options=None):
    """Into the optimizer."""
    optimizers.load_state_dict(optim_state_dict)


def get_state_dict(model, optimizers, *, submodules=None, options=None):
    """Both state dicts."""
    return get_model_state_dict(model), get_optimizer_state_dict(model, optimizers)
