"""Small helpers on sizes that the layers share: one number or a tuple of n, reversed padding lists, key prefixes."""

from .._sizes import _list_with_default, _ntuple, _pair, _quadruple, _single, _triple

__all__ = ["consume_prefix_in_state_dict_if_present"]


def _reverse_repeat_tuple(t, n):
    """(a, b) with n = 2 becomes (b, b, a, a): per-dimension padding in the order that F.pad wants."""
    return tuple(x for x in reversed(t) for _ in range(n))


def consume_prefix_in_state_dict_if_present(state_dict, prefix):
    """Takes prefix off the keys (and the metadata's keys) of state_dict, in place; the order of keys stays."""
    for key in list(state_dict.keys()):
        if key.startswith(prefix):
            state_dict[key[len(prefix):]] = state_dict.pop(key)
    metadata = getattr(state_dict, "_metadata", None)
    if metadata is None:
        return
    for key in list(metadata.keys()):
        if len(key) == 0:
            continue
        if key == prefix.replace(".", "") or key.startswith(prefix):
            metadata[key[len(prefix):]] = metadata.pop(key)
