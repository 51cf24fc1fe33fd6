"""Image tensors cut, padded, mirrored, resized, blurred."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from .... import dtypes, ops
from ....errors import ArgumentError, DTypeError, ShapeError
from ....nn import functional as nn_functional
from ....tensor import Tensor
from .base import checked, float_dtype, get_dimensions, through_floats


def hflip(img: Tensor) -> Tensor:
    return checked(img).flip(-1)


def vflip(img: Tensor) -> Tensor:
    return checked(img).flip(-2)


def crop(img: Tensor, top: int, left: int, height: int, width: int) -> Tensor:
    """The part of that place and size; black where it reaches beyond the image."""
    _, h, w = get_dimensions(img)
    bottom, right = top + height, left + width
    part = img[..., max(top, 0) : max(bottom, 0), max(left, 0) : max(right, 0)]
    beyond = [
        max(-left + min(0, right), 0),
        max(-top + min(0, bottom), 0),
        max(right - max(w, left), 0),
        max(bottom - max(h, top), 0),
    ]
    return pad(part, beyond) if any(beyond) else part


def sides(padding: Any) -> list[int]:
    """One, two (left and right, top and bottom) or four numbers as [left, top, right, bottom].

    Raises:
        TypeError, ValueError: something else.
    """
    if isinstance(padding, int):
        return [padding] * 4
    if not isinstance(padding, tuple | list):
        raise DTypeError("Got inappropriate padding arg")
    if len(padding) not in (1, 2, 4):
        raise ArgumentError(f"Padding must be an int or a 1, 2, or 4 element tuple, not a {len(padding)} element tuple")
    return list(padding) * (4 // len(padding))


_MODES = {"constant": "constant", "edge": "replicate", "reflect": "reflect", "symmetric": "symmetric"}


def pad(img: Tensor, padding: Any, fill: float | None = 0, padding_mode: str = "constant") -> Tensor:
    left, top, right, bottom = sides(padding)
    if not isinstance(fill, int | float) and fill is not None:
        raise DTypeError("Got inappropriate fill arg")
    if padding_mode not in _MODES:
        raise ArgumentError("Padding mode should be either constant, edge, reflect or symmetric")
    amounts = [left, right, top, bottom]
    if padding_mode == "symmetric":
        return _pad_symmetric(checked(img), amounts)
    if padding_mode == "constant":
        return nn_functional.pad(checked(img), amounts, value=float(fill or 0))
    mode = _MODES[padding_mode]
    return through_floats(
        checked(img), lambda x: nn_functional.pad(x, amounts, mode=mode), dtypes.float32, dtypes.float64
    )


def _mirrored(size: int, before: int, after: int) -> Tensor:
    """Indices of a line of pixels with its ends repeated backwards; negative amounts cut."""
    line = list(range(size))[max(-before, 0) : size - max(-after, 0)]
    before, after = max(before, 0), max(after, 0)
    return ops.tensor(line[:before][::-1] + line + line[len(line) - after :][::-1])


def _pad_symmetric(img: Tensor, amounts: Sequence[int]) -> Tensor:
    left, right, top, bottom = amounts
    if img.ndim not in (3, 4):
        raise ShapeError("Symmetric padding of N-D tensors are not supported yet")
    rows, columns = _mirrored(img.shape[-2], top, bottom), _mirrored(img.shape[-1], left, right)
    return img[..., rows[:, None], columns[None, :]]


def resize(img: Tensor, size: Sequence[int], interpolation: str = "bilinear", antialias: bool | None = True) -> Tensor:
    """torch: modes other than bilinear and bicubic are never antialiased."""
    smooth = interpolation in ("bilinear", "bicubic")
    overshoots = interpolation == "bicubic" and img.dtype == dtypes.uint8

    def compute(x: Tensor) -> Tensor:
        align_corners, antialiased = (False, bool(antialias)) if smooth else (None, False)
        y = nn_functional.interpolate(x, list(size), None, interpolation, align_corners, antialias=antialiased)
        return y.clamp(0, 255) if overshoots else y

    return through_floats(checked(img), compute, dtypes.float32, dtypes.float64)


def _bell(size: int, sigma: float, dtype: dtypes.dtype) -> Tensor:
    half = (size - 1) * 0.5
    weights = ops.exp(-0.5 * (ops.linspace(-half, half, size, dtype=dtype) / sigma).pow(2))
    return weights / weights.sum()


def depthwise(x: Tensor, kernel: Tensor) -> Tensor:
    """Each channel of (N, C, H, W) correlated with the same (kh, kw)."""
    channels = x.shape[-3]
    return nn_functional.conv2d(x, kernel.expand((channels, 1, *kernel.shape)), groups=channels)


def gaussian_blur(img: Tensor, kernel_size: Sequence[int], sigma: Sequence[float]) -> Tensor:
    dtype = float_dtype(checked(img))
    kernel = _bell(kernel_size[1], sigma[1], dtype)[:, None] @ _bell(kernel_size[0], sigma[0], dtype)[None, :]
    reach = [kernel_size[0] // 2] * 2 + [kernel_size[1] // 2] * 2
    return through_floats(img, lambda x: depthwise(nn_functional.pad(x, reach, mode="reflect"), kernel), dtype)


def erase(img: Tensor, i: int, j: int, h: int, w: int, v: Tensor, inplace: bool = False) -> Tensor:
    img = checked(img) if inplace else checked(img).clone()
    img[..., i : i + h, j : j + w] = v
    return img
