"""torch._foreach_NAME: one operation over lists of tensors, with a list, a number, a list of numbers or one tensor beside them.

Optimizers outside torch are written with these names. Each is the plain operation, tensor by tensor, in the order of the lists.
"""

import rushlight as rl

_UNARY = frozenset("abs acos asin atan ceil clone cos cosh erf erfc exp expm1 floor frac lgamma log log10 log1p log2 neg reciprocal round rsqrt sigmoid sign sin sinh "
                   "sqrt tan tanh trunc zero".split())
_BINARY = {"add": "add", "sub": "sub", "mul": "mul", "div": "div", "pow": "pow", "maximum": "maximum", "minimum": "minimum",
           "clamp_max": "minimum", "clamp_min": "maximum", "copy": "copy"}
_TERNARY = frozenset(("addcmul", "addcdiv", "lerp"))
_MADE = {}


def _tensors(name, values, argument="self"):
    if isinstance(values, rl.Tensor) or not isinstance(values, (list, tuple)):
        raise TypeError(f"_foreach_{name}(): argument '{argument}' must be tuple of Tensors, not {type(values).__name__}")
    if not values:
        raise RuntimeError(f"_foreach_{name}(): Tensor list must have at least one tensor.")
    return values


def _per_tensor(name, count, other):
    """`other` once for each tensor: a list as it is, a number or a tensor again and again."""
    if not isinstance(other, (list, tuple)):
        return [other] * count
    if len(other) != count:
        raise RuntimeError(f"_foreach_{name}(): Tensor lists must have the same number of tensors, got {count} and {len(other)}")
    return other


def _bounded(plain, tensor, other):
    """maximum, minimum and pow with a number."""
    if isinstance(other, rl.Tensor) or plain not in ("maximum", "minimum"):
        return getattr(tensor, plain)(other)
    return tensor.clamp(min=other) if plain == "maximum" else tensor.clamp(max=other)


def _write(tensors, results):
    for tensor, result in zip(tensors, results):
        tensor.copy_(result)
    return tensors


def _make_unary(name, plain, inplace):
    def function(self):
        results = [getattr(t, plain + "_" if inplace else plain)() for t in _tensors(name, self)]
        return self if inplace else tuple(results)
    return function


def _make_binary(name, plain, inplace):
    def function(self, other, alpha=1, **kwargs):
        if not isinstance(self, (list, tuple)) and isinstance(other, (list, tuple)) and plain == "pow" and not inplace:
            return tuple(self ** exponent for exponent in other)
        others = _per_tensor(name, len(_tensors(name, self)), other)
        if plain == "copy":
            for target, source in zip(self, others):
                target.copy_(source)
            return self
        scale = {} if alpha == 1 else {"alpha": alpha}
        if inplace and plain not in ("maximum", "minimum"):
            for tensor, value in zip(self, others):
                getattr(tensor, plain + "_")(value, **scale)
            return self
        results = [_bounded(plain, t, o) if not scale else getattr(t, plain)(o, **scale) for t, o in zip(self, others)]
        return _write(self, results) if inplace else tuple(results)
    return function


def _make_ternary(name, plain, inplace):
    def function(self, tensors1, tensors2, value=1, scalars=None):
        first = _per_tensor(name, len(_tensors(name, self)), tensors1)
        second = _per_tensor(name, len(self), tensors2)
        scale = value if scalars is None else scalars
        scales = _per_tensor(name, len(self), scale.tolist() if isinstance(scale, rl.Tensor) and scale.dim() else scale)
        call = plain + "_" if inplace else plain
        results = [getattr(t, call)(a, b) if plain == "lerp" else getattr(t, call)(a, b, value=float(s) if isinstance(s, rl.Tensor) else s)
                   for t, a, b, s in zip(self, first, second, scales)]
        return self if inplace else tuple(results)
    if plain == "lerp":
        return lambda self, tensors1, weight=None, *, weights=None: function(self, tensors1, weight if weights is None else weights)
    return function


def _norm(self, ord=2, dtype=None):
    """The norm of each tensor."""
    return tuple(rl.linalg.vector_norm(t, ord, dtype=dtype) for t in _tensors("norm", self))


def _powsum(self, ord=2, dtype=None):
    """The sum of the powers of each tensor's absolute values."""
    return tuple(t.to(dtype or t.dtype).abs().pow(ord).sum() for t in _tensors("powsum", self))


def _mm(self, mat2):
    """The product of each pair of matrices."""
    return tuple(t.mm(m) for t, m in zip(self, _per_tensor("mm", len(_tensors("mm", self)), mat2)))


def _max(self):
    """The greatest element of each tensor."""
    return tuple(t.max() for t in _tensors("max", self))


_OTHERS = {"norm": _norm, "powsum": _powsum, "mm": _mm, "max": _max}


def function(name):
    """The function of a name such as "_foreach_add_", or None."""
    if name in _MADE:
        return _MADE[name]
    short = name.removeprefix("_foreach_")
    plain, inplace = short.removesuffix("_"), short.endswith("_")
    if plain in _OTHERS and not inplace:
        made = _OTHERS[plain]
    elif plain in _UNARY and (inplace or plain != "zero") and (plain != "clone" or not inplace):
        made = _make_unary(short, plain, inplace)
    elif plain in _BINARY and (inplace or plain != "copy"):
        made = _make_binary(short, _BINARY[plain], inplace)
    elif plain in _TERNARY:
        made = _make_ternary(short, plain, inplace)
    else:
        return None
    made.__name__ = made.__qualname__ = name
    _MADE[name] = made
    return made
