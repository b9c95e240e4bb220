"""Image arithmetic on NumPy arrays of shape (..., channels, height, width).

Each function follows what torchvision does to a tensor, to rounding; integers are computed in float32 and rounded
back. Nothing here knows tensors, Pillow or random numbers.
"""

import functools
import math

import numpy as np

GRAY = np.array([0.2989, 0.587, 0.114], dtype=np.float32)


def max_value(dtype):
    """The value that means white: the largest of an integer type, 1 for floats."""
    return np.iinfo(dtype).max if np.issubdtype(dtype, np.integer) else 1.0


def _as_float(x):
    return x if np.issubdtype(x.dtype, np.floating) else x.astype(np.float32)


def _like(y, dtype):
    """`y` in the given dtype, rounded when that is an integer one."""
    if np.issubdtype(dtype, np.integer):
        return np.rint(y).astype(dtype)
    return y.astype(dtype, copy=False)


# Resizing ------------------------------------------------------------------------------------------------------------


def _triangle(x):
    return np.maximum(0.0, 1.0 - np.abs(x))


def _cubic(x, a):
    x = np.abs(x)
    near = ((a + 2) * x - (a + 3)) * x * x + 1
    far = ((x - 5) * x + 8) * x * a - 4 * a
    return np.where(x < 1, near, np.where(x < 2, far, 0.0))


@functools.lru_cache(maxsize=64)
def _weights(before, after, mode, antialias):
    """The (after, before) matrix that resamples one axis."""
    scale = before / after
    places = np.arange(after)
    if mode in ("nearest", "nearest-exact"):
        shift = 0.5 if mode == "nearest-exact" else 0.0
        source = np.minimum(np.floor((places + shift) * scale).astype(int), before - 1)
        return np.eye(before, dtype=np.float32)[source]
    matrix = np.zeros((after, before))
    centre = (places + 0.5) * scale
    reach = 1 if mode == "bilinear" else 2
    kernel = _triangle if mode == "bilinear" else functools.partial(_cubic, a=-0.5 if antialias else -0.75)
    if antialias:
        stretch = max(scale, 1.0)
        for i in range(after):
            first = max(int(centre[i] - reach * stretch + 0.5), 0)
            last = min(int(centre[i] + reach * stretch + 0.5), before)
            taps = kernel((np.arange(first, last) - centre[i] + 0.5) / stretch)
            matrix[i, first:last] = taps / taps.sum()
        return matrix.astype(np.float32)
    source = centre - 0.5 if mode == "bicubic" else np.maximum(centre - 0.5, 0)
    base = np.floor(source).astype(int)
    for offset in range(1 - reach, reach + 1):
        column = np.clip(base + offset, 0, before - 1)
        np.add.at(matrix, (places, column), kernel(source - base - offset))
    return matrix.astype(np.float32)


def resize(x, size, mode="bilinear", antialias=True):
    """Resample to (height, width)."""
    antialias = bool(antialias) and mode in ("bilinear", "bicubic")
    rows = _weights(x.shape[-2], size[0], mode, antialias)
    columns = _weights(x.shape[-1], size[1], mode, antialias)
    if mode.startswith("nearest"):
        return x[..., rows.argmax(1)[:, None], columns.argmax(1)[None, :]]
    y = rows @ (_as_float(x) @ columns.T)
    if mode == "bicubic" and x.dtype == np.uint8:
        y = y.clip(0, 255)
    return _like(y, x.dtype)


# Padding, warping ----------------------------------------------------------------------------------------------------


def pad(x, left, right, top, bottom, fill=0, mode="constant"):
    """Pad the last two axes; negative widths crop."""
    height, width = x.shape[-2:]
    x = x[..., max(-top, 0):height - max(-bottom, 0), max(-left, 0):width - max(-right, 0)]
    widths = [(0, 0)] * (x.ndim - 2) + [(max(top, 0), max(bottom, 0)), (max(left, 0), max(right, 0))]
    if mode != "constant":
        return np.pad(x, widths, mode=mode)
    if isinstance(fill, (tuple, list)):
        fill = fill[0] if len(set(fill)) == 1 else fill
    if not isinstance(fill, (tuple, list)):
        y = np.full((*x.shape[:-2], x.shape[-2] + sum(widths[-2]), x.shape[-1] + sum(widths[-1])), fill, x.dtype)
        (above, _), (before, _) = widths[-2:]
        y[..., above:above + x.shape[-2], before:before + x.shape[-1]] = x
        return y
    planes = [np.pad(x[..., c, :, :], widths[:-3] + widths[-2:], constant_values=f) for c, f in enumerate(fill)]
    return np.stack(planes, axis=-3)


