"""Transforms that resize, pad, cut and mirror, some at random."""

from __future__ import annotations

import math
import warnings
from collections.abc import Sequence
from numbers import Number
from typing import Any

from ... import ops
from ...errors import ArgumentError, DTypeError
from ...nn import Module
from ...tensor import Tensor
from . import functional as F
from .cutting import pair
from .draws import happens, integer, uniform
from .modes import InterpolationMode, as_mode

BILINEAR = InterpolationMode.BILINEAR


class Resize(Module):
    """See `functional.resize`."""

    def __init__(
        self,
        size: Any,
        interpolation: Any = BILINEAR,
        max_size: int | None = None,
        antialias: bool | None = True,
    ) -> None:
        super().__init__()
        if not isinstance(size, int | Sequence):
            raise DTypeError(f"Size should be int or sequence. Got {type(size)}")
        if isinstance(size, Sequence) and len(size) not in (1, 2):
            raise ArgumentError("If size is a sequence, it should have 1 or 2 values")
        self.size, self.max_size, self.antialias = size, max_size, antialias
        self.interpolation = as_mode(interpolation)

    def forward(self, img: Any) -> Any:
        return F.resize(img, self.size, self.interpolation, self.max_size, self.antialias)

    def __repr__(self) -> str:
        return (
            f"{type(self).__name__}(size={self.size}, interpolation={self.interpolation.value}, "
            f"max_size={self.max_size}, antialias={self.antialias})"
        )


class _Sized(Module):
    """Something with a size."""

    def __init__(self, size: Any) -> None:
        super().__init__()
        self.size = pair(size)

    def __repr__(self) -> str:
        return f"{type(self).__name__}(size={self.size})"


class CenterCrop(_Sized):
    """See `functional.center_crop`."""

    def forward(self, img: Any) -> Any:
        return F.center_crop(img, self.size)


class FiveCrop(_Sized):
    """See `functional.five_crop`."""

    def forward(self, img: Any) -> Any:
        return F.five_crop(img, self.size)


class TenCrop(_Sized):
    """See `functional.ten_crop`."""

    def __init__(self, size: Any, vertical_flip: bool = False) -> None:
        super().__init__(size)
        self.vertical_flip = vertical_flip

    def forward(self, img: Any) -> Any:
        return F.ten_crop(img, self.size, self.vertical_flip)

    def __repr__(self) -> str:
        return f"{type(self).__name__}(size={self.size}, vertical_flip={self.vertical_flip})"


class Pad(Module):
    """See `functional.pad`."""

    def __init__(self, padding: Any, fill: Any = 0, padding_mode: str = "constant") -> None:
        super().__init__()
        if not isinstance(padding, Number | tuple | list):
            raise DTypeError("Got inappropriate padding arg")
        if not isinstance(fill, Number | tuple | list):
            raise DTypeError("Got inappropriate fill arg")
        if padding_mode not in ("constant", "edge", "reflect", "symmetric"):
            raise ArgumentError("Padding mode should be either constant, edge, reflect or symmetric")
        if isinstance(padding, Sequence) and len(padding) not in (1, 2, 4):
            raise ArgumentError(
                f"Padding must be an int or a 1, 2, or 4 element tuple, not a {len(padding)} element tuple"
            )
        self.padding, self.fill, self.padding_mode = padding, fill, padding_mode

    def forward(self, img: Any) -> Any:
        return F.pad(img, self.padding, self.fill, self.padding_mode)

    def __repr__(self) -> str:
        return f"{type(self).__name__}(padding={self.padding}, fill={self.fill}, padding_mode={self.padding_mode})"


