"""Reductions over dimensions: sum, mean, prod, max, min, var, norm, any, all and their kin. `scan.py` has the
cumulative ones, `sorting.py` those that need an order (median, mode, quantile).

torch: 16-bit floats are summed in float32 and rounded once; integers and bools are summed in int64.
"""

from __future__ import annotations

import builtins
from math import inf
from math import prod as product
from typing import TYPE_CHECKING, Any

import numpy as np

from .. import dtypes
from ..autograd.tape import OUT, Operator, TensorBase, wrap
from ..errors import OperatorError, RangeError
from ..kernels import xp
from . import results
from .indexing import lane_index
from .numpy_protocol import numpy_name
from .promotion import cast, into, is_complex, is_half, not_implemented
from .results import into_all
from .shape import wrap_dim

if TYPE_CHECKING:
    from ..tensor import Tensor

Array = Any
Dims = Any  # an int, a sequence of ints, or None for all


def axes_of(dim: Dims, ndim: int, name: str) -> tuple[int, ...]:
    """The dimensions to reduce, counted from the front: all of them for None or an empty sequence."""
    if dim is None:
        return tuple(range(ndim))
    if isinstance(dim, int):
        dim = wrap_dim(dim, ndim, name)
        return (dim,) if ndim else ()
    axes = tuple(wrap_dim(d, ndim, name) for d in dim)
    if len(set(axes)) != len(axes):
        raise OperatorError(f"{name}: dim {axes[-1]} appears multiple times in the list of dims {list(dim)}")
    return axes if axes and ndim else tuple(range(ndim))


def restore(grad: Array, shape: tuple[int, ...], axes: tuple[int, ...]) -> Array:
    """A reduction's gradient with the reduced dimensions back as 1s, ready to broadcast."""
    return grad.reshape(tuple([1 if i in axes else n for i, n in enumerate(shape)]))


def count_of(shape: tuple[int, ...], axes: tuple[int, ...]) -> int:
    """How many elements are reduced into one."""
    return product([shape[a] for a in axes])


def widened(x: Array) -> Array:
    """16-bit floats as float32, anything else as it is."""
    return x.astype(np.float32) if is_half(x) else x


# ----------------------------------------------------------------------------------------------------- sum and mean


class Sum(Operator):
    @staticmethod
    def forward(ctx: Any, x: Array, axes: tuple[int, ...], keepdims: bool, kind: Any = None) -> Array:
        ctx.shape, ctx.axes = x.shape, axes
        if is_half(x):
            return x.sum(axis=axes, dtype=np.float32, keepdims=keepdims).astype(x.dtype)
        return x.sum(axis=axes, dtype=kind, keepdims=keepdims)

    @staticmethod
    def backward(ctx: Any, grad: Array) -> Array:
        return xp.broadcast_to(restore(grad, ctx.shape, ctx.axes), ctx.shape)


class Mean(Operator):
    @staticmethod
    def forward(ctx: Any, x: Array, axes: tuple[int, ...], keepdims: bool) -> Array:
        ctx.shape, ctx.axes = x.shape, axes
        total = x.sum(
            axis=axes, dtype=np.float32 if is_half(x) else None, keepdims=keepdims
        )  # faster than NumPy's mean
        return (total / np.asarray(count_of(x.shape, axes), total.dtype)).astype(x.dtype)

    @staticmethod
    def backward(ctx: Any, grad: Array) -> Array:
        share = restore(grad, ctx.shape, ctx.axes) / builtins.max(count_of(ctx.shape, ctx.axes), 1)
        return xp.broadcast_to(share, ctx.shape)


def sum(
    input: Tensor,
    dim: Dims = None,
    keepdim: bool = False,
    *,
    dtype: dtypes.dtype | None = None,
    out: Tensor | None = None,
    axis: Dims = None,
    keepdims: bool = False,
) -> Tensor:
    """The sum over `dim` (an int, several, or None for all). bool and integers add up in int64.

    `axis` and `keepdims` are NumPy's names for `dim` and `keepdim`.

    Example:
        >>> rushlight.ones(2, 3).sum(1)
        tensor([3., 3.])
    """
    kind = None
    if dtype is not None:
        input = cast(input, dtypes.as_dtype(dtype))
        kind = input._array.dtype
    elif input._array.dtype.kind in "iub":
        kind = np.int64
    axes = axes_of(axis if dim is None else dim, input._array.ndim, "sum")
    result = Sum.apply(input, axes, keepdim or keepdims, kind)
    return result if out is None else into(out, result, "sum")


