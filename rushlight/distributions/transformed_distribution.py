"""TransformedDistribution: what a distribution becomes when its draws go through invertible functions."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ..autograd import no_grad
from ..errors import ArgumentError
from ..tensor import Size, Tensor
from . import constraints
from .distribution import Distribution
from .independent import Independent
from .transforms import ComposeTransform, Transform
from .utils import sum_rightmost, validated


class TransformedDistribution(Distribution):
    """The distribution of y = f(x), x drawn from a base distribution.

        log_prob(y) = base.log_prob(x) - log|det dy/dx|,    x = f^-1(y)

    Args:
        base_distribution: of x.
        transforms: f, or the functions that it is composed of, first one first.

    Raises:
        ValueError: transforms are no Transforms, or the base has too few dimensions for them.

    Example:
        >>> from rushlight.distributions import Normal, ExpTransform
        >>> log_normal = TransformedDistribution(Normal(0.0, 1.0), ExpTransform())
        >>> log_normal.log_prob(rushlight.tensor(1.0))
        tensor(-0.9189)
    """

    arg_constraints: Any = {}

    def __init__(
        self,
        base_distribution: Distribution,
        transforms: Transform | list[Transform],
        validate_args: bool | None = None,
    ) -> None:
        self.transforms = [transforms] if isinstance(transforms, Transform) else transforms
        if not isinstance(self.transforms, list):
            raise ArgumentError(f"transforms must be a Transform or list, but was {transforms}")
        if not all(isinstance(t, Transform) for t in self.transforms):
            raise ArgumentError("transforms must be a Transform or a list of Transforms")
        transform = ComposeTransform(self.transforms)
        base_dim = len(base_distribution.event_shape)
        shape = transform.forward_shape(_checked_shape(base_distribution, transform))
        self.base_dist: Any = _fitted(base_distribution, transform, shape)
        change = transform.codomain.event_dim - transform.domain.event_dim
        cut = len(shape) - max(transform.codomain.event_dim, base_dim + change)
        super().__init__(shape[:cut], shape[cut:], validate_args=validate_args)

    @constraints.dependent_property(is_discrete=False)
    def support(self) -> Any:
        if not self.transforms:
            return self.base_dist.support
        codomain = self.transforms[-1].codomain
        missing = len(self.event_shape) - codomain.event_dim
        return constraints.independent(codomain, missing) if missing > 0 else codomain

    @property
    def has_rsample(self) -> Any:
        return self.base_dist.has_rsample

    def _forward(self, x: Tensor) -> Tensor:
        for transform in self.transforms:
            x = transform(x)
        return x

    def sample(self, sample_shape: Sequence[int] = ()) -> Tensor:
        with no_grad():
            return self._forward(self.base_dist.sample(sample_shape))

    def rsample(self, sample_shape: Sequence[int] = ()) -> Tensor:
        return self._forward(self.base_dist.rsample(sample_shape))

    @validated
    def log_prob(self, value: Tensor) -> Tensor:
        return self._log_prob(value)

    def _log_prob(self, y: Tensor) -> Tensor:
        dim = len(self.event_shape)
        log_jacobian: Any = 0.0
        for transform in reversed(self.transforms):
            x = transform.inv(y)
            dim += transform.domain.event_dim - transform.codomain.event_dim
            own = transform.log_abs_det_jacobian(x, y)
            log_jacobian = log_jacobian + sum_rightmost(own, dim - transform.domain.event_dim)
            y = x
        return sum_rightmost(self.base_dist.log_prob(y), dim - len(self.base_dist.event_shape)) - log_jacobian

    def _monotone(self, probability: Tensor) -> Tensor:
        """p where the transforms grow, 1 - p where they fall."""
        sign: Any = 1
        for transform in self.transforms:
            sign = sign * transform.sign
        if isinstance(sign, int) and sign == 1:
            return probability
        return sign * (probability - 0.5) + 0.5

    def cdf(self, value: Tensor) -> Tensor:
        for transform in reversed(self.transforms):
            value = transform.inv(value)
        if self._validate_args:
            self.base_dist._validate_sample(value)
        return self._monotone(self.base_dist.cdf(value))

    def icdf(self, value: Tensor) -> Tensor:
        return self._forward(self.base_dist.icdf(self._monotone(value)))


def _checked_shape(base: Distribution, transform: Transform) -> Size:
    shape = base.batch_shape + base.event_shape
    if len(shape) < transform.domain.event_dim:
        raise ArgumentError(
            f"base_distribution needs to have shape with size at least {transform.domain.event_dim}, but got {shape}."
        )
    return shape


def _fitted(base: Distribution, transform: Transform, forward_shape: Size) -> Distribution:
    """The base with the batch that the transform's own parameters ask for, and with the transform's event."""
    wanted = transform.inverse_shape(forward_shape)
    dim = len(base.event_shape)
    if base.batch_shape + base.event_shape != wanted:
        base = base.expand(wanted[: len(wanted) - dim])
    missing = transform.domain.event_dim - dim
    return Independent(base, missing) if missing > 0 else base
