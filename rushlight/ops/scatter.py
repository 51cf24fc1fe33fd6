"""Gather and scatter: reading and writing at places named by an index tensor, one index per element along one
dimension, and scattering with a reduction.

`lanes.py` has the kernels; everything here is one of them, a gradient of that, or a write to a copy. The in-place
methods write the result back.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from .. import dtypes
from ..autograd.tape import OUT, Operator, TensorBase, wrap
from ..errors import OperatorError, ShapeError
from ..kernels import xp
from ..kernels.arrays import multiply_at
from .dims import wrap_dim
from .lanes import all_below, gather_kernel, lane_index, scatter_add_kernel, scatter_kernel
from .numpy_protocol import numpy_name
from .promotion import all_values, into, is_scalar, not_a_tensor, number_like, refuse_overlap

if TYPE_CHECKING:
    from ..tensor import Tensor

Array = Any


# ------------------------------------------------------------------------------------------------ checks of indices


def integers(index: Any, name: str) -> Array:
    """An index tensor's array.

    Raises:
        RuntimeError: not int64 (or int32).
    """
    if not isinstance(index, TensorBase):
        raise not_a_tensor(index, name, "index")
    array = index._array
    if array.dtype != np.int64 and array.dtype != np.int32:
        raise OperatorError(f"{name}: {name}(): Expected dtype int64 for index, got {dtypes.of(array)}")
    return array


def check_range(index: Array, size: int, name: str, kind: type[Exception] = OperatorError) -> None:
    """Raises if an index lies outside [0, size), naming it. torch: negative indices are not allowed here."""
    if index.size:
        every = all_values(index)
        if not all_below(every, size):
            low, high = every.min(), every.max()
            bad = int(low if low < 0 else high)
            raise kind(f"{name}: index {bad} is out of bounds for dimension with size {size}")


def _lanes(x: TensorBase, dim: int, index: Any, name: str) -> tuple[int, Array]:
    """The dimension and index array of gather and scatter, checked against `x`."""
    empty = isinstance(index, TensorBase) and not index._array.size
    array = index._array if empty else integers(index, name)  # torch: an empty index may have any dtype
    dim = wrap_dim(dim, x._array.ndim, name)
    if empty:
        return dim, array
    if max(array.ndim, 1) != max(x._array.ndim, 1):
        raise ShapeError(
            f"{name}: Index tensor must have the same number of dimensions as input tensor, got {array.shape} and "
            f"{x._array.shape}"
        )
    for i, (n, m) in enumerate(zip(array.shape, x._array.shape)):
        if i != dim and n > m:
            raise ShapeError(
                f"{name}: Size does not match at dimension {i} expected index {list(array.shape)} to be no larger "
                "than self "
                f"{list(x._array.shape)} apart from dimension {dim}"
            )
    check_range(array, x._array.shape[dim] if x._array.ndim else 1, name)
    return dim, array


def _source(x: TensorBase, src: Any, index: Array, name: str) -> Any:
    """The values to scatter: a tensor at least as large as the index, or a number (as a 0-d tensor)."""
    if not isinstance(src, TensorBase):
        if not is_scalar(src):
            raise not_a_tensor(src, name, "src")
        return wrap(number_like(src, x._array))
    if src._array.dtype != x._array.dtype:
        raise OperatorError(
            f"{name}: {name}(): Expected self.dtype to be equal to src.dtype, got {dtypes.of(x._array)} and "
            f"{dtypes.of(src._array)}"
        )
    if index.size and (
        max(src._array.ndim, 1) != max(index.ndim, 1) or any(n > m for n, m in zip(index.shape, src._array.shape))
    ):
        raise ShapeError(
            f"{name}: Expected index {list(index.shape)} to be no larger than src {list(src._array.shape)}"
        )
    return src


def _corner(shape: tuple[int, ...]) -> tuple[slice, ...]:
    """The part of a source that an index of this shape uses."""
    return tuple([slice(n) for n in shape])


# ------------------------------------------------------------------------------------------------- gather, scatter


class Gather(Operator):
    @staticmethod
    def forward(ctx: Any, x: Array, dim: int, index: Array) -> Array:
        ctx.shape, ctx.dim, ctx.index = x.shape, dim, index
        return gather_kernel(x, index, dim)

    @staticmethod
    def backward(ctx: Any, grad: Array) -> Array:
        return scatter_add_kernel(xp.zeros_like(grad, shape=ctx.shape), ctx.index, grad, ctx.dim)


class Scatter(Operator):
    """Overwrites. Where a place is named twice one of the values stays, and the gradient counts all of them, as
    PyTorch's."""

    @staticmethod
    def forward(ctx: Any, x: Array, dim: int, index: Array, src: Array) -> Array:
        ctx.places, ctx.src_shape = lane_index(index, dim), src.shape
        if src.ndim:
            return scatter_kernel(x, index, src[_corner(index.shape)], dim)
        repeated = np.full(index.shape, src, x.dtype) if type(src) is np.ndarray else src  # what the twin takes
        return scatter_kernel(x, index, repeated, dim)

    @staticmethod
    def backward(ctx: Any, grad: Array) -> Any:
        rest = grad + xp.zeros_like(grad)
        rest[ctx.places] = 0
        return rest, None, None, _to_source(grad[ctx.places], ctx.src_shape)


