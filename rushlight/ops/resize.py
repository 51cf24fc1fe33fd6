"""Images at another size or seen through a grid: `interpolate` in all its modes, `grid_sample`, `affine_grid`.

Interpolation treats one dimension after the other, each by a table of which inputs an output reads, and how much of
each (see resample.py). Where the source positions lie is PyTorch's choice, down to the precision they are computed in.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Sequence
from functools import lru_cache
from itertools import product
from math import ceil, prod
from typing import TYPE_CHECKING, Any

import numpy as np

from ..autograd.tape import wrap
from ..errors import ArgumentError, DTypeError, OperatorError, ShapeError, UnsupportedError
from .conversion import Beside
from .pooling.adaptive import adaptive_avg_pool1d, adaptive_avg_pool2d, adaptive_avg_pool3d
from .promotion import all_values
from .resample import Resample, Table, resample

if TYPE_CHECKING:
    from ..tensor import Tensor

Array = Any
Scale = Any  # the factor that the caller gave, or None if only the output's size is known


# -------------------------------------------------------------------------------------------------- source positions


def _ratio(size: int, out: int, align_corners: bool, scale: Scale, real: Any) -> Any:
    """Input elements per output element. torch: computed in the precision of the image."""
    if align_corners:
        return real(size - 1) / real(out - 1) if out > 1 else real(0)
    return real(1 / scale) if scale is not None and scale > 0 else real(size) / real(out)


def _positions(size: int, out: int, align_corners: bool, scale: Scale, real: Any) -> Array:
    """Where each output lies between the inputs, before anything is clipped."""
    ratio, steps = _ratio(size, out, align_corners, scale, real), np.arange(out, dtype=real)
    return ratio * steps if align_corners else ratio * (steps + real(0.5)) - real(0.5)


def _nearest(size: int, out: int, align_corners: bool, scale: Scale, real: Any) -> Table:
    source = (np.arange(out, dtype=real) * _ratio(size, out, False, scale, real)).astype(np.float32)
    return Table(np.clip(np.floor(source).astype(np.int64), 0, size - 1)[:, None], None, size)


def _nearest_exact(size: int, out: int, align_corners: bool, scale: Scale, real: Any) -> Table:
    source = (_positions(size, out, False, scale, real) + real(0.5)).astype(np.float32)
    return Table(np.clip(np.floor(source).astype(np.int64), 0, size - 1)[:, None], None, size)


def _linear(size: int, out: int, align_corners: bool, scale: Scale, real: Any) -> Table:
    source = np.maximum(_positions(size, out, align_corners, scale, real), 0)
    low = np.minimum(np.floor(source).astype(np.int64), size - 1)
    share = np.clip(source - low.astype(real), 0, 1)
    return Table(np.stack([low, np.minimum(low + 1, size - 1)], 1), np.stack([1 - share, share], 1), size)


def _cubic(size: int, out: int, align_corners: bool, scale: Scale, real: Any) -> Table:
    source = _positions(size, out, align_corners, scale, real)
    low = np.minimum(np.floor(source).astype(np.int64), size - 1)
    share = np.clip(source - low.astype(real), 0, 1)
    taps = np.arange(-1, 3)
    return Table(np.clip(low[:, None] + taps, 0, size - 1), cubic_weight(share[:, None] - taps, -0.75), size)


def cubic_weight(distance: Array, a: float) -> Array:
    """Keys' cubic convolution kernel at these distances. torch: a is -0.75, and -0.5 with antialias."""
    d = abs(distance)
    near = ((a + 2) * d - (a + 3)) * d * d + 1
    far = ((a * d - 5 * a) * d + 8 * a) * d - 4 * a
    return near * (d <= 1) + far * ((d > 1) & (d < 2))


_FILTERS: dict[str, tuple[int, Callable[[Array], Array]]] = {  # name -> (support, weight at a distance)
    "bilinear": (1, lambda d: np.maximum(1 - abs(d), 0)),
    "bicubic": (2, lambda d: cubic_weight(d, -0.5)),
    "lanczos": (3, lambda d: np.where(abs(d) < 3, np.sinc(d) * np.sinc(d / 3), 0)),
}


