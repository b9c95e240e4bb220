"""Switches of the whole library: default device, determinism, threads between operations, compilation, warnings.

Most of them concern machines or compilers that are not here; they remember what they were told, so that code which asks gets its
answer.
"""

import rushlight as rl

__all__ = ["set_default_device", "get_default_device", "use_deterministic_algorithms", "are_deterministic_algorithms_enabled",
           "is_deterministic_algorithms_warn_only_enabled", "set_deterministic_debug_mode", "get_deterministic_debug_mode",
           "set_float32_matmul_precision", "get_float32_matmul_precision", "set_warn_always", "is_warn_always_enabled",
           "get_num_interop_threads", "set_num_interop_threads", "set_flush_denormal", "compile", "compiled_with_cxx11_abi",
           "get_device_module"]

_state = {"deterministic": False, "warn_only": False, "precision": "highest", "warn_always": False, "interop": 1}


def set_default_device(device):
    """The device of new tensors: the CPU, which is the only one, or meta; None is the CPU."""
    rl._C._set_default_device(device)


def get_default_device():
    """The device of new tensors: what set_default_device or a `with torch.device(..)` around says."""
    return rl._C._get_default_device()


def use_deterministic_algorithms(mode, *, warn_only=False):
    """Every operation here is deterministic for a given number of threads; the answer is remembered."""
    _state["deterministic"], _state["warn_only"] = True if mode else False, True if warn_only else False


def are_deterministic_algorithms_enabled():
    """What use_deterministic_algorithms was told."""
    return _state["deterministic"]


def is_deterministic_algorithms_warn_only_enabled():
    """What use_deterministic_algorithms was told about warn_only."""
    return _state["warn_only"]


def set_deterministic_debug_mode(debug_mode):
    """0 or "default", 1 or "warn", 2 or "error"."""
    modes = {"default": 0, "warn": 1, "error": 2}
    level = modes.get(debug_mode, debug_mode)
    if level not in (0, 1, 2):
        raise RuntimeError(f"invalid value of debug_mode, expected 0, 1, 2, 'default', 'warn' or 'error', but got {debug_mode!r}")
    use_deterministic_algorithms(level > 0, warn_only=level == 1)


def get_deterministic_debug_mode():
    """0, 1 or 2."""
    return 0 if not _state["deterministic"] else 1 if _state["warn_only"] else 2


def set_float32_matmul_precision(precision):
    """Matrix products of float32 are computed in float32; the answer is remembered."""
    if precision not in ("highest", "high", "medium"):
        raise RuntimeError(f"Invalid float32 matmul precision {precision!r}: expected 'highest', 'high' or 'medium'")
    _state["precision"] = precision


def get_float32_matmul_precision():
    """What set_float32_matmul_precision was told."""
    return _state["precision"]


def set_warn_always(b):
    """Whether warnings that are given once are given always."""
    _state["warn_always"] = b


def is_warn_always_enabled():
    """What set_warn_always was told."""
    return _state["warn_always"]


def get_num_interop_threads():
    """How many operations may run at once: what set_num_interop_threads was told."""
    return _state["interop"]


def set_num_interop_threads(int, /):
    """Operations run one after the other; the answer is remembered."""
    if not hasattr(int, "__index__"):
        raise RuntimeError(f"set_num_interop_threads expects an int, but got {type(int).__name__}")
    if int < 1:
        raise RuntimeError(f"set_num_interop_threads expects a positive integer, got {int}")
    _state["interop"] = int


def set_flush_denormal(mode):
    """Whether that is done: denormal numbers are kept, so False can be had and True cannot."""
    return not mode


def compile(model=None, *, fullgraph=False, dynamic=None, backend=None, mode=None, options=None, name=None, disable=False, recompile_limit=None,
            isolate_recompiles=False, shapes_spec=None):
    """The model or function as it is: rushlight runs eagerly."""
    return (lambda function: function) if model is None else model


def compiled_with_cxx11_abi():
    """True: there is no C++ to have another."""
    return True


def get_device_module(device=None):
    """rushlight.cpu"""
    return rl.cpu
