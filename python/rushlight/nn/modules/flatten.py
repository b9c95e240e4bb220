"""Flatten and Unflatten: reshaping as layers, so that a Sequential can hold it."""

from .module import Module

__all__ = ["Flatten", "Unflatten"]


class Flatten(Module):
    """Joins dimensions start_dim..end_dim into one; by default all but the first."""

    def __init__(self, start_dim=1, end_dim=-1):
        super().__init__()
        self.start_dim = start_dim
        self.end_dim = end_dim

    def forward(self, input):
        return input.flatten(self.start_dim, self.end_dim)

    def extra_repr(self):
        return f"start_dim={self.start_dim}, end_dim={self.end_dim}"


class Unflatten(Module):
    """Splits dimension dim into unflattened_size, a tuple of sizes (at most one of them -1)."""

    NamedShape = tuple

    def __init__(self, dim, unflattened_size):
        super().__init__()
        if isinstance(dim, int):
            self._require_tuple_int(unflattened_size)
        elif isinstance(dim, str):
            self._require_tuple_tuple(unflattened_size)
        else:
            raise TypeError("invalid argument type for dim parameter")
        self.dim = dim
        self.unflattened_size = unflattened_size

    @staticmethod
    def _require_tuple_tuple(size):
        if not isinstance(size, tuple):
            raise TypeError(f"unflattened_size must be a tuple of tuples, but found type {type(size).__name__}")
        for i, x in enumerate(size):
            if not isinstance(x, tuple):
                raise TypeError("unflattened_size must be tuple of tuples, "
                                f"but found element of type {type(x).__name__} at pos {i}")

    @staticmethod
    def _require_tuple_int(size):
        if not isinstance(size, (tuple, list)):
            raise TypeError(f"unflattened_size must be a tuple of ints, but found type {type(size).__name__}")
        for i, x in enumerate(size):
            if not isinstance(x, int):
                raise TypeError("unflattened_size must be tuple of ints, "
                                f"but found element of type {type(x).__name__} at pos {i}")

    def forward(self, input):
        return input.unflatten(self.dim, self.unflattened_size)

    def extra_repr(self):
        return f"dim={self.dim}, unflattened_size={self.unflattened_size}"
