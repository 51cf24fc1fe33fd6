"""What functions on image tensors (..., C, H, W) share: their checks, their ranges, and a detour through floats."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from .... import dtypes
from ....errors import DTypeError
from ....tensor import Tensor

_MAXIMA = {
    dtypes.uint8: 255,
    dtypes.int8: 127,
    dtypes.int16: 32767,
    dtypes.uint16: 65535,
    dtypes.int32: 2147483647,
    dtypes.int64: 9223372036854775807,
}


def max_value(dtype: dtypes.dtype) -> int:
    """What white is in the dtype: 1 for floats, the largest number for integers."""
    return _MAXIMA.get(dtype, 1)


def checked(img: Tensor, channels: Sequence[int] = (), least: int = 2) -> Tensor:
    """The image itself.

    Args:
        channels: how many channels are allowed; empty: any number.
        least: how many dimensions it has at least.

    Raises:
        TypeError: it is no such image.
    """
    if img.ndim < 2:
        raise DTypeError("Tensor is not a torch image.")
    if img.ndim < least:
        raise DTypeError(f"Input image tensor should have at least {least} dimensions, but found {img.ndim}")
    found = get_dimensions(img)[0]
    if channels and found not in channels:
        raise DTypeError(f"Input image tensor permitted channel values are {list(channels)}, but found {found}")
    return img


def get_dimensions(img: Tensor) -> list[int]:
    """[channels, height, width]."""
    if img.ndim < 2:
        raise DTypeError("Tensor is not a torch image.")
    return [1 if img.ndim == 2 else img.shape[-3], *img.shape[-2:]]


def float_dtype(img: Tensor) -> dtypes.dtype:
    """The image's dtype, if it is a floating one; float32 otherwise."""
    return img.dtype if img.is_floating_point() else dtypes.float32


def through_floats(img: Tensor, compute: Callable[[Tensor], Tensor], *allowed: dtypes.dtype) -> Tensor:
    """Runs `compute` on a batch (N, C, H, W) in one of the allowed dtypes, the first of them if need be; the result has
    the image's dimensions and dtype, integers rounded."""
    batch = img if img.ndim >= 4 else img.unsqueeze(0)
    result = compute(batch if img.dtype in allowed else batch.to(allowed[0]))
    result = result if img.ndim >= 4 else result.squeeze(0)
    if img.dtype in allowed:
        return result
    return (result if img.is_floating_point() else result.round()).to(img.dtype)
