"""Calling several modules, each on its part."""

__all__ = ["parallel_apply"]


def parallel_apply(modules, inputs, kwargs_tup=None, devices=None):
    """Call each module with its inputs; one after the other, since all share one CPU."""
    if len(modules) != len(inputs):
        raise AssertionError(f"The number of modules {len(modules)} is not equal to the number of inputs {len(inputs)}")
    kwargs_tup = kwargs_tup or ({},) * len(modules)
    return [module(*(given if isinstance(given, (list, tuple)) else (given,)), **(named or {}))
            for module, given, named in zip(modules, inputs, kwargs_tup)]
