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
from ..kernels import xp
from .numpy_protocol import numpy_name
from .promotion import (
    broadcast_error,
    cast,
    conj,
    floating,
    into,
    is_complex,
    is_scalar,
    not_a_tensor,
    not_implemented,
    operands,
    result_type,
    unbroadcast,
)

if TYPE_CHECKING:
    from ..tensor import Tensor

Array = Any
Scalar = int | float | bool | complex if TYPE_CHECKING else Any


def _shape(x: Any) -> tuple[int, ...]:
    return getattr(x, "shape", ())


def both(cls: type[Operator], a: Any, b: Any, name: str) -> Any:
    """Applies a binary operator to what `operands` returned."""
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
        ctx.shapes = _shape(a), _shape(b)
        return xp.add(a, b)

    @staticmethod
    def backward(ctx: Any, grad: Array) -> Any:
        a, b = ctx.shapes
        needs = ctx.needs
        return unbroadcast(grad, a) if needs[0] else None, unbroadcast(grad, b) if needs[1] else None


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
    a, b = operands(input, other, "add")
    if alpha != 1:
        b = mul(b, _check_alpha(alpha, a, b, "add"))
    try:
        result = Add.apply(a, b)
    except ValueError:
        raise broadcast_error("add", a, b) from None
    return result if out is None else into(out, result, "add")


def _check_alpha(alpha: Any, a: Any, b: Any, name: str) -> Any:
    kind = dtypes.of((a if isinstance(a, TensorBase) else b)._array)
    if isinstance(alpha, bool) and kind is not dtypes.bool:
        raise OperatorError(f"{name}: Boolean alpha only supported for Boolean results.")
    if isinstance(alpha, float) and kind.category < dtypes.FLOAT:
        raise OperatorError(f"{name}: For integral input tensors, argument alpha must not be a floating point number.")
    if isinstance(alpha, complex) and kind.category < dtypes.COMPLEX:
        raise OperatorError(f"{name}: For non-complex input tensors, argument alpha must not be a complex number.")
    return alpha


@numpy_name("subtract")
def sub(input: Tensor, other: Any, *, alpha: Any = 1, out: Tensor | None = None) -> Tensor:
    """`input - alpha * other`; see `add`.

    Raises:
        RuntimeError: as for `add`, and for bool tensors (use logical_xor or ~).
    """
    a, b = operands(input, other, "sub")
    if a is not input or b is not other:
        _refuse_bool(input, other)
    if alpha != 1:
        b = mul(b, _check_alpha(alpha, a, b, "sub"))
    try:
        result = Sub.apply(a, b)
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
            f"sub: Subtraction, the `-` operator, with {which} is not supported. Use the `^` or `logical_xor()` operator "
            "instead, or `~` to invert a mask."
        )


def rsub(input: Tensor, other: Any, *, alpha: Any = 1) -> Tensor:
    """`other - alpha * input`."""
    return sub(other, input, alpha=alpha)


@numpy_name("multiply")
def mul(input: Tensor, other: Any, *, out: Tensor | None = None) -> Tensor:
    """`input * other`; see `add`."""
    a, b = operands(input, other, "mul")
    try:
        result = Mul.apply(a, b)
    except ValueError:
        raise broadcast_error("mul", a, b) from None
    return result if out is None else into(out, result, "mul")


subtract, multiply = sub, mul


# -------------------------------------------------------------------------------------------------------- division


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


class Quotient(Operator):
    """A rounded quotient: no gradient passes."""

    @staticmethod
    def forward(ctx: Any, a: Array, b: Array, function: Any) -> Array:
        ctx.shapes = _shape(a), _shape(b)
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


def refuse_zero(name: str, a: Any, b: Any) -> None:
    """torch: integers divided by zero raise."""
    array = getattr(b, "_array", None)
    if array is not None and array.dtype.kind in "iu" and not array.all():
        raise OperatorError(f"{name}: ZeroDivisionError: other has a zero (shape {array.shape}, dtype {array.dtype})")


