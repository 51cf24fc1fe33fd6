"""Bessel functions of orders 0 and 1, the modified ones, and Airy's function.

For moderate arguments the integrals that define them are summed over equal steps: over a whole period, or over a line
on
which the integrand vanishes doubly exponentially, that is exact to rounding with a few dozen points. Near 0 the power
series serve, far out the asymptotic ones.

Source: Abramowitz, Stegun 1964, chapters 9 and 10; Trefethen, Weideman 2014, "The exponentially convergent trapezoidal
rule".
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np

from ..autograd.tape import Operator, wrap
from ..kernels import xp
from .promotion import floating, into, is_complex, not_implemented
from .unary import operator, public

if TYPE_CHECKING:
    from ..tensor import Tensor

Array = Any
EULER = 0.57721566490153286061


def _in_float64(definition: Callable[..., Array]) -> Callable[..., Array]:
    """Series that cancel need the digits, so every dtype is computed in float64 and rounded once."""

    def call(x: Array, *rest: Any) -> Array:
        if is_complex(x):
            raise TypeError("complex")  # `public` names the function
        return definition(x.astype(np.float64), *rest).astype(x.dtype)

    return call


def _asymptotic_terms(order: float, count: int) -> list[float]:
    """1, (mu - 1)/8, (mu - 1)(mu - 9)/(2! 8^2), ..., with mu = 4 order^2: of Hankel's expansions (9.2.9, 9.7.1)."""
    terms = [1.0]
    for k in range(1, count):
        terms.append(terms[-1] * (4 * order * order - (2 * k - 1) ** 2) / (8 * k))
    return terms


def _series(x: Array, coefficients: list[float]) -> Array:
    """c[0] + c[1] x + c[2] x^2 + ..."""
    y = xp.zeros_like(x)
    for c in reversed(coefficients):
        y = y * x + c
    return y


# ------------------------------------------------------------------------------------------------ modified, first kind


def _scaled_i(x: Array, order: int) -> Array:
    """exp(-|x|) I_order(x). Up to 50: the mean of cos(order t) exp(|x| (cos t - 1)) over 64 angles t."""
    size = xp.absolute(x)
    near, total = xp.minimum(size, 50), xp.zeros_like(x)
    for k in range(33):
        share = (1 if k in (0, 32) else 2) / 64
        cosine = math.cos(2 * math.pi * k / 64)
        total = total + xp.exp(near * (cosine - 1)) * (share * cosine**order)
    if order == 1:  # near 0 the sum cancels
        half = near / 2
        powers = [1 / (math.factorial(k) * math.factorial(k + 1)) for k in range(12)]
        total = xp.where(near < 1, half * _series(half * half, powers) * xp.exp(-near), total)
    beyond = xp.maximum(size, 50)
    far = _series(-1 / beyond, _asymptotic_terms(order, 14)) / xp.sqrt(beyond * (2 * math.pi))
    y = xp.where(size <= 50, total, far)
    return xp.copysign(y, x) if order == 1 else y


def _i(x: Array, order: int) -> Array:
    """e^|x| twice by its root, which overflows only where the result does."""
    root = xp.exp(xp.absolute(x) / 2)
    scaled = _scaled_i(x, order)
    return xp.where(xp.isinf(x), xp.copysign(math.inf, x) if order else math.inf, scaled * root * root)


_i0, _i0e, _i1, _i1e = (
    _in_float64(lambda x: _i(x, 0)),
    _in_float64(lambda x: _scaled_i(x, 0)),
    _in_float64(lambda x: _i(x, 1)),
    _in_float64(lambda x: _scaled_i(x, 1)),
)


def _i1_over_x(x: Array, i1: Array) -> Array:
    """I1(x) / x, and its limit 1/2 at 0."""
    return xp.where(x == 0, 0.5, i1 / xp.where(x == 0, 1, x))


I0: type[Operator] = operator("I0", _i0, lambda grad, x: grad * I1.derive(x))
I0e: type[Operator] = operator("I0e", _i0e, lambda grad, x: grad * (I1e.derive(x) - xp.sign(x) * I0e.derive(x)))
I1: type[Operator] = operator("I1", _i1, lambda grad, x: grad * (I0.derive(x) - _i1_over_x(x, I1.derive(x))))
I1e: type[Operator] = operator(
    "I1e", _i1e, lambda grad, x: grad * (I0e.derive(x) - _i1_over_x(x, I1e.derive(x)) - xp.sign(x) * I1e.derive(x))
)


