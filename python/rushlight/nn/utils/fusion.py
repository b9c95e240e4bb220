"""A batch normalisation in evaluation is a scale and a shift per channel: both can move into the layer before it."""

import copy

import rushlight as rl

__all__ = ["fuse_conv_bn_eval", "fuse_conv_bn_weights", "fuse_linear_bn_eval", "fuse_linear_bn_weights"]


def _scale_and_shift(bias, mean, variance, eps, weight, shift):
    """The factor of each channel and the bias that the fused layer has."""
    weight = rl.ones_like(mean) if weight is None else weight
    shift = rl.zeros_like(mean) if shift is None else shift
    bias = rl.zeros_like(mean) if bias is None else bias
    scale = weight * rl.rsqrt(variance + eps)
    return scale, (bias - mean) * scale + shift


def _parameter(value, like):
    requires_grad = like.requires_grad if like is not None else False
    return rl.nn.Parameter(value.detach() if value.requires_grad else value, requires_grad)


def fuse_conv_bn_weights(conv_w, conv_b, bn_rm, bn_rv, bn_eps, bn_w, bn_b, transpose=False):
    """Weight and bias of the convolution that does both."""
    scale, bias = _scale_and_shift(conv_b, bn_rm, bn_rv, bn_eps, bn_w, bn_b)
    channels = [1] * conv_w.dim()
    channels[1 if transpose else 0] = -1
    weight = (conv_w * scale.reshape(channels)).to(conv_w.dtype)
    bias = bias.to(conv_w.dtype if conv_b is None else conv_b.dtype)
    return _parameter(weight, conv_w), _parameter(bias, conv_w if conv_b is None else conv_b)


def fuse_linear_bn_weights(linear_w, linear_b, bn_rm, bn_rv, bn_eps, bn_w, bn_b):
    """Weight and bias of the linear layer that does both."""
    scale, bias = _scale_and_shift(linear_b, bn_rm, bn_rv, bn_eps, bn_w, bn_b)
    weight = (linear_w * scale.unsqueeze(-1)).to(linear_w.dtype)
    bias = bias.to(linear_w.dtype if linear_b is None else linear_b.dtype)
    return _parameter(weight, linear_w), _parameter(bias, linear_w if linear_b is None else linear_b)


def _check_evaluating(layer, bn):
    if layer.training or bn.training:
        raise AssertionError("Fusion only for eval!")
    if bn.running_mean is None or bn.running_var is None:
        raise AssertionError("Expected bn.running_mean and bn.running_var to be not None")


def fuse_conv_bn_eval(conv, bn, transpose=False):
    """A copy of the convolution that gives what `bn(conv(x))` gives in evaluation."""
    _check_evaluating(conv, bn)
    fused = copy.deepcopy(conv)
    fused.weight, fused.bias = fuse_conv_bn_weights(fused.weight, fused.bias, bn.running_mean, bn.running_var, bn.eps, bn.weight,
                                                    bn.bias, transpose)
    return fused


def fuse_linear_bn_eval(linear, bn):
    """A copy of the linear layer that gives what `bn(linear(x))` gives in evaluation."""
    _check_evaluating(linear, bn)
    if linear.out_features != bn.num_features and bn.num_features != 1:
        raise AssertionError("To fuse, linear.out_features == bn.num_features or bn.num_features == 1, got "
                             f"{linear.out_features} and {bn.num_features}")
    fused = copy.deepcopy(linear)
    fused.weight, fused.bias = fuse_linear_bn_weights(fused.weight, fused.bias, bn.running_mean, bn.running_var, bn.eps, bn.weight,
                                                      bn.bias)
    return fused