@numpy_name("true_divide", "divide")
def div(input: Tensor, other: Any, *, rounding_mode: str | None = None, out: Tensor | None = None) -> Tensor:
    """`input / other`, rounded if asked.

    Args:
        input, other: Tensors that broadcast together, or numbers; integers are divided as floats of the default dtype.
        rounding_mode: None (true division), "trunc" (towards 0, as C does) or "floor" (as Python's //); these keep integers.

    Raises:
        RuntimeError: unknown rounding mode; shapes that do not broadcast; an integer divided by 0 with rounding.

    Example:
        >>> rushlight.div(rushlight.tensor([-7, 7]), 2, rounding_mode="trunc")
        tensor([-3,  3])
    """
    if rounding_mode is not None:
        result = _div_rounded(input, other, rounding_mode)
        return result if out is None else into(out, result, "div")
    a, b = operands(input, other, "div")
    if (a if isinstance(a, TensorBase) else b)._array.dtype.kind in "iub":
        a, b = floating(a, "div"), floating(b, "div")
    try:
        result = Div.apply(a, b)
    except ValueError:
        raise broadcast_error("div", a, b) from None
    return result if out is None else into(out, result, "div")


def _div_rounded(input: Any, other: Any, rounding_mode: str) -> Tensor:
    if rounding_mode not in ("trunc", "floor"):
        raise OperatorError(
            f"div expected rounding_mode to be one of None, 'trunc', or 'floor' but found '{rounding_mode}'"
        )
    return _rounded("div", xp.floor_divide if rounding_mode == "floor" else _divided_and_cut, input, other)  # type: ignore[no-any-return]


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

    @staticmethod
    def forward(ctx: Any, a: Array, b: Array, function: Any) -> Array:
        r = function(a, b)
        ctx.shapes = _shape(a), _shape(b)
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
    result = _remainder("fmod", xp.fmod, input, other)
    return result if out is None else into(out, result, "fmod")


# ---------------------------------------------------------------------------------------------------------- powers


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
    return xp.power(a, b)


class Pow(Operator):
    saves = (0, 1, OUT)

    @staticmethod
    def forward(ctx: Any, a: Array, b: Array) -> Array:
        y = _power(a, b)
        ctx.shapes = _shape(a), _shape(b)
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
        result = wrap(a._array | ~b._array)  # 0 ** 1 alone is 0
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
    complex_ = any(is_complex(x) if isinstance(x, TensorBase) else isinstance(x, complex) for x in sides)
    kind = dtypes.complex128 if complex_ else dtypes.float64
    a, b = (cast(x, kind) if isinstance(x, TensorBase) else x for x in sides)
    result = pow(a, b)
    return result if out is None else into(out, result, "float_power")


# ------------------------------------------------------------------------------------------------ larger and smaller


class Maximum(Operator):
    saves = (0, 1)

    @staticmethod
    def forward(ctx: Any, a: Array, b: Array, function: Any) -> Array:
        ctx.shapes = _shape(a), _shape(b)
        y = function(a, b)
        ctx.larger = function in (xp.maximum, xp.fmax)
        ctx.skips_nan = function in (xp.fmax, xp.fmin)
        ctx.save(a, b)
        return y

    @staticmethod
    def backward(ctx: Any, grad: Array) -> Any:
        a, b = (getattr(x, "_array", x) for x in ctx.saved)
        chosen = (
            (a > b if ctx.larger else a < b) if not ctx.skips_nan else (a >= b if ctx.larger else a <= b) | np.isnan(b)
        )
        share = np.asarray(chosen).astype(grad.dtype if isinstance(grad, np.ndarray) else grad._array.dtype)
        if not ctx.skips_nan:  # torch: equal arguments share the gradient, except in fmax and fmin
            share = np.where(a == b, share.dtype.type(0.5), share)
            share = np.where(np.isnan(a), share.dtype.type(1), share) if np.asarray(a).dtype.kind == "f" else share
        da = unbroadcast(grad * share, ctx.shapes[0]) if ctx.needs[0] else None
        return da, unbroadcast(grad * (1 - share), ctx.shapes[1]) if ctx.needs[1] else None


