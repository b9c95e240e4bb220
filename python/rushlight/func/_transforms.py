"""Derivatives of functions whose arguments and results are trees of tensors (nested tuples, lists, dicts).

Each transform runs the function on aliases of its inputs that require grad, and keeps the graph: so transforms nest, and results are
differentiable where the caller's inputs are. The outermost transform detaches what nobody outside can differentiate.
"""

import threading
from functools import wraps

import rushlight as rl
from rushlight.autograd import forward_ad
from rushlight.utils._pytree import tree_flatten, tree_leaves, tree_map, tree_unflatten


class _Level(threading.local):
    depth = 0


_level = _Level()


def _tensors(tree):
    return [leaf for leaf in tree_leaves(tree) if isinstance(leaf, rl.Tensor)]


def _aliases(tree):
    """The tree with tensors that require grad, connected to the caller's where these do."""
    def alias(x):
        if not isinstance(x, rl.Tensor):
            return x
        return x.view_as(x) if x.requires_grad else _own_leaf(forward_ad._detach(x))

    return tree_map(alias, tree)


def _own_leaf(x):
    """A leaf by which a transform differentiates: nobody outside can."""
    x.requires_grad_()
    x._of_transform = True
    return x


def _reaches_outside(tree):
    """Whether a history leads to a leaf that is not a transform's own, such as a parameter that the function closes over."""
    waiting, seen = [x.grad_fn for x in _tensors(tree) if x.requires_grad], set()
    while waiting:
        node = waiting.pop()
        if node is None or node in seen:
            continue
        seen.add(node)
        leaf = getattr(node, "variable", None)
        if leaf is not None and not hasattr(leaf, "_of_transform"):
            return True
        waiting.extend(n for n, _ in node.next_functions)
    return False


class _Transform:
    """A block in which operations are recorded, one level deeper."""

    def __init__(self, inputs):
        self.connected = any(x.requires_grad for x in _tensors(inputs))

    def __enter__(self):
        self.mode = rl.is_grad_enabled()
        rl._C._set_grad_enabled(True)
        _level.depth += 1
        return self

    def __exit__(self, *args):
        _level.depth -= 1
        rl._C._set_grad_enabled(self.mode)

    def released(self, tree):
        """Results as the caller may have them."""
        if self.mode and (_level.depth > 1 or self.connected or _reaches_outside(tree)):
            return tree
        return tree_map(lambda x: forward_ad._detach(x, True) if isinstance(x, rl.Tensor) else x, tree)


def _slope(outputs, inputs, weights):
    """Gradients with a graph; zeros where there is no path."""
    live = [(y, w) for y, w in zip(outputs, weights) if y.requires_grad]
    if not live or not inputs:
        return [rl.zeros_like(x) for x in inputs]
    grads = rl.autograd.grad([y for y, _ in live], inputs, [w for _, w in live], create_graph=True, allow_unused=True)
    return [rl.zeros_like(x) if g is None else g for g, x in zip(grads, inputs)]


def _positions(argnums, args, name):
    """argnums as a tuple of valid positions."""
    if not isinstance(argnums, (int, tuple)):
        raise RuntimeError(f"argnums must be int or Tuple[int, ...], got: {type(argnums)}")
    numbers = argnums if isinstance(argnums, tuple) else (argnums,)
    if not numbers:
        raise RuntimeError(f"argnums must be non-empty: {name} differentiates by at least one argument")
    for number in numbers:
        if not isinstance(number, int):
            raise RuntimeError(f"argnum must be int, got: {type(number)}")
        if not -len(args) <= number < len(args):
            raise RuntimeError(f"Got argnum={number}, but only {len(args)} positional inputs")
    positions = tuple(number % len(args) for number in numbers)
    if len(set(positions)) < len(positions):
        raise RuntimeError(f"argnums elements must be unique, got {positions}")
    return positions


