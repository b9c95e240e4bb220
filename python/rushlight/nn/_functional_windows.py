"""Pooling and unfolding: everything that looks at an input through windows.

Max pooling comes in pairs: the name itself chooses by `return_indices` between values and values with the flat
indices of where they came from; `..._with_indices` always gives both.
"""

import math

import rushlight as rl

from .._asking import ask_first
from ._rows import _nn
from ._sizes import _list_with_default, _pair, _single, _triple

__all__ = ["adaptive_avg_pool2d", "adaptive_avg_pool3d", "adaptive_max_pool1d",
           "adaptive_max_pool1d_with_indices", "adaptive_max_pool2d", "adaptive_max_pool2d_with_indices",
           "adaptive_max_pool3d", "adaptive_max_pool3d_with_indices",
           "fold", "fractional_max_pool2d", "fractional_max_pool2d_with_indices", "fractional_max_pool3d",
           "fractional_max_pool3d_with_indices", "lp_pool1d", "lp_pool2d", "lp_pool3d", "max_pool1d",
           "max_pool1d_with_indices", "max_pool2d", "max_pool2d_with_indices", "max_pool3d",
           "max_pool3d_with_indices", "max_unpool1d", "max_unpool2d", "max_unpool3d", "unfold"]


# ---- max pooling -----------------------------------------------------------------------------------------------


def _max_pool_with_indices(n, input, kernel_size, stride, padding, dilation, ceil_mode):
    op = getattr(_nn, f"max_pool{n}d_with_indices")
    return op(input, kernel_size, kernel_size if stride is None else stride, padding, dilation, ceil_mode)


def _max_pool(n, input, kernel_size, stride, padding, dilation, ceil_mode, return_indices):
    if return_indices:
        return _max_pool_with_indices(n, input, kernel_size, stride, padding, dilation, ceil_mode)
    op = getattr(_nn, f"max_pool{n}d")
    return op(input, kernel_size, kernel_size if stride is None else stride, padding, dilation, ceil_mode)


def max_pool1d(input, kernel_size, stride=None, padding=0, dilation=1, ceil_mode=False, return_indices=False):
    """The largest element of each window of (N, C, L) or (C, L)."""
    return _max_pool(1, input, kernel_size, stride, padding, dilation, ceil_mode, return_indices)


def max_pool2d(input, kernel_size, stride=None, padding=0, dilation=1, ceil_mode=False, return_indices=False):
    """The largest element of each window of (N, C, H, W) or (C, H, W)."""
    return _max_pool(2, input, kernel_size, stride, padding, dilation, ceil_mode, return_indices)


def max_pool3d(input, kernel_size, stride=None, padding=0, dilation=1, ceil_mode=False, return_indices=False):
    """The largest element of each window of (N, C, D, H, W) or (C, D, H, W)."""
    return _max_pool(3, input, kernel_size, stride, padding, dilation, ceil_mode, return_indices)


def max_pool1d_with_indices(input, kernel_size, stride=None, padding=0, dilation=1, ceil_mode=False,
                            return_indices=False):
    """max_pool1d and the index of each maximum."""
    return _max_pool_with_indices(1, input, kernel_size, stride, padding, dilation, ceil_mode)


def max_pool2d_with_indices(input, kernel_size, stride=None, padding=0, dilation=1, ceil_mode=False,
                            return_indices=False):
    """max_pool2d and the flat index of each maximum."""
    return _max_pool_with_indices(2, input, kernel_size, stride, padding, dilation, ceil_mode)


def max_pool3d_with_indices(input, kernel_size, stride=None, padding=0, dilation=1, ceil_mode=False,
                            return_indices=False):
    """max_pool3d and the flat index of each maximum."""
    return _max_pool_with_indices(3, input, kernel_size, stride, padding, dilation, ceil_mode)


def _unpool_output_size(input, kernel_size, stride, padding, output_size):
    """The spatial size to restore: the given one where it is within a stride of the natural one."""
    n = len(kernel_size)
    natural = [(input.size(-n + d) - 1) * stride[d] + kernel_size[d] - 2 * padding[d] for d in range(n)]
    if output_size is None:
        return natural
    output_size = list(output_size)
    if len(output_size) == n + 2:
        output_size = output_size[2:]
    if len(output_size) != n:
        raise ValueError(f"output_size should be a sequence containing {n} or {n + 2} elements, but it has a length "
                         f"of '{len(output_size)}'")
    for d in range(n):
        low, high = natural[d] - stride[d], natural[d] + stride[d]
        if not low < output_size[d] < high:
            raise ValueError(f"invalid output_size \"{output_size}\" (dim {d} must be between {low} and {high})")
    return output_size


