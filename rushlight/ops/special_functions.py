"""Special functions: the error function and the normal distribution, the gamma function and its derivatives, entropies.

Everything is plain array arithmetic, so it runs wherever NumPy's functions run. Bessel functions are in bessel.py.
"""

# The bodies of functions made by decorators are their docstrings.
# mypy: disable-error-code="empty-body"

from __future__ import annotations

import functools
import math
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np

from ..autograd.tape import Operator
from ..errors import OperatorError, UnsupportedError
from ..kernels import fused, kernel, xp
from .elementwise import both
from .pairs import floating_tensors
from .promotion import as_tensor, broadcast_error, conj, floating, in_float32, into, is_complex, unbroadcast
from .unary import operator, public

if TYPE_CHECKING:
    from ..tensor import Tensor

Array = Any
TWO_OVER_SQRT_PI = 2 / math.sqrt(math.pi)


def _polynomial(x: Array, coefficients: tuple[float, ...]) -> Array:
    """c[0] x^n + ... + c[n], by Horner's rule."""
    y = x * coefficients[0]
    for c in coefficients[1:-1]:
        y += c
        y *= x
    y += coefficients[-1]
    return y


# Rational approximations of erf near 0, of erfc from 0.46875 to 4, and of erfc beyond.
# Source: Cody 1969, "Rational Chebyshev approximations for the error function", Math. Comp. 23 (his CALERF).
_NEAR_P = (
    1.85777706184603153e-1,
    3.16112374387056560e0,
    1.13864154151050156e2,
    3.77485237685302021e2,
    3.20937758913846947e3,
)
_NEAR_Q = (1.0, 2.36012909523441209e1, 2.44024637934444173e2, 1.28261652607737228e3, 2.84423683343917062e3)
_MIDDLE_P = (
    2.15311535474403846e-8, 5.64188496988670089e-1, 8.88314979438837594e0, 6.61191906371416295e1, 2.98635138197400131e2,
    8.81952221241769090e2, 1.71204761263407058e3, 2.05107837782607147e3, 1.23033935479799725e3,
)  # fmt: skip
_MIDDLE_Q = (
    1.0, 1.57449261107098347e1, 1.17693950891312499e2, 5.37181101862009858e2, 1.62138957456669019e3,
    3.29079923573345963e3, 4.36261909014324716e3, 3.43936767414372164e3, 1.23033935480374942e3,
)  # fmt: skip
_FAR_P = (
    -1.63153871373020978e-2, -3.05326634961232344e-1, -3.60344899949804439e-1, -1.25781726111229246e-1,
    -1.60837851487422766e-2, -6.58749161529837803e-4,
)  # fmt: skip
_FAR_Q = (
    1.0, 2.56852019228982242e0, 1.87295284992346725e0, 5.27905102951428412e-1, 6.05183413124413191e-2,
    2.33520497626869185e-3,
)  # fmt: skip


def _erfcx_beyond(x: Array) -> Array:
    """exp(x^2) * erfc(x) for x > 0.46875."""
    middle = xp.minimum(x, 4)
    y = _polynomial(middle, _MIDDLE_P) / _polynomial(middle, _MIDDLE_Q)
    beyond = xp.maximum(x, 4)
    inverse_square = 1 / (beyond * beyond)
    tail = inverse_square * (_polynomial(inverse_square, _FAR_P) / _polynomial(inverse_square, _FAR_Q))
    return xp.where(x <= 4, y, (1 / math.sqrt(math.pi) + tail) / beyond)


def _exp_minus_square(x: Array) -> Array:
    """exp(-x^2), x^2 being exact: x is split into sixteenths and a rest, so that large x lose no digits."""
    coarse = xp.trunc(x * 16) / 16
    return xp.exp(-coarse * coarse) * xp.exp(-(x - coarse) * (x + coarse))


