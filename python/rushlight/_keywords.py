"""Keywords under their other names, for functions written in Python; rows of the table know theirs in csrc/bind/py_args.c."""

import functools


def also_called(**names):
    """Lets a function take arguments by the names that torch's parser knows them by, beside those that it is written with."""
    def decorate(function):
        @functools.wraps(function)
        def call(*args, **kwargs):
            if kwargs:
                for theirs, ours in names.items():
                    if theirs in kwargs:
                        if ours in kwargs:
                            raise TypeError(f"{function.__name__}() got multiple values for argument {ours!r}")
                        kwargs[ours] = kwargs.pop(theirs)
            return function(*args, **kwargs)
        return call
    return decorate


along = also_called(axis="dim", keepdims="keepdim")     # NumPy's words, which torch's parser takes wherever it takes these
