"""Functions of torch that are put together from operations in Python: einsum's arguments, meshgrid, norm, unique, where's short form."""

import math

import rushlight as rl
from rushlight import _C

from ._asking import ask_first
from ._einsum import contract
from ._keywords import along

__all__ = ["atleast_1d", "atleast_2d", "atleast_3d", "broadcast_shapes", "cartesian_prod", "chain_matmul", "einsum", "meshgrid", "nonzero", "norm",
           "numel", "is_floating_point", "is_complex", "is_nonzero", "is_same_size", "split", "tensor_split", "tensordot", "unique", "unique_consecutive", "unravel_index",
           "where", "is_inference", "is_conj", "is_neg", "is_signed", "is_distributed"]

_F, _ops = _C._VariableFunctions, _C._ops


def _row(name):
    operation = getattr(_ops, name, None)
    if operation is None:
        raise NotImplementedError(f"the operation {name!r} is not part of this build")
    return operation


def _each(name, tensors):
    many = len(tensors) == 1 and isinstance(tensors[0], (tuple, list))
    tensors = tensors[0] if many else tensors
    results = tuple(_row(name)(t) for t in tensors)
    return results[0] if len(results) == 1 and not many else results


def atleast_1d(*tensors):
    """Tensors with at least one dimension."""
    return _each("_atleast_1d", tensors)


def atleast_2d(*tensors):
    """Tensors with at least two dimensions."""
    return _each("_atleast_2d", tensors)


def atleast_3d(*tensors):
    """Tensors with at least three dimensions."""
    return _each("_atleast_3d", tensors)


def broadcast_shapes(*shapes):
    """The shape that tensors of these shapes broadcast to."""
    result = []
    for shape in shapes:
        if not isinstance(shape, (int, tuple, list)):
            raise RuntimeError(f"Input shapes should be of type ints, a tuple of ints, or a list of ints, got {shape}")
        shape = [shape] if isinstance(shape, int) else list(shape)
        if any(n < 0 for n in shape):
            raise ValueError(f"Attempting to broadcast a dimension with negative length! Trying to create tensor with negative dimension: {shape}")
        result = [1] * (len(shape) - len(result)) + result
        for i, n in enumerate(reversed(shape), 1):
            if result[-i] == 1:
                result[-i] = n
            elif n not in (1, result[-i]):
                raise RuntimeError("Shape mismatch: objects cannot be broadcast to a single shape: " + ", ".join(map(str, shapes)))
    return rl.Size(result)


def cartesian_prod(*tensors):
    """All combinations of elements, one per row."""
    if len(tensors) == 1:
        return tensors[0]
    return rl.stack([t.reshape(-1) for t in rl.meshgrid(*tensors, indexing="ij")], -1)


def chain_matmul(*matrices, out=None):
    """The product of matrices, in the order that costs least."""
    return rl.linalg.multi_dot(matrices, out=out)