def _erf_near(x: Array) -> Array:
    square = x * x
    return x * (_polynomial(square, _NEAR_P) / _polynomial(square, _NEAR_Q))


@kernel
@fused
@in_float32
def erf_forward(x: Array) -> Array:
    """2/sqrt(pi) * the integral of exp(-t^2) from 0 to x."""
    size = xp.absolute(x)
    near = _erf_near(xp.minimum(xp.maximum(x, -0.46875), 0.46875))
    beyond = xp.minimum(size, 6)  # erf is 1 in float64 from 5.93
    far = 1 - _exp_minus_square(beyond) * _erfcx_beyond(beyond)
    return xp.where(size <= 0.46875, near, xp.copysign(far, x))


@kernel
@fused
@in_float32
def erfc_forward(x: Array) -> Array:
    """1 - erf(x), exact in its tail."""
    size = xp.absolute(x)
    near = 1 - _erf_near(xp.minimum(xp.maximum(x, -0.46875), 0.46875))
    beyond = xp.minimum(size, 30)  # erfc is 0 in float64 from 27
    tail = _exp_minus_square(beyond) * _erfcx_beyond(beyond)
    return xp.where(size <= 0.46875, near, xp.where(x > 0, tail, 2 - tail))


@in_float32
def erfcx_forward(x: Array) -> Array:
    """exp(x^2) * erfc(x)."""
    beyond = _erfcx_beyond(xp.maximum(xp.absolute(x), 0.46875))
    near = xp.exp(x * x) * erfc_forward(x)
    return xp.where(x > 0.46875, beyond, near)


def _erf_backward(grad: Array, x: Array) -> Array:
    return grad * xp.exp(-x * x) * TWO_OVER_SQRT_PI


Erf: type[Operator] = operator("Erf", erf_forward, _erf_backward)
Erfc: type[Operator] = operator("Erfc", erfc_forward, lambda grad, x: _erf_backward(-grad, x))


def _erfc_inverse_start(y: Array) -> Array:
    """A first guess of the number whose erfc is y in (0, 1], good to a few per cent. Source: Winitzki 2008."""
    a = 0.147
    log = xp.log(y * (2 - y))
    half = 2 / (math.pi * a) + log / 2
    return xp.sqrt(xp.maximum(xp.sqrt(half * half - log / a) - half, 0))


def _erfc_inverse(y: Array) -> Array:
    """The number x >= 0 with erfc(x) = y, for y in (0, 1]: Newton's rule on log(erfc(x)), nearly a parabola."""
    x = _erfc_inverse_start(y)
    for _ in range(4):
        scaled = erfcx_forward(x)
        x = x + (xp.log(scaled) - x * x - xp.log(y)) * scaled * (math.sqrt(math.pi) / 2)
    return x


@in_float32
def erfinv_forward(y: Array) -> Array:
    """The number whose erf is y; infinite at -1 and 1, NaN beyond."""
    size = xp.absolute(y)
    small = size < 0.5
    near = xp.where(small, y, 0) * (math.sqrt(math.pi) / 2)
    for _ in range(4):
        step = (erf_forward(near) - xp.where(small, y, 0)) / (TWO_OVER_SQRT_PI * xp.exp(-near * near))
        near = near - step / (1 + near * step)
    tail = _erfc_inverse(xp.where(small | (size >= 1), 0.5, 1 - size))
    far = xp.where(size < 1, tail, xp.where(size == 1, math.inf, math.nan))
    return xp.where(small, near, xp.copysign(far, y)).astype(y.dtype)


Erfinv: type[Operator] = operator(
    "Erfinv", erfinv_forward, lambda grad, x: grad * xp.exp(xp.square(Erfinv.derive(x))) * (math.sqrt(math.pi) / 2)
)


def erf(input: Tensor, *, out: Tensor | None = None) -> Tensor:
    """The error function: 2/sqrt(pi) * the integral of exp(-t^2) from 0 to input."""
    return public("erf", Erf.apply, input, out, "fV")


