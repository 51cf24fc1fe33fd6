"""Arithmetic of two operands, element by element, with broadcasting and PyTorch's type promotion.

The pattern of every binary operator: the public function brings both sides to one dtype (`operands`), one `apply` call
runs and records it, and the backward adds up what broadcasting had spread out (`unbroadcast`).
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np

from .. import dtypes
from ..autograd.tape import OUT, Operator, TensorBase, wrap
from ..errors import OperatorError
from ..kernels import fused, kernel, xp
from .numpy_protocol import numpy_name
from .promotion import (
    all_values,
    as_tensor,
    broadcast_error,
    cast,
    conj,
    divisible,
    floating,
    into,
    is_complex,
    is_half,
    is_scalar,
    narrowed,
    not_a_tensor,
    not_implemented,
    operands,
    unbroadcast,
    whole_operands,
    wide_beside_numbers,
)

if TYPE_CHECKING:
    from ..tensor import Tensor

Array = Any
Scalar = Any  # a Python number


def shape_of(x: Any) -> tuple[int, ...]:
    return getattr(x, "shape", ())


def both(cls: type[Operator], a: Any, b: Any, name: str) -> Any:
    """Applies a binary operator to what `operands` returned; half precision in float32, rounded once."""
    if is_half(a) and is_half(b):
        return cast(both(cls, cast(a, dtypes.float32), cast(b, dtypes.float32), name), dtypes.of(a._array))
    try:
        return cls.apply(a, b)
    except ValueError:
        raise broadcast_error(name, a, b) from None
    except TypeError:
        raise not_implemented(name, a if isinstance(a, TensorBase) else b) from None


# ------------------------------------------------------------------------------------------- sum, difference, product


class Add(Operator):
    @staticmethod
    def forward(ctx: Any, a: Array, b: Array) -> Array:
        ctx.shapes = shape_of(a), shape_of(b)
        return xp.add(a, b)

    @staticmethod
    def backward(ctx: Any, grad: Array) -> Any:
        a, b = ctx.shapes
        needs = ctx.needs
        return unbroadcast(grad, a) if needs[0] else None, unbroadcast(grad, b) if needs[1] else None


@kernel
@fused
def plus_scaled(a: Array, b: Array, alpha: float) -> Array:
    return a + b * alpha


class AddScaled(Operator):
    """a + alpha * b."""

    label = "Add"

    @staticmethod
    def forward(ctx: Any, a: Array, b: Array, alpha: float) -> Array:
        ctx.shapes, ctx.alpha = (shape_of(a), shape_of(b)), alpha
        return plus_scaled(a, b, alpha)

    @staticmethod
    def backward(ctx: Any, grad: Array) -> Any:
        a, b = ctx.shapes
        needs = ctx.needs
        db = unbroadcast(grad * ctx.alpha, b) if needs[1] else None
        return unbroadcast(grad, a) if needs[0] else None, db


class Sub(Operator):
    @staticmethod
    def forward(ctx: Any, a: Array, b: Array) -> Array:
        ctx.shapes = shape_of(a), shape_of(b)
        return xp.subtract(a, b)

    @staticmethod
    def backward(ctx: Any, grad: Array) -> Any:
        a, b = ctx.shapes
        needs = ctx.needs
        return unbroadcast(grad, a) if needs[0] else None, unbroadcast(xp.negative(grad), b) if needs[1] else None


class Mul(Operator):
    saves = (0, 1)

    @staticmethod
    def forward(ctx: Any, a: Array, b: Array) -> Array:
        needs = ctx.needs
        ctx.shapes = shape_of(a), shape_of(b)
        ctx.save(a if needs[1] else None, b if needs[0] else None)
        return xp.multiply(a, b)

    @staticmethod
    def backward(ctx: Any, grad: Array) -> Any:
        a, b = ctx.saved
        da = None if b is None else unbroadcast(xp.multiply(grad, conj(b)), ctx.shapes[0])
        db = None if a is None else unbroadcast(xp.multiply(grad, conj(a)), ctx.shapes[1])
        return da, db


@numpy_name("add")
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
    a, b = whole_operands(input, other, "add")
    try:
        result = Add.apply(a, b) if alpha == 1 else _scaled(Add, a, b, alpha, "add")
    except ValueError:
        raise broadcast_error("add", a, b) from None
    return result if out is None else into(out, result, "add")


def _scaled(cls: type[Operator], a: Any, b: Any, alpha: Any, name: str) -> Any:
    """a + alpha * b, or a - alpha * b."""
    _check_alpha(alpha, a, b, name)
    if type(a) is float or type(b) is float or a._array.dtype.char not in "fd":
        return cls.apply(a, b * alpha)
    return AddScaled.apply(a, b, float(alpha if cls is Add else -alpha))


def _check_alpha(alpha: Any, a: Any, b: Any, name: str) -> None:
    kind = dtypes.of((a if isinstance(a, TensorBase) else b)._array)
    if isinstance(alpha, bool) and kind is not dtypes.bool:
        raise OperatorError(f"{name}: Boolean alpha only supported for Boolean results.")
    if isinstance(alpha, float) and kind.category < dtypes.FLOAT:
        raise OperatorError(f"{name}: For integral input tensors, argument alpha must not be a floating point number.")
    if isinstance(alpha, complex) and kind.category < dtypes.COMPLEX:
        raise OperatorError(f"{name}: For non-complex input tensors, argument alpha must not be a complex number.")


@numpy_name("subtract")
def sub(input: Tensor, other: Any, *, alpha: Any = 1, out: Tensor | None = None) -> Tensor:
    """`input - alpha * other`; see `add`.

    Raises:
        RuntimeError: as for `add`, and for bool tensors (use logical_xor or ~).
    """
    a, b = whole_operands(input, other, "sub")
    if a is not input or b is not other:
        _refuse_bool(input, other)
    try:
        result = Sub.apply(a, b) if alpha == 1 else _scaled(Sub, a, b, alpha, "sub")
    except ValueError:
        raise broadcast_error("sub", a, b) from None
    except TypeError:
        _refuse_bool(a, b)
        raise
    return result if out is None else into(out, result, "sub")


def _refuse_bool(a: Any, b: Any) -> None:
    kinds = [dtypes.of(x._array) if isinstance(x, TensorBase) else dtypes.of_scalar(x) for x in (a, b)]
    if dtypes.bool in kinds:
        which = "two bool tensors" if kinds[0] is kinds[1] else "a bool tensor"
        raise OperatorError(
            f"sub: Subtraction, the `-` operator, with {which} is not supported. Use the `^` or `logical_xor()` "
            "operator instead, or `~` to invert a mask."
        )


def rsub(input: Tensor, other: Any, *, alpha: Any = 1) -> Tensor:
    """`other - alpha * input`."""
    if not isinstance(input, TensorBase):
        raise not_a_tensor(input, "rsub")
    return sub(other, input, alpha=alpha)


@numpy_name("multiply")
def mul(input: Tensor, other: Any, *, out: Tensor | None = None) -> Tensor:
    """`input * other`; see `add`."""
    a, b = whole_operands(input, other, "mul", wide_beside_numbers)
    try:
        result = Mul.apply(a, b)
    except ValueError:
        raise broadcast_error("mul", a, b) from None
    if a is not input or b is not other:
        result = narrowed(result, input, other)
    return result if out is None else into(out, result, "mul")


subtract, multiply = sub, mul


# -------------------------------------------------------------------------------------------------------- division


class Div(Operator):
    saves = (0, 1)

    @staticmethod
    def forward(ctx: Any, a: Array, b: Array) -> Array:
        ctx.shapes = shape_of(a), shape_of(b)
        ctx.save(a if ctx.needs[1] else None, b)
        return xp.true_divide(a, b)

    @staticmethod
    def backward(ctx: Any, grad: Array) -> Any:
        a, b = ctx.saved
        da = grad / conj(b)
        db = None if a is None else unbroadcast(-da * conj(a / b), ctx.shapes[1])
        return unbroadcast(da, ctx.shapes[0]) if ctx.needs[0] else None, db


class Quotient(Operator):
    """A rounded quotient: no gradient passes."""

    @staticmethod
    def forward(ctx: Any, a: Array, b: Array, function: Any) -> Array:
        ctx.shapes = shape_of(a), shape_of(b)
        return function(a, b)

    @staticmethod
    def backward(ctx: Any, grad: Array) -> Any:
        return tuple(xp.zeros_like(grad, shape=shape) if need else None for shape, need in zip(ctx.shapes, ctx.needs))


def _divided_and_cut(a: Array, b: Array) -> Array:
    """The quotient rounded towards 0."""
    if np.result_type(a, b).kind not in "iu":
        return np.trunc(np.true_divide(a, b))
    q = np.floor_divide(a, b)
    return q + ((q < 0) & (q * b != a)).astype(q.dtype)


def _rounded(name: str, function: Any, input: Any, other: Any) -> Any:
    a, b = operands(input, other, name)
    refuse_zero(name, a, b)
    try:
        return Quotient.apply(a, b, function)
    except ValueError:
        raise broadcast_error(name, a, b) from None
    except TypeError:
        raise not_implemented(name, a if isinstance(a, TensorBase) else b) from None


def _elements(x: Any) -> int:
    return int(x._array.size) if isinstance(x, TensorBase) else 1


def refuse_zero(name: str, a: Any, b: Any) -> None:
    """torch: integers divided by zero raise, where there are any to be divided."""
    array = getattr(b, "_array", None)
    if array is not None and array.dtype.kind in "iu" and not all_values(array).all() and _elements(a):
        raise OperatorError(f"{name}: ZeroDivisionError: other has a zero (shape {array.shape}, dtype {array.dtype})")


@numpy_name("true_divide", "divide")
def div(input: Tensor, other: Any, *, rounding_mode: str | None = None, out: Tensor | None = None) -> Tensor:
    """`input / other`, rounded if asked.

    Args:
        input, other: Tensors that broadcast together, or numbers; integers are divided as floats of the default dtype.
        rounding_mode: None (true division), "trunc" (towards 0, as C does) or "floor" (as Python's //); these keep
            integers.

    Raises:
        RuntimeError: unknown rounding mode; shapes that do not broadcast; an integer divided by 0 with rounding.

    Example:
        >>> rushlight.div(rushlight.tensor([-7, 7]), 2, rounding_mode="trunc")
        tensor([-3,  3])
    """
    if rounding_mode is not None:
        result = _div_rounded(input, other, rounding_mode)
        return result if out is None else into(out, result, "div")
    a, b = operands(input, other, "div", divisible)
    if (a if isinstance(a, TensorBase) else b)._array.dtype.kind in "iub":
        a, b = floating(a, "div"), floating(b, "div")
    try:
        result = Div.apply(a, b)
    except ValueError:
        raise broadcast_error("div", a, b) from None
    if a is not input or b is not other:
        result = narrowed(result, input, other)
    return result if out is None else into(out, result, "div")


def _div_rounded(input: Any, other: Any, rounding_mode: str) -> Tensor:
    if rounding_mode not in ("trunc", "floor"):
        raise OperatorError(
            f"div expected rounding_mode to be one of None, 'trunc', or 'floor' but found '{rounding_mode}'"
        )
    return _rounded("div", xp.floor_divide if rounding_mode == "floor" else _divided_and_cut, input, other)


divide = div


def true_divide(input: Tensor, other: Any, *, out: Tensor | None = None) -> Tensor:
    """`input / other`; see `div`."""
    return div(input, other, out=out)


@numpy_name("floor_divide")
def floor_divide(input: Tensor, other: Any, *, out: Tensor | None = None) -> Tensor:
    """`input // other`: the quotient rounded down.

    Raises:
        RuntimeError: an integer divided by 0.
    """
    result = _rounded("floor_divide", xp.floor_divide, input, other)
    return result if out is None else into(out, result, "floor_divide")


class Remainder(Operator):
    """a - b * round(a / b), rounded down (`remainder`) or towards 0 (`fmod`)."""

    curved = True

    @staticmethod
    def forward(ctx: Any, a: Array, b: Array, function: Any) -> Array:
        r = function(a, b)
        ctx.shapes = shape_of(a), shape_of(b)
        if ctx.needs[1]:
            ctx.quotient = np.rint((a - r) / b)
        return r

    @staticmethod
    def backward(ctx: Any, grad: Array) -> Any:
        a, b = ctx.shapes
        needs = ctx.needs
        return unbroadcast(grad, a) if needs[0] else None, unbroadcast(-grad * ctx.quotient, b) if needs[1] else None


def _remainder(name: str, function: Any, input: Any, other: Any) -> Any:
    a, b = operands(input, other, name)
    refuse_zero(name, a, b)
    if is_half(a) and is_half(b):
        wide = _remainder(name, function, cast(a, dtypes.float32), cast(b, dtypes.float32))
        return cast(wide, dtypes.of(a._array))
    try:
        return Remainder.apply(a, b, function)
    except ValueError:
        raise broadcast_error(name, a, b) from None
    except TypeError:
        raise not_implemented(name, a if isinstance(a, TensorBase) else b) from None


@numpy_name("remainder")
def remainder(input: Tensor, other: Any, *, out: Tensor | None = None) -> Tensor:
    """Python's `input % other`: what is left has the sign of `other`.

    Raises:
        RuntimeError: an integer divided by 0.
    """
    result = _remainder("remainder", xp.remainder, input, other)
    return result if out is None else into(out, result, "remainder")


@numpy_name("fmod")
def fmod(input: Tensor, other: Any, *, out: Tensor | None = None) -> Tensor:
    """C's fmod: what is left has the sign of `input`.

    Raises:
        RuntimeError: an integer divided by 0.
    """
    result = _remainder("fmod", xp.fmod, as_tensor(input, "fmod"), other)
    return result if out is None else into(out, result, "fmod")


# ---------------------------------------------------------------------------------------------------------- powers


_WHOLE = 64  # up to here, powers by squaring in float64 keep more digits than float32 has


def _power(a: Array, b: Array) -> Array:
    """a ** b; the common exponents by multiplication, as PyTorch computes them."""
    if type(b) is float:
        if b == 2:
            return xp.multiply(a, a)
        if b == 0.5:
            return xp.sqrt(a)
        if b == 3:
            return a * a * a
        if b == -1:
            return 1 / a
        if b == -2:
            return 1 / (a * a)
        if b == -0.5:
            return 1 / xp.sqrt(a)
        if type(a) is np.ndarray and a.dtype == np.float32 and abs(b) <= _WHOLE and b == int(b):
            return _whole_power(a, int(b))
    return xp.power(a, b)


def _whole_power(a: Array, n: int) -> Array:
    """a ** n of float32 by squaring in float64, rounded once: the nearest float32, ten times as quickly."""
    with np.errstate(all="ignore"):
        square = a.astype(np.float64)
        y = np.ones_like(square)
        for bit in reversed(f"{abs(n):b}"):
            if bit == "1":
                y *= square
            square *= square
        return (1 / y if n < 0 else y).astype(np.float32)


class Pow(Operator):
    saves = (0, 1, OUT)

    @staticmethod
    def forward(ctx: Any, a: Array, b: Array) -> Array:
        y = _power(a, b)
        ctx.shapes = shape_of(a), shape_of(b)
        ctx.save(a, b, y if ctx.needs[1] else None)
        return y

    @staticmethod
    def backward(ctx: Any, grad: Array) -> Any:
        a, b, y = ctx.saved
        da = unbroadcast(_base_gradient(grad, a, b), ctx.shapes[0]) if ctx.needs[0] else None
        db = unbroadcast(_exponent_gradient(grad, a, b, y), ctx.shapes[1]) if ctx.needs[1] else None
        return da, db


def _base_gradient(grad: Array, a: Array, b: Array) -> Array:
    """grad * b * a^(b-1), and 0 where the exponent is 0 (not 0 * inf)."""
    if type(b) is float:
        return grad * conj(a) * 2 if b == 2 else grad * 0 if b == 0 else grad * conj(_power(a, b - 1) * b)
    return xp.where(b == 0, grad * 0, grad * conj(b * xp.power(a, b - 1)))


def _exponent_gradient(grad: Array, a: Array, b: Array, y: Array) -> Array:
    """grad * a^b * log(a), and 0 where a is 0 and the exponent is not negative."""
    if type(a) is float:
        return grad * 0 if a == 0 else grad * (y * math.log(a)) if a > 0 else grad * (y * math.nan)
    flat = (a == 0) & ((b if not is_complex(b) else xp.real(b)) >= 0)
    return xp.where(flat, grad * 0, grad * conj(y * xp.log(a)))


class _BoolPow(Operator):
    @staticmethod
    def forward(ctx: Any, a: Array, b: Array) -> Array:
        return a | ~b  # 0 ** 1 alone is 0


@numpy_name("power")
def pow(input: Any, exponent: Any, *, out: Tensor | None = None) -> Tensor:
    """`input ** exponent`; either side may be a number.

    Raises:
        RuntimeError: an integer tensor with a negative number as exponent.

    Example:
        >>> rushlight.pow(rushlight.tensor([1., 2., 3.]), 2)
        tensor([1., 4., 9.])
    """
    if type(exponent) is int and isinstance(input, TensorBase) and input._array.dtype.kind == "f":
        exponent = float(exponent)
    a, b = operands(input, exponent, "pow")
    kind = (a if isinstance(a, TensorBase) else b)._array.dtype.kind
    if kind in "iu":
        result: Any = _integer_power(a, b, exponent)
    elif kind == "b":
        result = both(_BoolPow, a, b, "pow")
    else:
        result = both(Pow, a, b, "pow")
    return result if out is None else into(out, result, "pow")


def _integer_power(a: Any, b: Any, exponent: Any) -> Any:
    """torch: a negative exponent raises if it is a number, and truncates the result if it stands in a tensor."""
    base, power = a._array, b._array
    if is_scalar(exponent) and exponent < 0:
        raise OperatorError("pow: Integers to negative integer powers are not allowed.")
    try:
        values = np.power(base, np.maximum(power, 0))
    except ValueError:
        raise broadcast_error("pow", a, b) from None
    inverse = np.where(base == 1, 1, np.where(base == -1, 1 - 2 * (power % 2), 0)).astype(values.dtype)
    return wrap(np.where(power < 0, inverse, values))


def rpow(input: Tensor, other: Any) -> Tensor:
    """`other ** input`."""
    return pow(other, input)


def float_power(input: Any, exponent: Any, *, out: Tensor | None = None) -> Tensor:
    """`input ** exponent` computed in float64 (or complex128)."""
    sides = input, exponent
    if not any(isinstance(x, TensorBase) for x in sides):
        raise not_a_tensor(input, "float_power")
    complex_ = any(is_complex(x) if isinstance(x, TensorBase) else isinstance(x, complex) for x in sides)
    kind = dtypes.complex128 if complex_ else dtypes.float64
    a, b = (cast(x, kind) if isinstance(x, TensorBase) else x for x in sides)
    result = pow(a, b)
    return result if out is None else into(out, result, "float_power")
