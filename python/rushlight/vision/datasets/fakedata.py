"""Random pictures, the same for the same index, for trying things out."""

import rushlight as rl

from ..transforms.functional import to_pil_image
from .vision import VisionDataset

__all__ = ["FakeData"]


class FakeData(VisionDataset):
    """`size` pictures of noise with random labels; drawing one leaves the global generator as it was."""

    def __init__(self, size=1000, image_size=(3, 224, 224), num_classes=10, transform=None, target_transform=None,
                 random_offset=0):
        super().__init__(transform=transform, target_transform=target_transform)
        self.size = size
        self.num_classes = num_classes
        self.image_size = image_size
        self.random_offset = random_offset

    def __getitem__(self, index):
        if index >= len(self):
            raise IndexError(f"{type(self).__name__} index out of range: {index} of {len(self)}")
        state = rl.get_rng_state()
        try:
            rl.manual_seed(index + self.random_offset)
            noise = rl.randn(*self.image_size)
            target = rl.randint(0, self.num_classes, size=(1,), dtype=rl.int64).item()
        finally:
            rl.set_rng_state(state)
        picture = to_pil_image(noise)
        return (picture, target) if self.transforms is None else self.transforms(picture, target)

    def __len__(self):
        return self.size
