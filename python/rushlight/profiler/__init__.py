"""torch.profiler: profiles over the steps of a training loop, with a schedule of which steps count."""

import enum
import os
import time

from ..autograd.profiler import EventList, FunctionEvent, record_function
from ..autograd.profiler import profile as _Blocks

__all__ = ["profile", "schedule", "supported_activities", "tensorboard_trace_handler", "ProfilerAction", "ProfilerActivity", "kineto_available", "record_function"]


class ProfilerActivity(enum.Enum):
    """What may be profiled; here the CPU."""

    CPU, XPU, MTIA, CUDA, HPU, PrivateUse1 = range(6)


class ProfilerAction(enum.Enum):
    """What a profile does during a step."""

    NONE, WARMUP, RECORD, RECORD_AND_SAVE = range(4)


def supported_activities():
    """The CPU."""
    return {ProfilerActivity.CPU}


def schedule(*, wait, warmup, active, repeat=0, skip_first=0, skip_first_wait=0):
    """Steps: skip_first, then again and again (repeat times, or for ever if 0) `wait` idle, `warmup` thrown away and `active` kept."""
    if min(wait, warmup, repeat, skip_first) < 0 or active <= 0:
        raise AssertionError("Invalid profiler schedule arguments")

    def action(step):
        if step < 0:
            raise AssertionError(f"Step must be non-negative. Got {step}.")
        if step < skip_first:
            return ProfilerAction.NONE
        step -= skip_first
        length = wait + warmup + active
        if repeat > 0 and step // length >= repeat:
            return ProfilerAction.NONE
        place = step % length
        if place < wait:
            return ProfilerAction.NONE
        if place < wait + warmup:
            return ProfilerAction.WARMUP
        return ProfilerAction.RECORD if place < length - 1 else ProfilerAction.RECORD_AND_SAVE

    return action


def tensorboard_trace_handler(dir_name, worker_name=None, use_gzip=False):
    """An on_trace_ready that writes a trace file into a folder."""
    def handler(prof):
        os.makedirs(dir_name, exist_ok=True)
        prof.export_chrome_trace(os.path.join(dir_name, f"{worker_name or os.getpid()}.{time.time_ns()}.pt.trace.json"))
    return handler


class profile:
    """A block whose named parts (record_function) are counted and timed; step() ends a step of the schedule."""

    def __init__(self, *, activities=None, schedule=None, on_trace_ready=None, record_shapes=False, profile_memory=False, with_stack=False,
                 with_flops=False, with_modules=False, experimental_config=None, execution_trace_observer=None, acc_events=False, use_cuda=None,
                 custom_trace_id_callback=None, post_processing_timeout_s=None):
        self.schedule, self.on_trace_ready = schedule, on_trace_ready
        self.step_num, self.current_action = 0, self._action(0)
        self._blocks, self._kept, self._open = None, EventList(), None

    def _action(self, step):
        return ProfilerAction.RECORD if self.schedule is None else self.schedule(step)

    def start(self):
        """Begin; `with` does it."""
        self._begin()

    def stop(self):
        """End; `with` does it."""
        self._end(self.current_action in (ProfilerAction.RECORD, ProfilerAction.RECORD_AND_SAVE))

    def __enter__(self):
        self.start()
        return self

    def __exit__(self, *exc):
        self.stop()
        return False

    def _begin(self):
        if self.current_action is not ProfilerAction.NONE and self._blocks is None:
            self._blocks = _Blocks()
            self._blocks.__enter__()
        if self._blocks is not None and self.schedule is not None:
            self._open = record_function(f"ProfilerStep#{self.step_num}")
            self._open.__enter__()

    def _close_step(self):
        if self._open is not None:
            self._open.__exit__()
            self._open = None

    def _end(self, keep):
        self._close_step()
        if self._blocks is None:
            return
        self._blocks.__exit__()
        if keep:
            self._kept = self._blocks.function_events
            if self.on_trace_ready is not None:
                self.on_trace_ready(self)
        self._blocks = None

    def step(self):
        """A step of the loop has ended."""
        done = self.current_action
        self.step_num += 1
        self.current_action = self._action(self.step_num)
        self._close_step()
        if done is ProfilerAction.RECORD_AND_SAVE:
            self._end(True)
        elif done is ProfilerAction.WARMUP and self.current_action is not ProfilerAction.WARMUP:
            self._end(False)
        self._begin()

    def events(self):
        """The events that were kept."""
        return self._blocks.function_events if self._blocks is not None and not self._kept else self._kept

    def key_averages(self, group_by_input_shape=False, group_by_stack_n=0, group_by_overload_name=False):
        """One event for each name."""
        return self.events().key_averages()

    def export_chrome_trace(self, path):
        """Write the events for chrome://tracing."""
        self.events().export_chrome_trace(path)

    def export_stacks(self, path, metric="self_cpu_time_total"):
        """Write one line for each name: its time."""
        with open(path, "w") as file:
            file.writelines(f"{e.name} {int(e.self_cpu_time_total)}\n" for e in self.key_averages())

    def add_metadata(self, key, value):
        """There is nowhere to keep it."""

    add_metadata_json = preset_metadata_json = add_metadata


_KinetoProfile = profile


def kineto_available():
    """False: blocks are timed here, and no library of devices is asked."""
    return False