def erfc(input: Tensor, *, out: Tensor | None = None) -> Tensor:
    """1 - erf(input), without cancellation."""
    return public("erfc", Erfc.apply, input, out, "fV")


def erfinv(input: Tensor, *, out: Tensor | None = None) -> Tensor:
    """The number whose erf is input; infinite at -1 and 1, NaN beyond."""
    return public("erfinv", Erfinv.apply, input, out, "fV")


Erfcx: type[Operator] = operator(
    "Erfcx", erfcx_forward, lambda grad, x: grad * (2 * x * Erfcx.derive(x) - TWO_OVER_SQRT_PI)
)


def erfcx(input: Tensor, *, out: Tensor | None = None) -> Tensor:
    """exp(input^2) * erfc(input), without overflow."""
    return public("erfcx", Erfcx.apply, input, out, "fV")


# ------------------------------------------------------------------------------------------- the normal distribution


def _density(x: Array) -> Array:
    return xp.exp(x * x * -0.5) * (1 / math.sqrt(2 * math.pi))


@in_float32
def _log_ndtr(x: Array) -> Array:
    tail = xp.log(erfcx_forward(-xp.minimum(x, -1) * math.sqrt(0.5)) / 2) - x * x / 2
    return xp.where(x < -1, tail, xp.log1p(erfc_forward(xp.maximum(x, -1) * math.sqrt(0.5)) * -0.5))


@in_float32
def _ndtri(p: Array) -> Array:
    """From the nearer tail, so that small probabilities keep their digits."""
    inside = (p > 0) & (p < 1)
    nearer = xp.where(inside, xp.minimum(p, 1 - p), 0.5)
    x = _erfc_inverse(2 * nearer) * math.sqrt(2)
    border = xp.where(p == 0, -math.inf, xp.where(p == 1, math.inf, math.nan))
    return xp.where(inside, xp.where(p < 0.5, -x, x), border).astype(p.dtype)


Ndtr: type[Operator] = operator(
    "Ndtr", lambda x: erfc_forward(x * -math.sqrt(0.5)) * 0.5, lambda grad, x: grad * _density(x)
)
LogNdtr: type[Operator] = operator(
    "LogNdtr", _log_ndtr, lambda grad, x: grad / Erfcx.derive(x * -math.sqrt(0.5)) * math.sqrt(2 / math.pi)
)
Ndtri: type[Operator] = operator("Ndtri", _ndtri, lambda grad, p: grad / _density(Ndtri.derive(p)))


def ndtr(input: Tensor, *, out: Tensor | None = None) -> Tensor:
    """The probability that a standard normal number is at most input."""
    return public("ndtr", Ndtr.apply, input, out, "fV")


def log_ndtr(input: Tensor, *, out: Tensor | None = None) -> Tensor:
    """log(ndtr(input)), exact in the lower tail."""
    return public("log_ndtr", LogNdtr.apply, input, out, "fV")


def ndtri(input: Tensor, *, out: Tensor | None = None) -> Tensor:
    """The number that a standard normal number stays below with probability input."""
    return public("ndtri", Ndtri.apply, input, out, "fV")


# ------------------------------------------------------------------------------------------------ the gamma function

_STIRLING = (1 / 12, -1 / 360, 1 / 1260, -1 / 1680, 1 / 1188, -691 / 360360, 1 / 156)  # B_2k / (2k (2k - 1))
_BERNOULLI = (1 / 6, -1 / 30, 1 / 42, -1 / 30, 5 / 66, -691 / 2730, 7 / 6, -3617 / 510)  # B_2k
_SHIFT = 9  # arguments are raised above this by the recurrence, where the asymptotic series is exact


