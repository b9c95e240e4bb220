"""Resampling images: interpolate in all its modes, affine_grid and grid_sample.

Resizing is separable: one dimension after the other is multiplied by a sparse matrix of weights, at most a handful
of source positions for each target position. The rows of the op table that do a whole image at once take precedence.
"""

import math
import warnings

import rushlight as rl

from ._rows import _nn, unless_row
from ._sizes import _ntuple

__all__ = ["affine_grid", "grid_sample", "interpolate", "upsample", "upsample_bilinear", "upsample_nearest"]


# ---- where a target position comes from ------------------------------------------------------------------------


def _nearest_index(out, length, scale, exact):
    """The source of every target position; scale is source positions per target position."""
    at = rl.arange(out, dtype=rl.float32)
    at = (at + 0.5) * scale if exact else at * scale
    return at.floor().to(rl.int64).clamp(max=length - 1)


def _source_position(out, scale, align_corners, dtype):
    """The real-valued source position of every target position, pixel centres at .5 unless corners align."""
    at = rl.arange(out, dtype=dtype)
    return at * scale if align_corners else (at + 0.5) * scale - 0.5


def _cubic(t, a):
    """Keys' cubic convolution weights of the four neighbours, for offsets t in [0, 1)."""

    def near(x):
        return ((a + 2) * x - (a + 3)) * x * x + 1

    def far(x):
        return ((a * x - 5 * a) * x + 8 * a) * x - 4 * a

    return [far(t + 1), near(t), near(1 - t), far(2 - t)]


def _taps(mode, out, length, scale, align_corners, dtype):
    """(index, weight) pairs: target = sum of weight * source[index]."""
    at = _source_position(out, scale, align_corners, dtype)
    if mode == "linear":
        at = at.clamp(min=0)
        low = at.floor().clamp(max=length - 1)
        t = at - low
        low = low.to(rl.int64)
        high = (low + 1).clamp(max=length - 1)
        return [(low, 1 - t), (high, t)]
    low = at.floor()
    weights = _cubic(at - low, -0.75)
    low = low.to(rl.int64)
    return [((low + k - 1).clamp(0, length - 1), w) for k, w in enumerate(weights)]


def _antialias_matrix(mode, out, length, scale, align_corners, dtype):
    """(out, length) weights of a filter that widens with the reduction, each row summing to 1."""
    support = 1.0 if mode == "linear" else 2.0
    reach = support * scale if scale >= 1.0 else support
    matrix = rl.zeros(out, length, dtype=dtype)
    for i in range(out):
        center = scale * (i + 0.5)
        low = max(int(center - reach + 0.5), 0)
        high = min(int(center + reach + 0.5), length)
        shrink = 1.0 / scale if scale >= 1.0 else 1.0
        weights = [_filter(mode, (j - center + 0.5) * shrink) for j in range(low, high)]
        total = sum(weights)
        if total:
            matrix[i, low:high] = rl.tensor([w / total for w in weights], dtype=dtype)
    return matrix


def _filter(mode, x):
    """The triangle, or the cubic with a = -0.5."""
    x = abs(x)
    if mode == "linear":
        return 1.0 - x if x < 1.0 else 0.0
    a = -0.5
    if x < 1.0:
        return ((a + 2.0) * x - (a + 3.0)) * x * x + 1
    return (((x - 5.0) * x + 8.0) * x - 4.0) * a if x < 2.0 else 0.0


def _along(x, dim, weight):
    """weight (one number per position of dim) times x."""
    shape = [1] * x.dim()
    shape[dim] = -1
    return x * weight.to(x.dtype).view(shape)


def _resize_one(x, dim, mode, out, scale, align_corners, antialias):
    """x with dimension dim resized to out."""
    length = x.size(dim)
    if mode in ("nearest", "nearest-exact"):
        return x.index_select(dim, _nearest_index(out, length, scale, mode == "nearest-exact"))
    if antialias:
        matrix = _antialias_matrix(mode, out, length, scale, align_corners, x.dtype)
        return rl.matmul(x.transpose(dim, -1), matrix.t()).transpose(dim, -1)
    if out == length and scale == 1.0:
        return x
    taps = _taps(mode, out, length, scale, align_corners, rl.float64 if x.dtype == rl.float64 else rl.float32)
    return sum(_along(x.index_select(dim, index), dim, weight) for index, weight in taps)


def _scales(input_size, output_size, scale_factors, align_corners, mode):
    """Source positions per target position, for each dimension."""
    scales = []
    for i, (length, out) in enumerate(zip(input_size, output_size)):
        given = scale_factors[i] if scale_factors is not None else None
        if mode not in ("nearest", "nearest-exact") and align_corners:
            scales.append((length - 1) / (out - 1) if out > 1 else 0.0)
        elif given is not None and given > 0:
            scales.append(1.0 / given)
        else:
            scales.append(length / out if out else 0.0)
    return scales


