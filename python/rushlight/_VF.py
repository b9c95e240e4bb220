"""The engine's functions under the name by which modules of torch call them: _VF.lstm(...), _VF.gru_cell(...)."""

from . import _C


def __getattr__(name):
    for space in (_C._VariableFunctions, _C._nn):
        if hasattr(space, name):
            return getattr(space, name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