def _check_outputs(leaves, name, call):
    if not leaves or leaves == [None]:
        raise RuntimeError(f"{name}: Expected f to be a function that has non-empty output (got output = {leaves})")
    for y in leaves:
        if not isinstance(y, rl.Tensor):
            raise RuntimeError(f"{name}: expected {call} to return only tensors, got unsupported type {type(y)}")


def _chosen(args, positions):
    """(args with aliases at the positions, those aliases)"""
    args = list(args)
    for i in positions:
        args[i] = _aliases(args[i])
    return args, [args[i] for i in positions]


def _split_aux(result, has_aux, name):
    if not has_aux:
        return result, None
    if not (isinstance(result, tuple) and len(result) == 2):
        raise RuntimeError(f"{name}: output of function f should be a tuple: (output, aux) if has_aux is True")
    for leaf in tree_leaves(result[1]):
        if not isinstance(leaf, rl.Tensor):
            raise RuntimeError(f"Expected tensors, got unsupported type {type(leaf)}")
    return result


def grad_and_value(func, argnums=0, has_aux: bool = False):
    """A function that returns (gradient of func, its value, which must be one number)."""
    @wraps(func)
    def wrapper(*args, **kwargs):
        positions = _positions(argnums, args, "grad")
        with _Transform(args) as block:
            given, chosen = _chosen(args, positions)
            value, aux = _split_aux(func(*given, **kwargs), has_aux, "grad_and_value(f)(*args)")
            if not isinstance(value, rl.Tensor):
                raise RuntimeError("grad_and_value(f)(*args): Expected f(*args) to return a Tensor, got "
                                   f"{type(value)}")
            if value.dim() != 0:
                raise RuntimeError("grad_and_value(f)(*args): Expected f(*args) to return a scalar tensor, got tensor with "
                                   f"{value.dim()} dims of shape {tuple(value.shape)}. Maybe you wanted to use the vjp or jacrev APIs "
                                   "instead?")
            leaves, spec = tree_flatten(chosen)
            slopes = iter(_slope([value], [x for x in leaves if isinstance(x, rl.Tensor)], [rl.ones_like(value)]))
            grads = tree_unflatten([next(slopes) if isinstance(x, rl.Tensor) else x for x in leaves], spec)
            grads = tuple(grads) if isinstance(argnums, tuple) else grads[0]
            result = (grads, (value, aux)) if has_aux else (grads, value)
            return block.released(result)

    return wrapper


def grad(func, argnums=0, has_aux: bool = False):
    """A function that returns the gradient of func, whose value must be one number."""
    @wraps(func)
    def wrapper(*args, **kwargs):
        grads, value = grad_and_value(func, argnums, has_aux)(*args, **kwargs)
        return (grads, value[1]) if has_aux else grads

    return wrapper


def vjp(func, *primals, has_aux: bool = False):
    """(func(*primals), a function from cotangents, in the shape of the result, to v^T J)"""
    with _Transform(primals) as block:
        inputs = _aliases(primals)
        result, aux = _split_aux(func(*inputs), has_aux, "vjp(f, *primals)")
        leaves, spec = tree_flatten(result)
        _check_outputs(leaves, "vjp(f, *primals)", "f(*primals)")
        flat, in_spec = tree_flatten(inputs)

    def vjp_fn(*cotangents, **options):
        given = cotangents[0] if len(cotangents) == 1 else cotangents
        weights, given_spec = tree_flatten(given)
        if given_spec != spec:
            raise RuntimeError(f"Expected pytree structure of cotangents to be the same as pytree structure of outputs to the function. "
                               f"cotangents: {given_spec}, primal output: {spec}")
        with _Transform((given, primals)) as inner:
            slopes = tree_unflatten(_slope(leaves, flat, weights), in_spec)
            return inner.released(slopes)

    value = _outside(block, result)
    return (value, vjp_fn, aux) if has_aux else (value, vjp_fn)


