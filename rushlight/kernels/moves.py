"""Kernels that move numbers without computing: views and copies of other shapes, orders and dtypes; joining arrays.
Their twins copy in threads, through blocks where the order of dimensions changes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from . import kernel, xp

Array = Any


@kernel
def copied(x: Array) -> Array:
    """A copy in C order."""
    return x.copy(order="C")


@kernel
def reshaped(x: Array, shape: tuple[int, ...]) -> Array:
    """x in another shape: a view where that is possible, else a copy."""
    return x.reshape(shape)


@kernel
def permuted(x: Array, dims: tuple[int, ...]) -> Array:
    """x with its dimensions in another order: a view."""
    return xp.transpose(x, dims)


@kernel
def expanded(x: Array, shape: tuple[int, ...]) -> Array:
    """x broadcast to a shape: a view."""
    return xp.broadcast_to(x, shape)


@kernel
def converted(x: Array, kind: Any) -> Array:
    """A copy in another dtype."""
    return x.astype(kind)


@kernel
def joined(arrays: Sequence[Array], axis: int) -> Array:
    """The arrays one after the other along an axis; 0-d arrays as a vector."""
    return xp.concatenate(arrays, axis=axis) if arrays[0].ndim else xp.stack(arrays)
