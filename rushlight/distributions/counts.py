"""Counts: how many tosses succeed (binomial), succeed before a number fail (negative binomial), how many rare events
happen (Poisson)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from .. import ops
from ..autograd import no_grad
from ..errors import UnsupportedError
from ..nn.functional import logsigmoid
from ..tensor import Tensor
from . import constraints
from .bernoulli import Coin, one_of
from .distribution import Elementwise
from .exp_family import ExponentialFamily
from .gamma import Gamma
from .utils import broadcast_all, validated


class _Tosses(Coin):
    """A coin and a number, `total_count`, kept in the coin's dtype."""

    total_count: Tensor

    def _toss(self, total_count: Any, probs: Any, logits: Any, validate_args: bool | None) -> None:
        ((name, given),) = one_of(probs, logits).items()
        count, given = broadcast_all(total_count, given)
        self._take(validate_args, total_count=count.to(given.dtype), **{name: given})


class Binomial(_Tosses):
    """P(k) = n! / (k! (n - k)!) probs^k (1 - probs)^(n - k): how many of n tosses succeed.

    Args:
        total_count: n.
        probs: the probability of success.
        logits: its log-odds, instead.

    Raises:
        ValueError: both or none of the two given.
    """

    arg_constraints: Any = {"total_count": constraints.nonnegative_integer, **Coin.arg_constraints}
    has_enumerate_support = True

    def __init__(
        self, total_count: Any = 1, probs: Any = None, logits: Any = None, validate_args: bool | None = None
    ) -> None:
        self._toss(total_count, probs, logits, validate_args)

    @constraints.dependent_property(is_discrete=True, event_dim=0)
    def support(self) -> Any:
        return constraints.integer_interval(0, self.total_count)

    @property
    def mean(self) -> Tensor:
        return self.total_count * self.probs

    @property
    def mode(self) -> Tensor:
        return ops.minimum(((self.total_count + 1) * self.probs).floor(), self.total_count)

    @property
    def variance(self) -> Tensor:
        return self.total_count * self.probs * (1 - self.probs)

    def sample(self, sample_shape: Sequence[int] = ()) -> Tensor:
        shape = self._extended_shape(sample_shape)
        with no_grad():
            return ops.binomial(self.total_count.expand(shape), self.probs.expand(shape))

    @validated
    def log_prob(self, value: Tensor) -> Tensor:
        n, logits = self.total_count, self.logits
        # log(1 + exp(logits)), whose gradient at 0 is 1/2 from either side
        positive = (logits.clamp(min=0) + logits - logits.clamp(max=0)) / 2
        normalizer = n * positive + n * ops.log1p((-logits.abs()).exp()) - ops.lgamma(n + 1)
        return value * logits - ops.lgamma(value + 1) - ops.lgamma(n - value + 1) - normalizer

    def _one_count(self, name: str) -> int:
        total_count = int(self.total_count.max())
        if int(self.total_count.min()) != total_count:
            raise UnsupportedError(f"Inhomogeneous total count not supported by `{name}`.")
        return total_count

    def entropy(self) -> Tensor:
        self._one_count("entropy")
        log_prob = self.log_prob(self.enumerate_support(False))
        return -(log_prob.exp() * log_prob).sum(0)

    def enumerate_support(self, expand: bool = True) -> Tensor:
        n = self._one_count("enumerate_support")
        return self._enumerated(ops.arange(1 + n, dtype=self._param.dtype), expand)


class NegativeBinomial(_Tosses):
    """P(k) = gamma(n + k) / (k! gamma(n)) probs^k (1 - probs)^n: successes before the n-th failure; n may be any
    positive number.

    Args:
        total_count: n.
        probs: the probability of success, in [0, 1).
        logits: its log-odds, instead.

    Raises:
        ValueError: both or none of the two given.
    """

    arg_constraints: Any = {
        "total_count": constraints.greater_than_eq(0),
        "probs": constraints.half_open_interval(0.0, 1.0),
        "logits": constraints.real,
    }
    support: Any = constraints.nonnegative_integer

    def __init__(
        self, total_count: Any, probs: Any = None, logits: Any = None, validate_args: bool | None = None
    ) -> None:
        self._toss(total_count, probs, logits, validate_args)

    @property
    def mean(self) -> Tensor:
        return self.total_count * self.logits.exp()

    @property
    def mode(self) -> Tensor:
        return ((self.total_count - 1) * self.logits.exp()).floor().clamp(min=0.0)

    @property
    def variance(self) -> Tensor:
        return self.mean / ops.sigmoid(-self.logits)

    def sample(self, sample_shape: Sequence[int] = ()) -> Tensor:
        """Poisson numbers whose rates are drawn from a gamma distribution."""
        with no_grad():
            rates = Gamma(self.total_count, (-self.logits).exp(), validate_args=False)
            return ops.poisson(rates.sample(sample_shape))

    @validated
    def log_prob(self, value: Tensor) -> Tensor:
        n = self.total_count
        log_tosses = n * logsigmoid(-self.logits) + value * logsigmoid(self.logits)
        log_orders = ops.lgamma(n + value) - ops.lgamma(1.0 + value) - ops.lgamma(n)
        return log_tosses + log_orders.masked_fill(n + value == 0, 0.0)


class Poisson(Elementwise, ExponentialFamily):
    """P(k) = rate^k exp(-rate) / k!.

    Args:
        rate: the expected number.
    """

    arg_constraints: Any = {"rate": constraints.nonnegative}
    support: Any = constraints.nonnegative_integer

    rate: Tensor

    def __init__(self, rate: Any, validate_args: bool | None = None) -> None:
        self._take(validate_args, rate=rate)

    @property
    def mean(self) -> Tensor:
        return self.rate

    @property
    def mode(self) -> Tensor:
        return self.rate.floor()

    @property
    def variance(self) -> Tensor:
        return self.rate

    def sample(self, sample_shape: Sequence[int] = ()) -> Tensor:
        with no_grad():
            return ops.poisson(self.rate.expand(self._extended_shape(sample_shape)))

    @validated
    def log_prob(self, value: Tensor) -> Tensor:
        rate, value = broadcast_all(self.rate, value)
        return value.xlogy(rate) - rate - (value + 1).lgamma()

    @property
    def _natural_params(self) -> tuple[Tensor, ...]:
        return (self.rate.log(),)

    def _log_normalizer(self, x: Tensor) -> Tensor:  # type: ignore[override]
        return x.exp()