def _antialiased(mode: str, size: int, out: int, align_corners: bool, scale: Scale, real: Any) -> Table:
    """A filter as wide as an output pixel, so that shrinking averages instead of picking."""
    reach, filter_ = _FILTERS[mode]
    ratio = _ratio(size, out, align_corners, scale, real)
    stretch = max(ratio, real(1))
    centre = ratio * (np.arange(out, dtype=real) + real(0.5))
    first = np.maximum((centre - reach * stretch + real(0.5)).astype(np.int64), 0)
    last = np.minimum((centre + reach * stretch + real(0.5)).astype(np.int64), size)
    taps = first[:, None] + np.arange(max(ceil(reach * stretch) * 2 + 1, 1))
    weights = filter_((taps - centre[:, None] + real(0.5)) / stretch) * (taps < last[:, None])
    return Table(np.minimum(taps, size - 1), weights / weights.sum(1, keepdims=True), size)


_TABLES = {
    "nearest": _nearest,
    "nearest-exact": _nearest_exact,
    "linear": _linear,
    "bilinear": _linear,
    "trilinear": _linear,
    "bicubic": _cubic,
}


@lru_cache(maxsize=256)
def _table(mode: str, antialias: bool, size: int, out: int, align_corners: bool, scale: Scale, double: bool) -> Table:
    real = np.float64 if double else np.float32
    if antialias:
        return _antialiased(mode, size, out, align_corners, scale, real)
    return _TABLES[mode](size, out, align_corners, scale, real)


# ------------------------------------------------------------------------------------------------------- interpolate

_RANKS = {"linear": 3, "bilinear": 4, "bicubic": 4, "lanczos": 4, "trilinear": 5}
_EXACT = ("nearest", "nearest-exact", "area")


def _sizes_and_scales(
    shape: Sequence[int], size: Any, scale_factor: Any
) -> tuple[list[int] | None, list[float] | None]:
    """`size` or `scale_factor`, whichever is given, one for each spatial dimension."""
    n = len(shape) - 2
    if (size is None) == (scale_factor is None):
        raise ArgumentError(
            "interpolate: "
            + (
                "either size or scale_factor should be defined"
                if size is None
                else "only one of size or scale_factor should be defined"
            )
        )
    given, name = (size, "size") if scale_factor is None else (scale_factor, "scale_factor")
    values = list(given) if isinstance(given, (list, tuple)) else [given] * n
    if len(values) != n:
        raise ArgumentError(
            f"interpolate: {name} {values} must have one entry for each of the {n} spatial dimensions of input "
            f"{list(shape)}"
        )
    if scale_factor is not None:
        return None, [float(v) for v in values]
    if not all(hasattr(v, "__index__") for v in values):
        raise DTypeError(
            "interpolate: expected size to be one of int or Tuple[int], but got size with types "
            f"{[type(v).__name__ for v in values]}"
        )
    return [int(v) for v in values], None


def _check_mode(mode: str, ndim: int, align_corners: bool | None, antialias: bool) -> None:
    if mode in _EXACT and align_corners is not None:
        raise ArgumentError(
            "interpolate: align_corners option can only be set with the interpolating modes: linear | bilinear | "
            "bicubic | trilinear"
        )
    if antialias and not (mode in _FILTERS and ndim == 4):
        raise ArgumentError(
            "interpolate: Anti-alias option is restricted to bilinear, bicubic, and lanczos modes and requires a 4-D "
            "tensor as input"
        )
    if ndim not in (3, 4, 5) or (mode not in _EXACT and mode not in _RANKS):
        raise UnsupportedError(
            f"interpolate: Only 3D, 4D and 5D input Tensors supported (got {ndim}D) for the modes: "
            f"{' | '.join((*_EXACT, *_RANKS))} (got {mode})"
        )
    if mode in _RANKS and _RANKS[mode] != ndim:
        raise UnsupportedError(f"interpolate: Got {ndim}D input, but {mode} mode needs {_RANKS[mode]}D input")
    if mode == "lanczos" and (align_corners or not antialias):
        raise ArgumentError("interpolate: Lanczos mode requires antialias=True and does not support align_corners=True")