def _resize(input, mode, output_size, scale_factors, align_corners, antialias):
    """All dimensions in turn; the row for this mode and rank where there is one."""
    spatial = list(input.shape[2:])
    if min(output_size) <= 0 or min(spatial) <= 0:
        raise RuntimeError("Input and output sizes should be greater than 0, but got input "
                           f"({', '.join(map(str, spatial))}) output ({', '.join(map(str, output_size))})")
    name = {"linear": {3: "linear1d", 4: "bilinear2d", 5: "trilinear3d"}[input.dim()], "cubic": "bicubic2d",
            "nearest": f"nearest{len(spatial)}d", "nearest-exact": f"nearest_exact{len(spatial)}d"}[mode]
    row = getattr(_nn, f"_upsample_{name}_aa" if antialias else f"upsample_{name}", None)
    if row is not None:
        options = () if mode.startswith("nearest") else (align_corners,)
        return row(input, list(output_size), *options, *(scale_factors or [None] * len(spatial)))
    scales = _scales(spatial, output_size, scale_factors, align_corners, mode)
    for i, (out, scale) in enumerate(zip(output_size, scales)):
        input = _resize_one(input, 2 + i, mode, out, scale, align_corners, antialias)
    return input


# ---- interpolate -----------------------------------------------------------------------------------------------

_MODES = {"nearest": "nearest", "nearest-exact": "nearest-exact", "linear": "linear", "bilinear": "linear",
          "trilinear": "linear", "bicubic": "cubic", "area": "area"}
_RANK = {"linear": 3, "bilinear": 4, "trilinear": 5, "bicubic": 4}


def _sizes_and_scales(input, size, scale_factor):
    """size and scale_factor as lists, one of them None."""
    n = input.dim() - 2
    if size is not None and scale_factor is not None:
        raise ValueError("only one of size or scale_factor should be defined")
    if size is None and scale_factor is None:
        raise ValueError("either size or scale_factor should be defined")
    given = size if size is not None else scale_factor
    word = "output size" if size is not None else "scale_factor"
    if isinstance(given, (list, tuple, rl.Size)):
        if len(given) != n:
            raise ValueError(f"Input and {word} must have the same number of spatial dimensions, but got input with "
                             f"spatial dimensions of {list(input.shape[2:])} and {word} of {given}. Please provide "
                             "input tensor in (N, C, d1, d2, ...,dK) format and "
                             f"{word} in {'' if size is None else '(o1, o2, ...,oK) '}format.")
        given = list(given)
    else:
        given = [given] * n
    if size is not None and not all(isinstance(v, int) for v in given):
        raise TypeError(f"expected size to be one of int or Tuple[int] or Tuple[int, int] or "
                        f"Tuple[int, int, int], but got size with types {[type(v) for v in given]}")
    return (given, None) if size is not None else (None, given)


def _check_mode(input, mode, align_corners, antialias):
    """align_corners belongs to the linear and cubic modes, antialias to two of them; ranks must fit."""
    if mode not in _MODES:
        raise NotImplementedError("Input Error: Only 3D, 4D and 5D input Tensors supported (got "
                                  f"{input.dim()}D) for the modes: {' | '.join(_MODES)} (got {mode})")
    if mode in ("nearest", "area", "nearest-exact") and align_corners is not None:
        raise ValueError("align_corners option can only be set with the interpolating modes: linear | bilinear | "
                         "bicubic | trilinear")
    if antialias and not (mode in ("bilinear", "bicubic") and input.dim() == 4):
        raise ValueError("Anti-alias option is restricted to bilinear and bicubic modes and requires a 4-D tensor "
                         f"as input, got {mode} and {input.dim()}-D")
    if input.dim() not in (3, 4, 5) or (mode in _RANK and _RANK[mode] != input.dim()):
        if mode in _RANK and mode != "bicubic" and input.dim() in (3, 4, 5):
            raise NotImplementedError(f"Got {input.dim()}D input, but {mode} mode needs {_RANK[mode]}D input")
        raise NotImplementedError("Input Error: Only 3D, 4D and 5D input Tensors supported (got "
                                  f"{input.dim()}D) for the modes: {' | '.join(_MODES)} (got {mode})")


