"""Functions that turn, shear, bend and blur images. Angles are degrees, points (x, y) in pixels."""

from __future__ import annotations

from collections.abc import Sequence
from numbers import Number
from typing import Any

from ... import linalg, ops
from ...dtypes import float32, float64
from ...errors import ArgumentError, DTypeError
from ...tensor import Tensor
from . import on_tensors
from .conversion import pil_to_tensor, to_pil_image
from .dispatch import BILINEAR, NEAREST, Image, functions_for, get_image_size, mode_for
from .modes import as_mode


def rotate(
    img: Image,
    angle: float,
    interpolation: Any = NEAREST,
    expand: bool = False,
    center: Sequence[float] | None = None,
    fill: Any = None,
) -> Image:
    """The image turned against the clock.

    Args:
        angle: degrees.
        expand: make the result as large as the turned image needs; otherwise it keeps its size.
        center: (x, y) in pixels from the upper left corner; the middle by default.
        fill: the colour beyond the image.
    """
    if not isinstance(angle, int | float):
        raise DTypeError("Argument angle should be int or float")
    if center is not None and not isinstance(center, list | tuple):
        raise DTypeError("Argument center should be a sequence")
    mode = mode_for(img, interpolation)
    if not isinstance(img, Tensor):
        return functions_for(img).rotate(img, angle, mode, expand, center, fill)
    matrix = on_tensors.inverse_affine_matrix(_from_middle(img, center), -angle, (0, 0), 1.0, (0, 0))
    return on_tensors.rotate(img, matrix, mode, expand, fill)


def _from_middle(img: Image, center: Sequence[float] | None) -> list[float]:
    """(x, y) from the upper left corner as seen from the middle."""
    return [0.0, 0.0] if center is None else [c - s * 0.5 for c, s in zip(center, get_image_size(img))]


def affine(
    img: Image,
    angle: float,
    translate: Sequence[float],
    scale: float,
    shear: Any,
    interpolation: Any = NEAREST,
    fill: Any = None,
    center: Sequence[float] | None = None,
) -> Image:
    """The image sheared, turned, scaled and moved, about a centre.

    Args:
        angle: degrees, with the clock.
        translate: (x, y) in pixels.
        scale: above 0.
        shear: degrees along x, or (along x, along y).
        fill: the colour beyond the image.
        center: (x, y) in pixels from the upper left corner; the middle by default.

    Raises:
        TypeError, ValueError: an argument of another kind or number.
    """
    shears = _check_affine(angle, translate, scale, shear, center)
    mode = mode_for(img, interpolation)
    if isinstance(img, Tensor):
        about = _from_middle(img, center)
    else:
        about = list(center or [0.5 * side for side in get_image_size(img)])
    matrix = on_tensors.inverse_affine_matrix(about, angle, translate, scale, shears)
    return functions_for(img).affine(img, matrix, mode, fill)


def _check_affine(angle: Any, translate: Any, scale: float, shear: Any, center: Any) -> list[float]:
    """The two shears, once all is well."""
    if not isinstance(angle, int | float):
        raise DTypeError("Argument angle should be int or float")
    if not isinstance(translate, list | tuple):
        raise DTypeError("Argument translate should be a sequence")
    if len(translate) != 2:
        raise ArgumentError("Argument translate should be a sequence of length 2")
    if scale <= 0.0:
        raise ArgumentError("Argument scale should be positive")
    if center is not None and not isinstance(center, list | tuple):
        raise DTypeError("Argument center should be a sequence")
    if isinstance(shear, Number):
        return [float(shear), 0.0]  # type: ignore[arg-type]
    if not isinstance(shear, list | tuple):
        raise DTypeError("Shear should be either a single value or a sequence of two values")
    if len(shear) not in (1, 2):
        raise ArgumentError(f"Shear should be a sequence containing two values. Got {shear}")
    return [shear[0], shear[-1]]


