"""Variance, standard deviation and norms over dimensions."""

from __future__ import annotations

import builtins
from math import inf
from typing import TYPE_CHECKING, Any

from .. import dtypes
from ..autograd.tape import OUT, Operator
from ..errors import OperatorError
from ..kernels import xp
from .dims import wrap_dim
from .extremes import shared
from .promotion import cast, in_float32, into, is_complex
from .reduction import axes_of, count_of, mean, restore, widened
from .totals import squares, total

if TYPE_CHECKING:
    from ..tensor import Tensor

Array = Any
Dims = Any  # an int, a sequence of ints, or None for all


# ---------------------------------------------------------------------------------------------------------- spread


def _spread(x: Array, axes: tuple[int, ...]) -> Array:
    """Distances from the mean."""
    return xp.subtract(x, xp.divide(total(x, axes, True), builtins.max(count_of(x.shape, axes), 1)))


def _variance(x: Array, axes: tuple[int, ...], degrees: float, keepdims: bool) -> Array:
    far = _spread(x, axes)
    if is_complex(x):
        sums = (far.real * far.real + far.imag * far.imag).sum(axis=axes, keepdims=keepdims)
    else:
        sums = squares(far, axes, keepdims)
    return xp.divide(sums, degrees)


@in_float32
def var_backward(grad: Array, x: Array, axes: tuple[int, ...], factor: float) -> Array:
    return restore(grad, x.shape, axes) * _spread(x, axes) * factor


class Var(Operator):
    """var = sum((x - mean)^2) / degrees,  dx = grad * 2 (x - mean) / degrees."""

    saves = (0,)

    @staticmethod
    def forward(ctx: Any, x: Array, axes: tuple[int, ...], degrees: float, keepdims: bool) -> Array:
        ctx.axes, ctx.degrees = axes, degrees
        ctx.save(x)
        return _variance(widened(x), axes, degrees, keepdims).astype(x.real.dtype if is_complex(x) else x.dtype)

    @staticmethod
    def backward(ctx: Any, grad: Array) -> Array:
        (x,) = ctx.saved
        return var_backward(grad, x, ctx.axes, 2 / ctx.degrees if ctx.degrees else inf)


class Std(Operator):
    """std = sqrt(var),  dx = grad * (x - mean) / (degrees * std), 0 where std is 0."""

    saves = (0, OUT)

    @staticmethod
    def forward(ctx: Any, x: Array, axes: tuple[int, ...], degrees: float, keepdims: bool) -> Array:
        ctx.axes, ctx.degrees = axes, degrees
        out = xp.sqrt(_variance(widened(x), axes, degrees, keepdims)).astype(x.real.dtype if is_complex(x) else x.dtype)
        ctx.save(x, out)
        return out

    @staticmethod
    def backward(ctx: Any, grad: Array) -> Array:
        x, out = ctx.saved
        return var_backward(_safe(grad, out), x, ctx.axes, 1 / ctx.degrees if ctx.degrees else inf)


def _degrees(input: Tensor, dim: Dims, unbiased: Any, correction: Any, name: str) -> tuple[tuple[int, ...], float]:
    """The axes, and the number of elements less the correction (not below 0)."""
    if input._array.dtype.kind in "iub":
        raise OperatorError(f"{name}: std and var only support floating point and complex dtypes, got {input.dtype}")
    axes = axes_of(dim, input._array.ndim, name)
    if correction is None:
        correction = 1 if unbiased is None or unbiased else 0
    return axes, builtins.max(count_of(input._array.shape, axes) - correction, 0)


def _spread_arguments(dim: Any, unbiased: Any) -> tuple[Any, Any]:
    """torch: `var(False)` means unbiased=False."""
    return (None, dim) if isinstance(dim, bool) else (dim, unbiased)


def var(
    input: Tensor,
    dim: Dims = None,
    unbiased: bool | None = None,
    keepdim: bool = False,
    *,
    correction: float | None = None,
    out: Tensor | None = None,
    axis: Dims = None,
    keepdims: bool = False,
) -> Tensor:
    """The variance over `dim`: squared distances from the mean, summed and divided by N - correction.

    Args:
        correction: 1 by default (the unbiased estimate).
        unbiased: an older way to say correction 1 or 0; also accepted in place of `dim`.
    """
    dim, unbiased = _spread_arguments(dim, unbiased)
    axes, degrees = _degrees(input, axis if dim is None else dim, unbiased, correction, "var")
    return into(out, Var.apply(input, axes, degrees, keepdim or keepdims), "var")


def std(
    input: Tensor,
    dim: Dims = None,
    unbiased: bool | None = None,
    keepdim: bool = False,
    *,
    correction: float | None = None,
    out: Tensor | None = None,
    axis: Dims = None,
    keepdims: bool = False,
) -> Tensor:
    """The standard deviation over `dim`, the root of `var`."""
    dim, unbiased = _spread_arguments(dim, unbiased)
    axes, degrees = _degrees(input, axis if dim is None else dim, unbiased, correction, "std")
    return into(out, Std.apply(input, axes, degrees, keepdim or keepdims), "std")


def var_mean(
    input: Tensor,
    dim: Dims = None,
    unbiased: bool | None = None,
    keepdim: bool = False,
    *,
    correction: float | None = None,
) -> tuple[Tensor, Tensor]:
    """The variance and the mean."""
    dim, unbiased = _spread_arguments(dim, unbiased)
    return var(input, dim, unbiased, keepdim, correction=correction), mean(input, dim, keepdim)


