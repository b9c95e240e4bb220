"""autocast: a block in which matrix products take lower precision and delicate operations take full precision.

Which operation does what, the engine knows (csrc/core/autocast.c); here is when: a state for each kind of device and thread. Only
the CPU computes, so the states of other devices are remembered and change nothing.
"""

import collections
import functools
import threading
import warnings

import rushlight as rl
from rushlight._C import _set_autocast

__all__ = ["autocast_decorator", "autocast", "is_autocast_available", "custom_fwd", "custom_bwd"]

_DEVICES = ("cpu", "cuda", "xpu", "mps", "hpu", "ipu", "xla", "mtia", "maia", "privateuseone")


class _State(threading.local):
    """What each thread has switched on: {device: [enabled, dtype]}, whether casts are kept, how deep blocks nest."""

    def __init__(self):
        self.devices = {}
        self.cache = True
        self.nesting = 0


_state = _State()


def _of(device_type):
    """[enabled, dtype] of a kind of device."""
    own = _state.devices.get(device_type)
    if own is None:
        if device_type not in _DEVICES:
            raise RuntimeError(f"Expected one of {', '.join(_DEVICES)} device type at start of device string: {device_type}")
        own = _state.devices[device_type] = [False, rl.bfloat16 if device_type in ("cpu", "xla", "hpu", "mtia", "maia") else rl.float16]
    return own


def _tell_engine():
    enabled, dtype = _of("cpu")
    _set_autocast(dtype if enabled else None)


def is_autocast_available(device_type: str) -> bool:
    """Whether autocast knows this kind of device; that there is one is another question."""
    return _of(device_type) is not None


def is_autocast_enabled(device_type: str = "cuda") -> bool:
    """Whether autocast is on for a kind of device, in this thread."""
    return _of(device_type)[0]


def set_autocast_enabled(device_type, enabled=None) -> None:
    """Switch autocast of a kind of device on or off, in this thread."""
    device_type, enabled = ("cuda", device_type) if enabled is None else (device_type, enabled)
    _of(device_type)[0] = bool(enabled)
    if device_type == "cpu":
        _tell_engine()


def get_autocast_dtype(device_type: str):
    """What autocast casts to."""
    return _of(device_type)[1]


def set_autocast_dtype(device_type: str, dtype) -> None:
    """Set what autocast casts to."""
    _of(device_type)[1] = dtype
    if device_type == "cpu":
        _tell_engine()


def is_autocast_cache_enabled() -> bool:
    """Whether casts of parameters may be kept for the length of a block."""
    return _state.cache


def set_autocast_cache_enabled(enabled: bool) -> None:
    """Say whether casts of parameters may be kept."""
    _state.cache = bool(enabled)


def clear_autocast_cache() -> None:
    """Forget casts that were kept: there are none, a cast on the CPU is cheap beside the product it is for."""


def autocast_increment_nesting() -> int:
    """One block deeper; returns how deep."""
    _state.nesting += 1
    return _state.nesting


def autocast_decrement_nesting() -> int:
    """One block out; returns how deep."""
    _state.nesting -= 1
    return _state.nesting


def is_autocast_cpu_enabled() -> bool:
    """is_autocast_enabled("cpu")"""
    return _of("cpu")[0]


def set_autocast_cpu_enabled(enabled: bool) -> None:
    """set_autocast_enabled("cpu", enabled)"""
    set_autocast_enabled("cpu", enabled)


def get_autocast_cpu_dtype():
    """get_autocast_dtype("cpu")"""
    return get_autocast_dtype("cpu")


def set_autocast_cpu_dtype(dtype) -> None:
    """set_autocast_dtype("cpu", dtype)"""
    set_autocast_dtype("cpu", dtype)


def get_autocast_gpu_dtype():
    """get_autocast_dtype("cuda")"""
    return get_autocast_dtype("cuda")


def set_autocast_gpu_dtype(dtype) -> None:
    """set_autocast_dtype("cuda", dtype)"""
    set_autocast_dtype("cuda", dtype)


def autocast_decorator(autocast_instance, func):
    """func, run inside the block."""
    @functools.wraps(func)
    def decorate_autocast(*args, **kwargs):
        with autocast_instance:
            return func(*args, **kwargs)

    return decorate_autocast