def i0(input: Tensor, *, out: Tensor | None = None) -> Tensor:
    """The modified Bessel function of the first kind of order 0."""
    return public("i0", I0.apply, input, out, "fV")


def i0e(input: Tensor, *, out: Tensor | None = None) -> Tensor:
    """exp(-|input|) * i0(input)."""
    return public("i0e", I0e.apply, input, out, "fV")


def i1(input: Tensor, *, out: Tensor | None = None) -> Tensor:
    """The modified Bessel function of the first kind of order 1."""
    return public("i1", I1.apply, input, out, "fV")


def i1e(input: Tensor, *, out: Tensor | None = None) -> Tensor:
    """exp(-|input|) * i1(input)."""
    return public("i1e", I1e.apply, input, out, "fV")


# ----------------------------------------------------------------------------------------------- modified, second kind


def _scaled_k(x: Array, order: int) -> Array:
    """exp(x) K_order(x), x > 0. From 1 to 30: the integral of exp(x (1 - cosh t)) cosh(order t) over t >= 0."""
    near = xp.minimum(xp.maximum(x, 1), 30)
    total, step = xp.zeros_like(x), 0.1
    for k in range(48):
        t = k * step
        total = total + xp.exp(near * (1 - math.cosh(t))) * (math.cosh(order * t) * step * (0.5 if k == 0 else 1))
    beyond = xp.maximum(x, 30)
    far = xp.sqrt(math.pi / 2 / beyond) * _series(1 / beyond, _asymptotic_terms(order, 20))
    y = xp.where(x < 1, _k_near(xp.minimum(x, 1), order) * xp.exp(x), xp.where(x <= 30, total, far))
    return xp.where(x > 0, y, xp.where(x == 0, math.inf, math.nan))


def _harmonic(k: int) -> float:
    return sum(1 / j for j in range(1, k + 1))


def _k_near(x: Array, order: int) -> Array:
    """The power series, 9.6.11, for 0 < x <= 1."""
    half = xp.where(x > 0, x, 1) / 2
    square, log = half * half, xp.log(half)
    if order == 0:
        powers = [1 / math.factorial(k) ** 2 for k in range(12)]
        return _series(square, [c * (_harmonic(k) - EULER) for k, c in enumerate(powers)]) - log * _series(
            square, powers
        )
    powers = [1 / (math.factorial(k) * math.factorial(k + 1)) for k in range(12)]
    mixed = [c * (_harmonic(k) + _harmonic(k + 1) - 2 * EULER) / 2 for k, c in enumerate(powers)]
    return 0.5 / half + half * (log * _series(square, powers) - _series(square, mixed))


# -------------------------------------------------------------------------------------------------- first, second kind


def _hankel(x: Array, order: int, second: bool) -> Array:
    """sqrt(2 / (pi x)) (P cos(chi) - Q sin(chi)), or with sin and cos exchanged for the second kind; for x > 25."""
    terms = _asymptotic_terms(order, 20)
    inverse_square = 1 / (x * x)
    p = _series(-inverse_square, terms[0::2])
    q = _series(-inverse_square, terms[1::2]) / x
    chi = x - (order / 2 + 0.25) * math.pi
    wave = p * xp.sin(chi) + q * xp.cos(chi) if second else p * xp.cos(chi) - q * xp.sin(chi)
    return wave * xp.sqrt(2 / (math.pi * x))


def _j(x: Array, order: int) -> Array:
    """Up to 25: the mean of cos(order t - x sin t) over 64 angles t; near 0 the power series."""
    size = xp.absolute(x)
    near, total = xp.minimum(size, 25), xp.zeros_like(x)
    for k in range(64):
        t = 2 * math.pi * (k + 0.5) / 64
        total = total + xp.cos(order * t - near * math.sin(t)) / 64
    if order == 1:
        half = near / 2
        powers = [(-1) ** k / (math.factorial(k) * math.factorial(k + 1)) for k in range(12)]
        total = xp.where(near < 1, half * _series(half * half, powers), total)
    far = _hankel(xp.where(xp.isfinite(size), xp.maximum(size, 25), 25), order, second=False)
    y = xp.where(size <= 25, total, xp.where(xp.isinf(size), 0, xp.where(xp.isnan(size), size, far)))
    return xp.where(x < 0, -y, y) if order == 1 else y