def _extreme(name: str, function: Any, input: Any, other: Any, out: Any) -> Any:
    a, b = operands(input, other, name)
    if is_complex(a if isinstance(a, TensorBase) else b):
        raise OperatorError(f"{name}: {name} not implemented for complex tensors.")
    try:
        result = Maximum.apply(a, b, function)
    except ValueError:
        raise broadcast_error(name, a, b) from None
    return result if out is None else into(out, result, name)


@numpy_name("maximum")
def _numpy_maximum(a: Any, b: Any) -> Any:
    return _extreme("maximum", xp.maximum, a, b, None)


@numpy_name("minimum")
def _numpy_minimum(a: Any, b: Any) -> Any:
    return _extreme("minimum", xp.minimum, a, b, None)


def maximum(input: Tensor, other: Tensor, *, out: Tensor | None = None) -> Tensor:
    """The larger of two tensors, element by element; NaN if either is. Equal elements share the gradient.

    Raises:
        TypeError: not two tensors. RuntimeError: complex tensors; shapes that do not broadcast.
    """
    return _extreme("maximum", xp.maximum, _tensor(input, "maximum"), _tensor(other, "maximum", "other"), out)  # type: ignore[no-any-return]


def minimum(input: Tensor, other: Tensor, *, out: Tensor | None = None) -> Tensor:
    """The smaller of two tensors, element by element; NaN if either is. See `maximum`."""
    return _extreme("minimum", xp.minimum, _tensor(input, "minimum"), _tensor(other, "minimum", "other"), out)  # type: ignore[no-any-return]


def fmax(input: Tensor, other: Tensor, *, out: Tensor | None = None) -> Tensor:
    """The larger of two tensors; where one is NaN, the other."""
    return _extreme("fmax", xp.fmax, _tensor(input, "fmax"), _tensor(other, "fmax", "other"), out)  # type: ignore[no-any-return]


def fmin(input: Tensor, other: Tensor, *, out: Tensor | None = None) -> Tensor:
    """The smaller of two tensors; where one is NaN, the other."""
    return _extreme("fmin", xp.fmin, _tensor(input, "fmin"), _tensor(other, "fmin", "other"), out)  # type: ignore[no-any-return]


def _tensor(x: Any, name: str, argument: str = "input") -> Any:
    if not isinstance(x, TensorBase):
        raise not_a_tensor(x, name, argument)
    return x


class Clamp(Operator):
    """min(max(x, low), high), where low and high are arrays, numbers or None."""

    saves = (0, 1, 2)

    @staticmethod
    def forward(ctx: Any, x: Array, low: Any, high: Any) -> Array:
        ctx.save(x, low, high)
        ctx.shapes = _shape(x), _shape(low), _shape(high)
        y = x if low is None else xp.maximum(x, low)
        return (y.copy() if y is x else y) if high is None else xp.minimum(y, high)

    @staticmethod
    def backward(ctx: Any, grad: Array) -> Any:
        x, low, high = (getattr(a, "_array", a) for a in ctx.saved)
        below = np.zeros((), bool) if low is None else np.asarray(x < low)
        above = np.zeros((), bool) if high is None else np.asarray(x > high)
        if low is not None and high is not None:  # torch: where low > high, high wins
            above = above | (below & np.asarray(low > high))
            below = below & ~above
        masks = ~(below | above), below, above
        return tuple(unbroadcast(grad * m, s) if n else None for m, s, n in zip(masks, ctx.shapes, ctx.needs))


def clamp(input: Tensor, min: Any = None, max: Any = None, *, out: Tensor | None = None) -> Tensor:
    """min(max(input, min), max): what lies outside [min, max] is moved to its border.

    Args:
        min, max: numbers or tensors that broadcast with input; one may be None.

    Raises:
        RuntimeError: both are None; shapes that do not broadcast.

    Example:
        >>> rushlight.clamp(rushlight.tensor([-2., 0.5, 2.]), -1, 1)
        tensor([-1.0000,  0.5000,  1.0000])
    """
    if min is None and max is None:
        raise OperatorError("torch.clamp: At least one of 'min' or 'max' must not be None")
    if is_complex(input):
        raise not_implemented("clamp", input)
    bounds = [b for b in (min, max) if b is not None]
    kind = dtypes.of(input._array)
    for bound in bounds:
        kind = dtypes.promote_types(kind, result_type(input, bound))
    low, high = (_bound(b, kind) for b in (min, max))
    try:
        result = Clamp.apply(cast(input, kind), low, high)
    except ValueError:
        raise broadcast_error(
            "clamp", input, bounds[0] if len(bounds) == 1 or not isinstance(max, TensorBase) else max
        ) from None
    return result if out is None else into(out, result, "clamp")


