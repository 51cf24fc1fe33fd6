"""Gamma and Dirichlet samples that can be differentiated with respect to their parameters.

A sample x of the distribution with cumulative distribution F(x; a) moves, when the parameter moves, as the implicit
function theorem says: dx/da = -(dF/da) / (dF/dx). There is no closed form for the gamma and beta distributions, so the
plane of (x, a) is cut into regions, each with an approximation good to about three digits.

Source: Jankowiak, Obermeyer 2018, arXiv:1806.01851; Figurnov, Mohamed, Mnih 2018, arXiv:1805.08498. Saddle points: Rice
1980, "Distribution of quadratic forms in normal random variables". torch: the regions and the coefficients of the
rational corrections, so that gradients are the same numbers.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from .. import random
from ..autograd.function import Function, once_differentiable
from ..autograd.tape import wrap
from .special_functions import digamma_forward

if TYPE_CHECKING:
    from ..tensor import Tensor

Array = Any


def _poly(x: Array, coefficients: Any) -> Array:
    """c[0] + c[1] x + c[2] x^2 + ..., by Horner's rule."""
    result = coefficients[-1]
    for c in coefficients[-2::-1]:
        result = c + x * result
    return result


# ------------------------------------------------------------------------------------------------------ gamma samples


def _gamma_slope_small(a: Array, x: Array) -> Array:
    """x < 0.8: the lower incomplete gamma function's series, differentiated term by term."""
    sums, slopes, numerator = 1 / a, 1 / (a * a), 1.0
    for i in range(1, 6):
        numerator = numerator * (-x / i)
        sums = sums + numerator / (a + i)
        slopes = slopes + numerator / ((a + i) * (a + i))
    cdf_slope = (np.log(x) - digamma_forward(a)) * sums - slopes  # over x^a
    return np.nan_to_num(-cdf_slope * x * np.exp(x))


def _gamma_slope_near_mean(a: Array, x: Array) -> Array:
    """a > 8 and x within a tenth of a: the saddle point expansion about x = a."""
    cubic = 1440 * a * a + 6 * x * (53 - 120 * x) - 65 * x * x / a + a * (107 + 3600 * x)
    return (1 + 24 * a * (1 + 12 * a)) * cubic / (1244160 * a**4)


def _gamma_slope_large(a: Array, x: Array) -> Array:
    """a > 8 elsewhere: Rice's saddle point approximation of the cumulative distribution."""
    width, ratio = np.sqrt(8 * a), np.log(x / a)
    distance = np.maximum(x - a - a * ratio, 0) ** -1.5
    middle = width / (a - x) + np.where(x < a, -distance, distance)
    slope = ratio * middle - np.sqrt(2 / a) * (a + x) / (a - x) ** 2
    return -(1 + (1 + 1 / (24 * a)) / (12 * a)) * x * slope / width


_GAMMA_U = np.array([
    [0.16009398, -0.094634809, 0.025146376, -0.0030648343, 1, 0.32668115, 0.10406089, 0.0014179084],
    [0.53487893, 0.1298071, 0.065735949, -0.0015649758, 0.16639465, 0.020070113, -0.0035938915, -0.00058392623],
    [0.040121004, -0.0065914022, -0.0026286047, -0.0013441777, 0.017050642, -0.0021309326, 8.5092367e-4, -1.5247877e-7],
])  # fmt: skip


def _gamma_slope_middle(a: Array, x: Array) -> Array:
    """Elsewhere: exp of a quotient of polynomials in log(x/a) and log(a)."""
    in_v = [_poly(np.log(x / a), column) for column in _GAMMA_U.T]
    v = np.log(a)
    return np.exp(_poly(v, in_v[:4]) / _poly(v, in_v[4:]))


def standard_gamma_slope(a: Array, x: Array) -> Array:
    """dx/da of the sample x of the gamma distribution with concentration a and rate 1, in float64."""
    a, x = (np.asarray(z, np.float64) for z in (a, x))
    near = (a > 8) & (0.9 * a <= x) & (x <= 1.1 * a)
    regions = [x < 0.8, near, a > 8]
    formulas = [_gamma_slope_small, _gamma_slope_near_mean, _gamma_slope_large, _gamma_slope_middle]
    return _by_region(regions, formulas, a, x)


