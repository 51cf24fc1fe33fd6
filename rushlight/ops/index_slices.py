"""Whole slices and flat positions named by index tensors: index_select, index_add, index_copy, index_put, take, put."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from ..autograd.tape import Operator, TensorBase, wrap
from ..errors import ArgumentError, OperatorError, RangeError, ShapeError
from ..kernels import xp
from .dims import wrap_dim
from .indexing import Index, index_backward, only_list, plain_index
from .lanes import scatter_add_kernel, slice_index
from .promotion import all_values, as_tensor, cast, into, not_a_tensor, number_like, refuse_overlap, unbroadcast
from .scatter import check_range, integers, reduced

if TYPE_CHECKING:
    from ..tensor import Tensor

Array = Any


# ------------------------------------------------------------------------------------------- whole slices by index


def _slices(x: TensorBase, dim: int, index: Any, name: str, kind: type[Exception] = RangeError) -> tuple[int, Array]:
    """The dimension and the 1-d index array of index_select and its kin."""
    array = integers(index, name)
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
        dim = only_list(places) if type(x) is np.ndarray and x.dtype == np.float32 else None
        if dim is not None:
            return scatter_add_kernel(x, slice_index(places[dim], x.shape, dim), values, dim)
        return (x + index_backward(values, places, x.shape)).astype(x.dtype, copy=False)

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
        return into(out, cast(input + source.sum(), input.dtype), "index_add")
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
        check_number(input, value, "index_fill")
    value = (
        cast(as_tensor(value, "index_fill"), input.dtype)
        if isinstance(value, TensorBase)
        else wrap(number_like(value, input._array))
    )
    if not input._array.ndim:
        return index_fill(input.reshape(1), 0, wrap(places), value).reshape(())
    return IndexPut.apply(input, _along(dim, np.unique(places)), value)  # a place named twice counts once


def check_number(x: Tensor, value: Any, name: str) -> None:
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
    return into(out, reduced(input, dim, full, source, reduce, include_self, "index_reduce"), "index_reduce")


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
    refuse_overlap("take", out, input, index)
    places = _flat(input, index, "take")
    return into(out, Index.apply(input.reshape(-1), (places,)), "take")


def _flat(x: TensorBase, index: Any, name: str) -> Array:
    if not isinstance(index, TensorBase) or index._array.dtype != np.int64:
        raise OperatorError(f"{name}: {name}(): Expected a long tensor for index")
    size, places = x._array.size, index._array
    if not size and places.size:
        raise RangeError(f"{name}: {name}(): tried to take from an empty tensor")
    every = all_values(places)
    low, high = (every.min(), every.max()) if every.size else (0, -1)
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


def unravel_index(indices: Tensor, shape: Any) -> tuple[Tensor, ...]:
    """The coordinates, in a tensor of this shape, of positions in the flattened tensor."""
    if not isinstance(indices, TensorBase) or indices._array.dtype.kind not in "iu":
        raise ArgumentError(
            f"unravel_index: expected 'indices' to be an integer tensor, got {getattr(indices, 'dtype', type(indices))}"
        )
    size = (shape,) if isinstance(shape, int) else tuple(int(n) for n in shape)
    if min(size, default=0) < 0:
        raise ArgumentError(f"unravel_index: 'shape' cannot have negative values, but got {size}")
    rest, found = indices._array.astype(np.int64), []
    for n in reversed(size):
        found.append(wrap(rest % n))
        rest = rest // n
    return tuple(reversed(found))
