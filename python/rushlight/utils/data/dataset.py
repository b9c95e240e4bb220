"""What a data set is: something indexed by sample (map-style) or walked (iterable), and the ways to combine them.

Two batched protocols stand beside `__getitem__`, both optional:

* `__getitems__(indices)` returns the list of samples; the loader prefers it and hands the list to `collate_fn`.
* `_gather(indices)` returns the finished batch, equal to what the default collate function would make of the
  samples, or None when it cannot. The loader asks only if its collate function is the default one. A subclass that
  overrides `__getitem__` loses the inherited `_gather` (see `gathers`), so the shortcut never hides user code.
"""

import bisect
import itertools
import math
import warnings
from typing import Generic, TypeVar

import rushlight as rl

__all__ = ["Dataset", "IterableDataset", "TensorDataset", "StackDataset", "ConcatDataset", "ChainDataset",
           "Subset", "random_split"]

_T_co = TypeVar("_T_co", covariant=True)


class Dataset(Generic[_T_co]):
    """A map from keys to samples. Subclasses write `__getitem__`, and `__len__` where the size is known."""

    def __getitem__(self, index):
        raise NotImplementedError("Subclasses of Dataset should implement __getitem__.")

    def __add__(self, other):
        return ConcatDataset([self, other])


class IterableDataset(Dataset[_T_co]):
    """A stream of samples. Subclasses write `__iter__`; in a worker process `get_worker_info()` tells which share to yield."""

    def __add__(self, other):
        return ChainDataset([self, other])


def gathers(dataset):
    """The data set's `_gather`, or None when `__getitem__` was overridden below the class that wrote `_gather`."""
    for cls in type(dataset).__mro__:
        if "_gather" in cls.__dict__:
            return dataset._gather
        if "__getitem__" in cls.__dict__ or "__getitems__" in cls.__dict__:
            return None
    return None


class TensorDataset(Dataset):
    """Samples are the rows of one or more tensors of equal first dimension."""

    def __init__(self, *tensors):
        if any(tensors[0].size(0) != tensor.size(0) for tensor in tensors):
            raise AssertionError("Size mismatch between tensors: first dimensions are "
                                 + ", ".join(str(tensor.size(0)) for tensor in tensors))
        self.tensors = tensors

    def __getitem__(self, index):
        return tuple(tensor[index] for tensor in self.tensors)

    def __len__(self):
        return self.tensors[0].size(0)

    def _gather(self, indices):
        rows = rl.tensor(indices, dtype=rl.int64)
        return [tensor[rows] for tensor in self.tensors]


class StackDataset(Dataset):
    """Several data sets of one length side by side: samples are tuples (positional) or dicts (by keyword)."""

    def __init__(self, *args, **kwargs):
        if args and kwargs:
            raise ValueError("Supported either ``tuple``- (via ``args``) or ``dict``- (via ``kwargs``) like "
                             "input/output, but both types are given.")
        if not args and not kwargs:
            raise ValueError("At least one dataset should be passed")
        self.datasets = args or kwargs
        parts = list(args or kwargs.values())
        self._length = len(parts[0])
        if any(len(part) != self._length for part in parts):
            raise ValueError(f"Size mismatch between datasets: lengths are {[len(part) for part in parts]}")

    def __getitem__(self, index):
        if isinstance(self.datasets, dict):
            return {key: part[index] for key, part in self.datasets.items()}
        return tuple(part[index] for part in self.datasets)

    def __getitems__(self, indices):
        if isinstance(self.datasets, dict):
            columns = [_items(part, indices) for part in self.datasets.values()]
            return [dict(zip(self.datasets, row)) for row in zip(*columns)]
        return list(zip(*(_items(part, indices) for part in self.datasets)))

    def _gather(self, indices):
        parts = self.datasets.values() if isinstance(self.datasets, dict) else self.datasets
        columns = []
        for part in parts:
            gather = gathers(part)
            column = gather(indices) if gather else None
            if column is None:
                return None
            columns.append(column)
        return dict(zip(self.datasets, columns)) if isinstance(self.datasets, dict) else columns

    def __len__(self):
        return self._length


def _items(dataset, indices):
    """Samples of one part, through its batched protocol where it has one."""
    if callable(getattr(dataset, "__getitems__", None)):
        items = dataset.__getitems__(indices)
        if len(items) != len(indices):
            raise ValueError(f"Nested dataset's output size mismatch. Expected {len(indices)}, got {len(items)}")
        return items
    return [dataset[index] for index in indices]


