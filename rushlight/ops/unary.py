"""Functions of one argument, element by element: roots, exponentials, logarithms, angles, rounding.

`smooth` makes an operator of a documented, empty function: what to compute, its gradient, and which array the gradient
needs (the input, or OUT for the output). Gradients of complex functions follow PyTorch: grad * conj(f'(x)).
"""

# The bodies of such functions are their docstrings.
# mypy: disable-error-code="empty-body"

from __future__ import annotations

import builtins
import functools
import math
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np

from .. import dtypes
from ..autograd.tape import OUT, Operator, TensorBase, wrap
from ..errors import OperatorError, UnsupportedError
from ..kernels import fused, kernel, xp
from .numpy_protocol import is_numpys, numpy_name
from .promotion import cast, conj, floating, in_float32, into, is_complex, is_half, not_a_tensor, not_implemented

if TYPE_CHECKING:
    from ..tensor import Tensor

Array = Any
F = TypeVar("F", bound=Callable[..., Any])
LN2, LN10 = math.log(2), math.log(10)


def operator(
    title: str, function: Callable[..., Array], gradient: Callable[..., Array], saved: int | str = 0
) -> type[Operator]:
    """The operator y = function(x, *constants), whose dx is gradient(grad, x, *constants), or gradient(grad, y,
    *constants)
    where `saved` is OUT. Half precision is computed in float32 and rounded once."""
    function, gradient = fused(function), fused(gradient)
    wide_function, wide_gradient = in_float32(function), in_float32(gradient)

    class Elementwise(Operator):
        saves = (saved,)
        curved = True
        kernels = (function, gradient)  # what is called unless the input has half precision

        @staticmethod
        def forward(ctx: Any, x: Array, *constants: Any) -> Array:
            half = x.dtype.itemsize == 2 and is_half(x)
            y = wide_function(x, *constants) if half else function(x, *constants)
            ctx.saved = (x if saved == 0 else y,)
            ctx.constants = constants
            return y

        @staticmethod
        def backward(ctx: Any, grad: Array) -> Array:
            if grad.dtype.itemsize == 2:
                return wide_gradient(grad, ctx.saved[0], *ctx.constants)
            return gradient(grad, ctx.saved[0], *ctx.constants)

    Elementwise.__name__ = Elementwise.__qualname__ = title
    return Elementwise


def public(name: str, apply: Callable[[Any], Any], input: Any, out: Any, accepts: str = "fcV") -> Any:
    """What the public functions of this file do: raise integers to floats, apply, write to `out`."""
    try:
        if input._array.dtype.kind not in accepts:
            input = floating(input, name)
        result = apply(input)
    except AttributeError:
        if isinstance(input, TensorBase):
            raise
        raise not_a_tensor(input, name) from None
    except TypeError:
        raise not_implemented(name, input) from None
    return result if out is None else into(out, result, name)


def smooth(
    function: Callable[[Array], Array], gradient: Callable[..., Array], saved: int | str, accepts: str = "fcV"
) -> Callable[[F], F]:
    """Makes a documented, empty function the public operator, also under NumPy's name if `function` is NumPy's."""

    def decorate(described: F) -> F:
        name = described.__name__
        kind = operator(name.capitalize(), function, gradient, saved)

        @functools.wraps(described)
        def call(input: Tensor, *, out: Tensor | None = None) -> Tensor:
            return public(name, kind.apply, input, out, accepts)  # looked up now: it may be intercepted

        return numpy_name(function.__name__)(call) if is_numpys(function) else call  # type: ignore[return-value]

    return decorate


# ------------------------------------------------------------------------------------- powers, exponentials, logarithms


@smooth(xp.exp, lambda grad, y: grad * conj(y), OUT)
def exp(input: Tensor, *, out: Tensor | None = None) -> Tensor:
    """e ** input.

    Example:
        >>> rushlight.exp(rushlight.tensor([0., 1.]))
        tensor([1.0000, 2.7183])
    """


@smooth(lambda x: xp.exp2(x) if not is_complex(x) else xp.exp(x * LN2), lambda grad, y: grad * conj(y) * LN2, OUT)
def exp2(input: Tensor, *, out: Tensor | None = None) -> Tensor:
    """2 ** input."""


@smooth(xp.expm1, lambda grad, y: grad * (conj(y) + 1), OUT)
def expm1(input: Tensor, *, out: Tensor | None = None) -> Tensor:
    """exp(input) - 1, exact where input is near 0."""