class RandomCrop(Module):
    """A part of the given size, from anywhere.

    Args:
        size: one number or (height, width).
        padding: a border put around the image first, see `functional.pad`.
        pad_if_needed: put borders around an image that is too small.
        fill, padding_mode: of the border.

    Raises:
        ValueError: the image is smaller.
    """

    def __init__(
        self,
        size: Any,
        padding: Any = None,
        pad_if_needed: bool = False,
        fill: Any = 0,
        padding_mode: str = "constant",
    ) -> None:
        super().__init__()
        self.size = pair(size)
        self.padding, self.pad_if_needed, self.fill, self.padding_mode = padding, pad_if_needed, fill, padding_mode

    @staticmethod
    def get_params(img: Any, output_size: tuple[int, int]) -> tuple[int, int, int, int]:
        """Draws top and left; with them the height and width."""
        _, h, w = F.get_dimensions(img)
        height, width = output_size
        if h < height or w < width:
            raise ArgumentError(f"Required crop size {(height, width)} is larger than input image size {(h, w)}")
        if (h, w) == (height, width):
            return 0, 0, h, w
        return integer(0, h - height + 1), integer(0, w - width + 1), height, width

    def forward(self, img: Any) -> Any:
        if self.padding is not None:
            img = F.pad(img, self.padding, self.fill, self.padding_mode)
        _, h, w = F.get_dimensions(img)
        if self.pad_if_needed and w < self.size[1]:
            img = F.pad(img, [self.size[1] - w, 0], self.fill, self.padding_mode)
        if self.pad_if_needed and h < self.size[0]:
            img = F.pad(img, [0, self.size[0] - h], self.fill, self.padding_mode)
        return F.crop(img, *self.get_params(img, self.size))

    def __repr__(self) -> str:
        return f"{type(self).__name__}(size={self.size}, padding={self.padding})"


class Sometimes(Module):
    """Does something with probability p."""

    def __init__(self, p: float = 0.5) -> None:
        super().__init__()
        self.p = p

    def change(self, img: Any) -> Any:
        raise NotImplementedError

    def forward(self, img: Any) -> Any:
        return self.change(img) if happens(self.p) else img

    def __repr__(self) -> str:
        return f"{type(self).__name__}(p={self.p})"


class RandomHorizontalFlip(Sometimes):
    """Left and right changed, with probability p."""

    def change(self, img: Any) -> Any:
        return F.hflip(img)


class RandomVerticalFlip(Sometimes):
    """Top and bottom changed, with probability p."""

    def change(self, img: Any) -> Any:
        return F.vflip(img)


def check_ranges(scale: Any, ratio: Any) -> None:
    """Whether both are (least, largest)."""
    for name, bounds in (("Scale", scale), ("Ratio", ratio)):
        if not isinstance(bounds, Sequence):
            raise DTypeError(f"{name} should be a sequence")
    if scale[0] > scale[1] or ratio[0] > ratio[1]:
        warnings.warn("Scale and ratio should be of kind (min, max)", stacklevel=3)


def area_and_aspect(area: int, scale: Sequence[float], ratio: Sequence[float]) -> tuple[float, float]:
    """A part of the area and an aspect ratio, drawn evenly from the one range and from the other's logarithm."""
    low, high = ops.log(ops.tensor(list(ratio))).tolist()
    part = area * uniform(*scale)
    return part, float(ops.exp(ops.empty(1).uniform_(low, high)).item())


