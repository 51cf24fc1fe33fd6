"""Operators that need an order: sort, topk, kthvalue, median, mode, quantile, unique, searchsorted, histograms.

Indices are found on arrays; the values are then `Chosen` by them, which is the one operator (and gradient) needed.
torch: NaN is larger than everything; of equal values a stable sort keeps the order.
"""

from __future__ import annotations

from math import prod as product
from typing import TYPE_CHECKING, Any

import numpy as np

from ..autograd.tape import OUT, Operator, TensorBase, wrap
from ..errors import OperatorError, ShapeError
from ..kernels import kernel, xp
from ..kernels.arrays import running
from . import results
from .dims import wrap_dim
from .extremes import choose, one_per_lane, shared
from .numpy_protocol import numpy_name
from .promotion import all_values, into, is_complex, not_a_tensor, not_implemented, refuse_overlap
from .results import into_all
from .scan import Running

if TYPE_CHECKING:
    from ..tensor import Tensor

Array = Any


# ------------------------------------------------------------------------------------------------------------ sorting


@kernel
def sort_keys(x: Array, descending: bool) -> Array:
    """x (..., S) float32 -> int64: above, whole numbers in the order of x, NaN last (descending: in reverse, NaN
    first); below, 32 bits of the place in 0 ... S-1. All keys of a row differ: any way of sorting them is stable."""
    bits = (x + 0).view(np.int32)  # -0 + 0 is 0
    rank = np.where(x != x, np.int32(0x7FFFFFFF), bits ^ ((bits >> 31) & 0x7FFFFFFF))
    rank = ~rank if descending else rank
    return (rank.astype(np.int64) << 32) | np.arange(x.shape[-1], like=x)


def _keyed(x: Array, dim: int, descending: bool) -> Array | None:
    """The keys of the lanes, which then are last; None where x has none."""
    if type(x) is not np.ndarray or x.dtype != np.float32 or not 0 < x.shape[dim] < 1 << 32:
        return None
    return sort_keys(np.ascontiguousarray(x if dim in (-1, x.ndim - 1) else np.moveaxis(x, dim, -1)), descending)


def _places_below(keys: Array, dim: int) -> Array:
    """The places below the keys, the lanes along `dim` again."""
    places = keys & 0xFFFFFFFF
    return places if dim in (-1, keys.ndim - 1) else np.moveaxis(places, -1, dim)


def _order(x: Array, dim: int, descending: bool) -> Array:
    """The stable order of each lane, NaN last (first if descending). Descending keeps equal elements in order too."""
    keys = _keyed(x, dim, descending)
    if keys is not None:
        keys.sort(-1)
        return _places_below(keys, dim)
    if not descending:
        return np.argsort(x, axis=dim, kind="stable")
    turned = np.flip(x, dim)
    return x.shape[dim] - 1 - np.flip(np.argsort(turned, axis=dim, kind="stable"), dim)


def _flat_if_scalar(input: Tensor) -> Tensor:
    return input if input._array.ndim else input.reshape(1)


def sort(input: Tensor, dim: int = -1, descending: bool = False, stable: bool | None = None, *, out: Any = None) -> Any:
    """The elements of each lane in order, and their indices.

    Args:
        stable: accepted; equal elements always keep their order.

    Example:
        >>> rushlight.sort(rushlight.tensor([3, 1, 2])).indices
        tensor([1, 2, 0])
    """
    dim = wrap_dim(dim, input._array.ndim, "sort")
    if is_complex(input._array):
        raise OperatorError("sort: Sort does not support complex dtypes on CPU")
    x = _flat_if_scalar(input)
    values, indices = choose(x, _order(x._array, dim, descending), dim, True)
    return into_all(out, results.sort(values.reshape(input.shape), indices.reshape(input.shape)), "sort")


