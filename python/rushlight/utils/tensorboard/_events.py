"""The bytes of an event file: protocol buffers by hand, in records with checksums.

A record is the length of its data, the data's, and a masked CRC-32C after each. The data is an Event message: when, which step, and either
the version of the format (first record) or a summary, which is a list of values: a tag with a number, a picture, a histogram or text.
"""

import struct

__all__ = ["event", "histogram", "image", "number", "record", "tensor", "text"]


def _table():
    table = []
    for byte in range(256):
        for _ in range(8):
            byte = byte >> 1 ^ (0x82F63B78 if byte & 1 else 0)
        table.append(byte)
    return table


_CRC = _table()


def _masked_crc(data):
    """CRC-32C, turned and shifted as event files have it."""
    crc = 0xFFFFFFFF
    for byte in data:
        crc = _CRC[(crc ^ byte) & 0xFF] ^ crc >> 8
    crc ^= 0xFFFFFFFF
    return struct.pack("<I", ((crc >> 15 | crc << 17) + 0xA282EAD8) & 0xFFFFFFFF)


def record(data):
    """A record of an event file."""
    length = struct.pack("<Q", len(data))
    return length + _masked_crc(length) + data + _masked_crc(data)


def _varint(n):
    n &= (1 << 64) - 1
    parts = bytearray()
    while n > 127:
        parts.append(n & 127 | 128)
        n >>= 7
    parts.append(n)
    return bytes(parts)


def integer(field, n):
    """A field with an integer."""
    return _varint(field << 3) + _varint(n)


def double(field, x):
    """A field with a float64."""
    return _varint(field << 3 | 1) + struct.pack("<d", x)


def single(field, x):
    """A field with a float32."""
    return _varint(field << 3 | 5) + struct.pack("<f", x)


def block(field, data):
    """A field with bytes, text or a message."""
    data = data.encode() if isinstance(data, str) else data
    return _varint(field << 3 | 2) + _varint(len(data)) + data


def _doubles(field, values):
    return block(field, struct.pack(f"<{len(values)}d", *values))


def event(wall_time, step=None, values=None, version=None):
    """An Event: a version, or values at a step."""
    data = double(1, wall_time)
    if step is not None:
        data += integer(2, step)
    if version is not None:
        data += block(3, version)
    if values is not None:
        data += block(5, b"".join(block(1, value) for value in values))
    return data


def number(tag, x):
    """A value that is a number."""
    return block(1, tag) + single(2, x)


def image(tag, height, width, channels, png):
    """A value that is a picture."""
    return block(1, tag) + block(4, integer(1, height) + integer(2, width) + integer(3, channels) + block(4, png))


def histogram(tag, least, most, count, total, squares, limits, counts):
    """A value that is a histogram: counts between limits."""
    data = double(1, least) + double(2, most) + double(3, count) + double(4, total) + double(5, squares) + _doubles(6, limits) + _doubles(7, counts)
    return block(1, tag) + block(5, data)


def text(tag, string):
    """A value that is text, for the plugin of texts."""
    return tensor(tag, "text", block(2, block(2, integer(1, 1))), [string])


def tensor(tag, plugin, shape, strings, content=b""):
    """A value of strings for one of TensorBoard's plugins."""
    metadata = block(1, block(1, plugin) + (block(2, content) if content else b""))
    return block(1, tag) + block(8, integer(1, 7) + shape + b"".join(block(8, s) for s in strings)) + block(9, metadata)
