"""Image operations as functions, on four kinds of picture.

Tensors are (..., channels, height, width) and stay tensors; flips, crops, padding, normalising and conversion are
tensor operations and can be differentiated, the rest is computed on NumPy. Pillow images go through Pillow's own
functions, as in torchvision. Arrays of (height, width[, channels]) and `rushlight.vision.image.Image` come back as
what they were; torchvision does not take them.
"""

import enum
import numbers

import numpy as np

import rushlight as rl

from .. import image as images
from . import _arrays, _pillow

__all__ = ["InterpolationMode", "to_tensor", "pil_to_tensor", "to_pil_image", "convert_image_dtype", "normalize",
           "resize", "pad", "crop", "center_crop", "resized_crop", "hflip", "vflip", "five_crop", "ten_crop", "rotate",
           "affine", "perspective", "adjust_brightness", "adjust_contrast", "adjust_saturation", "adjust_hue",
           "adjust_gamma", "adjust_sharpness", "rgb_to_grayscale", "to_grayscale", "gaussian_blur", "erase", "invert",
           "posterize", "solarize", "autocontrast", "equalize", "get_dimensions", "get_image_size",
           "get_image_num_channels"]


class InterpolationMode(enum.Enum):
    """How values between pixels are found."""

    NEAREST = "nearest"
    NEAREST_EXACT = "nearest-exact"
    BILINEAR = "bilinear"
    BICUBIC = "bicubic"
    BOX = "box"
    HAMMING = "hamming"
    LANCZOS = "lanczos"


PILLOW_NUMBERS = {0: "nearest", 2: "bilinear", 3: "bicubic", 4: "box", 5: "hamming", 1: "lanczos"}


def interpolation_mode(value):
    """The mode of a mode, or of one of Pillow's numbers for it."""
    if isinstance(value, InterpolationMode):
        return value
    if isinstance(value, int) and value in PILLOW_NUMBERS:
        return InterpolationMode(PILLOW_NUMBERS[value])
    raise TypeError("Argument interpolation should be a InterpolationMode or a corresponding Pillow integer constant, "
                    f"got {value!r}")


# The four kinds ------------------------------------------------------------------------------------------------------


def _unknown(img):
    return TypeError(f"Unexpected type {type(img)}: expected a Tensor, a PIL Image or a NumPy array")


def _is_plain(img):
    return isinstance(img, (np.ndarray, images.Image))


def _planes(img):
    """(channels, height, width) view of an array or Image."""
    array = img.array if isinstance(img, images.Image) else img
    if array.ndim not in (2, 3):
        raise ValueError(f"pic should be 2/3 dimensional. Got {array.ndim} dimensions.")
    return array[None] if array.ndim == 2 else array.transpose(2, 0, 1)


def _unplanes(planes, like):
    """Back from `_planes`, to the kind of picture `like` is."""
    flat = (like.array if isinstance(like, images.Image) else like).ndim == 2 and planes.shape[0] == 1
    array = planes[0] if flat else planes.transpose(1, 2, 0)
    return images.Image(array) if isinstance(like, images.Image) else array


def _check_tensor(img):
    if img.dim() < 2:
        raise TypeError(f"Tensor is not a torch image: it has {img.dim()} dimensions, expected (..., C, H, W)")


def _apply(img, on_planes, on_pillow, on_tensor=None):
    """Run the variant for the kind of picture."""
    if isinstance(img, rl.Tensor):
        _check_tensor(img)
        if on_tensor is not None:
            return on_tensor(img)
        array = img.detach().numpy()
        if array.ndim == 2:
            return rl.from_numpy(np.ascontiguousarray(on_planes(array[None])))[0]
        return rl.from_numpy(np.ascontiguousarray(on_planes(array)))
    if images.is_pil(img):
        return on_pillow(img)
    if _is_plain(img):
        return _unplanes(on_planes(_planes(img)), img)
    raise _unknown(img)


def get_dimensions(img):
    """[channels, height, width]."""
    if isinstance(img, rl.Tensor):
        _check_tensor(img)
        return [1 if img.dim() == 2 else img.shape[-3], img.shape[-2], img.shape[-1]]
    if images.is_pil(img):
        return [len(img.getbands()), img.height, img.width]
    if _is_plain(img):
        return list(_planes(img).shape)
    raise _unknown(img)