class autocast:
    """A block, or with @ a function, in which operations choose their precision.

    device_type "cpu" takes dtype bfloat16 (the default) or float16. For devices that are not there it does nothing, with torch's
    warnings. Blocks nest; enabled=False makes an inner one plain again.
    """

    def __init__(self, device_type: str, dtype=None, enabled: bool = True, cache_enabled: bool | None = None):
        if not isinstance(device_type, str):
            raise ValueError(f"Expected `device_type` of type `str`, got: `{type(device_type)}`")
        if device_type not in _DEVICES:
            raise RuntimeError(f"Invalid device string: '{device_type}': no device type of {', '.join(_DEVICES)}")
        self.device = device_type
        self.fast_dtype = _of(device_type)[1] if dtype is None else dtype
        self._cache_enabled = _state.cache if cache_enabled is None else cache_enabled
        if enabled and device_type == "cuda":
            warnings.warn("CUDA is not available or torch_xla is imported. Disabling autocast.", stacklevel=2)
            enabled = False
        elif enabled and self.fast_dtype not in (rl.bfloat16, rl.float16):
            warnings.warn(f"In {device_type.upper()} autocast, but the target dtype is not supported. Disabling autocast.\n"
                          f"{device_type.upper()} Autocast only supports dtypes of {rl.bfloat16}, {rl.float16} currently.",
                          stacklevel=2)
            enabled = False
        self._enabled = enabled

    def __enter__(self):
        own, state = _of(self.device), _state
        self.prev, self.prev_fastdtype = own
        self.prev_cache_enabled = state.cache
        state.nesting += 1
        state.cache = self._cache_enabled
        own[:] = self._enabled, self.fast_dtype
        if self.device == "cpu":
            _set_autocast(self.fast_dtype if self._enabled else None)
        return self

    def __exit__(self, exc_type, exc_val, exc_tb):
        state = _state
        state.nesting -= 1
        state.cache = self.prev_cache_enabled
        _of(self.device)[:] = self.prev, self.prev_fastdtype
        if self.device == "cpu":
            _set_autocast(self.prev_fastdtype if self.prev else None)
        return False

    def __call__(self, func):
        if not callable(func):
            raise TypeError(f"autocast()(func) requires a callable, but got {type(func).__name__}. Did you mean to use autocast as "
                            "a context manager? For example:\n    with torch.autocast(device_type=...):\n        output = model(input)")
        return autocast_decorator(self, func)


def _enter_autocast(*vals):
    """Enter a block that _exit_autocast leaves."""
    mode = autocast(*vals)
    mode.__enter__()
    return mode


def _exit_autocast(mode):
    mode.__exit__(None, None, None)


def _cast(value, device_type, dtype):
    """value with all floating tensors in it, but those in double precision, cast."""
    if isinstance(value, rl.Tensor):
        eligible = value.is_floating_point() and value.device.type == device_type and value.dtype is not rl.float64
        return value.to(dtype) if eligible else value
    if isinstance(value, collections.abc.Mapping):
        return {_cast(k, device_type, dtype): _cast(v, device_type, dtype) for k, v in value.items()}
    if isinstance(value, (list, tuple)):
        return type(value)(_cast(v, device_type, dtype) for v in value)
    return value


def _check_device_type(device_type):
    if not isinstance(device_type, str):
        raise ValueError(f"Expected `device_type` of type `str`, got: `{type(device_type)}`")


def custom_fwd(fwd=None, *, device_type: str, cast_inputs=None):
    """Decorates forward of a custom Function: remembers autocast's state, or casts the inputs and switches it off."""
    _check_device_type(device_type)
    if fwd is None:
        return functools.partial(custom_fwd, device_type=device_type, cast_inputs=cast_inputs)

    @functools.wraps(fwd)
    def decorate_fwd(*args, **kwargs):
        ctx, on = args[0], is_autocast_enabled(device_type)
        ctx._dtype = get_autocast_dtype(device_type)
        ctx._fwd_used_autocast = on and cast_inputs is None
        if cast_inputs is None or not on:
            return fwd(*args, **kwargs)
        with autocast(device_type=device_type, enabled=False):
            return fwd(*_cast(args, device_type, cast_inputs), **_cast(kwargs, device_type, cast_inputs))

    return decorate_fwd


def custom_bwd(bwd=None, *, device_type: str):
    """Decorates backward of a custom Function: runs it with the state that custom_fwd remembered."""
    _check_device_type(device_type)
    if bwd is None:
        return functools.partial(custom_bwd, device_type=device_type)

    @functools.wraps(bwd)
    def decorate_bwd(*args, **kwargs):
        with autocast(device_type=device_type, enabled=args[0]._fwd_used_autocast, dtype=args[0]._dtype):
            return bwd(*args, **kwargs)

    return decorate_bwd
