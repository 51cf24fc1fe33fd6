"""Functions that resize, pad, cut and mirror images."""

from __future__ import annotations

from collections.abc import Sequence
from numbers import Number
from typing import Any

from ...errors import ArgumentError
from ...tensor import Tensor
from . import on_tensors
from .dispatch import BILINEAR, Image, functions_for, get_dimensions, mode_for, tensor_image


def pair(size: Any, message: str = "Please provide only two dimensions (h, w) for size.") -> tuple[int, int]:
    """A number, one in a list, or two as (height, width).

    Raises:
        ValueError: something else.
    """
    if isinstance(size, Number):
        return int(size), int(size)  # type: ignore[call-overload]
    if len(size) not in (1, 2):
        raise ArgumentError(message)
    return size[0], size[-1]


def _resized(h: int, w: int, size: Sequence[int], max_size: int | None) -> list[int]:
    """The new (height, width): of one number, the length of the shorter side, the other one in proportion."""
    if len(size) == 2:
        return list(size)
    short, long = sorted((h, w))
    new_short, new_long = size[0], int(size[0] * long / short)
    if max_size is not None:
        if max_size <= size[0]:
            raise ArgumentError(
                f"max_size = {max_size} must be strictly greater than the requested size for the smaller edge size = "
                f"{list(size)}"
            )
        if new_long > max_size:
            new_short, new_long = int(max_size * new_short / new_long), max_size
    return [new_long, new_short] if w <= h else [new_short, new_long]


def resize(
    img: Image, size: Any, interpolation: Any = BILINEAR, max_size: int | None = None, antialias: bool | None = True
) -> Image:
    """The image in another size.

    Args:
        size: (height, width), or the length of the shorter side.
        interpolation: a mode, or Pillow's number of one.
        max_size: the longer side is at most that long, where `size` is one number.
        antialias: smooth before making a tensor smaller; Pillow's images always are.

    Raises:
        ValueError: sizes that do not fit.
    """
    mode = mode_for(img, interpolation)
    wanted = [size] if isinstance(size, int) else list(size)
    if len(wanted) not in (1, 2):
        raise ArgumentError(
            f"Size must be an int or a 1 or 2 element tuple/list, not a {len(wanted)} element tuple/list"
        )
    if max_size is not None and len(wanted) == 2:
        raise ArgumentError("max_size should only be passed if size specifies the length of the smaller edge")
    _, h, w = get_dimensions(img)
    out = _resized(h, w, wanted, max_size)
    if out == [h, w]:
        return img
    return functions_for(img).resize(img, out, mode, antialias)


# ------------------------------------------------------------------------------------------ cutting, padding, mirroring


def pad(img: Image, padding: Any, fill: Any = 0, padding_mode: str = "constant") -> Image:
    """The image with a border.

    Args:
        padding: one number, (left and right, top and bottom), or (left, top, right, bottom).
        fill: the border's colour.
        padding_mode: constant, edge (the last pixel again), reflect (mirrored, without the last pixel), symmetric
            (with it).
    """
    return functions_for(img).pad(img, padding, fill, padding_mode)


def crop(img: Image, top: int, left: int, height: int, width: int) -> Image:
    """The part of that place and size, black beyond the image."""
    return functions_for(img).crop(img, top, left, height, width)


def center_crop(img: Image, output_size: Any) -> Image:
    """The middle part, with black borders if the image is smaller."""
    height, width = pair(output_size)
    _, h, w = get_dimensions(img)
    missing_h, missing_w = max(height - h, 0), max(width - w, 0)
    if missing_h or missing_w:
        img = pad(img, [missing_w // 2, missing_h // 2, (missing_w + 1) // 2, (missing_h + 1) // 2])
        _, h, w = get_dimensions(img)
    return crop(img, round((h - height) / 2), round((w - width) / 2), height, width)


def resized_crop(
    img: Image,
    top: int,
    left: int,
    height: int,
    width: int,
    size: Any,
    interpolation: Any = BILINEAR,
    antialias: bool | None = True,
) -> Image:
    """A part, resized."""
    return resize(crop(img, top, left, height, width), size, interpolation, antialias=antialias)


def hflip(img: Image) -> Image:
    """Left and right changed."""
    return functions_for(img).hflip(img)


def vflip(img: Image) -> Image:
    """Top and bottom changed."""
    return functions_for(img).vflip(img)


def five_crop(img: Image, size: Any) -> tuple[Image, ...]:
    """The four corners (top left, top right, bottom left, bottom right) and the middle.

    Raises:
        ValueError: the image is smaller.
    """
    height, width = pair(size)
    _, h, w = get_dimensions(img)
    if width > w or height > h:
        raise ArgumentError(f"Requested crop size {(height, width)} is bigger than input size {(h, w)}")
    corners = [(top, left) for top in (0, h - height) for left in (0, w - width)]
    return *(crop(img, *corner, height, width) for corner in corners), center_crop(img, (height, width))


def ten_crop(img: Image, size: Any, vertical_flip: bool = False) -> tuple[Image, ...]:
    """`five_crop` of the image and of its mirror image."""
    return five_crop(img, size) + five_crop(vflip(img) if vertical_flip else hflip(img), size)


def erase(img: Tensor, i: int, j: int, h: int, w: int, v: Tensor, inplace: bool = False) -> Tensor:
    """The tensor with the values v in the rectangle of height h and width w at row i and column j."""
    return on_tensors.erase(tensor_image(img), i, j, h, w, v, inplace)