def _in_float64(definition: Callable[..., Array]) -> Callable[..., Array]:
    """The differences in these formulas cancel near roots, so every dtype is computed in float64 and rounded once."""

    @functools.wraps(definition)
    def call(*args: Any) -> Array:
        if any(is_complex(a) for a in args):
            raise TypeError("complex")  # `public` names the function
        return definition(*(a.astype(np.float64) for a in args)).astype(args[0].dtype)

    return call


def _log_gamma_of_positive(x: Array) -> Array:
    """Stirling's series at x + 9, and the recurrence gamma(x + 1) = x gamma(x) back from there."""
    small = x < _SHIFT
    low = xp.where(small, x, 1)
    product = low
    for k in range(1, _SHIFT):
        product = product * (low + k)
    z = xp.where(small, x + _SHIFT, x)
    inverse = 1 / z
    series = _polynomial(inverse * inverse, _STIRLING[::-1]) * inverse
    return (z - 0.5) * xp.log(z) - z + 0.5 * math.log(2 * math.pi) + series - xp.where(small, xp.log(product), 0)


def _sin_pi(x: Array) -> Array:
    """sin(pi x), x being reduced to one period first."""
    return xp.sin((x - 2 * xp.rint(x / 2)) * math.pi)


@_in_float64
def lgamma_forward(x: Array) -> Array:
    """log |gamma(x)|, by reflection below 0: gamma(x) gamma(1 - x) = pi / sin(pi x)."""
    positive = _log_gamma_of_positive(xp.where(x > 0, x, 1 - xp.where(xp.isfinite(x), x, 0)))
    reflected = math.log(math.pi) - xp.log(xp.absolute(_sin_pi(x))) - positive
    y = xp.where(x > 0, positive, reflected)
    pole = (x <= 0) & (xp.floor(x) == x)
    y = xp.where((x == 1) | (x == 2), 0, y)  # the roots, exactly
    return xp.where(pole | xp.isinf(x), math.inf, y).astype(x.dtype)


@_in_float64
def digamma_forward(x: Array) -> Array:
    """d/dx log gamma(x)."""
    reflect = x < 0
    z = xp.where(reflect, 1 - x, x)
    y = xp.zeros_like(z)
    for _ in range(_SHIFT):
        small = z < _SHIFT
        y = y - xp.where(small, 1 / z, 0)
        z = xp.where(small, z + 1, z)
    inverse_square = 1 / (z * z)
    coefficients = tuple(b / (2 * k) for k, b in enumerate(_BERNOULLI, 1))
    y = y + xp.log(z) - 0.5 / z - inverse_square * _polynomial(inverse_square, coefficients[::-1])
    cotangent = math.pi / xp.tan(math.pi * (x - xp.rint(x)))
    pole = reflect & (xp.floor(x) == x)
    y = xp.where(x == 0, xp.copysign(math.inf, -x), xp.where(reflect, y - cotangent, y))
    return xp.where(pole, math.nan, y).astype(x.dtype)


@_in_float64
def zeta_forward(s: Array, q: Array) -> Array:
    """Hurwitz's zeta: the sum of (q + k)^-s over k = 0, 1, 2..., by Euler's and Maclaurin's formula from q + k >= 9."""
    s, q = xp.broadcast_arrays(s, q)
    dtype = s.dtype
    total = xp.zeros_like(q)
    z = q
    for _ in range(_SHIFT + int(min(-xp.min(xp.where(q < 0, q, 0), initial=0), 1e4)) + 1):
        small = z < _SHIFT
        total = total + xp.where(small, xp.power(z, -s), 0)
        z = xp.where(small, z + 1, z)
    power = xp.power(z, -s)
    total = total + xp.power(z, 1 - s) / (s - 1) + power / 2
    factor = power * s / z
    for k, b in enumerate(_BERNOULLI, 1):
        total = total + factor * (b / math.factorial(2 * k))
        factor = factor * (s + 2 * k - 1) * (s + 2 * k) / (z * z)
    pole = (q <= 0) & (xp.floor(q) == q)
    total = xp.where((q < 0) & ~pole & (xp.floor(s) != s), math.nan, total)
    total = xp.where(pole | (s == 1), math.inf, total)
    return xp.where(s < 1, math.nan, total).astype(dtype)


