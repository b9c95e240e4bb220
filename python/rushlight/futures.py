"""Future: a value that is there later, and callbacks for when it is."""

import threading
import types

__all__ = ["Future", "collect_all", "wait_all"]


class Future:
    """A value, or an exception, that some thread will set."""

    __class_getitem__ = classmethod(types.GenericAlias)

    def __init__(self, *, devices=None):
        self._ready, self._lock = threading.Event(), threading.Lock()
        self._value = self._error = None
        self._callbacks = []

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
            callback(self)

    def set_result(self, result):
        """Set the value, and call those who wait for it."""
        self._finish(result, None)

    def set_exception(self, result):
        """Set an exception, which wait() raises."""
        if not isinstance(result, Exception):
            raise AssertionError(f"{result} is of type {type(result)}, not an Exception.")
        self._finish(None, result)

    def add_done_callback(self, callback):
        """callback(self) when it is done; at once if it is."""
        with self._lock:
            if not self._ready.is_set():
                self._callbacks.append(callback)
                return
        callback(self)

    def then(self, callback):
        """A future of callback(self)."""
        following = Future()

        def follow(done):
            try:
                result = callback(done)
            except Exception as error:
                following.set_exception(error)
            else:
                following.set_result(result)

        self.add_done_callback(follow)
        return following


def collect_all(futures):
    """A future of the list of futures, done when all are."""
    futures, gathered = list(futures), Future()
    missing, lock = [len(futures)], threading.Lock()

    def one(_):
        with lock:
            missing[0] -= 1
            last = missing[0] == 0
        if last:
            gathered.set_result(futures)

    if not futures:
        gathered.set_result([])
    for future in futures:
        future.add_done_callback(one)
    return gathered


def wait_all(futures):
    """The values of all futures, once they are there."""
    return [future.wait() for future in collect_all(futures).wait()]
