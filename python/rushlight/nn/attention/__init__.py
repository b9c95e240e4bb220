"""Which kernel scaled_dot_product_attention may use: there is one here, so every choice is accepted and none matters."""

from contextlib import contextmanager
from enum import IntEnum

__all__ = ["SDPBackend", "WARN_FOR_UNFUSED_KERNELS", "activate_flash_attention_impl",
           "current_flash_attention_impl", "list_flash_attention_impls", "register_flash_attention_impl",
           "restore_flash_attention_impl", "sdpa_kernel"]

WARN_FOR_UNFUSED_KERNELS = False


class SDPBackend(IntEnum):
    """torch's kernels for attention."""

    ERROR = -1
    MATH = 0
    FLASH_ATTENTION = 1
    EFFICIENT_ATTENTION = 2
    CUDNN_ATTENTION = 3
    OVERRIDEABLE = 4


@contextmanager
def sdpa_kernel(backends, set_priority=False):
    """Accepts one backend or a list of them for a with block."""
    chosen = [backends] if isinstance(backends, SDPBackend) else list(backends)
    if not all(isinstance(b, SDPBackend) for b in chosen):
        raise AssertionError(f"Backend must be an instance of SDPBackend or a list of SDPBackend instances, got "
                             f"{backends!r}")
    yield {}


_implementations = {}
_active = [None, None]  # the name, and what undoes it


def register_flash_attention_impl(impl, *, register_fn):
    """Makes an implementation known by name; register_fn is called when it is activated."""
    _implementations[impl] = register_fn


def activate_flash_attention_impl(impl):
    """Calls what was registered under that name."""
    if impl not in _implementations:
        raise ValueError(f"Unknown flash attention impl '{impl}'. Available implementations: "
                         f"{list_flash_attention_impls()}")
    if _active[0] == impl:
        return
    restore_flash_attention_impl(False)
    _active[:] = impl, _implementations[impl]()


def list_flash_attention_impls():
    """The names known, in order."""
    return sorted(_implementations)


def current_flash_attention_impl():
    """The name of the one that is active, or None for the one built in."""
    return _active[0]


def restore_flash_attention_impl(_raise_warn=True):
    """Back to the one built in."""
    undo = getattr(_active[1], "remove", None)
    _active[:] = None, None
    if undo is not None:
        undo()
