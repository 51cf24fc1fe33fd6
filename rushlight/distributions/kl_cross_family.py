"""KL(p || q) of p and q from different families: -entropy(p) - E[log q(x)], x drawn from p.

log q is a sum of few functions of x (x, x^2, log x, log(1 - x), exp(-x / s)), so the expectation is one formula for
each q in terms of expectations that p knows. Where p reaches beyond q's support, the divergence is infinite.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

from .. import ops
from ..tensor import Tensor
from .bernoulli import Bernoulli
from .continuous_bernoulli import ContinuousBernoulli
from .counts import Binomial, Poisson
from .dirichlet import Beta
from .exponential import Exponential, Pareto
from .gamma import Gamma
from .kl import register_kl
from .laplace import Laplace
from .normal import Normal
from .uniform import Gumbel, Uniform
from .utils import euler_constant

INF = math.inf
Expectation = Callable[..., Tensor]


# ------------------------------------------------------------------------------------------------------- what p knows


def _x_log_x(x: Tensor) -> Tensor:
    return ops.xlogy(x, x)


def _mean_log_between(low: Tensor, high: Tensor) -> Tensor:
    """The mean of log x over [low, high]."""
    return (_x_log_x(high) - _x_log_x(low)) / (high - low) - 1


MEAN_LOG: dict[type, Expectation] = {
    Beta: lambda p: p.concentration1.digamma() - (p.concentration1 + p.concentration0).digamma(),
    Exponential: lambda p: -euler_constant - p.rate.log(),
    Gamma: lambda p: p.concentration.digamma() - p.rate.log(),
    Pareto: lambda p: p.scale.log() + p.alpha.reciprocal(),
    Uniform: lambda p: _mean_log_between(p.low, p.high),
}
MEAN_EXP: dict[type, Expectation] = {  # of exp(-x / s)
    Exponential: lambda p, s: p.rate / (p.rate + 1 / s),
    Gamma: lambda p, s: (1 + 1 / (p.rate * s)).pow(-p.concentration),
    Normal: lambda p, s: (-p.loc / s + 0.5 * (p.scale / s).pow(2)).exp(),
    Uniform: lambda p, s: s * ((-p.low / s).exp() - (-p.high / s).exp()) / (p.high - p.low),
}


def _expected(table: dict[type, Expectation], p: Any, *scale: Tensor) -> Tensor:
    """The table's entry for p's class, or for the class that it is derived from."""
    return next(table[kind] for kind in type(p).__mro__ if kind in table)(p, *scale)


def _mean_distance(p: Normal, point: Tensor) -> Tensor:
    """The mean of |x - point| for a normal x."""
    shift = p.loc - point
    z = shift / p.scale
    return math.sqrt(2 / math.pi) * p.scale * (-0.5 * z.pow(2)).exp() + shift * ops.erf(math.sqrt(0.5) * z)


# --------------------------------------------------------------------------------------------- -E[log q(x)] for each q


def _of_normal(p: Any, q: Normal) -> Tensor:
    variance = q.scale.pow(2)
    return 0.5 * (2 * math.pi * variance).log() + (p.variance + (p.mean - q.loc).pow(2)) / (2 * variance)


def _of_gamma(p: Any, q: Gamma) -> Tensor:
    normalizer = q.concentration.lgamma() - q.concentration * q.rate.log()
    return normalizer - (q.concentration - 1) * _expected(MEAN_LOG, p) + q.rate * p.mean


def _of_beta(p: Uniform, q: Beta) -> Tensor:
    a, b = q.concentration1, q.concentration0
    normalizer = a.lgamma() + b.lgamma() - (a + b).lgamma()
    below = _mean_log_between(1 - p.high, 1 - p.low)
    return normalizer - (a - 1) * _mean_log_between(p.low, p.high) - (b - 1) * below


def _of_gumbel(p: Any, q: Gumbel) -> Tensor:
    shift = q.loc / q.scale
    return q.scale.log() + p.mean / q.scale - shift + shift.exp() * _expected(MEAN_EXP, p, q.scale)


CROSS_ENTROPY: dict[type, Expectation] = {
    Normal: _of_normal,
    Gamma: _of_gamma,
    Beta: _of_beta,
    Gumbel: _of_gumbel,
    Exponential: lambda p, q: q.rate * p.mean - q.rate.log(),
    ContinuousBernoulli: lambda p, q: -p.mean * q.logits - (-q.probs).log1p() - q._cont_bern_log_norm(),
    Laplace: lambda p, q: (2 * q.scale).log() + _mean_distance(p, q.loc) / q.scale,
    Pareto: lambda p, q: (q.alpha + 1) * _expected(MEAN_LOG, p) - q.alpha.log() - q.alpha * q.scale.log(),
    Poisson: lambda p, q: q.rate - p.mean * q.rate.log(),  # x is 0 or 1, so x! is 1
    Uniform: lambda p, q: (q.high - q.low).log(),
}

# ---------------------------------------------------------------------------------------------------------- the pairs

FINITE: dict[type, tuple[type, ...]] = {
    Bernoulli: (Poisson,),
    Beta: (ContinuousBernoulli, Exponential, Gamma, Normal),
    ContinuousBernoulli: (Exponential, Normal),
    Exponential: (Gamma, Gumbel, Normal),
    Gamma: (Exponential, Gumbel, Normal),
    Gumbel: (Normal,),
    Laplace: (Normal,),
    Normal: (Gumbel, Laplace),
    Uniform: (Gumbel, Normal),
}
# What p reaches beyond q's support or without a bound, where the divergence becomes infinite.
BOUNDED: dict[tuple[type, type], Callable[[Any, Any], Tensor]] = {
    (Beta, Uniform): lambda p, q: (q.low > 0) | (q.high < 1),
    (ContinuousBernoulli, Uniform): lambda p, q: (q.low >= 0) | (q.high <= 1),  # torch: also where they are equal
    (Uniform, ContinuousBernoulli): lambda p, q: (p.high >= 1) | (p.low <= 0),  # torch: also where they are equal
    (Uniform, Beta): lambda p, q: (p.high > 1) | (p.low < 0),
    (Uniform, Exponential): lambda p, q: p.low < 0,
    (Uniform, Gamma): lambda p, q: p.low < 0,
    (Uniform, Pareto): lambda p, q: p.low < q.scale,
    (Pareto, Exponential): lambda p, q: p.alpha <= 1,
    (Pareto, Gamma): lambda p, q: p.alpha <= 1,
    (Pareto, Normal): lambda p, q: p.alpha <= 2,
}
INFINITE: dict[type, tuple[type, ...]] = {
    Beta: (Pareto,),
    ContinuousBernoulli: (Pareto,),
    Exponential: (Beta, ContinuousBernoulli, Pareto, Uniform),
    Gamma: (Beta, ContinuousBernoulli, Pareto, Uniform),
    Gumbel: (Beta, ContinuousBernoulli, Exponential, Gamma, Pareto, Uniform),
    Laplace: (Beta, ContinuousBernoulli, Exponential, Gamma, Pareto, Uniform),
    Normal: (Beta, ContinuousBernoulli, Exponential, Gamma, Pareto, Uniform),
    Pareto: (Beta, ContinuousBernoulli, Uniform),
    Poisson: (Bernoulli, Binomial),
}


def _finite(q_type: type) -> Callable[[Any, Any], Tensor]:
    return lambda p, q: CROSS_ENTROPY[q_type](p, q) - p.entropy()


def _bounded(q_type: type, reaches_out: Callable[[Any, Any], Tensor]) -> Callable[[Any, Any], Tensor]:
    return lambda p, q: ops.where(reaches_out(p, q), INF, CROSS_ENTROPY[q_type](p, q) - p.entropy())


def _infinite(p: Any, q: Any) -> Tensor:
    """torch: of p's shape, whatever q's."""
    return ops.full_like(getattr(p, next(iter(p.arg_constraints))), INF)


for _p, _others in FINITE.items():
    for _q in _others:
        register_kl(_p, _q)(_finite(_q))
for (_p, _q), _reaches_out in BOUNDED.items():
    register_kl(_p, _q)(_bounded(_q, _reaches_out))
for _p, _others in INFINITE.items():
    for _q in _others:
        register_kl(_p, _q)(_infinite)