def _by_region(regions: list[Array], formulas: list[Any], *arguments: Array) -> Array:
    """For each element the formula of the first region that it is in; the last formula where it is in none."""
    result, left = np.empty_like(arguments[-1]), np.ones(arguments[-1].shape, bool)
    for region, formula in zip([*regions, left.copy()], formulas):
        here = left & region
        left &= ~region
        result[here] = formula(*(z[here] for z in arguments))
    return result


# -------------------------------------------------------------------------------------------------- Dirichlet samples


def _beta_slope_near_0(x: Array, a: Array, b: Array) -> Array:
    """The incomplete beta function's series at 0, differentiated by a."""
    factor = digamma_forward(a) - digamma_forward(a + b) - np.log(x)
    series, numerator = (factor + 1 / a) / a, 1.0
    for i in range(1, 11):
        numerator = numerator * ((i - b) * x / i)
        series = series + numerator / (a + i) * (factor + 1 / (a + i))
    return np.nan_to_num(x * (1 - x) ** -b * series)


def _beta_slope_near_1(x: Array, a: Array, b: Array) -> Array:
    """The same series of the mirrored distribution, at 1 - x, differentiated by its second parameter."""
    x, a, b = 1 - x, b, a
    factor = digamma_forward(a + b) - digamma_forward(b)
    series, numerator, product, slope = factor / a, 1.0, 1.0, 0.0
    for i in range(1, 9):
        numerator = numerator * (-x / i)
        slope, product = slope * (b - i) + product, product * (b - i)
        series = series + numerator / (a + i) * (slope + factor * product)
    return np.nan_to_num((1 - x) ** (1 - b) * series)


def _near_mean(x: Array, a: Array, b: Array) -> Array:
    total = a + b
    return abs(x - a / total) <= 0.1 * np.sqrt(a * b / (total + 1)) / total


def _beta_slope_at_mean(x: Array, a: Array, b: Array) -> Array:
    """a, b > 6 and x near the mean: the saddle point expansion about it."""
    total = a + b
    poly = _poly(a, [
        47 * x * b**4,
        (43 + 20 * (16 + 27 * b) * x) * b**3,
        3 * (59 + 180 * b - 90 * x) * b**2,
        (453 + 1620 * b * (1 - x) - 455 * x) * b,
        8 * (1 - x) * (135 * b - 11),
    ])  # fmt: skip
    scale = (1 + 12 * a) * (1 + 12 * b) / (total * total) / (12960 * a**3 * b**2 * (1 + 12 * total))
    return scale * poly / (1 - x)


def _stirling(x: Array) -> Array:
    return 1 + 1 / (12 * x) + 1 / (288 * x * x)


def _beta_slope_large(x: Array, a: Array, b: Array) -> Array:
    """a, b > 6 elsewhere: the saddle point approximation of the cumulative distribution."""
    total = a + b
    offset = a * (x - 1) + b * x
    term1 = (2 * a * a * (x - 1) + a * b * (x - 1) - x * b * b) / (np.sqrt(2 * a / b) * total**1.5 * offset**2)
    distance = b * np.log(b / (total * (1 - x))) + a * np.log(a / (total * x))
    term4 = np.where(x < a / total, 1, -1) * np.maximum(distance, 0) ** -1.5
    slope = term1 + 0.5 * np.log(a / (total * x)) * (np.sqrt(8 * a * b / total) / offset + term4)
    return -x / np.sqrt(2 * a * b / total) * slope * _stirling(a) * _stirling(b) / _stirling(total)


