"""Resampling images: interpolate in all its modes, affine_grid and grid_sample.

Sizes, scales and modes are settled here; a row of the op table for each mode and rank does the rest.
"""

import math
import warnings

import rushlight as rl

from ._rows import _nn

__all__ = ["affine_grid", "grid_sample", "interpolate", "upsample", "upsample_bilinear", "upsample_nearest"]


def _resize(input, mode, output_size, scale_factors, align_corners, antialias):
    """The row for this mode and rank."""
    n = input.dim() - 2
    row = _rows.get((mode, n, antialias)) or _row_of(mode, n, antialias)
    if mode == "nearest" or mode == "nearest-exact":
        return row(input, output_size, *scale_factors)
    return row(input, output_size, align_corners, *scale_factors)


_rows = {}


def _row_of(mode, n, antialias):
    """The operation for a mode and n dims; looked up once."""
    name = {"linear": ("linear1d", "bilinear2d", "trilinear3d")[n - 1], "cubic": "bicubic2d", "nearest": f"nearest{n}d",
            "nearest-exact": f"nearest_exact{n}d"}[mode]
    row = getattr(_nn, f"_upsample_{name}_aa" if antialias else ("_" if mode == "nearest-exact" else "") + f"upsample_{name}")
    _rows[mode, n, antialias] = row
    return row


# ---- interpolate -----------------------------------------------------------------------------------------------

_MODES = {"nearest": "nearest", "nearest-exact": "nearest-exact", "linear": "linear", "bilinear": "linear",
          "trilinear": "linear", "bicubic": "cubic", "area": "area"}
_sound = set()      # what _check_mode has let pass
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
    if size is not None and [v for v in given if not isinstance(v, int)]:
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
    if not 3 <= _RANK.get(mode, input.dim()) == input.dim() <= 5:
        if mode in _RANK and mode != "bicubic" and input.dim() in (3, 4, 5):
            raise NotImplementedError(f"Got {input.dim()}D input, but {mode} mode needs {_RANK[mode]}D input")
        raise NotImplementedError("Input Error: Only 3D, 4D and 5D input Tensors supported (got "
                                  f"{input.dim()}D) for the modes: {' | '.join(_MODES)} (got {mode})")


def interpolate(input, size=None, scale_factor=None, mode="nearest", align_corners=None, recompute_scale_factor=None,
                antialias=False):
    """Resizes the spatial dimensions of (N, C, *) to size, or by scale_factor."""
    size, scale_factors = _sizes_and_scales(input, size, scale_factor)
    kind = (mode, input.dim(), align_corners, antialias)
    if kind not in _sound:
        _check_mode(input, mode, align_corners, antialias)
        _sound.add(kind)
    if recompute_scale_factor and size is not None:
        raise ValueError("recompute_scale_factor is not meaningful with an explicit size.")
    if size is None:
        size = [math.floor(float(length) * factor) for length, factor in zip(input.shape[2:], scale_factors)]
        if recompute_scale_factor or mode == "area":
            scale_factors = None
    if mode == "area":
        return getattr(_nn, f"adaptive_avg_pool{input.dim() - 2}d")(input, size)
    return _resize(input, _MODES[mode], size, scale_factors or (), bool(align_corners), antialias)


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
    return rl.affine_grid_generator(theta, size, align_corners)


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
    return rl.grid_sampler(input, grid, ("bilinear", "nearest", "bicubic").index(mode),
                           ("zeros", "border", "reflection").index(padding_mode), align_corners)
