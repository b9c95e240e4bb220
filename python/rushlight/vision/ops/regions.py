"""Regions of interest: each box of a feature map as a grid of one size, by averages of samples (align) or by maxima (pool)."""

import math

import rushlight as rl
from rushlight import nn

__all__ = ["RoIAlign", "RoIPool", "roi_align", "roi_pool"]


def _with_batch(boxes):
    """(K, 5): the number of the picture before each box."""
    if not isinstance(boxes, (list, tuple)):
        return boxes
    return rl.cat([rl.cat([rl.full((len(b), 1), float(i), dtype=b.dtype), b], dim=1) for i, b in enumerate(boxes)], dim=0)


def _size(output_size):
    return (output_size, output_size) if isinstance(output_size, int) else tuple(output_size)


def _linear(places, size):
    """Where between two cells each place lies: both cells and the weights, zero for places outside."""
    inside = (places >= -1.0) & (places <= size)
    places = places.clamp(min=0)
    low = places.floor().long().clamp(max=size - 1)
    high = (low + 1).clamp(max=size - 1)
    part = rl.where(low >= size - 1, rl.zeros_like(places), places - low)
    return low, high, (1 - part) * inside, part * inside


def _samples(start, length, bins, count):
    """The places of `count` samples in each of `bins` parts of an interval."""
    step = length / bins
    at = (rl.arange(bins, dtype=rl.float32)[:, None] + (rl.arange(count, dtype=rl.float32) + 0.5) / count).reshape(-1)
    return start + at * step


def roi_align(input, boxes, output_size, spatial_scale=1.0, sampling_ratio=-1, aligned=False):
    """(K, C, *output_size): in each part of each box the mean of samples, which are interpolated; sampling_ratio of them each way."""
    rois, (high, wide) = _with_batch(boxes), _size(output_size)
    if rois.dim() != 2 or rois.shape[1] != 5:
        raise AssertionError("The boxes tensor shape is not correct as Tensor[K, 5] or the shape of the tensor in the list is not correct as Tensor[L, 4]")
    outputs = []
    for roi in rois.detach().tolist():
        image = input[int(roi[0])]
        shift = 0.5 if aligned else 0.0
        x1, y1, x2, y2 = (c * spatial_scale - shift for c in roi[1:])
        w, h = (x2 - x1, y2 - y1) if aligned else (max(x2 - x1, 1.0), max(y2 - y1, 1.0))
        ny, nx = (sampling_ratio,) * 2 if sampling_ratio > 0 else (max(math.ceil(h / high), 1), max(math.ceil(w / wide), 1))
        y0, y1_, wy0, wy1 = _linear(_samples(y1, h, high, ny), input.shape[2])
        x0, x1_, wx0, wx1 = _linear(_samples(x1, w, wide, nx), input.shape[3])
        wy0, wy1, wx0, wx1 = (v.to(input.dtype) for v in (wy0, wy1, wx0, wx1))
        rows = image[:, y0] * wy0[:, None] + image[:, y1_] * wy1[:, None]
        cells = rows[:, :, x0] * wx0 + rows[:, :, x1_] * wx1
        outputs.append(cells.reshape(-1, high, ny, wide, nx).mean((2, 4)))
    return rl.stack(outputs) if outputs else input.new_zeros((0, input.shape[1], high, wide))


def _round(x):
    """To the nearest, halves away from zero."""
    return int(math.floor(abs(x) + 0.5) * (1 if x >= 0 else -1))


def roi_pool(input, boxes, output_size, spatial_scale=1.0):
    """(K, C, *output_size): in each part of each box the greatest cell."""
    rois, (high, wide) = _with_batch(boxes), _size(output_size)
    outputs = []
    for roi in rois.detach().tolist():
        image = input[int(roi[0])]
        x1, y1, x2, y2 = (_round(c * spatial_scale) for c in roi[1:])
        h, w = max(y2 - y1 + 1, 1) / high, max(x2 - x1 + 1, 1) / wide
        cells = []
        for i in range(high):
            top, bottom = (min(max(v + y1, 0), input.shape[2]) for v in (math.floor(i * h), math.ceil((i + 1) * h)))
            for j in range(wide):
                left, right = (min(max(v + x1, 0), input.shape[3]) for v in (math.floor(j * w), math.ceil((j + 1) * w)))
                empty = bottom <= top or right <= left
                cells.append(image.new_zeros(image.shape[0]) if empty else image[:, top:bottom, left:right].amax((1, 2)))
        outputs.append(rl.stack(cells, dim=1).reshape(-1, high, wide))
    return rl.stack(outputs) if outputs else input.new_zeros((0, input.shape[1], high, wide))


class RoIAlign(nn.Module):
    """roi_align as a layer."""

    def __init__(self, output_size, spatial_scale, sampling_ratio, aligned=False):
        super().__init__()
        self.output_size, self.spatial_scale, self.sampling_ratio, self.aligned = output_size, spatial_scale, sampling_ratio, aligned

    def forward(self, input, rois):
        return roi_align(input, rois, self.output_size, self.spatial_scale, self.sampling_ratio, self.aligned)

    def __repr__(self):
        return (f"{self.__class__.__name__}(output_size={self.output_size}, spatial_scale={self.spatial_scale}, "
                f"sampling_ratio={self.sampling_ratio}, aligned={self.aligned})")


class RoIPool(nn.Module):
    """roi_pool as a layer."""

    def __init__(self, output_size, spatial_scale):
        super().__init__()
        self.output_size, self.spatial_scale = output_size, spatial_scale

    def forward(self, input, rois):
        return roi_pool(input, rois, self.output_size, self.spatial_scale)

    def __repr__(self):
        return f"{self.__class__.__name__}(output_size={self.output_size}, spatial_scale={self.spatial_scale})"
