"""Sliding windows: the arithmetic of kernel size, stride, padding and dilation for convolution, pooling and fold.

A window operator is a plain loop over the taps of its kernel. One tap, at every place the window stops at, is a strided
slice of the padded input; so a loop of `prod(kernel_size)` array operations says it all.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import lru_cache, wraps
from itertools import product
from typing import Any, TypeVar

from ..errors import ShapeError
from ..kernels import xp

Array = Any
Sizes = tuple[int, ...]
F = TypeVar("F", bound=Callable[..., Any])


def remembered(plan: F) -> F:
    """A function of shapes and options that checks them and works out sizes, done once for each combination: layers ask
    the same at every step. Lists among the options count as tuples."""
    known = lru_cache(maxsize=4096)(plan)

    @wraps(plan)
    def call(*args: Any) -> Any:
        try:
            return known(*args)
        except TypeError:  # something that has no hash: a list
            return known(*(tuple(a) if isinstance(a, list) else a for a in args))

    return call  # type: ignore[return-value]


def spread(value: Any, n: int, name: str, what: str) -> Sizes:
    """One number for each of `n` spatial dimensions: an int or a single number is repeated.

    Raises:
        RuntimeError: a sequence of another length.
    """
    if type(value) is int:
        return (value,) * n
    if hasattr(value, "__index__"):
        return (int(value),) * n
    values = tuple(map(int, value))
    if len(values) == 1:
        return values * n
    if len(values) != n:
        raise ShapeError(f"{name}: {what} {values} must be a single int or a tuple of {n} ints")
    return values


def taps(kernel_size: Sizes) -> Iterator[Sizes]:
    """The positions within a kernel, row by row."""
    return product(*map(range, kernel_size))


def stops(tap: Sizes, stride: Sizes, dilation: Sizes, out: Sizes) -> tuple[slice, ...]:
    """The slices of the padded input that this tap meets as the window moves."""
    return tuple(slice(t * d, t * d + s * (n - 1) + 1, s) for t, s, d, n in zip(tap, stride, dilation, out))


def reach(kernel_size: Sizes, dilation: Sizes) -> Sizes:
    """How many elements a window spans, from its first tap to its last."""
    return tuple(d * (k - 1) + 1 for k, d in zip(kernel_size, dilation))


def widen(x: Array, before: Sizes, after: Sizes, fill: Any = 0) -> Array:
    """`x` with its spatial dimensions (the third and later) padded by `fill`; `x` itself if there is nothing to add."""
    if not any(before) and not any(after):
        return x
    inner = tuple(slice(b, b + n) for b, n in zip(before, x.shape[2:]))
    shape = (*x.shape[:2], *(b + n + a for b, n, a in zip(before, x.shape[2:], after)))
    wide = xp.zeros_like(x, shape=shape) if fill == 0 else xp.full_like(x, fill, shape=shape)
    wide[(slice(None), slice(None), *inner)] = x
    return wide
