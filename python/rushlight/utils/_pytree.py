"""Nested containers as a flat list and a shape to put it back into.

A table says how each type comes apart and together: the children, and whatever else it takes (its context: the keys of a dict, the type
of a named tuple). `register_pytree_node` adds a type; what is in no table is a leaf.
"""

from collections import OrderedDict, defaultdict, deque, namedtuple

__all__ = ["LeafSpec", "PyTree", "TreeSpec", "register_pytree_node", "tree_all", "tree_all_only", "tree_any", "tree_any_only", "tree_flatten", "tree_flatten_with_path",
           "tree_iter", "tree_leaves", "tree_leaves_with_path", "tree_map", "tree_map_", "tree_map_only", "tree_map_only_", "tree_map_with_path",
           "tree_structure", "tree_unflatten"]

PyTree = Context = object
NodeDef = namedtuple("NodeDef", "flatten_fn unflatten_fn flatten_with_keys_fn")
SequenceKey, MappingKey, GetAttrKey = namedtuple("SequenceKey", "idx"), namedtuple("MappingKey", "key"), namedtuple("GetAttrKey", "name")
SequenceKey.__str__, MappingKey.__str__, GetAttrKey.__str__ = lambda k: f"[{k.idx!r}]", lambda k: f"[{k.key!r}]", lambda k: f".{k.name}"


def _sequence(kind):
    return NodeDef(lambda node: (list(node), None), lambda children, context: kind(children), lambda node: ([(SequenceKey(i), v) for i, v in enumerate(node)], None))


def _dict_flatten(node):
    return list(node.values()), list(node)


def _dict_flatten_with_keys(node):
    return [(MappingKey(key), value) for key, value in node.items()], list(node)


def _dict_unflatten(values, context):
    return dict(zip(context, values))


SUPPORTED_NODES = {
    list: _sequence(list), tuple: _sequence(tuple),
    dict: NodeDef(_dict_flatten, _dict_unflatten, _dict_flatten_with_keys),
    OrderedDict: NodeDef(_dict_flatten, lambda values, keys: OrderedDict(zip(keys, values)), _dict_flatten_with_keys),
    defaultdict: NodeDef(lambda d: (list(d.values()), [d.default_factory, list(d)]), lambda values, context: defaultdict(context[0], zip(context[1], values)),
                         lambda d: (_dict_flatten_with_keys(d)[0], [d.default_factory, list(d)])),
    deque: NodeDef(lambda d: (list(d), d.maxlen), lambda values, most: deque(values, maxlen=most), lambda d: ([(SequenceKey(i), v) for i, v in enumerate(d)], d.maxlen)),
}
_NAMED_TUPLE = NodeDef(lambda node: (list(node), type(node)), lambda children, kind: kind(*children),
                       lambda node: ([(GetAttrKey(name), getattr(node, name)) for name in node._fields], type(node)))


_RESULT = NodeDef(lambda node: (list(node), None), None, lambda node: ([(SequenceKey(i), v) for i, v in enumerate(node)], None))


def register_pytree_node(cls, flatten_fn, unflatten_fn, *, serialized_type_name=None, to_dumpable_context=None, from_dumpable_context=None,
                         flatten_with_keys_fn=None):
    """From now on instances of cls are containers: flatten_fn(node) gives (children, context), unflatten_fn(children, context) a node."""
    if cls in SUPPORTED_NODES:
        raise ValueError(f"{cls} is already registered as pytree node.")
    SUPPORTED_NODES[cls] = NodeDef(flatten_fn, unflatten_fn, flatten_with_keys_fn)


_register_pytree_node = register_pytree_node


def _deregister_pytree_node(cls):
    del SUPPORTED_NODES[cls]


def _definition(kind):
    """How a type comes apart; None for leaves."""
    found = SUPPORTED_NODES.get(kind)
    if found is None and issubclass(kind, tuple):
        if hasattr(kind, "_fields"):
            return _NAMED_TUPLE
        if hasattr(kind, "n_sequence_fields") and kind.__module__.endswith("return_types"):      # what max(x, dim) returns
            return _RESULT._replace(unflatten_fn=lambda children, context: kind(children))
    return found