def _to_source(grad: Array, shape: tuple[int, ...]) -> Array:
    """A gradient of the part of the source that was used, with zeros for the rest."""
    if grad.shape == shape:
        return grad
    if not shape:
        return grad.sum()
    full = xp.zeros_like(grad, shape=shape)
    full[_corner(grad.shape)] = grad
    return full


class ScatterAdd(Operator):
    @staticmethod
    def forward(ctx: Any, x: Array, dim: int, index: Array, src: Array) -> Array:
        ctx.index, ctx.dim, ctx.src_shape = index, dim, src.shape
        return scatter_add_kernel(x, index, src[_corner(index.shape)], dim)

    @staticmethod
    def backward(ctx: Any, grad: Array) -> Any:
        return grad, None, None, _to_source(gather_kernel(grad, ctx.index, ctx.dim), ctx.src_shape)


@numpy_name("take_along_axis")
def _take_along_axis(x: Tensor, indices: Any, axis: int) -> Tensor:
    return Gather.apply(x, axis, getattr(indices, "_array", indices))


def gather(input: Tensor, dim: int, index: Tensor, *, sparse_grad: bool = False, out: Tensor | None = None) -> Tensor:
    """The elements at `index` along `dim`: out[i][j] = input[index[i][j]][j] for dim 0 of a matrix.

    Args:
        index: int64, as many dimensions as `input`, no larger than it except along `dim`.
        sparse_grad: accepted; gradients are always dense, which changes no number.

    Raises:
        RuntimeError: an index outside the dimension, or shapes that do not fit.

    Example:
        >>> rushlight.gather(rushlight.tensor([[1, 2], [3, 4]]), 1, rushlight.tensor([[0, 0], [1, 0]]))
        tensor([[1, 1],
                [4, 3]])
    """
    if out is not None and out._array.dtype != input._array.dtype:
        raise OperatorError(f"gather: Expected out tensor to have dtype {input.dtype}, but got {out.dtype} instead")
    refuse_overlap("gather", out, input, index)
    dim, places = _lanes(input, dim, index, "gather")
    if not input._array.ndim or not places.ndim or not places.size:
        result = Gather.apply(input.reshape(-1), 0, places.reshape(-1)).reshape(places.shape)
    else:
        result = Gather.apply(input, dim, places)
    return result if out is None else into(out, result, "gather")


def take_along_dim(input: Tensor, indices: Tensor, dim: int | None = None, *, out: Tensor | None = None) -> Tensor:
    """`gather` with broadcasting between `input` and `indices`; without `dim` of the flattened tensors."""
    if integers(indices, "take_along_dim").dtype != np.int64:
        raise OperatorError(
            f"take_along_dim: torch.take_along_dim(): dtype of indices should be Long but got {indices.dtype}"
        )
    if dim is None:
        return gather(input.reshape(-1), 0, indices.reshape(-1), out=out)
    if indices._array.ndim != input._array.ndim:
        raise ShapeError(
            "take_along_dim: torch.take_along_dim(): input and indices should have the same number of dimensions, "
            "but got "
            f"{input.ndim} dimensions for input, and {indices.ndim} dimensions for indices"
        )
    dim = wrap_dim(dim, input._array.ndim, "take_along_dim")
    shapes = [tuple(1 if i == dim else n for i, n in enumerate(x._array.shape)) for x in (input, indices)]
    common = np.broadcast_shapes(*shapes)
    x, i = (y.expand([y._array.shape[d] if d == dim else n for d, n in enumerate(common)]) for y in (input, indices))
    places = np.remainder(i._array, x._array.shape[dim])  # torch: they go round and round
    return gather(x, dim, wrap(places), out=out)


