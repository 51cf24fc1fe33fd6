"""The kernels under all reductions: sums, largest and smallest numbers over dimensions."""

from __future__ import annotations

from typing import Any

from ..kernels import kernel, xp

Array = Any


@kernel
def total(x: Array, axes: tuple[int, ...], keepdims: bool) -> Array:
    """The sums over `axes`."""
    return x.sum(axis=axes, keepdims=keepdims)


@kernel
def largest(x: Array, axes: tuple[int, ...], keepdims: bool) -> Array:
    """The largest numbers over `axes`; NaN where there is one."""
    return xp.max(x, axis=axes, keepdims=keepdims)


@kernel
def smallest(x: Array, axes: tuple[int, ...], keepdims: bool) -> Array:
    """The smallest numbers over `axes`; NaN where there is one."""
    return xp.min(x, axis=axes, keepdims=keepdims)
