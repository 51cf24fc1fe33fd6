"""Pairs of uniform numbers into pairs of normal ones: the transform of Box and Muller on blocks of sixteen.

PyTorch fills a contiguous tensor of 16 or more elements with uniform numbers and transforms every block of 16 in place:
element i of a block, i < 8, gives the radius and element i + 8 the angle of the pair that replaces both,

    radius = sqrt(-2 log(1 - u)),    angle = 2 pi v,    (radius cos(angle), radius sin(angle))

float64 takes log, cos and sin from the C library. float32 takes PyTorch's AVX2 code: the polynomials of the Cephes
library with fused multiply-adds. Here each such float32 step is made in float64 and rounded to float32, where the
product is exact; that this double rounding never shows was checked for all 2**24 values that u and v can take.

Source: Box, Muller 1958, Ann. Math. Stat. 29(2); Moshier, Cephes library (logf, sinf, cosf), the coefficients.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from ..kernels import kernel
from .arithmetic import Array, libm

BLOCK = 16

FLOAT = np.float32
LOG_POLYNOMIAL: tuple[float, ...] = (7.0376836292e-2, -1.1514610310e-1, 1.1676998740e-1, -1.2420140846e-1)
LOG_POLYNOMIAL += (1.4249322787e-1, -1.6668057665e-1, 2.0000714765e-1, -2.4999993993e-1, 3.3333331174e-1)
LOG_2 = (-2.12194440e-4, 0.693359375)  # log 2 = their sum; the larger has few bits, so its multiples are exact
SIN_POLYNOMIAL = (-1.9515295891e-4, 8.3321608736e-3, -1.6666654611e-1)
COS_POLYNOMIAL = (2.443315711809948e-5, -1.388731625493765e-3, 4.166664568298827e-2)
QUARTER_PI = (0.78515625, 2.4187564849853515625e-4, 3.77489497744594108e-8)  # pi / 4 = their sum
SQRT_HALF = FLOAT(0.707106781186547524)
FOUR_OVER_PI = FLOAT(1.27323954473516)
TWO_PI = FLOAT(2 * math.pi)


@kernel
def box_muller64(uniforms: Array) -> Array:
    """(n,) uniform in [0, 1), n a multiple of 16 -> (n,) standard normal."""
    pairs = uniforms.reshape(-1, 2, BLOCK // 2)
    radius = np.sqrt(-2.0 * libm(math.log, (1 - pairs[:, 0]).reshape(-1)))
    angle = (2 * math.pi * pairs[:, 1]).reshape(-1)
    return _paired(radius * libm(math.cos, angle), radius * libm(math.sin, angle))


@kernel
def box_muller32(uniforms: Array) -> Array:
    """(n,) uniform in [0, 1), n a multiple of 16 -> (n,) standard normal."""
    pairs = uniforms.reshape(-1, 2, BLOCK // 2)
    radius = np.sqrt(FLOAT(-2) * log32((FLOAT(1) - pairs[:, 0]).reshape(-1)))
    cos, sin = cos_sin32((TWO_PI * pairs[:, 1]).reshape(-1))
    return _paired(radius * cos, radius * sin)


def _paired(first: Array, second: Array) -> Array:
    """(n/2,) and (n/2,) -> (n,), eight of the one before eight of the other."""
    halves = (first.reshape(-1, BLOCK // 2), second.reshape(-1, BLOCK // 2))
    return np.stack(halves, axis=1).reshape(-1)  # 2 x (n/16, 8) -> (n/16, 2, 8) -> (n,)


def _rounded(x: Array) -> Array:
    """The nearest float32 value, in float64."""
    return x.astype(np.float32).astype(np.float64)


def _fma(x: Array, y: Any, z: Any) -> Array:
    """X * y + z rounded to float32, all of them float32 values in float64."""
    return _rounded(x * y + z)


def _horner(x: Array, coefficients: tuple[float, ...]) -> Array:
    """c[0] x^k + ... + c[k] by fused steps, the coefficients rounded to float32."""
    first, *rest = (float(FLOAT(c)) for c in coefficients)
    y = _fma(x, first, rest[0])
    for c in rest[1:]:
        y = _fma(y, x, c)
    return y


def log32(x: Array) -> Array:
    """Of x in (0, 1]: with x = 2^e (1 + m), sqrt(1/2) <= 1 + m < sqrt(2), log x = e log 2 + m - m^2/2 + m^3 P(m)."""
    fraction, exponent = np.frexp(x)  # fraction in [1/2, 1)
    small = fraction < SQRT_HALF
    m = (fraction - FLOAT(1)) + fraction * small
    e = (exponent - small).astype(np.float64)
    square = m * m
    wide_m, wide_square = m.astype(np.float64), square.astype(np.float64)
    tail = _rounded(_horner(wide_m, LOG_POLYNOMIAL) * wide_m)
    tail = _fma(tail, wide_square, _rounded(e * float(FLOAT(LOG_2[0])))) - wide_square * 0.5
    y = _rounded(wide_m + _rounded(tail))
    return (e * LOG_2[1] + y).astype(np.float32)


def cos_sin32(x: Array) -> tuple[Array, Array]:
    """Of x >= 0: x less the nearest even multiple of pi/4, then one polynomial or the other, and the sign."""
    octant = ((x * FOUR_OVER_PI).astype(np.int32) + 1) & ~1
    multiple, rest = octant.astype(np.float64), x.astype(np.float64)
    for part in QUARTER_PI:
        rest = _fma(multiple, -float(FLOAT(part)), rest)
    square = _rounded(rest * rest)
    sin = _fma(_rounded(_horner(square, SIN_POLYNOMIAL) * square), rest, rest)
    cos = _rounded(_horner(square, COS_POLYNOMIAL) * square)
    cos = _rounded(_fma(cos, square, -0.5 * square) + 1)
    cos_bits, sin_bits = cos.astype(np.float32).view(np.int32), sin.astype(np.float32).view(np.int32)
    swapped = (cos_bits ^ sin_bits) & -(
        (octant >> 1) & 1
    )  # in the octants 2 and 3, 6 and 7 the polynomials change roles
    cos_bits ^= swapped ^ ((~(octant - 2) & 4) << 29)  # << 29 puts the bit onto the sign
    sin_bits ^= swapped ^ ((octant & 4) << 29)
    return cos_bits.view(np.float32), sin_bits.view(np.float32)
