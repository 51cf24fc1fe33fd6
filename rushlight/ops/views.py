"""The view operators as the tape knows them: each looks at its argument's memory, so that writing in place through it
reaches the base. `shape.py`, `sections.py` and `strided.py` have the functions that check and apply them."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from math import prod
from typing import Any

import numpy as np

from ..autograd.tape import Operator, View, link
from ..kernels import xp
from ..kernels.arrays import memory_of, with_strides
from ..kernels.moves import expanded, joined, permuted, reshaped
from .promotion import unbroadcast

Array = Any


class Reshape(View):
    @staticmethod
    def forward(ctx: Any, x: Array, shape: tuple[int, ...]) -> Array:
        ctx.shape = x.shape
        return reshaped(x, shape)

    @staticmethod
    def backward(ctx: Any, grad: Array) -> Array:
        return reshaped(grad, ctx.shape)

    @classmethod
    def name(cls) -> str:
        return "ViewBackward0" if cls is Reshape else super().name()


class Squeeze(Reshape): ...


class Unsqueeze(Reshape): ...


class Alias(Reshape):
    """The whole of the memory, in the shape it has."""


class Permute(View):
    @staticmethod
    def forward(ctx: Any, x: Array, dims: tuple[int, ...]) -> Array:
        ctx.dims = dims
        return permuted(x, dims)

    @staticmethod
    def backward(ctx: Any, grad: Array) -> Array:
        back = [0] * len(ctx.dims)
        for i, dim in enumerate(ctx.dims):
            back[dim] = i
        return permuted(grad, tuple(back))


class Transpose(Permute): ...


class T(Permute): ...


class Expand(View):
    @staticmethod
    def forward(ctx: Any, x: Array, shape: tuple[int, ...]) -> Array:
        ctx.shape = x.shape
        if prod(x.shape) == prod(shape):  # no element stands for several: can be written to
            return x.reshape(shape)
        return expanded(x, shape)

    @staticmethod
    def backward(ctx: Any, grad: Array) -> Array:
        return unbroadcast(grad, ctx.shape)


class Slice(View):
    """Basic indexing: a view."""

    @staticmethod
    def forward(ctx: Any, x: Array, index: Any) -> Array:
        ctx.shape, ctx.index = x.shape, index
        return x[index]

    @staticmethod
    def backward(ctx: Any, grad: Array) -> Array:
        dx = xp.zeros_like(grad, shape=ctx.shape)
        dx[ctx.index] = grad
        return dx


class Select(Slice): ...


class Split(Operator):
    """Pieces of one dimension; going back is one concatenation."""

    @classmethod
    def apply(cls, *args: Any) -> Any:
        x, lengths, dim = args
        indices = piece_indices(lengths, dim)
        if len(lengths) == 1:
            return (Slice.apply(x, indices[0]),)
        outs = super().apply(*args)
        for out, index in zip(outs, indices):
            link(out, x, Slice, (index,))
        return outs

    @staticmethod
    def forward(ctx: Any, x: Array, lengths: tuple[int, ...], dim: int) -> tuple[Array, ...]:
        ctx.shape, ctx.lengths, ctx.dim = x.shape, lengths, dim
        return tuple([x[index] for index in piece_indices(lengths, dim)])

    @staticmethod
    def backward(ctx: Any, *grads: Array) -> Array:
        return joined([ctx.zeros(i, grads) if g is None else g for i, g in enumerate(grads)], ctx.dim)

    def zeros(self: Any, i: int, grads: tuple[Any, ...]) -> Array:
        """The gradient of a piece that nothing was made of."""
        like, shape, dim = next(g for g in grads if g is not None), self.shape, self.dim
        return xp.zeros_like(like, shape=(*shape[:dim], self.lengths[i], *shape[dim + 1 :]))


class Unbind(Operator):
    """All entries of one dimension."""

    @classmethod
    def apply(cls, *args: Any) -> Any:
        x, dim = args
        if x._array.shape[dim] == 1:
            return (Select.apply(x, entry_index(0, dim)),)
        outs = super().apply(*args)
        for out, index in zip(outs, entry_indices(len(outs), dim)):
            link(out, x, Slice, (index,))
        return outs

    @staticmethod
    def forward(ctx: Any, x: Array, dim: int) -> tuple[Array, ...]:
        ctx.shape, ctx.dim = x.shape, dim
        return tuple([x[index] for index in entry_indices(x.shape[dim], dim)])

    @staticmethod
    def backward(ctx: Any, *grads: Array) -> Array:
        like = next(g for g in grads if g is not None)
        zero = xp.zeros_like(like) if any(g is None for g in grads) else None
        return xp.stack([zero if g is None else g for g in grads], axis=ctx.dim)  # type: ignore[misc]


@lru_cache(maxsize=1024)
def piece_indices(lengths: tuple[int, ...], dim: int) -> Sequence[Any]:
    """The index of each of the consecutive pieces of `dim`."""
    lead, start, found = (slice(None),) * dim, 0, []
    for n in lengths:
        found.append((*lead, slice(start, start + n)))
        start += n
    return found


def entry_index(i: int, dim: int) -> Any:
    """The index of entry `i` of `dim`; the Ellipsis keeps 0-d results arrays."""
    return (*(slice(None),) * dim, i, Ellipsis)


@lru_cache(maxsize=64)
def entry_indices(count: int, dim: int) -> Sequence[Any]:
    """The index of each entry of `dim`."""
    return [entry_index(i, dim) for i in range(count)]


class Bitcast(View):
    """The same bytes as another dtype. Gradients do not pass."""

    @staticmethod
    def forward(ctx: Any, x: Array, kind: np.dtype[Any]) -> Array:
        return x.view(kind)

    @staticmethod
    def backward(ctx: Any, grad: Array) -> Any:
        return None


class ViewAsReal(View):
    """Complex numbers as pairs of their parts, along a new last dimension."""

    @staticmethod
    def forward(ctx: Any, x: Array) -> Array:
        flat, start = memory_of(x)
        stride = tuple([2 * s // x.itemsize for s in x.strides])
        return with_strides(flat.view(x.real.dtype), (*x.shape, 2), (*stride, 1), 2 * start)

    @staticmethod
    def backward(ctx: Any, grad: Array) -> Array:
        return grad[..., 0] + 1j * grad[..., 1]


class ViewAsComplex(View):
    @staticmethod
    def forward(ctx: Any, x: Array) -> Array:
        return x.view(np.complex64 if x.dtype == np.float32 else np.complex128)[..., 0]

    @staticmethod
    def backward(ctx: Any, grad: Array) -> Array:
        return xp.stack([xp.real(grad), xp.imag(grad)], axis=-1)
