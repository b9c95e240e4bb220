"""Collectives that return their result; over one process each is its input."""

__all__ = ["all_gather_tensor", "all_reduce", "all_to_all_single", "broadcast", "reduce_scatter_tensor", "wait_tensor", "AsyncCollectiveTensor"]


class AsyncCollectiveTensor:
    """Never made: every result is there at once."""


def wait_tensor(tensor):
    """The tensor, which is there."""
    return tensor


def all_reduce(self, reduceOp="sum", group=None, tag=""):
    """The tensor, joined with those of no others."""
    return self.clone()


def broadcast(self, src, group=None, tag=""):
    """The tensor of the only process."""
    return self.clone()


def all_gather_tensor(self, gather_dim, group=None, tag=""):
    """The tensors of all processes along gather_dim."""
    return self.clone()


def reduce_scatter_tensor(self, reduceOp="sum", scatter_dim=0, group=None, tag=""):
    """This process's piece, which is all."""
    return self.clone()


def all_to_all_single(self, output_split_sizes=None, input_split_sizes=None, group=None, tag=""):
    """What the processes send to this one."""
    return self.clone()


all_to_all_single_autograd = all_to_all_single
