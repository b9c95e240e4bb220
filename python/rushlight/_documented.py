"""Calls as torch's documentation writes them, where torch's own parser knows other names or wants keywords.

`x.mul(value=2)`, `x.narrow(dimension=0, ...)`, `x.sum(0, False, dtype)` are in torch's manual, and torch itself refuses them.  Here
both ways work: rows are written for the parser, and a call that does not fit its row is read once more in the form below.  Of a
form, parameters without a default go on by position, the others by name, and those that are None not at all.
inspect.signature and _C.pyi show these forms.
"""

import functools
import inspect

_METHODS = {
    "(value)": "mul mul_ multiply multiply_ true_divide true_divide_ floor_divide floor_divide_",
    "(value, *, rounding_mode=None)": "div div_ divide divide_",
    "(divisor)": "fmod fmod_ remainder remainder_",
    "(tensor2)": "matmul",
    "(batch2)": "bmm",
    "(other)": "dot",
    "(indices)": "take",
    "(src, non_blocking=False)": "copy_",
    "(mask, tensor)": "masked_scatter",
    "(dim, index, tensor2)": "index_copy",
    "(dim, index, tensor)": "index_copy_",
    "(dimension, start, length)": "narrow narrow_copy",
    "(split_size_or_sections)": "hsplit vsplit dsplit",
    "(k, dim=None, largest=True, sorted=True)": "topk",
    "(k, dim=None, keepdim=False)": "kthvalue",
    "(dim=None, keepdim=False)": "mode",
    "(dim=None, keepdim=False, dtype=None)": "sum nansum prod",
    "(dim, dtype=None)": "cumsum cumsum_ cumprod cumprod_",
    "(decimals=0)": "round round_",
    "(memory_format=contiguous_format)": "contiguous",
    "(size, stride, dtype=None, device=None, requires_grad=False, layout=strided, pin_memory=False)": "new_empty_strided",
}
_FUNCTIONS = {
    "(input, indices_or_sections)": "hsplit vsplit dsplit",
    "(tensors, axis=0, out=None)": "concatenate",
    "(B, L, upper=False, *, out=None)": "cholesky_solve",
    "(L, upper=False, *, out=None)": "cholesky_inverse",
    "(input, tau)": "orgqr",
    "(input, tau, other, left=True, transpose=False, *, out=None)": "ormqr",
    "(input, k, dim=None, keepdim=False, *, out=None)": "kthvalue",
    "(input, k, dim=None, largest=True, sorted=True, *, out=None)": "topk",
    "(sorted_sequence, values, *, out_int32=False, right=False, side=None, out=None, sorter=None)": "searchsorted",
    "(dividend, divisor, *, out=None)": "true_divide",
    "(tensor, split_size_or_sections, dim=0)": "unsafe_split",
    "(input, approximate='none')": "gelu",
}


def _by_name(forms):
    return {name: text for text, names in forms.items() for name in names.split()}


_FORMS = [_by_name(_FUNCTIONS), _by_name(_METHODS)]
# torch takes these too, and its manual does not say so: alpha by position behind a number
_MORE = [_by_name({"(input, other, alpha=1)": "add sub subtract rsub"}), _by_name({"(other, alpha=1)": "add add_ sub sub_ subtract subtract_"})]


def form(name, method):
    """The documented signature of a function or method, or None where it is the row's own."""
    text = _FORMS[method].get(name)
    return text and _signature(text, method)


@functools.cache
def _signature(text, method):
    import rushlight as rl
    inner = ("self, " if method else "") + text[1:-1]
    return inspect.signature(eval(f"lambda {inner}: None", {"contiguous_format": rl.contiguous_format, "strided": rl.strided}))


def call(function, name, method, args, kwargs):
    """A call that did not fit its row, in the documented form; NotImplemented where that says nothing else."""
    text = _FORMS[method].get(name) or _MORE[method].get(name)
    if text is None:
        return NotImplemented
    wanted = _signature(text, method)
    try:
        given = wanted.bind(*args, **kwargs).arguments
    except TypeError:
        return NotImplemented
    defaults = {p.name: p.default for p in wanted.parameters.values()}
    placed = [value for key, value in given.items() if defaults[key] is inspect.Parameter.empty]
    named = {key: value for key, value in given.items() if defaults[key] is not inspect.Parameter.empty and value is not None}
    if len(placed) == len(args) and named.keys() == kwargs.keys():
        return NotImplemented       # this is how it was called
    return function(*placed, **named)
