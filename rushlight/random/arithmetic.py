"""Arithmetic that rounds as PyTorch's compiled samplers round.

PyTorch's CPU kernels are compiled with fused multiply-add, which rounds `x * a + b` once, and they call the C library's
logarithm and trigonometry. NumPy has no fused multiply-add, and its own log, sin and cos differ from the C library's in
the last bit on some processors. So: `fma32` and `fma64` emulate the one rounding, `libm` maps Python's `math` (which is
the C library), and `rounded` converts to narrow types in PyTorch's two steps.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import ml_dtypes
import numpy as np

from ..kernels import kernel

Array = Any  # a NumPy array; the docstrings say of what

FLOAT16, FLOAT32, FLOAT64 = np.dtype(np.float16), np.dtype(np.float32), np.dtype(np.float64)
BFLOAT16 = np.dtype(ml_dtypes.bfloat16)
DIGITS = {FLOAT16: 11, BFLOAT16: 8, FLOAT32: 24, FLOAT64: 53}  # bits of the significand, the hidden one included
LARGEST = {dtype: float(ml_dtypes.finfo(dtype).max) for dtype in DIGITS}  # type: ignore[no-untyped-call]

LARGEST_EXPONENT = math.log(LARGEST[FLOAT64])
SPLITTER = 2.0**27 + 1  # Veltkamp's: parts a double into halves of 26 bits whose products are exact
HALFWAY = np.int64(1 << 28)  # the lower 29 bits of a double that lies midway between two floats
BELOW_FLOAT = np.int64((1 << 29) - 1)


def libm(function: Callable[[float], float], x: Array) -> Array:
    """`function` of Python's math module over the float64 array x (n,)."""
    return np.fromiter(map(function, x.tolist()), np.float64, x.size)


@kernel
def libm_log1p(x: Array) -> Array:
    """Log of 1 + x, x > -1, by the C library."""
    return libm(math.log1p, x)


def log(x: Array) -> Array:
    """Log of x >= 0 by the C library; math.log(0) is an error."""
    zero = x == 0
    values = libm(math.log, np.where(zero, 1.0, x))
    values[zero] = -np.inf
    return values


def exp(x: Array) -> Array:
    """Exp by the C library; math.exp is an error where the result overflows."""
    values = libm(math.exp, np.minimum(x, LARGEST_EXPONENT))
    values[x > LARGEST_EXPONENT] = np.inf
    return values


def rounded(values: Array, dtype: np.dtype[Any]) -> Array:
    """`values` in `dtype`, rounded to float32 before float16 or bfloat16 as PyTorch's conversions do."""
    if values.dtype == dtype:
        return values
    with np.errstate(over="ignore"):
        return (values.astype(FLOAT32) if dtype.itemsize == 2 and dtype in DIGITS else values).astype(dtype)


@kernel
def fma32(x: Array, factor: float, offset: float) -> Array:
    """X * factor + offset rounded once to float32; x is float32, the numbers are rounded to float32 first.

    The product is exact in float64. The float64 sum may be inexact, and rounding it again goes wrong only where it
    falls midway between two floats: there the error of the sum says to which side the exact value lies.
    """
    factor, offset = float(np.float32(factor)), float(np.float32(offset))
    product = x.astype(np.float64) * factor
    total = product + offset
    midway = np.flatnonzero((total.view(np.int64) & BELOW_FLOAT) == HALFWAY)
    if midway.size:
        total[midway] = _off_the_middle(product[midway], offset, total[midway])
    return total.astype(np.float32)


def _off_the_middle(a: Array, b: float, total: Array) -> Array:
    error = _sum_error(a, b, total)
    return np.where(error == 0, total, np.nextafter(total, np.copysign(np.inf, error)))


@kernel
def fma64(x: Array, factor: float, offset: float) -> Array:
    """X * factor + offset rounded once; x is float64.

    Source: Boldo, Melquiond 2008, "Emulation of FMA and correctly rounded sums", IEEE TC 57(4), figure 5: the exact
    product and sum as unevaluated pairs, whose tails are added with rounding to odd.
    """
    product = x * factor
    if offset == 0 or factor == 1:  # one of the two roundings does not happen
        return product + offset
    exponent = math.frexp(max(abs(factor), abs(offset)))[1]
    if abs(exponent) > 500:  # the halves would overflow or vanish
        inside = fma64(x, math.ldexp(factor, -exponent), math.ldexp(offset, -exponent))
        return inside * 2.0 ** (exponent // 2) * 2.0 ** (exponent - exponent // 2)
    product_tail = _product_error(x, factor, product)
    inner = product_tail + offset
    inner_tail = _sum_error(product_tail, offset, inner)
    outer = product + inner
    return outer + _sum_to_odd(_sum_error(product, inner, outer), inner_tail)


def _product_error(x: Array, factor: float, product: Array) -> Array:
    """X * factor - product, exactly (Dekker 1971)."""
    x_split, factor_split = x * SPLITTER, factor * SPLITTER
    x_high, factor_high = x_split - (x_split - x), factor_split - (factor_split - factor)
    x_low, factor_low = x - x_high, factor - factor_high
    return ((x_high * factor_high - product) + x_high * factor_low + x_low * factor_high) + x_low * factor_low


def _sum_error(a: Array, b: Any, total: Array) -> Array:
    """A + b - total, exactly (Knuth's two-sum)."""
    b_part = total - a
    return (a - (total - b_part)) + (b - b_part)


def _sum_to_odd(a: Array, b: Array) -> Array:
    """A + b; where inexact, of the two doubles around the exact sum the one whose last bit is set."""
    total = a + b
    error = _sum_error(a, b, total)
    even = (total.view(np.int64) & 1) == 0
    return np.where((error != 0) & even, np.nextafter(total, np.copysign(np.inf, error)), total)
