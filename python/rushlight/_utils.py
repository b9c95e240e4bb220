"""Helpers that packages take from torch's private module: lists of tensors as one vector and back."""

import rushlight as rl

__all__ = ["_flatten_dense_tensors", "_unflatten_dense_tensors", "_take_tensors", "ExceptionWrapper"]


def _flatten_dense_tensors(tensors):
    """The elements of all tensors in one vector."""
    return rl.cat([t.contiguous().view(-1) for t in tensors])


def _unflatten_dense_tensors(flat, tensors):
    """Pieces of the vector in the shapes of the tensors."""
    return tuple(piece.view(t.shape) for piece, t in zip(flat.split([t.numel() for t in tensors]), tensors))


def _take_tensors(tensors, size_limit):
    """The tensors in lists of one dtype and at most size_limit bytes."""
    waiting = {}
    for tensor in tensors:
        held = waiting.setdefault(tensor.dtype, [])
        if held and sum(t.nbytes for t in held) + tensor.nbytes > size_limit:
            yield held
            held = waiting[tensor.dtype] = []
        held.append(tensor)
    yield from filter(None, waiting.values())


def _get_all_device_indices():
    return []


def _get_device_index(device, optional=False, allow_cpu=False):
    return -1


class ExceptionWrapper:
    """An exception of another thread or process: its type and its text, raised again by reraise()."""

    def __init__(self, exc_info=None, where="in background"):
        import sys
        import traceback
        exc_info = sys.exc_info() if exc_info is None else exc_info
        self.exc_type, self.exc_msg, self.where = exc_info[0], "".join(traceback.format_exception(*exc_info)), where

    def reraise(self):
        """Raise it here."""
        message = f"Caught {self.exc_type.__name__} {self.where}.\nOriginal {self.exc_msg}"
        try:
            error = self.exc_type(message)
        except Exception:
            error = RuntimeError(message)
        raise error
