"""Reductions and normalisations that see only the elements where a mask is True: `torch.masked`.

Each fills what is masked out with the value that changes nothing, and calls the plain operator.
"""

from __future__ import annotations

from math import inf
from typing import TYPE_CHECKING, Any

import numpy as np

from .. import dtypes
from ..autograd.tape import TensorBase, wrap
from ..errors import DTypeError, ShapeError
from . import extremes, reduction, scan, sorting, spread
from .promotion import cast
from .softmax import log_softmax as plain_log_softmax
from .softmax import logsumexp as plain_logsumexp
from .softmax import softmax as plain_softmax

if TYPE_CHECKING:
    from ..tensor import Tensor

Array = Any


def _kept(input: Tensor, mask: Tensor | None, fill: Any, name: str) -> Tensor:
    """`input` with `fill` where the mask (which broadcasts) is False."""
    if mask is None:
        return input
    if not isinstance(mask, TensorBase) or mask._array.dtype != bool:
        raise DTypeError(
            f"masked.{name}: mask must be a bool tensor, got {getattr(mask, 'dtype', type(mask).__name__)}"
        )
    try:
        shape = np.broadcast_shapes(input._array.shape, mask._array.shape)
    except ValueError:
        shape = ()
    if shape != input._array.shape:
        raise ShapeError(f"masked.{name}: mask {tuple(mask.shape)} does not broadcast to input {tuple(input.shape)}")
    return input.masked_fill(wrap(~mask._array), fill)


def _count(input: Tensor, mask: Tensor | None, dim: Any, keepdim: bool) -> Array:
    """How many elements each result sees."""
    seen = np.broadcast_to(np.ones_like(input._array, bool, shape=()) if mask is None else mask._array, input.shape)
    axes = reduction.axes_of(dim, input._array.ndim, "masked")
    return seen.sum(axis=axes, keepdims=keepdim)


def _as(input: Tensor, dtype: Any) -> Tensor:
    return input if dtype is None else cast(input, dtypes.as_dtype(dtype))


def _lowest(input: Tensor) -> Any:
    kind = input._array.dtype
    return -inf if kind.kind in "fVc" else False if kind.kind == "b" else int(np.iinfo(kind).min)


def _highest(input: Tensor) -> Any:
    kind = input._array.dtype
    return inf if kind.kind in "fV" else True if kind.kind == "b" else int(np.iinfo(kind).max)


def sum(
    input: Tensor, dim: Any = None, *, keepdim: bool | None = False, dtype: Any = None, mask: Tensor | None = None
) -> Tensor:
    """The sum of the elements that the mask keeps."""
    return reduction.sum(_kept(_as(input, dtype), mask, 0, "sum"), dim, bool(keepdim), dtype=dtype)


def prod(
    input: Tensor, dim: Any = None, *, keepdim: bool | None = False, dtype: Any = None, mask: Tensor | None = None
) -> Tensor:
    """The product of the elements that the mask keeps, over one or several dimensions."""
    x = _kept(_as(input, dtype), mask, 1, "prod")
    axes = reduction.axes_of(dim, x._array.ndim, "masked.prod")
    for axis in sorted(axes, reverse=True):
        x = reduction.prod(x, axis, bool(keepdim), dtype=dtype)
    return x if axes else reduction.prod(x, dtype=dtype)


def cumsum(input: Tensor, dim: int, *, dtype: Any = None, mask: Tensor | None = None) -> Tensor:
    """The cumulative sum, masked elements counting as 0."""
    x = _as(input, dtype)
    return scan.cumsum(_kept(x, mask, 0, "cumsum"), dim, dtype=x.dtype)


def cumprod(input: Tensor, dim: int, *, dtype: Any = None, mask: Tensor | None = None) -> Tensor:
    """The cumulative product, masked elements counting as 1."""
    x = _as(input, dtype)
    return scan.cumprod(_kept(x, mask, 1, "cumprod"), dim, dtype=x.dtype)


def amax(
    input: Tensor, dim: Any = None, *, keepdim: bool | None = False, dtype: Any = None, mask: Tensor | None = None
) -> Tensor:
    """The largest element that the mask keeps."""
    x = _as(input, dtype)
    return extremes.amax(_kept(x, mask, _lowest(x), "amax"), () if dim is None else dim, bool(keepdim))


def amin(
    input: Tensor, dim: Any = None, *, keepdim: bool | None = False, dtype: Any = None, mask: Tensor | None = None
) -> Tensor:
    """The smallest element that the mask keeps."""
    x = _as(input, dtype)
    return extremes.amin(_kept(x, mask, _highest(x), "amin"), () if dim is None else dim, bool(keepdim))


def argmax(
    input: Tensor,
    dim: int | None = None,
    *,
    keepdim: bool | None = False,
    dtype: Any = None,
    mask: Tensor | None = None,
) -> Tensor:
    """The index of the largest element that the mask keeps. torch: in the dtype of the input (or `dtype`)."""
    x = _as(input, dtype)
    return cast(extremes.argmax(_kept(x, mask, _lowest(x), "argmax"), dim, bool(keepdim)), x.dtype)