def mean(
    input: Tensor,
    dim: Dims = None,
    keepdim: bool = False,
    *,
    dtype: dtypes.dtype | None = None,
    out: Tensor | None = None,
    axis: Dims = None,
    keepdims: bool = False,
) -> Tensor:
    """The mean over `dim`; see `sum`.

    Raises:
        RuntimeError: integers or bools (give `dtype`).
    """
    if dtype is not None:
        input = cast(input, dtypes.as_dtype(dtype))
    if input._array.dtype.kind in "iub":
        raise OperatorError(
            "mean: mean(): could not infer output dtype. Input dtype must be either a floating point or complex dtype. "
            f"Got: {input.dtype}"
        )
    axes = axes_of(axis if dim is None else dim, input._array.ndim, "mean")
    result = Mean.apply(input, axes, keepdim or keepdims)
    return result if out is None else into(out, result, "mean")


numpy_name("sum")(sum)
numpy_name("mean")(mean)


def nansum(
    input: Tensor, dim: Dims = None, keepdim: bool = False, *, dtype: Any = None, out: Tensor | None = None
) -> Tensor:
    """The sum with NaN counted as 0."""
    if is_complex(input._array):
        raise not_implemented("nansum", input)
    kept = input if input._array.dtype.kind in "iub" else Unmasked.apply(input, ~np.isnan(input._array))
    return sum(kept, dim, keepdim, dtype=dtype, out=out)


def nanmean(
    input: Tensor, dim: Dims = None, keepdim: bool = False, *, dtype: Any = None, out: Tensor | None = None
) -> Tensor:
    """The mean of what is not NaN."""
    if input._array.dtype.kind in "iub":
        raise OperatorError(
            f"nanmean: nanmean(): expected input to have floating point or complex dtype but got {input.dtype}"
        )
    axes = axes_of(dim, input._array.ndim, "nanmean")
    known = ~np.isnan(input._array)
    count = wrap(np.asarray(known.sum(axis=axes, keepdims=keepdim)).astype(widened(input._array).dtype))
    return into(out, cast(nansum(input, dim, keepdim, dtype=dtype) / count, dtype or input.dtype), "nanmean")


class Unmasked(Operator):
    """Zero where a mask is False."""

    @staticmethod
    def forward(ctx: Any, x: Array, keep: Array) -> Array:
        ctx.keep = keep
        return xp.where(keep, x, np.zeros((), x.dtype))

    @staticmethod
    def backward(ctx: Any, grad: Array) -> Array:
        return xp.where(ctx.keep, grad, xp.zeros_like(grad))


def count_nonzero(input: Tensor, dim: Dims = None) -> Tensor:
    """How many elements are not 0, over `dim` or all of them."""
    axes = axes_of(dim, input._array.ndim, "count_nonzero")
    return wrap(np.asarray((input._array != 0).sum(axis=axes, dtype=np.int64)))


# ----------------------------------------------------------------------------------------------------------- product


class Prod(Operator):
    saves = (0, OUT)

    @staticmethod
    def forward(ctx: Any, x: Array, axes: tuple[int, ...], keepdims: bool, kind: Any = None) -> Array:
        ctx.axes = axes
        if is_half(x):
            out = np.asarray(x.astype(np.float32).prod(axis=axes, keepdims=keepdims)).astype(x.dtype)
        else:
            out = x.prod(axis=axes, dtype=kind, keepdims=keepdims)
        ctx.save(x, out)
        return out

    @staticmethod
    def backward(ctx: Any, grad: Array) -> Array:
        x, out = ctx.saved
        grad = restore(grad, x.shape, ctx.axes)
        if not bool((x == 0).any()):
            return (
                grad * (restore(out, x.shape, ctx.axes) / x).conj()
                if is_complex(x)
                else grad * restore(out, x.shape, ctx.axes) / x
            )
        others = products_of_others(x, ctx.axes)
        return grad * (others.conj() if is_complex(x) else others)


def products_of_others(x: Array, axes: tuple[int, ...]) -> Array:
    """For each element the product of all others reduced with it, without dividing (there may be zeros)."""
    kept = [d for d in range(x.ndim) if d not in axes]
    order = (*kept, *axes)
    flat = xp.transpose(x, order).reshape((*[x.shape[d] for d in kept], -1))
    one = xp.ones_like(flat[..., :1])
    before = xp.cumprod(xp.concatenate([one, flat[..., :-1]], axis=-1), axis=-1)
    after = xp.flip(xp.cumprod(xp.concatenate([one, xp.flip(flat, -1)[..., :-1]], axis=-1), axis=-1), -1)
    back = tuple(int(i) for i in np.argsort(order))
    return xp.transpose((before * after).reshape(tuple(x.shape[d] for d in order)), back)


