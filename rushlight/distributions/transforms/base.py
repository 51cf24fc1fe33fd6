"""Transform: a differentiable function on tensors that knows its inverse and how much it stretches volumes.

It maps its `domain` to its `codomain` (constraints), by `_call`, and back, by `_inverse`; `log_abs_det_jacobian(x, y)`
is log|det dy/dx|, for each event.
"""

from __future__ import annotations

from typing import Any

from ...errors import ArgumentError, UnsupportedError
from ...tensor import Size, Tensor
from .. import constraints


class Transform:
    """A function with an inverse.

    Args:
        cache_size: 1 keeps the last argument and result, so that the inverse of a result is exact and free; 0 does not.

    Attributes:
        domain, codomain: where arguments and results lie.
        bijective: whether `inv` undoes it exactly.
        sign: of the slope, where the function is monotone.

    Raises:
        ValueError: another cache size.
    """

    bijective: Any = False
    domain: Any
    codomain: Any
    _made_of: tuple[str, ...] = ()  # attributes that rebuild it, in the order of its arguments

    def __init__(self, cache_size: int = 0) -> None:
        if cache_size not in (0, 1):
            raise ArgumentError("cache_size must be 0 or 1")
        self._cache_size = cache_size
        self._inv: Any = None
        self._cached_x_y: tuple[Any, Any] = (None, None)

    def __getstate__(self) -> dict[str, Any]:
        return {**self.__dict__, "_inv": None}

    @property
    def event_dim(self) -> int:
        """How many dimensions one argument has, if a result has as many.

        Raises:
            ValueError: a result has another number of dimensions.
        """
        if self.domain.event_dim == self.codomain.event_dim:
            return int(self.domain.event_dim)
        raise ArgumentError("Please use either .domain.event_dim or .codomain.event_dim")

    @property
    def inv(self) -> Transform:
        """The inverse function."""
        if self._inv is None:
            self._inv = _InverseTransform(self)
        return self._inv

    @property
    def sign(self) -> Any:
        raise NotImplementedError

    def with_cache(self, cache_size: int = 1) -> Transform:
        """The same function with another cache size."""
        if self._cache_size == cache_size:
            return self
        if not self._made_of and not self._is_plain:
            raise UnsupportedError(f"{type(self)}.with_cache is not implemented")
        rebuild: Any = type(self)
        return rebuild(*(getattr(self, name) for name in self._made_of), cache_size=cache_size)

    @property
    def _is_plain(self) -> bool:
        """Whether the class has no parameters, so that all its objects are the same function."""
        return type(self).__init__ is Transform.__init__

    def __eq__(self, other: object) -> bool:
        return self is other or (self._is_plain and type(self) is type(other))

    def __call__(self, x: Tensor) -> Tensor:
        if self._cache_size == 0:
            return self._call(x)
        if x is not self._cached_x_y[0]:
            self._cached_x_y = x, self._call(x)
        return self._cached_x_y[1]

    def _inv_call(self, y: Tensor) -> Tensor:
        if self._cache_size == 0:
            return self._inverse(y)
        if y is not self._cached_x_y[1]:
            self._cached_x_y = self._inverse(y), y
        return self._cached_x_y[0]

    def _call(self, x: Tensor) -> Tensor:
        raise NotImplementedError

    def _inverse(self, y: Tensor) -> Tensor:
        raise NotImplementedError

    def log_abs_det_jacobian(self, x: Tensor, y: Tensor) -> Tensor:
        """log|det dy/dx| at x, with y = f(x)."""
        raise NotImplementedError

    def forward_shape(self, shape: Size) -> Size:
        """The shape of f(x) for an x of the given shape."""
        return shape

    def inverse_shape(self, shape: Size) -> Size:
        """The shape of x for an f(x) of the given shape."""
        return shape

    def __repr__(self) -> str:
        return f"{type(self).__name__}()"


class _InverseTransform(Transform):
    def __init__(self, transform: Transform) -> None:
        super().__init__(cache_size=transform._cache_size)
        self._inv = transform

    @constraints.dependent_property(is_discrete=False)
    def domain(self) -> Any:
        return self._inv.codomain

    @constraints.dependent_property(is_discrete=False)
    def codomain(self) -> Any:
        return self._inv.domain

    @property
    def bijective(self) -> Any:
        return self._inv.bijective

    @property
    def sign(self) -> Any:
        return self._inv.sign

    def with_cache(self, cache_size: int = 1) -> Transform:
        return self.inv.with_cache(cache_size).inv

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _InverseTransform) and bool(self._inv == other._inv)

    def __call__(self, x: Tensor) -> Tensor:
        return self._inv._inv_call(x)

    def log_abs_det_jacobian(self, x: Tensor, y: Tensor) -> Tensor:
        return -self._inv.log_abs_det_jacobian(y, x)

    def forward_shape(self, shape: Size) -> Size:
        return self._inv.inverse_shape(shape)

    def inverse_shape(self, shape: Size) -> Size:
        return self._inv.forward_shape(shape)

    def __repr__(self) -> str:
        return f"_InverseTransform({self._inv!r})"
