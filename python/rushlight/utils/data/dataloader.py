"""The loader: batches of a data set, in an order, read here or in worker processes.

DataLoader keeps the arguments and checks them; an iterator does one epoch. `iter(loader)` always draws one 63-bit
base seed, even with no shuffling and no workers, because torch does and equal seeds must mean equal orders.
"""

import dataclasses
import itertools
import math
import multiprocessing
import os
import sys
import warnings
from typing import Generic, TypeVar

import rushlight as rl

from ._utils.collate import default_collate, default_convert
from ._utils.fetch import make_fetcher
from ._utils.worker import get_worker_info
from .dataset import IterableDataset
from .sampler import BatchSampler, InfiniteConstantSampler, RandomSampler, SequentialSampler, draw_seed

__all__ = ["DataLoader", "default_collate", "default_convert", "get_worker_info"]

_T_co = TypeVar("_T_co", covariant=True)

STATE_VERSION = 1
LOCKED = frozenset(("batch_size", "batch_sampler", "sampler", "drop_last", "dataset", "persistent_workers"))


class _DatasetKind:
    """The two kinds of data set, under the name by which some libraries ask for them."""

    Map = "map"
    Iterable = "iterable"


class DataLoader(Generic[_T_co]):
    """Iterate over batches of a data set. All arguments, defaults and orders are torch's.

    `state_dict()` and `load_state_dict()` (which torch has not) save and restore the place inside an epoch, counted
    in batches handed out: after loading, the next `iter(loader)` goes on with the next batch of the same order.
    """

    _initialised = False

    def __init__(self, dataset, batch_size=1, shuffle=None, sampler=None, batch_sampler=None, num_workers=0,
                 collate_fn=None, pin_memory=False, drop_last=False, timeout=0, worker_init_fn=None,
                 multiprocessing_context=None, generator=None, *, prefetch_factor=None, persistent_workers=False,
                 pin_memory_device="", in_order=True):
        self.dataset = dataset
        self.num_workers = num_workers
        self.prefetch_factor = _checked_prefetch(num_workers, timeout, prefetch_factor, persistent_workers)
        self.pin_memory = pin_memory
        self.pin_memory_device = pin_memory_device
        self.timeout = timeout
        self.worker_init_fn = worker_init_fn
        self.multiprocessing_context = multiprocessing_context
        self.in_order = in_order
        self.generator = generator
        self.persistent_workers = persistent_workers
        self._dataset_kind = _DatasetKind.Iterable if isinstance(dataset, IterableDataset) else _DatasetKind.Map
        if self._dataset_kind == _DatasetKind.Iterable:
            _refuse_order(shuffle, sampler, batch_sampler)
        _check_batching(batch_size, shuffle, sampler, batch_sampler, drop_last)
        if batch_sampler is not None:
            batch_size, drop_last = None, False
        if sampler is None:
            sampler = self._default_sampler(shuffle)
        if batch_size is not None and batch_sampler is None:
            batch_sampler = BatchSampler(sampler, batch_size, drop_last)
        self.batch_size = batch_size
        self.drop_last = drop_last
        self.sampler = sampler
        self.batch_sampler = batch_sampler
        if collate_fn is None:
            collate_fn = default_collate if self._auto_collation else default_convert
        self.collate_fn = collate_fn
        self._iterator = None
        self._shared = Shared()
        self._initialised = True
        self.check_worker_number_rationality()

    def _default_sampler(self, shuffle):
        if self._dataset_kind == _DatasetKind.Iterable:
            return InfiniteConstantSampler()
        if shuffle:
            return RandomSampler(self.dataset, generator=self.generator)
        return SequentialSampler(self.dataset)

    def __setattr__(self, name, value):
        if self._initialised and name in LOCKED:
            raise ValueError(f"{name} attribute should not be set after {type(self).__name__} is initialized")
        super().__setattr__(name, value)

    @property
    def multiprocessing_context(self):
        return self._context

    @multiprocessing_context.setter
    def multiprocessing_context(self, context):
        self._context = None if context is None else _checked_context(context, self.num_workers)

    @property
    def _auto_collation(self):
        return self.batch_sampler is not None

    @property
    def _index_sampler(self):
        return self.batch_sampler if self._auto_collation else self.sampler

    def check_worker_number_rationality(self):
        """Warn when there are more workers than processors."""
        cpus = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
        if self.num_workers and cpus and self.num_workers > cpus:
            warnings.warn(
                f"This DataLoader will create {self.num_workers} worker processes in total. Our suggested max number "
                f"of worker in current system is {cpus}, which is smaller than what this DataLoader is going to "
                "create. Please be aware that excessive worker creation might get DataLoader running slow or even freeze, lower the worker "
                "number to avoid potential slowness/freeze if necessary.", stacklevel=3)

    def _get_iterator(self):
        if self.num_workers == 0:
            return SingleProcessIterator(self)
        from ._multiprocess import MultiProcessIterator
        return MultiProcessIterator(self)

    def __iter__(self):
        if not (self.persistent_workers and self.num_workers > 0):
            return self._get_iterator()
        if self._iterator is None or self._iterator.closed:
            self._iterator = self._get_iterator()
        else:
            self._iterator._reset(self)
        return self._iterator

    def __len__(self):
        if self._dataset_kind == _DatasetKind.Map:
            return len(self._index_sampler)
        length = self._shared.promised_length = len(self.dataset)
        if self.batch_size is None:
            return length
        return length // self.batch_size if self.drop_last else math.ceil(length / self.batch_size)

    def state_dict(self):
        """Where the current epoch stands: plain numbers, a byte tensor of generator state, and what a sampler or an
        iterable data set says about itself if it has a `state_dict` method of its own."""
        if self._shared.resume is not None:
            return dict(self._shared.resume)
        state = {"version": STATE_VERSION, "batches": 0, "finished": True, "generator": None}
        if self._shared.place is not None:
            state.update(dataclasses.asdict(self._shared.place))
        if self.generator is not None:
            state["generator"] = self.generator.get_state()
        for name in ("sampler", "batch_sampler"):
            part = getattr(self, name)
            if hasattr(part, "state_dict"):
                state[name] = part.state_dict()
        if self.num_workers == 0 and hasattr(self.dataset, "state_dict") and self._dataset_kind == _DatasetKind.Iterable:
            state["dataset"] = self.dataset.state_dict()
        return state

    def load_state_dict(self, state):
        """Go on from `state` at the next `iter(loader)`."""
        if state.get("version") != STATE_VERSION:
            raise ValueError(f"DataLoader.load_state_dict: state of version {state.get('version')!r}, "
                             f"this loader reads version {STATE_VERSION}")
        for name in ("sampler", "batch_sampler", "dataset"):
            if name in state:
                getattr(self, name).load_state_dict(state[name])
        if state["finished"]:
            if state["generator"] is not None and self.generator is not None:
                self.generator.set_state(state["generator"])
            # Workers that stay keep their base seed; an epoch of new workers draws one.
            state = state if self.persistent_workers and "base_seed" in state else None
        if self._iterator is not None:
            self._iterator.close()
        self._iterator = self._shared.place = None
        self._shared.resume = None if state is None else dict(state)