def perspective(
    img: Image,
    startpoints: Sequence[Sequence[int]],
    endpoints: Sequence[Sequence[int]],
    interpolation: Any = BILINEAR,
    fill: Any = None,
) -> Image:
    """The image seen from another side: four of its points move to four others.

    Args:
        startpoints, endpoints: four (x, y) each.
        fill: the colour beyond the image.
    """
    if len(startpoints) != 4 or len(endpoints) != 4:
        raise ArgumentError(
            f"Please provide exactly four corners, got {len(startpoints)} startpoints and {len(endpoints)} endpoints."
        )
    mode = mode_for(img, interpolation)
    return functions_for(img).perspective(img, _perspective_coeffs(startpoints, endpoints), mode, fill)


def _perspective_coeffs(starts: Sequence[Sequence[int]], ends: Sequence[Sequence[int]]) -> list[float]:
    """a ... h with x_start = (a x + b y + c) / (g x + h y + 1), y_start = (d x + e y + f) / (g x + h y + 1)."""
    rows = []
    for (x, y), (u, v) in zip(ends, starts):
        rows += [[x, y, 1, 0, 0, 0, -u * x, -u * y], [0, 0, 0, x, y, 1, -v * x, -v * y]]
    targets = ops.tensor(list(starts), dtype=float64).view(8, 1)
    solution = linalg.lstsq(ops.tensor(rows, dtype=float64), targets).solution
    return solution.view(8).to(float32).tolist()


def elastic_transform(img: Image, displacement: Tensor, interpolation: Any = BILINEAR, fill: Any = None) -> Image:
    """Every pixel from a place near it.

    Args:
        displacement: (1, H, W, 2), how far, in halves of the image's width and height.
    """
    if not isinstance(displacement, Tensor):
        raise DTypeError("Argument displacement should be a Tensor")
    x = img if isinstance(img, Tensor) else pil_to_tensor(img)
    if displacement.shape != (1, *x.shape[-2:], 2):
        raise ArgumentError(
            f"Argument displacement shape should be {(1, *x.shape[-2:], 2)}, but given {tuple(displacement.shape)}"
        )
    bent = on_tensors.elastic_transform(x, displacement, as_mode(interpolation).value, fill)
    return bent if isinstance(img, Tensor) else to_pil_image(bent, mode=img.mode)


def gaussian_blur(img: Image, kernel_size: Any, sigma: Any = None) -> Image:
    """Each pixel the mean of those around it, weighted by a bell.

    Args:
        kernel_size: odd, one number or (along x, along y).
        sigma: the bell's width in pixels, one number or two; 0.15 * kernel_size + 0.35 by default.

    Raises:
        ValueError: even or negative sizes, a sigma of at most 0.
    """
    if not isinstance(kernel_size, int | list | tuple):
        raise DTypeError(f"kernel_size should be int or a sequence of integers. Got {type(kernel_size)}")
    sizes = [kernel_size] * 2 if isinstance(kernel_size, int) else list(kernel_size)
    if len(sizes) != 2:
        raise ArgumentError(f"If kernel_size is a sequence its length should be 2. Got {len(sizes)}")
    if any(size % 2 == 0 or size < 0 for size in sizes):
        raise ArgumentError(f"kernel_size should have odd and positive integers. Got {sizes}")
    sigmas = _sigmas(sigma, sizes)
    x = img if isinstance(img, Tensor) else pil_to_tensor(img)
    blurred = on_tensors.gaussian_blur(x, sizes, sigmas)
    return blurred if isinstance(img, Tensor) else to_pil_image(blurred, mode=img.mode)


def _sigmas(sigma: Any, sizes: Sequence[int]) -> list[float]:
    if sigma is None:
        return [size * 0.15 + 0.35 for size in sizes]
    if not isinstance(sigma, int | float | list | tuple):
        raise DTypeError(f"sigma should be either float or sequence of floats. Got {type(sigma)}")
    found = [float(sigma)] * 2 if isinstance(sigma, int | float) else list(sigma) * (3 - min(len(sigma), 2))
    if len(found) != 2:
        raise ArgumentError(f"If sigma is a sequence, its length should be 2. Got {len(found)}")
    if min(found) <= 0.0:
        raise ArgumentError(f"sigma should have positive values. Got {found}")
    return found
