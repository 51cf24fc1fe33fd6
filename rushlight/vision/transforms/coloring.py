"""Functions that change colours."""

from __future__ import annotations

from typing import Any

from ... import ops
from ...errors import ArgumentError, DTypeError
from ...tensor import Tensor
from .dispatch import Image, functions_for, tensor_image


def normalize(tensor: Tensor, mean: Any, std: Any, inplace: bool = False) -> Tensor:
    """(tensor - mean) / std, channel by channel.

    Args:
        tensor: (..., C, H, W), floats.
        mean, std: C numbers each.
        inplace: write into the tensor.

    Raises:
        TypeError: no tensor of floats. ValueError: fewer than three dimensions, a deviation of 0.

    Example:
        >>> normalize(rushlight.ones(1, 1, 2), [0.5], [0.25])
        tensor([[[2., 2.]]])
    """
    if not tensor_image(tensor).is_floating_point():
        raise DTypeError(f"Input tensor should be a float tensor. Got {tensor.dtype}.")
    if tensor.ndim < 3:
        raise ArgumentError(
            f"Expected tensor to be a tensor image of size (..., C, H, W). Got tensor.size() = {tensor.size()}"
        )
    mean, std = (ops.as_tensor(x, dtype=tensor.dtype) for x in (mean, std))
    if bool((std == 0).any()):
        raise ArgumentError(f"std evaluated to zero after conversion to {tensor.dtype}, leading to division by zero.")
    mean, std = (x.view(-1, 1, 1) if x.ndim == 1 else x for x in (mean, std))
    return (tensor if inplace else tensor.clone()).sub_(mean).div_(std)


def to_grayscale(img: Image, num_output_channels: int = 1) -> Image:
    """One of Pillow's images in gray, with 1 or 3 equal channels."""
    if isinstance(img, Tensor):
        raise DTypeError("Input should be PIL Image")
    return functions_for(img).to_grayscale(img, num_output_channels)


def rgb_to_grayscale(img: Image, num_output_channels: int = 1) -> Image:
    """0.2989 red + 0.587 green + 0.114 blue, with 1 or 3 equal channels."""
    return functions_for(img).rgb_to_grayscale(img, num_output_channels)


def adjust_brightness(img: Image, brightness_factor: float) -> Image:
    """Between black (0) and the image (1), and beyond."""
    return functions_for(img).adjust_brightness(img, brightness_factor)


def adjust_contrast(img: Image, contrast_factor: float) -> Image:
    """Between its mean gray (0) and the image (1), and beyond."""
    return functions_for(img).adjust_contrast(img, contrast_factor)


def adjust_saturation(img: Image, saturation_factor: float) -> Image:
    """Between the image in gray (0) and the image (1), and beyond."""
    return functions_for(img).adjust_saturation(img, saturation_factor)


def adjust_hue(img: Image, hue_factor: float) -> Image:
    """All hues moved round the circle, by a part of it in -0.5 ... 0.5."""
    return functions_for(img).adjust_hue(img, hue_factor)


def adjust_gamma(img: Image, gamma: float, gain: float = 1) -> Image:
    """gain * img ^ gamma, in 0..1."""
    return functions_for(img).adjust_gamma(img, gamma, gain)


def adjust_sharpness(img: Image, sharpness_factor: float) -> Image:
    """Between the image blurred (0) and the image (1), and beyond."""
    return functions_for(img).adjust_sharpness(img, sharpness_factor)


def invert(img: Image) -> Image:
    """The negative."""
    return functions_for(img).invert(img)


def posterize(img: Image, bits: int) -> Image:
    """Only the highest bits of every value.

    Raises:
        ValueError: not 0 ... 8 bits.
    """
    if not 0 <= bits <= 8:
        raise ArgumentError(f"The number if bits should be between 0 and 8. Got {bits}")
    return functions_for(img).posterize(img, bits)


def solarize(img: Image, threshold: float) -> Image:
    """The negative of all values from the threshold on."""
    return functions_for(img).solarize(img, threshold)


def autocontrast(img: Image) -> Image:
    """Each channel stretched so that its darkest pixel is black and its lightest white."""
    return functions_for(img).autocontrast(img)


def equalize(img: Image) -> Image:
    """Each channel mapped so that all values are about as frequent."""
    return functions_for(img).equalize(img)