def _checked_prefetch(num_workers, timeout, prefetch_factor, persistent_workers):
    """The prefetch factor to use, after the checks of everything that concerns workers."""
    if num_workers < 0:
        raise ValueError(f"num_workers option should be non-negative, but got {num_workers}; "
                         "use num_workers=0 to disable multiprocessing.")
    if timeout < 0:
        raise ValueError("timeout option should be non-negative")
    if num_workers == 0 and prefetch_factor is not None:
        raise ValueError("prefetch_factor option could only be specified in multiprocessing."
                         "let num_workers > 0 to enable multiprocessing, otherwise set prefetch_factor to None.")
    if prefetch_factor is not None and prefetch_factor < 0:
        raise ValueError("prefetch_factor option should be non-negative")
    if persistent_workers and num_workers == 0:
        raise ValueError("persistent_workers option needs num_workers > 0")
    if num_workers > 0 and prefetch_factor is None:
        return 2
    return prefetch_factor


def _refuse_order(shuffle, sampler, batch_sampler):
    """An iterable data set orders itself."""
    if shuffle:
        raise ValueError("DataLoader with IterableDataset: expected unspecified shuffle option, "
                         f"but got shuffle={shuffle}")
    for name, value in (("sampler", sampler), ("batch_sampler", batch_sampler)):
        if value is not None:
            raise ValueError(f"DataLoader with IterableDataset: expected unspecified {name} option, "
                             f"but got {name}={value}")


def _check_batching(batch_size, shuffle, sampler, batch_sampler, drop_last):
    if sampler is not None and shuffle:
        raise ValueError("sampler option is mutually exclusive with shuffle")
    if batch_sampler is not None:
        if batch_size != 1 or shuffle or sampler is not None or drop_last:
            raise ValueError("batch_sampler option is mutually exclusive with batch_size, shuffle, sampler, and "
                             "drop_last")
    elif batch_size is None and drop_last:
        raise ValueError("batch_size=None option disables auto-batching and is mutually exclusive with drop_last")


def _checked_context(context, num_workers):
    if num_workers <= 0:
        raise ValueError("multiprocessing_context can only be used with multi-process loading (num_workers > 0), "
                         f"but got num_workers={num_workers}")
    if isinstance(context, str):
        methods = multiprocessing.get_all_start_methods()
        if context not in methods:
            raise ValueError(f"multiprocessing_context option should specify a valid start method in {methods!r}, "
                             f"but got multiprocessing_context={context!r}")
        context = multiprocessing.get_context(context)
    if not isinstance(context, multiprocessing.context.BaseContext):
        raise TypeError("multiprocessing_context option should be a valid context object or a string specifying the "
                        f"start method, but got multiprocessing_context={context}")
    return context


