"""Picture files to tensors and back: torchvision.io's reading and writing of whole pictures."""

import enum

import numpy as np

import rushlight as rl

from .. import image as images

__all__ = ["ImageReadMode", "read_image", "read_file", "decode_image", "decode_png", "encode_png", "write_png"]


class ImageReadMode(enum.Enum):
    """Which channels a picture is read into."""

    UNCHANGED = 0
    GRAY = 1
    GRAY_ALPHA = 2
    RGB = 3
    RGB_ALPHA = 4


def read_file(path):
    """The bytes of a file as a uint8 tensor."""
    with open(path, "rb") as file:
        return rl.from_numpy(np.frombuffer(bytearray(file.read()), np.uint8))


def decode_image(input, mode=ImageReadMode.UNCHANGED):
    """(channels, height, width) of uint8 from the bytes of a file (a uint8 tensor) or from its name."""
    data = input.numpy().tobytes() if isinstance(input, rl.Tensor) else read_file(input).numpy().tobytes()
    mode = ImageReadMode[mode] if isinstance(mode, str) else mode
    array = images.decode(data)
    if mode in (ImageReadMode.GRAY, ImageReadMode.RGB):
        array = images.Image(array).convert("L" if mode is ImageReadMode.GRAY else "RGB").array
    elif mode is not ImageReadMode.UNCHANGED:
        raise ValueError(f"read_image: mode {mode} is not known here; UNCHANGED, GRAY and RGB are")
    array = array[:, :, None] if array.ndim == 2 else array
    return rl.from_numpy(np.array(array.transpose(2, 0, 1), order="C"))


def read_image(path, mode=ImageReadMode.UNCHANGED):
    """(channels, height, width) of uint8 from a file: PNG and PNM by ourselves, others through Pillow."""
    return decode_image(read_file(path), mode)


decode_png = decode_image


def _pixels(input):
    if input.dtype != rl.uint8 or input.dim() != 3 or input.size(0) not in (1, 3):
        raise ValueError(f"encode_png takes uint8 of shape (1 or 3, height, width), got {input.dtype} {list(input.shape)}")
    return input.permute(1, 2, 0).contiguous().numpy()


def encode_png(input, compression_level=6):
    """The bytes of a PNG file, as a uint8 tensor."""
    return rl.from_numpy(np.frombuffer(bytearray(images.png_bytes(_pixels(input), compression_level)), np.uint8))


def write_png(input, filename, compression_level=6):
    """Write a (1 or 3, height, width) tensor of uint8 as a PNG file."""
    with open(filename, "wb") as file:
        file.write(images.png_bytes(_pixels(input), compression_level))
