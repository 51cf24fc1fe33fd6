"""Reductions over dimensions: sum, mean, prod, any and all. `extremes.py` has max and min, `spread.py` variances and
norms, `scan.py` the cumulative ones, `sorting.py` those that need an order (median, mode, quantile).

torch: 16-bit floats are summed in float32 and rounded once; integers and bools are summed in int64.
"""

from __future__ import annotations

import builtins
from math import prod as product
from typing import TYPE_CHECKING, Any

import numpy as np

from .. import dtypes
from ..autograd.tape import OUT, Operator, wrap
from ..errors import OperatorError
from ..kernels import kernel, xp
from .dims import wrap_dim
from .numpy_protocol import numpy_name
from .promotion import cast, into, is_complex, is_half, not_supported
from .totals import product as product_over
from .totals import total

if TYPE_CHECKING:
    from ..tensor import Tensor

Array = Any
Dims = Any  # an int, a sequence of ints, or None for all


def axes_of(dim: Dims, ndim: int, name: str) -> tuple[int, ...]:
    """The dimensions to reduce, counted from the front: all of them for None or an empty sequence."""
    if dim is None:
        return tuple(range(ndim))
    if isinstance(dim, int):
        dim = wrap_dim(dim, ndim, name)
        return (dim,) if ndim else ()
    axes = tuple(wrap_dim(d, ndim, name) for d in dim)
    if len(set(axes)) != len(axes):
        raise OperatorError(f"{name}: dim {axes[-1]} appears multiple times in the list of dims {list(dim)}")
    return axes if axes and ndim else tuple(range(ndim))


def restore(grad: Array, shape: tuple[int, ...], axes: tuple[int, ...]) -> Array:
    """A reduction's gradient with the reduced dimensions back as 1s, ready to broadcast."""
    return grad.reshape(tuple([1 if i in axes else n for i, n in enumerate(shape)]))


@kernel
def spread(grad: Array, shape: tuple[int, ...], axes: tuple[int, ...]) -> Array:
    """The gradient of a sum over `axes` of something of this shape: the same for all that was added up."""
    return xp.broadcast_to(restore(grad, shape, axes), shape)


def count_of(shape: tuple[int, ...], axes: tuple[int, ...]) -> int:
    """How many elements are reduced into one."""
    return product([shape[a] for a in axes])


def widened(x: Array) -> Array:
    """16-bit floats as float32, anything else as it is."""
    return x.astype(np.float32) if is_half(x) else x


# ----------------------------------------------------------------------------------------------------- sum and mean


def _count(x: Array, axes: tuple[int, ...], keepdims: bool) -> Array:
    """How many bools are True."""
    if type(x) is np.ndarray and len(axes) == x.ndim:  # (quicker than adding them up)
        return np.full((1,) * x.ndim if keepdims else (), np.count_nonzero(x), np.int64)
    return x.sum(axis=axes, dtype=np.int64, keepdims=keepdims)


class Sum(Operator):
    @staticmethod
    def forward(ctx: Any, x: Array, axes: tuple[int, ...], keepdims: bool, kind: Any = None) -> Array:
        ctx.shape, ctx.axes = x.shape, axes
        if is_half(x):
            return x.sum(axis=axes, dtype=np.float32, keepdims=keepdims).astype(x.dtype)
        if kind is np.int64 and x.dtype == np.bool_:
            return _count(x, axes, keepdims)
        return total(x, axes, keepdims) if kind is None else x.sum(axis=axes, dtype=kind, keepdims=keepdims)

    @staticmethod
    def backward(ctx: Any, grad: Array) -> Array:
        return spread(grad, ctx.shape, ctx.axes)


class Mean(Operator):
    @staticmethod
    def forward(ctx: Any, x: Array, axes: tuple[int, ...], keepdims: bool) -> Array:
        ctx.shape, ctx.axes = x.shape, axes
        sums = total(widened(x), axes, keepdims)  # faster than NumPy's mean
        means = xp.divide(sums, sums.dtype.type(count_of(x.shape, axes)))
        return means if means.dtype == x.dtype else means.astype(x.dtype)

    @staticmethod
    def backward(ctx: Any, grad: Array) -> Array:
        return spread(xp.divide(grad, builtins.max(count_of(ctx.shape, ctx.axes), 1)), ctx.shape, ctx.axes)