def _max_unpool(n, input, indices, kernel_size, stride, padding, output_size):
    tuple_of = (_single, _pair, _triple)[n - 1]
    kernel_size = tuple_of(kernel_size)
    stride = kernel_size if stride is None else tuple_of(stride)
    padding = tuple_of(padding)
    size = _unpool_output_size(input, kernel_size, stride, padding, output_size)
    if indices.dtype != rl.int64:
        raise RuntimeError(f"elements in indices should be type int64 but got: {indices.dtype}")
    if input.shape != indices.shape:
        raise RuntimeError(f"Expected shape of indices to be same as that of the input tensor ({list(input.shape)}) "
                           f"but got indices tensor with shape: {list(indices.shape)}")
    if input.dim() not in (n + 1, n + 2):
        raise RuntimeError(f"Input to max_unpooling{n}d should be a {n + 1}d or {n + 2}d Tensor, but got "
                           f"{input.dim()}d")
    leading = list(input.shape[:-n])
    room = math.prod(size)
    if indices.numel() and not 0 <= int(indices.min()) <= int(indices.max()) < room:
        bad = int(indices.max()) if int(indices.max()) >= room else int(indices.min())
        raise RuntimeError(f"Found an invalid max index: {bad} (output volumes are of size {size})")
    flat = input.new_zeros(leading + [room])
    count = math.prod(input.shape[-n:])
    return flat.scatter(-1, indices.reshape(leading + [count]), input.reshape(leading + [count])).view(leading + size)


def max_unpool1d(input, indices, kernel_size, stride=None, padding=0, output_size=None):
    """Puts the maxima of max_pool1d back where their indices say, zeros elsewhere."""
    return _max_unpool(1, input, indices, kernel_size, stride, padding, output_size)


def max_unpool2d(input, indices, kernel_size, stride=None, padding=0, output_size=None):
    """Puts the maxima of max_pool2d back where their indices say, zeros elsewhere."""
    return _max_unpool(2, input, indices, kernel_size, stride, padding, output_size)


def max_unpool3d(input, indices, kernel_size, stride=None, padding=0, output_size=None):
    """Puts the maxima of max_pool3d back where their indices say, zeros elsewhere."""
    return _max_unpool(3, input, indices, kernel_size, stride, padding, output_size)


# ---- average and Lp pooling ------------------------------------------------------------------------------------


def _lp_pool(n, average, input, norm_type, kernel_size, stride, ceil_mode):
    """(sum of x^p over each window)^(1/p), from the mean; a negative sum gives 0."""
    volume = math.prod((_single, _pair, _triple)[n - 1](kernel_size))
    mean = average(input.pow(norm_type), kernel_size, stride, 0, ceil_mode)
    return (rl.sign(mean) * rl.relu(mean.abs())).mul(volume).pow(1.0 / norm_type)


def lp_pool1d(input, norm_type, kernel_size, stride=None, ceil_mode=False):
    """Lp pooling of (N, C, L) or (C, L)."""
    return _lp_pool(1, _nn.avg_pool1d, input, norm_type, kernel_size, stride, ceil_mode)


def lp_pool2d(input, norm_type, kernel_size, stride=None, ceil_mode=False):
    """Lp pooling of (N, C, H, W) or (C, H, W)."""
    return _lp_pool(2, _nn.avg_pool2d, input, norm_type, kernel_size, stride, ceil_mode)


def lp_pool3d(input, norm_type, kernel_size, stride=None, ceil_mode=False):
    """Lp pooling of (N, C, D, H, W) or (C, D, H, W)."""
    return _lp_pool(3, _nn.avg_pool3d, input, norm_type, kernel_size, stride, ceil_mode)


# ---- adaptive pooling ------------------------------------------------------------------------------------------


def _full_size(n, input, output_size):
    """output_size as n numbers, None standing for the input's own."""
    if isinstance(output_size, int):
        return (output_size,) * n
    output_size = tuple(output_size)
    return tuple(_list_with_default(output_size, input.size())) if None in output_size else output_size


def adaptive_avg_pool2d(input, output_size):
    """(N, C, H, W) -> (N, C, *output_size); None keeps a size."""
    return _nn.adaptive_avg_pool2d(input, _full_size(2, input, output_size))


