"""func.rearrange: axes by name, as in "b (h s) w -> b h (w s)"; what stands in brackets is one dim of the tensor.

A pattern is read once per number of dims.  The tensor is then reshaped so that each name is a dim, permuted, and reshaped.
"""

import functools
import keyword
import math
import re
import warnings

import rushlight as rl

_DOTS = "..."


def _check_name(name):
    if not name.isidentifier():
        raise ValueError(f"Invalid axis identifier: {name}\nnot a valid python identifier")
    if name[0] == "_" or name[-1] == "_":
        raise ValueError(f"Invalid axis identifier: {name}\naxis name should not start or end with underscore")
    if keyword.iskeyword(name):
        warnings.warn(f"It is discouraged to use axes names that are keywords: {name}", RuntimeWarning, stacklevel=6)


def _check_text(side):
    strange = re.search(r"[^\w\s().]", side)
    if strange:
        raise ValueError(f"Unknown character {strange[0]!r}")
    dots = side.replace(_DOTS, "", 1)
    if "." in dots:
        raise ValueError("Expression may contain dots only inside ellipsis (...); only one ellipsis for tensor")


def _read_side(side):
    """One side of the arrow: a list of names per dim; [] is a dim of one element, "..." all dims that are not named."""
    _check_text(side)
    groups, inner, seen = [], None, set()
    for token in re.findall(r"\.\.\.|[()]|\w+", side):
        if token == "(":
            if inner is not None:
                raise ValueError("Axis composition is one-level (brackets inside brackets not allowed)")
            inner = []
        elif token == ")":
            if inner is None:
                raise ValueError("Brackets are not balanced")
            groups.append(inner)
            inner = None
        elif token.isdecimal():
            if int(token) != 1:
                raise ValueError("rearrange only supports unnamed axes of size 1")
            if inner is None:
                groups.append([])
        else:
            if token in seen:
                raise ValueError(f"Indexing expression contains duplicate dimension {token!r}")
            if token != _DOTS:
                _check_name(token)
            seen.add(token)
            if inner is not None:
                inner.append(token)
            else:
                groups.append(_DOTS if token == _DOTS else [token])
    if inner is not None:
        raise ValueError(f"Imbalanced parentheses in expression: {side!r}")
    return groups, seen


def _check_sides(pattern, left, right, known, found):
    if _DOTS in found and _DOTS not in known:
        raise ValueError(f"Ellipsis found in right side, but not left side of a pattern {pattern}")
    if any(_DOTS in group for group in left if group != _DOTS):
        raise ValueError(f"Ellipsis in parentheses in the left side is not allowed: {pattern}")
    if known ^ found:
        raise ValueError(f"Identifiers only on one side of rearrange expression (should be on both): {known ^ found}")


@functools.lru_cache(256)
def _plan(ndim, pattern, names):
    """Names per dim on the left, the order of all names, and names per dim on the right."""
    if pattern.count("->") != 1:
        raise ValueError("Pattern must contain a single '->' separator")
    (left, known), (right, found) = map(_read_side, pattern.split("->"))
    _check_sides(pattern, left, right, known, found)
    strangers = set(names) - known
    if strangers:
        raise ValueError(f"Identifiers not found in rearrange expression: {strangers}")
    named = len(left) - (_DOTS in known)
    if named > ndim or (named < ndim and _DOTS not in known):
        raise ValueError(f"Number of dimensions in pattern ({named}) must be {'less than or ' if _DOTS in known else ''}equal to the number of dimensions in the tensor ({ndim})")
    rest = [f"...{i}" for i in range(ndim - named)]

    def spread(groups):
        for group in groups:
            if group == _DOTS:
                yield from ([name] for name in rest)
            else:
                yield [name for part in group for name in (rest if part == _DOTS else [part])]

    left, right = list(spread(left)), list(spread(right))
    flat = [name for group in left for name in group]
    return left, [flat.index(name) for group in right for name in group], right


def _lengths(left, shape, given):
    """The length of each name; one in each pair of brackets follows from the others."""
    lengths = dict(given)
    for group, size in zip(left, shape):
        product = math.prod(lengths[name] for name in group if name in lengths)
        unknown = [name for name in group if name not in lengths]
        if len(unknown) > 1:
            raise ValueError(f"rearrange: the lengths of {', '.join(unknown)} in a dim of {size} elements do not follow: give all but one of them")
        if (size != product) if not unknown else (product == 0 or size % product):
            raise ValueError(f"rearrange: a dim of {size} elements cannot be ({' '.join(group) or '1'}) with {', '.join(f'{n}={lengths[n]}' for n in group if n in lengths) or 'length 1'}")
        if unknown:
            lengths[unknown[0]] = size // product
    return lengths


def rearrange(tensor, pattern, **axes_lengths):
    """The elements of a tensor, or of a list of tensors as along a first dim, with dims split, permuted and joined as a pattern says.

    >>> rl.func.rearrange(rl.arange(6), "(a b) -> b a", a=2)
    tensor([[0, 3],
            [1, 4],
            [2, 5]])
    """
    if not isinstance(tensor, rl.Tensor):
        tensor = rl.stack(tuple(tensor))
    for length in axes_lengths.values():
        if type(length) is not int:
            raise TypeError(f"rearrange axis lengths must be integers, got: {type(length)}")
    left, order, right = _plan(tensor.dim(), pattern, tuple(axes_lengths))
    lengths = _lengths(left, tensor.shape, axes_lengths)
    split = tensor.reshape([lengths[name] for group in left for name in group])
    return split.permute(order).reshape([math.prod(lengths[name] for name in group) for group in right])
