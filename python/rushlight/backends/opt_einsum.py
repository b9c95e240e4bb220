"""torch.backends.opt_einsum: einsum takes its operands from left to right."""

enabled = False
strategy = None


def is_available() -> bool:
    """False."""
    return False


def get_opt_einsum():
    """None."""
    return None
