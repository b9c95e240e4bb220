"""Gradients of the convolutions as functions: by input, given its size, and by weight, given its size."""

import rushlight as rl

from . import functional as F


def _gradient(n, wrt_input, shape, other, grad_output, stride, padding, dilation, groups):
    """The vector-Jacobian product of an n-dimensional convolution, by one of its two arguments; itself differentiable."""
    unknown = rl.zeros(list(shape), dtype=other.dtype, requires_grad=True)
    further = rl.is_grad_enabled() and (other.requires_grad or grad_output.requires_grad)
    other = other if further else other.detach()
    with rl.enable_grad():
        out = getattr(F, f"conv{n}d")(*((unknown, other) if wrt_input else (other, unknown)), None, stride, padding, dilation, groups)
    return rl.autograd.grad(out, unknown, grad_output, create_graph=further)[0]


def conv1d_input(input_size, weight, grad_output, stride=1, padding=0, dilation=1, groups=1):
    """The gradient of conv1d by its input."""
    return _gradient(1, True, input_size, weight, grad_output, stride, padding, dilation, groups)


def conv1d_weight(input, weight_size, grad_output, stride=1, padding=0, dilation=1, groups=1):
    """The gradient of conv1d by its weight."""
    return _gradient(1, False, weight_size, input, grad_output, stride, padding, dilation, groups)


def conv2d_input(input_size, weight, grad_output, stride=1, padding=0, dilation=1, groups=1):
    """The gradient of conv2d by its input."""
    return _gradient(2, True, input_size, weight, grad_output, stride, padding, dilation, groups)


def conv2d_weight(input, weight_size, grad_output, stride=1, padding=0, dilation=1, groups=1):
    """The gradient of conv2d by its weight."""
    return _gradient(2, False, weight_size, input, grad_output, stride, padding, dilation, groups)


def conv3d_input(input_size, weight, grad_output, stride=1, padding=0, dilation=1, groups=1):
    """The gradient of conv3d by its input."""
    return _gradient(3, True, input_size, weight, grad_output, stride, padding, dilation, groups)


def conv3d_weight(input, weight_size, grad_output, stride=1, padding=0, dilation=1, groups=1):
    """The gradient of conv3d by its weight."""
    return _gradient(3, False, weight_size, input, grad_output, stride, padding, dilation, groups)
