"""Kullback-Leibler divergences KL(p || q) = E_p[log p(x) - log q(x)], one function for each pair of types that has a closed form.

`register_kl(P, Q)` adds a pair. A pair without a function of its own takes that of its nearest base classes. The functions are in two
files: `_kl_same` for pairs of one type, `_kl_mixed` for others.
"""

import warnings

from .distribution import Distribution

__all__ = ["register_kl", "kl_divergence"]

_KL_REGISTRY = {}  # (type of p, type of q): function
_KL_MEMOIZE = {}  # what dispatch found


def register_kl(type_p, type_q):
    """A decorator: the function computes kl_divergence(p, q) for these types and types derived from them.

    >>> @register_kl(MyNormal, Normal)
    ... def kl_mynormal_normal(p, q): ...

    Where two functions fit and neither pair is nearer in both places, the nearer p wins, with a warning; register the pair itself then.
    """
    for name, given in (("type_p", type_p), ("type_q", type_q)):
        if not isinstance(given, type):         # libraries register mixins of their own beside Distribution
            raise TypeError(f"Expected {name} to be a class such as a Distribution subclass but got {given}")

    def register(function):
        _KL_REGISTRY[type_p, type_q] = function
        _KL_MEMOIZE.clear()
        return function

    return register


def _nearer(types, others):
    """Whether the first pair comes before the second: in its first place that differs, its type is derived from the other's."""
    for a, b in zip(types, others):
        if a is not b:
            return issubclass(a, b)
    return True


def _nearest(pairs):
    best = pairs[0]
    for pair in pairs[1:]:
        if not _nearer(best, pair):
            best = pair
    return best


def _dispatch_kl(type_p, type_q):
    """The function for the nearest registered pair, or NotImplemented."""
    fitting = [(p, q) for p, q in _KL_REGISTRY if issubclass(type_p, p) and issubclass(type_q, q)]
    if not fitting:
        return NotImplemented
    by_p = _nearest(fitting)
    by_q = _nearest([(q, p) for p, q in fitting])[::-1]
    function = _KL_REGISTRY[by_p]
    if function is not _KL_REGISTRY[by_q]:
        warnings.warn(f"Ambiguous kl_divergence({type_p.__name__}, {type_q.__name__}). "
                      f"Please register_kl({by_p[0].__name__}, {by_q[1].__name__})", RuntimeWarning, stacklevel=3)
    return function


def kl_divergence(p, q):
    """KL(p || q), with the batch shape that p and q have in common."""
    types = type(p), type(q)
    function = _KL_MEMOIZE.get(types)
    if function is None:
        function = _KL_MEMOIZE[types] = _dispatch_kl(*types)
    if function is NotImplemented:
        raise NotImplementedError(f"No KL(p || q) is implemented for p type {types[0].__name__} and q type {types[1].__name__}")
    return function(p, q)


from . import _kl_mixed, _kl_same  # noqa: E402

globals().update({name: function for file in (_kl_same, _kl_mixed) for name, function in vars(file).items() if name.startswith("_kl_")})