def affine_grid(theta, width, height, out_width, out_height):
    """Source pixel coordinates (x, y), in pixels of the input, for each output pixel; theta is about the centre."""
    x = np.linspace(-out_width * 0.5 + 0.5, out_width * 0.5 - 0.5, out_width, dtype=np.float32)
    y = np.linspace(-out_height * 0.5 + 0.5, out_height * 0.5 - 0.5, out_height, dtype=np.float32)[:, None]
    a, b, c, d, e, f = np.asarray(theta, dtype=np.float32)
    return (a * x + b * y + c) + np.float32(0.5 * width - 0.5), (d * x + e * y + f) + np.float32(0.5 * height - 0.5)


def perspective_grid(coefficients, width, height):
    """As `affine_grid`, for the eight coefficients of a projective map."""
    x = np.arange(width, dtype=np.float32) + np.float32(0.5)
    y = (np.arange(height, dtype=np.float32) + np.float32(0.5))[:, None]
    a, b, c, d, e, f, g, h = np.asarray(coefficients, dtype=np.float32)
    below = g * x + h * y + 1
    half = np.float32(0.5)
    return (a * x + b * y + c) / below - half, (d * x + e * y + f) / below - half


def expanded_size(theta, width, height):
    """(width, height) that holds the whole of an image turned by theta."""
    half = np.array([width, height], np.float32) * np.float32(0.5)
    corners = np.array([[-1, -1], [-1, 1], [1, 1], [1, -1]], np.float32) * half
    a, b, c, d, e, f = np.asarray(theta, np.float32)
    turned = corners @ np.array([[a, d], [b, e]]) + (c, f) + half
    # Cut to 1e-4 in float32, as torchvision does, so that rounding does not add a pixel.
    tolerance = np.float32(1e-4)
    upper = np.ceil(np.trunc(turned.max(0) / tolerance) * tolerance)
    lower = np.floor(np.trunc(turned.min(0) / tolerance) * tolerance)
    return tuple((upper - lower).astype(int).tolist())


def sample(x, grid, mode="nearest", fill=None):
    """The values of x at the grid's coordinates; outside it `fill` (one number or one per channel), else 0."""
    gx, gy = grid
    values = _as_float(x)
    if mode == "nearest":
        out, inside = _pick(values, np.rint(gx).astype(int), np.rint(gy).astype(int))
        if fill is not None:
            out = np.where(inside, out, _fill_values(fill))
        return _like(out, x.dtype)
    x0, y0 = np.floor(gx), np.floor(gy)
    wx, wy = (gx - x0).astype(values.dtype), (gy - y0).astype(values.dtype)
    total = cover = 0.0
    for dy, v in ((0, 1 - wy), (1, wy)):
        for dx, u in ((0, 1 - wx), (1, wx)):
            part, inside = _pick(values, x0.astype(int) + dx, y0.astype(int) + dy)
            total = total + part * (u * v)
            cover = cover + inside * (u * v)
    if fill is not None:
        total = total * cover + (1 - cover) * _fill_values(fill)
    return _like(total, x.dtype)


def _fill_values(fill):
    return np.asarray(fill, dtype=np.float32).reshape(-1, 1, 1)


def _pick(x, column, row):
    height, width = x.shape[-2:]
    inside = (column >= 0) & (column < width) & (row >= 0) & (row < height)
    return x[..., row.clip(0, height - 1), column.clip(0, width - 1)] * inside, inside


# Colour --------------------------------------------------------------------------------------------------------------


def gray(x):
    """One channel of luminance."""
    if x.shape[-3] == 1:
        return x.copy()
    r, g, b = x[..., 0, :, :], x[..., 1, :, :], x[..., 2, :, :]
    return (GRAY[0] * r + GRAY[1] * g + GRAY[2] * b).astype(x.dtype)[..., None, :, :]


def blend(x, other, ratio):
    y = np.float32(ratio) * _as_float(x) + np.float32(1.0 - ratio) * _as_float(other)
    return y.clip(0, max_value(x.dtype)).astype(x.dtype)


def brightness(x, factor):
    return blend(x, np.zeros((), x.dtype), factor)


def contrast(x, factor):
    return blend(x, _as_float(gray(x)).mean(axis=(-3, -2, -1), keepdims=True, dtype=np.float32), factor)


def saturation(x, factor):
    return x if x.shape[-3] == 1 else blend(x, gray(x), factor)


def to_float(x):
    return x.astype(np.float32) / np.float32(max_value(x.dtype)) if np.issubdtype(x.dtype, np.integer) else x


def from_float(x, dtype):
    if np.issubdtype(dtype, np.integer):
        return (x * np.float32(max_value(dtype) + 1 - 1e-3)).astype(dtype)
    return x.astype(dtype, copy=False)


def hue(x, factor):
    """Turn the colour circle by `factor` of a turn."""
    if x.shape[-3] == 1:
        return x
    h, s, v = _hsv(to_float(x))
    return from_float(_rgb((h + np.float32(factor)) % np.float32(1.0), s, v), x.dtype)


