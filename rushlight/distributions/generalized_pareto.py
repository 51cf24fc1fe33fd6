"""The generalized Pareto distribution, of what exceeds a high threshold."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from .. import ops
from ..tensor import Tensor
from . import constraints
from .distribution import Elementwise
from .utils import uniform, validated


class GeneralizedPareto(Elementwise):
    """P(X > x) = (1 + c z)^(-1/c), z = (x - loc) / scale; exp(-z) where c = 0.

    Args:
        loc: the least value.
        scale: the width.
        concentration: c; the tail is heavy above 0 and ends below 0.
    """

    arg_constraints: Any = {
        "loc": constraints.real,
        "scale": constraints.positive,
        "concentration": constraints.real,
    }
    has_rsample = True

    loc: Tensor
    scale: Tensor
    concentration: Tensor

    def __init__(self, loc: Any, scale: Any, concentration: Any, validate_args: bool | None = None) -> None:
        self._take(validate_args, loc=loc, scale=scale, concentration=concentration)

    @constraints.dependent_property(is_discrete=False, event_dim=0)
    def support(self) -> Any:
        c = self.concentration
        return constraints.interval(self.loc, ops.where(c < 0, self.loc - self.scale / c, math.inf))

    def _split(self) -> tuple[Tensor, Tensor]:
        """Where c is 0, and c with 1 in its place there."""
        zero = ops.isclose(self.concentration, ops.zeros_like(self.concentration))
        return zero, self.concentration.masked_fill(zero, 1.0)

    def _z(self, value: Tensor) -> Tensor:
        return (value - self.loc) / self.scale

    def rsample(self, sample_shape: Sequence[int] = ()) -> Tensor:
        return self.icdf(uniform(self._extended_shape(sample_shape), self.loc))

    @validated
    def log_prob(self, value: Tensor) -> Tensor:
        zero, c = self._split()
        z = self._z(value)
        power = 1 / c + 1
        tail = ops.where(power == 0, power, power * ops.log1p(c * z))
        return -self.scale.log() - ops.where(zero, z, tail)

    @validated
    def log_survival_function(self, value: Tensor) -> Tensor:
        """log P(X > value)."""
        zero, c = self._split()
        z = self._z(value)
        return ops.where(zero, -z, -ops.log1p(c * z) / c)

    def log_cdf(self, value: Tensor) -> Tensor:
        """log P(X <= value)."""
        return ops.log1p(-self.log_survival_function(value).exp())

    def cdf(self, value: Tensor) -> Tensor:
        return self.log_cdf(value).exp()

    def icdf(self, value: Tensor) -> Tensor:
        zero, c = self._split()
        log_tail = ops.log1p(-value)
        curved = self.loc + self.scale / c * ops.expm1(-c * log_tail)
        return ops.where(zero, self.loc - self.scale * log_tail, curved)

    @property
    def mean(self) -> Tensor:
        finite = self.concentration < 1
        c = ops.where(finite, self.concentration, 0.5)
        return ops.where(finite, self.loc + self.scale / (1 - c), math.nan)

    @property
    def mode(self) -> Tensor:
        return self.loc

    @property
    def variance(self) -> Tensor:
        finite = self.concentration < 0.5
        c = ops.where(finite, self.concentration, 0.25)
        return ops.where(finite, self.scale**2 / ((1 - c) ** 2 * (1 - 2 * c)), math.nan)

    def entropy(self) -> Tensor:
        return self.scale.log() + self.concentration + 1
