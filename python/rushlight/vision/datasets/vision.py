"""What all picture data sets share: a root folder, transforms, a printed form, and reading a whole batch at once."""

import os

import numpy as np

import rushlight as rl
from rushlight.utils.data import Dataset

from .. import transforms as T

__all__ = ["VisionDataset", "StandardTransform", "whole_batch"]


class StandardTransform:
    """One function for the picture, one for the target."""

    def __init__(self, transform=None, target_transform=None):
        self.transform = transform
        self.target_transform = target_transform

    def __call__(self, input, target):
        if self.transform is not None:
            input = self.transform(input)
        if self.target_transform is not None:
            target = self.target_transform(target)
        return input, target

    def __repr__(self):
        lines = [type(self).__name__]
        for head, part in (("Transform: ", self.transform), ("Target transform: ", self.target_transform)):
            if part is not None:
                first, *rest = repr(part).splitlines()
                lines += [head + first] + [" " * len(head) + line for line in rest]
        return "\n".join(lines)


class VisionDataset(Dataset):
    """Base of picture data sets: give `transform` and `target_transform`, or `transforms` for both at once."""

    def __init__(self, root=None, transforms=None, transform=None, target_transform=None):
        self.root = os.path.expanduser(root) if isinstance(root, (str, bytes)) else root
        separate = transform is not None or target_transform is not None
        if transforms is not None and separate:
            raise ValueError("Only transforms or transform/target_transform can be passed as argument")
        self.transform = transform
        self.target_transform = target_transform
        self.transforms = StandardTransform(transform, target_transform) if separate else transforms

    def __getitem__(self, index):
        raise NotImplementedError(f"{type(self).__name__} should implement __getitem__")

    def __len__(self):
        raise NotImplementedError(f"{type(self).__name__} should implement __len__")

    def extra_repr(self):
        return ""

    def __repr__(self):
        lines = [f"Number of datapoints: {len(self)}"]
        if self.root is not None:
            lines.append(f"Root location: {self.root}")
        lines += self.extra_repr().splitlines()
        if self.transforms is not None:
            lines.append(repr(self.transforms))
        return "\n".join([f"Dataset {type(self).__name__}", *("    " + line for line in lines)])


ON_PIXELS = (T.RandomHorizontalFlip, T.RandomVerticalFlip, T.RandomCrop, T.CenterCrop, T.Pad)


def _plan(transform):
    """(steps on each picture, steps on the whole float batch) for ToTensor in a chain of known steps, else None."""
    steps = transform.transforms if type(transform) is T.Compose else [transform]
    kinds = [type(step) for step in steps]
    if kinds.count(T.ToTensor) != 1:
        return None
    at = kinds.index(T.ToTensor)
    if any(kind not in ON_PIXELS for kind in kinds[:at]) or any(kind is not T.Normalize for kind in kinds[at + 1:]):
        return None
    return steps[:at], steps[at + 1:]


def whole_batch(pictures, targets, indices, transform, target_transform):
    """The collated batch of a data set held in memory, equal to reading it sample by sample: the same values and the
    same random draws. None when a transform is not known to allow it.

    `pictures` is a uint8 array (samples, height, width[, channels]), `targets` an int64 array."""
    plan = None if target_transform is not None else _plan(transform)
    if plan is None or rl.get_default_dtype() != rl.float32:
        return None
    on_pixels, on_batch = plan
    rows = np.asarray(indices)
    chosen = pictures[rows]
    if on_pixels:
        done = []
        for picture in chosen:
            for step in on_pixels:
                picture = step(picture)
            done.append(picture)
        chosen = np.stack(done)
    chosen = chosen[:, None] if chosen.ndim == 3 else chosen.transpose(0, 3, 1, 2)
    batch = np.ascontiguousarray(chosen, dtype=np.float32)
    batch /= np.float32(255)
    for step in on_batch:
        mean, std = (np.asarray(x, dtype=np.float32).reshape(-1, 1, 1) for x in (step.mean, step.std))
        if not std.all() or mean.shape[0] not in (1, batch.shape[1]) or std.shape[0] not in (1, batch.shape[1]):
            return None
        batch -= mean
        batch /= std
    return [rl.from_numpy(batch), rl.from_numpy(targets[rows])]
