"""Image operations on Pillow images, by Pillow. Imported always, but Pillow itself only when such an image came in."""

import numpy as np

from ..image import Image, pillow

RESAMPLING = {"nearest": 0, "nearest-exact": 0, "lanczos": 1, "bilinear": 2, "bicubic": 3, "box": 4, "hamming": 5}
FLIP_LEFT_RIGHT, FLIP_TOP_BOTTOM = 0, 1
AFFINE, PERSPECTIVE = 0, 2
MODES = {2: ("LA",), 3: ("RGB", "YCbCr", "HSV"), 4: ("RGBA", "CMYK", "RGBX")}
FLAT_MODES = {"uint8": "L", "int16": "I;16", "int32": "I", "float32": "F"}


def make(array, mode):
    """A picture of an array (height, width[, channels]), in `mode` or the one that fits."""
    module = pillow()
    if array.ndim == 2:
        expected = FLAT_MODES.get(array.dtype.name)
        if mode is not None and mode != expected:
            raise ValueError(f"Incorrect mode ({mode}) supplied for input type {array.dtype}. Should be {expected}")
        allowed = (expected,)
    else:
        allowed = MODES[array.shape[2]]
        if mode is not None and mode not in allowed:
            raise ValueError(f"Only modes {list(allowed)} are supported for {array.shape[2]}D inputs")
    if allowed[0] is None:
        raise TypeError(f"Input type {array.dtype} is not supported")
    if module is None:
        return Image(array, mode or allowed[0])
    picture = module.fromarray(np.ascontiguousarray(array))
    mode = mode or allowed[0]
    if picture.mode == mode:
        return picture
    # The same bytes under another reading (YCbCr for RGB, CMYK for RGBA), not a conversion.
    return module.frombytes(mode, picture.size, array.tobytes())


def resize(img, size, mode):
    return img.resize((size[1], size[0]), RESAMPLING[mode])


def hflip(img):
    return img.transpose(FLIP_LEFT_RIGHT)


def vflip(img):
    return img.transpose(FLIP_TOP_BOTTOM)


def _fill(img, fill):
    """The fill value in the form Pillow wants for this mode."""
    bands = len(img.getbands())
    fill = 0 if fill is None else fill
    if isinstance(fill, (int, float)) and bands > 1:
        fill = (fill,) * bands
    if isinstance(fill, (list, tuple)):
        fill = tuple(fill) * (bands if len(fill) == 1 else 1)
        if len(fill) != bands:
            raise ValueError("The number of elements in 'fill' does not match the number of channels of the image "
                             f"({len(fill)} != {bands})")
        if img.mode != "F":
            fill = tuple(int(value) for value in fill)
        return fill if bands > 1 else fill[0]
    return fill if img.mode == "F" else int(fill)


def pad(img, sides, fill, mode):
    from PIL import ImageOps
    left, right, top, bottom = sides
    if mode == "constant":
        fill = _fill(img, fill)
        palette = img.getpalette() if img.mode == "P" else None
        wider = ImageOps.expand(img, border=(left, top, right, bottom), fill=fill)
        if palette is not None:
            wider.putpalette(palette)
        return wider
    img = img.crop((max(-left, 0), max(-top, 0), img.width - max(-right, 0), img.height - max(-bottom, 0)))
    array = np.asarray(img)
    widths = [(max(top, 0), max(bottom, 0)), (max(left, 0), max(right, 0))] + [(0, 0)] * (array.ndim - 2)
    return pillow().fromarray(np.pad(array, widths, mode=mode))


def rotate(img, angle, mode, expand, center, fill):
    return img.rotate(angle, RESAMPLING[mode], expand, center, fillcolor=_fill(img, fill))


def affine(img, matrix, mode, fill):
    return img.transform(img.size, AFFINE, matrix, RESAMPLING[mode], fillcolor=_fill(img, fill))


def perspective(img, coefficients, mode, fill):
    return img.transform(img.size, PERSPECTIVE, coefficients, RESAMPLING[mode], fillcolor=_fill(img, fill))


def enhance(kind, img, factor):
    from PIL import ImageEnhance
    return getattr(ImageEnhance, kind)(img).enhance(factor)


def operation(name, img, *args):
    from PIL import ImageOps
    return getattr(ImageOps, name)(img, *args)


def hue(img, factor):
    if img.mode in ("L", "1", "I", "F"):
        return img
    h, s, v = img.convert("HSV").split()
    turned = np.array(h, np.uint8) + np.int32(factor * 255).astype(np.uint8)
    return pillow().merge("HSV", (pillow().fromarray(turned), s, v)).convert(img.mode)


def gamma(img, power, gain):
    table = [int((255 + 1 - 1e-3) * gain * pow(value / 255.0, power)) for value in range(256)] * 3
    return img.convert("RGB").point(table).convert(img.mode)


def grayscale(img, channels):
    grey = img.convert("L")
    return grey if channels == 1 else pillow().merge("RGB", (grey, grey, grey))