def argsort(input: Tensor, dim: int = -1, descending: bool = False, stable: bool = False) -> Tensor:
    """The indices that sort each lane."""
    dim = wrap_dim(dim, input._array.ndim, "argsort")
    if is_complex(input._array):
        raise OperatorError("argsort: Sort does not support complex dtypes on CPU")
    x = _flat_if_scalar(input)._array
    return wrap(_order(x, dim, descending).reshape(input._array.shape))


def msort(input: Tensor, *, out: Tensor | None = None) -> Tensor:
    """The elements in order along the first dimension."""
    return into(out, sort(input, 0).values, "msort")


@numpy_name("sort")
def _sort(x: Tensor, axis: int = -1) -> Tensor:
    return sort(x, axis).values


def topk(input: Tensor, k: int, dim: int = -1, largest: bool = True, sorted: bool = True, *, out: Any = None) -> Any:
    """The `k` largest (or smallest) elements of each lane, largest (smallest) first, and their indices.

    Args:
        sorted: accepted; the result is always sorted.

    Raises:
        RuntimeError: `k` is not in [0, size of the dimension].
    """
    dim = wrap_dim(dim, input._array.ndim, "topk")
    if input._array.dtype.kind in "bc":
        raise not_implemented("topk", input)
    x = _flat_if_scalar(input)
    if not 0 <= k <= x._array.shape[dim]:
        raise OperatorError(
            f"topk: selected index k out of range: {k} of dimension {dim} of size {x._array.shape[dim]}"
        )
    values, indices = choose(x, _top(x._array, k, dim, largest), dim, True)
    if not input._array.ndim and k:
        values, indices = values.reshape(()), indices.reshape(())
    return into_all(out, results.topk(values, indices), "topk")


def _top(x: Array, k: int, dim: int, largest: bool) -> Array:
    """Indices of the k extremes, in order. A partial sort finds them; only they are sorted."""
    n = x.shape[dim]
    keys = _keyed(x, dim, largest)
    if keys is not None and k > 0:
        if k < n:
            keys.partition(k - 1, -1)
        few = keys[..., :k]
        few.sort(-1)
        return _places_below(few, dim)
    if k == 0 or k == n or n < 64:
        return np.take(_order(x, dim, largest), range(k), axis=dim)
    part = np.argpartition(x, n - k if largest else k - 1, axis=dim)
    few = np.take(part, range(n - k, n) if largest else range(k), axis=dim)
    return np.take_along_axis(few, _order(np.take_along_axis(x, few, dim), dim, largest), dim)


def _smallest(x: Array, place: int, dim: int) -> Array:
    """The index of the element that would stand at this place if the lane were sorted; the dimension keeps size 1."""
    keys = _keyed(x, dim, False)
    if keys is None:
        return np.take(_order(x, dim, False), [place], axis=dim)
    keys.partition(place, -1)
    return _places_below(keys[..., place : place + 1], dim)


def kthvalue(input: Tensor, k: int, dim: int = -1, keepdim: bool = False, *, out: Any = None) -> Any:
    """The k-th smallest element of each lane (counted from 1), and its index."""
    refuse_overlap("kthvalue", out, input)
    ndim = input._array.ndim
    dim = wrap_dim(dim, ndim, "kthvalue")
    size = input._array.shape[dim] if ndim else 1
    if not 1 <= k <= size:
        raise OperatorError(f"kthvalue: kthvalue(): selected number k out of range for dimension {dim}: {k} of {size}")

    def find(x: Array, d: int) -> Array:
        return _smallest(x, k - 1, d)

    return into_all(out, results.kthvalue(*one_per_lane(input, dim, keepdim, find, "kthvalue")), "kthvalue")


# ------------------------------------------------------------------------------------------- median, mode, quantiles


def _first_nan(x: Array, dim: int, index: Array) -> Array:
    """The index of a lane's first NaN where it has one, else the index given."""
    if x.dtype.kind not in "fV":
        return index
    bad = xp.isnan(x)
    if not all_values(bad).any():
        return index
    return np.where(bad.any(axis=dim, keepdims=True), bad.argmax(axis=dim, keepdims=True), index)


