"""Colours of image tensors: brightness, contrast, saturation, hue, gamma, and the mappings of single values."""

from __future__ import annotations

from .... import dtypes, ops
from ....errors import ArgumentError, DTypeError, OperatorError
from ....nn import functional as nn_functional
from ....tensor import Tensor
from .base import checked, float_dtype, get_dimensions, max_value, through_floats
from .geometry import depthwise

GRAY_OR_RGB = (1, 3)


def convert_image_dtype(image: Tensor, dtype: dtypes.dtype = dtypes.float32) -> Tensor:
    if image.dtype == dtype:
        return image
    if image.is_floating_point():
        return image.to(dtype) if dtype.is_floating_point else _to_integers(image, dtype)
    if dtype.is_floating_point:
        return image.to(dtype) / max_value(image.dtype)
    before, after = max_value(image.dtype) + 1, max_value(dtype) + 1
    if before > after:
        return ops.div(image, before // after, rounding_mode="floor").to(dtype)
    return image.to(dtype) * (after // before)


def _to_integers(image: Tensor, dtype: dtypes.dtype) -> Tensor:
    wide = (dtypes.int32, dtypes.int64) if image.dtype == dtypes.float32 else (dtypes.int64,)
    if dtype in wide and image.dtype in (dtypes.float32, dtypes.float64):
        raise OperatorError(f"The cast from {image.dtype} to {dtype} cannot be performed safely.")
    return (image * (max_value(dtype) + 1.0 - 1e-3)).to(dtype)  # 1.0 is the last value of the last of equal intervals


def blend(img: Tensor, other: Tensor | float, ratio: float) -> Tensor:
    """ratio * img + (1 - ratio) * other, kept in the image's range."""
    mixed = float(ratio) * img + (1.0 - float(ratio)) * other
    return mixed.clamp(0, max_value(img.dtype)).to(img.dtype)


def _not_negative(name: str, factor: float) -> float:
    if factor < 0:
        raise ArgumentError(f"{name} ({factor}) is not non-negative.")
    return factor


def rgb_to_grayscale(img: Tensor, num_output_channels: int = 1) -> Tensor:
    checked(img, GRAY_OR_RGB, 3)
    if num_output_channels not in GRAY_OR_RGB:
        raise ArgumentError("num_output_channels should be either 1 or 3")
    if img.shape[-3] == 3:
        r, g, b = img.unbind(-3)
        gray = (0.2989 * r + 0.587 * g + 0.114 * b).to(img.dtype).unsqueeze(-3)
    else:
        gray = img.clone()
    return gray.expand(img.shape) if num_output_channels == 3 else gray


to_grayscale = rgb_to_grayscale


def adjust_brightness(img: Tensor, brightness_factor: float) -> Tensor:
    factor = _not_negative("brightness_factor", brightness_factor)
    return blend(checked(img, GRAY_OR_RGB), ops.zeros_like(img), factor)


def adjust_contrast(img: Tensor, contrast_factor: float) -> Tensor:
    factor = _not_negative("contrast_factor", contrast_factor)
    gray = rgb_to_grayscale(img) if get_dimensions(checked(img, GRAY_OR_RGB))[0] == 3 else img
    return blend(img, gray.to(float_dtype(img)).mean((-3, -2, -1), keepdim=True), factor)


def adjust_saturation(img: Tensor, saturation_factor: float) -> Tensor:
    factor = _not_negative("saturation_factor", saturation_factor)
    if get_dimensions(checked(img, GRAY_OR_RGB))[0] == 1:
        return img
    return blend(img, rgb_to_grayscale(img), factor)


def adjust_hue(img: Tensor, hue_factor: float) -> Tensor:
    if not -0.5 <= hue_factor <= 0.5:
        raise ArgumentError(f"hue_factor ({hue_factor}) is not in [-0.5, 0.5].")
    if get_dimensions(checked(img, GRAY_OR_RGB))[0] == 1:
        return img
    h, s, v = _rgb_to_hsv(convert_image_dtype(img, dtypes.float32))
    return convert_image_dtype(_hsv_to_rgb((h + hue_factor) % 1.0, s, v), img.dtype)


def _rgb_to_hsv(img: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """(..., 3, H, W) -> hue, saturation and value, each (..., H, W) in 0..1.

    The hue is a sixth of how far the color lies beyond red (0), green (2) or blue (4), whichever is the largest.
    """
    r, g, b = img.unbind(-3)
    largest, smallest = img.amax(-3), img.amin(-3)
    gray = largest == smallest
    spread = largest - smallest
    saturation = spread / ops.where(gray, 1.0, largest)
    rc, gc, bc = ((largest - x) / ops.where(gray, 1.0, spread) for x in (r, g, b))
    beyond = ops.where(largest == r, bc - gc, ops.where(largest == g, 2.0 + rc - bc, 4.0 + gc - rc))
    return ops.fmod(beyond / 6.0 + 1.0, 1.0), saturation, largest


def _hsv_to_rgb(h: Tensor, s: Tensor, v: Tensor) -> Tensor:
    """The inverse: in each sixth of the circle of hues, one channel is v, one is the lowest, one in between."""
    sixth = (h * 6.0).floor()
    f = h * 6.0 - sixth
    p, q, t = (v * (1.0 - part) for part in (s, s * f, s * (1.0 - f)))
    p, q, t = (x.clamp(0.0, 1.0) for x in (p, q, t))
    which = (sixth.to(dtypes.int64) % 6).unsqueeze(0)
    channels = [(v, q, p, p, t, v), (t, v, v, q, p, p), (p, p, t, v, v, q)]
    return ops.stack([ops.stack(list(six)).gather(0, which).squeeze(0) for six in channels], -3)


def adjust_gamma(img: Tensor, gamma: float, gain: float = 1) -> Tensor:
    if gamma < 0:
        raise ArgumentError("Gamma should be a non-negative real number")
    checked(img, GRAY_OR_RGB)
    result = img if img.is_floating_point() else convert_image_dtype(img, dtypes.float32)
    return convert_image_dtype((gain * result.pow(gamma)).clamp(0, 1), img.dtype)


# ------------------------------------------------------------------------------------------- mappings of single values


def _only_uint8(img: Tensor) -> Tensor:
    if img.dtype != dtypes.uint8:
        raise DTypeError(f"Only torch.uint8 image tensors are supported, but found {img.dtype}")
    return img


def invert(img: Tensor) -> Tensor:
    return max_value(img.dtype) - checked(img, GRAY_OR_RGB, 3)


def posterize(img: Tensor, bits: int) -> Tensor:
    return _only_uint8(checked(img, GRAY_OR_RGB, 3)) & (256 - int(2 ** (8 - bits)))


def solarize(img: Tensor, threshold: float) -> Tensor:
    if threshold > max_value(img.dtype):
        raise DTypeError("Threshold should be less than bound of img.")
    return ops.where(img >= threshold, invert(img), img)


def adjust_sharpness(img: Tensor, sharpness_factor: float) -> Tensor:
    factor = _not_negative("sharpness_factor", sharpness_factor)
    if min(checked(img, GRAY_OR_RGB).shape[-2:]) <= 2:
        return img
    dtype = float_dtype(img)
    kernel = ops.ones(3, 3, dtype=dtype)
    kernel[1, 1] = 5.0
    blurred = img.clone()
    blurred[..., 1:-1, 1:-1] = through_floats(img, lambda x: depthwise(x, kernel / kernel.sum()), dtype)
    return blend(img, blurred, factor)


def autocontrast(img: Tensor) -> Tensor:
    """Stretches each channel over the whole range; one that has a single value stays."""
    bound, dtype = max_value(checked(img, GRAY_OR_RGB, 3).dtype), float_dtype(img)
    low, high = img.amin((-2, -1), keepdim=True).to(dtype), img.amax((-2, -1), keepdim=True).to(dtype)
    scale = bound / (high - low)
    flat = ~scale.isfinite()
    low, scale = low.masked_fill(flat, 0), scale.masked_fill(flat, 1)
    return ((img - low) * scale).clamp(0, bound).to(img.dtype)


def _equalized(channel: Tensor) -> Tensor:
    """Pillow's rule: a step of the result for every 1/255 of the pixels, those of the largest value not counted."""
    counts = ops.bincount(channel.reshape(-1).to(dtypes.int64), minlength=256)
    step = int(counts[counts != 0][:-1].sum()) // 255
    if step == 0:
        return channel
    table = ops.div(counts.cumsum(0) + step // 2, step, rounding_mode="floor")
    table = nn_functional.pad(table, [1, 0])[:-1].clamp(0, 255)
    return table[channel.to(dtypes.int64)].to(dtypes.uint8)


def equalize(img: Tensor) -> Tensor:
    if not 3 <= img.ndim <= 4:
        raise DTypeError(f"Input image tensor should have 3 or 4 dimensions, but found {img.ndim}")
    _only_uint8(checked(img, GRAY_OR_RGB))
    channels = img.reshape((-1, *img.shape[-2:]))
    return ops.stack([_equalized(channel) for channel in channels]).reshape(img.shape)
