"""Convolution weights in the memory order of channels-last images."""

import rushlight as rl

__all__ = ["convert_conv2d_weight_memory_format", "convert_conv3d_weight_memory_format"]


def _convert(module, memory_format, kinds):
    if isinstance(module, kinds):
        module.weight.data = module.weight.detach().clone(memory_format=memory_format)
    for child in module.children():
        _convert(child, memory_format, kinds)
    return module


def convert_conv2d_weight_memory_format(module, memory_format):
    """Give the weights of all 2-d convolutions in the module this memory format."""
    return _convert(module, memory_format, (rl.nn.Conv2d, rl.nn.ConvTranspose2d))


def convert_conv3d_weight_memory_format(module, memory_format):
    """Give the weights of all 3-d convolutions in the module this memory format."""
    return _convert(module, memory_format, (rl.nn.Conv3d, rl.nn.ConvTranspose3d))
