"""Cumulative operators along one dimension: cumsum, cumprod, cummax, cummin, logcumsumexp, diff, trapezoid,
gradient."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from .. import dtypes
from ..autograd.tape import OUT, Operator, TensorBase, wrap
from ..errors import DTypeError, OperatorError, ShapeError
from ..kernels import kernel, xp
from ..kernels.arrays import running
from . import results
from .dims import wrap_dim, wrap_dims
from .lanes import scatter_add_kernel
from .numpy_protocol import numpy_name
from .pairs import complex_logaddexp
from .promotion import cast, into, is_complex, is_half, not_implemented
from .reduction import widened
from .results import into_all
from .sections import narrow
from .totals import running_products, running_sums

if TYPE_CHECKING:
    from ..tensor import Tensor

Array = Any


def _backwards(x: Array, dim: int) -> Array:
    """The sum of each element and all after it."""
    return xp.flip(running_sums(xp.flip(x, dim), dim), dim)


class Cumsum(Operator):
    @staticmethod
    def forward(ctx: Any, x: Array, dim: int, kind: Any) -> Array:
        ctx.dim = dim
        if is_half(x):
            return running_sums(x.astype(np.float32), dim).astype(x.dtype)
        return running_sums(x, dim) if kind is None else xp.cumsum(x, axis=dim, dtype=kind)

    @staticmethod
    def backward(ctx: Any, grad: Array) -> Array:
        return _backwards(grad, ctx.dim)


class Cumprod(Operator):
    saves = (0, OUT)

    @staticmethod
    def forward(ctx: Any, x: Array, dim: int, kind: Any) -> Array:
        ctx.dim = dim
        wide = widened(x)
        out = running_products(wide, dim) if kind is None else xp.cumprod(wide, axis=dim, dtype=kind)
        out = out.astype(x.dtype if kind is None else kind, copy=False)
        ctx.save(x, out)
        return out

    @staticmethod
    def backward(ctx: Any, grad: Array) -> Array:
        x, out = ctx.saved
        if is_complex(x):
            x, out = xp.conj(x), xp.conj(out)
        if not bool((x == 0).any()):
            return _backwards(grad * out, ctx.dim) / x
        return cumprod_backward(grad, x, ctx.dim)


@kernel
def cumprod_backward(grad: Array, x: Array, dim: int) -> Array:
    """dx[k] = (prod of x before k) * r[k],  r[k] = grad[k] + x[k+1] * r[k+1]: no division, so zeros are no trouble."""
    x, grad = xp.moveaxis(x, dim, 0), xp.moveaxis(grad, dim, 0)
    n = x.shape[0]
    before = xp.concatenate([xp.ones_like(x[:1]), xp.cumprod(x[:-1], axis=0)], axis=0)
    tails = [grad[n - 1]]
    for k in range(n - 2, -1, -1):
        tails.append(grad[k] + x[k + 1] * tails[-1])
    return xp.moveaxis(before * xp.stack(tails[::-1], axis=0), 0, dim)


class LogCumsumExp(Operator):
    """y[k] = log(sum of exp(x[i]) for i <= k),  dx[i] = exp(x[i]) * sum of grad[k] * exp(-y[k]) for k >= i.

    The sum is kept in logarithms, positive and negative gradients apart, so that nothing overflows.
    """

    saves = (0, OUT)

    @staticmethod
    def forward(ctx: Any, x: Array, dim: int) -> Array:
        ctx.dim = dim
        out = _log_cumsum_exp(widened(x), dim).astype(x.dtype)
        ctx.save(x, out)
        return out

    @staticmethod
    def backward(ctx: Any, grad: Array) -> Array:
        x, out = ctx.saved
        if isinstance(grad, TensorBase) or is_complex(x):
            return _by_pairs(grad, x, out, ctx.dim)
        parts = [_from_logs(xp.where(sign * grad > 0, sign * grad, 0), x, out, ctx.dim) for sign in (1, -1)]
        return parts[0] - parts[1]


def _log_cumsum_exp(x: Array, dim: int) -> Array:
    if is_complex(x):
        lanes = xp.moveaxis(x, dim, 0)
        sums = [lanes[0]] if len(lanes) else []
        for lane in lanes[1:]:
            sums.append(complex_logaddexp(sums[-1], lane))
        return xp.moveaxis(xp.stack(sums), 0, dim) if sums else x
    return running(np.logaddexp, x, dim)


def _from_logs(grad: Array, x: Array, out: Array, dim: int) -> Array:
    """For non-negative gradients."""
    return xp.exp(xp.flip(_log_cumsum_exp(xp.flip(xp.log(grad) - out, dim), dim), dim) + x)


def _by_pairs(grad: Array, x: Array, out: Array, dim: int) -> Array:
    """The sum over k >= i of grad[k] * exp(x[i] - y[k]), pair by pair: it needs n^2 memory but no logarithm of
    gradients."""
    x, out, grad = (xp.moveaxis(a, dim, -1) for a in (x, out, grad))
    n = x.shape[-1]
    far = xp.where(np.tri(n, dtype=bool).T, x[..., :, None] - out[..., None, :], -np.inf)  # (..., i, k)
    weight = xp.exp(far)
    weight = xp.conj(weight) if is_complex(weight) else weight
    return xp.moveaxis((weight * grad[..., None, :]).sum(axis=-1), -1, dim)


class Running(Operator):
    """The elements at these places of a dimension; a place may come several times."""

    @staticmethod
    def forward(ctx: Any, x: Array, indices: Array, dim: int) -> Array:
        ctx.shape, ctx.indices, ctx.dim = x.shape, indices, dim
        return xp.take_along_axis(x, indices, dim)

    @staticmethod
    def backward(ctx: Any, grad: Array) -> Array:
        return scatter_add_kernel(xp.zeros_like(grad, shape=ctx.shape), ctx.indices, grad, ctx.dim)


def _scanned(input: Tensor, dim: int | None, dtype: Any, name: str) -> tuple[Tensor, int, Any]:
    """The operand, its dimension, and the dtype to add up in. torch: integers and bools add up in int64."""
    if dim is None:
        raise DTypeError(f'{name}() missing 1 required positional arguments: "dim"')
    dim = wrap_dim(dim, input._array.ndim, name)
    if dtype is not None:
        input = cast(input, dtypes.as_dtype(dtype))
        return input, dim, None if is_half(input._array) else input._array.dtype
    return input, dim, np.int64 if input._array.dtype.kind in "iub" else None


def cumsum(
    input: Tensor, dim: int | None = None, *, dtype: Any = None, out: Tensor | None = None, axis: int | None = None
) -> Tensor:
    """The sum of each element and those before it in its lane.

    Example:
        >>> rushlight.cumsum(rushlight.tensor([1, 2, 3]), 0)
        tensor([1, 3, 6])
    """
    x, d, kind = _scanned(input, axis if dim is None else dim, dtype, "cumsum")
    result = Cumsum.apply(x, d, kind) if x._array.ndim else x.reshape(1).cumsum(0, dtype=dtype).reshape(())
    return result if out is None else into(out, result, "cumsum")


def cumprod(
    input: Tensor, dim: int | None = None, *, dtype: Any = None, out: Tensor | None = None, axis: int | None = None
) -> Tensor:
    """The product of each element and those before it in its lane."""
    x, d, kind = _scanned(input, axis if dim is None else dim, dtype, "cumprod")
    result = Cumprod.apply(x, d, kind) if x._array.ndim else x.reshape(1).cumprod(0, dtype=dtype).reshape(())
    return result if out is None else into(out, result, "cumprod")


numpy_name("cumsum")(cumsum)
numpy_name("cumprod")(cumprod)


def logcumsumexp(input: Tensor, dim: int, *, out: Tensor | None = None) -> Tensor:
    """The logarithm of the cumulative sum of exponentials, without overflow."""
    dim = wrap_dim(dim, input._array.ndim, "logcumsumexp")
    if input._array.dtype.kind in "iub":
        raise not_implemented("logcumsumexp", input)
    x = input if input._array.ndim else input.reshape(1)
    return into(out, LogCumsumExp.apply(x, dim).reshape(input.shape), "logcumsumexp")


def _running(input: Tensor, dim: int, better: Any, name: str) -> tuple[Tensor, Tensor]:
    dim = wrap_dim(dim, input._array.ndim, name)
    x = input if input._array.ndim else input.reshape(1)
    array = x._array
    best = running(better, array, dim)
    place = np.arange(array.shape[dim], like=array).reshape((-1,) + (1,) * (array.ndim - 1 - dim))
    with np.errstate(invalid="ignore"):
        leads = (array == best) | ((array != array) & (best != best))  # torch: the last of equals
    indices = running(np.maximum, np.where(leads, place, 0), dim)
    return Running.apply(x, indices, dim).reshape(input.shape), wrap(indices.reshape(input._array.shape))


def cummax(input: Tensor, dim: int, *, out: Any = None) -> Any:
    """The largest element so far in each lane, and its index (the last of equals)."""
    return into_all(out, results.cummax(*_running(input, dim, np.maximum, "cummax")), "cummax")


def cummin(input: Tensor, dim: int, *, out: Any = None) -> Any:
    """The smallest element so far in each lane, and its index (the last of equals)."""
    return into_all(out, results.cummin(*_running(input, dim, np.minimum, "cummin")), "cummin")


# -------------------------------------------------------------------------------------- differences and integrals


def diff(
    input: Tensor,
    n: int = 1,
    dim: int = -1,
    prepend: Tensor | None = None,
    append: Tensor | None = None,
    *,
    out: Tensor | None = None,
) -> Tensor:
    """The n-th differences of neighbours in a dimension."""
    from .joining import cat

    if not input._array.ndim:
        raise OperatorError("diff: diff expects input to be at least one-dimensional")
    if n < 0:
        raise OperatorError(f"diff: order must be non-negative but got {n}")
    dim = wrap_dim(dim, input._array.ndim, "diff")
    parts = [p for p in (prepend, input, append) if p is not None]
    for part in parts:
        if part._array.ndim != input._array.ndim:
            raise ShapeError("diff: diff expects prepend or append to be the same dimension as input")
    x = cat(parts, dim) if n and len(parts) > 1 else input  # torch: differences of order 0 add nothing
    for _ in range(n):
        size = builtin_max(x._array.shape[dim] - 1, 0)
        later, earlier = narrow(x, dim, min(1, x._array.shape[dim]), size), narrow(x, dim, 0, size)
        x = later ^ earlier if x._array.dtype == bool else later - earlier
    return into(out, x if n else x.clone(), "diff")


builtin_max = max


def _panels(y: Tensor, x: Tensor | None, dx: Any, dim: int, name: str) -> Tensor:
    """The areas of the trapezoids between neighbours."""
    dim = wrap_dim(dim, y._array.ndim, name)
    n = y._array.shape[dim]
    sums = narrow(y, dim, 1, n - 1) + narrow(y, dim, 0, n - 1) if n else y
    if x is None:
        return sums * dx / 2
    if x._array.ndim == 1:
        if x._array.size != n:
            raise OperatorError(
                f"{name}: There must be one `x` value for each sample point, got {x._array.size} for {n}"
            )
        width = diff(x).reshape((-1,) + (1,) * (y._array.ndim - 1 - dim))
    else:
        width = diff(x, dim=dim - y._array.ndim)
    return sums * width / 2


def trapezoid(y: Tensor, x: Tensor | None = None, *, dx: Any = 1, dim: int = -1) -> Tensor:
    """The integral of `y` over `x` (or steps of `dx`) by the trapezoidal rule."""
    return _panels(y, x, dx, dim, "trapezoid").sum(dim)


def trapz(y: Tensor, x: Tensor | None = None, *, dx: Any = 1, dim: int = -1) -> Tensor:
    """`trapezoid` under NumPy's old name."""
    return trapezoid(y, x, dx=dx, dim=dim)


