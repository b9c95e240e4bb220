"""Nested tuples, lists and dicts as a flat list and a shape to put it back into."""

from collections import OrderedDict, defaultdict

__all__ = ["TreeSpec", "tree_flatten", "tree_unflatten", "tree_map", "tree_map_only", "tree_leaves"]

_LEAF = "leaf"


class TreeSpec:
    """The shape of a tree: its kind, the keys of a dict, and the shapes of its children."""

    def __init__(self, kind, keys, children):
        self.kind, self.keys, self.children = kind, keys, children
        self.num_leaves = 1 if kind is _LEAF else sum(child.num_leaves for child in children)

    def __eq__(self, other):
        return isinstance(other, TreeSpec) and (self.kind, self.keys, self.children) == (other.kind, other.keys, other.children)

    def __hash__(self):
        return hash((self.kind, self.num_leaves))

    def __repr__(self):
        if self.kind is _LEAF:
            return "*"
        inner = [repr(child) for child in self.children]
        if self.keys is not None:
            inner = [f"{key!r}: {text}" for key, text in zip(self.keys, inner)]
        return f"{self.kind.__name__}({', '.join(inner)})"


def _is_namedtuple(kind):
    return issubclass(kind, tuple) and hasattr(kind, "_fields")


def tree_flatten(tree, is_leaf=None):
    """(leaves, shape)"""
    leaves = []

    def walk(node):
        kind = type(node)
        if is_leaf is not None and is_leaf(node):
            children = None
        elif kind in (tuple, list) or _is_namedtuple(kind):
            keys, children = None, list(node)
        elif kind in (dict, OrderedDict, defaultdict):
            keys, children = list(node), list(node.values())
        else:
            children = None
        if children is None:
            leaves.append(node)
            return TreeSpec(_LEAF, None, [])
        return TreeSpec(kind, keys, [walk(child) for child in children])

    return leaves, walk(tree)


def tree_unflatten(leaves, spec):
    """The tree of a shape with these leaves."""
    leaves = list(leaves)
    if len(leaves) != spec.num_leaves:
        raise ValueError(f"tree_unflatten(leaves, treespec): `leaves` has length {len(leaves)} but the spec refers to a pytree that "
                         f"holds {spec.num_leaves} items ({spec}).")
    rest = iter(leaves)

    def build(spec):
        if spec.kind is _LEAF:
            return next(rest)
        children = [build(child) for child in spec.children]
        if spec.keys is not None:
            made = dict(zip(spec.keys, children))
            return made if spec.kind is dict else OrderedDict(made) if spec.kind is OrderedDict else defaultdict(None, made)
        return spec.kind(*children) if _is_namedtuple(spec.kind) else spec.kind(children)

    return build(spec)


def tree_leaves(tree, is_leaf=None):
    """The leaves of a tree."""
    return tree_flatten(tree, is_leaf)[0]


def tree_map(function, tree, *rests, is_leaf=None):
    """The tree with function applied to each leaf, and to the leaves at the same place of the other trees."""
    leaves, spec = tree_flatten(tree, is_leaf)
    others = [tree_flatten(rest, is_leaf)[0] for rest in rests]
    return tree_unflatten([function(*together) for together in zip(leaves, *others)], spec)


def tree_map_only(kind, function, tree, is_leaf=None):
    """tree_map, leaving leaves of other types as they are."""
    return tree_map(lambda leaf: function(leaf) if isinstance(leaf, kind) else leaf, tree, is_leaf=is_leaf)
