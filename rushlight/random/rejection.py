"""Samples by rejection: Poisson, binomial, gamma, Dirichlet.

Each element draws until a proposal is accepted, so the words that it uses depend on what they are, and the elements are
made one at a time in Python: some microseconds each. As elsewhere, the same words give PyTorch's numbers.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from ..errors import OperatorError
from .arithmetic import FLOAT32, FLOAT64, Array, rounded
from .continuous import float_dtype
from .examples import elementwise_sampler, sampler
from .generator import Generator, default_generator


def _uniform(generator: Generator) -> float:
    upper, lower = generator.words(2).tolist()
    return float(((upper & 0x1FFFFF) << 32 | lower) * 2.0**-53)


def _normal(generator: Generator) -> float:
    spare, generator.spare_normal = generator.spare_normal, None
    if spare is not None:
        return spare
    u, v = _uniform(generator), _uniform(generator)
    radius, angle = math.sqrt(-2.0 * math.log1p(-v)), (2 * math.pi) * u
    generator.spare_normal = radius * math.sin(angle)
    return radius * math.cos(angle)


@elementwise_sampler
def poisson(generator: Generator | None, rate: Array) -> Array:
    """Poisson numbers, one for each rate.

    Args:
        generator: where to draw from; None means the default generator.
        rate: floating, each at least 0.

    Raises:
        NotImplementedError: rate is not floating.
        RuntimeError: a rate is below 0.

    Example:
        >>> poisson(Generator().manual_seed(0), np.array([0.0, 3.0, 50.0])).shape
        (3,)

    Source: the behaviour of torch.poisson; Hoermann 1993, "The transformed rejection method for generating Poisson
    random variables", algorithm PTRS (rates from 10 on).
    """
    kind = float_dtype("poisson", rate.dtype)
    if not (rate >= 0).all():
        raise OperatorError(f"poisson: a rate of {rate.shape} is not at least 0")
    source = generator or default_generator
    drawn = [_poisson_by_rejection(source, r) if r >= 10 else _poisson_by_product(source, r) for r in _flat(rate)]
    return rounded(np.array(drawn, FLOAT64).reshape(rate.shape), kind)


def _flat(x: Array) -> list[float]:
    numbers: list[float] = x.astype(FLOAT64).reshape(-1).tolist()
    return numbers


def _poisson_by_product(generator: Generator, rate: float) -> int:
    """How many uniform numbers may be multiplied before the product falls to exp(-rate)."""
    if rate == 0:
        return 0
    limit, product, count = math.exp(-rate), _uniform(generator), 0
    while product > limit:
        product *= _uniform(generator)
        count += 1
    return count


def _poisson_by_rejection(generator: Generator, rate: float) -> int:
    log_rate = math.log(rate)
    b = 0.931 + 2.53 * math.sqrt(rate)
    a = -0.059 + 0.02483 * b
    log_inverse_alpha = math.log(1.1239 + 1.1328 / (b - 3.4))
    while True:
        u, v = _uniform(generator) - 0.5, _uniform(generator)
        distance = 0.5 - abs(u)
        count = math.floor((2 * a / distance + b) * u + rate + 0.43) if distance else -1
        if distance >= 0.07 and v <= 0.9277 - 3.6224 / (b - 2):
            return count
        if count < 0 or (distance < 0.013 and v > distance):
            continue
        height = math.log(v) + log_inverse_alpha - math.log(a / (distance * distance) + b) if v else -math.inf
        if height <= -rate + count * log_rate - math.lgamma(count + 1.0):
            return count


@elementwise_sampler
def standard_gamma(generator: Generator | None, alpha: Array) -> Array:
    """Gamma numbers of rate 1, one for each shape parameter.

    Args:
        generator: where to draw from; None means the default generator.
        alpha: float32 or float64, each at least 0.

    Raises:
        NotImplementedError: alpha is of another dtype.

    Example:
        >>> standard_gamma(Generator().manual_seed(0), np.array([0.5, 3.0])).shape
        (2,)

    Source: the behaviour of torch._standard_gamma; Marsaglia, Tsang 2000, "A simple method for generating gamma
    variables", ACM TOMS 26(3).
    """
    kind = _single_or_double("standard_gamma", alpha)
    source = generator or default_generator
    drawn = [_gamma(source, a) for a in alpha.reshape(-1)]
    values = rounded(np.array(drawn, FLOAT64), kind).reshape(alpha.shape)
    return np.maximum(values, np.finfo(kind).tiny, dtype=kind)


def _single_or_double(sampler: str, x: Array) -> np.dtype[Any]:
    return float_dtype(sampler, x.dtype if x.dtype in (FLOAT32, FLOAT64) else object)


def _gamma(generator: Generator, alpha: Any) -> float:
    """torch: alpha stays in its own dtype, all that follows is double with constants rounded to float."""
    if alpha == 0:
        return 0.0
    scale, one = 1.0, np.float32(1)
    if alpha < 1:
        scale = math.pow(1 - _uniform(generator), float(one / alpha))
        alpha = alpha + one
    d = float(alpha - one / np.float32(3))
    c = 1 / math.sqrt(9 * d)
    while True:
        x = _normal(generator)
        y = 1 + c * x
        if y <= 0:
            continue
        v, u, square = y * y * y, 1 - _uniform(generator), x * x
        if u < 1 - float(np.float32(0.0331)) * square * square:
            return scale * d * v
        if math.log(u) < 0.5 * square + d * (1 - v + math.log(v)):
            return scale * d * v


@sampler
def dirichlet(generator: Generator | None, alpha: Array) -> Array:
    """Points of the simplex: gamma numbers over the last dimension, divided by their sum.

    Args:
        generator: where to draw from; None means the default generator.
        alpha: (..., C), float32 or float64, each above 0.

    Raises:
        NotImplementedError: alpha is of another dtype.

    Example:
        >>> dirichlet(Generator().manual_seed(0), np.ones(3)).shape
        (3,)

    Source: the behaviour of torch._sample_dirichlet.
    """
    kind = _single_or_double("dirichlet", alpha)
    gamma = standard_gamma(generator, alpha.astype(FLOAT64))
    points = rounded(gamma / gamma.sum(axis=-1, keepdims=True), kind)
    return points.clip(np.finfo(kind).tiny, np.nextafter(kind.type(1), kind.type(0)))


@elementwise_sampler
def binomial(generator: Generator | None, count: Array, prob: Array) -> Array:
    """The number of successes in `count` tosses, for each pair of a count and a probability.

    Args:
        generator: where to draw from; None means the default generator.
        count: float32 or float64, whole numbers, at least 0.
        prob: of the same shape and dtype, in [0, 1].

    Raises:
        NotImplementedError: count is of another dtype.
        RuntimeError: shapes or dtypes differ.

    Example:
        >>> binomial(Generator().manual_seed(0), np.array([10.0]), np.array([1.0])).tolist()
        [10.0]

    Source: the behaviour of torch.binomial; Hoermann 1993, "The generation of binomial random variates", algorithm
    BTRS (means from 10 on); Devroye 1986, "Non-uniform random variate generation", p. 525 (below).
    """
    _single_or_double("binomial", count)
    if count.shape != prob.shape or count.dtype != prob.dtype:
        raise OperatorError(f"binomial: count {count.shape} {count.dtype} and prob {prob.shape} {prob.dtype} differ")
    source = generator or default_generator
    drawn = [_binomial(source, n, p) for n, p in zip(count.reshape(-1), prob.reshape(-1), strict=True)]
    return np.array(drawn, count.dtype).reshape(count.shape)


def _binomial(generator: Generator, count: Any, prob: Any) -> Any:
    if count <= 0 or prob <= 0:
        return 0
    if prob >= 1:
        return count
    if prob <= 0.5:
        return _fewer_half(generator, count, prob)
    if prob > 0.5:
        return count - _fewer_half(generator, count, prob.dtype.type(1.0 - prob))
    return math.nan


def _fewer_half(generator: Generator, count: Any, prob: Any) -> Any:
    sampler: Callable[[Generator, Any, Any], Any]
    sampler = _binomial_by_rejection if float(count * prob) >= 10 else _binomial_by_waiting
    return sampler(generator, count, prob)


def _binomial_by_waiting(generator: Generator, count: Any, prob: Any) -> int:
    """How many waiting times, geometrically distributed, fit into `count`."""
    log_failure = float(np.log1p(-prob)) if prob.dtype == FLOAT32 else math.log1p(-float(prob))
    waited, successes = 0.0, 0
    while True:
        u = _uniform(generator)
        waited += math.ceil(math.log(u) / log_failure) if u else math.inf
        if waited > count:
            return successes
        successes += 1


def _binomial_by_rejection(generator: Generator, count: Any, prob: Any) -> float:
    """torch: what depends on count and prob alone is computed in their dtype, where PyTorch's C++ does so."""
    one = count.dtype.type(1)
    spread = float(np.sqrt(count * prob * (one - prob)))
    n, p = float(count), float(prob)
    b = 1.15 + 2.53 * spread
    a = -0.0873 + 0.0248 * b + 0.01 * p
    centre = float(count * prob) + 0.5
    odds = float(prob / (one - prob))
    alpha = (2.83 + 5.1 / b) * spread
    mode = float(np.floor((count + one) * prob))
    while True:
        u, v = _uniform(generator) - 0.5, _uniform(generator)
        distance = 0.5 - abs(u)
        k = math.floor((2 * a / distance + b) * u + centre) if distance else -1
        if not 0 <= k <= n:
            continue
        if distance >= 0.07 and v <= 0.92 - 4.2 / b:
            return k
        height = math.log(v * alpha / (a / (distance * distance) + b)) if v else -math.inf
        if height <= _log_ratio(n, float(k), mode, odds):
            return k


def _log_ratio(n: float, k: float, mode: float, odds: float) -> float:
    """Log of the probability of k over that of the mode, by Stirling's formula with its tails."""
    return (
        (mode + 0.5) * math.log((mode + 1) / (odds * (n - mode + 1)))
        + (n + 1) * math.log((n - mode + 1) / (n - k + 1))
        + (k + 0.5) * math.log(odds * (n - k + 1) / (k + 1))
        + _stirling_tail(mode)
        + _stirling_tail(n - mode)
        - _stirling_tail(k)
        - _stirling_tail(n - k)
    )


def _stirling_tail(k: float) -> float:
    """Log k! less Stirling's (k + 1/2) log(k + 1) - (k + 1) + log(2 pi) / 2."""
    if k < 10:
        return math.lgamma(k + 1) - (k + 0.5) * math.log(k + 1) + (k + 1) - 0.5 * math.log(2 * math.pi)
    square = (k + 1) * (k + 1)
    return (1 / 12 - (1 / 360 - 1 / 1260 / square) / square) / (k + 1)
