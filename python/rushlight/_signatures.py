"""What inspect.signature says of an operation: one signature for all its overloads, with objects as defaults."""

import ast
import inspect

import rushlight as rl

_OBJECTS = {"preserve_format": rl.preserve_format, "contiguous_format": rl.contiguous_format, "channels_last": rl.channels_last}
_KEEPS_FORMAT = ("clone", "empty_like", "zeros_like", "ones_like", "full_like", "rand_like", "randn_like", "randint_like")
_EMPTY = inspect.Parameter.empty


def _default(node, argument, name):
    if node is None:
        return _EMPTY
    if argument.arg == "layout":
        return rl.strided
    if isinstance(node, ast.Name):
        return _OBJECTS[node.id]
    value = ast.literal_eval(node)
    return rl.preserve_format if argument.arg == "memory_format" and value is None and name in _KEEPS_FORMAT else value


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
    parameters = merged([_parameters(text, name) for text in texts])
    if out and not method:
        parameters.append(inspect.Parameter("out", inspect.Parameter.KEYWORD_ONLY, default=None))
    if method:
        parameters[0] = parameters[0].replace(name="self", kind=inspect.Parameter.POSITIONAL_OR_KEYWORD)
    return inspect.Signature(parameters)
