"""TorchVersion: a version as text that compares as a version."""

import re

__all__ = ["TorchVersion"]


def _key(version):
    """What orders versions: the release numbers without trailing zeros, then a pre-release before its release; local parts do not count."""
    if isinstance(version, (tuple, list)):
        version = ".".join(map(str, version))
    found = re.match(r"\s*v?(\d+(?:\.\d+)*)[.\-_]?((?:a|b|rc|alpha|beta|dev|pre)\w*)?", str(version).partition("+")[0])
    if found is None:
        raise ValueError(f"Invalid version: {version!r}")
    numbers = [int(n) for n in found[1].split(".")]
    while numbers and numbers[-1] == 0:
        numbers.pop()
    return tuple(numbers), found[2] is None, found[2] or ""


def _comparison(name):
    def compare(self, other):
        try:
            return getattr(_key(self), name)(_key(other))
        except ValueError:
            return getattr(str, name)(self, other)
    compare.__name__ = name
    return compare


class TorchVersion(str):
    """A str that compares with strings and tuples as versions do: TorchVersion("1.10.0") > "1.9"."""

    __lt__, __le__, __eq__, __ne__, __gt__, __ge__ = map(_comparison, ("__lt__", "__le__", "__eq__", "__ne__", "__gt__", "__ge__"))
    __hash__ = str.__hash__
