"""Keeping gradients within bounds before an optimizer's step. Gradients are changed in place."""

import functools
import types
import warnings

import rushlight as rl

__all__ = ["get_total_norm", "clip_grads_with_norm_", "clip_grad_norm_", "clip_grad_norm", "clip_grad_value_"]


def _without_recording(f):
    @functools.wraps(f)
    def wrapped(*args, **kwargs):
        with rl.no_grad():
            return f(*args, **kwargs)
    return wrapped


def _gradients(parameters):
    if isinstance(parameters, rl.Tensor):
        parameters = [parameters]
    empty_generator = isinstance(parameters, types.GeneratorType)
    parameters = list(parameters)
    if empty_generator and not parameters:
        warnings.warn("`parameters` is an empty generator, no gradient clipping will occur.", stacklevel=4)
    return [p.grad for p in parameters if p.grad is not None]


@_without_recording
def get_total_norm(tensors, norm_type=2.0, error_if_nonfinite=False, foreach=None):
    """The norm of all elements of all tensors, as if they were one vector. `foreach` changes nothing here."""
    tensors = [tensors] if isinstance(tensors, rl.Tensor) else list(tensors)
    norm_type = float(norm_type)
    if not tensors:
        return rl.tensor(0.0)
    total = rl.linalg.vector_norm(rl.stack([rl.linalg.vector_norm(t, norm_type) for t in tensors]), norm_type)
    if error_if_nonfinite and not rl.isfinite(total):
        raise RuntimeError(f"The total norm of order {norm_type} for gradients from `parameters` is non-finite, so it cannot be clipped. "
                           "To disable this error and scale the gradients by the non-finite norm anyway, set "
                           "`error_if_nonfinite=False`")
    return total


@_without_recording
def clip_grads_with_norm_(parameters, max_norm, total_norm, foreach=None):
    """Scale the gradients so that a norm of `total_norm` becomes at most `max_norm`."""
    # Multiplying by one where nothing is to be clipped costs a pass and saves reading the norm back.
    scale = (float(max_norm) / (total_norm + 1e-6)).clamp(max=1.0)
    for gradient in _gradients(parameters):
        gradient.mul_(scale.to(gradient.dtype))


@_without_recording
def clip_grad_norm_(parameters, max_norm, norm_type=2.0, error_if_nonfinite=False, foreach=None):
    """Scale the parameters' gradients together to a norm of at most `max_norm`; returns the norm they had."""
    if not isinstance(parameters, rl.Tensor):
        empty_generator = isinstance(parameters, types.GeneratorType)
        parameters = list(parameters)
        if empty_generator and not parameters:
            warnings.warn("`parameters` is an empty generator, no gradient clipping will occur.", stacklevel=3)
    total = get_total_norm(_gradients(parameters), norm_type, error_if_nonfinite, foreach)
    clip_grads_with_norm_(parameters, max_norm, total, foreach)
    return total


def clip_grad_norm(parameters, max_norm, norm_type=2.0, error_if_nonfinite=False, foreach=None):
    """The old name of `clip_grad_norm_`."""
    warnings.warn("`torch.nn.utils.clip_grad_norm` is now deprecated in favor of `torch.nn.utils.clip_grad_norm_`.", FutureWarning,
                  stacklevel=2)
    return clip_grad_norm_(parameters, max_norm, norm_type, error_if_nonfinite, foreach)


@_without_recording
def clip_grad_value_(parameters, clip_value, foreach=None):
    """Clamp every element of the parameters' gradients to [-clip_value, clip_value]."""
    clip_value = float(clip_value)
    for gradient in _gradients(parameters):
        gradient.clamp_(min=-clip_value, max=clip_value)
