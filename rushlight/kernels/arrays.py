"""What definitions need of arrays and NumPy and CuPy do not spell alike: the memory below an array, and the ufunc
methods that CuPy has not."""

from __future__ import annotations

from typing import Any

import numpy as np

Array = Any


def host(array: Array) -> Any:
    """A NumPy array of the same values; CuPy's are fetched from their GPU."""
    return array.get() if hasattr(array, "get") else array


# ------------------------------------------------------------------------------------------------- memory and strides


def address_of(x: Array) -> int:
    """Where the first element lies, in bytes."""
    return int(x.__array_interface__["data"][0] if isinstance(x, np.ndarray) else x.data.ptr)


def root_of(x: Array) -> Array:
    """The array that owns the memory which `x` is a view of."""
    while isinstance(x.base, (type(x), np.ndarray)):
        x = x.base
    return x


def memory_of(x: Array) -> tuple[Array, int]:
    """The memory that `x` lies in as a 1-d array of x's elements, and where x begins in it."""
    flat = root_of(x).ravel(order="K").view(x.dtype)
    return flat, (address_of(x) - address_of(flat)) // x.itemsize


def with_strides(flat: Array, size: tuple[int, ...], stride: tuple[int, ...], offset: int) -> Array:
    """A window into memory. Sizes, strides and offset in elements. (NumPy's as_strided hides whose memory it is.)"""
    start, steps = offset * flat.itemsize, tuple([s * flat.itemsize for s in stride])
    if isinstance(flat, np.ndarray):
        return np.ndarray(size, flat.dtype, flat, start, steps)
    return type(flat)(size, flat.dtype, flat.data + start, steps)


# ----------------------------------------------------------------------------------------------------- ufunc methods


def running(combine: np.ufunc, x: Array, axis: int) -> Array:
    """`combine.accumulate`: y[k] combines all of x[0], ..., x[k]; where that lacks, in log2(n) steps that each combine
    twice as many (Hillis and Steele, 1986, "Data parallel algorithms")."""
    if isinstance(x, np.ndarray):
        return combine.accumulate(x, axis=axis)
    y, step = np.moveaxis(x, axis, 0).copy(), 1
    while step < len(y):
        y[step:] = combine(y[step:], y[:-step])
        step *= 2
    return np.moveaxis(y, 0, axis)


def multiply_at(x: Array, places: tuple[Array, ...], factors: Array) -> None:
    """`multiply.at`, in place: every place of x times all of its factors; where that lacks, one factor a round."""
    if isinstance(x, np.ndarray):
        np.multiply.at(x, places, factors)
        return
    order = np.arange(factors.size, like=x).reshape(factors.shape)
    waiting = np.ones_like(factors, bool)
    while waiting.any():
        chosen = np.full_like(x, -1, np.int64)
        np.maximum.at(chosen, places, np.where(waiting, order, -1))
        x *= np.where(chosen >= 0, factors.reshape(-1)[chosen], 1)
        waiting &= chosen[places] != order
