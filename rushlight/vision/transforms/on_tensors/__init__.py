"""The functions of transforms on image tensors (..., C, H, W); `on_pictures` has those on Pillow's images."""

from .base import get_dimensions, max_value
from .color import (
    adjust_brightness,
    adjust_contrast,
    adjust_gamma,
    adjust_hue,
    adjust_saturation,
    adjust_sharpness,
    autocontrast,
    convert_image_dtype,
    equalize,
    invert,
    posterize,
    rgb_to_grayscale,
    solarize,
    to_grayscale,
)
from .geometry import crop, erase, gaussian_blur, hflip, pad, resize, sides, vflip
from .warp import affine, elastic_transform, inverse_affine_matrix, perspective, rotate