def cumulative_trapezoid(y: Tensor, x: Tensor | None = None, *, dx: Any = 1, dim: int = -1) -> Tensor:
    """The running integral of `y` by the trapezoidal rule."""
    return cumsum(_panels(y, x, dx, dim, "cumulative_trapezoid"), dim)


def gradient(input: Tensor, *, spacing: Any = None, dim: Any = None, edge_order: int = 1) -> tuple[Tensor, ...]:
    """The slope of `input` along each of `dim` (all by default), by differences of second order.

    Args:
        spacing: a number, one per dimension, or tensors of coordinates, one per dimension.
        edge_order: 1 or 2, the accuracy at the ends.
    """
    ndim = input._array.ndim
    dims = range(ndim) if dim is None else (dim,) if isinstance(dim, int) else dim
    axes = wrap_dims(tuple(dims), ndim, "gradient")
    if edge_order not in (1, 2):
        raise OperatorError(f"gradient: torch.gradient only supports edge_order=1 and edge_order=2, got {edge_order}")
    spacing = 1 if spacing is None else spacing
    per_axis = list(spacing) if isinstance(spacing, (list, tuple)) else [spacing] * len(axes)
    if len(per_axis) != len(axes):
        raise OperatorError(
            "gradient: torch.gradient expected spacing to be unspecified, a scalar, or a list of length "
            f"{len(axes)}, got {len(per_axis)}"
        )
    for axis in axes:
        if input._array.shape[axis] < edge_order + 1:
            raise OperatorError("gradient: torch.gradient expected each dimension size to be at least edge_order+1")
    return tuple(_slope(input, axis, step, edge_order) for axis, step in zip(axes, per_axis))


