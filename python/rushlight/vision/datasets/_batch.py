"""A whole batch of pictures at once, with the values and the random draws of reading it one by one.

Each known step says what it draws for one picture and what it does to all of them. Draws are made picture by picture,
step by step, as `Compose` would make them; then each step runs once over the batch. Steps before ToTensor work on
bytes, Normalize after it on floats. A chain with any other step is left to the ordinary path.
"""

import numpy as np

import rushlight as rl

from .. import transforms as T
from ..transforms import _arrays
from ..transforms.functional import _sides
from ..transforms.transforms import _chance, _integer

__all__ = ["whole_batch"]


class _Step:
    """What a transform does to a batch (samples, channels, height, width): `draw` for one picture, `run` for all."""

    draw = None

    def __init__(self, transform, height, width):
        self.transform = transform
        self.height, self.width = height, width  # after the step


class _Flip(_Step):
    where = np.s_[..., ::-1]

    def draw(self):
        return _chance() < self.transform.p

    def run(self, batch, drawn):
        chosen = np.array(drawn)
        batch[chosen] = batch[chosen][self.where]
        return batch


class _FlipDown(_Flip):
    where = np.s_[..., ::-1, :]


class _Pad(_Step):
    def __init__(self, transform, height, width):
        self.sides = left, right, top, bottom = _sides(transform.padding)
        super().__init__(transform, height + top + bottom, width + left + right)

    def run(self, batch, drawn):
        return _arrays.pad(batch, *self.sides, self.transform.fill, self.transform.padding_mode)


class _Crop(_Step):
    """RandomCrop: its borders once for all, its place for each."""

    def __init__(self, transform, height, width):
        super().__init__(transform, *transform.size)
        left, right, top, bottom = (0,) * 4 if transform.padding is None else _sides(transform.padding)
        self.borders = [(left, right, top, bottom)] if transform.padding is not None else []
        height, width = height + top + bottom, width + left + right
        if transform.pad_if_needed and width < self.width:
            more = self.width - width
            self.borders.append((more, more, 0, 0))
            width += 2 * more
        if transform.pad_if_needed and height < self.height:
            more = self.height - height
            self.borders.append((0, 0, more, more))
            height += 2 * more
        self.free = height - self.height, width - self.width
        if min(self.free) < 0:
            raise _Unknown  # the ordinary path has the words for it

    def draw(self):
        if self.free == (0, 0):
            return 0, 0
        top = _integer(0, self.free[0] + 1)
        return top, _integer(0, self.free[1] + 1)

    def run(self, batch, drawn):
        for border in self.borders:
            batch = _arrays.pad(batch, *border, self.transform.fill, self.transform.padding_mode)
        out = np.empty((*batch.shape[:2], self.height, self.width), batch.dtype)
        for place, picture, (top, left) in zip(out, batch, drawn):
            place[...] = picture[:, top:top + self.height, left:left + self.width]
        return out


class _Middle(_Step):
    def __init__(self, transform, height, width):
        super().__init__(transform, *transform.size)
        self.place = round((height - self.height) / 2.0), round((width - self.width) / 2.0)
        if self.height > height or self.width > width:
            raise _Unknown

    def run(self, batch, drawn):
        top, left = self.place
        return batch[..., top:top + self.height, left:left + self.width]


class _Unknown(Exception):
    """A step that the batch path leaves to the ordinary one."""


ON_PIXELS = {T.RandomHorizontalFlip: _Flip, T.RandomVerticalFlip: _FlipDown, T.RandomCrop: _Crop, T.CenterCrop: _Middle,
             T.Pad: _Pad}


def _plan(transform, height, width):
    """(steps on bytes, transforms on floats) of ToTensor in a chain of known steps."""
    chain = transform.transforms if type(transform) is T.Compose else [transform]
    kinds = [type(step) for step in chain]
    if kinds.count(T.ToTensor) != 1:
        raise _Unknown
    at = kinds.index(T.ToTensor)
    if any(kind is not T.Normalize for kind in kinds[at + 1:]) or any(kind not in ON_PIXELS for kind in kinds[:at]):
        raise _Unknown
    steps = []
    for one in chain[:at]:
        steps.append(ON_PIXELS[type(one)](one, height, width))
        height, width = steps[-1].height, steps[-1].width
    return steps, chain[at + 1:]


def _constants(normalize, channels):
    """(mean, std) of a Normalize, shaped for a batch."""
    for value in (normalize.mean, normalize.std):
        array = np.asarray(value, dtype=np.float32).reshape(-1, 1, 1)
        if len(array) not in (1, channels) or (value is normalize.std and not array.all()):
            raise _Unknown
        yield array


def whole_batch(pictures, targets, indices, transform, target_transform):
    """The collated batch of a data set held in memory, equal to reading it sample by sample. None when a transform
    is not known to allow it.

    `pictures` is a uint8 array (samples, height, width[, channels]), `targets` a sequence of integers."""
    if target_transform is not None or rl.get_default_dtype() != rl.float32:
        return None
    channels = 1 if pictures.ndim == 3 else pictures.shape[3]
    try:
        steps, on_floats = _plan(transform, *pictures.shape[1:3])
        scales = [tuple(_constants(normalize, channels)) for normalize in on_floats]
    except _Unknown:
        return None
    rows = np.asarray(indices)
    batch = pictures[rows]
    batch = batch[:, None] if batch.ndim == 3 else batch.transpose(0, 3, 1, 2)
    drawing = [step for step in steps if step.draw is not None]
    drawn = list(zip(*([step.draw() for step in drawing] for _ in rows)))
    for step in steps:
        batch = step.run(batch, drawn[drawing.index(step)] if step.draw is not None else None)
    batch = np.ascontiguousarray(batch, dtype=np.float32)
    batch /= np.float32(255)
    for mean, std in scales:
        batch -= mean
        batch /= std
    return [rl.from_numpy(batch), rl.tensor([int(targets[i]) for i in indices], dtype=rl.int64)]
