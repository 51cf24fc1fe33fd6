"""Mixtures of distributions of one family."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from .. import ops
from ..autograd import no_grad
from ..errors import ArgumentError
from ..tensor import Tensor
from . import constraints
from .categorical import Categorical
from .distribution import Distribution
from .utils import validated


class MixtureSameFamily(Distribution):
    """p(x) = sum over k of weight_k p_k(x).

    Args:
        mixture_distribution: a Categorical, the weights.
        component_distribution: the p_k; its last batch dimension counts the components.

    Raises:
        ValueError: of other classes, or shapes do not fit.

    Example:
        >>> from rushlight.distributions import Categorical, Normal
        >>> weights = Categorical(rushlight.tensor([0.5, 0.5]))
        >>> MixtureSameFamily(weights, Normal(rushlight.tensor([-1.0, 1.0]), 1.0)).mean
        tensor(0.)
    """

    arg_constraints: Any = {}

    def __init__(
        self,
        mixture_distribution: Categorical,
        component_distribution: Distribution,
        validate_args: bool | None = None,
    ) -> None:
        _check(mixture_distribution, component_distribution)
        self._mixture_distribution = mixture_distribution
        self._component_distribution = component_distribution
        self._event_ndims = len(component_distribution.event_shape)
        super().__init__(
            component_distribution.batch_shape[:-1], component_distribution.event_shape, validate_args=validate_args
        )

    @property
    def mixture_distribution(self) -> Categorical:
        """The weights."""
        return self._mixture_distribution

    @property
    def component_distribution(self) -> Distribution:
        """The components."""
        return self._component_distribution

    @constraints.dependent_property
    def support(self) -> Any:
        return constraints.MixtureSameFamilyConstraint(self._component_distribution.support)

    def _beside_events(self, weights: Tensor) -> Tensor:
        """(..., K) -> (..., K, 1 for each event dimension)."""
        return weights.reshape((*weights.shape, *[1] * self._event_ndims))

    def _for_each(self, x: Tensor) -> Tensor:
        """A dimension for the components, before those of the event."""
        return x.unsqueeze(-1 - self._event_ndims)

    def _average(self, values: Tensor) -> Tensor:
        return (self._beside_events(self._mixture_distribution.probs) * values).sum(-1 - self._event_ndims)

    @property
    def mean(self) -> Tensor:
        return self._average(self._component_distribution.mean)

    @property
    def variance(self) -> Tensor:
        """The mean of the variances and the variance of the means."""
        offset = self._component_distribution.mean - self._for_each(self.mean)
        return self._average(self._component_distribution.variance) + self._average(offset.pow(2))

    def cdf(self, value: Tensor) -> Tensor:
        return (self._component_distribution.cdf(self._for_each(value)) * self._mixture_distribution.probs).sum(-1)

    @validated
    def log_prob(self, value: Tensor) -> Tensor:
        log_each = self._component_distribution.log_prob(self._for_each(value))
        return ops.logsumexp(log_each + ops.log_softmax(self._mixture_distribution.logits, -1), -1)

    def sample(self, sample_shape: Sequence[int] = ()) -> Tensor:
        """All components are drawn, one of them is kept."""
        with no_grad():
            kept = self._mixture_distribution.sample(sample_shape)
            drawn = self._component_distribution.sample(sample_shape)
            dim = len(sample_shape) + len(self._batch_shape)
            index = self._beside_events(kept.unsqueeze(-1))
            index = index.expand((*kept.shape, 1, *self._event_shape))
            return drawn.gather(dim, index).squeeze(dim)

    def __repr__(self) -> str:
        return f"MixtureSameFamily(\n  {self.mixture_distribution},\n  {self.component_distribution})"


def _check(mixture: Any, components: Any) -> None:
    if not isinstance(mixture, Categorical):
        raise ArgumentError(" The Mixture distribution needs to be an  instance of torch.distributions.Categorical")
    if not isinstance(components, Distribution):
        raise ArgumentError("The Component distribution needs to be an instance of torch.distributions.Distribution")
    batch, own = mixture.batch_shape, components.batch_shape[:-1]
    if any(1 not in (i, j) and i != j for i, j in zip(reversed(batch), reversed(own))):
        raise ArgumentError(
            f"`mixture_distribution.batch_shape` ({batch}) is not compatible with "
            f"`component_distribution.batch_shape`({own})"
        )
    weights, count = mixture.logits.shape[-1], components.batch_shape[-1]
    if weights != count:
        raise ArgumentError(
            f"`mixture_distribution component` ({weights}) does not equal "
            f"`component_distribution.batch_shape[-1]` ({count})"
        )