class ConcatDataset(Dataset[_T_co]):
    """Map-style data sets one after the other."""

    @staticmethod
    def cumsum(sequence):
        return list(itertools.accumulate(len(part) for part in sequence))

    def __init__(self, datasets):
        self.datasets = list(datasets)
        if not self.datasets:
            raise AssertionError("datasets should not be an empty iterable")
        if any(isinstance(part, IterableDataset) for part in self.datasets):
            raise AssertionError("ConcatDataset does not support IterableDataset; use ChainDataset")
        self.cumulative_sizes = self.cumsum(self.datasets)

    def __len__(self):
        return self.cumulative_sizes[-1]

    def _locate(self, index):
        """(which part, index inside it)."""
        if index < 0:
            if -index > len(self):
                raise ValueError("absolute value of index should not exceed dataset length: "
                                 f"index {index}, length {len(self)}")
            index += len(self)
        part = bisect.bisect_right(self.cumulative_sizes, index)
        return part, index - (self.cumulative_sizes[part - 1] if part else 0)

    def __getitem__(self, idx):
        part, index = self._locate(idx)
        return self.datasets[part][index]

    @property
    def cummulative_sizes(self):
        warnings.warn("cummulative_sizes attribute is renamed to cumulative_sizes", DeprecationWarning, stacklevel=2)
        return self.cumulative_sizes


class ChainDataset(IterableDataset):
    """Iterable data sets one after the other, opened as they are reached."""

    def __init__(self, datasets):
        super().__init__()
        self.datasets = datasets

    def _parts(self):
        for part in self.datasets:
            if not isinstance(part, IterableDataset):
                raise AssertionError(f"ChainDataset only supports IterableDataset, found {type(part).__name__}")
            yield part

    def __iter__(self):
        for part in self._parts():
            yield from part

    def __len__(self):
        return sum(len(part) for part in self._parts())


class Subset(Dataset[_T_co]):
    """The samples of a data set at chosen indices."""

    def __init__(self, dataset, indices):
        self.dataset = dataset
        self.indices = indices
        cls = type(self)
        if cls.__getitem__ is not Subset.__getitem__ and cls.__getitems__ is Subset.__getitems__:
            raise NotImplementedError(
                f"{cls.__name__} overrides __getitem__ but not __getitems__, so a DataLoader would go around it. "
                "Write both; the plain one is:\n\n"
                "def __getitems__(self, indices):\n    return [self[index] for index in indices]")

    def __getitem__(self, idx):
        if isinstance(idx, list):
            return self.dataset[[self.indices[i] for i in idx]]
        return self.dataset[self.indices[idx]]

    def __getitems__(self, indices):
        chosen = [self.indices[i] for i in indices]
        if callable(getattr(self.dataset, "__getitems__", None)):
            return self.dataset.__getitems__(chosen)
        return [self.dataset[i] for i in chosen]

    def _gather(self, indices):
        gather = gathers(self.dataset)
        return gather([self.indices[i] for i in indices]) if gather else None

    def __len__(self):
        return len(self.indices)


def random_split(dataset, lengths, generator=rl.default_generator):
    """Cut a data set into random parts of the given lengths, or fractions that sum to one.

    Fractions are floored and the samples left over are dealt out one each from the first part on.
    """
    if math.isclose(sum(lengths), 1) and sum(lengths) <= 1:
        lengths = _lengths_of_fractions(len(dataset), lengths)
    if sum(lengths) != len(dataset):
        raise ValueError("Sum of input lengths does not equal the length of the input dataset! "
                         f"{' + '.join(map(str, lengths))} = {sum(lengths)}, but the dataset has {len(dataset)} samples")
    order = rl.randperm(sum(lengths), generator=generator).tolist()
    ends = itertools.accumulate(lengths)
    return [Subset(dataset, order[end - length:end]) for end, length in zip(ends, lengths)]


def _lengths_of_fractions(total, fractions):
    for i, fraction in enumerate(fractions):
        if fraction < 0 or fraction > 1:
            raise ValueError(f"Fraction at index {i} is not between 0 and 1: {fraction}")
    lengths = [math.floor(total * fraction) for fraction in fractions]
    for i in range(total - sum(lengths)):
        lengths[i % len(lengths)] += 1
    for i, length in enumerate(lengths):
        if length == 0:
            warnings.warn(f"Length of split at index {i} is 0. This might result in an empty dataset.", stacklevel=3)
    return lengths