def _factorial_sign(n: int) -> float:
    return (-1.0) ** (n + 1) * math.factorial(n)


@in_float32
def _polygamma(x: Array, n: int) -> Array:
    if n == 0:
        return digamma_forward(x)
    if n == 1:  # torch: the first derivative alone is reflected below 1/2
        low = x < 0.5
        upper = zeta_forward(xp.full_like(x, 2), xp.where(low, 1 - x, x))
        sine = xp.sin(x * math.pi)  # torch: not quite 0 at the poles
        return xp.where(low, math.pi**2 / (sine * sine) - upper, upper).astype(x.dtype)
    return _factorial_sign(n) * zeta_forward(xp.full_like(x, n + 1), x)


Lgamma: type[Operator] = operator("Lgamma", lgamma_forward, lambda grad, x: grad * Polygamma.derive(x, 0))
Polygamma: type[Operator] = operator("Polygamma", _polygamma, lambda grad, x, n: grad * Polygamma.derive(x, n + 1))


def lgamma(input: Tensor, *, out: Tensor | None = None) -> Tensor:
    """log |gamma(input)|."""
    return public("lgamma", Lgamma.apply, input, out, "fV")


def digamma(input: Tensor, *, out: Tensor | None = None) -> Tensor:
    """The derivative of lgamma. Infinite at 0, NaN at negative integers."""
    return public("digamma", lambda x: Polygamma.apply(x, 0), input, out, "fV")


def polygamma(n: int, input: Tensor, *, out: Tensor | None = None) -> Tensor:
    """The n-th derivative of digamma.

    Raises:
        RuntimeError: n < 0.
    """
    if n < 0:
        raise OperatorError(f"polygamma(n, x) does not support negative n, got {n}.")
    return public("polygamma", lambda x: Polygamma.apply(x, n), input, out, "fV")


def mvlgamma(input: Tensor, p: int, *, out: Tensor | None = None) -> Tensor:
    """The logarithm of the p-dimensional gamma function: log(pi) p(p-1)/4 + sum of lgamma(input - j/2) over j < p.

    Raises:
        RuntimeError: p < 1.
    """
    input = floating(input, "mvlgamma")
    if p < 1:
        raise OperatorError(f"mvlgamma: p has to be greater than or equal to 1, got {p}")
    halves = np.arange(p, dtype=input._array.dtype, like=input._array) / 2
    result = lgamma(input.unsqueeze(-1) - halves).sum(-1) + math.log(math.pi) * p * (p - 1) / 4
    return result if out is None else into(out, result, "mvlgamma")


def _incomplete_gamma_series(a: Array, x: Array) -> Array:
    """The lower part P(a, x) = x^a e^-x / gamma(a + 1) * (1 + x/(a+1) + x^2/((a+1)(a+2)) + ...), for x < a + 1."""
    term = total = xp.ones_like(x)
    k = 0
    while k < 10_000 and bool(xp.any(term > total * 1e-17)):
        k += 1
        term = term * (x / (a + k))
        total = total + term
    return total * xp.exp(a * xp.log(x) - x - lgamma_forward(a + 1))


def _incomplete_gamma_fraction(a: Array, x: Array) -> Array:
    """The upper part Q(a, x) as a continued fraction, for x > a + 1. Source: Press et al., Numerical Recipes, 6.2.7."""
    tiny = 1e-300 if x.dtype == np.float64 else 1e-30
    b = x + 1 - a
    c = xp.full_like(x, 1 / tiny)
    d = 1 / b
    h = d
    for k in range(1, 10_000):
        factor = k * (a - k)
        b = b + 2
        d = 1 / _away_from_zero(factor * d + b, tiny)
        c = _away_from_zero(b + factor / c, tiny)
        h = h * (d * c)
        if not bool(xp.any(xp.absolute(d * c - 1) > 1e-16)):
            break
    return h * xp.exp(a * xp.log(x) - x - lgamma_forward(a))


