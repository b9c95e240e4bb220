"""How a list of samples becomes a batch.

The first sample alone decides: tensors are stacked, numbers become a tensor, containers are rebuilt with each field
collated. `default_collate_fn_map` is open to users: a type (or a tuple of types) maps to a function of
`(batch, *, collate_fn_map)`; an exact type is looked up first, then subclasses in insertion order.
"""

import collections.abc
import copy
import re

import numpy as np

import rushlight as rl

__all__ = ["collate", "default_collate", "default_convert", "default_collate_fn_map"]

UNKNOWN = "default_collate: batch must contain tensors, numpy arrays, numbers, dicts or lists; found {}"


np_str_obj_array_pattern = re.compile(r"[SaUO]")        # dtypes of arrays that do not become tensors
default_collate_err_msg_format = UNKNOWN


def _is_text_array(array):
    return array.dtype.kind in "SUOaV"


def default_convert(data):
    """NumPy arrays anywhere inside `data` become tensors; everything else stays as it is."""
    kind = type(data)
    if isinstance(data, rl.Tensor):
        return data
    if isinstance(data, (np.ndarray, np.generic)):
        return data if _is_text_array(data) else rl.as_tensor(data)
    if isinstance(data, collections.abc.Mapping):
        return _rebuilt_mapping(data, {key: default_convert(data[key]) for key in data})
    if isinstance(data, tuple) and hasattr(data, "_fields"):
        return kind(*map(default_convert, data))
    if isinstance(data, tuple):
        return list(map(default_convert, data))
    if isinstance(data, collections.abc.Sequence) and not isinstance(data, (str, bytes)):
        return _rebuilt_sequence(data, list(map(default_convert, data)))
    return data


def _rebuilt_mapping(like, values):
    """A mapping of `like`'s own class (and extra attributes) that holds `values`; a dict when the class resists."""
    try:
        if isinstance(like, collections.abc.MutableMapping):
            clone = copy.copy(like)
            for key, value in values.items():
                clone[key] = value
            return clone
        return type(like)(values)
    except TypeError:
        return values


def _rebuilt_sequence(like, values):
    """A sequence of `like`'s own class (and extra attributes) that holds `values`; a list when the class resists."""
    if type(like) is list:
        return values
    try:
        if isinstance(like, collections.abc.MutableSequence):
            clone = copy.copy(like)
            for i, value in enumerate(values):
                clone[i] = value
            return clone
        return type(like)(values)
    except TypeError:
        return values


def collate(batch, *, collate_fn_map=None):
    """Collate with an open registry; `default_collate` is this with `default_collate_fn_map`."""
    first = batch[0]
    kind = type(first)
    if collate_fn_map is not None:
        function = collate_fn_map.get(kind)
        if function is None:
            function = next((f for key, f in collate_fn_map.items() if isinstance(first, key)), None)
        if function is not None:
            return function(batch, collate_fn_map=collate_fn_map)
    if isinstance(first, collections.abc.Mapping):
        return _rebuilt_mapping(first, {key: collate([sample[key] for sample in batch], collate_fn_map=collate_fn_map)
                                        for key in first})
    if isinstance(first, tuple) and hasattr(first, "_fields"):
        return kind(*(collate(column, collate_fn_map=collate_fn_map) for column in zip(*batch)))
    if isinstance(first, collections.abc.Sequence):
        return _collate_sequence(batch, collate_fn_map)
    raise TypeError(UNKNOWN.format(kind))


def _collate_sequence(batch, collate_fn_map):
    first = batch[0]
    lengths = list(map(len, batch))
    if lengths.count(lengths[0]) != len(lengths):
        i = next(i for i, length in enumerate(lengths) if length != lengths[0])
        raise RuntimeError("each element in list of batch should be of equal size: "
                           f"sample {i} has {lengths[i]} fields, sample 0 has {lengths[0]}")
    columns = [collate(column, collate_fn_map=collate_fn_map) for column in zip(*batch)]
    # A tuple comes back as a list: scripts written against torch rely on it.
    return columns if isinstance(first, tuple) else _rebuilt_sequence(first, columns)


def collate_tensor_fn(batch, *, collate_fn_map=None):
    try:
        return rl.stack(tuple(batch), 0)
    except RuntimeError as error:
        shape = batch[0].shape
        for i, sample in enumerate(batch):
            if sample.shape != shape:
                raise RuntimeError("stack expects each tensor to be equal size, but got "
                                   f"{list(shape)} at entry 0 and {list(sample.shape)} at entry {i} of the batch. Pad or "
                                   "crop in the data set's __getitem__, or give the DataLoader a collate_fn") from error
        raise


def collate_numpy_array_fn(batch, *, collate_fn_map=None):
    if _is_text_array(batch[0]):
        raise TypeError(UNKNOWN.format(batch[0].dtype))
    return collate([rl.as_tensor(sample) for sample in batch], collate_fn_map=collate_fn_map)


def collate_numpy_scalar_fn(batch, *, collate_fn_map=None):
    return rl.as_tensor(np.asarray(batch, dtype=batch[0].dtype))


def collate_float_fn(batch, *, collate_fn_map=None):
    return rl.tensor(batch, dtype=rl.float64)


def collate_int_fn(batch, *, collate_fn_map=None):
    return rl.tensor(batch)


def collate_str_fn(batch, *, collate_fn_map=None):
    return batch


default_collate_fn_map = {
    rl.Tensor: collate_tensor_fn,
    np.ndarray: collate_numpy_array_fn,
    (np.bool_, np.number, np.object_): collate_numpy_scalar_fn,
    float: collate_float_fn,
    int: collate_int_fn,
    str: collate_str_fn,
    bytes: collate_str_fn,
}


def default_collate(batch):
    """A batch from a list of samples, by the type of the first one.

    >>> default_collate([(rl.zeros(3), 0), (rl.zeros(3), 1)])[1]
    tensor([0, 1])
    """
    return collate(batch, collate_fn_map=default_collate_fn_map)
