"""Reductions over dimensions: sum, mean, prod, max, min, var, norm, any, all, cumsum and their kin."""

from __future__ import annotations

from math import prod as product
from typing import TYPE_CHECKING, Any

from .. import dtypes
from ..autograd.tape import Operator
from ..kernels import xp
from .promotion import cast, into
from .shape import wrap_dim

if TYPE_CHECKING:
    from ..tensor import Tensor

Array = Any
Dims = Any  # an int, a sequence of ints, or None for all


def axes_of(dim: Dims, ndim: int, name: str) -> tuple[int, ...]:
    """The dimensions to reduce, counted from the front: all of them for None or an empty sequence."""
    if dim is None:
        return tuple(range(ndim))
    if isinstance(dim, int):
        return (wrap_dim(dim, ndim, name),) if ndim else ()
    return tuple(wrap_dim(d, ndim, name) for d in dim) if len(dim) and ndim else tuple(range(ndim))


def restore(grad: Array, shape: tuple[int, ...], axes: tuple[int, ...]) -> Array:
    """A reduction's gradient with the reduced dimensions back as 1s, ready to broadcast."""
    return grad.reshape(tuple(1 if i in axes else n for i, n in enumerate(shape)))


class Sum(Operator):
    @staticmethod
    def forward(ctx: Any, x: Array, axes: tuple[int, ...], keepdims: bool) -> Array:
        ctx.shape, ctx.axes = x.shape, axes
        return x.sum(axis=axes, keepdims=keepdims)

    @staticmethod
    def backward(ctx: Any, grad: Array) -> Array:
        return xp.broadcast_to(restore(grad, ctx.shape, ctx.axes), ctx.shape)


class Mean(Operator):
    @staticmethod
    def forward(ctx: Any, x: Array, axes: tuple[int, ...], keepdims: bool) -> Array:
        ctx.shape, ctx.axes = x.shape, axes
        return x.mean(axis=axes, keepdims=keepdims)

    @staticmethod
    def backward(ctx: Any, grad: Array) -> Array:
        share = restore(grad, ctx.shape, ctx.axes) / max(product(ctx.shape[a] for a in ctx.axes), 1)
        return xp.broadcast_to(share, ctx.shape)


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
    if dtype is not None:
        input = cast(input, dtypes.as_dtype(dtype))
    elif input._array.dtype.kind in "iub":
        input = cast(input, dtypes.int64)
    axes = axes_of(axis if dim is None else dim, input._array.ndim, "sum")
    result = Sum.apply(input, axes, keepdim or keepdims)
    return result if out is None else into(out, result, "sum")
