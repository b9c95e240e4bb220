"""Modules as functions of their parameters, and what function transforms ask of modules."""

import rushlight as rl

__all__ = ["functional_call", "stack_module_state", "replace_all_batch_norm_modules_", "functionalize", "debug_unwrap"]


def functional_call(module, parameter_and_buffer_dicts, args=None, kwargs=None, *, tie_weights: bool = True, strict: bool = False):
    """module(*args, **kwargs) with these tensors in place of its own; a sequence of dicts is taken together."""
    given = parameter_and_buffer_dicts
    if not isinstance(given, dict):
        names = [name for part in given for name in part]
        repeated = sorted({name for name in names if names.count(name) > 1})
        if repeated:
            raise ValueError(f"{repeated} appeared in multiple dictionaries; behavior of functional call is ambiguous")
        given = {name: value for part in given for name, value in part.items()}
    return rl.nn.utils.stateless._functional_call(module, given, args, kwargs, tie_weights=tie_weights, strict=strict)


def stack_module_state(models):
    """({name: stacked parameters}, {name: stacked buffers}) of modules of one class, for vmap over functional_call."""
    models = list(models)
    if not models:
        raise RuntimeError("stack_module_state: Expected at least one model, got 0.")
    if len({model.training for model in models}) > 1:
        raise RuntimeError("stack_module_state: Expected all models to have the same training/eval mode.")
    if len({type(model) for model in models}) > 1:
        raise RuntimeError("stack_module_state: Expected all models to be of the same class.")

    def stacked(parts):
        made = {}
        for name in parts[0]:
            column = [part[name] for part in parts]
            whole = rl.stack([x.detach() for x in column])
            made[name] = whole.requires_grad_(all(x.requires_grad for x in column))
        return made

    return stacked([dict(m.named_parameters()) for m in models]), stacked([dict(m.named_buffers()) for m in models])


def replace_all_batch_norm_modules_(root):
    """Have all batch norms under root use the statistics of the batch alone, and keep none."""
    for module in root.modules():
        if isinstance(module, rl.nn.modules.batchnorm._BatchNorm):
            module.running_mean = module.running_var = module.num_batches_tracked = None
            module.track_running_stats = False
    return root


def functionalize(func, *, remove: str = "mutations"):
    """func itself: what a tracer needs, an eager engine does not."""
    if remove not in ("mutations", "mutations_and_views"):
        raise RuntimeError(f"functionalize(f, remove='mutations'): received invalid argument for remove={remove}. Valid options are:\n"
                           "     remove='mutations'\n     remove='mutations_and_views'")
    return func


def debug_unwrap(tensor, *, recurse: bool = True):
    """The tensor itself: transforms wrap nothing."""
    return tensor