class TreeSpec:
    """The shape of a tree: the type, its context, and the shapes of its children; a leaf has no type."""

    __slots__ = ("type", "context", "_children", "num_leaves")

    def __init__(self, type, context, children_specs):
        self.type, self.context, self._children = type, context, list(children_specs)
        self.num_leaves = 1 if type is None else sum(child.num_leaves for child in self._children)

    def is_leaf(self):
        """Whether it is the shape of a leaf."""
        return self.type is None

    def children(self):
        """The shapes of the children."""
        return list(self._children)

    children_specs = property(children)
    num_children = property(lambda self: len(self._children))
    num_nodes = property(lambda self: 1 + sum(child.num_nodes for child in self._children))

    def unflatten(self, leaves):
        """The tree with these leaves."""
        return tree_unflatten(leaves, self)

    def __eq__(self, other):
        return self is other or isinstance(other, TreeSpec) and (self.type, self.context, self._children) == (other.type, other.context, other._children)

    def __hash__(self):
        return hash((self.type, self.num_leaves))

    def __repr__(self):
        if self.type is None:
            return "*"
        children = ",\n".join(map(repr, self._children)).replace("\n", "\n  ")
        return f"TreeSpec({self.type.__name__}, {self.context!r}, [{children}])"


class LeafSpec(TreeSpec):
    """The shape of a leaf."""

    __slots__ = ()

    def __init__(self):
        super().__init__(None, None, [])


_LEAF = LeafSpec()


def tree_flatten(tree, is_leaf=None):
    """(leaves, shape)"""
    leaves = []

    def walk(node):
        kind = type(node)
        definition = None if is_leaf is not None and is_leaf(node) else _definition(kind)
        if definition is None:
            leaves.append(node)
            return _LEAF
        children, context = definition.flatten_fn(node)
        return TreeSpec(namedtuple if definition is _NAMED_TUPLE else kind, context, [walk(child) for child in children])

    return leaves, walk(tree)


def tree_unflatten(leaves, treespec):
    """The tree of a shape with these leaves."""
    if not isinstance(treespec, TreeSpec):
        raise TypeError(f"tree_unflatten(leaves, treespec): Expected `treespec` to be instance of TreeSpec but got item of type {type(treespec)}.")
    leaves = list(leaves)
    if len(leaves) != treespec.num_leaves:
        raise ValueError(f"tree_unflatten(leaves, treespec): `leaves` has length {len(leaves)} but the spec refers to a pytree that "
                         f"holds {treespec.num_leaves} items ({treespec}).")
    rest = iter(leaves)

    def build(spec):
        if spec.type is None:
            return next(rest)
        definition = _NAMED_TUPLE if spec.type is namedtuple else _definition(spec.type)
        return definition.unflatten_fn([build(child) for child in spec._children], spec.context)

    return build(treespec)


def tree_leaves(tree, is_leaf=None):
    """The leaves of a tree."""
    return tree_flatten(tree, is_leaf)[0]


def tree_iter(tree, is_leaf=None):
    """The leaves, one after the other."""
    return iter(tree_leaves(tree, is_leaf))


def tree_structure(tree, is_leaf=None):
    """The shape of a tree."""
    return tree_flatten(tree, is_leaf)[1]


def _leaves_below(spec, tree):
    """What stands in another tree where spec has its leaves; the other may go deeper there."""
    if spec.type is None:
        return [tree]
    kind = type(tree)
    definition = _definition(kind)
    if definition is None or (namedtuple if definition is _NAMED_TUPLE else kind) is not spec.type:
        raise ValueError(f"Node type mismatch; expected {spec.type}, but got {kind}.")
    children, context = definition.flatten_fn(tree)
    if spec.type is dict and set(context) == set(spec.context):
        children = [tree[key] for key in spec.context]
    elif len(children) != spec.num_children:
        raise ValueError(f"Node arity mismatch; expected {spec.num_children}, but got {len(children)}.")
    elif context != spec.context:
        raise ValueError(f"Node context mismatch for node of type {kind}; expected {spec.context}, but got {context}.")
    return [leaf for part, child in zip(spec._children, children) for leaf in _leaves_below(part, child)]