def sum(
    input: Tensor,
    dim: Dims = None,
    keepdim: bool = False,
    *,
    dtype: dtypes.dtype | None = None,
    out: Tensor | None = None,
    axis: Dims = None,
    keepdims: bool = False,
) -> Tensor:
    """The sum over `dim` (an int, several, or None for all). bool and integers add up in int64.

    `axis` and `keepdims` are NumPy's names for `dim` and `keepdim`.

    Example:
        >>> rushlight.ones(2, 3).sum(1)
        tensor([3., 3.])
    """
    kind = None
    if dtype is not None:
        input = cast(input, dtypes.as_dtype(dtype))
        kind = input._array.dtype
    elif input._array.dtype.kind in "iub":
        kind = np.int64
    axes = axes_of(axis if dim is None else dim, input._array.ndim, "sum")
    result = Sum.apply(input, axes, keepdim or keepdims, kind)
    return result if out is None else into(out, result, "sum")


def mean(
    input: Tensor,
    dim: Dims = None,
    keepdim: bool = False,
    *,
    dtype: dtypes.dtype | None = None,
    out: Tensor | None = None,
    axis: Dims = None,
    keepdims: bool = False,
) -> Tensor:
    """The mean over `dim`; see `sum`.

    Raises:
        RuntimeError: integers or bools (give `dtype`).
    """
    if dtype is not None:
        input = cast(input, dtypes.as_dtype(dtype))
    if input._array.dtype.kind in "iub":
        raise OperatorError(
            "mean: mean(): could not infer output dtype. Input dtype must be either a floating point or complex dtype. "
            f"Got: {input.dtype}"
        )
    axes = axes_of(axis if dim is None else dim, input._array.ndim, "mean")
    result = Mean.apply(input, axes, keepdim or keepdims)
    return result if out is None else into(out, result, "mean")


numpy_name("sum")(sum)
numpy_name("mean")(mean)


def nansum(
    input: Tensor, dim: Dims = None, keepdim: bool = False, *, dtype: Any = None, out: Tensor | None = None
) -> Tensor:
    """The sum with NaN counted as 0."""
    if is_complex(input._array):
        raise not_supported("nansum", input)
    kept = input if input._array.dtype.kind in "iub" else Unmasked.apply(input, ~np.isnan(input._array))
    return sum(kept, dim, keepdim, dtype=dtype, out=out)


def nanmean(
    input: Tensor, dim: Dims = None, keepdim: bool = False, *, dtype: Any = None, out: Tensor | None = None
) -> Tensor:
    """The mean of what is not NaN."""
    if input._array.dtype.kind in "iub":
        raise OperatorError(
            f"nanmean: nanmean(): expected input to have floating point or complex dtype but got {input.dtype}"
        )
    axes = axes_of(dim, input._array.ndim, "nanmean")
    known = ~np.isnan(input._array)
    count = wrap(known.sum(axis=axes, keepdims=keepdim).astype(widened(input._array).dtype))
    return into(out, cast(nansum(input, dim, keepdim, dtype=dtype) / count, dtype or input.dtype), "nanmean")


class Unmasked(Operator):
    """Zero where a mask is False."""

    @staticmethod
    def forward(ctx: Any, x: Array, keep: Array) -> Array:
        ctx.keep = keep
        return xp.where(keep, x, xp.zeros_like(x, shape=()))

    @staticmethod
    def backward(ctx: Any, grad: Array) -> Array:
        return xp.where(ctx.keep, grad, xp.zeros_like(grad))


def count_nonzero(input: Tensor, dim: Dims = None) -> Tensor:
    """How many elements are not 0, over `dim` or all of them."""
    axes = axes_of(dim, input._array.ndim, "count_nonzero")
    return wrap(_count(xp.not_equal(input._array, 0), axes, False))


# ----------------------------------------------------------------------------------------------------------- product


