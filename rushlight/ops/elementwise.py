"""Arithmetic and comparison, element by element, with broadcasting and PyTorch's type promotion.

The pattern of every binary operator: the public function brings both sides to one dtype (`operands`), one `apply` call
runs and records it, and the backward adds up what broadcasting had spread out (`unbroadcast`).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from .. import dtypes
from ..autograd.tape import OUT, Operator, wrap
from ..errors import OperatorError
from ..kernels import kernel, xp
from .promotion import as_tensor, broadcast_error, cast, into, is_scalar, operands, unbroadcast

if TYPE_CHECKING:
    from ..tensor import Tensor

Array = Any
Scalar = int | float | bool | complex if TYPE_CHECKING else Any


# ------------------------------------------------------------------------------------------------------- arithmetic


def _shape(x: Any) -> tuple[int, ...]:
    return getattr(x, "shape", ())


class Add(Operator):
    @staticmethod
    def forward(ctx: Any, a: Array, b: Array) -> Array:
        ctx.shapes = _shape(a), _shape(b)
        return xp.add(a, b)

    @staticmethod
    def backward(ctx: Any, grad: Array) -> Any:
        a, b = ctx.shapes
        return unbroadcast(grad, a), unbroadcast(grad, b)


class Sub(Operator):
    @staticmethod
    def forward(ctx: Any, a: Array, b: Array) -> Array:
        ctx.shapes = _shape(a), _shape(b)
        return xp.subtract(a, b)

    @staticmethod
    def backward(ctx: Any, grad: Array) -> Any:
        a, b = ctx.shapes
        needs = ctx.needs
        return unbroadcast(grad, a) if needs[0] else None, unbroadcast(-grad, b) if needs[1] else None


class Mul(Operator):
    saves = (0, 1)

    @staticmethod
    def forward(ctx: Any, a: Array, b: Array) -> Array:
        needs = ctx.needs
        ctx.shapes = _shape(a), _shape(b)
        ctx.save(a if needs[1] else None, b if needs[0] else None)
        return xp.multiply(a, b)

    @staticmethod
    def backward(ctx: Any, grad: Array) -> Any:
        a, b = ctx.saved
        da = None if b is None else unbroadcast(grad * conj(b), ctx.shapes[0])
        db = None if a is None else unbroadcast(grad * conj(a), ctx.shapes[1])
        return da, db


def conj(x: Any) -> Any:
    """The complex conjugate; real arrays as they are. Gradients of complex tensors follow PyTorch: dL/d(conj z)."""
    return x.conj() if getattr(getattr(x, "_array", x), "dtype", np.dtype(bool)).kind == "c" else x


class Div(Operator):
    saves = (0, 1)

    @staticmethod
    def forward(ctx: Any, a: Array, b: Array) -> Array:
        ctx.shapes = _shape(a), _shape(b)
        ctx.save(a if ctx.needs[1] else None, b)
        return xp.true_divide(a, b)

    @staticmethod
    def backward(ctx: Any, grad: Array) -> Any:
        a, b = ctx.saved
        da = grad / conj(b)
        db = None if a is None else unbroadcast(-da * conj(a / b), ctx.shapes[1])
        return unbroadcast(da, ctx.shapes[0]) if ctx.needs[0] else None, db


def add(input: Tensor, other: Any, *, alpha: Scalar = 1, out: Tensor | None = None) -> Tensor:
    """`input + alpha * other`.

    Args:
        input, other: Tensors of any dtype that broadcast together, or numbers.
        alpha: factor of `other`.
        out: a tensor to write the result into.

    Raises:
        RuntimeError: the shapes do not broadcast, or `alpha` is a float and both sides are integers.

    Example:
        >>> rushlight.add(rushlight.tensor([1., 2.]), 3)
        tensor([4., 5.])
    """
    a, b = operands(input, other, "add")
    if alpha != 1:
        b = mul(b, _check_alpha(alpha, a, "add"))
    try:
        result = Add.apply(a, b)
    except ValueError:
        raise broadcast_error("add", a, b) from None
    return result if out is None else into(out, result, "add")


def _check_alpha(alpha: Any, a: Any, name: str) -> Any:
    if isinstance(alpha, float) and dtypes.of(a._array).category < dtypes.FLOAT:
        raise OperatorError(f"{name}: For integral input tensors, argument alpha must not be a floating point number.")
    return alpha


def sub(input: Tensor, other: Any, *, alpha: Any = 1, out: Tensor | None = None) -> Tensor:
    """`input - alpha * other`; see `add`.

    Raises:
        RuntimeError: as for `add`, and for bool tensors (use logical_xor or ~).
    """
    a, b = operands(input, other, "sub")
    if a.dtype == b.dtype == dtypes.bool:
        raise OperatorError("sub: Subtraction, the `-` operator, with two bool tensors is not supported. Use the `^` or `logical_xor()` operator instead.")
    if alpha != 1:
        b = mul(b, _check_alpha(alpha, a, "sub"))
    try:
        result = Sub.apply(a, b)
    except ValueError:
        raise broadcast_error("sub", a, b) from None
    return result if out is None else into(out, result, "sub")


def mul(input: Tensor, other: Any, *, out: Tensor | None = None) -> Tensor:
    """`input * other`; see `add`."""
    a, b = operands(input, other, "mul")
    try:
        result = Mul.apply(a, b)
    except ValueError:
        raise broadcast_error("mul", a, b) from None
    return result if out is None else into(out, result, "mul")
