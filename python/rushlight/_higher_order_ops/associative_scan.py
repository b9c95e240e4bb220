"""associative_scan: running results of an associative function, by doubling: n places take log2(n) calls on whole tensors."""

import rushlight as rl
from rushlight.utils._pytree import tree_flatten, tree_unflatten

__all__ = ["associative_scan"]


def associative_scan(combine_fn, xs, dim, reverse=False, combine_mode="pointwise"):
    """xs with each place along dim replaced by the result over it and all before it (after it, with reverse); xs may be a tree."""
    leaves, spec = tree_flatten(xs)
    if not leaves or not all(isinstance(leaf, rl.Tensor) for leaf in leaves):
        raise RuntimeError("associative_scan takes a tensor or a tree of tensors")
    count = leaves[0].shape[dim]
    if any(leaf.shape[dim] != count for leaf in leaves):
        raise RuntimeError(f"associative_scan: all tensors must have the same size along dim {dim}, got {[list(leaf.shape) for leaf in leaves]}")
    leaves = [leaf.flip(dim) for leaf in leaves] if reverse else leaves
    step = 1
    while step < count:
        before = tree_unflatten([leaf.narrow(dim, 0, count - step) for leaf in leaves], spec)
        here = tree_unflatten([leaf.narrow(dim, step, count - step) for leaf in leaves], spec)
        joined = tree_flatten(combine_fn(before, here))[0]
        leaves = [rl.cat((leaf.narrow(dim, 0, step), late), dim) for leaf, late in zip(leaves, joined)]
        step *= 2
    return tree_unflatten([leaf.flip(dim) for leaf in leaves] if reverse else leaves, spec)