def prod(
    input: Tensor,
    dim: int | None = None,
    keepdim: bool = False,
    *,
    dtype: dtypes.dtype | None = None,
    out: Tensor | None = None,
    axis: Dims = None,
    keepdims: bool = False,
) -> Tensor:
    """The product over a dimension, or of all elements. bool and integers multiply in int64."""
    if dtype is not None:
        input = cast(input, dtypes.as_dtype(dtype))
    kind = np.int64 if dtype is None and input._array.dtype.kind in "iub" else None
    kind = input._array.dtype if dtype is not None else kind
    axes = axes_of(axis if dim is None else dim, input._array.ndim, "prod")
    result = Prod.apply(input, axes, keepdim or keepdims, kind)
    return result if out is None else into(out, result, "prod")


numpy_name("prod")(prod)


# ----------------------------------------------------------------------------------------------------- largest, smalles


class Chosen(Operator):
    """The elements of a dimension at these places (one or more per lane): what max, sort, median … return as values."""

    @staticmethod
    def forward(ctx: Any, x: Array, indices: Array, dim: int, keepdim: bool) -> Array:
        ctx.shape, ctx.dim, ctx.indices = x.shape, dim, indices
        out = xp.take_along_axis(x, indices, dim)
        return out if keepdim else out.reshape(x.shape[:dim] + x.shape[dim + 1 :])

    @staticmethod
    def backward(ctx: Any, grad: Array) -> Array:
        dx = xp.zeros_like(grad, shape=ctx.shape)
        dx[lane_index(ctx.indices, ctx.dim)] = grad.reshape(ctx.indices.shape)
        return dx


def choose(input: Tensor, indices: Array, dim: int, keepdim: bool) -> tuple[Tensor, Tensor]:
    """Values and indices, for indices (..., 1, ...) that keep the dimension `dim`."""
    values = Chosen.apply(input, indices, dim, keepdim)
    return values, wrap(indices if keepdim else indices.reshape(values._array.shape))


def one_per_lane(input: Tensor, dim: int, keepdim: bool, find: Any, name: str) -> tuple[Tensor, Tensor]:
    """Values and indices, where `find(array, dim)` gives the index in each lane, dimensions kept.

    Raises:
        IndexError: the dimension is empty.
    """
    if is_complex(input._array):
        raise not_implemented(name, input)
    ndim = input._array.ndim
    dim = wrap_dim(dim, ndim, name)
    if not ndim:
        return input.clone(), wrap(np.zeros((), np.int64))
    if not input._array.shape[dim]:
        raise RangeError(f"{name}: {name}(): Expected reduction dim {dim} to have non-zero size.")
    return choose(input, find(input._array, dim), dim, keepdim)


def _find_max(x: Array, dim: int) -> Array:
    return xp.expand_dims(x.argmax(dim), dim)


def _find_min(x: Array, dim: int) -> Array:
    return xp.expand_dims(x.argmin(dim), dim)


class Amax(Operator):
    """torch: equal largest elements share the gradient."""

    saves = (0, OUT)

    @staticmethod
    def forward(ctx: Any, x: Array, axes: tuple[int, ...], keepdims: bool) -> Array:
        ctx.axes = axes
        out = xp.max(x, axis=axes, keepdims=keepdims)
        ctx.save(x, out)
        return out

    @staticmethod
    def backward(ctx: Any, grad: Array) -> Array:
        x, out = ctx.saved
        return shared(restore(grad, x.shape, ctx.axes), x == restore(out, x.shape, ctx.axes), ctx.axes)


class Amin(Amax):
    @staticmethod
    def forward(ctx: Any, x: Array, axes: tuple[int, ...], keepdims: bool) -> Array:
        ctx.axes = axes
        out = xp.min(x, axis=axes, keepdims=keepdims)
        ctx.save(x, out)
        return out


def shared(grad: Array, chosen: Array, axes: tuple[int, ...]) -> Array:
    """A gradient split equally among the chosen elements of each reduced group."""
    chosen = getattr(chosen, "_array", chosen)
    weight = chosen / chosen.sum(axis=axes, keepdims=True)
    return grad * weight.astype(getattr(grad, "_array", grad).dtype)  # type: ignore[union-attr]


