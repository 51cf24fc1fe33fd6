"""Gather and scatter: reading and writing at places named by index tensors, along a dimension or by mask.

`lane_index` turns PyTorch's "one index per element, along one dimension" into NumPy's advanced indexing; everything
here is that, a gradient of that, or a write to a copy. The in-place methods write the result back.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from .. import dtypes
from ..autograd.tape import OUT, Operator, TensorBase, wrap
from ..errors import ArgumentError, OperatorError, RangeError, ShapeError
from ..kernels import kernel, xp
from .indexing import Index, index_backward, lane_index, plain_index
from .numpy_protocol import numpy_name
from .promotion import as_tensor, cast, into, is_scalar, not_a_tensor, unbroadcast
from .shape import wrap_dim

if TYPE_CHECKING:
    from ..tensor import Tensor

Array = Any


# ------------------------------------------------------------------------------------------------ checks of indices


def _integers(index: Any, name: str) -> Array:
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
        low, high = index.min(), index.max()
        if low < 0 or high >= size:
            bad = int(low if low < 0 else high)
            raise kind(f"{name}: index {bad} is out of bounds for dimension with size {size}")


def _lanes(x: TensorBase, dim: int, index: Any, name: str) -> tuple[int, Array]:
    """The dimension and index array of gather and scatter, checked against `x`."""
    array = _integers(index, name)
    dim = wrap_dim(dim, x._array.ndim, name)
    if not array.size:
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
        return wrap(np.asarray(src).astype(x._array.dtype))
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


@kernel
def scatter_add_kernel(x: Array, index: Array, src: Array, dim: int) -> Array:
    """x with src added at the places that `index` names along `dim`; repeated places add up."""
    out = x + xp.zeros_like(x)
    xp.add.at(out, lane_index(index, dim), src)
    return out


class Gather(Operator):
    @staticmethod
    def forward(ctx: Any, x: Array, dim: int, index: Array) -> Array:
        ctx.shape, ctx.dim, ctx.index = x.shape, dim, index
        return x[lane_index(index, dim)]

    @staticmethod
    def backward(ctx: Any, grad: Array) -> Array:
        return scatter_add_kernel(xp.zeros_like(grad, shape=ctx.shape), ctx.index, grad, ctx.dim)


class Scatter(Operator):
    """Overwrites. Where a place is named twice one of the values stays, and the gradient counts all of them, as
    PyTorch's."""

    @staticmethod
    def forward(ctx: Any, x: Array, dim: int, index: Array, src: Array) -> Array:
        ctx.places, ctx.src_shape = lane_index(index, dim), src.shape
        out = x.copy()
        out[ctx.places] = src[_corner(index.shape)] if src.ndim else src
        return out

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
        ctx.places, ctx.src_shape = lane_index(index, dim), src.shape
        return scatter_add_kernel(x, index, src[_corner(index.shape)], dim)

    @staticmethod
    def backward(ctx: Any, grad: Array) -> Any:
        return grad, None, None, _to_source(grad[ctx.places], ctx.src_shape)


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
    dim, places = _lanes(input, dim, index, "gather")
    if not input._array.ndim or not places.ndim:
        result = Gather.apply(input.reshape(-1), 0, places.reshape(-1)).reshape(places.shape)
    else:
        result = Gather.apply(input, dim, places)
    return result if out is None else into(out, result, "gather")


def take_along_dim(input: Tensor, indices: Tensor, dim: int | None = None, *, out: Tensor | None = None) -> Tensor:
    """`gather` with broadcasting between `input` and `indices`; without `dim` of the flattened tensors."""
    if _integers(indices, "take_along_dim").dtype != np.int64:
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
    places = np.where(i._array < 0, i._array + x._array.shape[dim], i._array)
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
    """y[p] = x[p] * product of the src that go to p;  dx = grad * y / x,  with zeros handled by counting them."""

    saves = (0, 3, OUT)

    @staticmethod
    def forward(ctx: Any, x: Array, dim: int, index: Array, src: Array, include: bool) -> Array:
        ctx.places, ctx.include = lane_index(index, dim), include
        products, zeros, named = _product_parts(x, ctx.places, src[_corner(index.shape)], include)
        out = products * (zeros == 0)
        ctx.corner = _corner(index.shape)
        ctx.save(x, src, out, products, zeros, named)
        return out

    @staticmethod
    def backward(ctx: Any, grad: Array) -> Any:
        x, src, out, products, zeros, named = (*ctx.saved[:3], *map(_bare, ctx.saved[3:]))  # type: ignore[misc]
        if zeros.any():  # the products are constants here, so derivatives of higher order hold where nothing is 0
            out = xp.where(zeros > 0, products, out)
        used, at = src[ctx.corner], ctx.places
        dx = grad * _without(x, out, zeros) if ctx.include else xp.where(named, xp.zeros_like(grad), grad)
        dsrc = grad[at] * _without(used, out[at], zeros[at])
        return dx, None, None, _to_source(dsrc, src.shape)


