"""vmap: a function of single examples applied to a batch. It is a loop: the results of the calls are stacked.

So every operation works inside, Python control flow included, and nothing gets faster.
"""

from collections import OrderedDict, namedtuple
from functools import wraps

import rushlight as rl
from rushlight.utils._pytree import tree_flatten, tree_unflatten

__all__ = ["vmap"]


def _spread(dims, spec, name):
    """One entry for each leaf of a tree: dims may be a single entry for a whole branch."""
    if dims is None or isinstance(dims, int):
        return [dims] * spec.num_leaves
    same = type(dims) is spec.type or (isinstance(dims, (tuple, list)) and spec.type in (tuple, list, namedtuple))
    children = [dims[key] for key in spec.context] if same and spec.type in (dict, OrderedDict) else dims
    if not same or len(children) != spec.num_children:
        raise ValueError(f"vmap: {name}={dims} is not compatible with the structure of the values: {spec}")
    return [entry for part, child in zip(children, spec.children()) for entry in _spread(part, child, name)]


def _batch_size(leaves, dims):
    sizes = []
    for leaf, dim in zip(leaves, dims):
        if dim is None:
            continue
        if not isinstance(leaf, rl.Tensor):
            raise ValueError(f"vmap: Got in_dim={dim} for an input but the input is of type {type(leaf).__name__}. We cannot vmap over "
                             "non-Tensor arguments, please use None as the respective in_dim")
        if leaf.dim() == 0 or not -leaf.dim() <= dim < leaf.dim():
            raise ValueError(f"vmap: Got in_dim={dim} for some input, but that input is a Tensor of dimensionality {leaf.dim()} so "
                             f"expected in_dim to satisfy -{leaf.dim()} <= in_dim < {leaf.dim()}.")
        sizes.append(leaf.size(dim))
    if not sizes:
        raise ValueError("vmap: at least one input must be mapped over: all in_dims are None")
    if len(set(sizes)) > 1:
        raise ValueError("vmap: Expected all tensors to have the same size in the mapped dimension, got sizes "
                         f"{sizes} for the mapped dimension")
    return sizes[0]


def vmap(func, in_dims=0, out_dims=0, randomness: str = "error", *, chunk_size: int | None = None):
    """A function that maps func over dimension in_dims of its inputs (None: not mapped), and stacks results at out_dims.

    randomness "error" refuses random numbers inside, "same" gives every example the same, "different" each its own.
    """
    if randomness not in ("error", "different", "same"):
        raise RuntimeError(f"Only allowed values for randomness are 'error', 'different', or 'same'. Got {randomness}")
    if chunk_size is not None and chunk_size <= 0:
        raise ValueError(f"vmap: chunk_size should be None or greater than 0. (got {chunk_size})")

    @wraps(func)
    def wrapped(*args, **kwargs):
        if not args:
            raise ValueError("vmap: got no inputs. Maybe you forgot to add inputs, or you are trying to vmap over a function with no "
                             "inputs. The latter is unsupported.")
        leaves, spec = tree_flatten(args)
        dims = _spread(in_dims, spec, "in_dims")
        size = _batch_size(leaves, dims)
        if size == 0:
            raise NotImplementedError("vmap over a batch without elements: the shape of the result cannot be known from no calls")
        before = None if randomness == "different" else rl.get_rng_state()
        results = []
        for i in range(size):
            if randomness == "same":
                rl.set_rng_state(before)
            one = [leaf if dim is None else leaf.select(dim, i) for leaf, dim in zip(leaves, dims)]
            results.append(func(*tree_unflatten(one, spec), **kwargs))
        if randomness == "error" and not rl.equal(before, rl.get_rng_state()):
            raise RuntimeError("vmap: called random operation while in randomness error mode. Please either use the 'same' or 'different' "
                               "randomness flags on vmap or perform the randomness operation out of vmap")
        return _stacked(results, out_dims)

    return wrapped


def _stacked(results, out_dims):
    columns, spec = [], None
    for result in results:
        leaves, spec = tree_flatten(result)
        for leaf in leaves:
            if not isinstance(leaf, rl.Tensor):
                raise ValueError(f"vmap: `func` must only return Tensors, got type {type(leaf).__name__}. Did you mean to set out_dims= to "
                                 "None for output?")
        columns.append(leaves)
    stacked = []
    for column, dim in zip(zip(*columns), _spread(out_dims, spec, "out_dims")):
        stacked.append(column[0] if dim is None else rl.stack(column, dim))
    return tree_unflatten(stacked, spec)
