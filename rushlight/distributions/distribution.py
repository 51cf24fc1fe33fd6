"""Distribution: the base class, with batch and event shapes, validation and expansion."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from typing import Any

from .. import ops
from ..autograd import no_grad
from ..autograd.tape import TensorBase
from ..errors import ArgumentError, UnsupportedError
from ..tensor import Size, Tensor
from . import constraints
from .utils import broadcast_all, lazy_property

Constraints = dict[str, constraints.Constraint]


class Distribution:
    """A probability distribution, or a batch of independent ones.

    A sample has the shape sample_shape + batch_shape + event_shape: how many were asked for, how many distributions
    there are, what one draw of one of them looks like.

    Args:
        batch_shape: shape of the batch of distributions.
        event_shape: shape of one draw.
        validate_args: whether to check parameters now and values later; None follows `set_default_validate_args`.

    Raises:
        ValueError: a parameter breaks its constraint.
    """

    has_rsample: Any = False
    has_enumerate_support: Any = False
    _validate_args = __debug__

    @staticmethod
    def set_default_validate_args(value: bool) -> None:
        """Switches validation on or off for distributions that are not told otherwise."""
        if value not in (True, False):
            raise ArgumentError(f"set_default_validate_args: expected True or False, got {value!r}")
        Distribution._validate_args = value

    def __init__(
        self, batch_shape: Sequence[int] = (), event_shape: Sequence[int] = (), validate_args: bool | None = None
    ) -> None:
        self._batch_shape = Size(batch_shape)
        self._event_shape = Size(event_shape)
        if validate_args is not None:
            self._validate_args = validate_args
        if self._validate_args:
            for name, constraint in self._constraints_to_check().items():
                self._check_parameter(name, constraint)

    def _constraints_to_check(self) -> Constraints:
        """The constraints of parameters that are there: not of those that depend on others or are not yet computed."""
        try:
            found = self.arg_constraints
        except NotImplementedError:
            warnings.warn(
                f"{self.__class__} does not define `arg_constraints`. Please set `arg_constraints = {{}}` or "
                "initialize the distribution with `validate_args=False` to turn off validation.",
                stacklevel=3,
            )
            return {}
        return {name: c for name, c in found.items() if not constraints.is_dependent(c) and self._is_there(name)}

    def _is_there(self, name: str) -> bool:
        return name in self.__dict__ or not isinstance(getattr(type(self), name), lazy_property)

    def _check_parameter(self, name: str, constraint: constraints.Constraint) -> None:
        value = getattr(self, name)
        if not bool(constraint.check(value).all()):
            raise ArgumentError(
                f"Expected parameter {name} ({type(value).__name__} of shape {tuple(value.shape)}) of distribution "
                f"{self!r} to satisfy the constraint {constraint!r}, but found invalid values:\n{value}"
            )

    # -------------------------------------------------------------------------------------------------------- shapes

    @property
    def batch_shape(self) -> Size:
        """The shape of the batch of distributions."""
        return self._batch_shape

    @property
    def event_shape(self) -> Size:
        """The shape of one draw."""
        return self._event_shape

    def _extended_shape(self, sample_shape: Sequence[int] = ()) -> Size:
        return Size((*sample_shape, *self._batch_shape, *self._event_shape))

    def expand(self, batch_shape: Sequence[int], _instance: Any = None) -> Any:
        """The same distribution with its parameters expanded to a larger batch (views, no copies).

        Whatever belongs to the batch (tensors among the parameters, distributions that this one is made of) keeps the
        dimensions that it has beyond it; everything else is taken over.

        Args:
            batch_shape: the wanted batch shape.
            _instance: the new object, where a subclass with an __init__ of its own has made it.

        Raises:
            NotImplementedError: a subclass with an __init__ of its own, which must say itself how it expands.
        """
        if _instance is None and not type(self).__init__.__module__.startswith(__package__ or ""):
            raise UnsupportedError(_OWN_INIT.format(type(self).__name__, type(self).__mro__[1].__name__))
        new = self.__new__(type(self)) if _instance is None else _instance
        rank = len(self._batch_shape)
        for name, value in self.__dict__.items():
            if name in new.__dict__:
                continue
            if isinstance(value, Distribution):
                value = value.expand((*batch_shape, *value.batch_shape[rank:]))
            elif isinstance(value, Tensor) and name in self.arg_constraints:
                value = value.expand((*batch_shape, *value.shape[rank:]))
            new.__dict__[name] = value
        new._batch_shape = Size(batch_shape)
        return new

    def _get_checked_instance(self, cls: type, _instance: Any = None) -> Any:
        """For subclasses that define `expand`: a new object of the same type, or the one that was handed in."""
        if _instance is None and type(self).__init__ is not cls.__init__:  # type: ignore[misc]
            raise UnsupportedError(_OWN_INIT.format(type(self).__name__, cls.__name__))
        return self.__new__(type(self)) if _instance is None else _instance

    # ----------------------------------------------------------------------------------------------- what it is like

    @property
    def arg_constraints(self) -> Constraints:
        """For each parameter the set that it must lie in."""
        raise NotImplementedError

    @property
    def support(self) -> Any:
        """The set of values that can be drawn."""
        raise NotImplementedError

    @property
    def mean(self) -> Tensor:
        """The expected value."""
        raise NotImplementedError

    @property
    def mode(self) -> Tensor:
        """The value of highest probability or density."""
        raise NotImplementedError(f"{self.__class__} does not implement mode")

    @property
    def variance(self) -> Tensor:
        """The expected square of the distance from the mean."""
        raise NotImplementedError

    @property
    def stddev(self) -> Tensor:
        """The root of the variance."""
        return self.variance.sqrt()

    def entropy(self) -> Tensor:
        """The expected -log_prob, in nats; of the batch shape."""
        raise NotImplementedError

    def perplexity(self) -> Tensor:
        """exp(entropy)."""
        return ops.exp(self.entropy())

    # ------------------------------------------------------------------------------------------------ what it can do

    def sample(self, sample_shape: Sequence[int] = ()) -> Tensor:
        """Draws, without gradients: sample_shape + batch_shape + event_shape."""
        with no_grad():
            return self.rsample(sample_shape)

    def rsample(self, sample_shape: Sequence[int] = ()) -> Tensor:
        """Draws that can be differentiated with respect to the parameters, where `has_rsample`."""
        raise NotImplementedError

    def sample_n(self, n: int) -> Tensor:
        """`sample((n,))`, under its deprecated name."""
        warnings.warn(
            "`sample_n(n)` will be deprecated. Use `sample((n,))` instead.", category=FutureWarning, stacklevel=2
        )
        return self.sample((n,))

    def log_prob(self, value: Tensor) -> Tensor:
        """The logarithm of the probability or density of a value."""
        raise NotImplementedError

    def cdf(self, value: Tensor) -> Tensor:
        """The probability of drawing at most the value."""
        raise NotImplementedError

    def icdf(self, value: Tensor) -> Tensor:
        """The inverse of `cdf`."""
        raise NotImplementedError

    def enumerate_support(self, expand: bool = True) -> Tensor:
        """All values of a discrete distribution: (number of values,) + batch_shape + event_shape.

        Args:
            expand: False leaves the batch dimensions at size 1.
        """
        raise NotImplementedError

    def _enumerated(self, values: Tensor, expand: bool) -> Tensor:
        """(V, *event_shape) values with the batch's dimensions put between."""
        values = values.view((-1, *[1] * len(self._batch_shape), *self._event_shape))
        return values.expand((-1, *self._batch_shape, *self._event_shape)) if expand else values

    def _validate_sample(self, value: Any) -> None:
        """Checks what `log_prob` or `cdf` was given.

        Raises:
            ValueError: no tensor, a shape that does not fit, or a value outside the support.
        """
        if not isinstance(value, TensorBase):
            raise ArgumentError("The value argument to log_prob must be a Tensor")
        self._validate_shape(value.shape)  # type: ignore[attr-defined]
        try:
            support = self.support
        except NotImplementedError:
            warnings.warn(
                f"{self.__class__} does not define `support` to enable sample validation. Please initialize the "
                "distribution with `validate_args=False` to turn off validation.",
                stacklevel=3,
            )
            return
        if not bool(support.check(value).all()):
            raise ArgumentError(
                f"Expected value argument ({type(value).__name__} of shape {tuple(value.shape)}) to be "  # type: ignore[attr-defined]
                f"within the support ({support!r}) of the distribution {self!r}, but found invalid values:\n{value}"
            )

    def _validate_shape(self, actual: Size) -> None:
        if actual[len(actual) - len(self._event_shape) :] != self._event_shape:
            raise ArgumentError(
                f"The right-most size of value must match event_shape: {actual} vs {self._event_shape}."
            )
        expected = self._extended_shape()
        if any(1 not in (i, j) and i != j for i, j in zip(reversed(actual), reversed(expected))):
            raise ArgumentError(f"Value is not broadcastable with batch_shape+event_shape: {actual} vs {expected}.")

    def __repr__(self) -> str:
        present = {name: self.__dict__[name] for name in self.arg_constraints if name in self.__dict__}
        shown = ", ".join(f"{name}: {p if p.numel() == 1 else p.size()}" for name, p in present.items())
        return f"{type(self).__name__}({shown})"


_OWN_INIT = "Subclass {0} of {1} that defines a custom __init__ method must also define a custom .expand() method."


class Elementwise(Distribution):
    """Parameters that broadcast against each other; every element is a distribution of one number."""

    def _take(self, validate_args: bool | None, **parameters: Any) -> None:
        """Broadcasts the parameters, keeps them as attributes and makes their shape the batch."""
        for name, value in zip(parameters, broadcast_all(*parameters.values())):
            self.__dict__[name] = value
        Distribution.__init__(self, value.shape, validate_args=validate_args)
