"""Python's multiprocessing under torch's name. Tensors travel between processes by copy."""

import multiprocessing as _multiprocessing
from multiprocessing import *  # noqa: F403

__all__ = [*_multiprocessing.__all__, "set_sharing_strategy", "get_sharing_strategy", "get_all_sharing_strategies", "spawn", "start_processes"]

_strategy = "file_system"


def get_all_sharing_strategies():
    """How tensors may be shared."""
    return {"file_descriptor", "file_system"}


def get_sharing_strategy():
    """What set_sharing_strategy was told."""
    return _strategy


def set_sharing_strategy(new_strategy):
    """Tensors are copied; the answer is remembered."""
    global _strategy
    if new_strategy not in get_all_sharing_strategies():
        raise AssertionError(f"unknown sharing strategy {new_strategy!r}; known: {sorted(get_all_sharing_strategies())}")
    _strategy = new_strategy


def start_processes(fn, args=(), nprocs=1, join=True, daemon=False, start_method="spawn"):
    """Run fn(rank, *args) in nprocs processes; with join, wait for them and raise if one fails."""
    context = _multiprocessing.get_context(start_method)
    processes = [context.Process(target=fn, args=(rank, *args), daemon=daemon) for rank in range(nprocs)]
    for process in processes:
        process.start()
    if not join:
        return processes
    for process in processes:
        process.join()
    failed = [(rank, p.exitcode) for rank, p in enumerate(processes) if p.exitcode]
    if failed:
        raise RuntimeError("process {} terminated with exit code {}".format(*failed[0]))
    return None


def spawn(fn, args=(), nprocs=1, join=True, daemon=False, start_method="spawn"):
    """start_processes with fresh interpreters."""
    return start_processes(fn, args, nprocs, join, daemon, start_method)
