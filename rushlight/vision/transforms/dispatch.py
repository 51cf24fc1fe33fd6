"""Which functions are for which kind of image: a tensor (..., C, H, W) or one of Pillow's."""

from __future__ import annotations

from types import ModuleType
from typing import Any

from ...errors import DTypeError
from ...tensor import Tensor
from ..pillow import is_picture
from . import on_pictures, on_tensors
from .modes import InterpolationMode, as_mode, pil_modes_mapping

Image = Any  # Pillow's, or a Tensor
BILINEAR, NEAREST = InterpolationMode.BILINEAR, InterpolationMode.NEAREST


def functions_for(img: Image) -> ModuleType:
    """The functions for that kind of image.

    Raises:
        TypeError: it is none.
    """
    if isinstance(img, Tensor):
        return on_tensors
    if is_picture(img):
        return on_pictures
    raise DTypeError(f"img should be PIL Image or Tensor. Got {type(img)}")


def mode_for(img: Image, interpolation: Any) -> Any:
    """The interpolation as the functions for that kind of image take it."""
    mode = as_mode(interpolation)
    return mode.value if isinstance(img, Tensor) else pil_modes_mapping[mode]


def tensor_image(img: Any) -> Tensor:
    if not isinstance(img, Tensor):
        raise DTypeError(f"img should be Tensor Image. Got {type(img)}")
    return img


def get_dimensions(img: Image) -> list[int]:
    """[channels, height, width]."""
    return functions_for(img).get_dimensions(img)


def get_image_size(img: Image) -> list[int]:
    """[width, height]."""
    return get_dimensions(img)[:0:-1]


def get_image_num_channels(img: Image) -> int:
    """How many channels it has."""
    return get_dimensions(img)[0]
