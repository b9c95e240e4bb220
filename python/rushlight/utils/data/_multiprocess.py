"""One epoch read by worker processes.

The iterator keeps `prefetch_factor` requests per worker under way, numbered in the sampler's order, and hands the
answers out in that order (or as they come, with `in_order=False`). It waits on the workers' sockets and on their
process sentinels at once, so a worker that dies is noticed at once, on any thread, without a signal handler.
Processes end when their socket closes: at the end of the epoch, when the iterator is dropped, at any error that
leaves `__next__`, and at interpreter exit.
"""

import os
import selectors
import signal
import socket
import time
import warnings
import weakref

from ._utils.transport import LoaderEnd
from ._utils.worker import ExceptionWrapper, Task, worker_main
from .dataloader import BaseIterator, default_context

GRACE = 5.0  # seconds a worker gets to finish its batch when it is told to stop


class _Crew:
    """The processes of one iterator and the sockets to them; `stop` is safe to call from anywhere, twice."""

    def __init__(self, loader, base_seed):
        self.owner = os.getpid()
        self.processes = []
        self.ends = []
        context = loader.multiprocessing_context or default_context()
        try:
            for worker_id in range(loader.num_workers):
                self._start(context, loader, base_seed, worker_id)
        except BaseException:
            self.stop()
            raise

    def _start(self, context, loader, base_seed, worker_id):
        task = Task(loader._dataset_kind, loader.dataset, loader._auto_collation, loader.collate_fn,
                    loader.drop_last, base_seed, loader.worker_init_fn, worker_id, loader.num_workers)
        ours, theirs = socket.socketpair()
        self.ends.append(LoaderEnd(ours))
        forked = context.get_start_method() == "fork"
        inherited = [end.sock for end in self.ends] if forked else []
        process = context.Process(target=worker_main, args=(task, theirs, inherited), daemon=True)
        with theirs, warnings.catch_warnings():
            # Python warns of forking beside threads; the engine's pool is made to survive it.
            warnings.simplefilter("ignore", DeprecationWarning)
            process.start()
        self.processes.append(process)

    def stop(self):
        if self.owner != os.getpid():
            return  # a forked copy of the iterator owns nothing
        for end in self.ends:
            end.close()
        deadline = time.monotonic() + GRACE
        for process in self.processes:
            process.join(max(0.0, deadline - time.monotonic()))
        for end_it in ("terminate", "kill"):
            for process in self.processes:
                if process.is_alive():
                    getattr(process, end_it)()
                    process.join(GRACE)
        self.ends.clear()
        self.processes.clear()


