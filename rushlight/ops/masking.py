"""Elements chosen by a mask: masked_fill, masked_select, masked_scatter, and where a tensor is not zero."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from .. import dtypes
from ..autograd.tape import Operator, TensorBase, wrap
from ..errors import OperatorError, ShapeError
from ..kernels import xp
from .index_slices import IndexPut, check_number
from .indexing import Index
from .promotion import cast, into, not_a_tensor, number_like, refuse_overlap, unbroadcast

if TYPE_CHECKING:
    from ..tensor import Tensor

Array = Any


def _mask(mask: Any, name: str) -> Array:
    if not isinstance(mask, TensorBase):
        raise not_a_tensor(mask, name, "mask")
    if mask._array.dtype != bool:
        raise OperatorError(f"{name}: {name}: expected BoolTensor for mask, got {dtypes.of(mask._array)}")
    return mask._array


class MaskedFill(Operator):
    @staticmethod
    def forward(ctx: Any, x: Array, mask: Array, value: Array) -> Array:
        ctx.mask, ctx.shape = mask, x.shape
        return xp.where(mask, value, x)

    @staticmethod
    def backward(ctx: Any, grad: Array) -> Any:
        zero = xp.zeros_like(grad)
        dx = unbroadcast(xp.where(ctx.mask, zero, grad), ctx.shape) if ctx.needs[0] else None
        return dx, None, xp.where(ctx.mask, grad, zero).sum() if ctx.needs[2] else None


def masked_fill(input: Tensor, mask: Tensor, value: Any) -> Tensor:
    """`input` with `value` (a number or a 0-d tensor) where `mask` (bool, broadcasts) is True.

    Example:
        >>> rushlight.zeros(3).masked_fill(rushlight.tensor([True, False, True]), 1)
        tensor([1., 0., 1.])
    """
    where = _mask(mask, "masked_fill")
    if isinstance(value, TensorBase):
        if value._array.ndim:
            raise OperatorError(
                "masked_fill: masked_fill_ only supports a 0-dimensional value tensor, but got tensor with "
                f"{value._array.ndim} dimension(s)."
            )
        if not dtypes.can_cast(dtypes.of(value._array), input.dtype):
            raise OperatorError(f"masked_fill: value cannot be converted to type {input.dtype} without overflow")
        value = cast(value, input.dtype)
    else:
        check_number(input, value, "masked_fill")
        value = number_like(value, input._array)
    try:
        return MaskedFill.apply(input, where, value)
    except ValueError:
        raise ShapeError(
            f"masked_fill: The size of mask {list(where.shape)} must match the size of tensor {list(input.shape)}"
        ) from None


def masked_select(input: Tensor, mask: Tensor, *, out: Tensor | None = None) -> Tensor:
    """The elements where `mask` (bool, broadcasts with `input`) is True, in one dimension."""
    refuse_overlap("masked_select", out, input, mask)
    where = _mask(mask, "masked_select")
    try:
        shape = np.broadcast_shapes(input._array.shape, where.shape)
    except ValueError:
        raise ShapeError(
            f"masked_select: The size of mask {list(where.shape)} must match the size of tensor {list(input.shape)}"
        ) from None
    full = input if input._array.shape == shape else input.expand(shape)
    return into(out, Index.apply(full, (np.broadcast_to(where, shape),)), "masked_select")


def masked_scatter(input: Tensor, mask: Tensor, source: Tensor) -> Tensor:
    """`input` with the elements of `source`, in order, at the places where `mask` is True."""
    where = _mask(mask, "masked_scatter")
    if source._array.dtype != input._array.dtype:
        raise OperatorError(
            f"masked_scatter: masked_scatter: expected self and source to have same dtypes but got {input.dtype} and "
            f"{source.dtype}"
        )
    try:
        shape = np.broadcast_shapes(input._array.shape, where.shape)
    except ValueError:
        raise ShapeError(
            f"masked_scatter: The size of mask {list(where.shape)} must match the size of tensor {list(input.shape)}"
        ) from None
    where = np.broadcast_to(where, shape)
    count = int(where.sum())
    if source._array.size < count:
        raise OperatorError(
            f"masked_scatter: Number of elements of source < number of ones in mask: {source.numel()} < {count}"
        )
    return IndexPut.apply(input.expand(shape), (where,), source.reshape(-1)[:count])


def nonzero(input: Tensor, *, out: Tensor | None = None, as_tuple: bool = False) -> Any:
    """The indices of the elements that are not 0: one row each, or with `as_tuple` one tensor per dimension."""
    places = np.nonzero(np.atleast_1d(input._array)) if as_tuple or input._array.ndim else None
    if as_tuple:
        return tuple(map(wrap, places or ()))
    rows = (
        np.stack(places, 1)
        if places is not None and places
        else np.zeros((int(input._array != 0), 0), np.int64, like=input._array)
    )
    return into(out, wrap(rows), "nonzero")


def nonzero_static(input: Tensor, *, size: int, fill_value: int = -1, out: Tensor | None = None) -> Tensor:
    """The first `size` rows of `nonzero`, filled up with rows of `fill_value`."""
    if size < 0:
        raise OperatorError(f"nonzero_static: 'size' must be an non-negative integer, got {size}")
    found = nonzero(input)._array[:size]
    rest = np.full((size - len(found), found.shape[1]), fill_value, np.int64, like=found)
    return into(out, wrap(np.concatenate([found, rest])), "nonzero_static")


def argwhere(input: Tensor) -> Tensor:
    """The indices of the elements that are not 0, one row each."""
    return nonzero(input)
