"""Calling a module as a function of its parameters: others take their places for one call."""

import contextlib
import warnings

import rushlight as rl

__all__ = ["functional_call"]


def _with_tied(module, given):
    """`given`, with each value under every name that is bound to the same tensor in the module."""
    names_of = {}
    for name, tensor in (*module.named_parameters(remove_duplicate=False), *module.named_buffers(remove_duplicate=False)):
        names_of.setdefault(tensor, []).append(name)
    complete = dict(given)
    for names in names_of.values():
        present = [name for name in names if name in given]
        if len(present) > 1 and len({id(given[name]) for name in present}) > 1:
            raise ValueError(f"functional_call got multiple values for keys {sorted(present)}, which are tied. "
                             "Consider using tie_weights=False")
        if present:
            complete.update(dict.fromkeys(names, given[present[0]]))
    return complete


def _check_keys(module, given):
    known = {name for name, _ in (*module.named_parameters(remove_duplicate=False), *module.named_buffers(remove_duplicate=False))}
    problems = [f"{title} key(s): {', '.join(map(repr, sorted(keys)))}."
                for title, keys in (("Unexpected", set(given) - known), ("Missing", known - set(given))) if keys]
    if problems:
        raise RuntimeError("Error(s) in reparametrizing for {}:\n\t{}".format(module._get_name(), "\n\t".join(problems)))


def _place(owner, name, value):
    """The dictionary in which a module keeps an attribute, or would keep this one."""
    for registry in (owner._parameters, owner._buffers):
        if name in registry:
            return registry
    if hasattr(owner, name) and not isinstance(getattr(owner, name), rl.Tensor):
        raise TypeError(f"attribute `{name}`: {getattr(owner, name)} is not an instance of torch.Tensor")
    return owner._parameters if isinstance(value, rl.nn.Parameter) else owner.__dict__


@contextlib.contextmanager
def _reparametrize_module(module, parameters_and_buffers, tie_weights=False, strict=False, stack_weights=False):
    """Within the block the module's tensors are these; what forward leaves in their places is written back to the dictionary."""
    values = _with_tied(module, parameters_and_buffers) if tie_weights else dict(parameters_and_buffers)
    if strict:
        _check_keys(module, values)
    swapped = []
    try:
        for path, value in values.items():
            if value is not None and not isinstance(value, rl.Tensor):
                raise TypeError(f"{value} is not an instance of torch.Tensor")
            prefix, _, name = path.rpartition(".")
            place = _place(module.get_submodule(prefix), name, value)
            swapped.append((path, place, name, name in place, place.get(name)))
            place[name] = value
        yield
    finally:
        for path, place, name, was_there, before in (reversed(swapped) if stack_weights else swapped):
            now = place.get(name)
            if path in parameters_and_buffers and isinstance(now, rl.Tensor):
                parameters_and_buffers[path] = now
            if was_there:
                place[name] = before
            else:
                place.pop(name, None)


def functional_call(module, parameters_and_buffers, args=None, kwargs=None, *, tie_weights=True, strict=False):
    """Call the module with these tensors in place of its own. The old path of `func.functional_call`."""
    warnings.warn("`torch.nn.utils.stateless.functional_call` is deprecated as of PyTorch 2.0 and will be removed in a future version "
                  "of PyTorch. Please use `torch.func.functional_call` instead which is a drop-in replacement.", FutureWarning, stacklevel=2)
    return _functional_call(module, parameters_and_buffers, args, kwargs, tie_weights=tie_weights, strict=strict)


def _functional_call(module, parameters_and_buffers, args=None, kwargs=None, *, tie_weights=True, strict=False):
    args = () if args is None else args if isinstance(args, tuple) else (args,)
    with _reparametrize_module(module, parameters_and_buffers, tie_weights=tie_weights, strict=strict):
        return module(*args, **(kwargs or {}))
