"""torchvision.io: pictures, whose functions live in io.image."""

from .image import ImageReadMode, decode_image, decode_png, encode_png, read_file, read_image, write_png

__all__ = ["ImageReadMode", "read_image", "read_file", "decode_image", "decode_png", "encode_png", "write_png"]