def _away_from_zero(x: Array, tiny: float) -> Array:
    return xp.where(xp.absolute(x) < tiny, tiny, x)


def _incomplete_gamma(a: Array, x: Array, lower: bool) -> Array:
    """P(a, x), or Q(a, x) = 1 - P(a, x), each from the expansion that converges there; in float64."""
    a, x = xp.broadcast_arrays(a, x)
    kind = x.dtype
    a, x = a.astype(np.float64), x.astype(np.float64)
    inside = (a > 0) & (x > 0) & xp.isfinite(a) & xp.isfinite(x)
    below = x < a + 1
    p = _incomplete_gamma_series(xp.where(inside & below, a, 1), xp.where(inside & below, x, 0.5))
    q = _incomplete_gamma_fraction(xp.where(inside & ~below, a, 1), xp.where(inside & ~below, x, 3))
    y = xp.where(below, p if lower else 1 - p, 1 - q if lower else q)
    at_0, at_inf = (0.0, 1.0) if lower else (1.0, 0.0)
    y = xp.where(inside, y, xp.where(x == 0, at_0, at_inf))
    y = xp.where((a == 0) & (x > 0), at_inf, xp.where(xp.isinf(a) & xp.isfinite(x), at_0, y))
    wrong = (a < 0) | (x < 0) | xp.isnan(a) | xp.isnan(x) | ((a == 0) & (x == 0)) | (xp.isinf(a) & xp.isinf(x))
    return xp.where(wrong, math.nan, y).astype(kind)


class IncompleteGamma(Operator):
    """P(a, x) or Q(a, x); torch: it is differentiated with respect to x only."""

    saves = (0, 1)

    @staticmethod
    def forward(ctx: Any, a: Array, x: Array, lower: bool) -> Array:
        ctx.save(a, x)
        ctx.sign = 1 if lower else -1
        return _incomplete_gamma(a, x, lower)

    @staticmethod
    def backward(ctx: Any, grad: Array) -> Any:
        a, x = ctx.saved
        if ctx.needs[0]:
            raise UnsupportedError(
                "igamma: there is no derivative with respect to the first argument (nor is there in PyTorch)"
            )
        density = xp.exp((a - 1) * xp.log(x) - x - Lgamma.derive(a))
        return None, unbroadcast(grad * density * ctx.sign, x.shape)


def _incomplete(name: str, input: Any, other: Any, lower: bool, out: Any) -> Tensor:
    a, x = floating_tensors(as_tensor(input, name), as_tensor(other, name, "other"), name)
    try:
        result = IncompleteGamma.apply(a, x, lower)
    except ValueError:
        raise broadcast_error(name, a, x) from None
    return result if out is None else into(out, result, name)


def igamma(input: Tensor, other: Tensor, *, out: Tensor | None = None) -> Tensor:
    """The regularised lower incomplete gamma function P(input, other)."""
    return _incomplete("igamma", input, other, True, out)


def igammac(input: Tensor, other: Tensor, *, out: Tensor | None = None) -> Tensor:
    """The regularised upper incomplete gamma function 1 - P(input, other)."""
    return _incomplete("igammac", input, other, False, out)


class Zeta(Operator):
    """torch: differentiated with respect to the second argument only."""

    saves = (0, 1)

    @staticmethod
    def forward(ctx: Any, s: Array, q: Array) -> Array:
        ctx.save(s, q)
        return zeta_forward(s, q)

    @staticmethod
    def backward(ctx: Any, grad: Array) -> Any:
        s, q = ctx.saved
        if ctx.needs[0]:
            raise UnsupportedError(
                "zeta: there is no derivative with respect to the first argument (nor is there in PyTorch)"
            )
        return None, unbroadcast(-grad * s * Zeta.derive(s + 1, q), q.shape)


