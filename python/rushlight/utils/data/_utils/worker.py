"""A process that turns indices into batches.

It waits for requests, answers each with a batch or with the exception that kept it from one, and ends when the
loader's socket closes or the parent process is gone. Ctrl-C is the parent's business: workers ignore it.
"""

import os
import pickle
import random
import signal
import sys
import traceback
from dataclasses import dataclass

import numpy as np

import rushlight as rl

from .fetch import make_fetcher
from .transport import WorkerEnd, dump

__all__ = ["WorkerInfo", "get_worker_info"]

POLL = 5.0  # seconds of silence after which a worker looks whether its parent is alive

_worker_info = None


@dataclass(frozen=True, slots=True)
class WorkerInfo:
    """Which worker this process is: what `get_worker_info()` returns inside one."""

    id: int
    num_workers: int
    seed: int
    dataset: object
    rng: object = None
    worker_method: str = "multiprocessing"


def get_worker_info():
    """In a worker process: its id, the number of workers, its seed and its copy of the data set. Elsewhere None."""
    return _worker_info


class KeyErrorMessage(str):
    """A text whose repr is itself, because KeyError shows the repr of its argument."""

    __slots__ = ()

    def __repr__(self):
        return str(self)


def _importable(kind):
    try:
        return pickle.loads(pickle.dumps(kind)) is kind
    except Exception:
        return False


class ExceptionWrapper:
    """An exception on its way to another process: its class and its printed traceback."""

    def __init__(self, exc_info=None, where="in background"):
        kind, value, trace = sys.exc_info() if exc_info is None else exc_info
        self.exc_type = kind if _importable(kind) else RuntimeError
        self.exc_msg = "".join(traceback.format_exception(kind, value, trace))
        self.where = where

    def reraise(self):
        """Raise the same class with the original traceback as its text; RuntimeError if it takes no single text."""
        text = f"Caught {self.exc_type.__name__} {self.where}.\nOriginal {self.exc_msg}"
        if self.exc_type is KeyError:
            text = KeyErrorMessage(text)
        try:
            exception = self.exc_type(message=text) if getattr(self.exc_type, "message", None) else self.exc_type(text)
        except Exception:
            raise RuntimeError(text) from None
        raise exception


@dataclass
class Task:
    """All a worker must know; pickled under spawn, shared under fork."""

    kind: str
    dataset: object
    auto_collation: bool
    collate_fn: object
    drop_last: bool
    base_seed: int
    init_fn: object
    worker_id: int
    num_workers: int


class IterableEnd:
    """The answer of a worker whose stream is exhausted."""


def seed_everything(base_seed, worker_id):
    """Give the engine, `random` and NumPy their own streams; NumPy's words are a SeedSequence of seed and id."""
    seed = base_seed + worker_id
    random.seed(seed)
    rl.manual_seed(seed)
    words = [worker_id, base_seed & 0xFFFFFFFF, base_seed >> 32, 0]
    np.random.seed(np.random.SeedSequence(words).generate_state(4))
    return seed


def worker_main(task, sock, inherited):
    """Run one worker. `inherited` are the parent's ends that a fork copied here and that must be closed."""
    global _worker_info
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    for end in inherited:
        end.close()
    rl.set_num_threads(1)
    seed = seed_everything(task.base_seed, task.worker_id)
    _worker_info = WorkerInfo(task.worker_id, task.num_workers, seed, task.dataset)
    try:
        _Worker(task, WorkerEnd(sock)).run()
    except (EOFError, ConnectionError):
        pass  # the loader is gone or has closed this iterator


class _Worker:
    def __init__(self, task, end):
        self.task = task
        self.end = end
        self.fetcher = None
        self.failure = None
        self.parent = os.getppid()
        try:
            if task.init_fn is not None:
                task.init_fn(task.worker_id)
        except Exception:
            self.failure = self._wrap()
        else:
            self._open()

    def _open(self):
        """Start an epoch. What goes wrong is kept, and is the answer to every request."""
        task = self.task
        self.fetcher = None
        try:
            self.fetcher = make_fetcher(task.kind, task.dataset, task.auto_collation, task.collate_fn, task.drop_last)
        except Exception:
            self.failure = self._wrap()

    def _wrap(self):
        return ExceptionWrapper(where=f"in DataLoader worker process {self.task.worker_id}")

    def run(self):
        while True:
            request = self.end.receive(POLL)
            if request is None:
                if os.getppid() != self.parent:
                    return
                continue
            tag, index = request
            if tag is None:
                self._resume()
            else:
                self._answer(tag, index)

    def _resume(self):
        self._open()
        self.end.send((None, False), dump(None))

    def _answer(self, tag, index):
        answer = self._fetch(index)
        try:
            parcel = dump(answer)
        except Exception:
            parcel = dump(self._wrap())
        self.end.send((tag, isinstance(answer, IterableEnd)), parcel)

    def _fetch(self, index):
        if self.fetcher is None:
            return self.failure
        try:
            return self.fetcher.fetch(index)
        except StopIteration:
            return IterableEnd() if self.task.kind == "iterable" else self._wrap()
        except Exception as error:
            return self._describe(error, index)

    def _describe(self, error, index):
        """The wrapped exception, with the indices of the batch as a note under its traceback."""
        if self.task.kind == "map" and hasattr(error, "add_note"):
            shown = str(index) if len(str(index)) <= 200 else str(index)[:200] + " ..."
            error.add_note(f"(while reading {type(self.task.dataset).__name__} at index {shown})")
        return self._wrap()
