"""Tools beside the tensors, under torch.utils' names. Submodules load when they are first asked for."""

import importlib

_SUBMODULES = frozenset(("benchmark", "checkpoint", "data", "flop_counter", "dlpack", "hooks", "model_zoo", "tensorboard", "_foreach_utils", "_pytree"))


def __getattr__(name):
    if name in _SUBMODULES:
        return importlib.import_module(f"{__name__}.{name}")
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}; it has {', '.join(sorted(_SUBMODULES))}")


def __dir__():
    return sorted({*globals(), *_SUBMODULES})