def _all_j(x: Array, count: int) -> list[Array]:
    """J_0(x) to J_count(x) for 2 <= x <= 25: Miller's backward recurrence, J_{k-1} = (2k / x) J_k - J_{k+1}."""
    high, low, found = xp.zeros_like(x), xp.full_like(x, 1e-200), []
    for k in range(count, 0, -1):
        found.append(low)
        high, low = low, 2 * k / x * low - high
    found.append(low)
    found.reverse()
    total = found[0]
    for even in found[2::2]:
        total = total + 2 * even  # they add up to 1
    return [j / total for j in found]


def _y(x: Array, order: int) -> Array:
    """Neumann's series over J_k (9.1.88, 9.1.89) from 2 to 25, the power series below."""
    j = _all_j(xp.minimum(xp.maximum(x, 2), 25), 70)
    log = xp.log(xp.minimum(xp.maximum(x, 2), 25) / 2)
    if order == 0:
        rest = sum((-1) ** k * j[2 * k] / k for k in range(1, 35))
        middle = (2 / math.pi) * (log + EULER) * j[0] - (4 / math.pi) * rest
    else:
        rest = sum((-1) ** k * (2 * k + 1) / (k * (k + 1)) * j[2 * k + 1] for k in range(1, 34))
        z = xp.minimum(xp.maximum(x, 2), 25)
        middle = -2 / (math.pi * z) * j[0] + (2 / math.pi) * (log + EULER - 1) * j[1] - (2 / math.pi) * rest
    far = _hankel(xp.where(xp.isfinite(x), xp.maximum(x, 25), 25), order, second=True)
    y = xp.where(x < 2, _y_near(xp.minimum(x, 2), order), xp.where(x <= 25, middle, xp.where(xp.isinf(x), 0, far)))
    return xp.where(x > 0, y, xp.where(x == 0, -math.inf, math.nan))


def _y_near(x: Array, order: int) -> Array:
    """The power series, 9.1.11 and 9.1.13, for 0 < x < 2."""
    half = xp.where(x > 0, x, 1) / 2
    square, log = half * half, xp.log(half)
    if order == 0:
        powers = [(-1) ** k / math.factorial(k) ** 2 for k in range(16)]
        mixed = [c * (_harmonic(k) - EULER) for k, c in enumerate(powers)]
        return (2 / math.pi) * (log * _series(square, powers) - _series(square, mixed))
    powers = [(-1) ** k / (math.factorial(k) * math.factorial(k + 1)) for k in range(16)]
    mixed = [c * (_harmonic(k) + _harmonic(k + 1) - 2 * EULER) for k, c in enumerate(powers)]
    return -1 / (math.pi * half) + (2 / math.pi) * half * (log * _series(square, powers) - _series(square, mixed) / 2)


# ------------------------------------------------------------------------------------------------------------- Airy


def _airy(x: Array) -> Array:
    """Ai(x): the power series (10.4.2) up to |x| = 6.5, the asymptotic ones (10.4.59, 10.4.60) beyond."""
    near = xp.minimum(xp.maximum(x, -6.5), 6.5)
    cube = near * near * near
    f_terms, g_terms = [1.0], [1.0]
    for k in range(1, 45):
        f_terms.append(f_terms[-1] / ((3 * k - 1) * (3 * k)))
        g_terms.append(g_terms[-1] / ((3 * k) * (3 * k + 1)))
    series = 0.35502805388781723926 * _series(cube, f_terms) - 0.25881940379280679841 * near * _series(cube, g_terms)
    size = xp.where(xp.isfinite(x), xp.maximum(xp.absolute(x), 6.5), 6.5)
    zeta = size * xp.sqrt(size) * (2 / 3)
    terms = [1.0]
    for k in range(1, 14):
        terms.append(terms[-1] * (6 * k - 5) * (6 * k - 3) * (6 * k - 1) / ((2 * k - 1) * 216 * k))
    root = math.sqrt(math.pi) * xp.sqrt(xp.sqrt(size))
    decay = xp.exp(-zeta) * _series(-1 / zeta, terms) / (2 * root)
    inverse_square = -1 / (zeta * zeta)
    angle = zeta + math.pi / 4
    even, odd = _series(inverse_square, terms[0::2]), _series(inverse_square, terms[1::2]) / zeta
    wave = (xp.sin(angle) * even - xp.cos(angle) * odd) / root
    y = xp.where(x > 6.5, decay, xp.where(x < -6.5, wave, series))
    return xp.where(xp.isnan(x), x, xp.where(xp.isinf(x), 0, y))


