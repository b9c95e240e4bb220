"""Collectives that gradients go through; over one process each is its input, as a tensor or as a tuple of one."""

from ..distributed_c10d import ReduceOp, _check_rank, _group

__all__ = ["all_gather", "all_reduce", "all_to_all", "broadcast", "gather", "reduce", "reduce_scatter", "scatter"]


def broadcast(tensor, src, group=None):
    """tensor of the rank src, which is this one."""
    _check_rank(src, group)
    return tensor.clone()


def all_reduce(tensor, op=ReduceOp.SUM, group=None):
    """tensor, joined with those of no others."""
    _group(group)
    return tensor.clone()


def reduce(tensor, dst, op=ReduceOp.SUM, group=None):
    """all_reduce for the rank dst alone."""
    return broadcast(tensor, dst, group)


def all_gather(tensor, group=None):
    """The tensors of all ranks."""
    _group(group)
    return (tensor.clone(),)


def gather(tensor, dst=0, group=None):
    """all_gather for the rank dst alone."""
    return (broadcast(tensor, dst, group),)


def scatter(tensors, src=0, group=None):
    """The piece that is for this rank."""
    return broadcast(tensors[0], src, group)


def reduce_scatter(output, input_list, op=ReduceOp.SUM, group=None):
    """The reduction of this rank's place of the lists."""
    _group(group)
    return input_list[0].clone()


def all_to_all(output_tensor_list, input_tensor_list, group=None):
    """Rank i's list at j goes to rank j's list at i."""
    _group(group)
    return tuple(t.clone() for t in input_tensor_list)