class Prod(Operator):
    saves = (0, OUT)

    @staticmethod
    def forward(ctx: Any, x: Array, axes: tuple[int, ...], keepdims: bool, kind: Any = None) -> Array:
        ctx.axes = axes
        if is_half(x):
            out = x.astype(np.float32).prod(axis=axes, keepdims=keepdims).astype(x.dtype)
        else:
            out = product_over(x if kind is None else x.astype(kind, copy=False), axes, keepdims)
        ctx.save(x, out)
        return out

    @staticmethod
    def backward(ctx: Any, grad: Array) -> Array:
        x, out = ctx.saved
        grad = restore(grad, x.shape, ctx.axes)
        if not bool((x == 0).any()):
            return (
                grad * (restore(out, x.shape, ctx.axes) / x).conj()
                if is_complex(x)
                else grad * restore(out, x.shape, ctx.axes) / x
            )
        others = products_of_others(x, ctx.axes)
        return grad * (others.conj() if is_complex(x) else others)


def products_of_others(x: Array, axes: tuple[int, ...]) -> Array:
    """For each element the product of all others reduced with it, without dividing (there may be zeros)."""
    kept = [d for d in range(x.ndim) if d not in axes]
    order = (*kept, *axes)
    flat = xp.transpose(x, order).reshape((*[x.shape[d] for d in kept], -1))
    one = xp.ones_like(flat[..., :1])
    before = xp.cumprod(xp.concatenate([one, flat[..., :-1]], axis=-1), axis=-1)
    after = xp.flip(xp.cumprod(xp.concatenate([one, xp.flip(flat, -1)[..., :-1]], axis=-1), axis=-1), -1)
    back = tuple(int(i) for i in np.argsort(order))
    return xp.transpose((before * after).reshape(tuple(x.shape[d] for d in order)), back)


def prod(
    input: Tensor,
    dim: int | None = None,
    keepdim: bool = False,
    *,
    dtype: dtypes.dtype | None = None,
    out: Tensor | None = None,
    axis: Dims = None,
    keepdims: bool = False,
) -> Tensor:
    """The product over a dimension, or of all elements. bool and integers multiply in int64."""
    if dtype is not None:
        input = cast(input, dtypes.as_dtype(dtype))
    kind = np.int64 if dtype is None and input._array.dtype.kind in "iub" else None
    kind = input._array.dtype if dtype is not None else kind
    axes = axes_of(axis if dim is None else dim, input._array.ndim, "prod")
    result = Prod.apply(input, axes, keepdim or keepdims, kind)
    result = result if dtype is None else cast(result, dtypes.as_dtype(dtype))  # of bools, too
    return result if out is None else into(out, result, "prod")


numpy_name("prod")(prod)


# ------------------------------------------------------------------------------------------------------ any and all


def _truth(input: Tensor, dim: Dims, keepdim: bool, which: str) -> Tensor:
    array = input._array
    axes = axes_of(dim, array.ndim, which)
    found = getattr(array if array.dtype.kind == "b" else xp.not_equal(array, 0), which)(axis=axes, keepdims=keepdim)
    return wrap(found.astype(np.uint8, copy=False) if array.dtype == np.uint8 else found)  # torch: uint8 gives uint8


def any(
    input: Tensor,
    dim: Dims = None,
    keepdim: bool = False,
    *,
    out: Tensor | None = None,
    axis: Dims = None,
    keepdims: bool = False,
) -> Tensor:
    """Whether any element is not 0, over `dim` or all dimensions."""
    return into(out, _truth(input, axis if dim is None else dim, keepdim or keepdims, "any"), "any")


def all(
    input: Tensor,
    dim: Dims = None,
    keepdim: bool = False,
    *,
    out: Tensor | None = None,
    axis: Dims = None,
    keepdims: bool = False,
) -> Tensor:
    """Whether no element is 0, over `dim` or all dimensions."""
    return into(out, _truth(input, axis if dim is None else dim, keepdim or keepdims, "all"), "all")


numpy_name("any")(any)
numpy_name("all")(all)
