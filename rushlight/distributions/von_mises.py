"""The von Mises distribution, a normal distribution of angles."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from .. import ops
from ..autograd import no_grad
from ..dtypes import bool as bool_
from ..dtypes import float64
from ..tensor import Tensor
from . import constraints
from .distribution import Elementwise
from .utils import uniform, validated

# Coefficients of I0 and I1 for |x| < 3.75 and above. torch: these short polynomials, not the exact functions.
# Source: Abramowitz, Stegun, Handbook of Mathematical Functions, 9.8.1 to 9.8.4.
_BELOW = (
    (1.0, 3.5156229, 3.0899424, 1.2067492, 0.2659732, 0.0360768, 0.0045813),
    (0.5, 0.87890594, 0.51498869, 0.15084934, 0.02658733, 0.00301532, 0.00032411),
)
_ABOVE = (
    (
        0.39894228, 0.01328592, 0.00225319, -0.00157565, 0.00916281, -0.02057706, 0.02635537, -0.01647633, 0.00392377,
    ),
    (
        0.39894228, -0.03988024, -0.00362018, 0.00163801, -0.01031555, 0.02282967, -0.02895312, 0.01787654, -0.00420059,
    ),
)  # fmt: skip


def _polynomial(x: Tensor, coefficients: Sequence[float]) -> Tensor:
    result: Any = coefficients[-1]
    for c in coefficients[-2::-1]:
        result = c + x * result
    return result


def _log_bessel(x: Tensor, order: int) -> Tensor:
    """log of the modified Bessel function I0 or I1 at x > 0."""
    below = _polynomial((x / 3.75) ** 2, _BELOW[order])
    below = (x * below if order else below).log()
    above = x - 0.5 * x.log() + _polynomial(3.75 / x, _ABOVE[order]).log()
    return ops.where(x < 3.75, below, above)


class VonMises(Elementwise):
    """p(x) = exp(concentration cos(x - loc)) / (2 pi I0(concentration)), for angles x in radians.

    Args:
        loc: the mean angle.
        concentration: how narrow it is; near 1 / variance where large.

    Source: sampling: Best, Fisher 1979, "Efficient simulation of the von Mises distribution".
    """

    arg_constraints: Any = {"loc": constraints.real, "concentration": constraints.positive}
    support: Any = constraints.real

    loc: Tensor
    concentration: Tensor

    def __init__(self, loc: Any, concentration: Any, validate_args: bool | None = None) -> None:
        self._take(validate_args, loc=loc, concentration=concentration)

    @validated
    def log_prob(self, value: Tensor) -> Tensor:
        height = self.concentration * ops.cos(value - self.loc)
        return height - math.log(2 * math.pi) - _log_bessel(self.concentration, 0)

    @property
    def mean(self) -> Tensor:
        return self.loc

    @property
    def mode(self) -> Tensor:
        return self.loc

    @property
    def variance(self) -> Tensor:
        """The circular variance, 1 - I1(concentration) / I0(concentration)."""
        return 1 - (_log_bessel(self.concentration, 1) - _log_bessel(self.concentration, 0)).exp()

    def sample(self, sample_shape: Sequence[int] = ()) -> Tensor:
        """Rejection from a wrapped Cauchy distribution, in double precision."""
        with no_grad():
            loc, kappa = self.loc.to(float64), self.concentration.to(float64)
            angles = _angles(kappa, _envelope(kappa), self._extended_shape(sample_shape))
            return ((angles + math.pi + loc) % (2 * math.pi) - math.pi).to(self.loc.dtype)


def _envelope(kappa: Tensor) -> Tensor:
    """The parameter of the wrapped Cauchy distribution that is nearest, by its expansion where kappa is small."""
    tau = 1 + (1 + 4 * kappa**2).sqrt()
    rho = (tau - (2 * tau).sqrt()) / (2 * kappa)
    return ops.where(kappa < 1e-5, 1 / kappa + kappa, (1 + rho**2) / (2 * rho))


def _angles(kappa: Tensor, r: Tensor, shape: Sequence[int]) -> Tensor:
    """torch: all are proposed anew until every one has been accepted; a later acceptance replaces an earlier one."""
    angles, done = ops.zeros(shape, dtype=kappa.dtype), ops.zeros(shape, dtype=bool_)
    while not bool(done.all()):
        u1, u2, u3 = uniform((3, *shape), kappa).unbind()
        z = ops.cos(math.pi * u1)
        f = (1 + r * z) / (r + z)
        c = kappa * (r - f)
        accepted = (c * (2 - c) - u2 > 0) | ((c / u2).log() + 1 - c >= 0)
        angles = ops.where(accepted, (u3 - 0.5).sign() * f.acos(), angles)
        done = done | accepted
    return angles
