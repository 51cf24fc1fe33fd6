"""One value or another, or something between: maximum and minimum, clamp, where, lerp; and addcmul, addcdiv."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from .. import dtypes
from ..autograd.tape import Operator, TensorBase, wrap
from ..errors import OperatorError, UnsupportedError
from ..kernels import fused, kernel, xp
from .elementwise import Scalar, add, div, mul, shape_of
from .numpy_protocol import numpy_name
from .promotion import (
    as_tensor,
    broadcast_error,
    cast,
    conj,
    into,
    is_complex,
    is_half,
    is_scalar,
    not_implemented,
    number_like,
    operands,
    result_type,
    unbroadcast,
)

if TYPE_CHECKING:
    from ..tensor import Tensor

Array = Any


# ------------------------------------------------------------------------------------------------ larger and smaller


class Maximum(Operator):
    saves = (0, 1)

    @staticmethod
    def forward(ctx: Any, a: Array, b: Array, function: Any) -> Array:
        ctx.shapes = shape_of(a), shape_of(b)
        y = function(a, b)
        ctx.larger = function in (xp.maximum, xp.fmax)
        ctx.skips_nan = function in (xp.fmax, xp.fmin)
        ctx.save(a, b)
        return y

    @staticmethod
    def backward(ctx: Any, grad: Array) -> Any:
        a, b = (getattr(x, "_array", x) for x in ctx.saved)
        bare: Any = getattr(grad, "_array", grad)
        kind = bare.dtype
        if ctx.skips_nan:
            share = ((a >= b if ctx.larger else a <= b) | np.isnan(b)).astype(kind)
        else:  # torch: equal arguments share the gradient, except in fmax and fmin
            share = np.where(a == b, kind.type(0.5), (a > b if ctx.larger else a < b).astype(kind))
            share = np.where(a != a, kind.type(1), share)
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
    return _extreme("maximum", xp.maximum, as_tensor(input, "maximum"), as_tensor(other, "maximum", "other"), out)


def minimum(input: Tensor, other: Tensor, *, out: Tensor | None = None) -> Tensor:
    """The smaller of two tensors, element by element; NaN if either is. See `maximum`."""
    return _extreme("minimum", xp.minimum, as_tensor(input, "minimum"), as_tensor(other, "minimum", "other"), out)


def fmax(input: Tensor, other: Tensor, *, out: Tensor | None = None) -> Tensor:
    """The larger of two tensors; where one is NaN, the other."""
    return _extreme("fmax", xp.fmax, as_tensor(input, "fmax"), as_tensor(other, "fmax", "other"), out)


def fmin(input: Tensor, other: Tensor, *, out: Tensor | None = None) -> Tensor:
    """The smaller of two tensors; where one is NaN, the other."""
    return _extreme("fmin", xp.fmin, as_tensor(input, "fmin"), as_tensor(other, "fmin", "other"), out)


@kernel
@fused
def clamped(x: Array, low: Any, high: Any) -> Array:
    """min(max(x, low), high), where low and high are arrays, numbers or None."""
    y = x if low is None else xp.maximum(x, low)
    return y if high is None else xp.minimum(y, high)


class Clamp(Operator):
    """min(max(x, low), high), where low and high are arrays, numbers or None."""

    saves = (0, 1, 2)

    @staticmethod
    def forward(ctx: Any, x: Array, low: Any, high: Any) -> Array:
        ctx.save(x, low, high)
        ctx.shapes = shape_of(x), shape_of(low), shape_of(high)
        return x.copy() if low is None and high is None else clamped(x, low, high)

    @staticmethod
    def backward(ctx: Any, grad: Array) -> Any:
        x, low, high = (getattr(a, "_array", a) for a in ctx.saved)
        below = xp.zeros_like(x, bool, shape=()) if low is None else x < low
        above = xp.zeros_like(x, bool, shape=()) if high is None else x > high
        if low is not None and high is not None:  # torch: where low > high, high wins
            above = above | (below & (low > high))
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
    if is_complex(as_tensor(input, "clamp")):
        raise not_implemented("clamp", input)
    bounds = [b for b in (min, max) if b is not None]
    kind = dtypes.of(input._array)
    for bound in bounds:
        if kind.category < dtypes.FLOAT or type(bound) not in (float, int):  # (a float's kind stands beside a number)
            kind = dtypes.promote_types(kind, result_type(input, bound))
    if kind.category == dtypes.COMPLEX:
        raise UnsupportedError(f"clamp: clamp is not supported for complex types, here bounds of {kind}")
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
        return bound if bound is None else cast(bound, kind)
    if kind.numpy.char in "fd":
        return float(bound)
    return int(bound) if kind is dtypes.int64 and abs(bound) < 1 << 62 else kind.numpy.type(bound)


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
        ctx.condition, ctx.shapes = condition, (shape_of(a), shape_of(b))
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
    mask: Any = getattr(condition, "_array", condition)
    if input is None or other is None:
        return tuple(map(wrap, np.nonzero(np.atleast_1d(mask))))
    if mask.dtype.kind != "b" and mask.dtype != np.uint8:
        raise OperatorError(
            f"where expected condition to be a boolean tensor, but got a tensor with dtype {dtypes.of(mask)}"
        )
    if is_scalar(input) and is_scalar(other):
        kind = dtypes.promote_types(dtypes.of_scalar(input), dtypes.of_scalar(other))
        a, b = (wrap(number_like(x, mask, kind.numpy)) for x in (input, other))
    else:
        a, b = operands(input, other, "where")
    try:
        result = Where.apply(mask if mask.dtype.kind == "b" else mask.astype(bool), a, b)
    except ValueError:
        raise broadcast_error("where", condition, a if shape_of(a) else b) from None
    return result if out is None else into(out, result, "where")


@kernel
@fused
def blended(a: Array, b: Array, weight: Any) -> Array:
    """a + weight * (b - a). torch: from the nearer end, so that weight 0 and 1 give exactly a and b."""
    step = b - a
    return xp.where(xp.absolute(weight) < 0.5, a + weight * step, b - step * (1 - weight))


class Lerp(Operator):
    saves = (0, 1, 2)

    @staticmethod
    def forward(ctx: Any, a: Array, b: Array, weight: Array) -> Array:
        ctx.save(a, b, weight)
        ctx.shapes = a.shape, b.shape, shape_of(weight)
        return blended(a, b, weight)

    @staticmethod
    def backward(ctx: Any, grad: Array) -> Any:
        a, b, weight = ctx.saved
        needs = ctx.needs
        da = unbroadcast(grad * (1 - conj(weight)), ctx.shapes[0]) if needs[0] else None
        db = unbroadcast(grad * conj(weight), ctx.shapes[1]) if needs[1] else None
        return da, db, unbroadcast(grad * conj(b - a), ctx.shapes[2]) if needs[2] else None


def _factor(number: Any, beside: Array) -> Any:
    """A number beside an array, in the array's dtype."""
    if isinstance(number, TensorBase):
        return number
    return float(number) if beside.dtype.char in "fd" else beside.dtype.type(number)


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
    if is_half(input):
        wide = [cast(x, dtypes.float32) if isinstance(x, TensorBase) else x for x in (input, end, weight)]
        result = cast(lerp(*wide), dtypes.of(input._array))
        return result if out is None else into(out, result, "lerp")
    try:
        result = Lerp.apply(input, end, _factor(weight, input._array))
    except ValueError:
        raise broadcast_error("lerp", input, end) from None
    return result if out is None else into(out, result, "lerp")