def _slope(f: Tensor, dim: int, spacing: Any, edge_order: int) -> Tensor:
    from .joining import cat

    n = f._array.shape[dim]
    tail = (1,) * (f._array.ndim - 1 - dim)

    def at(start: int, length: int) -> Tensor:
        return narrow(f, dim, start, length)

    if isinstance(spacing, TensorBase) and spacing._array.ndim:
        steps: Any = diff(spacing)  # type: ignore[arg-type]
    else:
        steps = wrap(np.full_like(f._array, float(spacing), np.float64, shape=n - 1))
    h = cast(steps, f.dtype if f.dtype.category >= dtypes.FLOAT else dtypes.get_default_dtype())
    left, right = h[:-1].reshape((-1, *tail)), h[1:].reshape((-1, *tail))
    first, last = h[0], h[-1]
    if n > 2:
        a, b, c = -right / (left * (left + right)), (right - left) / (left * right), left / (right * (left + right))
        middle = [a * at(0, n - 2) + b * at(1, n - 2) + c * at(2, n - 2)]
    else:
        middle = []
    if edge_order == 1:
        start, end = (at(1, 1) - at(0, 1)) / first, (at(n - 1, 1) - at(n - 2, 1)) / last
    else:
        s, e = h[1], h[-2]
        start = (
            -(2 * first + s) / (first * (first + s)) * at(0, 1)
            + (first + s) / (first * s) * at(1, 1)
            - first / (s * (first + s)) * at(2, 1)
        )
        end = (
            last / (e * (e + last)) * at(n - 3, 1)
            - (e + last) / (e * last) * at(n - 2, 1)
            + (2 * last + e) / (last * (e + last)) * at(n - 1, 1)
        )
    return cat([start, *middle, end], dim)