def adaptive_avg_pool3d(input, output_size):
    """(N, C, D, H, W) -> (N, C, *output_size); None keeps a size."""
    return _nn.adaptive_avg_pool3d(input, _full_size(3, input, output_size))


_largest = (None, _nn.adaptive_max_pool1d_with_indices, _nn.adaptive_max_pool2d_with_indices, _nn.adaptive_max_pool3d_with_indices)


def _adaptive_max(n, input, output_size, return_indices):
    size = output_size if n == 1 or type(output_size) is int else _full_size(n, input, output_size)
    both = _largest[n](input, size)
    return tuple(both) if return_indices else both[0]


def adaptive_max_pool1d(input, output_size, return_indices=False):
    """(N, C, L) -> (N, C, output_size), the maximum of windows of about equal size."""
    return _adaptive_max(1, input, output_size, return_indices)


def adaptive_max_pool2d(input, output_size, return_indices=False):
    """(N, C, H, W) -> (N, C, *output_size); None keeps a size."""
    return _adaptive_max(2, input, output_size, return_indices)


def adaptive_max_pool3d(input, output_size, return_indices=False):
    """(N, C, D, H, W) -> (N, C, *output_size); None keeps a size."""
    return _adaptive_max(3, input, output_size, return_indices)


def adaptive_max_pool1d_with_indices(input, output_size, return_indices=False):
    """adaptive_max_pool1d and the index of each maximum."""
    return _adaptive_max(1, input, output_size, True)


def adaptive_max_pool2d_with_indices(input, output_size, return_indices=False):
    """adaptive_max_pool2d and the flat index of each maximum."""
    return _adaptive_max(2, input, output_size, True)


def adaptive_max_pool3d_with_indices(input, output_size, return_indices=False):
    """adaptive_max_pool3d and the flat index of each maximum."""
    return _adaptive_max(3, input, output_size, True)


# ---- fractional max pooling ------------------------------------------------------------------------------------


def _window_starts(sample, length, out, kernel):
    """Where the `out` windows of one dimension begin, for one channel's random number; the last one ends it all."""
    if out == 0:
        return []
    if out == 1:
        return [length - kernel]
    alpha = (length - kernel) / (out - 1)
    first = int(sample * alpha)
    return [int((i + sample) * alpha) - first for i in range(out - 1)] + [length - kernel]


def _fractional_max(n, input, kernel_size, output_size, random_samples):
    """Windows gathered by index, then their maxima and where these were."""
    spatial = list(input.shape[-n:])
    batched = input if input.dim() == n + 2 else input.unsqueeze(0)
    b, c = batched.shape[:2]
    for length, out, kernel, name in zip(reversed(spatial), reversed(output_size), reversed(kernel_size),
                                         ("width", "height", "time")):
        if out + kernel - 1 > length:
            raise RuntimeError(f"fractional_max_pool{n}d(): pool {name} {kernel} too large relative to input {name} "
                               f"{length}")
    if b == 0:
        empty = batched.sum(tuple(range(2, 2 + n)), keepdim=True).expand(0, c, *output_size).clone()
        return empty, empty.detach().to(rl.int64)
    samples = random_samples[:b].tolist()
    rows = []
    for sample in (channel for sample in samples for channel in sample):
        index = rl.zeros(1, 1, dtype=rl.int64)
        for d in range(n):
            starts = rl.tensor(_window_starts(sample[n - 1 - d] if n == 2 else sample[d], spatial[d], output_size[d],
                                              kernel_size[d]), dtype=rl.int64)
            line = starts.unsqueeze(1) + rl.arange(kernel_size[d])
            index = index[:, None, :, None] * spatial[d] + line[None, :, None, :]
            index = index.reshape(index.size(0) * index.size(1), index.size(2) * index.size(3))
        rows.append(index)
    index = rl.stack(rows).view(b, c, math.prod(output_size), math.prod(kernel_size))
    flat = batched.reshape(b, c, math.prod(spatial))
    windows = flat.gather(2, index.view(b, c, index.size(2) * index.size(3))).view(index.shape)
    values, where = windows.max(3)
    shape = (b, c, *output_size)
    indices = index.gather(3, where.unsqueeze(3)).view(shape)
    values = values.view(shape)
    return (values, indices) if batched is input else (values.squeeze(0), indices.squeeze(0))