def default_context():
    """What the user chose with `set_start_method`; else fork on Linux, because workers then start in milliseconds."""
    if multiprocessing.get_start_method(allow_none=True) is None and sys.platform == "linux":
        return multiprocessing.get_context("fork")
    return multiprocessing.get_context()


@dataclasses.dataclass
class Place:
    """Where an epoch stands, as `state_dict` tells it."""

    epoch_rng: object = None       # generator state before the epoch's first draw
    base_seed: int = 0
    drew_base_seed: bool = True    # persistent workers draw it in their first epoch only
    batches: int = 0               # handed out
    finished: bool = False


class Shared:
    """What a loader and its iterators tell each other. Iterators do not hold the loader: persistent workers must end
    with it, not at some later garbage collection."""

    place = None             # of the newest iterator
    resume = None            # a state to start the next iterator from
    promised_length = None   # what len(loader) said of an iterable data set


class BaseIterator:
    """One epoch: draws the base seed, walks the sampler, counts what it hands out."""

    def __init__(self, loader):
        self._shared = getattr(loader, "_shared", None) or Shared()      # who stands in for a loader has torch's attributes only
        self._generator = loader.generator
        self._index_sampler = loader._index_sampler
        self._dataset = loader.dataset
        self._dataset_kind = loader._dataset_kind
        self._num_workers = loader.num_workers
        self._timeout = loader.timeout
        self._base_seed = None
        self._start_epoch(draw_base_seed=True)

    def _start_epoch(self, draw_base_seed):
        """Begin, or begin where a loaded state left off.

        Resuming replays the draws of that epoch's start and skips indices, not samples. The global generator is put
        back afterwards, because whoever restores it does so on their own; a generator given to the loader stays
        where the replay leaves it, which is where it was."""
        resume, self._shared.resume = self._shared.resume, None
        stream = self._generator if self._generator is not None else rl.default_generator
        before = epoch_rng = stream.get_state()
        inside = resume is not None and not resume["finished"]
        if resume is not None:
            self._base_seed = resume["base_seed"]
            draw_base_seed = resume["drew_base_seed"] and inside
        if inside:
            epoch_rng = resume["epoch_rng"]
            stream.set_state(epoch_rng)
        self._sampler_iter = iter(self._index_sampler)
        if draw_base_seed:
            self._base_seed = draw_seed(self._generator)
        self._place = self._shared.place = Place(epoch_rng, self._base_seed, draw_base_seed)
        self._skip = 0
        if inside:
            self._skip_to(resume)
            if self._generator is None:
                stream.set_state(before)

    def _skip_to(self, resume):
        done = self._place.batches = resume["batches"]
        if self._dataset_kind == _DatasetKind.Iterable:
            self._skip = 0 if "dataset" in resume else done
        elif "sampler" not in resume and "batch_sampler" not in resume:
            # One more is drawn and put back, so that lazy samplers have made their draws when this returns.
            ahead = list(itertools.islice(self._sampler_iter, done, done + 1))
            self._sampler_iter = itertools.chain(ahead, self._sampler_iter)

    def __iter__(self):
        return self

    def __len__(self):
        return len(self._index_sampler)

    def __next__(self):
        try:
            while self._skip:
                self._next_data()
                self._skip -= 1
            data = self._next_data()
        except StopIteration:
            self._place.finished = True
            raise
        self._place.batches += 1
        promised = self._shared.promised_length
        if promised is not None and self._dataset_kind == _DatasetKind.Iterable and self._place.batches > promised:
            self._warn_of_length(promised)
        return data

    def _warn_of_length(self, promised):
        text = (f"Length of IterableDataset {self._dataset} was reported to be {promised}"
                f"(when accessing len(dataloader)), but {self._place.batches} samples have been fetched. ")
        if self._num_workers > 0:
            text += ("For multiprocessing data-loading, this could be caused by not properly configuring the IterableDataset replica at each "
                     "worker: each yields all of the data set, unless its __iter__ asks get_worker_info() for its share.")
        warnings.warn(text, stacklevel=3)

    def close(self):
        """Give up the rest of the epoch and free what it holds."""

    def __getstate__(self):
        raise NotImplementedError(f"{type(self).__name__} cannot be pickled")


class SingleProcessIterator(BaseIterator):
    """Reads in the calling thread."""

    def __init__(self, loader):
        super().__init__(loader)
        if self._timeout != 0:
            raise ValueError("timeout needs num_workers > 0: with no workers there is nothing to wait for")
        self._fetcher = make_fetcher(self._dataset_kind, self._dataset, loader._auto_collation, loader.collate_fn,
                                     loader.drop_last)

    def _next_data(self):
        return self._fetcher.fetch(next(self._sampler_iter))


_BaseDataLoaderIter, _SingleProcessDataLoaderIter = BaseIterator, SingleProcessIterator


def __getattr__(name):
    if name == "_MultiProcessingDataLoaderIter":
        from ._multiprocess import MultiProcessIterator
        return MultiProcessIterator
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
