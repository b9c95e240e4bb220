"""Where the time goes: blocks named with record_function, counted and timed while a profile is on.

`profile` keeps one event for each block that ends in it, its start and its length; `key_averages()` adds up equal names and prints as a
table. Single operations are not events: name the blocks that matter, or use cProfile, which sees Python's functions.
"""

import functools
import json
import os
import threading
import time

__all__ = ["profile", "record_function", "emit_nvtx", "emit_itt", "FunctionEvent", "EventList", "load_nvprof"]

_running = []
_local = threading.local()


class FunctionEvent:
    """A block: its name, when it began and how long it took, in microseconds; calls that are added up are counted."""

    def __init__(self, name, start, length, depth=0, thread=0):
        self.name = self.key = name
        self.start, self.cpu_time_total, self.self_cpu_time_total, self.count, self.depth, self.thread = start, length, length, 1, depth, thread

    @property
    def cpu_time(self):
        """The mean time of a call."""
        return self.cpu_time_total / self.count

    cpu_time_str = property(lambda self: _microseconds(self.cpu_time))
    cpu_time_total_str = property(lambda self: _microseconds(self.cpu_time_total))
    cuda_time = cuda_time_total = device_time = device_time_total = self_device_time_total = 0

    def __repr__(self):
        return f"<FunctionEvent name={self.name} cpu_time={self.cpu_time_total_str} count={self.count}>"


def _microseconds(us):
    for limit, unit in ((1e3, "us"), (1e6, "ms")):
        if us < limit:
            return f"{us / limit * 1e3:.3f}{unit}"
    return f"{us / 1e6:.3f}s"


class EventList(list):
    """Events, with the table that they print as."""

    def key_averages(self, group_by_input_shape=False, group_by_stack_n=0):
        """One event for each name: the sums of times and calls."""
        merged = {}
        for event in self:
            known = merged.get(event.name)
            if known is None:
                known = merged[event.name] = FunctionEvent(event.name, event.start, 0.0)
                known.self_cpu_time_total, known.count = 0.0, 0
            known.cpu_time_total += event.cpu_time_total
            known.self_cpu_time_total += event.self_cpu_time_total
            known.count += event.count
        return EventList(merged.values())

    def total_average(self):
        """All events as one."""
        total = FunctionEvent("Total", 0.0, sum(e.cpu_time_total for e in self))
        total.self_cpu_time_total, total.count = sum(e.self_cpu_time_total for e in self), sum(e.count for e in self)
        return total

    @property
    def self_cpu_time_total(self):
        """The time of all events, without what they contain."""
        return sum(e.self_cpu_time_total for e in self)

    def table(self, sort_by=None, row_limit=100, **kwargs):
        """A table of the events: name, time without and with what it contains, mean, calls."""
        names = {"self_cpu_time_total": "self_cpu_time_total", "cpu_time": "cpu_time", "count": "count"}
        rows = sorted(self, key=lambda e: -getattr(e, names.get(sort_by, "cpu_time_total"))) if sort_by is not None else list(self)
        rows = rows if row_limit < 0 else rows[:row_limit]
        width = max([4, *(len(e.name) for e in rows)])
        line = f"{'-' * width}  {'-' * 12}  {'-' * 12}  {'-' * 12}  {'-' * 10}"
        head = f"{'Name':<{width}}  {'Self CPU':>12}  {'CPU total':>12}  {'CPU time avg':>12}  {'# of Calls':>10}"
        body = [f"{e.name:<{width}}  {_microseconds(e.self_cpu_time_total):>12}  {e.cpu_time_total_str:>12}  {e.cpu_time_str:>12}  {e.count:>10}" for e in rows]
        return "\n".join([line, head, line, *body, line, f"Self CPU time total: {_microseconds(self.self_cpu_time_total)}", ""])

    def __str__(self):
        return self.table()

    def export_chrome_trace(self, path):
        """Write the events for chrome://tracing."""
        events = [{"name": e.name, "ph": "X", "ts": e.start, "dur": e.cpu_time_total, "pid": os.getpid(), "tid": e.thread, "args": {}} for e in self]
        with open(path, "w") as file:
            json.dump({"traceEvents": events}, file)


class record_function:
    """with record_function("forward"): a named block; as a decorator, a named function."""

    def __init__(self, name, args=None):
        self.name, self.args = name, args

    def __enter__(self):
        stack = _local.__dict__.setdefault("stack", [])
        stack.append([time.perf_counter_ns(), 0])
        return self

    def __exit__(self, *exc):
        begin, inside = _local.stack.pop()
        length = time.perf_counter_ns() - begin
        if _local.stack:
            _local.stack[-1][1] += length
        for running in _running:
            event = FunctionEvent(self.name, begin / 1e3, length / 1e3, len(_local.stack), threading.get_ident())
            event.self_cpu_time_total = (length - inside) / 1e3
            running._events.append(event)

    def __call__(self, function):
        @functools.wraps(function)
        def named(*args, **kwargs):
            with record_function(self.name):
                return function(*args, **kwargs)
        return named


class profile:
    """A block whose named parts are counted and timed."""

    def __init__(self, enabled=True, *, use_cuda=False, use_device=None, record_shapes=False, with_flops=False, profile_memory=False,
                 with_stack=False, with_modules=False, use_kineto=False, use_cpu=True, experimental_config=None, acc_events=False):
        self.enabled, self._events = enabled, EventList()

    def __enter__(self):
        if self.enabled:
            _running.append(self)
        return self

    def __exit__(self, *exc):
        if self.enabled:
            _running.remove(self)
        return False

    @property
    def function_events(self):
        """The events so far."""
        return self._events

    def key_averages(self, group_by_input_shape=False, group_by_stack_n=0):
        """One event for each name."""
        return self._events.key_averages()

    def total_average(self):
        """All events as one."""
        return self._events.total_average()

    @property
    def self_cpu_time_total(self):
        """The time of all events, without what they contain."""
        return self._events.self_cpu_time_total

    def table(self, sort_by=None, row_limit=100, **kwargs):
        """A table of the events."""
        return self._events.table(sort_by, row_limit)

    def export_chrome_trace(self, path):
        """Write the events for chrome://tracing."""
        self._events.export_chrome_trace(path)

    def __str__(self):
        return self.table()


class emit_nvtx:
    """A block without effect: there is no such tool for the CPU."""

    def __init__(self, enabled=True, record_shapes=False):
        self.enabled = enabled

    def __enter__(self):
        return self

    def __exit__(self, *exc):
        return False


emit_itt = emit_nvtx


def load_nvprof(path):
    """Refused."""
    raise NotImplementedError(f"load_nvprof({path!r}): rushlight reads no files of NVIDIA's profiler")