def std_mean(
    input: Tensor,
    dim: Dims = None,
    unbiased: bool | None = None,
    keepdim: bool = False,
    *,
    correction: float | None = None,
) -> tuple[Tensor, Tensor]:
    """The standard deviation and the mean."""
    dim, unbiased = _spread_arguments(dim, unbiased)
    return std(input, dim, unbiased, keepdim, correction=correction), mean(input, dim, keepdim)


# ------------------------------------------------------------------------------------------------------------ norms


def _unit(x: Array) -> Array:
    """x / |x|, 0 at 0."""
    if not is_complex(x):
        return xp.sign(x)
    size = xp.abs(x)
    return xp.where(size == 0, xp.zeros_like(x), x / size)


def _safe(numerator: Array, divisor: Array) -> Array:
    """The quotient, 0 where the divisor is 0."""
    return xp.where(divisor == 0, xp.zeros_like(numerator), numerator / divisor)


class VectorNorm(Operator):
    """(sum |x|^p)^(1/p); the count of non-zeros for p = 0, the largest or smallest |x| for p = inf or -inf."""

    label = "LinalgVectorNorm"
    saves = (0, OUT)

    @staticmethod
    def forward(ctx: Any, x: Array, p: float, axes: tuple[int, ...], keepdims: bool) -> Array:
        ctx.p, ctx.axes = p, axes
        kind = x.real.dtype if is_complex(x) else x.dtype
        out = _norm(widened(x), p, axes, keepdims).astype(kind, copy=False)
        ctx.save(x, out)
        return out

    @staticmethod
    def backward(ctx: Any, grad: Array) -> Array:
        x, out = ctx.saved
        return norm_backward(grad, x, out, ctx.p, ctx.axes)


@in_float32
def norm_backward(grad: Array, x: Array, out: Array, p: float, axes: tuple[int, ...]) -> Array:
    """dx = grad * x / |x| * (|x| / norm)^(p - 1), 0 where that is not defined."""
    grad, out = restore(grad, x.shape, axes), restore(out, x.shape, axes)
    if p == 0:
        return xp.zeros_like(x)
    if p == 1:
        return grad * _unit(x)
    if p == 2:
        return x * _safe(grad, out)
    if p in (inf, -inf):
        return shared(grad, abs(x) == out, axes) * _unit(x)
    size = xp.abs(x)
    slope = xp.where(size == 0, xp.zeros_like(size), size ** (p - 1)) * _safe(grad, out ** (p - 1))
    return slope * _unit(x)


def _norm(x: Array, p: float, axes: tuple[int, ...], keepdims: bool) -> Array:
    if p == 2 and not is_complex(x):
        return xp.sqrt(squares(x, axes, keepdims))
    size = abs(x)
    if p == 0:
        return (size != 0).sum(axis=axes, keepdims=keepdims)
    if p == 1:
        return size.sum(axis=axes, keepdims=keepdims)
    if p in (inf, -inf):
        return size.max(axis=axes, keepdims=keepdims) if p > 0 else size.min(axis=axes, keepdims=keepdims)
    return (size**p).sum(axis=axes, keepdims=keepdims) ** (1 / p)


def norm(
    input: Tensor,
    p: Any = "fro",
    dim: Dims = None,
    keepdim: bool = False,
    out: Tensor | None = None,
    dtype: dtypes.dtype | None = None,
) -> Tensor:
    """The p-norm of the elements over `dim`, or over all of them.

    Args:
        p: a number (also inf, -inf), "fro" (2) or "nuc" (the sum of a matrix' singular values).
    """
    if p == "nuc":
        from .linear_algebra.norms import matrix_norm

        return into(out, matrix_norm(input, "nuc", (-2, -1) if dim is None else dim, keepdim, dtype=dtype), "norm")
    if isinstance(p, str) and p != "fro":
        raise OperatorError(f"norm: only valid strings are 'fro' and 'nuc', got {p}")
    if dtype is not None:
        input = cast(input, dtypes.as_dtype(dtype))
    if input._array.dtype.kind in "iub":
        raise OperatorError(
            f"norm: linalg.vector_norm: Expected a floating point or complex tensor as input. Got {input.dtype}"
        )
    axes = axes_of(dim, input._array.ndim, "norm")
    return into(out, VectorNorm.apply(input, 2.0 if p in ("fro", None) else float(p), axes, keepdim), "norm")


def dist(input: Tensor, other: Tensor, p: float = 2) -> Tensor:
    """The p-norm of `input - other`."""
    return norm(input - other, p)


def renorm(input: Tensor, p: float, dim: int, maxnorm: float, *, out: Tensor | None = None) -> Tensor:
    """Each slice along `dim` scaled down to p-norm `maxnorm` if it is above it."""
    if p <= 0:
        raise OperatorError(f"renorm: non-positive-norm not supported, got p = {p}")
    if input._array.ndim < 2:
        raise OperatorError(f"renorm: input needs at least 2 dimensions, got {input.ndim} dimensions")
    if maxnorm < 0:
        raise OperatorError(f"renorm: expected maxnorm to be >= 0 but got {maxnorm}")
    dim = wrap_dim(dim, input._array.ndim, "renorm")
    size = norm(input, p, [d for d in range(input._array.ndim) if d != dim], True)
    return into(out, input * _shrink(size, maxnorm), "renorm")


def _shrink(size: Tensor, maxnorm: float) -> Tensor:
    from .choosing import where

    return where(size > maxnorm, maxnorm / (size + 1e-7), 1.0)  # torch: 1e-7 in the divisor