def _plain(name: str, definition: Callable[[Array], Array], input: Any, out: Any) -> Any:
    """A function that, as in PyTorch, has no derivative."""
    input = floating(input, name)
    if is_complex(input):
        raise not_implemented(name, input)
    result = wrap(_in_float64(definition)(input._array))
    return result if out is None else into(out, result, name)


def bessel_j0(input: Tensor, *, out: Tensor | None = None) -> Tensor:
    """The Bessel function of the first kind of order 0."""
    return _plain("bessel_j0", lambda x: _j(x, 0), input, out)


def bessel_j1(input: Tensor, *, out: Tensor | None = None) -> Tensor:
    """The Bessel function of the first kind of order 1."""
    return _plain("bessel_j1", lambda x: _j(x, 1), input, out)


def bessel_y0(input: Tensor, *, out: Tensor | None = None) -> Tensor:
    """The Bessel function of the second kind of order 0."""
    return _plain("bessel_y0", lambda x: _y(x, 0), input, out)


def bessel_y1(input: Tensor, *, out: Tensor | None = None) -> Tensor:
    """The Bessel function of the second kind of order 1."""
    return _plain("bessel_y1", lambda x: _y(x, 1), input, out)


def modified_bessel_i0(input: Tensor, *, out: Tensor | None = None) -> Tensor:
    """The modified Bessel function of the first kind of order 0."""
    return _plain("modified_bessel_i0", lambda x: _i(x, 0), input, out)


def modified_bessel_i1(input: Tensor, *, out: Tensor | None = None) -> Tensor:
    """The modified Bessel function of the first kind of order 1."""
    return _plain("modified_bessel_i1", lambda x: _i(x, 1), input, out)


def modified_bessel_k0(input: Tensor, *, out: Tensor | None = None) -> Tensor:
    """The modified Bessel function of the second kind of order 0."""
    return _plain("modified_bessel_k0", lambda x: _scaled_k(x, 0) * xp.exp(-x), input, out)


def modified_bessel_k1(input: Tensor, *, out: Tensor | None = None) -> Tensor:
    """The modified Bessel function of the second kind of order 1."""
    return _plain("modified_bessel_k1", lambda x: _scaled_k(x, 1) * xp.exp(-x), input, out)


def scaled_modified_bessel_k0(input: Tensor, *, out: Tensor | None = None) -> Tensor:
    """exp(input) * modified_bessel_k0(input)."""
    return _plain("scaled_modified_bessel_k0", lambda x: _scaled_k(x, 0), input, out)


def scaled_modified_bessel_k1(input: Tensor, *, out: Tensor | None = None) -> Tensor:
    """exp(input) * modified_bessel_k1(input)."""
    return _plain("scaled_modified_bessel_k1", lambda x: _scaled_k(x, 1), input, out)


def spherical_bessel_j0(input: Tensor, *, out: Tensor | None = None) -> Tensor:
    """sin(input) / input, and 1 at 0."""
    definition = lambda x: xp.where(xp.isinf(x), 0, xp.sinc(xp.where(xp.isinf(x), 0, x) / math.pi))
    return _plain("spherical_bessel_j0", definition, input, out)


def airy_ai(input: Tensor, *, out: Tensor | None = None) -> Tensor:
    """Airy's function Ai."""
    return _plain("airy_ai", _airy, input, out)
