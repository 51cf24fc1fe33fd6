"""Orthogonal polynomials of a degree given element by element, by their three-term recurrences.

Source: Abramowitz, Stegun 1964, table 22.7.
"""

# The bodies of functions made by decorators are their docstrings.
# mypy: disable-error-code="empty-body"

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np

from .. import dtypes
from ..autograd.tape import TensorBase, wrap
from ..kernels import xp
from .promotion import broadcast_error, into, operands

if TYPE_CHECKING:
    from ..tensor import Tensor

Array = Any
F = TypeVar("F", bound=Callable[..., Any])


def _evaluate(x: Array, n: Array, first: Callable[[Array], Array], step: Callable[..., Array]) -> Array:
    """p_n(x) with p_0 = 1, p_1 = first(x) and p_{k+1} = step(k, x, p_k, p_{k-1}); 0 for n < 0."""
    x, n = xp.broadcast_arrays(x, n)
    before, now = xp.ones_like(x), first(x)
    y = xp.where(n == 0, before, xp.where(n > 0, now, 0))
    for k in range(1, int(n.max(initial=0))):
        before, now = now, step(k, x, now, before)
        y = xp.where(n > k, now, y)
    return y


def _polynomial(first: Callable[[Array], Array], step: Callable[..., Array]) -> Callable[[F], F]:
    """Makes a documented, empty function the operator that evaluates these polynomials. They have no derivative here,
    as in PyTorch."""

    def decorate(described: F) -> F:
        name = described.__name__

        @functools.wraps(described)
        def call(input: Any, n: Any, *, out: Tensor | None = None) -> Tensor:
            x, degree = operands(input, n, name)
            x, degree = (t._array if isinstance(t, TensorBase) else np.asarray(t) for t in (x, degree))
            if x.dtype.kind not in "fV":
                x = x.astype(dtypes.get_default_dtype().numpy)
            try:
                result = wrap(_evaluate(x, np.trunc(degree).astype(np.int64), first, step).astype(x.dtype))
            except ValueError:
                raise broadcast_error(name, wrap(x), wrap(degree)) from None
            return result if out is None else into(out, result, name)

        return call  # type: ignore[return-value]

    return decorate


def _chebyshev(k: int, x: Array, now: Array, before: Array) -> Array:
    return 2 * x * now - before


def _shifted(k: int, x: Array, now: Array, before: Array) -> Array:
    return 2 * (2 * x - 1) * now - before


@_polynomial(lambda x: x, _chebyshev)
def chebyshev_polynomial_t(input: Tensor, n: Any, *, out: Tensor | None = None) -> Tensor:
    """Chebyshev's polynomials of the first kind: T_n(cos t) = cos(n t)."""


@_polynomial(lambda x: 2 * x, _chebyshev)
def chebyshev_polynomial_u(input: Tensor, n: Any, *, out: Tensor | None = None) -> Tensor:
    """Chebyshev's polynomials of the second kind: U_n(cos t) = sin((n + 1) t) / sin(t)."""


@_polynomial(lambda x: 2 * x - 1, _chebyshev)
def chebyshev_polynomial_v(input: Tensor, n: Any, *, out: Tensor | None = None) -> Tensor:
    """Chebyshev's polynomials of the third kind: V_n(cos t) = cos((n + 1/2) t) / cos(t / 2)."""


@_polynomial(lambda x: 2 * x + 1, _chebyshev)
def chebyshev_polynomial_w(input: Tensor, n: Any, *, out: Tensor | None = None) -> Tensor:
    """Chebyshev's polynomials of the fourth kind: W_n(cos t) = sin((n + 1/2) t) / sin(t / 2)."""


@_polynomial(lambda x: 2 * x - 1, _shifted)
def shifted_chebyshev_polynomial_t(input: Tensor, n: Any, *, out: Tensor | None = None) -> Tensor:
    """chebyshev_polynomial_t of 2 input - 1."""


@_polynomial(lambda x: 2 * (2 * x - 1), _shifted)
def shifted_chebyshev_polynomial_u(input: Tensor, n: Any, *, out: Tensor | None = None) -> Tensor:
    """chebyshev_polynomial_u of 2 input - 1."""


@_polynomial(lambda x: 2 * (2 * x - 1) - 1, _shifted)
def shifted_chebyshev_polynomial_v(input: Tensor, n: Any, *, out: Tensor | None = None) -> Tensor:
    """chebyshev_polynomial_v of 2 input - 1."""


@_polynomial(lambda x: 2 * (2 * x - 1) + 1, _shifted)
def shifted_chebyshev_polynomial_w(input: Tensor, n: Any, *, out: Tensor | None = None) -> Tensor:
    """chebyshev_polynomial_w of 2 input - 1."""


@_polynomial(lambda x: 2 * x, lambda k, x, now, before: 2 * (x * now - k * before))
def hermite_polynomial_h(input: Tensor, n: Any, *, out: Tensor | None = None) -> Tensor:
    """The physicists' Hermite polynomials."""


@_polynomial(lambda x: x, lambda k, x, now, before: x * now - k * before)
def hermite_polynomial_he(input: Tensor, n: Any, *, out: Tensor | None = None) -> Tensor:
    """The probabilists' Hermite polynomials."""


@_polynomial(lambda x: 1 - x, lambda k, x, now, before: ((2 * k + 1 - x) * now - k * before) / (k + 1))
def laguerre_polynomial_l(input: Tensor, n: Any, *, out: Tensor | None = None) -> Tensor:
    """Laguerre's polynomials."""


@_polynomial(lambda x: x, lambda k, x, now, before: ((2 * k + 1) * x * now - k * before) / (k + 1))
def legendre_polynomial_p(input: Tensor, n: Any, *, out: Tensor | None = None) -> Tensor:
    """Legendre's polynomials."""