@kernel
@fused
def plus_product(x: Array, a: Array, b: Array, value: float) -> Array:
    return x + a * value * b


@kernel
@fused
def plus_quotient(x: Array, a: Array, b: Array, value: float) -> Array:
    return x + a * value / b


class Addcmul(Operator):
    """x + value * a * b."""

    saves = (1, 2)

    @staticmethod
    def forward(ctx: Any, x: Array, a: Array, b: Array, value: float) -> Array:
        _, by_a, by_b = ctx.needs[:3]
        ctx.save(a if by_b else None, b if by_a else None)
        ctx.shapes, ctx.value = (x.shape, a.shape, b.shape), value
        return plus_product(x, a, b, value)

    @staticmethod
    def backward(ctx: Any, grad: Array) -> Any:
        a, b = ctx.saved
        parts = grad, None if b is None else grad * b * ctx.value, None if a is None else grad * a * ctx.value
        return tuple(unbroadcast(d, s) if n else None for d, s, n in zip(parts, ctx.shapes, ctx.needs))


class Addcdiv(Operator):
    """x + value * a / b."""

    saves = (1, 2)

    @staticmethod
    def forward(ctx: Any, x: Array, a: Array, b: Array, value: float) -> Array:
        ctx.save(a if ctx.needs[2] else None, b)
        ctx.shapes, ctx.value = (x.shape, a.shape, b.shape), value
        return plus_quotient(x, a, b, value)

    @staticmethod
    def backward(ctx: Any, grad: Array) -> Any:
        a, b = ctx.saved
        da = grad * ctx.value / b
        parts = grad, da, None if a is None else -da * (a / b)
        return tuple(unbroadcast(d, s) if n else None for d, s, n in zip(parts, ctx.shapes, ctx.needs))


def _in_one(cls: type[Operator], name: str, x: Any, a: Any, b: Any, value: Any) -> Any:
    """The operator of three tensors and a number, if they are all float32 or all float64; else None."""
    if not all(isinstance(t, TensorBase) and t._array.dtype.char in "fd" for t in (x, a, b)):
        return None
    if not x._array.dtype == a._array.dtype == b._array.dtype:
        return None
    try:
        return cls.apply(x, a, b, float(value))
    except ValueError:
        raise broadcast_error(name, x, a) from None


def addcmul(input: Tensor, tensor1: Tensor, tensor2: Tensor, *, value: Scalar = 1, out: Tensor | None = None) -> Tensor:
    """input + value * tensor1 * tensor2."""
    result = _in_one(Addcmul, "addcmul", input, tensor1, tensor2, value)
    if result is None:
        product = mul(tensor1, tensor2)
        if value != 1:
            product = cast(product, result_type(input, product))
            _check_value(value, product, "addcmul")
            product = mul(product, value)
        result = add(input, product)
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
    result = _in_one(Addcdiv, "addcdiv", input, tensor1, tensor2, value)
    if result is None:
        quotient = div(tensor1, tensor2)
        result = add(input, quotient if value == 1 else mul(quotient, value))
    return result if out is None else into(out, result, "addcdiv")


def _check_value(value: Any, product: Tensor, name: str) -> None:
    if isinstance(value, float) and dtypes.of(product._array).category < dtypes.FLOAT:
        raise OperatorError(f"{name}: value cannot be converted to type {product.dtype} without overflow")
