"""Pictures in memory and on disk without Pillow.

`Image` is the least a data set needs to hand out a picture: an array with a mode, under the attribute names Pillow
uses. `from_array` gives a Pillow image where Pillow is installed and this one where it is not, so that scripts see
what torchvision would give them. PNG (8 bits, not interlaced) and PNM files are read and written here.
"""

import io
import struct
import sys
import zlib

import numpy as np

__all__ = ["Image", "from_array", "is_pil", "open_image", "write_png"]

MODES = {1: "L", 2: "LA", 3: "RGB", 4: "RGBA"}
PNG_SIGNATURE = b"\x89PNG\r\n\x1a\n"
PNG_CHANNELS = {0: 1, 2: 3, 3: 1, 4: 2, 6: 4}


class Image:
    """A picture of uint8 values: an array of (height, width) or (height, width, channels), and its mode."""

    def __init__(self, array, mode=None):
        array = np.ascontiguousarray(array)
        if array.ndim == 3 and array.shape[2] == 1:
            array = array[:, :, 0]
        if array.dtype != np.uint8 or array.ndim not in (2, 3):
            raise TypeError("Image takes an array of uint8 with shape (height, width) or (height, width, channels), "
                            f"got {array.dtype} {array.shape}")
        self.array = array
        self.mode = mode or MODES[1 if array.ndim == 2 else array.shape[2]]

    @property
    def size(self):
        """(width, height), as Pillow has it."""
        return self.array.shape[1], self.array.shape[0]

    @property
    def width(self):
        return self.array.shape[1]

    @property
    def height(self):
        return self.array.shape[0]

    def getbands(self):
        return tuple(self.mode)

    def __array__(self, dtype=None, copy=None):
        return np.array(self.array, dtype=dtype, copy=True if copy is None else copy)

    def __eq__(self, other):
        return isinstance(other, Image) and self.mode == other.mode and np.array_equal(self.array, other.array)

    __hash__ = None

    def convert(self, mode):
        """To "L" or "RGB"."""
        if mode == self.mode:
            return Image(self.array.copy(), mode)
        colour = self.array if self.array.ndim == 3 else self.array[:, :, None]
        colour = colour[:, :, :3] if colour.shape[2] >= 3 else colour[:, :, :1]
        if mode == "RGB":
            return Image(np.repeat(colour, 3, axis=2) if colour.shape[2] == 1 else colour, "RGB")
        if mode == "L":
            if colour.shape[2] == 1:
                return Image(colour, "L")
            weighted = colour.astype(np.uint32) @ np.array([19595, 38470, 7471], np.uint32) + 0x8000
            return Image((weighted >> 16).astype(np.uint8), "L")
        raise ValueError(f"Image.convert knows the modes L and RGB, not {mode!r}; pip install pillow for the others")

    def save(self, path):
        """Write a PNG file."""
        write_png(path, self.array)

    def __repr__(self):
        return f"<rushlight.vision Image mode={self.mode} size={self.width}x{self.height}>"

    def _repr_png_(self):
        return png_bytes(self.array)


def pillow():
    """The PIL.Image module, or None."""
    try:
        import PIL.Image
    except ImportError:
        return None
    return PIL.Image


def is_pil(img):
    module = sys.modules.get("PIL.Image")
    return module is not None and isinstance(img, module.Image)


def from_array(array):
    """A Pillow image of a uint8 array, or an `Image` where Pillow is missing."""
    module = pillow()
    return Image(array) if module is None else module.fromarray(np.ascontiguousarray(array))


# PNG -----------------------------------------------------------------------------------------------------------------


def _chunk(kind, data):
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def png_bytes(array, level=6):
    """A PNG file of a uint8 array (height, width[, 1 to 4 channels])."""
    array = np.ascontiguousarray(array, dtype=np.uint8)
    if array.ndim == 2:
        array = array[:, :, None]
    height, width, channels = array.shape
    colour = {1: 0, 2: 4, 3: 2, 4: 6}[channels]
    lines = np.concatenate([np.zeros((height, 1), np.uint8), array.reshape(height, -1)], axis=1)
    header = struct.pack(">IIBBBBB", width, height, 8, colour, 0, 0, 0)
    return (PNG_SIGNATURE + _chunk(b"IHDR", header) + _chunk(b"IDAT", zlib.compress(lines.tobytes(), level))
            + _chunk(b"IEND", b""))


def write_png(path, array):
    data = png_bytes(array)
    if hasattr(path, "write"):
        path.write(data)
        return
    with open(path, "wb") as file:
        file.write(data)


def _chunks(data):
    """(kind, body) of each part of a PNG file, up to where it ends or breaks off; ValueError on a wrong checksum."""
    position = len(PNG_SIGNATURE)
    while position + 12 <= len(data):
        length, kind = struct.unpack_from(">I4s", data, position)
        end = position + 8 + length
        if end + 4 > len(data):
            return
        if zlib.crc32(data[position + 4:end]) != struct.unpack_from(">I", data, end)[0]:
            raise ValueError(f"PNG file is damaged in its {kind.decode('latin1')} part")
        yield kind, data[position + 8:end]
        position = end + 4