def _bound(bound: Any, kind: dtypes.dtype) -> Any:
    if bound is None or isinstance(bound, TensorBase):
        return bound if bound is None else cast(bound, kind)  # type: ignore[arg-type]
    return kind.numpy.type(bound)


def clamp_min(input: Tensor, min: Any, *, out: Tensor | None = None) -> Tensor:
    """max(input, min)."""
    return clamp(input, min, out=out)


def clamp_max(input: Tensor, max: Any, *, out: Tensor | None = None) -> Tensor:
    """min(input, max)."""
    return clamp(input, None, max, out=out)


clip = clamp


@numpy_name("clip")
def _numpy_clip(a: Any, a_min: Any = None, a_max: Any = None) -> Any:
    return clamp(a, a_min, a_max)


# --------------------------------------------------------------------------------------------- choosing and blending


class Where(Operator):
    @staticmethod
    def forward(ctx: Any, condition: Array, a: Array, b: Array) -> Array:
        ctx.condition, ctx.shapes = condition, (_shape(a), _shape(b))
        return xp.where(condition, a, b)

    @staticmethod
    def backward(ctx: Any, grad: Array) -> Any:
        _, a, b = ctx.needs
        zero = xp.zeros_like(grad)
        da = unbroadcast(xp.where(ctx.condition, grad, zero), ctx.shapes[0]) if a else None
        return None, da, unbroadcast(xp.where(ctx.condition, zero, grad), ctx.shapes[1]) if b else None


@numpy_name("where")
def where(condition: Tensor, input: Any = None, other: Any = None, *, out: Tensor | None = None) -> Any:
    """`input` where `condition` holds, `other` elsewhere. With the condition alone: the indices where it is not 0.

    Args:
        condition: a bool Tensor.
        input, other: Tensors or numbers; all three broadcast together.

    Raises:
        RuntimeError: the condition is not bool; shapes that do not broadcast.

    Example:
        >>> x = rushlight.tensor([-1., 2.])
        >>> rushlight.where(x > 0, x, 0.)
        tensor([0., 2.])
    """
    mask = getattr(condition, "_array", condition)
    if input is None or other is None:
        return tuple(map(wrap, np.nonzero(np.atleast_1d(mask))))
    if mask.dtype.kind != "b" and mask.dtype != np.uint8:
        raise OperatorError(
            f"where expected condition to be a boolean tensor, but got a tensor with dtype {dtypes.of(mask)}"
        )
    if is_scalar(input) and is_scalar(other):
        kind = dtypes.promote_types(dtypes.of_scalar(input), dtypes.of_scalar(other))
        a, b = (wrap(np.asarray(x, kind.numpy)) for x in (input, other))
    else:
        a, b = operands(input, other, "where")
    try:
        result = Where.apply(mask if mask.dtype.kind == "b" else mask.astype(bool), a, b)
    except ValueError:
        raise broadcast_error("where", condition, a if _shape(a) else b) from None
    return result if out is None else into(out, result, "where")


class Lerp(Operator):
    saves = (0, 1, 2)

    @staticmethod
    def forward(ctx: Any, a: Array, b: Array, weight: Array) -> Array:
        ctx.save(a, b, weight)
        ctx.shapes = a.shape, b.shape, _shape(weight)
        step = b - a  # torch: from the nearer end, so that weight 0 and 1 give exactly a and b
        return xp.where(xp.absolute(weight) < 0.5, a + weight * step, b - step * (1 - weight))

    @staticmethod
    def backward(ctx: Any, grad: Array) -> Any:
        a, b, weight = ctx.saved
        needs = ctx.needs
        da = unbroadcast(grad * (1 - conj(weight)), ctx.shapes[0]) if needs[0] else None
        db = unbroadcast(grad * conj(weight), ctx.shapes[1]) if needs[1] else None
        return da, db, unbroadcast(grad * conj(b - a), ctx.shapes[2]) if needs[2] else None


