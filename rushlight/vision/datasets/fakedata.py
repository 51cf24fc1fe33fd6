"""Random images, for trying programs out."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ... import ops
from ...random import get_rng_state, manual_seed, set_rng_state
from ..transforms.conversion import to_pil_image
from .vision import Transform, VisionDataset


class FakeData(VisionDataset):
    """Images of noise with random classes; the same for an index every time.

    Args:
        size: how many.
        image_size: (C, H, W).
        num_classes: how many classes.
        transform, target_transform: see `VisionDataset`.
        random_offset: added to the index to seed the generator.
    """

    def __init__(
        self,
        size: int = 1000,
        image_size: Sequence[int] = (3, 224, 224),
        num_classes: int = 10,
        transform: Transform | None = None,
        target_transform: Transform | None = None,
        random_offset: int = 0,
    ) -> None:
        super().__init__(transform=transform, target_transform=target_transform)
        self.size, self.image_size, self.num_classes, self.random_offset = size, image_size, num_classes, random_offset

    def __getitem__(self, index: int) -> tuple[Any, Any]:
        if index >= len(self):
            raise IndexError(f"{type(self).__name__} index out of range")
        state = get_rng_state()
        manual_seed(index + self.random_offset)
        image = ops.randn(*self.image_size)
        target = int(ops.randint(0, self.num_classes, (1,)).item())
        set_rng_state(state)
        return self.transformed(to_pil_image(image), target)

    def __len__(self) -> int:
        return self.size