def zeta(input: Any, other: Any, *, out: Tensor | None = None) -> Tensor:
    """Hurwitz's zeta function: the sum of (other + k)^-input over k = 0, 1, 2, ..."""
    result = both(Zeta, *floating_tensors(input, other, "zeta"), "zeta")
    return result if out is None else into(out, result, "zeta")


# ------------------------------------------------------------------------------------------ logarithms and entropies


def _logit_gradient(grad: Array, x: Array, eps: float | None) -> Array:
    slope = grad / (x * (1 - x))
    if eps is None:
        return xp.where((x < 0) | (x > 1), math.nan, slope).astype(x.dtype)
    return xp.where((x < eps) | (x > 1 - eps), 0, slope)


@in_float32
def _logit(x: Array, eps: float | None) -> Array:
    z = x if eps is None else xp.minimum(xp.maximum(x, eps), 1 - eps)
    return xp.log(z / (1 - z))


Logit = operator("Logit", _logit, _logit_gradient)


def logit(input: Tensor, eps: float | None = None, *, out: Tensor | None = None) -> Tensor:
    """log(input / (1 - input)), the inverse of the sigmoid.

    Args:
        eps: move the input to [eps, 1 - eps] first; None leaves it, and gives NaN outside [0, 1].
    """
    return public("logit", lambda x: Logit.apply(x, eps), input, out, "fV")


def _sinc_gradient(grad: Array, x: Array) -> Array:
    z = x * math.pi
    flat = x == 0
    safe = xp.where(flat, 1, z)
    return xp.where(flat, grad * 0, grad * conj((xp.cos(z) * z - xp.sin(z)) / (safe * safe)) * math.pi)


Sinc = operator("Sinc", xp.sinc, _sinc_gradient)


def sinc(input: Tensor, *, out: Tensor | None = None) -> Tensor:
    """sin(pi input) / (pi input), and 1 at 0."""
    return public("sinc", Sinc.apply, input, out)


@in_float32
def _entr(x: Array) -> Array:
    return xp.where(x > 0, -x * xp.log(xp.where(x > 0, x, 1)), xp.where(x == 0, 0, xp.where(x < 0, -math.inf, x)))


def _entr_gradient(grad: Array, x: Array) -> Array:
    return grad * xp.where(x > 0, -xp.log(xp.where(x > 0, x, 1)) - 1, xp.where(x == 0, math.inf, math.nan))


Entr = operator("Entr", lambda x: _entr(x).astype(x.dtype), lambda grad, x: _entr_gradient(grad, x).astype(x.dtype))


def entr(input: Tensor, *, out: Tensor | None = None) -> Tensor:
    """-input * log(input), 0 at 0 and -inf below."""
    return public("entr", Entr.apply, input, out, "fV")


class XLog1pY(Operator):
    saves = (0, 1)

    @staticmethod
    def forward(ctx: Any, a: Array, b: Array) -> Array:
        ctx.save(a, b)
        return xp.where((a == 0) & ~xp.isnan(b), a * 0, a * xp.log1p(b))

    @staticmethod
    def backward(ctx: Any, grad: Array) -> Any:
        a, b = ctx.saved
        da = unbroadcast(grad * xp.where((a == 0) & (b <= -1), b * 0, xp.log1p(b)), a.shape) if ctx.needs[0] else None
        return da, unbroadcast(grad * a / (1 + b), b.shape) if ctx.needs[1] else None


def xlog1py(input: Any, other: Any, *, out: Tensor | None = None) -> Tensor:
    """input * log(1 + other), and 0 where input is 0 (NaN where other is NaN)."""
    result = both(XLog1pY, *floating_tensors(input, other, "xlog1py"), "xlog1py")
    return result if out is None else into(out, result, "xlog1py")