def lerp(input: Tensor, end: Tensor, weight: Any, *, out: Tensor | None = None) -> Tensor:
    """input + weight * (end - input).

    Args:
        weight: a number or a tensor that broadcasts with the others.

    Raises:
        RuntimeError: the dtypes differ; shapes that do not broadcast.
    """
    for x, name in ((end, "end"), (weight, "weight")):
        if isinstance(x, TensorBase) and x._array.dtype != input._array.dtype:
            raise OperatorError(f"lerp: expected dtype {input.dtype} for `{name}` but got dtype {dtypes.of(x._array)}")
    if input._array.dtype.kind in "iub":
        raise not_implemented("lerp", input)
    try:
        result = Lerp.apply(input, end, weight if isinstance(weight, TensorBase) else input._array.dtype.type(weight))
    except ValueError:
        raise broadcast_error("lerp", input, end) from None
    return result if out is None else into(out, result, "lerp")


def addcmul(input: Tensor, tensor1: Tensor, tensor2: Tensor, *, value: Scalar = 1, out: Tensor | None = None) -> Tensor:
    """input + value * tensor1 * tensor2."""
    product = mul(tensor1, tensor2)
    result = add(input, product if value == 1 else mul(product, _check_value(value, product, "addcmul")))
    return result if out is None else into(out, result, "addcmul")


def addcdiv(input: Tensor, tensor1: Tensor, tensor2: Tensor, *, value: Scalar = 1, out: Tensor | None = None) -> Tensor:
    """input + value * tensor1 / tensor2.

    Raises:
        RuntimeError: tensor1 and tensor2 are integers (their true division would be ambiguous).
    """
    if dtypes.of(tensor1._array).category < dtypes.FLOAT and dtypes.of(tensor2._array).category < dtypes.FLOAT:
        raise OperatorError(
            "addcdiv: Integer division with addcdiv is no longer supported; make tensor1 or tensor2 floating point."
        )
    quotient = div(tensor1, tensor2)
    result = add(input, quotient if value == 1 else mul(quotient, value))
    return result if out is None else into(out, result, "addcdiv")


def _check_value(value: Any, product: Tensor, name: str) -> Any:
    if isinstance(value, float) and dtypes.of(product._array).category < dtypes.FLOAT:
        raise OperatorError(f"{name}: value cannot be converted to type {product.dtype} without overflow")
    return value


# ------------------------------------------------------------------------------------ angles, logarithms, magnitudes


class Atan2(Operator):
    saves = (0, 1)

    @staticmethod
    def forward(ctx: Any, a: Array, b: Array) -> Array:
        ctx.save(a, b)
        ctx.shapes = _shape(a), _shape(b)
        return xp.arctan2(a, b)

    @staticmethod
    def backward(ctx: Any, grad: Array) -> Any:
        a, b = ctx.saved
        size = a * a + b * b
        share = grad / xp.where(size == 0, size + math.inf, size)  # torch: no gradient at the origin
        needs = ctx.needs
        return unbroadcast(share * b, ctx.shapes[0]) if needs[0] else None, unbroadcast(
            -share * a, ctx.shapes[1]
        ) if needs[1] else None


def _floating_pair(cls: type[Operator], name: str, input: Any, other: Any, out: Any) -> Any:
    a, b = operands(input, other, name)
    result = both(cls, *(floating(x, name) if isinstance(x, TensorBase) else x for x in (a, b)), name)
    return result if out is None else into(out, result, name)


@numpy_name("arctan2")
def atan2(input: Tensor, other: Tensor, *, out: Tensor | None = None) -> Tensor:
    """The angle in (-pi, pi] of the point (other, input)."""
    return _floating_pair(Atan2, "atan2", input, other, out)  # type: ignore[no-any-return]


