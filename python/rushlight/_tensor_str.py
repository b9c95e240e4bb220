"""Printing under the name of torch's private module."""

from ._printing import _hang, _values, set_printoptions, tensor_repr
from ._printing import _options as PRINT_OPTS  # noqa: F401

__all__ = ["set_printoptions"]

_tensor_str = _values


def _add_suffixes(tensor_str, suffixes, indent, force_newline=False):
    return _hang(tensor_str, suffixes, indent)


def _str(self, *, tensor_contents=None):
    return tensor_repr(self)


_str_intern = _str
