"""The functions of transforms on Pillow's images; `on_tensors` has those on tensors. Pillow does the work."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from numbers import Number
from typing import Any

import numpy as np

from ...errors import ArgumentError, DTypeError
from ..pillow import pil
from .on_tensors import sides

Picture = Any


def get_dimensions(img: Picture) -> list[int]:
    """[channels, height, width]."""
    width, height = img.size
    return [len(img.getbands()), height, width]


def from_array(array: Any, mode: str) -> Picture:
    """An array (H, W) or (H, W, C) as an image of the mode, which says what the numbers mean."""
    image = pil().fromarray(array)
    return image if image.mode == mode else _relabelled(image, mode)


def _relabelled(image: Picture, mode: str) -> Picture:
    return pil().frombytes(mode, image.size, image.tobytes())


# ----------------------------------------------------------------------------------------------------------- geometry


def hflip(img: Picture) -> Picture:
    return img.transpose(pil().Transpose.FLIP_LEFT_RIGHT)


def vflip(img: Picture) -> Picture:
    return img.transpose(pil().Transpose.FLIP_TOP_BOTTOM)


def crop(img: Picture, top: int, left: int, height: int, width: int) -> Picture:
    return img.crop((left, top, left + width, top + height))


def resize(img: Picture, size: Sequence[int], interpolation: int = 2, antialias: bool | None = True) -> Picture:
    if antialias is False:
        warnings.warn(
            "Anti-alias option is always applied for PIL Image input. Argument antialias is ignored.", stacklevel=4
        )
    return img.resize(tuple(size[::-1]), interpolation)


def pad(img: Picture, padding: Any, fill: Any = 0, padding_mode: str = "constant") -> Picture:
    left, top, right, bottom = sides(padding)
    if fill is not None and not isinstance(fill, Number | tuple | list):
        raise DTypeError("Got inappropriate fill arg")
    if padding_mode not in ("constant", "edge", "reflect", "symmetric"):
        raise ArgumentError("Padding mode should be either constant, edge, reflect or symmetric")
    if padding_mode == "constant":
        padded = pil("ImageOps").expand(img, border=(left, top, right, bottom), fill=_fill(fill, img))
    else:
        padded = _continued(img, (left, top, right, bottom), padding_mode)
    if img.mode == "P":
        padded.putpalette(img.getpalette())
    return padded


def _continued(img: Picture, amounts: Sequence[int], mode: str) -> Picture:
    left, top, right, bottom = (max(-n, 0) for n in amounts)
    array = np.asarray(img.crop((left, top, img.width - right, img.height - bottom)))
    left, top, right, bottom = (max(n, 0) for n in amounts)
    around = [(top, bottom), (left, right), (0, 0)][: array.ndim]
    return pil().fromarray(np.pad(array, around, mode=mode))  # type: ignore[call-overload]


def _fill(fill: Any, img: Picture) -> Any:
    """The filling as Pillow takes it: a number, or one for each channel; whole numbers where pixels are."""
    channels = get_dimensions(img)[0]
    values = list(fill) if isinstance(fill, tuple | list) else [fill or 0]
    if len(values) not in (1, channels):
        raise ArgumentError(
            "The number of elements in 'fill' does not match the number of channels of the image "
            f"({len(values)} != {channels})"
        )
    values = values if img.mode == "F" else [int(v) for v in values]
    return values[0] if channels == 1 else tuple(values * (channels // len(values)))


def affine(img: Picture, matrix: Sequence[float], interpolation: int = 0, fill: Any = None) -> Picture:
    return img.transform(img.size, pil().Transform.AFFINE, matrix, interpolation, fillcolor=_fill(fill, img))


def rotate(
    img: Picture, angle: float, interpolation: int = 0, expand: bool = False, center: Any = None, fill: Any = None
) -> Picture:
    return img.rotate(angle, interpolation, expand, center, fillcolor=_fill(fill, img))


def perspective(img: Picture, coeffs: Sequence[float], interpolation: int = 3, fill: Any = None) -> Picture:
    return img.transform(img.size, pil().Transform.PERSPECTIVE, coeffs, interpolation, fillcolor=_fill(fill, img))


# ------------------------------------------------------------------------------------------------------------- colours


def to_grayscale(img: Picture, num_output_channels: int = 1) -> Picture:
    if num_output_channels not in (1, 3):
        raise ArgumentError("num_output_channels should be either 1 or 3")
    gray = img.convert("L")
    return gray if num_output_channels == 1 else pil().merge("RGB", [gray] * 3)


rgb_to_grayscale = to_grayscale


def adjust_brightness(img: Picture, brightness_factor: float) -> Picture:
    return pil("ImageEnhance").Brightness(img).enhance(brightness_factor)


def adjust_contrast(img: Picture, contrast_factor: float) -> Picture:
    return pil("ImageEnhance").Contrast(img).enhance(contrast_factor)


def adjust_saturation(img: Picture, saturation_factor: float) -> Picture:
    return pil("ImageEnhance").Color(img).enhance(saturation_factor)


def adjust_sharpness(img: Picture, sharpness_factor: float) -> Picture:
    return pil("ImageEnhance").Sharpness(img).enhance(sharpness_factor)


def adjust_hue(img: Picture, hue_factor: float) -> Picture:
    """The hue is a byte, which goes round."""
    if not -0.5 <= hue_factor <= 0.5:
        raise ArgumentError(f"hue_factor ({hue_factor}) is not in [-0.5, 0.5].")
    if img.mode in ("L", "1", "I", "F"):
        return img
    h, s, v = img.convert("HSV").split()
    shift = int(hue_factor * 255)
    return pil().merge("HSV", (h.point([(i + shift) % 256 for i in range(256)]), s, v)).convert(img.mode)


def adjust_gamma(img: Picture, gamma: float, gain: float = 1.0) -> Picture:
    if gamma < 0:
        raise ArgumentError("Gamma should be a non-negative real number")
    table = [int((255 + 1 - 1e-3) * gain * (i / 255.0) ** gamma) for i in range(256)]
    return img.convert("RGB").point(table * 3).convert(img.mode)


def invert(img: Picture) -> Picture:
    return pil("ImageOps").invert(img)


def posterize(img: Picture, bits: int) -> Picture:
    return pil("ImageOps").posterize(img, bits)


def solarize(img: Picture, threshold: float) -> Picture:
    return pil("ImageOps").solarize(img, threshold)


def autocontrast(img: Picture) -> Picture:
    return pil("ImageOps").autocontrast(img)


def equalize(img: Picture) -> Picture:
    return pil("ImageOps").equalize(img)