def _find_median(x: Array, dim: int) -> Array:
    """torch: of an even number the lower of the two in the middle."""
    return _first_nan(x, dim, _smallest(x, (x.shape[dim] - 1) // 2, dim))


def _find_nanmedian(x: Array, dim: int) -> Array:
    known = (~np.isnan(x)).sum(axis=dim, keepdims=True) if x.dtype.kind in "fV" else x.shape[dim]
    place = np.maximum(known - 1, 0) // 2
    shape = (*x.shape[:dim], 1, *x.shape[dim + 1 :])
    return np.take_along_axis(_order(x, dim, False), np.broadcast_to(place, shape), dim)


class Middle(Operator):
    """The median of all elements. torch: equal ones share the gradient (all NaNs, if it is NaN)."""

    saves = (0, OUT)

    @staticmethod
    def forward(ctx: Any, x: Array, index: Array) -> Array:
        out = x[index[0]]
        ctx.save(x, out)
        return out

    @staticmethod
    def backward(ctx: Any, grad: Array) -> Array:
        x, out = (getattr(a, "_array", a) for a in ctx.saved)
        return shared(grad, (x == out) | ((x != x) & (out != out)), (0,))


def _median(input: Tensor, dim: int | None, keepdim: bool, out: Any, find: Any, kind: Any, name: str) -> Any:
    if input._array.dtype.kind in "bc":
        raise not_implemented(name, input)
    if dim is not None:
        return into_all(out, kind(*one_per_lane(input, dim, keepdim, find, name)), name)
    flat = input.reshape(-1)
    if not flat._array.size:
        empty = np.full((), np.nan if flat._array.dtype.kind in "fV" else np.iinfo(flat._array.dtype).min)
        return wrap(empty.astype(flat._array.dtype))
    return Middle.apply(flat, find(flat._array, 0))


def median(input: Tensor, dim: int | None = None, keepdim: bool = False, *, out: Any = None) -> Any:
    """The middle element (the lower of two), of all or of each lane with its index. NaN if there is one."""
    return _median(input, dim, keepdim, out, _find_median, results.median, "median")


def nanmedian(input: Tensor, dim: int | None = None, keepdim: bool = False, *, out: Any = None) -> Any:
    """The median of what is not NaN."""
    return _median(input, dim, keepdim, out, _find_nanmedian, results.nanmedian, "nanmedian")


def _find_mode(x: Array, dim: int) -> Array:
    """torch: of values that come equally often the smallest, and of its places the last."""
    order = np.moveaxis(_order(x, dim, False), dim, -1)
    lanes = np.take_along_axis(np.moveaxis(x, dim, -1), order, -1)
    place = np.arange(lanes.shape[-1], like=lanes)
    starts = np.ones_like(lanes, bool)
    starts[..., 1:] = (lanes[..., 1:] != lanes[..., :-1]) & ~(
        (lanes[..., 1:] != lanes[..., 1:]) & (lanes[..., :-1] != lanes[..., :-1])
    )
    begin = running(np.maximum, np.where(starts, place, 0), -1)
    length = place - begin
    last = length.argmax(axis=-1)[..., None]
    return np.moveaxis(np.take_along_axis(order, last, -1), -1, dim)


def mode(input: Tensor, dim: int = -1, keepdim: bool = False, *, out: Any = None) -> Any:
    """The most frequent value of each lane (the smallest of several), and the index of its last occurrence."""
    return into_all(out, results.mode(*one_per_lane(input, dim, keepdim, _find_mode, "mode")), "mode")


INTERPOLATIONS = ("linear", "lower", "higher", "midpoint", "nearest")


def _quantile(
    input: Tensor, q: Any, dim: int | None, keepdim: bool, interpolation: str, skip_nan: bool, name: str
) -> Tensor:
    """Sorts, and mixes the two neighbours of the position q * (N - 1)."""
    if input._array.dtype not in (np.float32, np.float64):
        raise OperatorError(f"{name}: {name}() input tensor must be either float or double dtype, got {input.dtype}")
    if interpolation not in INTERPOLATIONS:
        raise OperatorError(
            f"{name}: {name}() interpolation must be one of {', '.join(INTERPOLATIONS)}, but got {interpolation}"
        )
    if not input._array.size:
        raise OperatorError(f"{name}: {name}() input tensor must be non-empty")
    q = q if isinstance(q, TensorBase) else wrap(np.asarray(q, input._array.dtype, like=input._array))
    if q._array.ndim > 1 or q._array.dtype != input._array.dtype:
        raise OperatorError(
            f"{name}: {name}() q must be a scalar or 1D tensor of the input's dtype, got {q.dtype} of shape "
            f"{tuple(q.shape)}"
        )
    if not all_values((q._array >= 0) & (q._array <= 1)).all():
        raise OperatorError(f"{name}: {name}() q values must be in the range [0, 1]")
    x = input.reshape(-1) if dim is None or not input._array.ndim else input
    axis = 0 if dim is None else wrap_dim(dim, input._array.ndim, name)
    lanes = x.movedim(axis, -1)
    ordered = sort(lanes, -1).values
    n = ordered._array.shape[-1]
    bad = np.isnan(lanes._array)
    missing = bad.sum(-1, keepdims=True)
    count = n - (missing if skip_nan else 0 * missing)
    position = q.reshape(-1) * wrap(np.maximum(count - 1, 0).astype(input._array.dtype))  # (..., Q)
    if not skip_nan:
        position = position.masked_fill(wrap(bad.any(-1, keepdims=True)), n - 1)
    mixed = _between(ordered, position, interpolation).movedim(-1, 0)
    shape = (
        [1] * input._array.ndim if dim is None else [1 if i == axis else m for i, m in enumerate(input._array.shape)]
    )
    kept = shape if keepdim else [] if dim is None else [m for i, m in enumerate(input._array.shape) if i != axis]
    return mixed.reshape((*([q._array.size] if q._array.ndim else []), *kept))


def _between(ordered: Tensor, position: Tensor, interpolation: str) -> Any:
    """The elements at fractional positions. One element may be chosen for several, so gradients add up (`Running`)."""
    place, last = position._array, ordered._array.ndim - 1
    place = np.rint(place) if interpolation == "nearest" else place
    low = (np.ceil if interpolation == "higher" else np.floor)(place).astype(np.int64)
    below = Running.apply(ordered, low, last)
    if interpolation not in ("linear", "midpoint"):
        return below
    above = Running.apply(ordered, np.ceil(place).astype(np.int64), last)
    weight = position - wrap(low.astype(place.dtype)) if interpolation == "linear" else wrap(np.full_like(place, 0.5))
    return below.lerp(above, weight)


def quantile(
    input: Tensor,
    q: Any,
    dim: int | None = None,
    keepdim: bool = False,
    *,
    interpolation: str = "linear",
    out: Tensor | None = None,
) -> Tensor:
    """The q-quantiles of all elements or of each lane, `q` (a number or a 1-d tensor) in [0, 1].

    Args:
        interpolation: "linear", "lower", "higher", "midpoint" or "nearest", between the two neighbours.
    """
    return into(out, _quantile(input, q, dim, keepdim, interpolation, False, "quantile"), "quantile")


def nanquantile(
    input: Tensor,
    q: Any,
    dim: int | None = None,
    keepdim: bool = False,
    *,
    interpolation: str = "linear",
    out: Tensor | None = None,
) -> Tensor:
    """`quantile` of what is not NaN."""
    return into(out, _quantile(input, q, dim, keepdim, interpolation, True, "nanquantile"), "nanquantile")


# ----------------------------------------------------------------------------------------------------- distinct values


def unique(
    input: Tensor,
    sorted: bool = True,
    return_inverse: bool = False,
    return_counts: bool = False,
    dim: int | None = None,
) -> Any:
    """The distinct elements in order (or, with `dim`, the distinct slices).

    Args:
        sorted: accepted; the result is always sorted.
        return_inverse: also where each element of the input is in the result.
        return_counts: also how often each comes.
    """
    axis = None if dim is None else wrap_dim(dim, input._array.ndim, "unique")
    if not return_inverse and not return_counts:
        return wrap(np.unique(input._array, axis=axis, equal_nan=False))
    found = np.unique(input._array, return_inverse=True, return_counts=True, axis=axis, equal_nan=False)
    shape = input._array.shape if axis is None else (-1,)
    return _with_extras(found[0], found[1].reshape(shape), found[2], return_inverse, return_counts)


def _with_extras(values: Array, inverse: Array, counts: Array, return_inverse: bool, return_counts: bool) -> Any:
    extras = [wrap(a.astype(np.int64)) for a, wanted in ((inverse, return_inverse), (counts, return_counts)) if wanted]
    return (wrap(values), *extras) if extras else wrap(values)


def unique_consecutive(
    input: Tensor, return_inverse: bool = False, return_counts: bool = False, dim: int | None = None
) -> Any:
    """The input without elements (or slices of `dim`) that equal the one before."""
    axis = None if dim is None else wrap_dim(dim, input._array.ndim, "unique_consecutive")
    x = input._array.reshape(-1) if axis is None else np.moveaxis(input._array, axis, 0)
    flat = x.reshape((x.shape[0], product(x.shape[1:])))
    new = np.ones_like(x, bool, shape=x.shape[0])
    new[1:] = (flat[1:] != flat[:-1]).any(axis=1)
    inverse = np.cumsum(new) - 1
    counts = np.diff(np.append(np.flatnonzero(new), x.shape[0]))
    values = x[new] if axis is None else np.copy(np.moveaxis(x[new], 0, axis), order="C")
    shape = input._array.shape if axis is None else (-1,)
    return _with_extras(values, inverse.reshape(shape), counts, return_inverse, return_counts)


def isin(elements: Any, test_elements: Any, *, assume_unique: bool = False, invert: bool = False) -> Tensor:
    """Whether each of `elements` is one of `test_elements`."""
    a, b = (x._array if isinstance(x, TensorBase) else np.asarray(x) for x in (elements, test_elements))
    return wrap(np.isin(a, b, assume_unique=assume_unique, invert=invert))


# ------------------------------------------------------------------------------------------------------ places in order


def searchsorted(
    sorted_sequence: Tensor,
    input: Any,
    *,
    out_int32: bool = False,
    right: bool = False,
    side: str | None = None,
    out: Tensor | None = None,
    sorter: Tensor | None = None,
) -> Tensor:
    """Where each value would go in a sorted sequence (..., N) to keep it sorted: before equal elements, or after them
    with `right=True` (`side="right"`).

    Args:
        sorter: indices that sort the sequence.

    Raises:
        RuntimeError: leading dimensions differ, or `side` and `right` contradict each other.
    """
    if side is not None and side not in ("left", "right"):
        raise OperatorError(f"searchsorted: torch.searchsorted(): side can only be 'left' or 'right' but got {side}")
    if side == "left" and right:
        raise OperatorError(
            "searchsorted: torch.searchsorted(): side and right can't be set to opposites, got side of left while "
            "right was True"
        )
    if not isinstance(sorted_sequence, TensorBase):
        raise not_a_tensor(sorted_sequence, "searchsorted", "sorted_sequence")
    values = input if isinstance(input, TensorBase) else wrap(np.asarray(input))
    lanes = sorted_sequence._array
    if sorter is not None:
        if sorter._array.shape != lanes.shape:
            raise ShapeError(
                "searchsorted: torch.searchsorted(): boundary and sorter must have the same size, but got boundary "
                f"tensor {list(lanes.shape)} and got sorter tensor {list(sorter.shape)}"
            )
        if sorter._array.dtype != np.int64:
            raise OperatorError(
                "searchsorted: torch.searchsorted(): sorter must be a tensor of long dtype but got dtype "
                f"{sorter.dtype}"
            )
        lanes = np.take_along_axis(lanes, sorter._array, -1)
    if lanes.ndim == 0:
        raise ShapeError(
            "searchsorted: torch.searchsorted(): input value tensor needs a sequence of at least 1 dimension"
        )
    if lanes.ndim > 1 and lanes.shape[:-1] != values._array.shape[:-1]:
        raise ShapeError(
            "searchsorted: torch.searchsorted(): boundaries tensor should be 1 dimension or the first N-1 "
            "dimensions of boundaries tensor and input value tensor must match, but got boundaries tensor "
            f"{list(lanes.shape)} and input value tensor {list(values.shape)}"  # type: ignore[union-attr]
        )
    where = "right" if right or side == "right" else "left"
    kind = np.int32 if out_int32 else np.int64
    return into(out, wrap(_places(lanes, values._array, where).astype(kind)), "searchsorted")


def _places(lanes: Array, values: Array, where: Any) -> Array:
    if lanes.ndim == 1:
        return np.searchsorted(lanes, values, side=where)
    count = product(lanes.shape[:-1])
    rows = zip(lanes.reshape((count, lanes.shape[-1])), values.reshape((count, values.shape[-1])))
    found = [np.searchsorted(row, value, side=where) for row, value in rows]
    return np.stack(found).reshape(values.shape) if found else np.zeros_like(values, np.int64)


def bucketize(
    input: Any, boundaries: Tensor, *, out_int32: bool = False, right: bool = False, out: Tensor | None = None
) -> Tensor:
    """The bucket of each value among 1-d boundaries: how many lie below it (or not above it, with `right=True`)."""
    if boundaries._array.ndim != 1:
        raise ShapeError(f"bucketize: boundaries tensor must be 1 dimension, but got dim({boundaries.ndim})")
    return searchsorted(boundaries, input, out_int32=out_int32, right=right, out=out)


@kernel
def one_hot_rows(index: Array, count: int) -> Array:
    """index (*) below count -> (*, count), 1 at each index and 0 elsewhere."""
    return (index[..., None] == np.arange(count, like=index)).astype(np.int64)


def one_hot(tensor: Tensor, num_classes: int = -1) -> Tensor:
    """Each class index as a row (..., C) of zeros with a one at that place; C is the largest index + 1 if not given.

    Raises:
        RuntimeError: not int64, or an index outside [0, num_classes).

    Example:
        >>> rushlight.nn.functional.one_hot(rushlight.tensor([0, 2]))
        tensor([[1, 0, 0],
                [0, 0, 1]])
    """
    array = tensor._array
    if array.dtype != np.int64:
        raise OperatorError(
            f"one_hot: one_hot is only applicable to index tensor of type LongTensor, got {tensor.dtype}"
        )
    if not array.size and num_classes <= 0:
        raise OperatorError("one_hot: Can not infer total number of classes from empty tensor.")
    every = all_values(array)
    if array.size and every.min() < 0:
        raise OperatorError(f"one_hot: Class values must be non-negative, got {int(every.min())}")
    count = num_classes if num_classes != -1 else int(array.max()) + 1
    if num_classes != -1 and num_classes < 1:
        raise OperatorError(f"one_hot: num_classes should be positive, got {num_classes}")
    if array.size and every.max() >= count:
        raise OperatorError(
            f"one_hot: Class values must be smaller than num_classes, got {int(every.max())} for {count} classes"
        )
    return wrap(one_hot_rows(array, count))