arctan2 = atan2


class LogAddExp(Operator):
    """log(e^a + e^b), or to base 2; the gradient divides in the ratio e^a : e^b."""

    saves = (0, 1)
    function: Any = staticmethod(xp.logaddexp)

    @classmethod
    def forward(cls, ctx: Any, a: Array, b: Array) -> Array:
        ctx.save(a, b)
        ctx.shapes = _shape(a), _shape(b)
        return cls.function(a, b)

    @classmethod
    def backward(cls, ctx: Any, grad: Array) -> Any:
        a, b = ctx.saved
        base = 2.0 if cls.function is xp.logaddexp2 else math.e
        da, db = (grad / (1 + xp.power(base, gap)) for gap in (b - a, a - b))
        return unbroadcast(da, ctx.shapes[0]) if ctx.needs[0] else None, unbroadcast(db, ctx.shapes[1]) if ctx.needs[
            1
        ] else None


class LogAddExp2(LogAddExp):
    function = staticmethod(xp.logaddexp2)


@numpy_name("logaddexp")
def logaddexp(input: Tensor, other: Tensor, *, out: Tensor | None = None) -> Tensor:
    """log(exp(input) + exp(other)) without overflow."""
    return _floating_pair(LogAddExp, "logaddexp", input, other, out)  # type: ignore[no-any-return]


@numpy_name("logaddexp2")
def logaddexp2(input: Tensor, other: Tensor, *, out: Tensor | None = None) -> Tensor:
    """log2(2 ** input + 2 ** other) without overflow."""
    return _floating_pair(LogAddExp2, "logaddexp2", input, other, out)  # type: ignore[no-any-return]


class Hypot(Operator):
    saves = (0, 1, OUT)

    @staticmethod
    def forward(ctx: Any, a: Array, b: Array) -> Array:
        y = xp.hypot(a, b)
        ctx.save(a, b, y)
        ctx.shapes = _shape(a), _shape(b)
        return y

    @staticmethod
    def backward(ctx: Any, grad: Array) -> Any:
        a, b, y = ctx.saved
        da, db = (unbroadcast(grad * x / y, s) if n else None for x, s, n in zip((a, b), ctx.shapes, ctx.needs))
        return da, db


@numpy_name("hypot")
def hypot(input: Tensor, other: Tensor, *, out: Tensor | None = None) -> Tensor:
    """sqrt(input^2 + other^2) without overflow.

    Raises:
        NotImplementedError: integer tensors.
    """
    a, b = operands(_tensor(input, "hypot"), _tensor(other, "hypot", "other"), "hypot")
    if a._array.dtype.kind in "iub":
        raise not_implemented("hypot", a)
    result = both(Hypot, a, b, "hypot")
    return result if out is None else into(out, result, "hypot")  # type: ignore[no-any-return]


class CopySign(Operator):
    saves = (0, 1)

    @staticmethod
    def forward(ctx: Any, a: Array, b: Array) -> Array:
        ctx.save(a, b)
        ctx.shapes = _shape(a), _shape(b)
        return xp.copysign(a, b)

    @staticmethod
    def backward(ctx: Any, grad: Array) -> Any:
        a, b = (getattr(x, "_array", x) for x in ctx.saved)
        flip = np.sign(a) * np.copysign(np.ones_like(a), b)
        return unbroadcast(grad * flip, ctx.shapes[0]), xp.zeros_like(grad, shape=ctx.shapes[1])


@numpy_name("copysign")
def copysign(input: Tensor, other: Any, *, out: Tensor | None = None) -> Tensor:
    """The size of `input` with the sign of `other` (that of -0.0 too)."""
    return _floating_pair(CopySign, "copysign", input, other, out)  # type: ignore[no-any-return]


