"""Many pictures in one, and pictures to files: torchvision.utils."""

import math

import numpy as np

import rushlight as rl

from .image import pillow, write_png

__all__ = ["make_grid", "save_image"]


def make_grid(tensor, nrow=8, padding=2, normalize=False, value_range=None, scale_each=False, pad_value=0.0):
    """One (3, H, W) picture of a batch (B, C, H, W) or a list of pictures, `nrow` to a row."""
    if not isinstance(tensor, rl.Tensor) and not (
            isinstance(tensor, list) and all(isinstance(t, rl.Tensor) for t in tensor)):
        raise TypeError(f"tensor or list of tensors expected, got {type(tensor)}")
    tensor = rl.stack(tensor, dim=0) if isinstance(tensor, list) else tensor
    if tensor.dim() == 2:
        tensor = tensor.unsqueeze(0)
    if tensor.dim() == 3:
        tensor = tensor.unsqueeze(0)
    if tensor.size(1) == 1:
        tensor = rl.cat((tensor, tensor, tensor), 1)
    if normalize:
        if value_range is not None and not isinstance(value_range, tuple):
            raise TypeError("value_range has to be a tuple (min, max) if specified. min and max are numbers")
        parts = list(tensor) if scale_each else [tensor]
        parts = [_to_unit(part, value_range) for part in parts]
        tensor = rl.stack(parts, dim=0) if scale_each else parts[0]
    if tensor.size(0) == 1:
        return tensor.squeeze(0)
    count = tensor.size(0)
    columns = min(nrow, count)
    rows = math.ceil(count / columns)
    height, width = tensor.size(2) + padding, tensor.size(3) + padding
    grid = rl.full((tensor.size(1), height * rows + padding, width * columns + padding), float(pad_value),
                   dtype=tensor.dtype)
    for k in range(count):
        top, left = k // columns * height + padding, k % columns * width + padding
        grid[:, top:top + height - padding, left:left + width - padding] = tensor[k]
    return grid


def _to_unit(tensor, value_range):
    """Scaled so that `value_range`, or the tensor's own, becomes [0, 1]."""
    low, high = value_range if value_range is not None else (float(tensor.min()), float(tensor.max()))
    return tensor.clamp(min=low, max=high).sub(low).div(max(high - low, 1e-5))


def save_image(tensor, fp, format=None, **kwargs):
    """Write a picture, or a grid of them, to a file: PNG by ourselves, other formats through Pillow."""
    grid = make_grid(tensor.detach() if isinstance(tensor, rl.Tensor) else [t.detach() for t in tensor], **kwargs)
    array = grid.mul(255).add(0.5).clamp(0, 255).permute(1, 2, 0).to(rl.uint8).numpy()
    kind = (format or str(getattr(fp, "name", fp)).rpartition(".")[2]).lower()
    if kind == "png":
        write_png(fp, array)
        return
    module = pillow()
    if module is None:
        raise RuntimeError(f"save_image: writing {kind} files needs Pillow (pip install pillow); "
                           "without it a name that ends in .png can be written")
    module.fromarray(np.ascontiguousarray(array)).save(fp, format=format)