def _bare(x: Any) -> Array:
    return getattr(x, "_array", x)


def _product_parts(x: Array, places: Any, used: Array, include: bool) -> tuple[Array, Array, Array]:
    """The product of what is not 0 at each place, how many zeros go there, and whether the index names the place."""
    named = np.zeros(x.shape, bool)
    named[places] = True
    start = x if include else np.where(named, 1, x).astype(x.dtype)
    products, zeros = np.where(start == 0, 1, start).astype(x.dtype), (start == 0).astype(np.int64)
    np.multiply.at(products, places, np.where(used == 0, 1, used).astype(x.dtype))
    np.add.at(zeros, places, (used == 0).astype(np.int64))
    return products, zeros, named


def _without(x: Array, products: Array, zeros: Array) -> Array:
    """The product with one factor, x, left out."""
    zero = _bare(x) == 0
    alone = zero & (zeros == 1)
    return xp.where(
        alone, products, xp.where(zeros > 0, xp.zeros_like(x), products / xp.where(zero, xp.ones_like(x), x))
    )


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
        untouched = np.ones(x.shape, bool)
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
    count = np.full(total._array.shape, int(include), np.int64)
    np.add.at(count, places, 1)
    count = np.maximum(count, 1)
    if total._array.dtype.kind in "iu":
        return wrap(total._array // count)
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
    return into(out, _reduced(input, dim, places, values, reduce, include_self, "scatter_reduce"), "scatter_reduce")


def _reduced(x: Tensor, dim: int, places: Array, src: Tensor, reduce: str, include: bool, name: str) -> Tensor:
    if reduce == "prod":
        return ScatterProd.apply(x, dim, places, src, include)
    if reduce in ("amax", "amin"):
        return ScatterExtreme.apply(x, dim, places, src, include, reduce)
    if reduce not in ("sum", "mean"):
        raise OperatorError(f"{name}: reduce argument must be either sum, prod, mean, amax or amin, got {reduce}")
    start = x if include else Scatter.apply(x, dim, places, wrap(np.zeros((), x._array.dtype)))
    total = ScatterAdd.apply(start, dim, places, src)
    return _mean_of(total, lane_index(places, dim), include) if reduce == "mean" else total


# ------------------------------------------------------------------------------------------- whole slices by index


def _slices(x: TensorBase, dim: int, index: Any, name: str, kind: type[Exception] = RangeError) -> tuple[int, Array]:
    """The dimension and the 1-d index array of index_select and its kin."""
    array = _integers(index, name)
    if array.ndim > 1:
        raise RangeError(f"{name}: {name}(): Index is supposed to be a vector, but got {array.ndim} dimensions")
    dim = wrap_dim(dim, x._array.ndim, name)
    check_range(array, x._array.shape[dim] if x._array.ndim else 1, name, kind)
    return dim, array.reshape(-1)


def _along(dim: int, index: Array) -> tuple[Any, ...]:
    return (*(slice(None),) * dim, index)


def index_select(input: Tensor, dim: int, index: Tensor, *, out: Tensor | None = None) -> Tensor:
    """The slices of a dimension that a 1-d integer tensor names.

    Raises:
        IndexError: an index outside the dimension.
    """
    dim, places = _slices(input, dim, index, "index_select")
    if not input._array.ndim:
        return into(out, Index.apply(input.reshape(1), (places,)).reshape(()), "index_select")
    result = Index.apply(input, _along(dim, places))
    return result if out is None else into(out, result, "index_select")


class IndexAdd(Operator):
    @staticmethod
    def forward(ctx: Any, x: Array, places: Any, values: Array) -> Array:
        ctx.places = places
        return x + index_backward(values, places, x.shape)

    @staticmethod
    def backward(ctx: Any, grad: Array) -> Any:
        return grad, None, grad[ctx.places]


class IndexPut(Operator):
    """Overwrites at any advanced index; values broadcast."""

    @staticmethod
    def forward(ctx: Any, x: Array, places: Any, values: Array) -> Array:
        ctx.places, ctx.shape = places, values.shape
        out = x.copy()
        out[places] = values
        return out

    @staticmethod
    def backward(ctx: Any, grad: Array) -> Any:
        rest = grad + xp.zeros_like(grad)
        rest[ctx.places] = 0
        return rest, None, unbroadcast(grad[ctx.places], ctx.shape)


def _slice_source(x: Tensor, dim: int, places: Array, source: Tensor, name: str) -> Tensor:
    """The slices to write, one per index, of the other sizes of `x`."""
    if source._array.dtype != x._array.dtype:
        raise OperatorError(
            f"{name}: {name}(): self and source expected to have the same dtype, but got (self) {x.dtype} and "
            f"(source) {source.dtype}"
        )
    wanted = list(x._array.shape)
    if wanted:
        wanted[dim] = places.size
    single = source._array.size == product_of(wanted) and (
        not wanted or not source._array.ndim
    )  # 0-d stands for one slice
    if list(source._array.shape) != wanted and not single:
        raise ShapeError(
            f"{name}: {name}(): source of shape {list(source.shape)} must be {wanted} for index of {places.size} and "
            f"self {list(x.shape)}"
        )
    return source


def product_of(shape: Any) -> int:
    """The number of elements of a shape."""
    return int(np.prod(shape, dtype=np.int64))


def index_add(
    input: Tensor, dim: int, index: Tensor, source: Tensor, *, alpha: Any = 1, out: Tensor | None = None
) -> Tensor:
    """`input` with alpha * the slices of `source` added to the slices that `index` names."""
    dim, places = _slices(input, dim, index, "index_add", OperatorError)
    source = _slice_source(input, dim, places, source, "index_add")
    source = source if alpha == 1 else source * alpha
    if not input._array.ndim:
        return into(out, input + source.sum(), "index_add")
    return into(
        out, IndexAdd.apply(input, _along(dim, places), source.reshape(_sliced(input, dim, places))), "index_add"
    )


def _sliced(x: Tensor, dim: int, places: Array) -> tuple[int, ...]:
    shape = x._array.shape
    return (*shape[:dim], places.size, *shape[dim + 1 :])


def index_copy(input: Tensor, dim: int, index: Tensor, source: Tensor, *, out: Tensor | None = None) -> Tensor:
    """`input` with the slices that `index` names replaced by those of `source`."""
    dim, places = _slices(input, dim, index, "index_copy")
    source = _slice_source(input, dim, places, source, "index_copy")
    if not input._array.ndim:
        return into(out, index_copy(input.reshape(1), 0, wrap(places), source.reshape(1)).reshape(()), "index_copy")
    return into(
        out, IndexPut.apply(input, _along(dim, places), source.reshape(_sliced(input, dim, places))), "index_copy"
    )


def index_fill(input: Tensor, dim: int, index: Tensor, value: Any) -> Tensor:
    """`input` with the slices that `index` names filled with a number or a 0-d tensor."""
    dim, places = _slices(input, dim, index, "index_fill")
    if isinstance(value, TensorBase) and value._array.ndim:
        raise OperatorError(
            "index_fill: index_fill_ only supports a 0-dimensional value tensor, but got tensor with "
            f"{value._array.ndim} dimension(s)."
        )
    if not isinstance(value, TensorBase):
        _check_number(input, value, "index_fill")
    value = (
        cast(as_tensor(value, "index_fill"), input.dtype)
        if isinstance(value, TensorBase)
        else wrap(np.asarray(value).astype(input._array.dtype))
    )
    if not input._array.ndim:
        return index_fill(input.reshape(1), 0, wrap(places), value).reshape(())
    return IndexPut.apply(input, _along(dim, places), value)


def _check_number(x: Tensor, value: Any, name: str) -> None:
    if isinstance(value, complex) and x._array.dtype.kind != "c":
        raise OperatorError(f"{name}: value cannot be converted to type {x.dtype} without losing its imaginary part")


def index_reduce(
    input: Tensor,
    dim: int,
    index: Tensor,
    source: Tensor,
    reduce: str,
    *,
    include_self: bool = True,
    out: Tensor | None = None,
) -> Tensor:
    """`input` with slices of `source` reduced ("prod", "mean", "amax", "amin") into the slices that `index` names."""
    dim, places = _slices(input, dim, index, "index_reduce")
    if reduce not in ("prod", "mean", "amax", "amin"):
        raise OperatorError(f"index_reduce: reduce argument must be either prod, mean, amax or amin, got {reduce}.")
    source = _slice_source(input, dim, places, source, "index_reduce")
    if not input._array.ndim:
        return into(
            out,
            index_reduce(
                input.reshape(1), 0, wrap(places), source.reshape(1), reduce, include_self=include_self
            ).reshape(()),
            "index_reduce",
        )
    full = np.broadcast_to(places.reshape((-1,) + (1,) * (input._array.ndim - 1 - dim)), _sliced(input, dim, places))
    if not full.size:
        return into(out, input.clone(), "index_reduce")
    return into(out, _reduced(input, dim, full, source, reduce, include_self, "index_reduce"), "index_reduce")


def index_put(input: Tensor, indices: Any, values: Tensor, accumulate: bool = False) -> Tensor:
    """`input` with `values` written (or added, with `accumulate`) at `input[indices]`.

    Args:
        indices: a tuple of integer or bool tensors, as for `input[indices]`; None stands for a whole dimension.
    """
    places, _ = plain_index(tuple(slice(None) if i is None else i for i in indices))
    if not isinstance(values, TensorBase):
        raise not_a_tensor(values, "index_put_", "values")
    if values._array.dtype != input._array.dtype:
        raise OperatorError(
            f"index_put_: Index put requires the source and destination dtypes match, got {input.dtype} for the "
            f"destination and {values.dtype} for the source."
        )
    try:
        shape = input._array[places].shape
        spread = values.expand(shape) if accumulate else values
        np.broadcast_to(values._array, shape)
    except IndexError as why:
        raise RangeError(f"index_put_: {why} (tensor of shape {tuple(input.shape)})") from None
    except ValueError:
        raise ShapeError(
            f"index_put_: shape mismatch: value tensor of shape {list(values.shape)} cannot be broadcast to indexing "
            f"result of shape {list(shape)}"
        ) from None
    return (IndexAdd if accumulate else IndexPut).apply(input, places, spread)


# ------------------------------------------------------------------------------------------------- flat positions


def take(input: Tensor, index: Tensor, *, out: Tensor | None = None) -> Tensor:
    """The elements at these positions of the flattened tensor, in the shape of `index`.

    Raises:
        IndexError: a position outside [-numel, numel).
    """
    places = _flat(input, index, "take")
    return into(out, Index.apply(input.reshape(-1), (places,)), "take")


def _flat(x: TensorBase, index: Any, name: str) -> Array:
    if not isinstance(index, TensorBase) or index._array.dtype != np.int64:
        raise OperatorError(f"{name}: {name}(): Expected a long tensor for index")
    size, places = x._array.size, index._array
    if not size and places.size:
        raise RangeError(f"{name}: {name}(): tried to take from an empty tensor")
    low, high = (places.min(), places.max()) if places.size else (0, -1)
    if low < -size or high >= size:
        raise RangeError(
            f"{name}: out of range: tried to access index {int(low if low < -size else high)} on a tensor of {size} "
            "elements."
        )
    return places


def put(input: Tensor, index: Tensor, source: Tensor, accumulate: bool = False) -> Tensor:
    """`input` with `source` written (or added) at these positions of the flattened tensor."""
    places = _flat(input, index, "put_")
    if source._array.size != places.size:
        raise OperatorError(
            "put_: put_(): Expected source and index to have the same number of elements, but got source.numel() = "
            f"{source.numel()}, index.numel() = {places.size}"
        )
    if source._array.dtype != input._array.dtype:
        raise OperatorError(
            f"put_: put_(): self and source expected to have the same dtype, but got self.dtype = {input.dtype} and "
            f"source.dtype = {source.dtype}"
        )
    kind = IndexAdd if accumulate else IndexPut
    return kind.apply(input.reshape(-1), (places.reshape(-1),), source.reshape(-1)).reshape(input.shape)


# ----------------------------------------------------------------------------------------------------------- masks


def _mask(mask: Any, name: str) -> Array:
    if not isinstance(mask, TensorBase):
        raise not_a_tensor(mask, name, "mask")
    if mask._array.dtype != bool:
        raise OperatorError(f"{name}: {name}: expected BoolTensor for mask, got {dtypes.of(mask._array)}")
    return mask._array


class MaskedFill(Operator):
    @staticmethod
    def forward(ctx: Any, x: Array, mask: Array, value: Array) -> Array:
        ctx.mask, ctx.shape = mask, x.shape
        return np.where(mask, value, x)

    @staticmethod
    def backward(ctx: Any, grad: Array) -> Any:
        zero = xp.zeros_like(grad)
        dx = unbroadcast(xp.where(ctx.mask, zero, grad), ctx.shape) if ctx.needs[0] else None
        return dx, None, xp.where(ctx.mask, grad, zero).sum() if ctx.needs[2] else None


def masked_fill(input: Tensor, mask: Tensor, value: Any) -> Tensor:
    """`input` with `value` (a number or a 0-d tensor) where `mask` (bool, broadcasts) is True.

    Example:
        >>> rushlight.zeros(3).masked_fill(rushlight.tensor([True, False, True]), 1)
        tensor([1., 0., 1.])
    """
    where = _mask(mask, "masked_fill")
    if isinstance(value, TensorBase):
        if value._array.ndim:
            raise OperatorError(
                "masked_fill: masked_fill_ only supports a 0-dimensional value tensor, but got tensor with "
                f"{value._array.ndim} dimension(s)."
            )
        if not dtypes.can_cast(dtypes.of(value._array), input.dtype):
            raise OperatorError(f"masked_fill: value cannot be converted to type {input.dtype} without overflow")
        value = cast(value, input.dtype)
    else:
        _check_number(input, value, "masked_fill")
        value = np.asarray(value).astype(input._array.dtype)
    try:
        return MaskedFill.apply(input, where, value)
    except ValueError:
        raise ShapeError(
            f"masked_fill: The size of mask {list(where.shape)} must match the size of tensor {list(input.shape)}"
        ) from None


def masked_select(input: Tensor, mask: Tensor, *, out: Tensor | None = None) -> Tensor:
    """The elements where `mask` (bool, broadcasts with `input`) is True, in one dimension."""
    where = _mask(mask, "masked_select")
    try:
        shape = np.broadcast_shapes(input._array.shape, where.shape)
    except ValueError:
        raise ShapeError(
            f"masked_select: The size of mask {list(where.shape)} must match the size of tensor {list(input.shape)}"
        ) from None
    full = input if input._array.shape == shape else input.expand(shape)
    return into(out, Index.apply(full, (np.broadcast_to(where, shape),)), "masked_select")


def masked_scatter(input: Tensor, mask: Tensor, source: Tensor) -> Tensor:
    """`input` with the elements of `source`, in order, at the places where `mask` is True."""
    where = _mask(mask, "masked_scatter")
    if source._array.dtype != input._array.dtype:
        raise OperatorError(
            f"masked_scatter: masked_scatter: expected self and source to have same dtypes but got {input.dtype} and "
            f"{source.dtype}"
        )
    try:
        shape = np.broadcast_shapes(input._array.shape, where.shape)
    except ValueError:
        raise ShapeError(
            f"masked_scatter: The size of mask {list(where.shape)} must match the size of tensor {list(input.shape)}"
        ) from None
    where = np.broadcast_to(where, shape)
    count = int(where.sum())
    if source._array.size < count:
        raise OperatorError(
            f"masked_scatter: Number of elements of source < number of ones in mask: {source.numel()} < {count}"
        )
    return IndexPut.apply(input.expand(shape), (where,), source.reshape(-1)[:count])


def nonzero(input: Tensor, *, out: Tensor | None = None, as_tuple: bool = False) -> Any:
    """The indices of the elements that are not 0: one row each, or with `as_tuple` one tensor per dimension."""
    places = np.nonzero(np.atleast_1d(input._array)) if as_tuple or input._array.ndim else None
    if as_tuple:
        return tuple(map(wrap, places or ()))
    rows = np.stack(places, 1) if places is not None and places else np.zeros((int(input._array != 0), 0), np.int64)
    return into(out, wrap(np.ascontiguousarray(rows)), "nonzero")


def nonzero_static(input: Tensor, *, size: int, fill_value: int = -1, out: Tensor | None = None) -> Tensor:
    """The first `size` rows of `nonzero`, filled up with rows of `fill_value`."""
    if size < 0:
        raise OperatorError(f"nonzero_static: 'size' must be an non-negative integer, got {size}")
    found = nonzero(input)._array[:size]
    rest = np.full((size - len(found), found.shape[1]), fill_value, np.int64)
    return into(out, wrap(np.concatenate([found, rest])), "nonzero_static")


def argwhere(input: Tensor) -> Tensor:
    """The indices of the elements that are not 0, one row each."""
    return nonzero(input)


# --------------------------------------------------------------------------------------------- slices written to copies


def _embedded(input: Tensor, src: Tensor, index: Any, name: str) -> Tensor:
    if input._array[index].shape != src._array.shape:
        raise ShapeError(
            f"{name}: expected src to have a size equal to the slice of self. src size = {list(src.shape)}, slice "
            f"size = {list(input._array[index].shape)}"
        )
    return IndexPut.apply(input, index, cast(src, input.dtype))


def select_scatter(input: Tensor, src: Tensor, dim: int, index: int) -> Tensor:
    """A copy of `input` with entry `index` of `dim` replaced by `src`."""
    dim = wrap_dim(dim, input._array.ndim, "select_scatter")
    if not -input._array.shape[dim] <= index < input._array.shape[dim]:
        raise RangeError(
            f"select_scatter: index {index} is out of range for dimension {dim} of size {input._array.shape[dim]}"
        )
    return _embedded(input, src, (*(slice(None),) * dim, index), "select_scatter")


def slice_scatter(
    input: Tensor, src: Tensor, dim: int = 0, start: int | None = None, end: int | None = None, step: int = 1
) -> Tensor:
    """A copy of `input` with `input[start:end:step]` along `dim` replaced by `src`."""
    dim = wrap_dim(dim, input._array.ndim, "slice_scatter")
    if step <= 0:
        raise OperatorError(f"slice_scatter: slice step must be positive, got {step}")
    return _embedded(input, src, (*(slice(None),) * dim, slice(start, end, step)), "slice_scatter")


def diagonal_scatter(input: Tensor, src: Tensor, offset: int = 0, dim1: int = 0, dim2: int = 1) -> Tensor:
    """A copy of `input` with `diagonal(input, offset, dim1, dim2)` replaced by `src`."""
    positions = wrap(np.arange(input._array.size).reshape(input._array.shape)).diagonal(offset, dim1, dim2)
    if positions._array.shape != src._array.shape:
        raise ShapeError(
            "diagonal_scatter: expected src to have a size equal to the slice of self. src size = "
            f"{list(src.shape)}, slice size = {list(positions.shape)}"
        )
    flat = IndexPut.apply(input.reshape(-1), (positions._array.reshape(-1).copy(),), cast(src, input.dtype).reshape(-1))
    return flat.reshape(input.shape)


def as_strided_scatter(input: Tensor, src: Tensor, size: Any, stride: Any, storage_offset: int | None = None) -> Tensor:
    """A copy of `input` (row-major) with `as_strided(input, …)` replaced by `src`."""
    positions = wrap(np.arange(input._array.size)).as_strided(size, stride, storage_offset or 0)
    if positions._array.shape != src._array.shape:
        raise ShapeError(
            "as_strided_scatter: expected src to have a size equal to the slice of self. src size = "
            f"{list(src.shape)}, slice size = {list(positions.shape)}"
        )
    flat = IndexPut.apply(input.reshape(-1), (positions._array.reshape(-1).copy(),), src.reshape(-1))
    return flat.reshape(input.shape)


def unravel_index(indices: Tensor, shape: Any) -> tuple[Tensor, ...]:
    """The coordinates, in a tensor of this shape, of positions in the flattened tensor."""
    if not isinstance(indices, TensorBase) or indices._array.dtype.kind not in "iu":
        raise ArgumentError(
            f"unravel_index: expected 'indices' to be an integer tensor, got {getattr(indices, 'dtype', type(indices))}"
        )
    size = (shape,) if isinstance(shape, int) else tuple(int(n) for n in shape)
    if min(size, default=0) < 0:
        raise ArgumentError(f"unravel_index: 'shape' cannot have negative values, but got {size}")
    rest, found = indices._array, []
    for n in reversed(size):
        found.append(wrap(np.asarray(rest % n)))
        rest = rest // n
    return tuple(reversed(found))