class XLogY(Operator):
    saves = (0, 1)

    @staticmethod
    def forward(ctx: Any, a: Array, b: Array) -> Array:
        ctx.save(a, b)
        ctx.shapes = _shape(a), _shape(b)
        return _xlogy(a, b)

    @staticmethod
    def backward(ctx: Any, grad: Array) -> Any:
        a, b = ctx.saved
        da = (
            unbroadcast(grad * xp.where((a == 0) & (b <= 0), xp.zeros_like(b), xp.log(b)), ctx.shapes[0])
            if ctx.needs[0]
            else None
        )
        return da, unbroadcast(grad * a / b, ctx.shapes[1]) if ctx.needs[1] else None


def _xlogy(a: Array, b: Array) -> Array:
    product = a * xp.log(b)
    return xp.where((a == 0) & ~xp.isnan(b), xp.zeros_like(product), product)


def xlogy(input: Any, other: Any, *, out: Tensor | None = None) -> Tensor:
    """input * log(other), and 0 where input is 0 (NaN where other is NaN)."""
    a, b = operands(input, other, "xlogy")
    a, b = (
        floating(x if isinstance(x, TensorBase) else wrap(np.asarray(x, y._array.dtype)), "xlogy")
        for x, y in ((a, b), (b, a))
    )
    result = both(XLogY, a, b, "xlogy")
    return result if out is None else into(out, result, "xlogy")  # type: ignore[no-any-return]


def ldexp(input: Tensor, other: Tensor, *, out: Tensor | None = None) -> Tensor:
    """input * 2 ** other."""
    result = mul(input, pow(2.0, other))
    return result if out is None else into(out, result, "ldexp")


def frexp(input: Tensor, *, out: Any = None) -> Any:
    """input as mantissa * 2 ** exponent, mantissa in [0.5, 1), exponent int32: (mantissa, exponent)."""
    if input._array.dtype.kind not in "fV":
        raise not_implemented("frexp", input)
    exponent = np.frexp(input._array)[1].astype(np.int32)
    mantissa = mul(input, wrap(np.ldexp(np.ones_like(input._array), -exponent)))
    results = mantissa, wrap(exponent)
    return results if out is None else tuple(into(o, r, "frexp") for o, r in zip(out, results))


def _plain_pair(name: str, function: Any, input: Any, other: Any, out: Any, kinds: str) -> Any:
    """A binary function without a gradient."""
    a, b = operands(input, other, name)
    a, b = (getattr(x, "_array", x) for x in (a, b))
    kind = (a if hasattr(a, "dtype") else b).dtype.kind
    if kind not in kinds:
        raise not_implemented(name, wrap(a if hasattr(a, "dtype") else b))
    try:
        result = wrap(function(a, b))
    except ValueError:
        raise broadcast_error(name, wrap(np.asarray(a)), wrap(np.asarray(b))) from None
    return result if out is None else into(out, result, name)


def nextafter(input: Tensor, other: Tensor, *, out: Tensor | None = None) -> Tensor:
    """The number next to `input` in the direction of `other`."""
    return _plain_pair("nextafter", np.nextafter, input, other, out, "fV")  # type: ignore[no-any-return]


def heaviside(input: Tensor, values: Tensor, *, out: Tensor | None = None) -> Tensor:
    """0 below 0, 1 above, `values` at 0.

    Raises:
        RuntimeError: the dtypes differ.
    """
    if input._array.dtype != values._array.dtype:
        raise OperatorError("heaviside is not yet implemented for tensors with different dtypes.")
    x = input._array
    if x.dtype.kind == "c":
        raise OperatorError("heaviside is not yet implemented for complex tensors.")
    result = wrap(np.where(x == 0, values._array, (x > 0).astype(x.dtype)))
    return result if out is None else into(out, result, "heaviside")  # type: ignore[no-any-return]


def gcd(input: Tensor, other: Tensor, *, out: Tensor | None = None) -> Tensor:
    """The greatest common divisor of integers; gcd(0, 0) is 0."""
    return _plain_pair("gcd", np.gcd, input, other, out, "iu")  # type: ignore[no-any-return]


def lcm(input: Tensor, other: Tensor, *, out: Tensor | None = None) -> Tensor:
    """The least common multiple of integers."""
    return _plain_pair("lcm", np.lcm, input, other, out, "iu")  # type: ignore[no-any-return]
