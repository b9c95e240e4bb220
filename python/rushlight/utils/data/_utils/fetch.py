"""From indices to a batch, in whatever process it runs."""

import itertools

from ..dataset import gathers
from .collate import default_collate


class MapFetcher:
    """Reads a map-style data set: one gather for the whole batch where data set and collate function allow it."""

    def __init__(self, dataset, auto_collation, collate_fn, drop_last):
        self.dataset = dataset
        self.auto_collation = auto_collation
        self.collate_fn = collate_fn
        self.gather = gathers(dataset) if auto_collation and collate_fn is default_collate else None

    def fetch(self, index):
        if not self.auto_collation:
            return self.collate_fn(self.dataset[index])
        if self.gather is not None:
            batch = self.gather(index)
            if batch is not None:
                return batch
            self.gather = None
        if getattr(self.dataset, "__getitems__", None):
            samples = self.dataset.__getitems__(index)
        else:
            samples = [self.dataset[i] for i in index]
        return self.collate_fn(samples)


class IterableFetcher:
    """Reads a stream; StopIteration ends the worker's share."""

    def __init__(self, dataset, auto_collation, collate_fn, drop_last):
        self.stream = iter(dataset)
        self.auto_collation = auto_collation
        self.collate_fn = collate_fn
        self.drop_last = drop_last
        self.ended = False

    def fetch(self, index):
        if self.ended:
            raise StopIteration
        samples = list(itertools.islice(self.stream, len(index) if self.auto_collation else 1))
        if not self.auto_collation:
            self.ended = not samples
        else:
            self.ended = len(samples) < len(index)
        if not samples or (self.drop_last and self.ended):
            raise StopIteration
        return self.collate_fn(samples if self.auto_collation else samples[0])


def make_fetcher(loader_kind, dataset, auto_collation, collate_fn, drop_last):
    kind = IterableFetcher if loader_kind == "iterable" else MapFetcher
    return kind(dataset, auto_collation, collate_fn, drop_last)
