"""Splitting a batch for several devices and joining their results. All devices are the one CPU."""

import rushlight as rl

__all__ = ["scatter", "scatter_kwargs", "gather"]


def _part(value, count, dim):
    """`count` parts of everything: tensors are chunked, containers are taken apart, the rest is repeated."""
    if isinstance(value, rl.Tensor):
        return list(value.chunk(count, dim))
    if isinstance(value, (tuple, list)) and value:
        rebuild = (lambda parts: type(value)(*parts)) if hasattr(value, "_fields") else type(value)
        return [rebuild(parts) for parts in zip(*(_part(v, count, dim) for v in value))]
    if isinstance(value, dict) and value:
        return [type(value)(zip(value, parts)) for parts in zip(*(_part(v, count, dim) for v in value.values()))]
    return [value] * count


def scatter(inputs, target_gpus, dim=0):
    """The inputs' parts, one per target."""
    return _part(inputs, len(target_gpus), dim)


def scatter_kwargs(inputs, kwargs, target_gpus, dim=0):
    """Positional and keyword arguments' parts, one pair per target."""
    positional = scatter(inputs, target_gpus, dim) if inputs else []
    named = scatter(kwargs, target_gpus, dim) if kwargs else []
    positional.extend(() for _ in range(len(named) - len(positional)))
    named.extend({} for _ in range(len(positional) - len(named)))
    return tuple(positional), tuple(named)


def gather(outputs, target_device, dim=0):
    """The outputs of several devices as one: tensors are concatenated (numbers stacked), containers joined element by element."""
    first = outputs[0]
    if isinstance(first, rl.Tensor):
        return rl.stack(list(outputs)) if first.dim() == 0 else rl.cat(list(outputs), dim)
    if first is None:
        return None
    if isinstance(first, dict):
        if any(len(first) != len(output) for output in outputs):
            raise ValueError("All dicts must have the same number of keys")
        return type(first)((k, gather([output[k] for output in outputs], target_device, dim)) for k in first)
    parts = [gather(list(part), target_device, dim) for part in zip(*outputs)]
    return type(first)(*parts) if hasattr(first, "_fields") else type(first)(parts)
