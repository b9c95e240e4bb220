"""Small grey pictures in a terminal: as shaded blocks where colours are there, as letters of growing weight elsewhere."""

import os
import sys

import numpy as np

__all__ = ["side_by_side"]

RAMP = " .:-=+*#%@"
COLUMNS = 76
LARGE = 16       # pictures wider than this are halved where a pixel takes two letters
DARKEST = 232    # first of the 24 greys among a terminal's 256 colours


def _as_letters(picture):
    levels = picture.astype(int) * (len(RAMP) - 1) // 255
    return ["".join(RAMP[level] * 2 for level in row) for row in levels]


def _as_blocks(picture):
    """Two rows of pixels to a line: the upper as the colour of a half block, the lower as its background."""
    if len(picture) % 2:
        picture = np.concatenate([picture, np.zeros_like(picture[:1])])
    greys = DARKEST + picture.astype(int) * 23 // 255
    return ["".join(f"\x1b[38;5;{top};48;5;{bottom}m\u2580" for top, bottom in zip(*pair)) + "\x1b[0m"
            for pair in zip(greys[::2], greys[1::2])]


def _halved(picture):
    """Each pixel the mean of four."""
    height, width = (n // 2 * 2 for n in picture.shape)
    return picture[:height, :width].reshape(height // 2, 2, width // 2, 2).mean(axis=(1, 3)).astype(np.uint8)


def _has_colours(stream):
    terminal = hasattr(stream, "isatty") and stream.isatty() and os.environ.get("TERM", "dumb") != "dumb"
    return terminal and "NO_COLOR" not in os.environ and "utf" in (getattr(stream, "encoding", "") or "").lower()


def side_by_side(pictures, captions, stream=None, columns=COLUMNS):
    """Text that shows uint8 pictures (all of one size) in rows, a caption under each."""
    colours = _has_colours(sys.stdout if stream is None else stream)
    if not colours and pictures[0].shape[1] > LARGE:
        pictures = [_halved(picture) for picture in pictures]
    width = pictures[0].shape[1] * (1 if colours else 2)
    cell = max(width, max(map(len, captions))) + 2
    per_row = max(1, columns // cell)
    lines = []
    for first in range(0, len(pictures), per_row):
        drawn = [(_as_blocks if colours else _as_letters)(picture) for picture in pictures[first:first + per_row]]
        for parts in zip(*drawn):
            lines.append("".join(part + " " * (cell - width) for part in parts).rstrip())
        lines.append("".join(caption.ljust(cell) for caption in captions[first:first + per_row]).rstrip())
        lines.append("")
    return "\n".join(lines)
