"""Parts of complex numbers, and complex numbers made of parts: real, imag, conj, angle, complex, polar."""

# The body of a `smooth` function is its docstring.
# mypy: disable-error-code="empty-body"

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np

from ..autograd.tape import Operator, View
from ..errors import OperatorError
from ..kernels import xp
from .numpy_protocol import numpy_name
from .promotion import as_tensor, broadcast_error, into, is_complex, unbroadcast
from .unary import cos, sin, smooth

if TYPE_CHECKING:
    from ..tensor import Tensor

Array = Any


class Real(View):
    @staticmethod
    def forward(ctx: Operator, x: Array) -> Array:
        return x.real

    @staticmethod
    def backward(ctx: Operator, grad: Array) -> Array:
        return grad + xp.zeros_like(grad) * 1j


class Imag(View):
    @staticmethod
    def forward(ctx: Operator, x: Array) -> Array:
        return x.imag

    @staticmethod
    def backward(ctx: Operator, grad: Array) -> Array:
        return grad * 1j


@numpy_name("real")
def real(input: Tensor) -> Tensor:
    """A view of the real parts; a real tensor as it is."""
    return Real.apply(input) if input._array.dtype.kind == "c" else input


@numpy_name("imag")
def imag(input: Tensor) -> Tensor:
    """A view of the imaginary parts.

    Raises:
        RuntimeError: the tensor is real.
    """
    if input._array.dtype.kind != "c":
        raise OperatorError("imag: imag is not implemented for tensors with non-complex dtypes.")
    return Imag.apply(input)


class Conj(Operator):
    @staticmethod
    def forward(ctx: Operator, x: Array) -> Array:
        return xp.conjugate(x)

    @staticmethod
    def backward(ctx: Operator, grad: Array) -> Array:
        return xp.conjugate(grad)


@numpy_name("conjugate")
def conj_physical(input: Tensor, *, out: Tensor | None = None) -> Tensor:
    """The complex conjugate, a copy; a real tensor as it is."""
    result = Conj.apply(input) if input._array.dtype.kind == "c" else input
    return result if out is None else into(out, result, "conj_physical")


def _angle(x: Array) -> Array:
    if is_complex(x):
        return xp.arctan2(x.imag, x.real)
    return xp.where(x < 0, xp.full_like(x, math.pi), x * 0)  # NaN stays NaN


def _angle_gradient(grad: Array, x: Array) -> Array:
    if not is_complex(x):
        return grad * 0
    size = xp.real(x) * xp.real(x) + xp.imag(x) * xp.imag(x)
    return grad * x * 1j / xp.where(size == 0, xp.ones_like(size), size)


@smooth(_angle, _angle_gradient, 0)
def angle(input: Tensor, *, out: Tensor | None = None) -> Tensor:
    """The angle of a complex number in (-pi, pi]; for real numbers 0, or pi below 0."""


class MakeComplex(Operator):
    @staticmethod
    def forward(ctx: Any, real: Array, imag: Array) -> Array:
        ctx.shapes = real.shape, imag.shape
        return _join(real, imag)

    @staticmethod
    def backward(ctx: Any, grad: Array) -> Any:
        return unbroadcast(xp.real(grad), ctx.shapes[0]), unbroadcast(xp.imag(grad), ctx.shapes[1])


def _join(real: Array, imag: Array) -> Array:
    """Parts side by side, so that infinities stay in their part."""
    shape = np.broadcast_shapes(real.shape, imag.shape)
    z = np.empty(shape, np.result_type(real.dtype, np.complex64), like=real)
    z.real, z.imag = real, imag
    return z


def complex(real: Tensor, imag: Tensor, *, out: Tensor | None = None) -> Tensor:
    """real + i imag.

    Raises:
        RuntimeError: the parts are not of one floating dtype.
    """
    kinds = as_tensor(real, "complex", "real")._array.dtype, as_tensor(imag, "complex", "imag")._array.dtype
    if kinds[0] != kinds[1] or kinds[0].kind != "f":
        raise OperatorError(
            f"complex: Expected both inputs to be Half, Float or Double tensors of one dtype but got {real.dtype} and "
            f"{imag.dtype}"
        )
    try:
        result = MakeComplex.apply(real, imag)
    except ValueError:
        raise broadcast_error("complex", real, imag) from None
    if out is not None and out.dtype is not result.dtype:
        raise OperatorError(
            f"complex: Expected object of scalar type {result.dtype} but got scalar type {out.dtype} for argument 'out'"
        )
    return result if out is None else into(out, result, "complex")


def polar(abs: Tensor, angle: Tensor, *, out: Tensor | None = None) -> Tensor:
    """abs * (cos(angle) + i sin(angle)).

    Raises:
        RuntimeError: the parts are not of one floating dtype.
    """
    abs, angle = as_tensor(abs, "polar", "abs"), as_tensor(angle, "polar", "angle")
    if abs._array.dtype != angle._array.dtype or abs._array.dtype.kind != "f":
        raise OperatorError(
            f"polar: Expected both inputs to be Float or Double tensors of one dtype but got {abs.dtype} and "
            f"{angle.dtype}"
        )
    result = complex(abs * cos(angle), abs * sin(angle))
    return result if out is None else into(out, result, "polar")