def argmin(
    input: Tensor,
    dim: int | None = None,
    *,
    keepdim: bool | None = False,
    dtype: Any = None,
    mask: Tensor | None = None,
) -> Tensor:
    """The index of the smallest element that the mask keeps. torch: in the dtype of the input (or `dtype`)."""
    x = _as(input, dtype)
    return cast(extremes.argmin(_kept(x, mask, _highest(x), "argmin"), dim, bool(keepdim)), x.dtype)


def mean(
    input: Tensor, dim: Any = None, *, keepdim: bool | None = False, dtype: Any = None, mask: Tensor | None = None
) -> Tensor:
    """The mean of the elements that the mask keeps; NaN where it keeps none."""
    x = _as(input, dtype)
    if mask is None:
        return reduction.mean(x, dim, bool(keepdim))
    return sum(x, dim, keepdim=keepdim, mask=mask) / wrap(_count(x, mask, dim, bool(keepdim)))


def median(
    input: Tensor, dim: int = -1, *, keepdim: bool = False, dtype: Any = None, mask: Tensor | None = None
) -> Tensor:
    """The median of the elements that the mask keeps."""
    x = _as(input, dtype)
    return sorting.nanmedian(_kept(x, mask, float("nan"), "median"), dim, keepdim).values


def norm(
    input: Tensor,
    ord: float | None = 2.0,
    dim: Any = None,
    *,
    keepdim: bool | None = False,
    dtype: Any = None,
    mask: Tensor | None = None,
) -> Tensor:
    """The norm of the elements that the mask keeps."""
    order = 2.0 if ord is None else float(ord)
    kept = _kept(_as(input, dtype), mask, inf if order < 0 else 0, "norm")
    return spread.norm(kept, order, dim, bool(keepdim))


def var(
    input: Tensor,
    dim: Any = None,
    unbiased: bool | None = None,
    *,
    correction: float | None = None,
    keepdim: bool | None = False,
    dtype: Any = None,
    mask: Tensor | None = None,
) -> Tensor:
    """The variance of the elements that the mask keeps."""
    x = _as(input, dtype)
    x = cast(x, dtypes.get_default_dtype()) if x._array.dtype.kind in "iub" else x
    less = correction if correction is not None else int(unbiased is None or unbiased)
    centre = mean(x, dim, keepdim=True, mask=mask)
    far = x - centre
    square = (far * far.conj()).real if x._array.dtype.kind == "c" else far * far
    total = sum(square, dim, keepdim=keepdim, mask=mask)
    degrees = np.maximum(_count(x, mask, dim, bool(keepdim)) - less, 0)
    return cast(total / wrap(degrees.astype(total._array.dtype)), x.dtype)  # torch: complex if the input is


def std(
    input: Tensor,
    dim: Any = None,
    unbiased: bool | None = None,
    *,
    correction: float | None = None,
    keepdim: bool | None = False,
    dtype: Any = None,
    mask: Tensor | None = None,
) -> Tensor:
    """The standard deviation of the elements that the mask keeps."""
    return var(input, dim, unbiased, correction=correction, keepdim=keepdim, dtype=dtype, mask=mask).sqrt()


def logsumexp(
    input: Tensor, dim: Any = None, *, keepdim: bool = False, dtype: Any = None, mask: Tensor | None = None
) -> Tensor:
    """The logarithm of the sum of exponentials of the elements that the mask keeps."""
    x = _as(input, dtype)
    axes = reduction.axes_of(dim, x._array.ndim, "masked.logsumexp")
    return cast(plain_logsumexp(_kept(x, mask, _lowest(x), "logsumexp"), axes, keepdim), x.dtype)


def softmax(input: Tensor, dim: int, *, dtype: Any = None, mask: Tensor | None = None) -> Tensor:
    """Softmax over the elements that the mask keeps; 0 elsewhere."""
    return plain_softmax(_kept(_as(input, dtype), mask, -inf, "softmax"), dim)


def log_softmax(input: Tensor, dim: int, *, dtype: Any = None, mask: Tensor | None = None) -> Tensor:
    """The logarithm of `masked.softmax`."""
    return plain_log_softmax(_kept(_as(input, dtype), mask, -inf, "log_softmax"), dim)


def softmin(input: Tensor, dim: int, *, dtype: Any = None, mask: Tensor | None = None) -> Tensor:
    """Softmax of the negated elements that the mask keeps."""
    return plain_softmax(-_kept(_as(input, dtype), mask, inf, "softmin"), dim)


def normalize(
    input: Tensor, ord: float, dim: int, *, eps: float = 1e-12, dtype: Any = None, mask: Tensor | None = None
) -> Tensor:
    """The elements divided by the norm of those that the mask keeps, at least `eps`."""
    x = _as(input, dtype)
    size = norm(x, ord, dim, keepdim=True, mask=mask)
    return _kept(x, mask, 0, "normalize") / size.clamp(min=eps)


def logaddexp(
    input: Tensor,
    other: Tensor,
    *,
    dtype: Any = None,
    input_mask: Tensor | None = None,
    other_mask: Tensor | None = None,
) -> Tensor:
    """log(exp(input) + exp(other)), each counted where its mask is True."""
    a, b = (
        _kept(_as(input, dtype), input_mask, -inf, "logaddexp"),
        _kept(_as(other, dtype), other_mask, -inf, "logaddexp"),
    )
    return a.logaddexp(b)
