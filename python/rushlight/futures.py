"""Future: a value that is there later, and callbacks for when it is.

A callback that raises harms nobody but itself: what then() promised becomes a RuntimeError that names the callback's error, and what
add_done_callback() was given is only logged.
"""

import logging
import threading
import types

__all__ = ["Future", "collect_all", "wait_all"]


def _checked(callback, name):
    if not callable(callback):
        raise TypeError(f"{name}(): incompatible function arguments: callback is a {type(callback).__name__}, which cannot be called")
    return callback


def _failure(error):
    """What became of a callback, as the error that others are told."""
    told = RuntimeError(f"Got the following error when running the callback: {type(error).__name__}: {error}")
    told.__cause__ = error
    return told


class Future:
    """A value, or an exception, that some thread will set."""

    __class_getitem__ = classmethod(types.GenericAlias)

    def __init__(self, *, devices=None):
        self._ready, self._lock = threading.Event(), threading.Lock()
        self._value = self._error = None
        self._callbacks = []

    def __reduce_ex__(self, protocol):
        raise RuntimeError("Can not pickle torch.futures.Future: what waits for it is in this process; pickle its value()")

    def done(self):
        """Whether the value or the exception is set."""
        return self._ready.is_set()

    def wait(self):
        """The value, once it is there."""
        self._ready.wait()
        if self._error is not None:
            raise self._error
        return self._value

    def value(self):
        """The value of a future that is done."""
        if not self.done():
            raise RuntimeError("Future has not been completed: wait() for it")
        return self.wait()

    def _finish(self, value, error):
        with self._lock:
            if self._ready.is_set():
                raise RuntimeError("Attempting to mark a completed Future as complete again. Note that a Future can only be marked completed once.")
            self._value, self._error = value, error
            self._ready.set()
            waiting, self._callbacks = self._callbacks, []
        for callback in waiting:
            self._call(callback)

    def _call(self, callback):
        try:
            callback(self)
        except Exception as error:
            logging.getLogger(__name__).error(_failure(error), exc_info=error)

    def set_result(self, result):
        """Set the value, and call those who wait for it."""
        self._finish(result, None)

    def set_exception(self, result):
        """Set an exception, which wait() raises."""
        if not isinstance(result, Exception):
            raise AssertionError(f"{result} is of type {type(result)}, not an Exception.")
        self._finish(None, result)

    def add_done_callback(self, callback):
        """callback(self) when it is done; at once if it is. What it raises is logged."""
        with self._lock:
            if not self._ready.is_set():
                self._callbacks.append(_checked(callback, "add_done_callback"))
                return
        self._call(_checked(callback, "add_done_callback"))

    def then(self, callback):
        """A future of callback(self)."""
        _checked(callback, "then")
        following = Future()

        def follow(done):
            try:
                result = callback(done)
            except Exception as error:
                following.set_exception(_failure(error))
            else:
                following.set_result(result)

        self.add_done_callback(follow)
        return following


def _gather(futures, gathered):
    error = next((each._error for each in futures if each._error is not None), None)
    if error is None:
        gathered.set_result(futures)
    else:
        gathered.set_exception(error)


def collect_all(futures):
    """A future of the list of futures, done when all are; of the first exception, if one of them has one."""
    futures, gathered = list(futures), Future()
    if None in futures:
        raise RuntimeError("Future can't be None: all that collect_all() waits for are Futures")
    missing, lock = [len(futures)], threading.Lock()

    def one(_):
        with lock:
            missing[0] -= 1
            last = missing[0] == 0
        if last:
            _gather(futures, gathered)

    if not futures:
        gathered.set_result([])
    for future in futures:
        future.add_done_callback(one)
    return gathered


def wait_all(futures):
    """The values of all futures, once they are there."""
    return [future.wait() for future in collect_all(futures).wait()]