@smooth(xp.log, lambda grad, x: grad / conj(x), 0)
def log(input: Tensor, *, out: Tensor | None = None) -> Tensor:
    """The natural logarithm; -inf at 0, NaN below."""


@smooth(xp.log2, lambda grad, x: grad / (conj(x) * LN2), 0)
def log2(input: Tensor, *, out: Tensor | None = None) -> Tensor:
    """The logarithm to base 2."""


@smooth(xp.log10, lambda grad, x: grad / (conj(x) * LN10), 0)
def log10(input: Tensor, *, out: Tensor | None = None) -> Tensor:
    """The logarithm to base 10."""


@smooth(xp.log1p, lambda grad, x: grad / (conj(x) + 1), 0)
def log1p(input: Tensor, *, out: Tensor | None = None) -> Tensor:
    """log(1 + input), exact where input is near 0."""


@smooth(xp.sqrt, lambda grad, y: grad / (conj(y) * 2), OUT)
def sqrt(input: Tensor, *, out: Tensor | None = None) -> Tensor:
    """The square root; NaN below 0."""


@kernel
@fused
def rsqrt_forward(x: Array) -> Array:
    return 1 / xp.sqrt(x)


@smooth(rsqrt_forward, lambda grad, y: grad * conj(y * y * y) * -0.5, OUT)
def rsqrt(input: Tensor, *, out: Tensor | None = None) -> Tensor:
    """1 / sqrt(input)."""


Square = operator("Square", xp.square, lambda grad, x: grad * conj(x) * 2)


@numpy_name("square")
def square(input: Tensor, *, out: Tensor | None = None) -> Tensor:
    """input * input; bools give int64."""
    if isinstance(input, TensorBase) and input._array.dtype.kind == "b":
        input = cast(input, dtypes.int64)
    return public("square", Square.apply, input, out, "fcViu")


@smooth(lambda x: 1 / x, lambda grad, y: -grad * conj(y * y), OUT)
def reciprocal(input: Tensor, *, out: Tensor | None = None) -> Tensor:
    """1 / input."""


numpy_name("reciprocal")(reciprocal)


# ---------------------------------------------------------------------------------------------------------- angles


@smooth(xp.sin, lambda grad, x: grad * conj(xp.cos(x)), 0)
def sin(input: Tensor, *, out: Tensor | None = None) -> Tensor:
    """The sine of an angle in radians."""


@smooth(xp.cos, lambda grad, x: -grad * conj(xp.sin(x)), 0)
def cos(input: Tensor, *, out: Tensor | None = None) -> Tensor:
    """The cosine of an angle in radians."""


@smooth(xp.tan, lambda grad, y: grad * conj(y * y + 1), OUT)
def tan(input: Tensor, *, out: Tensor | None = None) -> Tensor:
    """The tangent of an angle in radians."""


@smooth(xp.arcsin, lambda grad, x: grad / conj(xp.sqrt(1 - x * x)), 0)
def asin(input: Tensor, *, out: Tensor | None = None) -> Tensor:
    """The angle in [-pi/2, pi/2] whose sine is input."""


@smooth(xp.arccos, lambda grad, x: -grad / conj(xp.sqrt(1 - x * x)), 0)
def acos(input: Tensor, *, out: Tensor | None = None) -> Tensor:
    """The angle in [0, pi] whose cosine is input."""


@smooth(xp.arctan, lambda grad, x: grad / conj(x * x + 1), 0)
def atan(input: Tensor, *, out: Tensor | None = None) -> Tensor:
    """The angle in [-pi/2, pi/2] whose tangent is input."""


@smooth(xp.sinh, lambda grad, x: grad * conj(xp.cosh(x)), 0)
def sinh(input: Tensor, *, out: Tensor | None = None) -> Tensor:
    """(e^x - e^-x) / 2."""


@smooth(xp.cosh, lambda grad, x: grad * conj(xp.sinh(x)), 0)
def cosh(input: Tensor, *, out: Tensor | None = None) -> Tensor:
    """(e^x + e^-x) / 2."""


@smooth(xp.arcsinh, lambda grad, x: grad / conj(xp.sqrt(x * x + 1)), 0)
def asinh(input: Tensor, *, out: Tensor | None = None) -> Tensor:
    """The inverse of sinh."""