def _extremum(kind: type[Operator], input: Tensor, dim: Dims, keepdim: bool, name: str) -> Tensor:
    array = input._array
    if is_complex(array):
        raise not_implemented(name, input)
    axes = axes_of(dim, array.ndim, name)
    if not array.size:
        if dim is None:
            raise OperatorError(
                f"{name}: {name}(): Expected reduction dim to be specified for input.numel() == 0. Specify the "
                "reduction dim with the 'dim' argument."
            )
        empty = [a for a in axes if not array.shape[a]]
        if empty:
            raise RangeError(f"{name}: {name}(): Expected reduction dim {empty[0]} to have non-zero size.")
    return kind.apply(input, axes, keepdim)


def amax(
    input: Tensor,
    dim: Dims = (),
    keepdim: bool = False,
    *,
    out: Tensor | None = None,
    axis: Dims = None,
    keepdims: bool = False,
) -> Tensor:
    """The largest elements over one, several or all dimensions; equal ones share the gradient."""
    dim = axis if axis is not None else dim
    return into(out, _extremum(Amax, input, None if dim == () else dim, keepdim or keepdims, "amax"), "amax")


def amin(
    input: Tensor,
    dim: Dims = (),
    keepdim: bool = False,
    *,
    out: Tensor | None = None,
    axis: Dims = None,
    keepdims: bool = False,
) -> Tensor:
    """The smallest elements over one, several or all dimensions; equal ones share the gradient."""
    dim = axis if axis is not None else dim
    return into(out, _extremum(Amin, input, None if dim == () else dim, keepdim or keepdims, "amin"), "amin")


numpy_name("max", "amax")(amax)
numpy_name("min", "amin")(amin)


def max(
    input: Tensor,
    dim: Any = None,
    keepdim: bool = False,
    *,
    other: Any = None,
    out: Any = None,
    axis: Dims = None,
    keepdims: bool | None = None,
) -> Any:
    """The largest element; with `dim` the largest of each lane and its index (the first of equals); with another tensor
    the larger of both, element by element.

    The spelling `keepdims=` is NumPy's and has NumPy's meaning, values only, since kernels are defined with it.

    Returns:
        a Tensor, or (values, indices) with `dim`.

    Example:
        >>> rushlight.tensor([[1., 3.], [2., 0.]]).max(1).indices
        tensor([1, 0])
    """
    if keepdims is not None:
        return amax(input, axis if dim is None else dim, keepdims)
    other = dim if isinstance(dim, TensorBase) else other
    if other is not None:
        from .choosing import maximum

        return maximum(input, other, out=out)
    dim = axis if dim is None else dim
    if dim is None:
        return into(out, _extremum(Amax, input, None, False, "max"), "max")
    return into_all(out, results.max(*one_per_lane(input, dim, keepdim, _find_max, "max")), "max")


def min(
    input: Tensor,
    dim: Any = None,
    keepdim: bool = False,
    *,
    other: Any = None,
    out: Any = None,
    axis: Dims = None,
    keepdims: bool | None = None,
) -> Any:
    """The smallest element; with `dim` also its index; with another tensor the smaller of both. See `max`."""
    if keepdims is not None:
        return amin(input, axis if dim is None else dim, keepdims)
    other = dim if isinstance(dim, TensorBase) else other
    if other is not None:
        from .choosing import minimum

        return minimum(input, other, out=out)
    dim = axis if dim is None else dim
    if dim is None:
        return into(out, _extremum(Amin, input, None, False, "min"), "min")
    return into_all(out, results.min(*one_per_lane(input, dim, keepdim, _find_min, "min")), "min")


def aminmax(input: Tensor, *, dim: int | None = None, keepdim: bool = False, out: Any = None) -> Any:
    """The smallest and the largest element, over a dimension or all."""
    low, high = (_extremum(kind, input, dim, keepdim, "aminmax") for kind in (Amin, Amax))
    return into_all(out, results.aminmax(low, high), "aminmax")


