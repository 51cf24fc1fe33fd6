"""Special functions: the error function and its kin.

Everything is plain array arithmetic, so it runs wherever NumPy's functions run.
"""

# The bodies of functions made by decorators are their docstrings.
# mypy: disable-error-code="empty-body"

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any


from ..autograd.tape import Operator
from ..kernels import kernel, xp
from .promotion import in_float32
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
@in_float32
def erf_forward(x: Array) -> Array:
    """2/sqrt(pi) * the integral of exp(-t^2) from 0 to x."""
    size = xp.absolute(x)
    near = _erf_near(xp.minimum(xp.maximum(x, -0.46875), 0.46875))
    beyond = xp.minimum(size, 6)  # erf is 1 in float64 from 5.93
    far = 1 - _exp_minus_square(beyond) * _erfcx_beyond(beyond)
    return xp.where(size <= 0.46875, near, xp.copysign(far, x))


@kernel
@in_float32
def erfc_forward(x: Array) -> Array:
    """1 - erf(x), exact in its tail."""
    size = xp.absolute(x)
    near = 1 - _erf_near(xp.minimum(xp.maximum(x, -0.46875), 0.46875))
    beyond = xp.minimum(size, 30)  # erfc is 0 in float64 from 27
    tail = _exp_minus_square(beyond) * _erfcx_beyond(beyond)
    return xp.where(size <= 0.46875, near, xp.where(x > 0, tail, 2 - tail))


def _erf_backward(grad: Array, x: Array) -> Array:
    return grad * xp.exp(-x * x) * TWO_OVER_SQRT_PI


Erf: type[Operator] = operator("Erf", erf_forward, _erf_backward)
Erfc: type[Operator] = operator("Erfc", erfc_forward, lambda grad, x: _erf_backward(-grad, x))


def erf(input: Tensor, *, out: Tensor | None = None) -> Tensor:
    """The error function: 2/sqrt(pi) * the integral of exp(-t^2) from 0 to input."""
    return public("erf", Erf.apply, input, out, "fV")  # type: ignore[no-any-return]


def erfc(input: Tensor, *, out: Tensor | None = None) -> Tensor:
    """1 - erf(input), without cancellation."""
    return public("erfc", Erfc.apply, input, out, "fV")  # type: ignore[no-any-return]
