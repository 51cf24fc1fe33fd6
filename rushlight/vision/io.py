"""Image files to tensors (C, H, W) of bytes, and back, by Pillow."""

from __future__ import annotations

import io as _io
import os
from enum import Enum
from pathlib import Path
from typing import Any

from .. import ops
from ..dtypes import uint8
from ..errors import DTypeError
from ..serialization import write_atomically
from ..tensor import Tensor
from .pillow import pil
from .transforms.conversion import pil_to_tensor, to_pil_image

__all__ = [
    "ImageReadMode",
    "decode_image",
    "decode_jpeg",
    "decode_png",
    "encode_jpeg",
    "encode_png",
    "read_file",
    "read_image",
    "write_file",
    "write_jpeg",
    "write_png",
]


class ImageReadMode(Enum):
    """Which channels an image is read as."""

    UNCHANGED = 0
    GRAY = 1
    GRAY_ALPHA = 2
    RGB = 3
    RGB_ALPHA = 4


_MODES = {"GRAY": "L", "GRAY_ALPHA": "LA", "RGB": "RGB", "RGB_ALPHA": "RGBA"}  # Pillow's


def read_file(path: str | os.PathLike[str]) -> Tensor:
    """A file's bytes, (n,) uint8."""
    return ops.frombuffer(bytearray(Path(path).read_bytes()), dtype=uint8)


def write_file(filename: str | os.PathLike[str], data: Tensor) -> None:
    """Writes bytes, (n,) uint8."""
    write_atomically(filename, lambda file: file.write(data.numpy().tobytes()))


def decode_image(
    input: Any, mode: ImageReadMode | str = ImageReadMode.UNCHANGED, apply_exif_orientation: bool = False
) -> Tensor:
    """An image's file as a tensor.

    Args:
        input: its bytes (n,) uint8, or its name.
        mode: the channels wanted.
        apply_exif_orientation: turn it as the camera noted.

    Returns:
        (C, H, W) uint8.
    """
    if isinstance(mode, str):
        mode = ImageReadMode[mode.upper()]
    source = _io.BytesIO(input.numpy().tobytes()) if isinstance(input, Tensor) else input
    with pil().open(source) as picture:
        if apply_exif_orientation:
            picture = pil("ImageOps").exif_transpose(picture)
        if mode is not ImageReadMode.UNCHANGED:
            picture = picture.convert(_MODES[mode.name])
        elif picture.mode == "P":
            picture = picture.convert("RGB")
        return pil_to_tensor(picture)


def read_image(
    path: str | os.PathLike[str],
    mode: ImageReadMode | str = ImageReadMode.UNCHANGED,
    apply_exif_orientation: bool = False,
) -> Tensor:
    """See `decode_image`."""
    return decode_image(os.fspath(path), mode, apply_exif_orientation)


decode_png = decode_jpeg = decode_image


def _encode(input: Tensor, format: str, **options: Any) -> Tensor:
    if input.dtype != uint8:
        raise DTypeError(f"encode_{format.lower()}: input has dtype {input.dtype}, expected torch.uint8")
    buffer = _io.BytesIO()
    to_pil_image(input).save(buffer, format=format, **options)
    return ops.frombuffer(bytearray(buffer.getvalue()), dtype=uint8)


def encode_png(input: Tensor, compression_level: int = 6) -> Tensor:
    """The bytes of a PNG file of an image (C, H, W) uint8."""
    return _encode(input, "PNG", compress_level=compression_level)


def encode_jpeg(input: Tensor, quality: int = 75) -> Tensor:
    """The bytes of a JPEG file of an image (C, H, W) uint8."""
    return _encode(input, "JPEG", quality=quality)


def write_png(input: Tensor, filename: str | os.PathLike[str], compression_level: int = 6) -> None:
    """Saves an image (C, H, W) uint8 as PNG."""
    write_file(filename, encode_png(input, compression_level))


def write_jpeg(input: Tensor, filename: str | os.PathLike[str], quality: int = 75) -> None:
    """Saves an image (C, H, W) uint8 as JPEG."""
    write_file(filename, encode_jpeg(input, quality))
