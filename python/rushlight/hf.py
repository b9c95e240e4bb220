"""What a Hugging Face model returns, without Hugging Face.

A `ModelOutput` is an ordered dict that is also read by attribute and by position. Fields that are None are not in
it: `"loss" in output` says whether there is a loss, and `output[0]` is the first field that is there. Declare one
as a dataclass, as in transformers, or make one on the spot:

>>> ModelOutput(loss=None, logits=3)[0]
3
"""

import collections
import dataclasses

import rushlight as rl

__all__ = ["ModelOutput"]


class ModelOutput(collections.OrderedDict):
    """An ordered dict with attribute and integer access that hides None.

    >>> @dataclasses.dataclass
    ... class Classified(ModelOutput):
    ...     loss: object = None
    ...     logits: object = None
    >>> out = Classified(logits=7)
    >>> out.loss is None, "loss" in out, out["logits"], out[0], out.to_tuple()
    (True, False, 7, 7, (7,))
    """

    _complete = False

    def __init__(self, *args, **kwargs):
        """Fields of an output that was not declared as a dataclass; a dataclass writes its own."""
        super().__init__()
        for name, value in dict(*args, **kwargs).items():
            self._set(name, value)

    def __post_init__(self):
        fields = dataclasses.fields(self)
        if not fields:
            raise ValueError(f"{type(self).__name__} has no fields.")
        if any(field.default is not None for field in fields[1:]):
            raise ValueError(f"{type(self).__name__} should not have more than one required field.")
        values = [(field.name, getattr(self, field.name)) for field in fields]
        first = values[0][1]
        pairs = self._pairs_in(first) if all(value is None for _, value in values[1:]) else None
        for name, value in values if pairs is None else pairs:
            self._set(name, value)
        object.__setattr__(self, "_complete", True)

    def _pairs_in(self, first):
        """(name, value) pairs when the one value given is a dict or a list of pairs that stands for all fields."""
        if first is None or isinstance(first, rl.Tensor):
            return None
        if isinstance(first, dict):
            pairs = list(first.items())
        elif isinstance(first, (list, tuple)) and first and all(
                isinstance(pair, (list, tuple)) and len(pair) == 2 and isinstance(pair[0], str) for pair in first):
            pairs = list(first)
        else:
            return None
        object.__setattr__(self, dataclasses.fields(self)[0].name, None)
        return pairs

    def _set(self, name, value):
        object.__setattr__(self, name, value)
        if value is not None:
            super().__setitem__(name, value)
        elif name in self:
            super().__delitem__(name)

    def __getitem__(self, key):
        if isinstance(key, str):
            return super().__getitem__(key)
        return self.to_tuple()[key]

    def __setitem__(self, key, value):
        self._set(key, value)

    def __setattr__(self, name, value):
        if dataclasses.is_dataclass(self) and not self._complete:
            object.__setattr__(self, name, value)  # the dataclass is still being filled in
        else:
            self._set(name, value)

    def to_tuple(self):
        """The values that are there, in order."""
        return tuple(self.values())

    def _refuse(self, method):
        raise Exception(f"You cannot use ``{method}`` on a {type(self).__name__} instance.")

    def __delitem__(self, *args, **kwargs):
        self._refuse("__delitem__")

    def setdefault(self, *args, **kwargs):
        self._refuse("setdefault")

    def pop(self, *args, **kwargs):
        self._refuse("pop")

    def popitem(self, *args, **kwargs):
        self._refuse("popitem")

    def update(self, *args, **kwargs):
        self._refuse("update")

    def __eq__(self, other):
        return dict.__eq__(self, other)

    __hash__ = None

    def __repr__(self):
        fields = ", ".join(f"{name}={value!r}" for name, value in self.items())
        return f"{type(self).__name__}({fields})"

    def copy(self):
        """A shallow copy of the same class."""
        return _rebuild(type(self), self._all_fields())

    __copy__ = copy

    def _all_fields(self):
        """What is there, in order, then what is hidden."""
        hidden = {name: value for name, value in vars(self).items() if name != "_complete" and name not in self}
        return {**self, **hidden}

    def __reduce__(self):
        return _rebuild, (type(self), self._all_fields())


def _rebuild(cls, fields):
    output = cls.__new__(cls)
    collections.OrderedDict.__init__(output)
    for name, value in fields.items():
        output._set(name, value)
    object.__setattr__(output, "_complete", True)
    return output