def interpolate(input, size=None, scale_factor=None, mode="nearest", align_corners=None, recompute_scale_factor=None,
                antialias=False):
    """Resizes the spatial dimensions of (N, C, *) to size, or by scale_factor."""
    size, scale_factors = _sizes_and_scales(input, size, scale_factor)
    _check_mode(input, mode, align_corners, antialias)
    if recompute_scale_factor and size is not None:
        raise ValueError("recompute_scale_factor is not meaningful with an explicit size.")
    if size is None:
        size = [math.floor(float(length) * factor) for length, factor in zip(input.shape[2:], scale_factors)]
        if recompute_scale_factor or mode == "area":
            scale_factors = None
    if mode == "area":
        return getattr(_nn, f"adaptive_avg_pool{input.dim() - 2}d")(input, size)
    return _resize(input, _MODES[mode], size, scale_factors, bool(align_corners), antialias)


def upsample(input, size=None, scale_factor=None, mode="nearest", align_corners=None):
    """The old name of interpolate."""
    warnings.warn("`nn.functional.upsample` is deprecated. Use `nn.functional.interpolate` instead.", stacklevel=2)
    return interpolate(input, size, scale_factor, mode, align_corners)


def upsample_nearest(input, size=None, scale_factor=None):
    """interpolate with mode "nearest"."""
    warnings.warn("`nn.functional.upsample_nearest` is deprecated. Use `nn.functional.interpolate` instead.",
                  stacklevel=2)
    return interpolate(input, size, scale_factor, mode="nearest")


def upsample_bilinear(input, size=None, scale_factor=None):
    """interpolate with mode "bilinear" and aligned corners."""
    warnings.warn("`nn.functional.upsample_bilinear` is deprecated. Use `nn.functional.interpolate` instead.",
                  stacklevel=2)
    return interpolate(input, size, scale_factor, mode="bilinear", align_corners=True)


# ---- grids -----------------------------------------------------------------------------------------------------


def _warn_of_corners(name):
    warnings.warn(f"Default {name} and affine_grid behavior has changed to align_corners=False since 1.3.0. Please "
                  "specify align_corners=True if the old behavior is desired. See the documentation of grid_sample "
                  "for details.", stacklevel=3)


def _line(n, dtype, align_corners):
    """n positions from -1 to 1: the corner pixels' centres with aligned corners, their outer edges without."""
    if n <= 1:
        return rl.zeros(n, dtype=dtype)
    line = rl.linspace(-1, 1, n, dtype=dtype)
    return line if align_corners else line * (n - 1) / n


def affine_grid(theta, size, align_corners=None):
    """(N, 2, 3) or (N, 3, 4) matrices -> the grid of source positions (N, *spatial, 2 or 3) for grid_sample."""
    if align_corners is None:
        _warn_of_corners("grid_sample")
        align_corners = False
    if not theta.is_floating_point():
        raise ValueError(f"Expected theta to have floating point type, but got {theta.dtype}")
    n = len(size) - 2
    if n not in (2, 3):
        raise NotImplementedError("affine_grid only supports 4D and 5D sizes, for 2D and 3D affine transforms, "
                                  f"respectively. Got size {size}.")
    if theta.dim() != 3 or tuple(theta.shape[-2:]) != (n, n + 1):
        raise ValueError(f"Expected a batch of {n}D affine matrices of shape Nx{n}x{n + 1} for size {size}. Got "
                         f"{theta.shape}.")
    if min(size) <= 0:
        raise ValueError(f"Expected non-zero, positive output size. Got {size}")
    return _affine_grid_generator(theta, size, align_corners)


@unless_row
def _affine_grid_generator(theta, size, align_corners):
    """The base grid of homogeneous coordinates (x, y, ..., 1), mapped by theta."""
    spatial = list(size[2:])
    n = len(spatial)
    columns = []
    for axis in reversed(range(n)):
        shape = [1] * n
        shape[axis] = -1
        columns.append(_line(spatial[axis], theta.dtype, align_corners).view(shape).expand(spatial))
    base = rl.stack([*columns, rl.ones(spatial, dtype=theta.dtype)], -1).view(1, -1, n + 1)
    return rl.matmul(base, theta.transpose(1, 2)).view(size[0], *spatial, n)


def _pixel(x, length, align_corners):
    """From [-1, 1] to pixel positions."""
    return (x + 1) / 2 * (length - 1) if align_corners else ((x + 1) * length - 1) / 2


def _reflected(x, low2, high2):
    """x mirrored back and forth between low2 / 2 and high2 / 2."""
    if low2 == high2:
        return rl.zeros_like(x)
    low, span = low2 / 2, (high2 - low2) / 2
    x = (x - low).abs()
    extra = rl.fmod(x, span)
    flips = (x / span).floor()
    return rl.where(flips.remainder(2) == 0, extra + low, span - extra + low)


