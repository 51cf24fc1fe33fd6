"""Images put together in a grid, and saved."""

from __future__ import annotations

import math
import os
from collections.abc import Sequence
from typing import IO, Any

from .. import ops
from ..autograd import no_grad
from ..dtypes import uint8
from ..errors import DTypeError
from ..serialization import write_atomically
from ..tensor import Tensor
from .pillow import pil

__all__ = ["make_grid", "save_image"]


def _batch(tensor: Any) -> Tensor:
    """Images of any number of dimensions as (N, C, H, W); one gray channel becomes three."""
    if isinstance(tensor, list) and all(isinstance(t, Tensor) for t in tensor):
        tensor = ops.stack(tensor)
    if not isinstance(tensor, Tensor):
        inside = " list containing" if isinstance(tensor, list) else ""
        raise DTypeError(f"tensor or list of tensors expected, got{inside} {type(tensor)}")
    images = tensor.reshape((1,) * (4 - tensor.ndim) + tuple(tensor.shape))
    return ops.cat([images] * 3, 1) if images.shape[1] == 1 else images


def _stretch_(images: Tensor, value_range: tuple[float, float] | None) -> None:
    low, high = value_range or (float(images.min()), float(images.max()))
    images.clamp_(min=low, max=high).sub_(low).div_(max(high - low, 1e-5))


@no_grad()
def make_grid(
    tensor: Tensor | Sequence[Tensor],
    nrow: int = 8,
    padding: int = 2,
    normalize: bool = False,
    value_range: tuple[float, float] | None = None,
    scale_each: bool = False,
    pad_value: float = 0.0,
) -> Tensor:
    """Images side by side as one.

    Args:
        tensor: (N, C, H, W), or a list of images of one size.
        nrow: how many images in a row.
        padding: pixels around each.
        normalize: stretch the values from `value_range` to 0..1.
        value_range: (least, largest); those of the images by default.
        scale_each: by each image's own values.
        pad_value: what is around the images.

    Returns:
        (3, H, W) for gray images, (C, H, W) otherwise.

    Example:
        >>> make_grid(rushlight.zeros(10, 3, 4, 4), nrow=5).shape
        torch.Size([3, 14, 32])
    """
    images = _batch(tensor)
    if normalize:
        images = images.clone()
        if value_range is not None and not isinstance(value_range, tuple):
            raise DTypeError("value_range has to be a tuple (min, max) if specified. min and max are numbers")
        for part in images if scale_each else [images]:
            _stretch_(part, value_range)
    n, channels, height, width = images.shape
    if n == 1:
        return images.squeeze(0)
    columns = min(nrow, n)
    rows = math.ceil(n / columns)
    height, width = height + padding, width + padding
    grid = images.new_full((channels, height * rows + padding, width * columns + padding), pad_value)
    for i, image in enumerate(images):
        top, left = i // columns * height + padding, i % columns * width + padding
        grid[:, top : top + height - padding, left : left + width - padding] = image
    return grid


@no_grad()
def save_image(
    tensor: Tensor | Sequence[Tensor],
    fp: str | os.PathLike[str] | IO[bytes],
    format: str | None = None,
    **kwargs: Any,
) -> None:
    """Saves images, put together by `make_grid`, as a picture.

    Args:
        tensor: values in 0..1, see `make_grid`.
        fp: a file's name, or an open file.
        format: one that Pillow knows; by default what the name ends in.
        kwargs: for `make_grid`.
    """
    grid = make_grid(tensor, **kwargs)
    array = grid.mul(255).add_(0.5).clamp_(0, 255).permute(1, 2, 0).to(uint8).numpy()
    image = pil().fromarray(array)
    if not isinstance(fp, str | os.PathLike):
        image.save(fp, format=format)
        return
    pil().init()
    chosen = format or pil().registered_extensions()[os.path.splitext(fp)[1].lower()]
    write_atomically(fp, lambda file: image.save(file, format=chosen))
