"""torch._foreach_NAME: one operation over lists of tensors, with a list, a number, a list of numbers or one tensor beside them.

Optimizers outside torch are written with these names. Each is the plain operation, tensor by tensor, in the order of the lists: a
method of the tensor class mapped over them, so that no line of Python runs per tensor.
"""

from collections import deque
from functools import partial
from itertools import repeat

import rushlight as rl

from ._keywords import also_called

_UNARY = frozenset("abs acos asin atan ceil clone cos cosh erf erfc exp expm1 floor frac lgamma log log10 log1p log2 neg reciprocal round rsqrt sigmoid sign sin sinh "
                   "sqrt tan tanh trunc zero".split())
_BINARY = {"add": "add", "sub": "sub", "mul": "mul", "div": "div", "pow": "pow", "maximum": "maximum", "minimum": "minimum",
           "clamp_max": "minimum", "clamp_min": "maximum", "copy": "copy"}
_TERNARY = frozenset(("addcmul", "addcdiv", "lerp"))
_MADE = {}
_second = also_called(scalar="other", scalars="other", exponent="other")     # torch has an overload for each kind, and a word


def _tensors(name, values, argument="self"):
    if isinstance(values, rl.Tensor) or not isinstance(values, (list, tuple)):
        raise TypeError(f"_foreach_{name}(): argument '{argument}' must be tuple of Tensors, not {type(values).__name__}")
    if not values:
        raise RuntimeError(f"_foreach_{name}(): Tensor list must have at least one tensor.")
    return values


def _per_tensor(name, count, other):
    """`other` once for each tensor: a list as it is, a number or a tensor again and again."""
    if not isinstance(other, (list, tuple)):
        if isinstance(other, rl.Tensor) and other.dim():
            raise RuntimeError(f"_foreach_{name}(): scalar tensor expected to be 0 dim but it has {other.dim()} dimensions and {other.numel()} elements.")
        return repeat(other, count)
    if len(other) != count:
        if all(isinstance(entry, rl.Tensor) for entry in other) and other:
            raise RuntimeError(f"Tensor lists must have the same number of tensors, got {count} and {len(other)} in _foreach_{name}()")
        raise RuntimeError(f"Tensor list must have same number of elements as scalar list. _foreach_{name}() got {count} and {len(other)}")
    return other


def _run(calls):
    """Makes all the calls for what they do."""
    deque(calls, 0)


def _method(plain, inplace=False):
    return getattr(rl.Tensor, plain + "_" if inplace else plain)


def _bound(plain, tensor, other):
    """maximum, minimum with a tensor or a number."""
    if isinstance(other, rl.Tensor):
        return getattr(tensor, plain)(other)
    return tensor.clamp(min=other) if plain == "maximum" else tensor.clamp(max=other)


def _make_unary(name, plain, inplace):
    method = _method(plain, inplace)

    def function(self):
        if inplace:
            _run(map(method, _tensors(name, self)))
            return self
        return tuple(map(method, _tensors(name, self)))
    return function


def _make_copy(name):
    method = rl.Tensor.copy_

    def function(self, src, non_blocking=False):
        _run(map(method, self, _per_tensor(name, len(_tensors(name, self)), src)))
        return self
    return function


def _make_bound(name, plain, inplace):
    bound, method = partial(_bound, plain), _method(plain)

    @_second
    def function(self, other):
        others = _per_tensor(name, len(_tensors(name, self)), other)
        plainly = others is other and all(map(isinstance, others, repeat(rl.Tensor)))
        results = tuple(map(method if plainly else bound, self, others))
        if not inplace:
            return results
        for tensor, result in zip(self, results):
            if not rl.can_cast(result.dtype, tensor.dtype):
                raise RuntimeError(f"result type {result.dtype} can't be cast to the desired output type {tensor.dtype} in _foreach_{name}()")
        _run(map(rl.Tensor.copy_, self, results))
        return self
    return function