def get_image_size(img):
    """[width, height]."""
    _, height, width = get_dimensions(img)
    return [width, height]


def get_image_num_channels(img):
    return get_dimensions(img)[0]


# Conversion ----------------------------------------------------------------------------------------------------------


def to_tensor(pic):
    """(channels, height, width) of a picture; uint8 becomes floats in [0, 1], other types keep their values."""
    if images.is_pil(pic):
        tensor = pil_to_tensor(pic).contiguous()
        if pic.mode == "1":
            tensor = tensor * 255
    elif _is_plain(pic):
        tensor = rl.from_numpy(np.ascontiguousarray(_planes(pic)))
        if tensor.dtype != rl.uint8 and isinstance(pic, np.ndarray) and np.shares_memory(pic, tensor.numpy()):
            return tensor.clone() if not pic.flags.writeable else tensor
    else:
        raise TypeError(f"pic should be PIL Image or ndarray. Got {type(pic)}")
    return tensor.to(rl.get_default_dtype()).div(255) if tensor.dtype == rl.uint8 else tensor


def pil_to_tensor(pic):
    """(channels, height, width) with the picture's own values and type."""
    if isinstance(pic, images.Image):
        return rl.from_numpy(np.array(_planes(pic)))
    if not images.is_pil(pic):
        raise TypeError(f"pic should be PIL Image. Got {type(pic)}")
    kind = {"I": np.int32, "I;16": np.int16, "I;16B": np.int16, "F": np.float32}.get(pic.mode, np.uint8)
    array = np.array(pic, kind, copy=True).reshape(pic.height, pic.width, len(pic.getbands()))
    return rl.from_numpy(array).permute(2, 0, 1)


def to_pil_image(pic, mode=None):
    """A picture (Pillow's where it is installed) of a (C, H, W) tensor or an (H, W, C) array; floats are scaled by 255."""
    if isinstance(pic, rl.Tensor):
        array = pic.detach().numpy()
        array = array.transpose(1, 2, 0) if array.ndim == 3 else array
    elif isinstance(pic, np.ndarray):
        array = pic
    else:
        raise TypeError(f"pic should be Tensor or ndarray. Got {type(pic)}.")
    if array.ndim not in (2, 3):
        raise ValueError(f"pic should be 2/3 dimensional. Got {array.ndim} dimensions.")
    if array.ndim == 3 and array.shape[2] > 4:
        raise ValueError(f"pic should not have > 4 channels. Got {array.shape[2]} channels.")
    if np.issubdtype(array.dtype, np.floating) and mode != "F":
        array = (array * 255).astype(np.uint8)
    if array.ndim == 3 and array.shape[2] == 1:
        array = array[:, :, 0]
    return _pillow.make(array, mode)