def _outside(block, result):
    """A result, for use after the block that made it."""
    if block.mode and (_level.depth > 0 or block.connected or _reaches_outside(result)):
        return result
    return tree_map(lambda x: forward_ad._detach(x, True) if isinstance(x, rl.Tensor) else x, result)


def jvp(func, primals, tangents, *, strict: bool = False, has_aux: bool = False):
    """(func(*primals), J v), in forward mode."""
    if not isinstance(primals, tuple):
        raise RuntimeError("jvp(f, primals, tangents): Expected primals to be a tuple. E.g. it should be valid to call f(*primals).")
    (flat_in, in_spec), (flat_v, v_spec) = tree_flatten(primals), tree_flatten(tangents)
    if not flat_in:
        raise RuntimeError("jvp(f, primals, tangents): Expected primals to contain at least one Tensor.")
    for name, leaves in (("primals", flat_in), ("tangents", flat_v)):
        for x in leaves:
            if not isinstance(x, rl.Tensor):
                raise RuntimeError(f"jvp(f, primals, tangents): Expected {name} to only contain Tensors, got {type(x)}")
    if in_spec != v_spec:
        raise RuntimeError("jvp(f, primals, tangents): Expected primals and tangents to have the same python structure. "
                           f"Got primals {in_spec} but tangents {v_spec}")
    if forward_ad._current_level >= 0:
        value, tangent, aux = _jvp_by_two_backwards(func, primals, tangents, flat_v, has_aux)
    else:
        value, tangent, aux = _jvp_in_a_level(func, flat_in, in_spec, flat_v, has_aux)
    return (value, tangent, aux) if has_aux else (value, tangent)


def _jvp_in_a_level(func, flat_in, in_spec, flat_v, has_aux):
    with forward_ad.dual_level():
        duals = tree_unflatten([forward_ad.make_dual(x, v) for x, v in zip(flat_in, flat_v)], in_spec)
        result, aux = _split_aux(func(*duals), has_aux, "jvp(f, primals, tangents)")
        outputs, spec = tree_flatten(result)
        _check_outputs(outputs, "jvp(f, primals, tangents)", "f(*primals)")
        pairs = [forward_ad.unpack_dual(y) for y in outputs]
        aux = tree_map(lambda x: forward_ad.unpack_dual(x).primal if isinstance(x, rl.Tensor) else x, aux)
        tangent = [rl.zeros_like(y) if t is None else t for y, t in pairs]
        return tree_unflatten([y for y, _ in pairs], spec), tree_unflatten(tangent, spec), aux


def _jvp_by_two_backwards(func, primals, tangents, flat_v, has_aux):
    """Within a level, of which there is one at a time: the tangents of that one travel through both."""
    with _Transform((primals, tangents)) as block:
        inputs = _aliases(primals)
        result, aux = _split_aux(func(*inputs), has_aux, "jvp(f, primals, tangents)")
        outputs, spec = tree_flatten(result)
        weights = [_own_leaf(rl.zeros_like(y)) for y in outputs]
        backward = _slope(outputs, tree_leaves(inputs), weights)
        forward = tree_unflatten(_slope(backward, weights, flat_v), spec)
        return block.released((result, forward, aux))


def linearize(func, *primals):
    """(func(*primals), a function from tangents to J v, which does not run func again)"""
    with _Transform(primals) as block:
        inputs = _aliases(primals)
        result = func(*inputs)
        outputs, spec = tree_flatten(result)
        weights = [_own_leaf(rl.zeros_like(y)) for y in outputs]
        backward = _slope(outputs, tree_leaves(inputs), weights)

    def jvp_fn(*tangents):
        (flat, of_primals), (flat_v, of_tangents) = tree_flatten(primals), tree_flatten(tangents)
        if of_primals != of_tangents:
            raise RuntimeError(f"Expected the tangents {of_tangents} to have the same argspec as the primals {of_primals}")
        for i, (x, v) in enumerate(zip(flat, flat_v)):
            if x.shape != v.shape:
                raise RuntimeError(f"tangent:{i} with shape {v.shape} in flattened pytree doesn't match the shape {x.shape} of the corresponding primal.")
        with _Transform((tangents, primals)) as inner:
            return inner.released(tree_unflatten(_slope(backward, weights, flat_v), spec))

    return _outside(block, result), jvp_fn