# torch: two roots, so that complex arguments stay on the branch of the result
@smooth(xp.arccosh, lambda grad, x: grad / conj(xp.sqrt(x - 1) * xp.sqrt(x + 1)), 0)
def acosh(input: Tensor, *, out: Tensor | None = None) -> Tensor:
    """The inverse of cosh, for input >= 1."""


@smooth(xp.arctanh, lambda grad, x: grad / conj(1 - x * x), 0)
def atanh(input: Tensor, *, out: Tensor | None = None) -> Tensor:
    """The inverse of tanh, for input in (-1, 1)."""


@smooth(xp.deg2rad, lambda grad, x: grad * (math.pi / 180), 0)
def deg2rad(input: Tensor, *, out: Tensor | None = None) -> Tensor:
    """Degrees to radians."""


@smooth(xp.rad2deg, lambda grad, x: grad * (180 / math.pi), 0)
def rad2deg(input: Tensor, *, out: Tensor | None = None) -> Tensor:
    """Radians to degrees."""


arcsin, arccos, arctan, arcsinh, arccosh, arctanh = asin, acos, atan, asinh, acosh, atanh


# -------------------------------------------------------------------------------------------------- sign and size


class Neg(Operator):
    @staticmethod
    def forward(ctx: Operator, x: Array) -> Array:
        return xp.negative(x)

    @staticmethod
    def backward(ctx: Operator, grad: Array) -> Array:
        return -grad


@numpy_name("negative")
def neg(input: Tensor, *, out: Tensor | None = None) -> Tensor:
    """-input.

    Raises:
        RuntimeError: a bool tensor (use ~ to invert a mask).
    """
    try:
        result = Neg.apply(input)
    except TypeError:
        raise OperatorError(
            "neg: Negation, the `-` operator, on a bool tensor is not supported. If you are trying to invert a mask, "
            "use the `~` or `logical_not()` operator instead."
        ) from None
    return result if out is None else into(out, result, "neg")


negative = neg


@numpy_name("positive")
def positive(input: Tensor) -> Tensor:
    """+input: the tensor itself.

    Raises:
        RuntimeError: a bool tensor.
    """
    if input._array.dtype.kind == "b":
        raise OperatorError("positive: The `+` operator, on a bool tensor is not supported.")
    return input


@fused
def _sign(x: Array) -> Array:
    """-1, 0 or 1. torch: the sign of NaN is 0."""
    return xp.where(xp.isnan(x), 0, xp.sign(x)).astype(x.dtype) if x.dtype.kind == "f" else xp.sign(x)


def _sgn(x: Array) -> Array:
    """x / |x|, and 0 where x is 0."""
    if isinstance(x, TensorBase):
        return sgn(x)  # type: ignore[arg-type]  # whose derivative is 0 at 0
    if not is_complex(x):
        return _sign(x)
    size = xp.absolute(x)
    return x / xp.where(size == 0, xp.ones_like(size), size)


@smooth(xp.absolute, lambda grad, x: grad * _sgn(x), 0, accepts="fcViu")
def abs(input: Tensor, *, out: Tensor | None = None) -> Tensor:
    """The size of each number: |input|; real for complex input. The gradient at 0 is 0."""


absolute = abs


class Flat(Operator):
    """A function that is constant between its jumps: its gradient is 0."""

    @staticmethod
    def forward(ctx: Operator, x: Array, function: Callable[[Array], Array]) -> Array:
        return function(x)

    @staticmethod
    def backward(ctx: Operator, grad: Array) -> Array:
        return xp.zeros_like(grad)


def _flat(name: str, function: Callable[[Array], Array], input: Tensor, out: Tensor | None) -> Tensor:
    try:
        result = Flat.apply(input, function)
    except TypeError:
        raise not_implemented(name, input) from None
    return result if out is None else into(out, result, name)


@numpy_name("sign")
def sign(input: Tensor, *, out: Tensor | None = None) -> Tensor:
    """-1, 0 or 1, the sign of each number.

    Raises:
        NotImplementedError: complex tensors (use sgn).
    """
    if input._array.dtype.kind == "c":
        raise UnsupportedError(
            "sign: Unlike NumPy, torch.sign is not intended to support complex numbers. Please use torch.sgn instead."
        )
    return _flat("sign", _identity if input._array.dtype.kind == "b" else _sign, input, out)


