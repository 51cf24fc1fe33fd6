"""Counting: how many elements have each value (bincount) or fall into each bin (histc, histogram, histogramdd)."""

from __future__ import annotations

from math import prod as product
from typing import TYPE_CHECKING, Any

import numpy as np

from ..autograd.tape import TensorBase, wrap
from ..errors import OperatorError, ShapeError
from . import results
from .promotion import into, is_half, not_implemented
from .results import into_all

if TYPE_CHECKING:
    from ..tensor import Tensor

Array = Any


def bincount(input: Tensor, weights: Tensor | None = None, minlength: int = 0) -> Tensor:
    """How often each number 0, 1, 2, … comes in a 1-d tensor of non-negative integers, or the sum of its weights."""
    if input._array.ndim != 1 or input._array.dtype.kind not in "iu" or (input._array.size and input._array.min() < 0):
        raise OperatorError("bincount: bincount only supports 1-d non-negative integral inputs.")
    if minlength < 0:
        raise OperatorError("bincount: minlength should be >= 0")
    if weights is None:
        return wrap(np.bincount(input._array.astype(np.int64), minlength=minlength))
    if weights._array.shape != input._array.shape:
        raise ShapeError(
            f"bincount: weights should be 1-d and have the same length as input, got {tuple(weights.shape)} and "
            f"{tuple(input.shape)}"
        )
    kind = np.float32 if weights._array.dtype == np.float32 else np.float64  # torch: sums in float32 only for float32
    return wrap(np.bincount(input._array.astype(np.int64), weights._array, minlength).astype(kind))


def _widened(low: Any, high: Any, by: float, name: str) -> tuple[Any, Any]:
    """The range of a histogram, checked; a point is widened on both sides."""
    if not (np.isfinite(low) and np.isfinite(high)):
        raise OperatorError(f"{name}: range of [{low}, {high}] is not finite")
    if low > high:
        raise OperatorError(f"{name}: max must be larger than min, got {low} and {high}")
    return (low - by, high + by) if low == high else (low, high)


def histc(input: Tensor, bins: int = 100, min: Any = 0, max: Any = 0, *, out: Tensor | None = None) -> Tensor:
    """How many elements fall into each of `bins` equal intervals of [min, max] (of the data's range if both are 0)."""
    if bins <= 0:
        raise OperatorError(f"histc: bins must be > 0, got {bins}")
    x = input._array.astype(np.float32) if is_half(input) else input._array
    if x.dtype.kind not in "fiu":
        raise not_implemented("histc", input)
    low, high = (x.min(), x.max()) if min == max == 0 and x.size else (min, max)
    counts, _ = np.histogram(x, bins, _widened(float(low), float(high), 1, "histc"))
    return into(out, wrap(counts.astype(input._array.dtype)), "histc")


def _edges(x: Array, bins: Any, range: Any, name: str) -> Array:
    """The edges of the bins: those given, or `bins` equal ones over the range, by default that of the data."""
    if isinstance(bins, TensorBase):
        return bins._array
    low, high = range if range is not None else (float(x.min()), float(x.max())) if x.size else (0, 1)
    return np.asarray(np.linspace(*_widened(low, high, 0.5, name), bins + 1).astype(x.dtype), like=x)


def _bin_of(edges: Array, x: Array) -> Array:
    """The bin of each element between the outer edges, by bisection for the first edge above it.

    torch: edges out of order are searched like others, so what they give is the bisection's doing.
    """
    first = np.zeros_like(x, dtype=np.int64)
    length = np.full_like(x, len(edges), dtype=np.int64)
    while length.any():
        half = length // 2
        above = (length > 0) & ~(x < edges[np.minimum(first + half, len(edges) - 1)])
        first, length = np.where(above, first + half + 1, first), np.where(above, length - half - 1, half)
    return np.minimum(first, len(edges) - 1) - 1  # the last bin holds its right edge


def _counted(points: Array, edges: list[Array], weight: Tensor | None, density: bool) -> Tensor:
    """points (N, D) -> how many (of what weight) lie in each bin; divided by sum and volume with `density`."""
    inside = np.ones_like(points, dtype=bool).all(axis=1)
    for i, e in enumerate(edges):
        inside = inside & (points[:, i] >= e[0]) & (points[:, i] <= e[-1])
    shape = tuple(len(e) - 1 for e in edges)
    places = np.zeros_like(points, dtype=np.int64).sum(axis=1)[inside]
    for i, e in enumerate(edges):
        places = places * (len(e) - 1) + _bin_of(e, points[:, i][inside])
    weights = None if weight is None else weight._array.reshape(-1)[inside]
    counts = np.bincount(places, weights, product(shape)).reshape(shape).astype(np.float64)
    if density:
        counts /= counts.sum()
        for dim, e in enumerate(edges):
            counts /= np.diff(e).reshape((-1,) + (1,) * (len(shape) - 1 - dim))
    return wrap(counts.astype(points.dtype))


def histogram(
    input: Tensor, bins: Any, *, range: Any = None, weight: Tensor | None = None, density: bool = False, out: Any = None
) -> Any:
    """Counts (or weights, or densities) per bin, and the edges of the bins.

    Args:
        bins: how many equal ones, or a 1-d tensor of edges.
        range: (low, high) of the bins; that of the data by default.

    Example:
        >>> rushlight.histogram(rushlight.tensor([1., 2., 1.]), 2).hist
        tensor([2., 1.])
    """
    flat = input._array.reshape(-1)
    edges = _edges(flat, bins, range, "histogram")
    counts = _counted(flat[:, None], [edges], weight, density)
    return into_all(out, results.histogram(counts, wrap(edges)), "histogram")


def histogramdd(
    input: Tensor, bins: Any, *, range: Any = None, weight: Tensor | None = None, density: bool = False
) -> Any:
    """The histogram of points (..., D) in D dimensions, and the edges of the bins in each.

    Args:
        bins: how many in every dimension, or in each, or the edges in each.
        range: low and high of each dimension, one after the other.
    """
    dims = input._array.shape[-1]
    points = input._array.reshape((product(input._array.shape[:-1]), dims))
    bins = [bins] * dims if isinstance(bins, int) else bins
    if len(bins) != dims:
        raise OperatorError(
            "histogramdd: torch.histogramdd: The size of bins must be equal to the innermost dimension of the "
            f"input, got {len(bins)} for {dims}"
        )
    ends = [None] * dims if range is None else list(zip(range[::2], range[1::2]))
    edges = [_edges(points[:, i], n, end, "histogramdd") for i, (n, end) in enumerate(zip(bins, ends))]
    return results.histogramdd(_counted(points, edges, weight, density), tuple(map(wrap, edges)))