def _check_fractional(n, input, kernel_size, output_size, samples):
    for name, sizes in (("kernel_size", kernel_size), ("output_size", output_size)):
        if len(sizes) != n:
            raise RuntimeError(f"fractional_max_pool{n}d: {name} must either be a single Int or tuple of {'three ' if n == 3 else ''}Ints, not {tuple(sizes)}")
    batch = input.size(0) if input.dim() == n + 2 else 1
    for d in range(input.dim() == n + 2, input.dim()):
        if input.size(d) == 0:
            raise RuntimeError(f"fractional_max_pool{n}d(): Expected input to have non-zero size for non-batch dimensions, but got {list(input.shape)} with dimension {d} being empty.")
    if samples.dtype != input.dtype:
        raise RuntimeError(f"Expect _random_samples to have the same dtype as input: {samples.dtype} is not {input.dtype}")
    if samples.dim() != 3:
        raise RuntimeError(f"Expect _random_samples to have 3 dimensions, got {samples.dim()}")
    if samples.size(0) < batch:
        raise RuntimeError(f"Expect _random_samples.size(0) no less then input batch size: {samples.size(0)} for {batch} samples.")
    if samples.size(2) != n:
        raise RuntimeError(f"Expect _random_samples.size(2) equals to {n}; got {samples.size(2)}.")


def _fractional(n, input, kernel_size, output_size, output_ratio, _random_samples):
    if output_size is None and output_ratio is None:
        raise ValueError(f"fractional_max_pool{n}d requires specifying either an output_size or an output_ratio")
    tuple_of = _pair if n == 2 else _triple
    if output_size is None:
        ratio = tuple_of(output_ratio)
        if len(ratio) != n:
            raise ValueError(f"fractional_max_pool{n}d requires output_ratio to either be a single Int or tuple of Ints: one for each of {n} dimensions")
        output_size = [int(input.size(-n + d) * ratio[d]) for d in range(n)]
    if _random_samples is None:
        batch = 1 if input.dim() == n + 1 else input.size(0)
        _random_samples = rl.rand(batch, input.size(-n - 1), n, dtype=input.dtype)
    kernel_size, output_size = tuple_of(kernel_size), tuple_of(output_size)
    _check_fractional(n, input, kernel_size, output_size, _random_samples)
    row = getattr(_nn, f"fractional_max_pool{n}d_with_indices", None)
    if row is not None:
        return row(input, kernel_size, output_size, _random_samples=_random_samples)
    return _fractional_max(n, input, kernel_size, output_size, _random_samples)


def fractional_max_pool2d_with_indices(input, kernel_size, output_size=None, output_ratio=None, return_indices=False,
                                       _random_samples=None):
    """fractional_max_pool2d and the flat index of each maximum."""
    return _fractional(2, input, kernel_size, output_size, output_ratio, _random_samples)


def fractional_max_pool3d_with_indices(input, kernel_size, output_size=None, output_ratio=None, return_indices=False,
                                       _random_samples=None):
    """fractional_max_pool3d and the flat index of each maximum."""
    return _fractional(3, input, kernel_size, output_size, output_ratio, _random_samples)


def fractional_max_pool2d(input, kernel_size, output_size=None, output_ratio=None, return_indices=False,
                          _random_samples=None):
    """Max pooling over windows whose edges are drawn at random."""
    both = _fractional(2, input, kernel_size, output_size, output_ratio, _random_samples)
    return both if return_indices else both[0]


def fractional_max_pool3d(input, kernel_size, output_size=None, output_ratio=None, return_indices=False,
                          _random_samples=None):
    """Max pooling of volumes over windows whose edges are drawn at random."""
    both = _fractional(3, input, kernel_size, output_size, output_ratio, _random_samples)
    return both if return_indices else both[0]


# ---- sliding blocks --------------------------------------------------------------------------------------------


def unfold(input, kernel_size, dilation=1, padding=0, stride=1):
    """(N, C, H, W) -> (N, C k, L): every sliding block of k positions as a column."""
    return _nn.im2col(input, _pair(kernel_size), _pair(dilation), _pair(padding), _pair(stride))


def fold(input, output_size, kernel_size, dilation=1, padding=0, stride=1):
    """(N, C k, L) -> (N, C, *output_size): adds up the blocks that unfold takes apart."""
    return _nn.col2im(input, _pair(output_size), _pair(kernel_size), _pair(dilation), _pair(padding), _pair(stride))


ask_first(globals())
