"""Making a module without drawing its initial values."""

import inspect

import rushlight as rl

__all__ = ["skip_init"]


def skip_init(module_cls, *args, **kwargs):
    """The module with unset parameters: for those that a checkpoint will fill."""
    if not issubclass(module_cls, rl.nn.Module):
        raise RuntimeError(f"Expected a Module; got {module_cls}")
    if "device" not in inspect.signature(module_cls).parameters:
        raise RuntimeError("Module must support a 'device' arg to skip initialization")
    device = kwargs.pop("device", "cpu")
    # The values the constructor draws are thrown away, and so are its draws.
    state = rl.get_rng_state()
    module = module_cls(*args, **kwargs)
    rl.set_rng_state(state)
    return module.to_empty(device=device)
