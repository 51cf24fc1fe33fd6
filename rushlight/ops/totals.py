"""The kernels under all reductions: sums, products, largest and smallest numbers over dimensions."""

from __future__ import annotations

from typing import Any

from ..kernels import kernel, xp

Array = Any


@kernel
def total(x: Array, axes: tuple[int, ...], keepdims: bool) -> Array:
    """The sums over `axes`."""
    return x.sum(axis=axes, keepdims=keepdims)


@kernel
def running_sums(x: Array, dim: int) -> Array:
    """The sum of each number and those before it along `dim`."""
    return xp.cumsum(x, axis=dim)


@kernel
def running_products(x: Array, dim: int) -> Array:
    """The product of each number and those before it along `dim`."""
    return xp.cumprod(x, axis=dim)


@kernel
def squares(x: Array, axes: tuple[int, ...], keepdims: bool) -> Array:
    """The sums of squares over `axes`."""
    return (x * x).sum(axis=axes, keepdims=keepdims)


@kernel
def product(x: Array, axes: tuple[int, ...], keepdims: bool) -> Array:
    """The products over `axes`."""
    return x.prod(axis=axes, keepdims=keepdims)


@kernel
def largest(x: Array, axes: tuple[int, ...], keepdims: bool) -> Array:
    """The largest numbers over `axes`; NaN where there is one."""
    return xp.max(x, axis=axes, keepdims=keepdims)


@kernel
def smallest(x: Array, axes: tuple[int, ...], keepdims: bool) -> Array:
    """The smallest numbers over `axes`; NaN where there is one."""
    return xp.min(x, axis=axes, keepdims=keepdims)