def tree_map(func, tree, *rests, is_leaf=None):
    """The tree with func applied to each leaf, and to what stands at the same place of the other trees."""
    leaves, spec = tree_flatten(tree, is_leaf)
    others = [_leaves_below(spec, rest) for rest in rests]
    return tree_unflatten([func(*together) for together in zip(leaves, *others)], spec)


def tree_map_(func, tree, *rests, is_leaf=None):
    """tree_map for what func does; the tree itself."""
    tree_map(func, tree, *rests, is_leaf=is_leaf)
    return tree


def _only(kinds, func):
    return lambda leaf: func(leaf) if (isinstance(leaf, kinds) if isinstance(kinds, (type, tuple)) else kinds(leaf)) else leaf


def map_only(type_or_types_or_pred, /):
    """A decorator: the function for leaves of these types, others stay as they are."""
    return lambda func: _only(type_or_types_or_pred, func)


def tree_map_only(type_or_types_or_pred, /, func, tree, is_leaf=None):
    """tree_map, leaving leaves of other types as they are."""
    return tree_map(_only(type_or_types_or_pred, func), tree, is_leaf=is_leaf)


def tree_map_only_(type_or_types_or_pred, /, func, tree, is_leaf=None):
    """tree_map_ of the leaves of these types."""
    return tree_map_(_only(type_or_types_or_pred, func), tree, is_leaf=is_leaf)


def tree_all(pred, tree, is_leaf=None):
    """Whether pred holds for every leaf."""
    return all(map(pred, tree_iter(tree, is_leaf)))


def tree_any(pred, tree, is_leaf=None):
    """Whether pred holds for a leaf."""
    return any(map(pred, tree_iter(tree, is_leaf)))


def tree_all_only(type_or_types, /, pred, tree, is_leaf=None):
    """Whether pred holds for every leaf of these types."""
    return all(pred(leaf) for leaf in tree_iter(tree, is_leaf) if isinstance(leaf, type_or_types))


def tree_any_only(type_or_types, /, pred, tree, is_leaf=None):
    """Whether pred holds for a leaf of these types."""
    return any(pred(leaf) for leaf in tree_iter(tree, is_leaf) if isinstance(leaf, type_or_types))


# ---- paths ---------------------------------------------------------------------------------------------------------------


def tree_flatten_with_path(tree, is_leaf=None):
    """([(path, leaf)], shape): the keys on the way to each leaf."""
    found = []

    def walk(node, path):
        definition = None if is_leaf is not None and is_leaf(node) else _definition(type(node))
        if definition is None:
            found.append((path, node))
            return
        if definition.flatten_with_keys_fn is None:
            raise ValueError(f"Did not find a flatten_with_keys_fn for type: {type(node)}. Please pass a flatten_with_keys_fn argument to register_pytree_node.")
        for key, child in definition.flatten_with_keys_fn(node)[0]:
            walk(child, (*path, key))

    walk(tree, ())
    return found, tree_structure(tree, is_leaf)


def tree_leaves_with_path(tree, is_leaf=None):
    """[(path, leaf)]"""
    return tree_flatten_with_path(tree, is_leaf)[0]


def tree_map_with_path(func, tree, *rests, is_leaf=None):
    """tree_map of func(path, leaf, ...)."""
    pairs, spec = tree_flatten_with_path(tree, is_leaf)
    others = [_leaves_below(spec, rest) for rest in rests]
    return tree_unflatten([func(path, leaf, *together) for (path, leaf), *together in zip(pairs, *others)], spec)


def keystr(kp):
    """A path as text: ['a'][0].x"""
    return "".join(map(str, kp))


def key_get(obj, kp):
    """What stands at the end of a path."""
    for key in kp:
        obj = getattr(obj, key.name) if isinstance(key, GetAttrKey) else obj[key[0]]
    return obj


BUILTIN_TYPES = frozenset((tuple, list, dict, OrderedDict, defaultdict, deque, namedtuple))


def _get_node_type(tree):
    """The type that the table has a node under: namedtuple for all named tuples."""
    return namedtuple if _definition(type(tree)) is _NAMED_TUPLE else type(tree)


def _is_leaf(tree, is_leaf=None):
    return _definition(type(tree)) is None or is_leaf is not None and is_leaf(tree)


tree_is_leaf = _is_leaf
