"""How images are prepared for published weights."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ...nn import Module
from ...tensor import Tensor
from ..transforms import functional as F
from ..transforms.modes import InterpolationMode


class ImageClassification(Module):
    """Resizes, cuts out the middle, scales to 0..1 and normalizes.

    Args:
        crop_size: of the middle.
        resize_size: the shorter side before that.
        mean, std: of the data that the weights are from; ImageNet's by default.
        interpolation, antialias: see `transforms.functional.resize`.
    """

    def __init__(
        self,
        *,
        crop_size: int,
        resize_size: int = 256,
        mean: Sequence[float] = (0.485, 0.456, 0.406),
        std: Sequence[float] = (0.229, 0.224, 0.225),
        interpolation: InterpolationMode = InterpolationMode.BILINEAR,
        antialias: bool | None = True,
    ) -> None:
        super().__init__()
        self.crop_size, self.resize_size = [crop_size], [resize_size]
        self.mean, self.std = list(mean), list(std)
        self.interpolation, self.antialias = interpolation, antialias

    def forward(self, img: Any) -> Tensor:
        img = F.resize(img, self.resize_size, self.interpolation, antialias=self.antialias)
        img = F.center_crop(img, self.crop_size)
        img = img if isinstance(img, Tensor) else F.pil_to_tensor(img)
        return F.normalize(F.convert_image_dtype(img), self.mean, self.std)

    def __repr__(self) -> str:
        names = ("crop_size", "resize_size", "mean", "std", "interpolation")
        return f"{type(self).__name__}(" + "".join(f"\n    {name}={getattr(self, name)}" for name in names) + "\n)"
