"""The continuous Bernoulli distribution, for grey values between 0 and 1."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from .. import ops
from ..errors import ArgumentError
from ..nn.functional import binary_cross_entropy_with_logits
from ..tensor import Tensor
from . import constraints
from .bernoulli import Coin, one_of
from .exp_family import ExponentialFamily
from .utils import broadcast_all, clamp_probs, lazy_property, logits_to_probs, uniform, validated


class ContinuousBernoulli(Coin, ExponentialFamily):
    """p(x) = C probs^x (1 - probs)^(1 - x), for x in [0, 1], with 1/C the integral of the rest.

    Near probs = 1/2, where C is 0/0, expansions in powers of probs - 1/2 take over.

    Args:
        probs: in (0, 1).
        logits: log-odds of it, instead.
        lims: between these the expansions are used.

    Raises:
        ValueError: both or none of the two given.

    Source: Loaiza-Ganem, Cunningham 2019, "The continuous Bernoulli: fixing a pervasive error in variational
    autoencoders", arXiv:1907.06845.
    """

    support: Any = constraints.unit_interval
    has_rsample = True
    _mean_carrier_measure = 0

    def __init__(
        self,
        probs: Any = None,
        logits: Any = None,
        lims: tuple[float, float] = (0.499, 0.501),
        validate_args: bool | None = None,
    ) -> None:
        given = one_of(probs, logits)
        if probs is not None:
            (wide,) = broadcast_all(probs)
            if validate_args is not None and not bool(constraints.unit_interval.check(wide).all()):
                raise ArgumentError("The parameter probs has invalid values")
            given = {"probs": clamp_probs(wide)}
        self._lims = lims
        self._take(validate_args, **given)

    @lazy_property
    def probs(self) -> Any:
        return clamp_probs(logits_to_probs(self.logits, is_binary=True))

    def _stable(self) -> Tensor:
        return (self.probs <= self._lims[0]) | (self.probs > self._lims[1])

    def _choose(self, formula: Any, expansion: Any) -> Tensor:
        """formula(probs), or expansion(probs - 1/2) near 1/2."""
        stable = self._stable()
        safe = ops.where(stable, self.probs, self._lims[0])
        return ops.where(stable, formula(safe), expansion(self.probs - 0.5))

    def _cont_bern_log_norm(self) -> Tensor:
        """log C = log(2 artanh(1 - 2 probs) / (1 - 2 probs))."""
        return self._choose(
            lambda p: (p.neg().log1p() - p.log()).abs().log() - (1 - 2 * p).abs().log(),
            lambda d: math.log(2.0) + (4.0 / 3.0 + 104.0 / 45.0 * d * d) * d * d,
        )

    @property
    def mean(self) -> Tensor:
        return self._choose(
            lambda p: p / (2.0 * p - 1.0) + 1.0 / (p.neg().log1p() - p.log()),
            lambda d: 0.5 + (1.0 / 3.0 + 16.0 / 45.0 * d * d) * d,
        )

    @property
    def variance(self) -> Tensor:
        return self._choose(
            lambda p: p * (p - 1.0) / (1.0 - 2.0 * p).pow(2) + 1.0 / (p.neg().log1p() - p.log()).pow(2),
            lambda d: 1.0 / 12.0 - (1.0 / 15.0 - 128.0 / 945.0 * d * d) * d * d,
        )

    def rsample(self, sample_shape: Sequence[int] = ()) -> Tensor:
        return self.icdf(uniform(self._extended_shape(sample_shape), self.probs))

    @validated
    def log_prob(self, value: Tensor) -> Tensor:
        logits, value = broadcast_all(self.logits, value)
        bernoulli = -binary_cross_entropy_with_logits(logits, value, reduction="none")
        return bernoulli + self._cont_bern_log_norm()

    @validated
    def cdf(self, value: Tensor) -> Tensor:
        inside = self._choose(
            lambda p: (p.pow(value) * (1.0 - p).pow(1.0 - value) + p - 1.0) / (2.0 * p - 1.0), lambda d: value
        )
        return ops.where(value <= 0, 0.0, ops.where(value >= 1, 1.0, inside))

    def icdf(self, value: Tensor) -> Tensor:
        def formula(p: Tensor) -> Tensor:
            failure = p.neg().log1p()
            return ((-p + value * (2.0 * p - 1.0)).log1p() - failure) / (p.log() - failure)

        return self._choose(formula, lambda d: value)

    def entropy(self) -> Tensor:
        failure, success = (-self.probs).log1p(), self.probs.log()
        return self.mean * (failure - success) - self._cont_bern_log_norm() - failure

    @property
    def _natural_params(self) -> tuple[Tensor, ...]:
        return (self.logits,)

    def _log_normalizer(self, x: Tensor) -> Tensor:  # type: ignore[override]
        """log((exp(x) - 1) / x)."""
        low, high = self._lims[0] - 0.5, self._lims[1] - 0.5
        stable = (x <= low) | (x > high)
        safe = ops.where(stable, x, low)
        expansion = 0.5 * x + x.pow(2) / 24.0 - x.pow(4) / 2880.0
        return ops.where(stable, safe.expm1().abs().log() - safe.abs().log(), expansion)