class RandomResizedCrop(Module):
    """A part of random place, area and aspect ratio, resized.

    Args:
        size: of the result.
        scale: bounds of the part's area, over the image's.
        ratio: bounds of its width over its height.
        interpolation, antialias: see `functional.resize`.
    """

    def __init__(
        self,
        size: Any,
        scale: Sequence[float] = (0.08, 1.0),
        ratio: Sequence[float] = (3 / 4, 4 / 3),
        interpolation: Any = BILINEAR,
        antialias: bool | None = True,
    ) -> None:
        super().__init__()
        self.size = pair(size)
        check_ranges(scale, ratio)
        self.scale, self.ratio, self.antialias = scale, ratio, antialias
        self.interpolation = as_mode(interpolation)

    @staticmethod
    def get_params(img: Any, scale: Sequence[float], ratio: Sequence[float]) -> tuple[int, int, int, int]:
        """Draws (top, left, height, width); after ten that do not fit, the middle."""
        _, height, width = F.get_dimensions(img)
        for _ in range(10):
            area, aspect = area_and_aspect(height * width, scale, ratio)
            w, h = round(math.sqrt(area * aspect)), round(math.sqrt(area / aspect))
            if 0 < w <= width and 0 < h <= height:
                return integer(0, height - h + 1), integer(0, width - w + 1), h, w
        w, h = width, height
        if width / height < min(ratio):
            h = round(width / min(ratio))
        elif width / height > max(ratio):
            w = round(height * max(ratio))
        return (height - h) // 2, (width - w) // 2, h, w

    def forward(self, img: Any) -> Any:
        place = self.get_params(img, self.scale, self.ratio)
        return F.resized_crop(img, *place, self.size, self.interpolation, self.antialias)

    def __repr__(self) -> str:
        scale, ratio = (tuple(round(x, 4) for x in bounds) for bounds in (self.scale, self.ratio))
        return (
            f"{type(self).__name__}(size={self.size}, scale={scale}, ratio={ratio}, "
            f"interpolation={self.interpolation.value}, antialias={self.antialias})"
        )


class RandomErasing(Module):
    """A rectangle of a tensor overwritten, with probability p.

    Args:
        scale: bounds of its area, over the image's.
        ratio: bounds of its height over its width.
        value: a number, one for each channel, or "random": normal numbers.
        inplace: write into the tensor.

    Source: Zhong et al. 2017, arXiv:1708.04896.
    """

    def __init__(
        self,
        p: float = 0.5,
        scale: Sequence[float] = (0.02, 0.33),
        ratio: Sequence[float] = (0.3, 3.3),
        value: Any = 0,
        inplace: bool = False,
    ) -> None:
        super().__init__()
        if not isinstance(value, Number | str | tuple | list):
            raise DTypeError("Argument value should be either a number or str or a sequence")
        if isinstance(value, str) and value != "random":
            raise ArgumentError("If value is str, it should be 'random'")
        check_ranges(scale, ratio)
        if scale[0] < 0 or scale[1] > 1:
            raise ArgumentError("Scale should be between 0 and 1")
        if not 0 <= p <= 1:
            raise ArgumentError("Random erasing probability should be between 0 and 1")
        self.p, self.scale, self.ratio, self.inplace = p, scale, ratio, inplace
        self.value: Any = value

    @staticmethod
    def get_params(
        img: Tensor, scale: Sequence[float], ratio: Sequence[float], value: Sequence[float] | None = None
    ) -> tuple[int, int, int, int, Tensor]:
        """Draws (top, left, height, width) and the new values; after ten that do not fit, the image itself."""
        channels, height, width = img.shape[-3:]
        for _ in range(10):
            area, aspect = area_and_aspect(height * width, scale, ratio)
            h, w = round(math.sqrt(area * aspect)), round(math.sqrt(area / aspect))
            if h < height and w < width:
                if value is None:
                    new = ops.empty(channels, h, w).normal_()
                else:
                    new = ops.tensor(list(value))[:, None, None]
                return integer(0, height - h + 1), integer(0, width - w + 1), h, w, new
        return 0, 0, height, width, img

    def _values(self, channels: int) -> list[float] | None:
        if self.value == "random":
            return None
        values = [float(v) for v in (self.value if isinstance(self.value, tuple | list) else [self.value])]
        if len(values) not in (1, channels):
            raise ArgumentError(
                f"If value is a sequence, it should have either a single value or {channels} (number of input channels)"
            )
        return values

    def forward(self, img: Tensor) -> Tensor:
        if not happens(self.p):
            return img
        place = self.get_params(img, self.scale, self.ratio, self._values(img.shape[-3]))
        return F.erase(img, *place, self.inplace)

    def __repr__(self) -> str:
        return (
            f"{type(self).__name__}(p={self.p}, scale={self.scale}, ratio={self.ratio}, value={self.value}, "
            f"inplace={self.inplace})"
        )