def einsum(*args):
    """einsum(equation, *operands), or einsum(operand, sublist, ..., [output sublist])."""
    if len(args) < 2:
        raise ValueError("einsum(): must specify the equation string and at least one operand, or at least one operand and its subscripts list")
    if isinstance(args[0], rl.Tensor):
        args = (_equation_of(args), *args[0:len(args) // 2 * 2:2])
    equation, *operands = args
    if len(operands) == 1 and isinstance(operands[0], (list, tuple)):
        operands = list(operands[0])
    return contract(equation, operands)


def _equation_of(args):
    def letters(sublist):
        return "".join("..." if n is Ellipsis else "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"[n] for n in sublist)
    equation = ",".join(letters(sublist) for sublist in args[1::2])
    return equation + ("->" + letters(args[-1]) if len(args) % 2 else "")


def meshgrid(*tensors, indexing=None):
    """Grids of coordinates from vectors; indexing is "ij" or "xy"."""
    if len(tensors) == 1 and isinstance(tensors[0], (list, tuple)):
        tensors = tensors[0]
    return _F.meshgrid(*tensors, indexing="ij" if indexing is None else indexing)


def nonzero(input, *, as_tuple=False, out=None):
    """Where the elements are not zero: one row of indices each, or one tensor per dim."""
    if as_tuple:
        if out is not None:
            raise RuntimeError("nonzero does not support the out kwarg when as_tuple is True")
        return _row("_nonzero_tuple")(input)
    return _row("nonzero")(input) if out is None else _row("nonzero")(input, out=out)


def where(condition, *args, **kwargs):
    """Elements of input where condition holds, of other elsewhere; alone, the places where condition holds."""
    if not args and not kwargs:
        return nonzero(condition, as_tuple=True)
    return _F.where(condition, *args, **kwargs)


def norm(input, p="fro", dim=None, keepdim=False, out=None, dtype=None):
    """A norm of a vector or matrix; p is a number, "fro" or "nuc"."""
    extra = {} if out is None else {"out": out}
    if p == "nuc":
        return rl.linalg.matrix_norm(input, "nuc", (-2, -1) if dim is None else dim, keepdim, dtype=dtype, **extra)
    if p == "fro" and dim is not None and not isinstance(dim, int) and len(dim) > 2:
        raise RuntimeError(f"linalg.matrix_norm: dim must be a 2-tuple. Got {dim}")
    if isinstance(p, str) and p != "fro":
        raise RuntimeError(f"only valid string values are 'fro' (for frobenius norm) and 'nuc' (for nuclear norm), got {p!r}")
    order = 2 if p in ("fro", None) else p
    return rl.linalg.vector_norm(input, order, dim, keepdim, dtype=dtype, **extra)


def split(tensor, split_size_or_sections, dim=0):
    """Pieces of a size, or of these sizes, along dim."""
    return _F.split(tensor, split_size_or_sections, dim)


@along
def tensor_split(input, indices_or_sections=None, dim=0, *, sections=None, indices=None, tensor_indices_or_sections=None):
    """Pieces: a number of about equal ones, or those that begin at the given places; either may be a tensor."""
    given = [v for v in (indices_or_sections, sections, indices, tensor_indices_or_sections) if v is not None]
    places = given[0]
    if isinstance(places, rl.Tensor):
        return _F.tensor_split(input, tensor_indices_or_sections=places, dim=dim)
    return _F.tensor_split(input, places, dim)


def tensordot(a, b, dims=2, out=None):
    """The sum of products over several dims of a and b: a number of last and first dims, or a list for each."""
    if isinstance(dims, rl.Tensor):
        dims = dims.tolist()
    if isinstance(dims, int):
        if dims < 0 or dims > min(a.dim(), b.dim()):
            raise RuntimeError(f"tensordot expects 0 <= dims <= {min(a.dim(), b.dim())}, but got dims={dims} for shapes {list(a.shape)} and {list(b.shape)}")
        dims_a, dims_b = list(range(a.dim() - dims, a.dim())), list(range(dims))
    else:
        dims_a, dims_b = ([d] if isinstance(d, int) else list(d) for d in dims)
    result = _row("_tensordot")(a, b, dims_a, dims_b)
    return result if out is None else out.resize_(result.shape).copy_(result)


def unique(input, sorted=True, return_inverse=False, return_counts=False, dim=None):
    """The different elements, or slices along dim; on request where each element went and how often each occurs."""
    if dim is None:
        output, inverse, counts = _row("_unique2")(input, sorted, return_inverse, return_counts)
    else:
        output, inverse, counts = _row("_unique_dim")(input, dim, sorted, return_inverse, return_counts)
    return _chosen(output, inverse, counts, return_inverse, return_counts)


def unique_consecutive(input, return_inverse=False, return_counts=False, dim=None):
    """The elements, or slices along dim, without repetitions of neighbours."""
    output, inverse, counts = _row("_unique_consecutive")(input, return_inverse, return_counts, dim)
    return _chosen(output, inverse, counts, return_inverse, return_counts)


def _chosen(output, inverse, counts, return_inverse, return_counts):
    extra = [t for t, wanted in ((inverse, return_inverse), (counts, return_counts)) if wanted]
    return (output, *extra) if extra else output


def unravel_index(indices, shape):
    """Coordinates, one tensor per dim, of flat indices into a tensor of this shape."""
    shape = (shape,) if isinstance(shape, int) else tuple(shape)
    if not isinstance(indices, rl.Tensor) or indices.is_floating_point() or indices.is_complex() or indices.dtype == rl.bool:
        raise TypeError(f"expected 'indices' to be integer dtype, but got {getattr(indices, 'dtype', type(indices).__name__)}")
    if any(not isinstance(n, int) or n < 0 for n in shape):
        raise ValueError(f"'shape' must be nonnegative integers, but got {shape}")
    indices = indices.to(rl.int64)
    result, step = [], math.prod(shape)
    for n in shape:
        step //= n or 1
        result.append(indices // step % n)
    return rl.stack(result, -1).unbind(-1) if result else ()


def _question(name, doc):
    def ask(input, *args, **kwargs):
        if not isinstance(input, rl.Tensor):
            raise TypeError(f"{name}(): argument 'input' (position 1) must be Tensor, not {type(input).__name__}")
        return getattr(input, name)(*args, **kwargs)
    ask.__name__ = ask.__qualname__ = name
    ask.__doc__ = doc
    return ask


numel = _question("numel", "The number of elements.")
is_floating_point = _question("is_floating_point", "Whether the dtype is a floating-point one.")
is_complex = _question("is_complex", "Whether the dtype is complex.")
is_nonzero = _question("is_nonzero", "Whether the only element is not zero.")
is_same_size = _question("is_same_size", "Whether two tensors have one shape.")
is_inference = _question("is_inference", "Whether the tensor was made in inference mode.")
is_conj = _question("is_conj", "False: conjugation is done at once.")
is_neg = _question("is_neg", "False: negation is done at once.")
is_signed = _question("is_signed", "Whether the dtype has negative numbers.")
is_distributed = _question("is_distributed", "False.")


ask_first(globals())