class MultiProcessIterator(BaseIterator):
    """Requests go out round robin, answers come back by number."""

    def __init__(self, loader):
        super().__init__(loader)
        self._in_order = loader.in_order
        self._persistent = loader.persistent_workers
        self._prefetch = loader.prefetch_factor
        self._broken = None
        self._resumed = 0
        self._crew = _Crew(loader, self._base_seed)
        self._processes = list(self._crew.processes)
        self._finalizer = weakref.finalize(self, self._crew.stop)
        self._selector = selectors.DefaultSelector()
        for worker_id, (end, process) in enumerate(zip(self._crew.ends, self._crew.processes)):
            self._selector.register(end, selectors.EVENT_READ, worker_id)
            self._selector.register(process.sentinel, selectors.EVENT_READ, worker_id)
        self._begin()

    def _begin(self):
        """Nothing sent, nothing received; fill the pipeline."""
        self._sent = 0                      # number of the next request
        self._asked = {}                    # request number -> worker, oldest first, until it is handed out
        self._ready = {}                    # request number -> what LoaderEnd.load needs, in order of arrival
        self._load = [0] * self._num_workers
        self._active = [True] * self._num_workers
        self._next_worker = 0
        self._exhausted = False
        for _ in range(self._prefetch * self._num_workers):
            self._request()

    def _reset(self, loader):
        """A further epoch on the same workers: same base seed, new order. What the last epoch left is thrown away."""
        while len(self._ready) < len(self._asked):
            self._wait(None)
        for number, (slot_id, _, _) in self._ready.items():
            self._crew.ends[self._asked[number]].discard(slot_id)
        self._start_epoch(draw_base_seed=False)
        self._resumed = 0
        for worker_id in range(self._num_workers):
            self._post(worker_id, (None, None))
        while self._resumed < self._num_workers:
            self._wait(None)
        self._begin()

    def _request(self):
        """Ask the worker whose turn it is for the sampler's next batch, if there is one."""
        worker_id = self._pick()
        if worker_id is None or self._exhausted:
            return
        try:
            index = next(self._sampler_iter)
        except StopIteration:
            self._exhausted = True
            return
        self._next_worker = (worker_id + 1) % self._num_workers
        self._asked[self._sent] = worker_id
        self._load[worker_id] += 1
        self._post(worker_id, (self._sent, index))
        self._sent += 1

    def _pick(self):
        room = self._prefetch * self._num_workers // max(1, sum(self._active))
        for step in range(self._num_workers):
            worker_id = (self._next_worker + step) % self._num_workers
            if self._active[worker_id] and (self._in_order or self._load[worker_id] < room):
                return worker_id
        return None

    def _post(self, worker_id, request):
        end = self._crew.ends[worker_id]
        end.post(request)
        self._watch(worker_id)

    def _watch(self, worker_id):
        """Wait for room in a socket only while something is left to write."""
        end = self._crew.ends[worker_id]
        events = selectors.EVENT_READ | (selectors.EVENT_WRITE if end.outbox else 0)
        if self._selector.get_key(end).events != events:
            self._selector.modify(end, events, worker_id)

    def _next_data(self):
        if self._broken is not None:
            raise RuntimeError(self._broken)
        deadline = time.monotonic() + self._timeout if self._timeout > 0 else None
        while self._asked:
            number = next(iter(self._asked if self._in_order else self._ready), None)
            if number in self._ready:
                return self._hand_out(number)
            self._wait(deadline)
        if not self._persistent:
            self.close()
        raise StopIteration

    def _hand_out(self, number):
        worker_id = self._asked.pop(number)
        message = self._ready.pop(number)
        self._load[worker_id] -= 1
        self._request()
        data = self._crew.ends[worker_id].load(*message)
        if isinstance(data, ExceptionWrapper):
            data.reraise()
        return data

    def _wait(self, deadline):
        """Sleep until something arrives and take it in. Whatever is raised here but a timeout ends the workers."""
        try:
            remaining = None if deadline is None else deadline - time.monotonic()
            events = self._selector.select(remaining) if remaining is None or remaining > 0 else []
            for worker_id in {key.data for key, _ in events}:
                self._exchange(worker_id)
        except BaseException as error:
            self._broken = f"this DataLoader iterator ended with {type(error).__name__}: {error}"
            self.close()
            raise
        if not events:
            raise RuntimeError(f"DataLoader timed out after {self._timeout} seconds")

    def _exchange(self, worker_id):
        end = self._crew.ends[worker_id]
        end.flush()
        self._watch(worker_id)
        messages, open_ = end.pump()
        for message in messages:
            self._accept(worker_id, message)
        if not open_ or not self._crew.processes[worker_id].is_alive():
            raise RuntimeError(self._obituary())

    def _accept(self, worker_id, message):
        (number, ended), *rest = message
        if number is None:
            self._resumed += 1
        elif ended:
            self._active[worker_id] = False
            del self._asked[number]
            self._load[worker_id] -= 1
            self._request()
        else:
            self._ready[number] = rest

    def _obituary(self):
        """Which workers died, and of what."""
        for process in self._crew.processes:
            process.join(0.2 if process.is_alive() else 0)
        dead = [process for process in self._crew.processes if not process.is_alive()]
        pids = ", ".join(str(process.pid) for process in dead)
        return f"DataLoader worker (pid(s) {pids}) exited unexpectedly" + _cause(dead[0].exitcode if dead else None)

    @property
    def _workers(self):
        """The processes, by number, under the name by which torch's iterator has them."""
        return self._processes

    @property
    def closed(self):
        return not self._finalizer.alive

    def close(self):
        """Stop the workers; what they still had is lost."""
        super().close()
        self._finalizer()
        self._selector.close()
        self._asked.clear()
        self._ready.clear()


def _cause(exitcode):
    if exitcode is None:
        return ""
    if exitcode >= 0:
        return f" with exit code {exitcode}; rerun with num_workers=0 to see where"
    name = signal.Signals(-exitcode).name
    hint = {"SIGKILL": ": most often the machine ran out of memory",
            "SIGBUS": ": most often shared memory ran out",
            "SIGSEGV": ": a crash in compiled code; rerun with num_workers=0 to see where"}.get(name, "")
    return f" (killed by signal {name}{hint})"
