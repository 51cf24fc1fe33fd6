"""A coin: Bernoulli's single toss, the geometric number of tosses that fail, and what both share with the other
distributions of coins, a probability given either as `probs` or as `logits`."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from .. import ops
from ..autograd import no_grad
from ..dtypes import finfo
from ..errors import ArgumentError
from ..nn.functional import binary_cross_entropy_with_logits
from ..tensor import Size, Tensor
from . import constraints
from .distribution import Elementwise
from .exp_family import ExponentialFamily
from .utils import broadcast_all, lazy_property, logits_to_probs, probs_to_logits, validated


def one_of(probs: Any, logits: Any) -> dict[str, Any]:
    """The one that was given, by its name.

    Raises:
        ValueError: both or none were.
    """
    if (probs is None) == (logits is None):
        raise ArgumentError("Either `probs` or `logits` must be specified, but not both.")
    return {"logits": logits} if probs is None else {"probs": probs}


class Coin(Elementwise):
    """A probability of success for each element: probs = sigmoid(logits)."""

    arg_constraints: Any = {"probs": constraints.unit_interval, "logits": constraints.real}

    @lazy_property
    def logits(self) -> Any:
        return probs_to_logits(self.probs, is_binary=True)

    @lazy_property
    def probs(self) -> Any:
        return logits_to_probs(self.logits, is_binary=True)

    @property
    def _param(self) -> Tensor:
        """The one that is there without computing."""
        return next(self.__dict__[name] for name in ("probs", "logits") if name in self.__dict__)

    @property
    def param_shape(self) -> Size:
        """The shape of `probs` and `logits`."""
        return self._param.size()


class Bernoulli(Coin, ExponentialFamily):
    """P(1) = probs, P(0) = 1 - probs.

    Args:
        probs: the probability of 1.
        logits: its log-odds, instead.

    Raises:
        ValueError: both or none of the two given.

    Example:
        >>> Bernoulli(0.3).log_prob(rushlight.tensor(1.0)).exp()
        tensor(0.3000)
    """

    support: Any = constraints.boolean
    has_enumerate_support = True
    _mean_carrier_measure = 0

    def __init__(self, probs: Any = None, logits: Any = None, validate_args: bool | None = None) -> None:
        self._take(validate_args, **one_of(probs, logits))

    @property
    def mean(self) -> Tensor:
        return self.probs

    @property
    def mode(self) -> Tensor:
        """1 or 0, NaN where they are as probable."""
        return (self.probs >= 0.5).to(self.probs.dtype).masked_fill(self.probs == 0.5, math.nan)

    @property
    def variance(self) -> Tensor:
        return self.probs * (1 - self.probs)

    def sample(self, sample_shape: Sequence[int] = ()) -> Tensor:
        with no_grad():
            return ops.bernoulli(self.probs.expand(self._extended_shape(sample_shape)))

    @validated
    def log_prob(self, value: Tensor) -> Tensor:
        logits, value = broadcast_all(self.logits, value)
        return -binary_cross_entropy_with_logits(logits, value, reduction="none")

    def entropy(self) -> Tensor:
        return binary_cross_entropy_with_logits(self.logits, self.probs, reduction="none")

    def enumerate_support(self, expand: bool = True) -> Tensor:
        return self._enumerated(ops.arange(2, dtype=self._param.dtype), expand)

    @property
    def _natural_params(self) -> tuple[Tensor, ...]:
        return (ops.logit(self.probs),)

    def _log_normalizer(self, x: Tensor) -> Tensor:  # type: ignore[override]
        return x.exp().log1p()


class Geometric(Coin):
    """P(k) = (1 - probs)^k probs: how many tosses fail before the first success.

    Args:
        probs: the probability of success, above 0.
        logits: its log-odds, instead.

    Raises:
        ValueError: both or none of the two given; a probability of 0.
    """

    support: Any = constraints.nonnegative_integer

    def __init__(self, probs: Any = None, logits: Any = None, validate_args: bool | None = None) -> None:
        self._take(validate_args, **one_of(probs, logits))
        if self._validate_args and probs is not None:
            self._check_positive(self.probs)

    def _check_positive(self, probs: Tensor) -> None:
        valid = probs > 0
        if not bool(valid.all()):
            raise ArgumentError(
                f"Expected parameter probs ({type(probs).__name__} of shape {tuple(probs.shape)}) of distribution "
                f"{self!r} to be positive but found invalid values:\n{probs.detach()[~valid]}"
            )

    @property
    def mean(self) -> Tensor:
        return 1.0 / self.probs - 1.0

    @property
    def mode(self) -> Tensor:
        return ops.zeros_like(self.probs)

    @property
    def variance(self) -> Tensor:
        return (1.0 / self.probs - 1.0) / self.probs

    def sample(self, sample_shape: Sequence[int] = ()) -> Tensor:
        with no_grad():
            u = ops.empty(self._extended_shape(sample_shape), dtype=self.probs.dtype)
            u.uniform_(finfo(u.dtype).tiny, 1)
            return (u.log() / (-self.probs).log1p()).floor()

    @validated
    def log_prob(self, value: Tensor) -> Tensor:
        value, probs = broadcast_all(value, self.probs)
        failure = probs.masked_fill((probs == 1) & (value == 0), 0)  # 0 * log(0) is 0 here
        return value * (-failure).log1p() + self.probs.log()

    def entropy(self) -> Tensor:
        return binary_cross_entropy_with_logits(self.logits, self.probs, reduction="none") / self.probs
