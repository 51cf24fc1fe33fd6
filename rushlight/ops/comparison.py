"""Questions with yes or no for an answer, element by element: comparison, logic on truth values, tests for NaN and
infinity.
Bitwise logic and shifts of integers live here too. None of these has a gradient.
"""

# The bodies of the functions made by decorators are their docstrings.
# mypy: disable-error-code="empty-body"

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np

from ..autograd.tape import TensorBase, wrap
from ..errors import DTypeError, OperatorError
from ..kernels import xp
from .numpy_protocol import is_numpys, numpy_name
from .promotion import as_tensor, broadcast_error, into, not_a_tensor, not_implemented, not_supported, whole_operands

if TYPE_CHECKING:
    from ..tensor import Tensor

Array = Any
F = TypeVar("F", bound=Callable[..., Any])


def _apply(function: Any, name: str, input: Any, other: Any, out: Any, refused: str) -> Any:
    a, b = whole_operands(input, other, name)
    x, y = getattr(a, "_array", a), getattr(b, "_array", b)
    if (x if hasattr(x, "dtype") else y).dtype.kind in refused:
        raise not_implemented(name, a if isinstance(a, TensorBase) else b)
    try:
        result = wrap(function(x, y))
    except ValueError:
        raise broadcast_error(name, a, b) from None
    return result if out is None else into(out, result, name)


def _pairwise(function: Any, refused: str = "", numbers: str = "other") -> Callable[[F], F]:
    """Makes a documented, empty function the operator of two operands that `function` computes on arrays.

    Args:
        refused: kinds of dtype (NumPy's letters) that PyTorch does not take here.
        numbers: which operands may be numbers: "other", "either" or "none".
    """

    def decorate(described: F) -> F:
        name = described.__name__

        @functools.wraps(described)
        def call(input: Tensor, other: Any, *, out: Tensor | None = None) -> Tensor:
            if numbers != "either":
                as_tensor(input, name)
            if numbers == "none":
                as_tensor(other, name, "other")
            return _apply(function, name, input, other, out, refused)

        numpy_name(function.__name__)(lambda a, b: _apply(function, name, a, b, None, refused))
        return call  # type: ignore[return-value]

    return decorate


# ------------------------------------------------------------------------------------------------------- comparison


@_pairwise(xp.equal)
def eq(input: Tensor, other: Any, *, out: Tensor | None = None) -> Tensor:
    """input == other, as bools.

    Example:
        >>> rushlight.eq(rushlight.tensor([1, 2]), 2)
        tensor([False,  True])
    """


@_pairwise(xp.not_equal)
def ne(input: Tensor, other: Any, *, out: Tensor | None = None) -> Tensor:
    """input != other, as bools; NaN differs from itself."""


@_pairwise(xp.less, refused="c")
def lt(input: Tensor, other: Any, *, out: Tensor | None = None) -> Tensor:
    """input < other, as bools."""


@_pairwise(xp.less_equal, refused="c")
def le(input: Tensor, other: Any, *, out: Tensor | None = None) -> Tensor:
    """input <= other, as bools."""


@_pairwise(xp.greater, refused="c")
def gt(input: Tensor, other: Any, *, out: Tensor | None = None) -> Tensor:
    """input > other, as bools."""


@_pairwise(xp.greater_equal, refused="c")
def ge(input: Tensor, other: Any, *, out: Tensor | None = None) -> Tensor:
    """input >= other, as bools."""


not_equal, less, less_equal, greater, greater_equal = ne, lt, le, gt, ge


def or_not_implemented(function: Callable[..., Any]) -> Callable[..., Any]:
    """`==` and its kin as Python asks for them: NotImplemented for what is no number, so that `t == None` is False."""

    def method(self: Tensor, other: Any) -> Any:
        try:
            return function(self, other)
        except DTypeError:
            return NotImplemented

    method.__name__ = f"__{function.__name__}__"
    return method


def equal(input: Tensor, other: Tensor) -> bool:
    """Whether two tensors have the same shape and the same elements."""
    x, y = input._array, other._array
    return x.shape == y.shape and bool((x == y).all())


def isclose(input: Tensor, other: Tensor, rtol: float = 1e-5, atol: float = 1e-8, equal_nan: bool = False) -> Tensor:
    """|input - other| <= atol + rtol * |other|, as bools; infinities are close to themselves.

    Raises:
        RuntimeError: the dtypes differ, or a tolerance is negative.
    """
    x, y = as_tensor(input, "isclose")._array, as_tensor(other, "isclose", "other")._array
    if x.dtype != y.dtype:
        raise OperatorError(f"isclose: {input.dtype} did not match {other.dtype}")
    if rtol < 0 or atol < 0:
        raise OperatorError(f"isclose: rtol and atol must be greater than or equal to zero, but got {rtol} and {atol}")
    try:
        if x.dtype.kind in "iub":
            x, y = x.astype(np.float64), y.astype(np.float64)
        close = (x == y) | (np.isfinite(y) & (np.abs(x - y) <= atol + np.abs(rtol * y)))
    except ValueError:
        raise broadcast_error("isclose", input, other) from None
    return wrap(close | (np.isnan(x) & np.isnan(y)) if equal_nan else close)


