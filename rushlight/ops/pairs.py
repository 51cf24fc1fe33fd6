"""Functions of two arguments: angles, logarithms of sums, magnitudes and signs, steps, divisors."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np

from ..autograd.tape import OUT, Operator, TensorBase, wrap
from ..errors import OperatorError
from ..kernels import xp
from . import results
from .elementwise import both, mul, pow, shape_of
from .numpy_protocol import numpy_name
from .promotion import (
    as_tensor,
    broadcast_error,
    conj,
    floating,
    in_one_floating_dtype,
    into,
    is_complex,
    not_implemented,
    not_supported,
    number_like,
    operands,
    unbroadcast,
)

if TYPE_CHECKING:
    from ..tensor import Tensor

Array = Any


# ------------------------------------------------------------------------------------ angles, logarithms, magnitudes


class Atan2(Operator):
    saves = (0, 1)

    @staticmethod
    def forward(ctx: Any, a: Array, b: Array) -> Array:
        ctx.save(a, b)
        ctx.shapes = shape_of(a), shape_of(b)
        return xp.arctan2(a, b)

    @staticmethod
    def backward(ctx: Any, grad: Array) -> Any:
        a, b = ctx.saved
        size = a * a + b * b
        share = grad / xp.where(size == 0, size + math.inf, size)  # torch: no gradient at the origin
        needs = ctx.needs
        da = unbroadcast(share * b, ctx.shapes[0]) if needs[0] else None
        return da, unbroadcast(-share * a, ctx.shapes[1]) if needs[1] else None


def _floating_pair(cls: type[Operator], name: str, input: Any, other: Any, out: Any) -> Any:
    a, b = operands(as_tensor(input, name), as_tensor(other, name, "other"), name, in_one_floating_dtype)
    result = both(cls, floating(a, name), floating(b, name), name)
    return result if out is None else into(out, result, name)


@numpy_name("arctan2")
def atan2(input: Tensor, other: Tensor, *, out: Tensor | None = None) -> Tensor:
    """The angle in (-pi, pi] of the point (other, input)."""
    return _floating_pair(Atan2, "atan2", input, other, out)


arctan2 = atan2


def complex_logaddexp(a: Array, b: Array) -> Array:
    """log(e^a + e^b) of complex numbers, from the one with the larger real part."""
    low: Array = xp.where(a.real < b.real, a, b)
    high = xp.where(a.real < b.real, b, a)
    gap = xp.where(xp.isneginf(low.real), -np.inf, low - high)
    return high + xp.log1p(xp.exp(gap))


class LogAddExp(Operator):
    """log(e^a + e^b), or to base 2; the gradient divides in the ratio e^a : e^b."""

    saves = (0, 1)
    function: Any = staticmethod(xp.logaddexp)

    @classmethod
    def forward(cls, ctx: Any, a: Array, b: Array) -> Array:
        ctx.save(a, b)
        ctx.shapes = shape_of(a), shape_of(b)
        return complex_logaddexp(a, b) if is_complex(a) else cls.function(a, b)

    @classmethod
    def backward(cls, ctx: Any, grad: Array) -> Any:
        a, b = ctx.saved
        base = 2.0 if cls.function is xp.logaddexp2 else math.e
        da, db = (grad / conj(1 + xp.power(base, gap)) for gap in (b - a, a - b))
        return unbroadcast(da, ctx.shapes[0]) if ctx.needs[0] else None, unbroadcast(db, ctx.shapes[1]) if ctx.needs[
            1
        ] else None


class LogAddExp2(LogAddExp):
    function = staticmethod(xp.logaddexp2)


@numpy_name("logaddexp")
def logaddexp(input: Tensor, other: Tensor, *, out: Tensor | None = None) -> Tensor:
    """log(exp(input) + exp(other)) without overflow."""
    return _floating_pair(LogAddExp, "logaddexp", input, other, out)


@numpy_name("logaddexp2")
def logaddexp2(input: Tensor, other: Tensor, *, out: Tensor | None = None) -> Tensor:
    """log2(2 ** input + 2 ** other) without overflow."""
    return _floating_pair(LogAddExp2, "logaddexp2", input, other, out)


class Hypot(Operator):
    saves = (0, 1, OUT)

    @staticmethod
    def forward(ctx: Any, a: Array, b: Array) -> Array:
        y = xp.hypot(a, b)
        ctx.save(a, b, y)
        ctx.shapes = shape_of(a), shape_of(b)
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
    a, b = operands(as_tensor(input, "hypot"), as_tensor(other, "hypot", "other"), "hypot")
    if a._array.dtype.kind in "iub":
        raise not_implemented("hypot", a)
    result = both(Hypot, a, b, "hypot")
    return result if out is None else into(out, result, "hypot")


class CopySign(Operator):
    saves = (0, 1)
    curved = True

    @staticmethod
    def forward(ctx: Any, a: Array, b: Array) -> Array:
        ctx.save(a, b)
        ctx.shapes = shape_of(a), shape_of(b)
        return xp.copysign(a, b)

    @staticmethod
    def backward(ctx: Any, grad: Array) -> Any:
        a, b = (getattr(x, "_array", x) for x in ctx.saved)
        flip = np.sign(a) * np.copysign(np.ones_like(a), b)
        return unbroadcast(grad * flip, ctx.shapes[0]), xp.zeros_like(grad, shape=ctx.shapes[1])


@numpy_name("copysign")
def copysign(input: Tensor, other: Any, *, out: Tensor | None = None) -> Tensor:
    """The size of `input` with the sign of `other` (that of -0.0 too)."""
    if isinstance(other, (int, float)):
        other = wrap(number_like(other, floating(input, "copysign")._array))
    return _floating_pair(CopySign, "copysign", input, other, out)


class XLogY(Operator):
    saves = (0, 1)

    @staticmethod
    def forward(ctx: Any, a: Array, b: Array) -> Array:
        ctx.save(a, b)
        ctx.shapes = shape_of(a), shape_of(b)
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


def floating_tensors(input: Any, other: Any, name: str) -> tuple[Tensor, Tensor]:
    """Both sides, of which one may be a number, as Tensors of one floating dtype."""
    a, b = operands(input, other, name, in_one_floating_dtype)
    a, b = (x if isinstance(x, TensorBase) else wrap(number_like(x, y._array)) for x, y in ((a, b), (b, a)))
    return floating(a, name), floating(b, name)


def xlogy(input: Any, other: Any, *, out: Tensor | None = None) -> Tensor:
    """input * log(other), and 0 where input is 0 (NaN where other is NaN)."""
    result = both(XLogY, *floating_tensors(input, other, "xlogy"), "xlogy")
    return result if out is None else into(out, result, "xlogy")


def ldexp(input: Tensor, other: Tensor, *, out: Tensor | None = None) -> Tensor:
    """input * 2 ** other."""
    result = mul(as_tensor(input, "ldexp"), pow(2.0, as_tensor(other, "ldexp", "other")))
    return result if out is None else into(out, result, "ldexp")


def frexp(input: Tensor, *, out: Any = None) -> Any:
    """input as mantissa * 2 ** exponent, mantissa in [0.5, 1), exponent int32: (mantissa, exponent)."""
    if input._array.dtype.kind not in "fV":
        raise not_supported("frexp", input)
    exponent = np.frexp(input._array)[1].astype(np.int32)
    mantissa = mul(input, wrap(np.ldexp(np.ones_like(input._array), -exponent)))
    pair = mantissa, wrap(exponent)
    return results.frexp(*(pair if out is None else (into(o, r, "frexp") for o, r in zip(out, pair))))


def _plain_pair(name: str, function: Any, input: Any, other: Any, out: Any, kinds: str) -> Any:
    """A binary function without a gradient."""
    a, b = operands(as_tensor(input, name), as_tensor(other, name, "other"), name)
    a, b = (getattr(x, "_array", x) for x in (a, b))
    kind = (a if hasattr(a, "dtype") else b).dtype.kind
    if kind not in kinds:
        raise not_implemented(name, wrap(a if hasattr(a, "dtype") else b))
    try:
        result = wrap(function(a, b))
    except ValueError:
        raise broadcast_error(name, wrap(np.asarray(a)), wrap(np.asarray(b))) from None
    return result if out is None else into(out, result, name)


class NextAfter(Operator):
    """One step in the direction of b: the gradient goes to a, but torch: not where both are equal."""

    @staticmethod
    def forward(ctx: Any, a: Array, b: Array) -> Array:
        ctx.shapes, ctx.equal = (a.shape, b.shape), xp.equal(a, b)
        return xp.nextafter(a, b)

    @staticmethod
    def backward(ctx: Any, grad: Array) -> Any:
        a, b = ctx.shapes
        return unbroadcast(xp.where(ctx.equal, 0, grad), a), xp.zeros_like(grad, shape=b)


def nextafter(input: Tensor, other: Tensor, *, out: Tensor | None = None) -> Tensor:
    """The number next to `input` in the direction of `other`."""
    a, b = operands(as_tensor(input, "nextafter"), as_tensor(other, "nextafter", "other"), "nextafter")
    if a._array.dtype.kind not in "fV":
        raise not_implemented("nextafter", a)
    result = both(NextAfter, a, b, "nextafter")
    return result if out is None else into(out, result, "nextafter")


def heaviside(input: Tensor, values: Tensor, *, out: Tensor | None = None) -> Tensor:
    """0 below 0, 1 above, `values` at 0.

    Raises:
        RuntimeError: the dtypes differ.
    """
    input, values = as_tensor(input, "heaviside"), as_tensor(values, "heaviside", "values")
    if input._array.dtype != values._array.dtype:
        raise OperatorError("heaviside is not yet implemented for tensors with different dtypes.")
    x = input._array
    if x.dtype.kind == "c":
        raise OperatorError("heaviside is not yet implemented for complex tensors.")
    try:
        result = wrap(np.where(x == 0, values._array, (x > 0).astype(x.dtype)))
    except ValueError:
        raise broadcast_error("heaviside", input, values) from None
    return result if out is None else into(out, result, "heaviside")


def gcd(input: Tensor, other: Tensor, *, out: Tensor | None = None) -> Tensor:
    """The greatest common divisor of integers; gcd(0, 0) is 0."""
    return _plain_pair("gcd", np.gcd, input, other, out, "iu")


def lcm(input: Tensor, other: Tensor, *, out: Tensor | None = None) -> Tensor:
    """The least common multiple of integers."""
    return _plain_pair("lcm", np.lcm, input, other, out, "iu")