def read_png(data):
    """The array of a PNG file; ValueError when it is damaged or of a kind that needs Pillow."""
    try:
        return _read_png(data)
    except (struct.error, zlib.error, IndexError) as error:
        raise ValueError(f"PNG file is damaged: {error}") from error


def _read_png(data):
    chunks = list(_chunks(data))
    kinds = dict(chunks)
    if not data.startswith(PNG_SIGNATURE) or not {b"IHDR", b"IDAT", b"IEND"} <= kinds.keys():
        raise ValueError("not a whole PNG file")
    width, height, depth, colour, _, _, interlaced = struct.unpack(">IIBBBBB", kinds[b"IHDR"])
    if depth != 8 or interlaced or colour not in PNG_CHANNELS:
        raise ValueError("PNG files other than 8 bits deep and not interlaced need Pillow: pip install pillow")
    if not width or not height:
        raise ValueError("PNG file without pixels")
    channels = PNG_CHANNELS[colour]
    stride = width * channels
    limit = height * (stride + 1)
    packed = b"".join(body for kind, body in chunks if kind == b"IDAT")
    raw = zlib.decompressobj().decompress(packed, limit)
    if len(raw) != limit:
        raise ValueError(f"PNG file ends early: {len(raw)} of {limit} bytes of pixels")
    pixels = _unfilter(np.frombuffer(raw, np.uint8).reshape(height, stride + 1), channels)
    pixels = pixels.reshape(height, width, channels)
    if colour != 3:
        return pixels
    return np.frombuffer(kinds.get(b"PLTE", b""), np.uint8).reshape(-1, 3)[pixels[:, :, 0]]


def _unfilter(lines, channels):
    """Undo the per-line prediction; lines that predict from the left go pixel by pixel."""
    out = np.zeros((len(lines), lines.shape[1] - 1), np.uint8)
    above = np.zeros(lines.shape[1] - 1, np.uint8)
    for y, line in enumerate(lines):
        kind, row = line[0], line[1:].copy()
        if kind == 2:
            row += above
        elif kind == 1:
            pixels = row.reshape(-1, channels)
            row = np.cumsum(pixels, axis=0, dtype=np.uint8).reshape(-1)
        elif kind in (3, 4):
            row = _predict(kind, row, above, channels)
        elif kind != 0:
            raise ValueError(f"PNG line {y} has the unknown filter {kind}")
        out[y] = above = row
    return out


def _predict(kind, row, above, channels):
    done = row.tolist()
    up = above.tolist()
    for i in range(len(done)):
        a = done[i - channels] if i >= channels else 0
        b = up[i]
        if kind == 3:
            guess = (a + b) // 2
        else:
            c = up[i - channels] if i >= channels else 0
            pa, pb, pc = abs(b - c), abs(a - c), abs(a + b - 2 * c)
            guess = a if pa <= pb and pa <= pc else b if pb <= pc else c
        done[i] = (done[i] + guess) & 255
    return np.array(done, np.uint8)


# PNM -----------------------------------------------------------------------------------------------------------------


def read_pnm(data):
    """The array of a binary PGM (P5) or PPM (P6) file of 8 bits."""
    fields, position = [], 2
    while len(fields) < 3:
        while data[position:position + 1].isspace():
            position += 1
        if data[position:position + 1] == b"#":
            position = data.index(b"\n", position)
            continue
        end = position
        while end < len(data) and not data[end:end + 1].isspace():
            end += 1
        fields.append(int(data[position:end]))
        position = end
    width, height, top = fields
    channels = 3 if data[:2] == b"P6" else 1
    if top != 255:
        raise ValueError("PNM files other than 8 bits deep need Pillow: pip install pillow")
    pixels = np.frombuffer(data, np.uint8, width * height * channels, position + 1)
    return pixels.reshape(height, width, channels).copy()


def decode(data):
    """The array in the bytes of a picture file: through Pillow where it is installed, else PNG and binary PNM only."""
    module = pillow()
    if module is not None:
        picture = module.open(io.BytesIO(data))
        picture = picture if picture.mode in MODES.values() else picture.convert("RGB")
        return np.array(picture)
    if data.startswith(PNG_SIGNATURE):
        return read_png(data)
    if data[:2] in (b"P5", b"P6"):
        return read_pnm(data)
    raise RuntimeError("reading this kind of picture needs Pillow: pip install pillow "
                       "(without it PNG, PGM and PPM are read)")


def open_image(path):
    """A picture file as an RGB image."""
    with open(path, "rb") as file:
        data = file.read()
    try:
        module = pillow()
        return Image(decode(data)).convert("RGB") if module is None else module.open(io.BytesIO(data)).convert("RGB")
    except (RuntimeError, ValueError) as error:
        raise type(error)(f"{path}: {error}") from error
