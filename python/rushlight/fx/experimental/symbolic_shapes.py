"""Questions about sizes that a compiler might not know; here every size is a number, so each has its answer."""

__all__ = ["guard_or_false", "guard_or_true", "guard_size_oblivious", "guard_int", "is_symbolic"]


def guard_or_false(a):
    """Whether a holds."""
    return bool(a)


guard_or_true = guard_size_oblivious = guard_or_false
guard_int = int


def is_symbolic(val):
    """False."""
    return False
