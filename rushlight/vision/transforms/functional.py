"""Transforms as functions, on Pillow's images and on tensors (..., C, H, W), all parameters given.

Sizes are (height, width), angles degrees, colours in the image's own range.
"""

from .bending import affine, elastic_transform, gaussian_blur, perspective, rotate
from .coloring import (
    adjust_brightness,
    adjust_contrast,
    adjust_gamma,
    adjust_hue,
    adjust_saturation,
    adjust_sharpness,
    autocontrast,
    equalize,
    invert,
    normalize,
    posterize,
    rgb_to_grayscale,
    solarize,
    to_grayscale,
)
from .conversion import convert_image_dtype, pil_to_tensor, to_pil_image, to_tensor
from .cutting import center_crop, crop, erase, five_crop, hflip, pad, resize, resized_crop, ten_crop, vflip
from .dispatch import get_dimensions, get_image_num_channels, get_image_size
from .modes import InterpolationMode, pil_modes_mapping

__all__ = [
    "InterpolationMode",
    "adjust_brightness",
    "adjust_contrast",
    "adjust_gamma",
    "adjust_hue",
    "adjust_saturation",
    "adjust_sharpness",
    "affine",
    "autocontrast",
    "center_crop",
    "convert_image_dtype",
    "crop",
    "elastic_transform",
    "equalize",
    "erase",
    "five_crop",
    "gaussian_blur",
    "get_dimensions",
    "get_image_num_channels",
    "get_image_size",
    "hflip",
    "invert",
    "normalize",
    "pad",
    "perspective",
    "pil_modes_mapping",
    "pil_to_tensor",
    "posterize",
    "resize",
    "resized_crop",
    "rgb_to_grayscale",
    "rotate",
    "solarize",
    "ten_crop",
    "to_grayscale",
    "to_pil_image",
    "to_tensor",
    "vflip",
]