def interpolate(
    input: Tensor,
    size: Any = None,
    scale_factor: Any = None,
    mode: str = "nearest",
    align_corners: bool | None = None,
    recompute_scale_factor: bool | None = None,
    antialias: bool = False,
) -> Tensor:
    """`input` with its spatial dimensions at another size.

    Args:
        input: (N, C, L), (N, C, H, W) or (N, C, D, H, W).
        size: of the output, an int or one for each dimension; or
        scale_factor: output size / input size, a number or one for each dimension.
        mode: 'nearest', 'nearest-exact', 'area' for any rank, 'linear' (3-d input), 'bilinear', 'bicubic', 'lanczos'
            (4-d), 'trilinear' (5-d).
        align_corners: the centres of the corner elements are kept in place, rather than the outer edges.
        recompute_scale_factor: use the ratio of the sizes, after rounding, instead of `scale_factor` itself.
        antialias: average over what an output covers when shrinking ('bilinear', 'bicubic', 'lanczos').

    Raises:
        ValueError, TypeError, NotImplementedError: arguments that do not go together. RuntimeError: an empty size.

    Example:
        >>> rushlight.nn.functional.interpolate(rushlight.tensor([[[1., 2.]]]), scale_factor=2)
        tensor([[[1., 1., 2., 2.]]])
    """
    shape = input._array.shape
    _check_mode(mode, len(shape), align_corners, antialias)
    out, scales = _sizes_and_scales(shape, size, scale_factor)
    if out is None:
        out = [int(n * s) for n, s in zip(shape[2:], scales)]  # type: ignore[arg-type]
        if recompute_scale_factor or mode == "area":
            scales = None
    elif recompute_scale_factor:
        raise ArgumentError("interpolate: recompute_scale_factor is not meaningful with an explicit size.")
    if mode == "area":
        return (adaptive_avg_pool1d, adaptive_avg_pool2d, adaptive_avg_pool3d)[len(shape) - 3](input, out)
    if min(out) <= 0 or 0 in shape[1:]:
        raise ShapeError(
            f"interpolate: Input and output sizes should be greater than 0, but got input {list(shape)} and output "
            f"size {out}"
        )
    return _interpolate(input, mode, antialias, out, bool(align_corners), scales)


def _interpolate(
    input: Tensor, mode: str, antialias: bool, out: list[int], align_corners: bool, scales: list[float] | None
) -> Tensor:
    shape, kind = input._array.shape, input._array.dtype
    if kind.kind in "iub" and not (
        kind == np.uint8 and mode in ("nearest", "nearest-exact", "bilinear", "bicubic", "lanczos")
    ):
        raise UnsupportedError(f"interpolate: mode {mode} is not implemented for {input.dtype}; use .float()")
    double = kind in (np.float64, np.uint8)
    axes = reversed(range(2, len(shape)))  # torch: the last dimension is treated first
    tables = tuple(
        (
            a,
            _table(
                mode, antialias, shape[a], out[a - 2], align_corners, None if scales is None else scales[a - 2], double
            ),
        )
        for a in axes
    )
    if kind == np.uint8 and mode not in ("nearest", "nearest-exact"):
        return wrap(_resampled_bytes(input._array, tables))
    return Resample.apply(input, tables)


def _resampled_bytes(x: Array, tables: Sequence[tuple[int, Table]]) -> Array:
    """torch: images of bytes are resized one dimension after the other, in whole numbers, and rounded in between. The
    weights have as many binary places as 16 bits leave."""
    for axis, table in tables:
        weights: Any = np.array(table.weights)
        for k in range(1, weights.shape[1]):  # beyond the border the last element is read several times: once is enough
            again = table.indices[:, k] == table.indices[:, k - 1]
            weights[again, k] += weights[again, k - 1]
            weights[again, k - 1] = 0
        largest = float(weights.max())
        places = next(n for n in range(23) if n == 22 or int(0.5 + largest * 2 ** (n + 1)) >= 1 << 15)
        weights = np.trunc(weights * 2**places + np.copysign(0.5, weights))
        total = resample(x.astype(np.float64), table.indices, weights, axis) + 2 ** (places - 1)
        x = np.clip(np.floor(total / 2**places), 0, 255).astype(np.uint8)
    return x


