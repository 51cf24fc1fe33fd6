"""Transforms that change colours, most of them at random."""

from __future__ import annotations

from numbers import Number
from typing import Any

from ... import ops
from ...errors import ArgumentError, DTypeError
from ...nn import Module
from ...tensor import Tensor
from . import functional as F
from .crops import Sometimes
from .draws import uniform

Bounds = tuple[float, float] | None


def _bounds(value: Any, name: str, center: float = 1.0, least: float = 0.0, most: float = float("inf")) -> Bounds:
    """Bounds of a factor, also from one number: the centre plus and minus it; None where it can only be the centre."""
    if isinstance(value, Number):
        if value < 0:  # type: ignore[operator]
            raise ArgumentError(f"If {name} is a single number, it must be non negative.")
        low, high = center - float(value), center + float(value)  # type: ignore[arg-type]
        low = max(low, 0.0) if center else low
    elif isinstance(value, tuple | list) and len(value) == 2:
        low, high = float(value[0]), float(value[1])
    else:
        raise DTypeError(f"{name} should be a single number or a list/tuple with length 2.")
    if not least <= low <= high <= most:
        raise ArgumentError(f"{name} values should be between {(least, most)}, but got {[low, high]}.")
    return None if low == high == center else (low, high)


class ColorJitter(Module):
    """Brightness, contrast, saturation and hue changed by random factors, in random order.

    Args:
        brightness, contrast, saturation: bounds of the factor; one number x: max(0, 1 - x) ... 1 + x.
        hue: bounds of the shift, in -0.5 ... 0.5; one number: minus and plus.

    Raises:
        TypeError, ValueError: other bounds.
    """

    def __init__(self, brightness: Any = 0, contrast: Any = 0, saturation: Any = 0, hue: Any = 0) -> None:
        super().__init__()
        self.brightness = _bounds(brightness, "brightness")
        self.contrast = _bounds(contrast, "contrast")
        self.saturation = _bounds(saturation, "saturation")
        self.hue = _bounds(hue, "hue", center=0.0, least=-0.5, most=0.5)

    @staticmethod
    def get_params(
        brightness: Bounds, contrast: Bounds, saturation: Bounds, hue: Bounds
    ) -> tuple[Tensor, float | None, float | None, float | None, float | None]:
        """Draws the order of the four and their factors."""
        order = ops.randperm(4)
        b, c, s, h = (
            None if bounds is None else uniform(*bounds) for bounds in (brightness, contrast, saturation, hue)
        )
        return order, b, c, s, h

    def forward(self, img: Any) -> Any:
        order, *factors = self.get_params(self.brightness, self.contrast, self.saturation, self.hue)
        adjust = [F.adjust_brightness, F.adjust_contrast, F.adjust_saturation, F.adjust_hue]
        for i in order.tolist():
            if factors[i] is not None:
                img = adjust[i](img, factors[i])
        return img

    def __repr__(self) -> str:
        return (
            f"{type(self).__name__}(brightness={self.brightness}, contrast={self.contrast}, "
            f"saturation={self.saturation}, hue={self.hue})"
        )


class Grayscale(Module):
    """See `functional.rgb_to_grayscale`."""

    def __init__(self, num_output_channels: int = 1) -> None:
        super().__init__()
        self.num_output_channels = num_output_channels

    def forward(self, img: Any) -> Any:
        return F.rgb_to_grayscale(img, self.num_output_channels)

    def __repr__(self) -> str:
        return f"{type(self).__name__}(num_output_channels={self.num_output_channels})"


class RandomGrayscale(Sometimes):
    """In gray with as many channels as before, with probability p."""

    def __init__(self, p: float = 0.1) -> None:
        super().__init__(p)

    def change(self, img: Any) -> Any:
        return F.rgb_to_grayscale(img, F.get_image_num_channels(img))


class RandomInvert(Sometimes):
    """The negative, with probability p."""

    def change(self, img: Any) -> Any:
        return F.invert(img)


class RandomAutocontrast(Sometimes):
    """See `functional.autocontrast`; with probability p."""

    def change(self, img: Any) -> Any:
        return F.autocontrast(img)


class RandomEqualize(Sometimes):
    """See `functional.equalize`; with probability p."""

    def change(self, img: Any) -> Any:
        return F.equalize(img)


class RandomPosterize(Sometimes):
    """See `functional.posterize`; with probability p."""

    def __init__(self, bits: int, p: float = 0.5) -> None:
        super().__init__(p)
        self.bits = bits

    def change(self, img: Any) -> Any:
        return F.posterize(img, self.bits)

    def __repr__(self) -> str:
        return f"{type(self).__name__}(bits={self.bits},p={self.p})"


class RandomSolarize(Sometimes):
    """See `functional.solarize`; with probability p."""

    def __init__(self, threshold: float, p: float = 0.5) -> None:
        super().__init__(p)
        self.threshold = threshold

    def change(self, img: Any) -> Any:
        return F.solarize(img, self.threshold)

    def __repr__(self) -> str:
        return f"{type(self).__name__}(threshold={self.threshold},p={self.p})"


class RandomAdjustSharpness(Sometimes):
    """See `functional.adjust_sharpness`; with probability p."""

    def __init__(self, sharpness_factor: float, p: float = 0.5) -> None:
        super().__init__(p)
        self.sharpness_factor = sharpness_factor

    def change(self, img: Any) -> Any:
        return F.adjust_sharpness(img, self.sharpness_factor)

    def __repr__(self) -> str:
        return f"{type(self).__name__}(sharpness_factor={self.sharpness_factor},p={self.p})"
