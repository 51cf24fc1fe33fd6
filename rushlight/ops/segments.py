"""Reductions of the consecutive segments of a dimension: `segment_reduce`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from ..autograd.tape import wrap
from ..errors import OperatorError, UnsupportedError
from .dims import wrap_dim
from .promotion import not_implemented
from .scatter import scatter_reduce

if TYPE_CHECKING:
    from ..tensor import Tensor

_NAMES = {"sum": "sum", "mean": "mean", "max": "amax", "min": "amin", "prod": "prod"}
_EMPTY = {"sum": 0.0, "mean": np.nan, "max": -np.inf, "min": np.inf, "prod": 1.0}


def segment_reduce(
    data: Tensor,
    reduce: str,
    *,
    lengths: Tensor | None = None,
    indices: Tensor | None = None,
    offsets: Tensor | None = None,
    axis: int = 0,
    unsafe: bool = False,
    initial: float | None = None,
) -> Tensor:
    """Sums, means, products or extremes of the segments into which a dimension is cut.

    Args:
        data: (*batch, N, *rest), floating; `axis` is the number of batch dimensions.
        reduce: "sum", "mean", "max", "min" or "prod".
        lengths: of the S segments, (*batch, S), of sum N; or `offsets`, (*batch, S + 1), where they begin and end.
        unsafe: the sums are not checked.
        initial: what a reduction starts from; None is its neutral value, NaN for the mean of an empty segment.

    Returns:
        (*batch, S, *rest).

    Example:
        >>> rushlight.segment_reduce(rushlight.tensor([1., 2., 3.]), "sum", lengths=rushlight.tensor([2, 1]))
        tensor([3., 3.])
    """
    if reduce not in _NAMES:
        raise OperatorError(
            f"segment_reduce: reduce argument must be either sum, prod, mean, amax or amin, got {reduce}"
        )
    if data._array.dtype.kind in "iub":
        raise not_implemented("segment_reduce", data)
    if indices is not None:
        raise UnsupportedError("segment_reduce: indices are not supported, nor are they in PyTorch; pass lengths")
    axis = wrap_dim(axis, data.ndim, "segment_reduce")
    sizes = _sizes(lengths, offsets)
    shape = data.shape
    if not unsafe and ((sizes.sum(-1) != shape[axis]).any() or (sizes < 0).any()):
        raise OperatorError(
            "segment_reduce: Expected all rows of lengths along axis to sum to data.size(lengths.dim()-1) when !unsafe."
        )
    place = _places(sizes, shape[axis])
    at = np.broadcast_to(place.reshape(*place.shape, *(1,) * (data.ndim - axis - 1)), shape)
    empty = _EMPTY[reduce] if initial is None else initial
    start = data.new_full((*shape[:axis], sizes.shape[-1] + 1, *shape[axis + 1 :]), empty)
    keep = initial is not None and reduce != "mean"
    found = scatter_reduce(start, axis, wrap(np.ascontiguousarray(at)), data, _NAMES[reduce], include_self=keep)
    return found.narrow(axis, 0, sizes.shape[-1])


def _sizes(lengths: Tensor | None, offsets: Tensor | None) -> Any:
    if lengths is None and offsets is None:
        raise OperatorError("segment_reduce: Either lengths or offsets must be defined.")
    return np.diff(offsets._array, axis=-1) if offsets is not None else lengths._array  # type: ignore[union-attr]


def _places(sizes: Any, count: int) -> Any:
    """(*batch, S) lengths -> (*batch, count) numbers of segments; what no segment holds goes to a spare one."""
    ends = np.cumsum(sizes, axis=-1)
    return (np.arange(count) >= ends[..., None]).sum(axis=-2)