def upsample(
    input: Tensor, size: Any = None, scale_factor: Any = None, mode: str = "nearest", align_corners: bool | None = None
) -> Tensor:
    """The former name of `interpolate`."""
    warnings.warn("`nn.functional.upsample` is deprecated. Use `nn.functional.interpolate` instead.", stacklevel=2)
    return interpolate(input, size, scale_factor, mode, align_corners)


def upsample_nearest(input: Tensor, size: Any = None, scale_factor: Any = None) -> Tensor:
    """The former name of `interpolate(..., mode="nearest")`."""
    warnings.warn(
        "`nn.functional.upsample_nearest` is deprecated. Use `nn.functional.interpolate` instead.", stacklevel=2
    )
    return interpolate(input, size, scale_factor, "nearest")


def upsample_bilinear(input: Tensor, size: Any = None, scale_factor: Any = None) -> Tensor:
    """The former name of `interpolate(..., mode="bilinear", align_corners=True)`."""
    warnings.warn(
        "`nn.functional.upsample_bilinear` is deprecated. Use `nn.functional.interpolate` instead.", stacklevel=2
    )
    return interpolate(input, size, scale_factor, "bilinear", True)


# -------------------------------------------------------------------------------------------------------- affine_grid


def _grid_line(n: int, align_corners: bool, like: Array) -> Array:
    """n positions from -1 to 1: of the corner elements' centres, or of their outer edges."""
    line = np.linspace(-1, 1, n) if n > 1 else np.zeros(1)
    return np.asarray((line if align_corners else line * ((n - 1) / n)).astype(like.dtype), like=like)


def _warn_about_align_corners(name: str) -> None:
    warnings.warn(
        f"{name}: the default of align_corners is False; specify align_corners=True if the corners' centres are meant.",
        stacklevel=3,
    )


def affine_grid(theta: Tensor, size: Sequence[int], align_corners: bool | None = None) -> Tensor:
    """The grid at which `grid_sample` reads an image through affine maps.

    Args:
        theta: (N, 2, 3), or (N, 3, 4) for volumes.
        size: of the image to make, (N, C, H, W) or (N, C, D, H, W).
        align_corners: -1 and 1 are the centres of the corner elements, rather than their outer edges.

    Returns:
        (N, H, W, 2) or (N, D, H, W, 3), in [-1, 1], last coordinate first.

    Raises:
        ValueError: sizes do not fit.

    Source: Jaderberg et al. 2015, arXiv:1506.02025.
    """
    if align_corners is None:
        _warn_about_align_corners("affine_grid")
    if not theta.is_floating_point():
        raise ArgumentError(f"affine_grid: Expected theta to have floating point type, but got {theta.dtype}")
    size = tuple(map(int, size))
    n = len(size) - 2
    if n not in (2, 3):
        raise UnsupportedError(
            "affine_grid: only supports 4D and 5D sizes, for 2D and 3D affine transforms, respectively. Got size "
            f"{size}."
        )
    if theta.ndim != 3 or tuple(theta.shape[1:]) != (n, n + 1):
        raise ArgumentError(
            f"affine_grid: Expected a batch of {n}D affine matrices of shape Nx{n}x{n + 1} for size {size}. Got "
            f"{tuple(theta.shape)}."
        )
    if min(size) <= 0:
        raise ArgumentError(f"affine_grid: Expected non-zero, positive output size. Got {size}")
    if theta.shape[0] != size[0]:
        raise ShapeError(f"affine_grid: theta {tuple(theta.shape)} has another batch size than size {size}")
    lines = [_grid_line(s, bool(align_corners), theta._array) for s in size[2:]]
    places = np.meshgrid(*lines, indexing="ij")
    base = np.stack(
        [*(p.reshape(-1) for p in reversed(places)), np.ones_like(theta._array, shape=prod(size[2:]))], 1
    )  # (P, n + 1)
    return (wrap(base) @ theta.transpose(1, 2)).reshape(size[0], *size[2:], n)


