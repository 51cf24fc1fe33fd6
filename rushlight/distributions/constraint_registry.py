"""For each constraint a transform that leads to it from unconstrained numbers.

`biject_to` gives bijections, `transform_to` any map that suits optimization (softmax for the simplex).

    >>> transform_to(constraints.positive)(rushlight.tensor(0.0))
    tensor(1.)
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ..errors import DTypeError, UnsupportedError
from . import constraints
from . import transforms as t
from .transforms import Transform

Factory = Callable[[Any], Transform]


class ConstraintRegistry:
    """A table from constraints to factories of transforms; call it with a constraint to get one."""

    def __init__(self) -> None:
        self._registry: dict[type, Factory] = {}

    def register(self, constraint: Any, factory: Factory | None = None) -> Any:
        """Enters a factory; without one, decorates it.

        Args:
            constraint: a constraint, or its class.
            factory: makes the transform from the constraint.

        Raises:
            TypeError: no constraint.
        """
        if factory is None:
            return lambda given: self.register(constraint, given)
        kind = type(constraint) if isinstance(constraint, constraints.Constraint) else constraint
        if not isinstance(kind, type) or not issubclass(kind, constraints.Constraint):
            raise DTypeError(f"Expected constraint to be either a Constraint subclass or instance, but got {kind}")
        self._registry[kind] = factory
        return factory

    def __call__(self, constraint: Any) -> Transform:
        try:
            factory = self._registry[type(constraint)]
        except KeyError:
            raise UnsupportedError(f"Cannot transform {type(constraint).__name__} constraints") from None
        return factory(constraint)


def _to_interval(constraint: Any) -> Transform:
    low, high = constraint.lower_bound, constraint.upper_bound
    if isinstance(low, int | float) and isinstance(high, int | float) and (low, high) == (0, 1):
        return t.SigmoidTransform()
    return t.ComposeTransform([t.SigmoidTransform(), t.AffineTransform(low, high - low)])


def _from_exp(bound: Any, sign: int) -> Transform:
    return t.ComposeTransform([t.ExpTransform(), t.AffineTransform(bound, sign)])


def _of_others(registry: ConstraintRegistry) -> dict[Any, Factory]:
    """Constraints made of others, whose transforms the same registry gives."""
    return {
        constraints.independent: lambda c: t.IndependentTransform(
            registry(c.base_constraint), c.reinterpreted_batch_ndims
        ),
        constraints.cat: lambda c: t.CatTransform([registry(each) for each in c.cseq], c.dim, c.lengths),
        constraints.stack: lambda c: t.StackTransform([registry(each) for each in c.cseq], c.dim),
    }


_FOR_BOTH: dict[Any, Factory] = {
    constraints.real: lambda c: t.identity_transform,
    constraints.greater_than: lambda c: _from_exp(c.lower_bound, 1),
    constraints.greater_than_eq: lambda c: _from_exp(c.lower_bound, 1),
    constraints.less_than: lambda c: _from_exp(c.upper_bound, -1),
    constraints.interval: _to_interval,
    constraints.half_open_interval: _to_interval,
    constraints.corr_cholesky: lambda c: t.CorrCholeskyTransform(),
}
_BIJECTIONS: dict[Any, Factory] = {constraints.simplex: lambda c: t.StickBreakingTransform()}
_TRANSFORMS: dict[Any, Factory] = {
    constraints.simplex: lambda c: t.SoftmaxTransform(),
    constraints.lower_cholesky: lambda c: t.LowerCholeskyTransform(),
    constraints.positive_definite: lambda c: t.PositiveDefiniteTransform(),
    constraints.positive_semidefinite: lambda c: t.PositiveDefiniteTransform(),
}

biject_to, transform_to = ConstraintRegistry(), ConstraintRegistry()
for _registry, _own in ((biject_to, _BIJECTIONS), (transform_to, _TRANSFORMS)):
    for _constraint, _factory in {**_FOR_BOTH, **_own, **_of_others(_registry)}.items():
        _registry.register(_constraint, _factory)