def _hsv(x):
    r, g, b = x[..., 0, :, :], x[..., 1, :, :], x[..., 2, :, :]
    top, bottom = x.max(-3), x.min(-3)
    grey = top == bottom
    spread = np.where(grey, np.float32(1), top - bottom)
    s = (top - bottom) / np.where(grey, np.float32(1), top)
    rc, gc, bc = (top - r) / spread, (top - g) / spread, (top - b) / spread
    h = np.where(top == r, bc - gc, np.where(top == g, 2.0 + rc - bc, 4.0 + gc - rc)).astype(x.dtype)
    return np.fmod(h / np.float32(6.0) + np.float32(1.0), np.float32(1.0)), s, top


def _rgb(h, s, v):
    sector = np.floor(h * 6)
    f = h * 6 - sector
    p, q, t = (v * (1 - s)).clip(0, 1), (v * (1 - s * f)).clip(0, 1), (v * (1 - s * (1 - f))).clip(0, 1)
    sector = sector.astype(int) % 6
    choose = functools.partial(np.choose, sector)
    return np.stack([choose([v, q, p, p, t, v]), choose([t, v, v, q, p, p]), choose([p, p, t, v, v, q])], axis=-3)


def gamma(x, power, gain=1.0):
    y = (np.float32(gain) * to_float(x) ** np.float32(power)).clip(0, 1)
    return from_float(y, x.dtype)


def invert(x):
    return np.asarray(max_value(x.dtype), dtype=x.dtype) - x


def posterize(x, bits):
    if x.dtype != np.uint8:
        raise TypeError(f"Only uint8 image tensors are supported, but found {x.dtype}")
    return x & np.uint8(256 - 2 ** (8 - bits))


def solarize(x, threshold):
    return np.where(x >= threshold, invert(x), x)


def autocontrast(x):
    bound = max_value(x.dtype)
    low = _as_float(x.min((-2, -1), keepdims=True))
    high = _as_float(x.max((-2, -1), keepdims=True))
    flat = high == low
    scale = np.where(flat, np.float32(1), np.float32(bound) / np.where(flat, np.float32(1), high - low))
    return ((x - np.where(flat, np.float32(0), low)) * scale).clip(0, bound).astype(x.dtype)


def equalize(x):
    if x.dtype != np.uint8:
        raise TypeError(f"Only uint8 image tensors are supported, but found {x.dtype}")
    planes = x.reshape(-1, *x.shape[-2:])
    return np.stack([_equalize_plane(plane) for plane in planes]).reshape(x.shape)


def _equalize_plane(plane):
    counts = np.bincount(plane.ravel(), minlength=256)
    step = counts[counts != 0][:-1].sum() // 255
    if step == 0:
        return plane
    table = (np.cumsum(counts) + step // 2) // step
    table = np.concatenate([[0], table[:-1]]).clip(0, 255).astype(np.uint8)
    return table[plane]


# Filters -------------------------------------------------------------------------------------------------------------


def _gaussian(size, sigma):
    x = np.linspace(-(size - 1) * 0.5, (size - 1) * 0.5, size, dtype=np.float32)
    weights = np.exp(np.float32(-0.5) * (x / np.float32(sigma)) ** 2)
    return weights / weights.sum()


def convolve(x, kernel):
    """Correlate the last two axes with a small kernel, borders not padded."""
    windows = np.lib.stride_tricks.sliding_window_view(x, kernel.shape, axis=(-2, -1))
    return np.einsum("...ij,ij->...", windows, kernel)


def gaussian_blur(x, kernel_size, sigma):
    """kernel_size and sigma are (x, y)."""
    kernel = np.outer(_gaussian(kernel_size[1], sigma[1]), _gaussian(kernel_size[0], sigma[0]))
    across, down = kernel_size[0] // 2, kernel_size[1] // 2
    padded = pad(_as_float(x), across, across, down, down, mode="reflect")
    return _like(convolve(padded, kernel), x.dtype)


def sharpness(x, factor):
    if x.shape[-1] <= 2 or x.shape[-2] <= 2:
        return x
    kernel = np.ones((3, 3), np.float32)
    kernel[1, 1] = 5
    smooth = _as_float(x).copy()
    smooth[..., 1:-1, 1:-1] = convolve(_as_float(x), kernel / kernel.sum())
    return blend(x, _like(smooth, x.dtype), factor)


def rotation(angle, centre, translate=(0.0, 0.0), scale=1.0, shear=(0.0, 0.0)):
    """The six numbers of the inverse of: shear, scale, turn by `angle` degrees about `centre`, translate."""
    turn, sx, sy = math.radians(angle), math.radians(shear[0]), math.radians(shear[1])
    a = math.cos(turn - sy) / math.cos(sy)
    b = -a * math.tan(sx) - math.sin(turn)
    c = math.sin(turn - sy) / math.cos(sy)
    d = -c * math.tan(sx) + math.cos(turn)
    (cx, cy), (tx, ty) = centre, translate
    p, q, r, s = d / scale, -b / scale, -c / scale, a / scale
    return [p, q, p * (-cx - tx) + q * (-cy - ty) + cx, r, s, r * (-cx - tx) + s * (-cy - ty) + cy]
