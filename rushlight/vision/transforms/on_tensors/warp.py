"""Image tensors turned, sheared and bent: every pixel of the result says by a grid where in the image it is from.

Grids have PyTorch's coordinates for `grid_sample`: -1 and 1 are the outer edges of the image.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from .... import dtypes, ops
from ....errors import ArgumentError
from ....nn.functional import grid_sample
from ....tensor import Tensor
from .base import checked, float_dtype, get_dimensions, through_floats

TENSOR_MODES = ("nearest", "bilinear")


def _check(img: Tensor, interpolation: str, fill: Any) -> None:
    channels = get_dimensions(img)[0]
    if isinstance(fill, tuple | list) and len(fill) not in (1, channels):
        raise ArgumentError(
            "The number of elements in 'fill' cannot broadcast to match the number of channels of the image "
            f"({len(fill)} != {channels})"
        )
    if interpolation not in TENSOR_MODES:
        raise ArgumentError(f"Interpolation mode '{interpolation}' is unsupported with Tensor input")


def _sampled(img: Tensor, grid: Tensor, mode: str, fill: Any) -> Tensor:
    """The image at the grid's points; `fill` (None: black) beyond it, mixed in at its edges."""

    def compute(x: Tensor) -> Tensor:
        points = grid.expand((x.shape[0], *grid.shape[1:]))

        def look(values: Tensor) -> Tensor:
            return grid_sample(values, points, mode=mode, padding_mode="zeros", align_corners=False)

        if fill is None:
            return look(x)
        covered = look(ops.ones((x.shape[0], 1, *x.shape[-2:]), dtype=x.dtype))
        beyond = ops.tensor([float(f) for f in _listed(fill)], dtype=x.dtype).view(1, -1, 1, 1)
        if mode == "nearest":
            return ops.where(covered < 0.5, beyond, look(x))
        return look(x) * covered + (1.0 - covered) * beyond

    return through_floats(img, compute, grid.dtype)


def _listed(fill: Any) -> Sequence[float]:
    return fill if isinstance(fill, tuple | list) else [fill]


def _plane(columns: Tensor, rows: Tensor) -> Tensor:
    """(W,) x and (H,) y coordinates -> (H W, 3): x, y and 1 of every pixel."""
    y, x = ops.meshgrid(rows, columns, indexing="ij")
    return ops.stack([x, y, ops.ones_like(x)], -1).reshape(-1, 3)


def _affine_grid(matrix: Sequence[float], size: Sequence[int], out: Sequence[int], dtype: dtypes.dtype) -> Tensor:
    """Where the pixels of a result of size `out` are from; all coordinates in pixels from the centre."""
    (h, w), (oh, ow) = size, out
    columns, rows = (ops.linspace(0.5 - n / 2, n / 2 - 0.5, n, dtype=dtype) for n in (ow, oh))
    theta = ops.tensor(list(matrix), dtype=dtype).view(2, 3).T / ops.tensor([0.5 * w, 0.5 * h], dtype=dtype)
    return (_plane(columns, rows) @ theta).view(1, oh, ow, 2)


def affine(img: Tensor, matrix: Sequence[float], interpolation: str = "nearest", fill: Any = None) -> Tensor:
    _check(checked(img), interpolation, fill)
    size = img.shape[-2:]
    return _sampled(img, _affine_grid(matrix, size, size, float_dtype(img)), interpolation, fill)


def _room_for(matrix: Sequence[float], h: int, w: int) -> tuple[int, int]:
    """(height, width) of what holds the whole turned image."""
    corners = ops.tensor([[x * w / 2, y * h / 2, 1.0] for x in (-1, 1) for y in (-1, 1)])
    points = corners @ ops.tensor(list(matrix)).view(2, 3).T
    centre = ops.tensor([w * 0.5, h * 0.5])
    low, high = ((bound / 1e-4).trunc() * 1e-4 for bound in (points.amin(0) + centre, points.amax(0) + centre))
    width, height = (high.ceil() - low.floor()).tolist()
    return int(height), int(width)


def rotate(
    img: Tensor, matrix: Sequence[float], interpolation: str = "nearest", expand: bool = False, fill: Any = None
) -> Tensor:
    _check(checked(img), interpolation, fill)
    h, w = img.shape[-2:]
    out = _room_for(matrix, h, w) if expand else (h, w)
    return _sampled(img, _affine_grid(matrix, (h, w), out, float_dtype(img)), interpolation, fill)


def perspective(img: Tensor, coeffs: Sequence[float], interpolation: str = "bilinear", fill: Any = None) -> Tensor:
    _check(checked(img), interpolation, fill)
    (h, w), dtype = img.shape[-2:], float_dtype(img)
    plane = _plane(ops.arange(w, dtype=dtype) + 0.5, ops.arange(h, dtype=dtype) + 0.5)
    above = ops.tensor(list(coeffs[:6]), dtype=dtype).view(2, 3).T / ops.tensor([0.5 * w, 0.5 * h], dtype=dtype)
    below = ops.tensor([[coeffs[6]], [coeffs[7]], [1.0]], dtype=dtype)
    grid = (plane @ above) / (plane @ below) - 1.0
    return _sampled(img, grid.view(1, h, w, 2), interpolation, fill)


def elastic_transform(img: Tensor, displacement: Tensor, interpolation: str = "bilinear", fill: Any = None) -> Tensor:
    rows, columns = (ops.linspace((1 - n) / n, (n - 1) / n, n) for n in checked(img).shape[-2:])
    y, x = ops.meshgrid(rows, columns, indexing="ij")
    return _sampled(img, ops.stack([x, y], -1).unsqueeze(0) + displacement, interpolation, fill)


def inverse_affine_matrix(
    center: Sequence[float], angle: float, translate: Sequence[float], scale: float, shear: Sequence[float]
) -> list[float]:
    """Rows of the 2 x 3 matrix that leads from a pixel of the result to where it is from.

    Forward: centre back to the origin, shear by y and x, rotate, scale, forth to the centre, translate. In degrees.
    """
    rot, sx, sy = math.radians(angle), math.radians(shear[0]), math.radians(shear[1])
    (cx, cy), (tx, ty) = center, translate
    a = math.cos(rot - sy) / math.cos(sy)
    b = -math.cos(rot - sy) * math.tan(sx) / math.cos(sy) - math.sin(rot)
    c = math.sin(rot - sy) / math.cos(sy)
    d = -math.sin(rot - sy) * math.tan(sx) / math.cos(sy) + math.cos(rot)
    xx, xy, yx, yy = d / scale, -b / scale, -c / scale, a / scale  # the determinant of a, b, c, d is 1
    return [xx, xy, cx - xx * (cx + tx) - xy * (cy + ty), yx, yy, cy - yx * (cx + tx) - yy * (cy + ty)]