def _inside(x, length, padding_mode, align_corners):
    """Pixel positions moved into the image as padding_mode says; "zeros" leaves them."""
    if padding_mode == "border":
        return x.clamp(0, length - 1)
    if padding_mode == "reflection":
        x = _reflected(x, 0, 2 * (length - 1)) if align_corners else _reflected(x, -1, 2 * length - 1)
        return x.clamp(0, length - 1)
    return x


def _pick(input, index):
    """input (N, C, *spatial) at integer positions, one (N, *out) tensor per dimension; 0 outside."""
    spatial = input.shape[2:]
    flat, valid = 0, None
    for at, length in zip(index, spatial):
        ok = (at >= 0) & (at < length)
        valid = ok if valid is None else valid & ok
        flat = flat * length + at.clamp(0, length - 1)
    n, c = input.shape[:2]
    out = flat.shape[1:]
    picked = input.reshape(n, c, -1).gather(2, flat.reshape(n, 1, -1).expand(-1, c, -1)).view(n, c, *out)
    return picked * valid.unsqueeze(1).to(input.dtype)


def _sample_linear(input, at):
    """The 2^n neighbours of every position, weighted by nearness."""
    low = [x.detach().floor() for x in at]
    total = 0
    for corner in range(1 << len(at)):
        weight, index = 1, []
        for d, (x, base) in enumerate(zip(at, low)):
            up = corner >> d & 1
            weight = weight * ((x - base) if up else (base + 1 - x))
            index.append(base.to(rl.int64) + up)
        total = total + _pick(input, index) * weight.unsqueeze(1)
    return total


def _sample_cubic(input, at, padding_mode, align_corners):
    """The 4 x 4 neighbours of every position; each neighbour is moved inside by itself."""
    y, x = at
    low_y, low_x = y.detach().floor(), x.detach().floor()
    weights_y, weights_x = _cubic(y - low_y, -0.75), _cubic(x - low_x, -0.75)
    h, w = input.shape[2:]
    total = 0
    for i, wy in enumerate(weights_y):
        row = _inside(low_y + (i - 1), h, padding_mode, align_corners).to(rl.int64)
        line = 0
        for j, wx in enumerate(weights_x):
            column = _inside(low_x + (j - 1), w, padding_mode, align_corners).to(rl.int64)
            line = line + _pick(input, [row, column]) * wx.unsqueeze(1)
        total = total + line * wy.unsqueeze(1)
    return total


def _check_grid(input, grid, mode, padding_mode):
    if mode not in ("bilinear", "nearest", "bicubic"):
        raise ValueError("nn.functional.grid_sample(): expected mode to be 'bilinear', 'nearest' or 'bicubic', but "
                         f"got: '{mode}'")
    if padding_mode not in ("zeros", "border", "reflection"):
        raise ValueError("nn.functional.grid_sample(): expected padding_mode to be 'zeros', 'border', or "
                         f"'reflection', but got: '{padding_mode}'")


def grid_sample(input, grid, mode="bilinear", padding_mode="zeros", align_corners=None):
    """input (N, C, *spatial) read at the positions of grid (N, *out, n), x first, -1 and 1 at the edges."""
    _check_grid(input, grid, mode, padding_mode)
    if align_corners is None:
        _warn_of_corners("grid_sample")
        align_corners = False
    row = getattr(_nn, "grid_sample", None)
    if row is not None:
        return row(input, grid, mode, padding_mode, align_corners)
    n = input.dim() - 2
    if n not in (2, 3) or grid.dim() != input.dim():
        raise RuntimeError("grid_sampler(): expected 4D or 5D input and grid with same number of dimensions, but got "
                           f"input with sizes {list(input.shape)} and grid with sizes {list(grid.shape)}")
    if input.size(0) != grid.size(0):
        raise RuntimeError("grid_sampler(): expected grid and input to have same batch size, but got input with "
                           f"sizes {list(input.shape)} and grid with sizes {list(grid.shape)}")
    if grid.size(-1) != n:
        raise RuntimeError(f"grid_sampler(): expected grid to have size {n} in last dimension, but got grid with "
                           f"sizes {list(grid.shape)}")
    if mode == "bicubic" and n == 3:
        raise RuntimeError("grid_sampler(): bicubic interpolation only supports 4D input")
    at = [_pixel(grid[..., n - 1 - d], input.size(2 + d), align_corners) for d in range(n)]
    if mode == "bicubic":
        return _sample_cubic(input, at, padding_mode, align_corners)
    at = [_inside(x, input.size(2 + d), padding_mode, align_corners) for d, x in enumerate(at)]
    if mode == "nearest":
        no_slope = (grid * 0).nan_to_num(0.0).sum(-1).unsqueeze(1)
        return _pick(input, [x.detach().round().to(rl.int64) for x in at]) + no_slope
    return _sample_linear(input, at)
