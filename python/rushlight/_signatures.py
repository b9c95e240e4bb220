"""What inspect.signature says of an operation: one signature for all its overloads, with objects as defaults."""

import ast
import inspect

import rushlight as rl
from rushlight import _documented

_OBJECTS = {"preserve_format": rl.preserve_format, "contiguous_format": rl.contiguous_format, "channels_last": rl.channels_last}
_KEEPS_FORMAT = ("clone", "empty_like", "zeros_like", "ones_like", "full_like", "rand_like", "randn_like", "randint_like")
_TAKE_LAYOUT = ("_like", "empty_permuted", "empty_strided")
_EMPTY = inspect.Parameter.empty


def _default(node, argument, name):
    if node is None:
        return _EMPTY
    if argument.arg == "layout":
        return None if name.endswith(_TAKE_LAYOUT) else rl.strided
    if isinstance(node, ast.Name):
        return _OBJECTS.get(node.id) or getattr(rl, node.id)
    value = ast.literal_eval(node)
    if argument.arg == "memory_format" and value is None:
        return rl.preserve_format if name in _KEEPS_FORMAT else rl.contiguous_format
    return tuple(value) if isinstance(value, list) else value


def _parameters(text, name):
    """The parameters of one row, as written."""
    inner = text[text.index("(") + 1:text.rindex("->")].rstrip()[:-1]
    arguments = ast.parse(f"def f({inner}): pass").body[0].args
    found = []

    def add(argument, kind, default):
        found.append(inspect.Parameter(argument.arg, kind, default=default))

    lone = [None] * (len(arguments.args) - len(arguments.defaults))
    for argument, default in zip(arguments.args, lone + arguments.defaults):
        add(argument, inspect.Parameter.POSITIONAL_OR_KEYWORD, _default(default, argument, name))
    if arguments.vararg:
        add(arguments.vararg, inspect.Parameter.VAR_POSITIONAL, _EMPTY)
    for argument, default in zip(arguments.kwonlyargs, arguments.kw_defaults):
        add(argument, inspect.Parameter.KEYWORD_ONLY, _default(default, argument, name))
    return found


def merged(overloads):
    """The longest of the overloads; what some other lacks need not be given."""
    longest = max(overloads, key=len)
    result, optional = [], False
    for parameter in longest:
        needed = all(any(p.name == parameter.name for p in other) for other in overloads)
        if parameter.kind is not inspect.Parameter.VAR_POSITIONAL and parameter.default is _EMPTY and (not needed or optional and parameter.kind is parameter.POSITIONAL_OR_KEYWORD):
            parameter = parameter.replace(default=None)
        optional = optional or parameter.default is not _EMPTY
        result.append(parameter)
    return result


def signature(name, texts, method, out):
    """Of a row called name, whose overloads are written in texts; methods call their first parameter self and take no out=."""
    documented = _documented.form(name, method)
    if documented is not None:
        return documented
    parameters = merged([_parameters(text, name) for text in texts])
    if out and not method:
        parameters.append(inspect.Parameter("out", inspect.Parameter.KEYWORD_ONLY, default=None))
    if method:
        names = [p.name for p in parameters]
        parameters.insert(0, parameters.pop(names.index("input") if "input" in names else 0).replace(name="self", default=_EMPTY, kind=inspect.Parameter.POSITIONAL_OR_KEYWORD))
    return inspect.Signature(parameters)
