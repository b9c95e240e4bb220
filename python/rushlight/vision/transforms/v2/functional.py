"""torchvision.transforms.v2.functional: version 1's functions, and those that have other names there."""

import rushlight as rl

from .. import functional as _plain
from ..functional import *  # noqa: F401, F403
from ..functional import __all__ as _names

__all__ = ["get_size", "grayscale_to_rgb", "horizontal_flip", "permute_channels", "to_dtype", "to_dtype_image", "to_grayscale", "to_image", "vertical_flip", *_names]

horizontal_flip, vertical_flip, to_grayscale = _plain.hflip, _plain.vflip, _plain.to_grayscale


def to_image(inpt):
    """A picture or (H, W, C) array as a (C, H, W) tensor of its own values; a tensor stays as it is."""
    if isinstance(inpt, rl.Tensor):
        return inpt
    if _plain.images.is_pil(inpt) or isinstance(inpt, _plain.images.Image):
        return _plain.pil_to_tensor(inpt)
    return rl.from_numpy(_plain.np.array(_plain._planes(inpt), order="C"))


def to_dtype(inpt, dtype=rl.float32, scale=False):
    """In another type of number; with `scale`, white stays white."""
    return _plain.convert_image_dtype(inpt, dtype) if scale else inpt.to(dtype)


to_dtype_image = to_dtype


def grayscale_to_rgb(inpt):
    """Three channels, from one or three."""
    if _plain.get_dimensions(inpt)[0] == 3:
        return inpt
    return inpt.repeat_interleave(3, dim=-3) if isinstance(inpt, rl.Tensor) else _plain.to_grayscale(inpt, 3)


def permute_channels(inpt, permutation):
    """The channels in another order."""
    if sorted(permutation) != list(range(inpt.shape[-3])):
        raise ValueError(f"permutation {list(permutation)} does not name each of the {inpt.shape[-3]} channels once")
    return inpt[..., list(permutation), :, :]


def get_size(inpt):
    """Height and width."""
    return _plain.get_dimensions(inpt)[1:]
