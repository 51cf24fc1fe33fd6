"""How pixels between pixels are made up: InterpolationMode, and Pillow's numbers for it."""

from __future__ import annotations

from enum import Enum
from typing import Any

from ...errors import DTypeError


class InterpolationMode(Enum):
    """Ways to interpolate. Tensors know the first four; Pillow's images know all."""

    NEAREST = "nearest"
    NEAREST_EXACT = "nearest-exact"
    BILINEAR = "bilinear"
    BICUBIC = "bicubic"
    BOX = "box"
    HAMMING = "hamming"
    LANCZOS = "lanczos"


pil_modes_mapping = {
    InterpolationMode.NEAREST: 0,
    InterpolationMode.LANCZOS: 1,
    InterpolationMode.BILINEAR: 2,
    InterpolationMode.BICUBIC: 3,
    InterpolationMode.BOX: 4,
    InterpolationMode.HAMMING: 5,
    InterpolationMode.NEAREST_EXACT: 0,
}
_BY_NUMBER = {number: mode for mode, number in reversed(pil_modes_mapping.items())}


def as_mode(interpolation: Any) -> InterpolationMode:
    """The mode, also from one of Pillow's numbers.

    Raises:
        TypeError: neither.
    """
    if isinstance(interpolation, int):
        return _BY_NUMBER[int(interpolation)]
    if not isinstance(interpolation, InterpolationMode):
        raise DTypeError(
            "Argument interpolation should be a InterpolationMode or a corresponding Pillow integer constant"
        )
    return interpolation