# -------------------------------------------------------------------------------------------------------- grid_sample


def _unnormalised(x: Tensor, size: int, align_corners: bool) -> Tensor:
    """From [-1, 1] to element positions."""
    return (x + 1) * ((size - 1) / 2) if align_corners else ((x + 1) * size - 1) * 0.5


def _clipped(x: Tensor, size: int) -> Tensor:
    """Between the first and the last element. torch: no gradient at the ends themselves."""
    value = x._array
    inside = (value > 0) & (value < size - 1)
    edge = np.where(inside, 0, np.clip(np.nan_to_num(value, nan=0.0), 0, size - 1)).astype(value.dtype)
    return x.masked_fill(wrap(~inside), 0) + wrap(edge)


def _reflected(x: Tensor, size: int, align_corners: bool) -> Tensor:
    """Mirrored at the ends until inside. The map is x * (1 or -1) + a multiple of the length."""
    low, span = (0.0, size - 1.0) if align_corners else (-0.5, float(size))
    if span <= 0:
        return x * 0
    value = x._array - low
    # torch: |value| is folded; where value is negative, so is the sign of the gradient
    flips = np.floor(abs(value) / span)
    sign = np.where(value < 0, -1, 1) * np.where(flips % 2, -1, 1)
    offset = np.where(flips % 2, (flips + 1) * span, -flips * span) + low
    return (x - low) * wrap(sign.astype(value.dtype)) + wrap(offset.astype(value.dtype))


def _bounded(x: Tensor, size: int, padding_mode: str, align_corners: bool) -> Tensor:
    if padding_mode == "border":
        return _clipped(x, size)
    if padding_mode == "reflection":
        return _clipped(_reflected(x, size, align_corners), size)
    return x


def _read(flat: Tensor, spatial: Sequence[int], places: Sequence[Array]) -> Tensor:
    """flat (N, C, prod(S)) at integer positions, one (N, P) array for each dimension -> (N, C, P); zeros outside."""
    inside = np.ones_like(places[0], bool)
    index = np.zeros_like(places[0], np.int64)
    for place, size in zip(places, spatial):
        ok = (place >= 0) & (place < size)
        inside &= ok
        index = index * size + np.where(ok, place, 0).astype(np.int64)
    n, c = flat.shape[:2]
    values = flat.gather(2, wrap(np.broadcast_to(index[:, None], (n, c, index.shape[1]))))
    return values if all_values(inside).all() else values.masked_fill(wrap(~inside[:, None]), 0)


def _sample_linear(flat: Tensor, spatial: Sequence[int], points: list[Tensor]) -> Tensor:
    """The mean of the 2^n nearest elements, each by the share of the opposite box."""
    lows = [np.floor(p._array) for p in points]
    shares = [p - wrap(low) for p, low in zip(points, lows)]
    total: Any = None
    for corner in product((0, 1), repeat=len(points)):
        weight: Any = 1
        for bit, share in zip(corner, shares):
            weight = weight * (share if bit else 1 - share)
        term = _read(flat, spatial, [low + bit for bit, low in zip(corner, lows)]) * weight.unsqueeze(1)
        total = term if total is None else total + term
    return total


def _sample_nearest(flat: Tensor, spatial: Sequence[int], points: list[Tensor]) -> Tensor:
    return Beside.apply(_read(flat, spatial, [np.rint(p._array) for p in points]), *points)


def _sample_cubic(
    flat: Tensor, spatial: Sequence[int], points: list[Tensor], padding_mode: str, align_corners: bool
) -> Tensor:
    """Keys' kernel over 4 x 4 elements; each element's place is bounded, not the point."""
    lows = [np.floor(p._array) for p in points]
    shares = [p - wrap(low) for p, low in zip(points, lows)]
    weights = [[_cubic_tap(share, tap) for tap in range(-1, 3)] for share in shares]
    bounded = [
        [_bounded(wrap(low + tap), size, padding_mode, align_corners)._array for tap in range(-1, 3)]
        for low, size in zip(lows, spatial)
    ]
    total: Any = 0
    for i, j in product(range(4), repeat=2):
        weight = weights[0][i] * weights[1][j]
        total = total + _read(
            flat, spatial, [bounded[0][i].astype(np.int64), bounded[1][j].astype(np.int64)]
        ) * weight.unsqueeze(1)
    return total