_REDUCTIONS = {"add": "sum", "multiply": "prod"}


def scatter(
    input: Tensor,
    dim: int,
    index: Tensor,
    src: Any = None,
    *,
    value: Any = None,
    reduce: str | None = None,
    out: Tensor | None = None,
) -> Tensor:
    """`input` with the values of `src` (a tensor or a number) written at `index` along `dim`.

    Args:
        value: another name for a number as `src`.
        reduce: "add" or "multiply" instead of overwriting.

    Raises:
        RuntimeError: an index outside the dimension, or shapes or dtypes that do not fit.
    """
    dim, places = _lanes(input, dim, index, "scatter")
    values = _source(input, value if src is None else src, places, "scatter")
    if not places.size:
        return into(out, input.clone(), "scatter")
    if reduce is not None:
        if reduce not in _REDUCTIONS:
            raise OperatorError(f"scatter: reduce argument must be either add or multiply, got {reduce}")
        values = values if values._array.ndim else values.expand(places.shape)
        return into(out, scatter_reduce(input, dim, index, values, _REDUCTIONS[reduce]), "scatter")
    return into(out, _as_lanes(Scatter, input, dim, places, values), "scatter")


def _as_lanes(kind: type[Operator], x: Tensor, dim: int, places: Array, src: Any, *more: Any) -> Tensor:
    """Applies a scatter, 0-d tensors taken as one lane of one."""
    if x._array.ndim and places.ndim:
        return kind.apply(x, dim, places, src, *more)
    flat = kind.apply(x.reshape(-1), 0, places.reshape(-1), src.reshape(-1), *more)
    return flat.reshape(x.shape)


def scatter_add(input: Tensor, dim: int, index: Tensor, src: Tensor, *, out: Tensor | None = None) -> Tensor:
    """`input` with the elements of `src` added at `index` along `dim`; repeated places add up.

    Example:
        >>> rushlight.zeros(3).scatter_add(0, rushlight.tensor([0, 0, 2]), rushlight.ones(3))
        tensor([2., 0., 1.])
    """
    dim, places = _lanes(input, dim, index, "scatter_add")
    values = _source(input, src, places, "scatter_add")
    if not places.size:
        return into(out, input.clone(), "scatter_add")
    return into(out, _as_lanes(ScatterAdd, input, dim, places, values), "scatter_add")


# ----------------------------------------------------------------------------------------------- scatter and reduce

_UFUNC = {"prod": np.multiply, "amax": np.maximum, "amin": np.minimum}


def _start(reduce: str, kind: np.dtype[Any]) -> Any:
    """The value that changes nothing in a reduction."""
    if reduce in ("sum", "mean"):
        return 0
    if reduce == "prod":
        return 1
    low, high = (
        (-np.inf, np.inf)
        if kind.kind in "fV"
        else (False, True)
        if kind.kind == "b"
        else (np.iinfo(kind).min, np.iinfo(kind).max)
    )
    return low if reduce == "amax" else high


class ScatterProd(Operator):
    """y[p] = x[p] * product of the src that go to p;  the derivative by a factor is the product of the others.

    That is y divided by the factor, or, where it is the only 0 of its kind, the product with a 1 in its place.
    """

    saves = (0, 3, OUT)
    curved = True

    @staticmethod
    def forward(ctx: Any, x: Array, dim: int, index: Array, src: Array, include: bool) -> Array:
        ctx.where, ctx.include = (dim, index), include
        ctx.places, ctx.corner = lane_index(index, dim), _corner(index.shape)
        out = x.copy() if include else xp.where(_named(ctx, x), xp.ones_like(x), x)
        multiply_at(out, ctx.places, src[ctx.corner])
        ctx.save(x, src, out)
        return out

    @staticmethod
    def backward(ctx: Any, grad: Array) -> Any:
        x, src, out = ctx.saved
        if ctx.include:
            dx = grad * (_products(ctx, _nonzero(x), src) if _has_zeros(x) else out) / _nonzero(x)
        else:
            dx = xp.where(_named(ctx, _bare(x)), xp.zeros_like(grad), grad)
        used, at = src[ctx.corner], ctx.places
        others = out[at] / _nonzero(used)
        if _has_zeros(used):  # torch: derivatives of higher order hold where at most one src of a place is 0
            others = xp.where(_only_zeros(ctx, _bare(x), _bare(used)), _products(ctx, x, _nonzero(src))[at], others)
        return dx, None, None, _to_source(grad[at] * others, src.shape)