def convert_image_dtype(image, dtype=None):
    """Change the type of a tensor and scale its values with it: white stays white."""
    if not isinstance(image, rl.Tensor):
        raise TypeError(f"Input img should be Tensor Image, got {type(image)}")
    dtype = rl.get_default_dtype() if dtype is None else dtype
    if image.dtype == dtype:
        return image
    if image.dtype.is_floating_point:
        return _from_float(image, dtype)
    white = rl.iinfo(image.dtype).max
    if dtype.is_floating_point:
        return image.to(dtype) / float(white)
    target = rl.iinfo(dtype).max
    if white > target:
        return rl.div(image, (white + 1) // (target + 1), rounding_mode="floor").to(dtype)
    return image.to(dtype) * ((target + 1) // (white + 1))


def _from_float(image, dtype):
    if dtype.is_floating_point:
        return image.to(dtype)
    if dtype == rl.int64 or (image.dtype == rl.float32 and dtype == rl.int32):
        raise RuntimeError(f"The cast from {image.dtype} to {dtype} cannot be performed safely.")
    # Just below max + 1, so that the top bin is as wide as the others.
    return image.mul(float(rl.iinfo(dtype).max) + 1.0 - 1e-3).to(dtype)


def normalize(tensor, mean, std, inplace=False):
    """(tensor - mean) / std per channel."""
    if not isinstance(tensor, rl.Tensor):
        raise TypeError(f"img should be Tensor Image. Got {type(tensor)}")
    if not tensor.is_floating_point():
        raise TypeError(f"Input tensor should be a float tensor. Got {tensor.dtype}. Put ToTensor() before Normalize")
    if tensor.dim() < 3:
        raise ValueError("Expected tensor to be a tensor image of size (..., C, H, W). "
                         f"Got tensor.size() = {tuple(tensor.shape)}")
    mean = rl.as_tensor(mean, dtype=tensor.dtype)
    std = rl.as_tensor(std, dtype=tensor.dtype)
    if (std == 0).any():
        raise ValueError(f"std evaluated to zero after conversion to {tensor.dtype}, leading to division by zero.")
    mean = mean.view(-1, 1, 1) if mean.dim() == 1 else mean
    std = std.view(-1, 1, 1) if std.dim() == 1 else std
    channels, wanted = tensor.shape[-3], max(mean.numel(), std.numel())
    if wanted not in (1, channels) and mean.dim() == std.dim() == 3:
        shape = list(tensor.shape)
        raise RuntimeError(f"output with shape {shape} doesn't match the broadcast shape {shape[:-3] + [wanted] + shape[-2:]}"
                           f": Normalize was given {wanted} means or deviations for a picture of {channels} channels")
    if inplace:
        return tensor.sub_(mean).div_(std)
    return tensor.sub(mean).div_(std)


# Geometry ------------------------------------------------------------------------------------------------------------


def _resized_size(height, width, size, max_size):
    if isinstance(size, numbers.Number) or len(size) == 1:
        wanted = int(size if isinstance(size, numbers.Number) else size[0])
        short, long_ = min(height, width), max(height, width)
        new_short, new_long = wanted, int(wanted * long_ / short)
        if max_size is not None:
            if max_size <= wanted:
                raise ValueError(f"max_size = {max_size} must be strictly greater than the requested size for the "
                                 f"smaller edge size = {size}")
            if new_long > max_size:
                new_short, new_long = int(max_size * new_short / new_long), max_size
        return (new_long, new_short) if width <= height else (new_short, new_long)
    if max_size is not None:
        raise ValueError("max_size should only be passed if size specifies the length of the smaller edge, "
                         "i.e. size should be an int or a sequence of length 1.")
    return int(size[0]), int(size[1])


def resize(img, size, interpolation=InterpolationMode.BILINEAR, max_size=None, antialias=True):
    """To `size` = (height, width), or the shorter side to an int."""
    mode = interpolation_mode(interpolation)
    if isinstance(size, (list, tuple)) and len(size) not in (1, 2):
        raise ValueError(f"Size must be an int or a 1 or 2 element tuple/list, not a {len(size)} element tuple/list")
    _, height, width = get_dimensions(img)
    target = _resized_size(height, width, size, max_size)
    if (height, width) == target:
        return img
    return _apply(img, lambda x: _arrays.resize(x, target, _array_mode(mode), antialias),
                  lambda x: _pillow.resize(x, target, mode.value))


def _array_mode(mode):
    if mode.value not in ("nearest", "nearest-exact", "bilinear", "bicubic"):
        raise ValueError(f"This Interpolation mode is unsupported with Tensor input: {mode.value}")
    return mode.value


def _sides(padding):
    """(left, right, top, bottom) of torchvision's int, (x, y) or (left, top, right, bottom)."""
    if isinstance(padding, numbers.Number):
        padding = (padding,)
    if len(padding) == 1:
        return (int(padding[0]),) * 4
    if len(padding) == 2:
        return padding[0], padding[0], padding[1], padding[1]
    if len(padding) == 4:
        return padding[0], padding[2], padding[1], padding[3]
    raise ValueError(f"Padding must be an int or a 1, 2, or 4 element tuple, not a {len(padding)} element tuple")


def pad(img, padding, fill=0, padding_mode="constant"):
    """Add borders; `padding` is one number, (x, y) or (left, top, right, bottom)."""
    if not isinstance(padding, (numbers.Number, tuple, list)):
        raise TypeError("Got inappropriate padding arg")
    if padding_mode not in ("constant", "edge", "reflect", "symmetric"):
        raise ValueError("Padding mode should be either constant, edge, reflect or symmetric")
    sides = _sides(padding)

    def on_tensor(x):
        if padding_mode == "constant" and isinstance(fill, numbers.Number):
            return rl.nn.functional.pad(x, list(sides), value=fill)
        if padding_mode == "reflect" and (max(sides[:2]) >= x.shape[-1] or max(sides[2:]) >= x.shape[-2]):
            raise RuntimeError("Padding size should be less than the corresponding input dimension, but got: padding "
                               f"{sides} (left, right, top, bottom) of an image of {tuple(x.shape[-2:])}")
        return _tensor_of(_arrays.pad(x.detach().numpy(), *sides, fill, padding_mode))

    return _apply(img, lambda x: _arrays.pad(x, *sides, fill, padding_mode),
                  lambda x: _pillow.pad(x, sides, fill, padding_mode), on_tensor)


def _tensor_of(array):
    return rl.from_numpy(np.ascontiguousarray(array))


def crop(img, top, left, height, width):
    """A rectangle; where it reaches over the border there are zeros."""
    bottom, right = top + height, left + width

    def on_planes(x):
        h, w = x.shape[-2:]
        part = x[..., max(top, 0):max(bottom, 0), max(left, 0):max(right, 0)]
        if left < 0 or top < 0 or right > w or bottom > h:
            outside = (max(-left + min(0, right), 0), max(right - max(w, left), 0),
                       max(-top + min(0, bottom), 0), max(bottom - max(h, top), 0))
            if isinstance(part, rl.Tensor):
                return rl.nn.functional.pad(part, list(outside), value=0)
            return _arrays.pad(part, *outside)
        return part

    return _apply(img, on_planes, lambda x: x.crop((left, top, right, bottom)), on_planes)


def center_crop(img, output_size):
    """The middle of the picture, padded with zeros where it is too small."""
    if isinstance(output_size, numbers.Number):
        output_size = (int(output_size), int(output_size))
    elif len(output_size) == 1:
        output_size = (output_size[0], output_size[0])
    _, height, width = get_dimensions(img)
    want_h, want_w = output_size
    more_w, more_h = max(want_w - width, 0), max(want_h - height, 0)
    if more_w or more_h:
        img = pad(img, [more_w // 2, more_h // 2, (more_w + 1) // 2, (more_h + 1) // 2], fill=0)
        height, width = max(height, want_h), max(width, want_w)
        if (height, width) == (want_h, want_w):
            return img
    return crop(img, int(round((height - want_h) / 2.0)), int(round((width - want_w) / 2.0)), want_h, want_w)


def resized_crop(img, top, left, height, width, size, interpolation=InterpolationMode.BILINEAR, antialias=True):
    return resize(crop(img, top, left, height, width), size, interpolation, antialias=antialias)


def hflip(img):
    """Left becomes right."""
    return _apply(img, lambda x: x[..., ::-1], _pillow.hflip, lambda x: x.flip(-1))


def vflip(img):
    """Top becomes bottom."""
    return _apply(img, lambda x: x[..., ::-1, :], _pillow.vflip, lambda x: x.flip(-2))


def five_crop(img, size):
    """The four corners and the middle."""
    if isinstance(size, numbers.Number):
        size = (int(size), int(size))
    elif len(size) == 1:
        size = (size[0], size[0])
    _, height, width = get_dimensions(img)
    h, w = size
    if w > width or h > height:
        raise ValueError(f"Requested crop size {tuple(size)} is bigger than input size {(height, width)}")
    return (crop(img, 0, 0, h, w), crop(img, 0, width - w, h, w), crop(img, height - h, 0, h, w),
            crop(img, height - h, width - w, h, w), center_crop(img, [h, w]))


def ten_crop(img, size, vertical_flip=False):
    """Five crops of the picture and five of its mirror image."""
    return five_crop(img, size) + five_crop(vflip(img) if vertical_flip else hflip(img), size)


def _array_fill(fill):
    return None if fill is None else ([float(fill)] if isinstance(fill, numbers.Number) else [float(f) for f in fill])


def _warp(x, theta, size, mode, fill):
    grid = _arrays.affine_grid(theta, x.shape[-1], x.shape[-2], *size)
    return _arrays.sample(x, grid, _warp_mode(mode), _array_fill(fill))


def _warp_mode(mode):
    if mode not in (InterpolationMode.NEAREST, InterpolationMode.BILINEAR):
        raise ValueError(f"Interpolation mode '{mode.value}' is unsupported with Tensor input")
    return mode.value


def _about_middle(center, width, height):
    return (0.0, 0.0) if center is None else (center[0] - width * 0.5, center[1] - height * 0.5)


def rotate(img, angle, interpolation=InterpolationMode.NEAREST, expand=False, center=None, fill=None):
    """Turn by `angle` degrees against the clock, about the middle or `center` = (x, y)."""
    mode = interpolation_mode(interpolation)
    if not isinstance(angle, (int, float)):
        raise TypeError("Argument angle should be int or float")
    _, height, width = get_dimensions(img)
    theta = _arrays.rotation(-angle, _about_middle(center, width, height))
    size = _arrays.expanded_size(theta, width, height) if expand else (width, height)
    return _apply(img, lambda x: _warp(x, theta, size, mode, fill),
                  lambda x: _pillow.rotate(x, angle, mode.value, expand, center, fill))


def affine(img, angle, translate, scale, shear, interpolation=InterpolationMode.NEAREST, fill=None, center=None):
    """Shear, scale, turn with the clock and move, about the middle or `center`."""
    mode = interpolation_mode(interpolation)
    if not isinstance(angle, (int, float)):
        raise TypeError("Argument angle should be int or float")
    if not isinstance(translate, (list, tuple)) or len(translate) != 2:
        raise ValueError("Argument translate should be a sequence of length 2")
    if scale <= 0.0:
        raise ValueError("Argument scale should be positive")
    shear = [shear, 0.0] if isinstance(shear, numbers.Number) else list(shear)
    shear = shear * 2 if len(shear) == 1 else shear
    if len(shear) != 2:
        raise ValueError(f"Shear should be a sequence containing two values. Got {shear}")
    _, height, width = get_dimensions(img)
    theta = _arrays.rotation(angle, _about_middle(center, width, height), translate, scale, shear)

    def on_pillow(x):
        middle = [width * 0.5, height * 0.5] if center is None else center
        return _pillow.affine(x, _arrays.rotation(angle, middle, translate, scale, shear), mode.value, fill)

    return _apply(img, lambda x: _warp(x, theta, (width, height), mode, fill), on_pillow)


def perspective(img, startpoints, endpoints, interpolation=InterpolationMode.BILINEAR, fill=None):
    """The projective map that takes four points to four others."""
    mode = interpolation_mode(interpolation)
    rows, goal = [], []
    for (sx, sy), (ex, ey) in zip(startpoints, endpoints):
        rows += [[ex, ey, 1, 0, 0, 0, -sx * ex, -sx * ey], [0, 0, 0, ex, ey, 1, -sy * ex, -sy * ey]]
        goal += [sx, sy]
    solved = np.linalg.lstsq(np.array(rows, float), np.array(goal, float), rcond=None)[0]
    coefficients = solved.astype(np.float32).tolist()

    def on_planes(x):
        grid = _arrays.perspective_grid(coefficients, x.shape[-1], x.shape[-2])
        return _arrays.sample(x, grid, _warp_mode(mode), _array_fill(fill))

    return _apply(img, on_planes, lambda x: _pillow.perspective(x, coefficients, mode.value, fill))


# Colour and filters --------------------------------------------------------------------------------------------------


def _not_negative(name, value):
    if value < 0:
        raise ValueError(f"{name} ({value}) is not non-negative.")


def _colour(img, on_planes, on_pillow):
    channels = get_dimensions(img)[0]
    if not images.is_pil(img) and channels not in (1, 3):
        raise TypeError(f"Input image tensor permitted channel values are [1, 3], but found {channels}")
    return _apply(img, on_planes, on_pillow)


def adjust_brightness(img, brightness_factor):
    """0 is black, 1 the picture, 2 twice as bright."""
    _not_negative("brightness_factor", brightness_factor)
    return _colour(img, lambda x: _arrays.brightness(x, brightness_factor),
                   lambda x: _pillow.enhance("Brightness", x, brightness_factor))


def adjust_contrast(img, contrast_factor):
    """0 is plain grey, 1 the picture."""
    _not_negative("contrast_factor", contrast_factor)
    return _colour(img, lambda x: _arrays.contrast(x, contrast_factor),
                   lambda x: _pillow.enhance("Contrast", x, contrast_factor))


def adjust_saturation(img, saturation_factor):
    """0 is black and white, 1 the picture."""
    _not_negative("saturation_factor", saturation_factor)
    return _colour(img, lambda x: _arrays.saturation(x, saturation_factor),
                   lambda x: _pillow.enhance("Color", x, saturation_factor))


def adjust_sharpness(img, sharpness_factor):
    """0 is blurred, 1 the picture, 2 sharper."""
    _not_negative("sharpness_factor", sharpness_factor)
    return _colour(img, lambda x: _arrays.sharpness(x, sharpness_factor),
                   lambda x: _pillow.enhance("Sharpness", x, sharpness_factor))


def adjust_hue(img, hue_factor):
    """Turn the colours by a part of the circle in [-0.5, 0.5]."""
    if not -0.5 <= hue_factor <= 0.5:
        raise ValueError(f"hue_factor ({hue_factor}) is not in [-0.5, 0.5].")
    return _colour(img, lambda x: _arrays.hue(x, hue_factor), lambda x: _pillow.hue(x, hue_factor))


def adjust_gamma(img, gamma, gain=1):
    """gain * value ** gamma."""
    if gamma < 0:
        raise ValueError("Gamma should be a non-negative real number")
    return _colour(img, lambda x: _arrays.gamma(x, gamma, gain), lambda x: _pillow.gamma(x, gamma, gain))


def rgb_to_grayscale(img, num_output_channels=1):
    """Luminance, in one channel or three equal ones."""
    if num_output_channels not in (1, 3):
        raise ValueError("num_output_channels should be either 1 or 3")

    def on_planes(x):
        y = _arrays.gray(x)
        if num_output_channels == 1 or (isinstance(img, rl.Tensor) and x.shape[-3] == 1):
            return y  # torchvision leaves a tensor of one channel alone
        return np.repeat(y, 3, axis=-3)

    return _colour(img, on_planes, lambda x: _pillow.grayscale(x, num_output_channels))


def to_grayscale(img, num_output_channels=1):
    """`rgb_to_grayscale` of a PIL image."""
    if isinstance(img, rl.Tensor):
        raise TypeError("Input should be PIL Image; use rgb_to_grayscale for tensors")
    return rgb_to_grayscale(img, num_output_channels)


def gaussian_blur(img, kernel_size, sigma=None):
    """Blur with a Gaussian cut to `kernel_size` (odd); `sigma` defaults to a width that fits it."""
    kernel_size = [kernel_size] * 2 if isinstance(kernel_size, int) else list(kernel_size)
    if len(kernel_size) != 2 or any(k % 2 == 0 or k < 0 for k in kernel_size):
        raise ValueError(f"kernel_size should have odd and positive integers. Got {kernel_size}")
    if sigma is None:
        sigma = [k * 0.15 + 0.35 for k in kernel_size]
    sigma = [float(sigma)] * 2 if isinstance(sigma, numbers.Number) else list(sigma) * (2 // len(sigma))
    if any(s <= 0.0 for s in sigma):
        raise ValueError(f"sigma should have positive values. Got {sigma}")
    blur = lambda x: _arrays.gaussian_blur(x, kernel_size, sigma)  # noqa: E731
    return _apply(img, blur, lambda x: to_pil_image(gaussian_blur(pil_to_tensor(x), kernel_size, sigma), mode=x.mode))


def erase(img, i, j, h, w, v, inplace=False):
    """Put `v` over a rectangle."""
    if not isinstance(img, rl.Tensor):
        raise TypeError(f"img should be Tensor Image. Got {type(img)}")
    img = img if inplace else img.clone()
    img[..., i:i + h, j:j + w] = v
    return img


def invert(img):
    """White becomes black."""
    return _colour(img, _arrays.invert, lambda x: _pillow.operation("invert", x))


def posterize(img, bits):
    """Keep the upper bits of each value."""
    return _colour(img, lambda x: _arrays.posterize(x, bits), lambda x: _pillow.operation("posterize", x, bits))


def solarize(img, threshold):
    """Invert the values from `threshold` on."""
    if isinstance(img, rl.Tensor) and threshold > (1 if img.is_floating_point() else rl.iinfo(img.dtype).max):
        raise TypeError(f"Threshold should be less than bound of img: {threshold} for {img.dtype}")
    return _colour(img, lambda x: _arrays.solarize(x, threshold), lambda x: _pillow.operation("solarize", x, threshold))


def autocontrast(img):
    """Stretch each channel to the whole range."""
    return _colour(img, _arrays.autocontrast, lambda x: _pillow.operation("autocontrast", x))


def equalize(img):
    """Spread the values of each channel evenly."""
    return _colour(img, _arrays.equalize, lambda x: _pillow.operation("equalize", x))