def _cubic_tap(share: Tensor, tap: int) -> Tensor:
    """The weight of the element `tap` steps from the one below, as a Tensor of the share in [0, 1)."""
    a = -0.75
    d = share - tap if tap <= 0 else tap - share
    if tap in (0, 1):
        return ((a + 2) * d - (a + 3)) * d * d + 1
    return ((a * d - 5 * a) * d + 8 * a) * d - 4 * a


def _check_grid(input: Tensor, grid: Tensor, mode: str, padding_mode: str) -> None:
    if mode not in ("bilinear", "nearest", "bicubic"):
        raise ArgumentError(f"grid_sample: expected mode to be 'bilinear', 'nearest' or 'bicubic', but got: '{mode}'")
    if padding_mode not in ("zeros", "border", "reflection"):
        raise ArgumentError(
            f"grid_sample: expected padding_mode to be 'zeros', 'border', or 'reflection', but got: '{padding_mode}'"
        )
    shape, places = tuple(input.shape), tuple(grid.shape)
    if len(shape) not in (4, 5) or len(places) != len(shape):
        raise ShapeError(
            "grid_sample: expected 4D or 5D input and grid with same number of dimensions, but got input with sizes "
            f"{shape} and grid with sizes {places}"
        )
    if shape[0] != places[0] or places[-1] != len(shape) - 2:
        raise ShapeError(
            f"grid_sample: expected grid to have batch size {shape[0]} and size {len(shape) - 2} in last dimension, "
            f"but got input with sizes {shape} and grid with sizes {places}"
        )
    if 0 in shape[2:]:
        raise ShapeError(
            f"grid_sample: expected input to have non-empty spatial dimensions, but input has sizes {shape}"
        )
    if mode == "bicubic" and len(shape) == 5:
        raise OperatorError("grid_sample: bicubic interpolation only supports 4D input")
    if input.dtype != grid.dtype:
        raise OperatorError(
            f"grid_sample: expected input and grid to have same dtype, but input has {input.dtype} and grid has "
            f"{grid.dtype}"
        )


def grid_sample(
    input: Tensor, grid: Tensor, mode: str = "bilinear", padding_mode: str = "zeros", align_corners: bool | None = None
) -> Tensor:
    """Reads `input` at the points of `grid`.

    Args:
        input: (N, C, H, W) or (N, C, D, H, W).
        grid: (N, H', W', 2) or (N, D', H', W', 3); coordinates in [-1, 1], the last dimension's first.
        mode: 'bilinear' (also for volumes), 'nearest' or 'bicubic' (images only).
        padding_mode: what lies outside: 'zeros', the 'border', or a 'reflection'.
        align_corners: -1 and 1 are the centres of the corner elements, rather than their outer edges.

    Returns:
        (N, C, *grid.shape[1:-1]).

    Raises:
        RuntimeError: sizes or dtypes do not fit. ValueError: unknown modes.

    Source: Jaderberg et al. 2015, arXiv:1506.02025.
    """
    _check_grid(input, grid, mode, padding_mode)
    if align_corners is None:
        _warn_about_align_corners("grid_sample")
    align_corners = bool(align_corners)
    n, c, *spatial = input.shape
    count = prod(grid.shape[1:-1])
    flat, rows = input.reshape(n, c, prod(spatial)), grid.reshape(n, count, len(spatial))
    points = [
        _unnormalised(rows[:, :, i], size, align_corners) for i, size in zip(reversed(range(len(spatial))), spatial)
    ]
    if mode == "bicubic":
        y = _sample_cubic(flat, spatial, points, padding_mode, align_corners)
    else:
        points = [_bounded(p, size, padding_mode, align_corners) for p, size in zip(points, spatial)]
        y = (_sample_nearest if mode == "nearest" else _sample_linear)(flat, spatial, points)
    return y.reshape(n, c, *grid.shape[1:-1])
