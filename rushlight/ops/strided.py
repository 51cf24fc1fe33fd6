"""Views by strides: diagonals, sliding windows, and any other that as_strided can say."""

from __future__ import annotations

from math import prod as product
from typing import TYPE_CHECKING, Any

import numpy as np

from ..autograd.tape import Operator, TensorBase, View
from ..errors import OperatorError, ShapeError
from ..kernels import xp
from ..kernels.arrays import memory_of, with_strides
from .dims import sizes, wrap_dim
from .numpy_protocol import numpy_name

if TYPE_CHECKING:
    from ..tensor import Tensor

Array = Any


class Diagonal(View):
    @staticmethod
    def forward(ctx: Any, x: Array, offset: int, dim1: int, dim2: int) -> Array:
        ctx.shape, ctx.where = x.shape, (offset, dim1, dim2)
        out = xp.diagonal(x, offset, dim1, dim2)
        if isinstance(out, np.ndarray) and x.flags.writeable:
            out.flags.writeable = True  # NumPy makes diagonals read-only for historical reasons
        return out

    @staticmethod
    def backward(ctx: Any, grad: Array) -> Array:
        offset, dim1, dim2 = ctx.where
        dx = xp.zeros_like(grad, shape=ctx.shape)
        if isinstance(dx, TensorBase):
            diagonal(dx, offset, dim1, dim2).copy_(grad)  # type: ignore[arg-type]
        else:
            Diagonal.forward(Operator(), dx, offset, dim1, dim2)[...] = grad
        return dx


class AsStrided(View):
    """torch: `as_strided` reads the storage of its argument, whatever the argument's own strides are. The gradient goes
    to the argument's elements by the places that they have in the storage."""

    @staticmethod
    def forward(ctx: Any, x: Array, size: tuple[int, ...], stride: tuple[int, ...], offset: int) -> Array:
        flat, start = memory_of(x)
        ctx.places = _places(size, stride, offset, x)
        ctx.own = _places(x.shape, tuple(s // x.itemsize for s in x.strides), start, x)
        return with_strides(flat, size, stride, offset)

    @staticmethod
    def backward(ctx: Any, grad: Array) -> Array:
        storage = xp.zeros_like(grad, shape=(max(_reach(ctx.places), _reach(ctx.own)),))
        xp.add.at(storage, (ctx.places,), grad)
        return storage[ctx.own]


def _places(size: tuple[int, ...], stride: tuple[int, ...], offset: int, like: Array) -> Array:
    """For each element, its place in the memory."""
    places = np.full_like(like, offset, np.int64, shape=size)
    for dim, step in enumerate(stride):
        places += (np.arange(size[dim], like=like) * step).reshape((-1,) + (1,) * (len(size) - 1 - dim))
    return places


def _reach(places: Array) -> int:
    """How many elements of memory there must be."""
    return int(places.max()) + 1 if places.size else 0


class Unfold(View):
    """All windows of `size` elements of a dimension, `step` apart, along a new last dimension."""

    @staticmethod
    def forward(ctx: Any, x: Array, dim: int, size: int, step: int) -> Array:
        ctx.shape, ctx.window = x.shape, (dim, size, step)
        if x.ndim == 0:
            return x.reshape((1,))[:size]
        count = (x.shape[dim] - size) // step + 1
        shape = (*x.shape[:dim], count, *x.shape[dim + 1 :], size)
        stride = [s // x.itemsize for s in x.strides]
        flat, start = memory_of(x)
        return with_strides(flat, shape, (*stride[:dim], stride[dim] * step, *stride[dim + 1 :], stride[dim]), start)

    @staticmethod
    def backward(ctx: Any, grad: Array) -> Array:
        dim, size, step = ctx.window
        if not ctx.shape:
            return grad.sum()
        dx = xp.zeros_like(grad, shape=ctx.shape)
        lead, count = (slice(None),) * dim, grad.shape[dim]
        for k in range(size):  # element k of every window
            place = (*lead, slice(k, k + (count - 1) * step + 1, step))
            dx[place] = dx[place] + grad[..., k]
        return dx


# ------------------------------------------------------------------------------------------- diagonals and windows


def diagonal(input: Tensor, offset: int = 0, dim1: int = 0, dim2: int = 1) -> Tensor:
    """A view of the diagonal of two dimensions, put last; `offset` > 0 is above the main diagonal.

    Raises:
        IndexError: fewer than 2 dimensions. RuntimeError: the two dimensions are one.
    """
    ndim = input._array.ndim
    a, b = wrap_dim(dim1, ndim, "diagonal"), wrap_dim(dim2, ndim, "diagonal")
    if a == b:
        raise OperatorError(f"diagonal: diagonal dimensions cannot be identical {dim1}, {dim2}")
    return Diagonal.apply(input, offset, a, b)


@numpy_name("diagonal")
def _diagonal(x: Tensor, offset: int = 0, axis1: int = 0, axis2: int = 1) -> Tensor:
    return diagonal(x, offset, axis1, axis2)


def unfold(input: Tensor, dimension: int, size: int, step: int) -> Tensor:
    """A view of all windows of `size` entries of a dimension, `step` apart, along a new last dimension.

    Example:
        >>> rushlight.arange(5).unfold(0, 3, 2)
        tensor([[0, 1, 2],
                [2, 3, 4]])
    """
    dim = wrap_dim(dimension, input._array.ndim, "unfold")
    most = input._array.shape[dim] if input._array.ndim else 1
    if size < 0:
        raise OperatorError(f"unfold: size is {size} but must be >= 0")
    if size > most:
        raise OperatorError(f"unfold: maximum size for tensor at dimension {dim} is {most} but size is {size}")
    if step <= 0:
        raise OperatorError(f"unfold: step is {step} but must be > 0")
    return Unfold.apply(input, dim, size, step)


def as_strided(input: Tensor, size: Any, stride: Any, storage_offset: int | None = None) -> Tensor:
    """A view of the memory that `input` lies in, with any sizes, strides (in elements) and offset.

    Raises:
        RuntimeError: it would reach outside that memory, or a stride is negative.
    """
    size, stride = sizes((size,)), sizes((stride,))
    offset = input.storage_offset() if storage_offset is None else storage_offset
    if len(size) != len(stride):
        raise ShapeError(f"as_strided: mismatch in length of strides and shape: {list(size)}, {list(stride)}")
    if min(stride, default=0) < 0 or min(size, default=0) < 0 or offset < 0:
        raise OperatorError(
            f"as_strided: negative sizes, strides and offsets are not supported, got size {list(size)}, strides "
            f"{list(stride)}, offset {offset}"
        )
    last = offset + sum((n - 1) * s for n, s in zip(size, stride))
    room = memory_of(input._pin())[0].size
    if product(size) and last >= room:
        raise ShapeError(
            f"as_strided: setStorage: sizes {list(size)}, strides {list(stride)}, storage offset {offset} require "
            f"{last + 1} "
            f"elements, the storage has {room}"
        )
    return AsStrided.apply(input, size, stride, offset)
