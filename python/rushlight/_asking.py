"""Which functions written in Python ask their arguments for __torch_function__: the public ones of the modules that end with ask_first.

Rows of the table ask by themselves. A composition that did not would hand its steps to a type that knows the composition alone, and a value
that is no tensor would fail inside it.
"""

import types

from . import _C


def ask_first(space):
    """Put functions that ask in the place of those that a module defines under public names; space is its globals()."""
    for name, value in list(space.items()):
        if type(value) is types.FunctionType and not name.startswith("_") and value.__module__ == space["__name__"]:
            space[name] = _C._asking(value)
