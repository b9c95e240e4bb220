"""Context managers that are decorators too: of functions, of generators (at every resumption), of classes (their construction)."""

import functools
import inspect
import sys
import warnings

__all__ = ["context_decorator"]


def _wrap_generator(make, func):
    """func, a generator function, with the context around each piece that runs, and not around the caller's code between."""
    @functools.wraps(func)
    def generator_context(*args, **kwargs):
        generator = func(*args, **kwargs)
        try:
            with make():
                response = generator.send(None)
            while True:
                try:
                    request = yield response
                except GeneratorExit:
                    with make():
                        generator.close()
                    raise
                except BaseException:
                    with make():
                        response = generator.throw(sys.exc_info()[1])
                else:
                    with make():
                        response = generator.send(request)
        except StopIteration as stop:
            return stop.value

    return generator_context


def context_decorator(ctx, func):
    """func inside ctx, a context manager or a function that makes one for each call."""
    if callable(ctx) and hasattr(ctx, "__enter__"):
        raise AssertionError(f"Passed in {ctx} is both callable and also a valid context manager (has __enter__), making it "
                             "ambiguous which interface to use: pass `lambda: ctx()` or `lambda: ctx`")
    make = ctx if callable(ctx) else lambda: ctx
    if inspect.isclass(func):
        raise RuntimeError("Cannot decorate classes; it is ambiguous whether or not only the constructor or all methods should have "
                           "the context manager applied. Decorate each method individually.")
    if inspect.isgeneratorfunction(func):
        return _wrap_generator(make, func)

    @functools.wraps(func)
    def decorate_context(*args, **kwargs):
        with make():
            return func(*args, **kwargs)

    return decorate_context


class _DecoratorContextManager:
    """A context manager whose instances decorate; each call enters a clone."""

    def __call__(self, orig_func):
        if not inspect.isclass(orig_func):
            return context_decorator(self.clone, orig_func)
        warnings.warn("Decorating classes is deprecated and will be disabled in future versions. You should only decorate functions "
                      "or methods. To preserve the current behavior of class decoration, you can directly decorate the `__init__` "
                      "method and nothing else.", FutureWarning, stacklevel=2)
        return context_decorator(self.clone, lambda *args, **kwargs: orig_func(*args, **kwargs))

    def __enter__(self):
        raise NotImplementedError

    def __exit__(self, exc_type, exc_value, traceback):
        raise NotImplementedError

    def clone(self):
        """Another one like it."""
        return self.__class__()


class _NoParamDecoratorContextManager(_DecoratorContextManager):
    """One that decorates without parentheses too."""

    def __new__(cls, orig_func=None):
        return object.__new__(cls) if orig_func is None else cls()(orig_func)