def _make_binary(name, plain, inplace):
    method = _method(plain, inplace)

    @_second
    def function(self, other, alpha=1):
        if plain == "pow" and not inplace and not isinstance(self, (list, tuple)) and isinstance(other, (list, tuple)):
            return tuple(self ** exponent for exponent in other)
        call = method if alpha == 1 else partial(method, alpha=alpha)
        results = map(call, self, _per_tensor(name, len(_tensors(name, self)), other))
        if not inplace:
            return tuple(results)
        _run(results)
        return self
    return function


def _make_ternary(name, plain, inplace):
    method = _method(plain, inplace)

    def scaled(tensor, first, second, scale):
        return method(tensor, first, second, value=float(scale) if isinstance(scale, rl.Tensor) else scale)

    def function(self, tensor1, tensor2, value=1, scalars=None):
        count = len(_tensors(name, self))
        first, second = _per_tensor(name, count, tensor1), _per_tensor(name, count, tensor2)
        scale = value if scalars is None else scalars
        if isinstance(scale, (int, float)):
            results = map(method if scale == 1 else partial(method, value=scale), self, first, second)
        else:
            if isinstance(scale, rl.Tensor) and scale.dim() != 1:
                raise RuntimeError(f"Expected packed scalar Tensor to be of dimension 1. Got {scale.dim()} instead.")
            scales = scale.tolist() if isinstance(scale, rl.Tensor) else scale
            results = map(scaled, self, first, second, _per_tensor(name, count, scales))
        if not inplace:
            return tuple(results)
        _run(results)
        return self
    return function


def _make_lerp(name, inplace):
    method = _method("lerp", inplace)

    def function(self, tensors1, weight=None, *, weights=None):
        count = len(_tensors(name, self))
        weight = weight if weights is None else weights
        scales = weight.tolist() if isinstance(weight, rl.Tensor) and weight.dim() else weight
        results = map(method, self, _per_tensor(name, count, tensors1), _per_tensor(name, count, scales))
        if not inplace:
            return tuple(results)
        _run(results)
        return self
    return function


def _norm(self, ord=2, dtype=None):
    """The norm of each tensor."""
    norm = rl.linalg.vector_norm
    return tuple(map(norm if dtype is None else partial(norm, dtype=dtype), _tensors("norm", self), repeat(ord)))


def _powsum(self, ord=2, dtype=None):
    """The sum of the powers of each tensor's absolute values."""
    return tuple(t.to(dtype or t.dtype).abs().pow(ord).sum() for t in _tensors("powsum", self))


def _mm(self, mat2):
    """The product of each pair of matrices."""
    return tuple(map(rl.Tensor.mm, self, _per_tensor("mm", len(_tensors("mm", self)), mat2)))


def _max(self):
    """The greatest element of each tensor."""
    return tuple(map(rl.Tensor.max, _tensors("max", self)))


_OTHERS = {"norm": _norm, "powsum": _powsum, "mm": _mm, "max": _max}


def _make(short, plain, inplace):
    """The function of a name without its prefix, or None."""
    if plain in _OTHERS and not inplace:
        return _OTHERS[plain]
    if plain in _UNARY and (inplace or plain != "zero") and (plain != "clone" or not inplace):
        return _make_unary(short, plain, inplace)
    if plain in ("copy", "maximum", "minimum", "clamp_max", "clamp_min"):
        return _make_bound(short, _BINARY[plain], inplace) if plain != "copy" else _make_copy(short) if inplace else None
    if plain in _BINARY:
        return _make_binary(short, _BINARY[plain], inplace)
    if plain in _TERNARY:
        return _make_lerp(short, inplace) if plain == "lerp" else _make_ternary(short, plain, inplace)
    return None


def function(name):
    """The function of a name such as "_foreach_add_", or None."""
    if name not in _MADE:
        short = name.removeprefix("_foreach_")
        made = _make(short, short.removesuffix("_"), short.endswith("_"))
        if made is None:
            return None
        made.__name__ = made.__qualname__ = name
        _MADE[name] = made
    return _MADE[name]