# numerator and denominator; powers of log(x), of log(a) - log(x), of what is left of log(a + b)
_BETA_RATIO = np.array([
    [[[1.003668233, -0.01061107488, -0.0657888334, 0.01201642863],
      [0.6336835991, -0.3557432599, 0.05486251648, -0.001465281033],
      [-0.03276231906, 0.004474107445, 0.002429354597, -0.0001557569013]],
     [[0.221950385, -0.3187676331, 0.01799915743, 0.01074823814],
      [-0.2951249643, 0.06219954479, 0.01535556598, 0.001550077057],
      [0.02155310298, 0.004170831599, 0.001292462449, 6.976601077e-05]],
     [[-0.05980841433, 0.008441916499, 0.01085618172, 0.002319392565],
      [0.02911413504, 0.01400243777, -0.002721828457, 0.000751041181],
      [0.005900514878, -0.001936558688, -9.495446725e-06, 5.385558597e-05]]],
    [[[1, -0.02924021934, -0.04438342661, 0.007285809825],
      [0.6357567472, -0.3473456711, 0.05454656494, -0.002407477521],
      [-0.03301322327, 0.004845219414, 0.00231480583, -0.0002307248149]],
     [[0.5925320577, -0.1757678135, 0.01505928619, 0.000564515273],
      [0.1014815858, -0.06589186703, 0.01272886114, -0.0007316646956],
      [-0.007258481865, 0.001096195486, 0.0003934994223, -4.12701925e-05]],
     [[0.06469649321, -0.0236701437, 0.002902096474, -5.896963079e-05],
      [0.001925008108, -0.002869809258, 0.0008000589141, -6.063713228e-05],
      [-0.0003477407336, 6.959756487e-05, 1.097287507e-05, -1.650964693e-06]]],
])  # fmt: skip


def _beta_slope_middle(x: Array, a: Array, b: Array) -> Array:
    """Elsewhere: a simple approximation, corrected by a quotient of polynomials."""
    total = a + b
    u = np.log(x)
    v = np.log(a) - u
    w = np.log(total) - v
    top, bottom = (_poly(u, [_poly(v, [_poly(w, c) for c in row]) for row in table]) for table in _BETA_RATIO)
    return top / bottom * x * (digamma_forward(total) - digamma_forward(a)) / b


def dirichlet_slope(x: Array, a: Array, total: Array) -> Array:
    """dx/da / (1 - x) of one component x of a Dirichlet sample: a is its concentration, `total` the sum of all; in
    float64."""
    x, a, total = (np.asarray(z, np.float64) for z in (x, a, total))
    b, spread, large = total - a, total * x * (1 - x), (a > 6) & (total - a > 6)
    regions = [(x <= 0.5) & (spread < 2.5), (x >= 0.5) & (spread < 0.75), large & _near_mean(x, a, b), large]
    formulas = [_beta_slope_near_0, _beta_slope_near_1, _beta_slope_at_mean, _beta_slope_large, _beta_slope_middle]
    return _by_region(regions, formulas, x, a, b)


# ----------------------------------------------------------------------------------------------------------- operators


class StandardGamma(Function):
    @staticmethod
    def forward(ctx: Any, concentration: Tensor, generator: Any) -> Tensor:
        x = wrap(random.standard_gamma(random.source(generator, concentration.device), concentration._array))
        ctx.save_for_backward(concentration, x)
        return x

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad: Tensor) -> Any:
        concentration, x = ctx.saved_tensors
        slope = standard_gamma_slope(concentration._array, x._array).astype(x._array.dtype)
        return grad * wrap(slope), None


class StandardDirichlet(Function):
    @staticmethod
    def forward(ctx: Any, concentration: Tensor, generator: Any) -> Tensor:
        x = wrap(random.dirichlet(generator, concentration._array))
        ctx.save_for_backward(concentration, x)
        return x

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad: Tensor) -> Any:
        concentration, x = ctx.saved_tensors
        a = concentration._array
        total = np.broadcast_to(a.sum(-1, keepdims=True), a.shape)
        slope = wrap(dirichlet_slope(x._array, a, total).astype(a.dtype))
        return slope * (grad - (x * grad).sum(-1, keepdim=True)), None


def standard_gamma(concentration: Tensor, generator: Any = None) -> Tensor:
    """Samples of the gamma distribution with rate 1, one for each concentration; differentiable once.

    Example:
        >>> a = rushlight.ones(3, requires_grad=True)
        >>> standard_gamma(a).sum().backward()
        >>> bool((a.grad > 0).all())
        True
    """
    return StandardGamma.apply(concentration, generator)


def dirichlet(concentration: Tensor, generator: Any = None) -> Tensor:
    """Samples of the Dirichlet distribution: (..., K) concentrations -> (..., K) that sum to 1; differentiable once."""
    return StandardDirichlet.apply(concentration, generator)