def _jacobian(y, inputs):
    """The derivatives of one tensor by each input."""
    rows = [_slope([element], inputs, [rl.ones_like(element)]) for element in y.reshape(-1)]
    return [(rl.stack(column) if rows else x.new_zeros((0, *x.shape))).reshape((*y.shape, *x.shape))
            for column, x in zip(zip(*rows) if rows else [()] * len(inputs), inputs)]


def jacrev(func, argnums=0, *, has_aux: bool = False, chunk_size: int | None = None, _preallocate_and_copy: bool = False):
    """A function that returns the Jacobian of func: for each output and input a tensor of both shapes."""
    if chunk_size is not None and chunk_size <= 0:
        raise ValueError("jacrev: `chunk_size` should be greater than 0.")

    @wraps(func)
    def wrapper(*args, **kwargs):
        positions = _positions(argnums, args, "jacrev")
        with _Transform(args) as block:
            given, chosen = _chosen(args, positions)
            result, aux = _split_aux(func(*given, **kwargs), has_aux, "jacrev(f)(*args)")
            outputs, out_spec = tree_flatten(result)
            _check_outputs(outputs, "vjp(f, *primals)", "f(*primals)")
            flat, in_spec = tree_flatten(tuple(chosen) if isinstance(argnums, tuple) else chosen[0])
            blocks = tree_unflatten([tree_unflatten(_jacobian(y, flat), in_spec) for y in outputs], out_spec)
            return block.released((blocks, aux) if has_aux else blocks)

    return wrapper


def jacfwd(func, argnums=0, has_aux: bool = False, *, randomness: str = "error"):
    """A function that returns the Jacobian of func, a column per number of the inputs, each by forward mode."""
    @wraps(func)
    def wrapper(*args, **kwargs):
        positions = _positions(argnums, args, "jacfwd")
        chosen = tuple(args[i] for i in positions)
        flat, in_spec = tree_flatten(chosen if isinstance(argnums, tuple) else chosen[0])

        def of_chosen(*leaves):
            given = list(args)
            tree = tree_unflatten(list(leaves), in_spec)
            for i, value in zip(positions, tree if isinstance(argnums, tuple) else (tree,)):
                given[i] = value
            result, aux = _split_aux(func(*given, **kwargs), has_aux, "jacfwd(f)(*args)")
            return result, aux if has_aux else ()

        columns, aux, out_spec = [], None, None
        zeros = [rl.zeros_like(x) for x in flat]
        for k, x in enumerate(flat):
            mine = []
            for unit in rl.eye(x.numel(), dtype=x.dtype):
                tangents = (*zeros[:k], unit.view(x.shape), *zeros[k + 1:])
                value, tangent, aux = jvp(of_chosen, tuple(flat), tangents, has_aux=True)
                leaves, out_spec = tree_flatten(tangent)
                mine.append(leaves)
            columns.append(mine)
        if out_spec is None:
            return jacrev(func, argnums, has_aux=has_aux)(*args, **kwargs)
        outputs = len(leaves)
        blocks = [tree_unflatten([_beside(columns[k], j, x) for k, x in enumerate(flat)], in_spec) for j in range(outputs)]
        result = tree_unflatten(blocks, out_spec)
        return (result, aux) if has_aux else result

    return wrapper


def _beside(columns, output, x):
    """The columns of one output by one input as a block."""
    return rl.stack([column[output] for column in columns], -1).reshape((*columns[0][output].shape, *x.shape))


def hessian(func, argnums=0):
    """A function that returns the second derivatives of func."""
    return jacrev(jacrev(func, argnums), argnums)