def _identity(x: Array) -> Array:
    return x.copy()


def _sgn_gradient(grad: Array, x: Array) -> Array:
    """Of z / |z|: the part of grad at right angles to z, divided by |z|."""
    size = xp.absolute(x)
    direction = _sgn(x)
    along = xp.real(conj(grad) * direction)
    return (grad - direction * along) / xp.where(size == 0, xp.ones_like(size) * math.inf, size)


_Sgn = operator("Sgn", _sgn, _sgn_gradient, 0)


def sgn(input: Tensor, *, out: Tensor | None = None) -> Tensor:
    """input / |input|, and 0 at 0: the sign of complex numbers too."""
    if input._array.dtype.kind != "c":
        return sign(input, out=out)
    result = _Sgn.apply(input)
    return result if out is None else into(out, result, "sgn")


# -------------------------------------------------------------------------------------------------------- rounding


def _rounding(name: str, function: Callable[[Array], Array], input: Tensor, out: Tensor | None) -> Tensor:
    kind = input._array.dtype.kind
    if kind in "bc":
        raise UnsupportedError(f"{name}: {name} is not supported for {dtypes.of(input._array).name} inputs")
    return _flat(name, _identity if kind in "iu" else function, input, out)


@numpy_name("floor")
def floor(input: Tensor, *, out: Tensor | None = None) -> Tensor:
    """The largest integer that is not above input."""
    return _rounding("floor", xp.floor, input, out)


@numpy_name("ceil")
def ceil(input: Tensor, *, out: Tensor | None = None) -> Tensor:
    """The smallest integer that is not below input."""
    return _rounding("ceil", xp.ceil, input, out)


@numpy_name("trunc")
def trunc(input: Tensor, *, out: Tensor | None = None) -> Tensor:
    """The integer part, towards 0."""
    return _rounding("trunc", xp.trunc, input, out)


fix = trunc


@numpy_name("rint", "round")
def round(input: Tensor, *, decimals: int = 0, out: Tensor | None = None) -> Tensor:
    """The nearest number with so many decimals; halves go to the even one. Negative ones round to tens, hundreds…"""
    if decimals == 0:
        return _rounding("round", xp.rint, input, out)
    if input._array.dtype.kind in "iu":
        raise not_implemented("round", input)
    scale = input._array.dtype.type(10.0 ** builtins.abs(decimals))
    if decimals > 0:
        return _rounding("round", lambda x: xp.rint(x * scale) / scale, input, out)
    return _rounding("round", lambda x: xp.rint(x / scale) * scale, input, out)


class Frac(Operator):
    @staticmethod
    def forward(ctx: Operator, x: Array) -> Array:
        return x - xp.trunc(x)

    @staticmethod
    def backward(ctx: Operator, grad: Array) -> Array:
        return grad


def frac(input: Tensor, *, out: Tensor | None = None) -> Tensor:
    """What `trunc` cuts off: input - trunc(input)."""
    if input._array.dtype.kind not in "fV":
        raise not_implemented("frac", input)
    result = Frac.apply(input)
    return result if out is None else into(out, result, "frac")


def is_nonzero(input: Tensor) -> bool:
    """Whether the only element differs from 0."""
    return bool(input)


class NanToNum(Operator):
    @staticmethod
    def forward(ctx: Any, x: Array, nan: float, posinf: float, neginf: float) -> Array:
        ctx.finite = np.isfinite(x)
        return np.nan_to_num(x, nan=nan, posinf=posinf, neginf=neginf)

    @staticmethod
    def backward(ctx: Any, grad: Array) -> Array:
        return grad * ctx.finite


@numpy_name("nan_to_num")
def nan_to_num(
    input: Tensor,
    nan: float | None = None,
    posinf: float | None = None,
    neginf: float | None = None,
    *,
    out: Tensor | None = None,
) -> Tensor:
    """Replaces NaN (by 0), +inf and -inf (by the largest and smallest number of the dtype), or by what is given."""
    if input._array.dtype.kind in "iub":
        result = wrap(input._array.copy())
    else:
        limits = dtypes.finfo(dtypes.of(input._array))
        fill = (
            0.0 if nan is None else nan,
            limits.max if posinf is None else posinf,
            limits.min if neginf is None else neginf,
        )
        result = NanToNum.apply(input, *fill)
    return result if out is None else into(out, result, "nan_to_num")
