"""Whether operations are recorded for backward: no_grad, enable_grad, set_grad_enabled, inference_mode.

All are context managers and decorators. The mode belongs to the thread.
"""

from rushlight._C import _set_grad_enabled, _set_inference_mode, is_grad_enabled, is_inference_mode_enabled
from rushlight.utils._contextlib import _DecoratorContextManager, _NoParamDecoratorContextManager

__all__ = ["no_grad", "enable_grad", "set_grad_enabled", "inference_mode", "set_multithreading_enabled",
           "enforce_grad_layout_policy"]


class no_grad(_NoParamDecoratorContextManager):
    """Operations are not recorded: results do not require grad, and nothing is kept for backward."""

    def __init__(self) -> None:
        self.prev = False

    def __enter__(self) -> None:
        self.prev = is_grad_enabled()
        _set_grad_enabled(False)

    def __exit__(self, exc_type, exc_value, traceback) -> None:
        _set_grad_enabled(self.prev)


class enable_grad(_NoParamDecoratorContextManager):
    """Operations are recorded, inside a no_grad block too."""

    def __enter__(self) -> None:
        self.prev = is_grad_enabled()
        _set_grad_enabled(True)

    def __exit__(self, exc_type, exc_value, traceback) -> None:
        _set_grad_enabled(self.prev)


class set_grad_enabled(_DecoratorContextManager):
    """Operations are recorded or not as mode says: from the call on, or for the length of a block or of a decorated function."""

    def __init__(self, mode: bool) -> None:
        self.prev = is_grad_enabled()
        self.mode = mode
        _set_grad_enabled(mode)

    def __call__(self, orig_func):
        _set_grad_enabled(self.prev)
        return super().__call__(orig_func)

    def __enter__(self) -> None:
        _set_grad_enabled(self.mode)

    def __exit__(self, exc_type, exc_value, traceback) -> None:
        _set_grad_enabled(self.prev)

    def __repr__(self) -> str:
        return f"{type(self).__module__}.{type(self).__qualname__}(mode={self.mode})"

    def clone(self):
        """Another one with the same mode."""
        return self.__class__(self.mode)


class inference_mode(_DecoratorContextManager):
    """no_grad, and tensors made inside can never take part in recorded operations; mode=False lifts it in an inner block."""

    def __new__(cls, mode=True):
        return super().__new__(cls) if isinstance(mode, bool) else cls()(mode)

    def __init__(self, mode: bool = True) -> None:
        self.mode = mode

    def __enter__(self) -> None:
        self.prev = is_inference_mode_enabled(), is_grad_enabled()
        _set_inference_mode(self.mode)
        _set_grad_enabled(not self.mode)

    def __exit__(self, exc_type, exc_value, traceback) -> None:
        _set_inference_mode(self.prev[0])
        _set_grad_enabled(self.prev[1])

    def clone(self):
        """Another one with the same mode."""
        return self.__class__(self.mode)


def _enter_inference_mode(mode):
    """Enter a block that _exit_inference_mode leaves."""
    block = inference_mode(mode)
    block.__enter__()
    return block


def _exit_inference_mode(mode):
    mode.__exit__(None, None, None)


class _Remembered(_DecoratorContextManager):
    """A switch that is set when made and set back when left, and that this engine has no use for."""

    _value = True

    def __init__(self, mode: bool = True) -> None:
        self.prev = type(self)._value
        self.mode = mode
        type(self)._value = mode

    def __call__(self, orig_func):
        type(self)._value = self.prev
        return super().__call__(orig_func)

    def __enter__(self) -> None:
        pass

    def __exit__(self, exc_type, exc_value, traceback) -> None:
        type(self)._value = self.prev

    def clone(self):
        """Another one with the same mode."""
        return self.__class__(self.mode)


class set_multithreading_enabled(_Remembered):
    """Whether backward may use a thread for each device: there is one device, so it changes nothing."""

    def __init__(self, mode: bool) -> None:
        super().__init__(mode)


class enforce_grad_layout_policy(_Remembered):
    """Whether .grad must lie in memory as its tensor does: it does so where that costs nothing; this changes nothing."""

    def __init__(self, enable: bool = True) -> None:
        super().__init__(enable)