def _arg(input: Tensor, dim: int | None, keepdim: bool, which: str) -> Tensor:
    array = input._array
    if array.dtype.kind in "cb":
        raise not_implemented(which, input)
    if dim is None:
        if not array.size:
            raise RangeError(
                f"{which}: {which}(): Expected reduction dim to be specified for input.numel() == 0. Specify the "
                "reduction dim with the 'dim' argument."
            )
        found = getattr(array, which)()
        return wrap(np.asarray(found).reshape((1,) * array.ndim if keepdim else ()))
    dim = wrap_dim(dim, array.ndim, which)
    if not array.ndim:
        return wrap(np.zeros((), np.int64))
    if not array.shape[dim]:
        raise RangeError(f"{which}: {which}(): Expected reduction dim {dim} to have non-zero size.")
    return wrap(np.asarray(getattr(array, which)(axis=dim, keepdims=keepdim)))


def argmax(
    input: Tensor, dim: int | None = None, keepdim: bool = False, *, out: Tensor | None = None, axis: int | None = None
) -> Tensor:
    """The index of the largest element (the first of equals; NaN is larger than all), over a dimension or flattened."""
    return into(out, _arg(input, axis if dim is None else dim, keepdim, "argmax"), "argmax")


def argmin(
    input: Tensor, dim: int | None = None, keepdim: bool = False, *, out: Tensor | None = None, axis: int | None = None
) -> Tensor:
    """The index of the smallest element (the first of equals; NaN is smaller than all), over a dimension or
    flattened."""
    return into(out, _arg(input, axis if dim is None else dim, keepdim, "argmin"), "argmin")


numpy_name("argmax")(argmax)
numpy_name("argmin")(argmin)


# ------------------------------------------------------------------------------------------------------ any and all


def _truth(input: Tensor, dim: Dims, keepdim: bool, which: str) -> Tensor:
    array = input._array
    axes = axes_of(dim, array.ndim, which)
    found = getattr(array != 0, which)(axis=axes, keepdims=keepdim)
    return wrap(np.asarray(found).astype(np.uint8 if array.dtype == np.uint8 else bool))  # torch: uint8 gives uint8


def any(
    input: Tensor,
    dim: Dims = None,
    keepdim: bool = False,
    *,
    out: Tensor | None = None,
    axis: Dims = None,
    keepdims: bool = False,
) -> Tensor:
    """Whether any element is not 0, over `dim` or all dimensions."""
    return into(out, _truth(input, axis if dim is None else dim, keepdim or keepdims, "any"), "any")


def all(
    input: Tensor,
    dim: Dims = None,
    keepdim: bool = False,
    *,
    out: Tensor | None = None,
    axis: Dims = None,
    keepdims: bool = False,
) -> Tensor:
    """Whether no element is 0, over `dim` or all dimensions."""
    return into(out, _truth(input, axis if dim is None else dim, keepdim or keepdims, "all"), "all")


numpy_name("any")(any)
numpy_name("all")(all)


# ---------------------------------------------------------------------------------------------------------- spread


def _spread(x: Array, axes: tuple[int, ...]) -> Array:
    """Distances from the mean."""
    return x - x.mean(axis=axes, keepdims=True)


def _variance(x: Array, axes: tuple[int, ...], degrees: float, keepdims: bool) -> Array:
    far = _spread(x, axes)
    square = far.real * far.real + far.imag * far.imag if is_complex(x) else far * far
    return square.sum(axis=axes, keepdims=keepdims) / np.asarray(degrees, square.dtype)


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
        return restore(grad, x.shape, ctx.axes) * _spread(x, ctx.axes) * (2 / ctx.degrees if ctx.degrees else inf)


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
        slope = restore(xp.where(out == 0, xp.zeros_like(out), grad / out), x.shape, ctx.axes)
        return slope * _spread(x, ctx.axes) * (1 / ctx.degrees if ctx.degrees else inf)


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

    saves = (0, OUT)

    @staticmethod
    def forward(ctx: Any, x: Array, p: float, axes: tuple[int, ...], keepdims: bool) -> Array:
        ctx.p, ctx.axes = p, axes
        kind = x.real.dtype if is_complex(x) else x.dtype
        out = np.asarray(_norm(widened(x), p, axes, keepdims)).astype(kind, copy=False)
        ctx.save(x, out)
        return out

    @staticmethod
    def backward(ctx: Any, grad: Array) -> Array:
        x, out = ctx.saved
        p, axes = ctx.p, ctx.axes
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
        return xp.sqrt((x * x).sum(axis=axes, keepdims=keepdims))
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
        from .decompositions import matrix_norm

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

    return where(size > maxnorm, maxnorm / (size + 1e-7), size.new_ones(()))  # torch: 1e-7 in the divisor
