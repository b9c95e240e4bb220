"""Words for how a tensor lies on a mesh."""

import dataclasses

__all__ = ["Partial", "Placement", "Replicate", "Shard"]


class Placement:
    """How a tensor lies along one dim of a mesh."""

    def is_shard(self, dim=None):
        """Whether each process has a piece."""
        return isinstance(self, Shard) and dim in (None, self.dim)

    def is_replicate(self):
        """Whether each process has all of it."""
        return isinstance(self, Replicate)

    def is_partial(self, reduce_op=None):
        """Whether each process has a summand."""
        return isinstance(self, Partial)


@dataclasses.dataclass(frozen=True)
class Replicate(Placement):
    """Each process has all of it."""


@dataclasses.dataclass(frozen=True)
class Shard(Placement):
    """Each process has a piece along dim."""

    dim: int


class _StridedShard(Shard):
    """Never made here."""


@dataclasses.dataclass(frozen=True)
class Partial(Placement):
    """Each process has a summand."""

    reduce_op: str = "sum"
