"""Between Pillow's images, arrays (H, W, C) and tensors (C, H, W)."""

from __future__ import annotations

from typing import Any

import numpy as np

from ... import ops
from ...dtypes import dtype as dtype_
from ...dtypes import float32, get_default_dtype, uint8
from ...errors import ArgumentError, DTypeError
from ...tensor import Tensor
from ..pillow import is_picture
from . import on_tensors
from .dispatch import tensor_image
from .on_pictures import from_array, get_dimensions

_DTYPES = {"I": np.int32, "I;16": np.int16, "I;16B": np.int16, "F": np.float32}  # of modes; bytes otherwise


def _array(picture: Any, dtype: Any = None) -> Tensor:
    """(H, W, C)."""
    channels, height, width = get_dimensions(picture)
    return ops.from_numpy(np.array(picture, dtype)).view(height, width, channels)


def to_tensor(pic: Any) -> Tensor:
    """An image or array (H, W, C) as a tensor (C, H, W); bytes become floats in 0..1.

    Args:
        pic: Pillow's image, or an array of two or three dimensions.

    Raises:
        TypeError: something else. ValueError: an array of other dimensions.

    Example:
        >>> import numpy as np
        >>> to_tensor(np.array([[0, 51], [102, 255]], np.uint8))
        tensor([[[0.0000, 0.2000],
                 [0.4000, 1.0000]]])
    """
    if isinstance(pic, np.ndarray):
        if pic.ndim not in (2, 3):
            raise ArgumentError(f"pic should be 2/3 dimensional. Got {pic.ndim} dimensions.")
        image = ops.from_numpy(pic if pic.ndim == 3 else pic[:, :, None])
    elif is_picture(pic):
        image = _array(pic, _DTYPES.get(pic.mode, np.uint8)) * (255 if pic.mode == "1" else 1)
    else:
        raise DTypeError(f"pic should be PIL Image or ndarray. Got {type(pic)}")
    image = image.permute(2, 0, 1).contiguous()  # (H, W, C) -> (C, H, W)
    return image.to(get_default_dtype()).div(255) if image.dtype == uint8 else image


def pil_to_tensor(pic: Any) -> Tensor:
    """One of Pillow's images as a tensor (C, H, W) of the same numbers.

    Raises:
        TypeError: no such image.
    """
    if not is_picture(pic):
        raise DTypeError(f"pic should be PIL Image. Got {type(pic)}")
    return _array(pic).permute(2, 0, 1)  # (H, W, C) -> (C, H, W)


def convert_image_dtype(image: Tensor, dtype: dtype_ = float32) -> Tensor:
    """The image in another dtype, its values scaled from the one's range to the other's.

    Raises:
        TypeError: no tensor. RuntimeError: floats to integers that they cannot tell apart.
    """
    return on_tensors.convert_image_dtype(tensor_image(image), dtype)


_ONE_CHANNEL = {"uint8": "L", "int16": "I;16", "int32": "I", "float32": "F"}
_MODES = {2: ("LA",), 3: ("RGB", "YCbCr", "HSV"), 4: ("RGBA", "CMYK", "RGBX")}  # by the number of channels


def to_pil_image(pic: Any, mode: str | None = None) -> Any:
    """A tensor (C, H, W) or array (H, W, C) as one of Pillow's images; floats in 0..1 become bytes.

    Args:
        pic: also (H, W).
        mode: what the channels mean; by their number otherwise.

    Raises:
        TypeError, ValueError: dimensions, channels, dtypes or modes that Pillow does not know.
    """
    if isinstance(pic, Tensor):
        array = (pic.permute(1, 2, 0) if pic.ndim == 3 else pic).numpy(force=True)
    elif isinstance(pic, np.ndarray):
        array = pic
    else:
        raise DTypeError(f"pic should be Tensor or ndarray. Got {type(pic)}.")
    if array.ndim not in (2, 3):
        raise ArgumentError(f"pic should be 2/3 dimensional. Got {array.ndim} dimensions.")
    if array.ndim == 2:
        array = array[:, :, None]
    if array.shape[2] > 4:
        raise ArgumentError(f"pic should not have > 4 channels. Got {array.shape[2]} channels.")
    if array.dtype.kind == "f" and mode != "F":
        array = (array * 255).astype(np.uint8)
    mode = _checked_mode(array, mode)
    return from_array(np.ascontiguousarray(array[:, :, 0] if array.shape[2] == 1 else array), mode)


def _checked_mode(array: Any, mode: str | None) -> str:
    channels, dtype = array.shape[2], array.dtype.name
    if channels == 1:
        expected = _ONE_CHANNEL.get(dtype)
        if mode is not None and mode != expected:
            raise ArgumentError(f"Incorrect mode ({mode}) supplied for input type {dtype}. Should be {expected}")
        mode = expected
    elif mode is not None and mode not in _MODES[channels]:
        raise ArgumentError(f"Only modes {list(_MODES[channels])} are supported for {channels}D inputs")
    elif mode is None and dtype == "uint8":
        mode = _MODES[channels][0]
    if mode is None:
        raise DTypeError(f"Input type {dtype} is not supported")
    return mode