def allclose(input: Tensor, other: Tensor, rtol: float = 1e-5, atol: float = 1e-8, equal_nan: bool = False) -> bool:
    """Whether all elements are close (`isclose`)."""
    return bool(isclose(input, other, rtol, atol, equal_nan)._array.all())


# ------------------------------------------------------------------------------------------------------------ logic


@_pairwise(xp.logical_and, numbers="none")
def logical_and(input: Tensor, other: Tensor, *, out: Tensor | None = None) -> Tensor:
    """Whether both are not 0."""


@_pairwise(xp.logical_or, numbers="none")
def logical_or(input: Tensor, other: Tensor, *, out: Tensor | None = None) -> Tensor:
    """Whether one is not 0."""


@_pairwise(xp.logical_xor, numbers="none")
def logical_xor(input: Tensor, other: Tensor, *, out: Tensor | None = None) -> Tensor:
    """Whether exactly one is not 0."""


@_pairwise(xp.bitwise_and, refused="fcV", numbers="either")
def bitwise_and(input: Any, other: Any, *, out: Tensor | None = None) -> Tensor:
    """The bits set in both integers; for bools, logical and."""


@_pairwise(xp.bitwise_or, refused="fcV", numbers="either")
def bitwise_or(input: Any, other: Any, *, out: Tensor | None = None) -> Tensor:
    """The bits set in one of the integers or both; for bools, logical or."""


@_pairwise(xp.bitwise_xor, refused="fcV", numbers="either")
def bitwise_xor(input: Any, other: Any, *, out: Tensor | None = None) -> Tensor:
    """The bits set in exactly one of the integers; for bools, exclusive or."""


@_pairwise(xp.left_shift, refused="fcVb", numbers="either")
def bitwise_left_shift(input: Any, other: Any, *, out: Tensor | None = None) -> Tensor:
    """The bits of the integers moved up by `other` places."""


@_pairwise(xp.right_shift, refused="fcVb", numbers="either")
def bitwise_right_shift(input: Any, other: Any, *, out: Tensor | None = None) -> Tensor:
    """The bits of the integers moved down by `other` places; the sign stays."""


def _single(function: Any, refused: str = "", refusal: Any = not_implemented) -> Callable[[F], F]:
    """Makes a documented, empty function the operator of one operand that `function` computes on an array."""

    def decorate(described: F) -> F:
        name = described.__name__

        @functools.wraps(described)
        def call(input: Tensor, *, out: Tensor | None = None) -> Tensor:
            if not isinstance(input, TensorBase):
                raise not_a_tensor(input, name)
            if input._array.dtype.kind in refused:
                raise refusal(name, input)
            result = wrap(function(input._array))
            return result if out is None else into(out, result, name)

        return numpy_name(function.__name__)(call) if is_numpys(function) else call  # type: ignore[return-value]

    return decorate


@_single(xp.logical_not)
def logical_not(input: Tensor, *, out: Tensor | None = None) -> Tensor:
    """Whether each element is 0."""


@_single(xp.invert, refused="fcV")
def bitwise_not(input: Tensor, *, out: Tensor | None = None) -> Tensor:
    """The integer with every bit turned over; for bools, logical not."""


# ------------------------------------------------------------------------------------------------- kinds of number


@_single(xp.isnan)
def isnan(input: Tensor) -> Tensor:
    """Whether each element is NaN; of a complex number, either part."""


@_single(xp.isinf)
def isinf(input: Tensor) -> Tensor:
    """Whether each element is an infinity."""


@_single(xp.isfinite)
def isfinite(input: Tensor) -> Tensor:
    """Whether each element is neither NaN nor an infinity."""


@_single(lambda x: x == np.inf, refused="c", refusal=not_supported)
def isposinf(input: Tensor, *, out: Tensor | None = None) -> Tensor:
    """Whether each element is +inf."""


@_single(lambda x: x == -np.inf, refused="c", refusal=not_supported)
def isneginf(input: Tensor, *, out: Tensor | None = None) -> Tensor:
    """Whether each element is -inf."""


@_single(np.isreal)
def isreal(input: Tensor) -> Tensor:
    """Whether each element has no imaginary part."""


@_single(lambda x: np.signbit(x) if x.dtype.kind in "fV" else x < 0, refused="c")
def signbit(input: Tensor, *, out: Tensor | None = None) -> Tensor:
    """Whether the sign bit is set: below 0, and -0.0."""