def _bare(x: Any) -> Array:
    return getattr(x, "_array", x)


def _named(ctx: Any, x: Array) -> Array:
    """Whether the index names the place."""
    named = np.zeros_like(x, bool)
    named[ctx.places] = True
    return named


def _has_zeros(x: Array) -> bool:
    return bool((_bare(x) == 0).any())


def _nonzero(x: Array) -> Array:
    """x, with ones for zeros."""
    return xp.where(_bare(x) == 0, xp.ones_like(x), x)


def _products(ctx: Any, x: Array, src: Array) -> Array:
    """The result for other factors."""
    return ScatterProd.derive(x, *ctx.where, src, ctx.include)


def _only_zeros(ctx: Any, x: Array, used: Array) -> Array:
    """Where a src is 0 and no other src of its place is."""
    zeros = np.zeros_like(x, np.int64)
    np.add.at(zeros, ctx.places, (used == 0).astype(np.int64))
    return (used == 0) & (zeros[ctx.places] == 1)


class ScatterExtreme(Operator):
    """The largest (or smallest) of x and the src that go to each place; equal ones share the gradient."""

    @staticmethod
    def forward(ctx: Any, x: Array, dim: int, index: Array, src: Array, include: bool, reduce: str) -> Array:
        places, used = lane_index(index, dim), src[_corner(index.shape)]
        out = x.copy()
        if not include:
            out[places] = _start(reduce, x.dtype)
        _UFUNC[reduce].at(out, places, used)
        ours, theirs = (x == out), (used == out[places])
        if not include:
            ours[places] = False
        count = ours.astype(np.int64)
        np.add.at(count, places, theirs.astype(np.int64))
        untouched = np.ones_like(x, bool)
        untouched[places] = False
        count[untouched], ours[untouched] = 1, True
        ctx.places, ctx.src_shape = places, src.shape
        ctx.shares = ours / count, theirs / count[places]
        return out

    @staticmethod
    def backward(ctx: Any, grad: Array) -> Any:
        ours, theirs = (share.astype(getattr(grad, "_array", grad).dtype) for share in ctx.shares)  # type: ignore[union-attr]
        return grad * ours, None, None, _to_source(grad[ctx.places] * theirs, ctx.src_shape)


def _mean_of(total: Tensor, places: Any, include: bool) -> Tensor:
    """Sums divided by how many values went to each place (at least 1)."""
    count = np.full_like(total._array, int(include), np.int64)
    np.add.at(count, places, 1)
    count = np.maximum(count, 1)
    if total._array.dtype.kind in "iu":
        return wrap((total._array // count).astype(total._array.dtype))
    return total / wrap(count.astype(total._array.dtype))


def scatter_reduce(
    input: Tensor,
    dim: int,
    index: Tensor,
    src: Tensor,
    reduce: str,
    *,
    include_self: bool = True,
    out: Tensor | None = None,
) -> Tensor:
    """`input` with the elements of `src` that `index` sends to each place reduced into it.

    Args:
        reduce: "sum", "prod", "mean", "amax" or "amin".
        include_self: whether what `input` holds there takes part (other places keep it in any case).
    """
    dim, places = _lanes(input, dim, index, "scatter_reduce")
    values = _source(input, src, places, "scatter_reduce")
    if not places.size:
        return into(out, input.clone(), "scatter_reduce")
    if not input._array.ndim or not places.ndim:
        flat = scatter_reduce(
            input.reshape(-1), 0, index.reshape(-1), values.reshape(-1), reduce, include_self=include_self
        )
        return into(out, flat.reshape(input.shape), "scatter_reduce")
    return into(out, reduced(input, dim, places, values, reduce, include_self, "scatter_reduce"), "scatter_reduce")


def reduced(x: Tensor, dim: int, places: Array, src: Tensor, reduce: str, include: bool, name: str) -> Tensor:
    if reduce == "prod":
        return ScatterProd.apply(x, dim, places, src, include)
    if reduce in ("amax", "amin"):
        return ScatterExtreme.apply(x, dim, places, src, include, reduce)
    if reduce not in ("sum", "mean"):
        raise OperatorError(f"{name}: reduce argument must be either sum, prod, mean, amax or amin, got {reduce}")
    start = x if include else Scatter.apply(x, dim, places, wrap(np.zeros_like(x._array, shape=())))
    total = ScatterAdd.apply(start, dim, places, src)
    return _mean_of(total, lane_index(places, dim), include) if reduce == "mean" else total
