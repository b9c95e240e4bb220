"""Errors of a compiler: never raised here; scripts catch them."""

__all__ = ["TorchDynamoException", "Unsupported", "UserError"]


class TorchDynamoException(RuntimeError):
    """What goes wrong while compiling."""


class Unsupported(TorchDynamoException):
    """What cannot be compiled."""


class UserError(Unsupported):
    """What the user asked for and cannot be compiled."""
