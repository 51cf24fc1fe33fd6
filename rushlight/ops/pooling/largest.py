"""The largest value of each window, and where it was."""

from __future__ import annotations

from math import prod
from typing import TYPE_CHECKING, Any

import numpy as np

from ... import dtypes
from ...autograd.tape import Operator
from ...kernels import kernel, xp
from ..window import Sizes, stops, taps, widen
from .places import ScatterAdd, bare
from .windows import ALL, batched, overhang, plan, pooled_size

if TYPE_CHECKING:
    from ...tensor import Tensor

Array = Any


def lowest(kind: Any) -> Any:
    """What every value of a dtype is larger than or equal to."""
    return -float("inf") if kind.kind in "fV" else dtypes.iinfo(dtypes.as_dtype(kind)).min


def _outer_sum(parts: list[Any]) -> Any:
    """Adds up one vector for each dimension, over the grid they span."""
    total = 0
    for i, part in enumerate(parts):
        total = total + part.reshape((-1, *(1,) * (len(parts) - 1 - i)))
    return total


@kernel
def max_pool_forward(
    x: Array, kernel_size: Sizes, stride: Sizes, padding: Sizes, dilation: Sizes, ceil_mode: bool
) -> tuple[Array, Array]:
    """x (N, C, *S) -> y (N, C, *S'), and indices of that shape, int32: the winners' positions in their flattened plane.

    The first of equal values wins. torch: NaN wins, the last one of several.
    """
    spatial = x.shape[2:]
    out = pooled_size(spatial, kernel_size, stride, padding, dilation, ceil_mode)
    wide = widen(x, padding, overhang(spatial, kernel_size, stride, padding, dilation, out), lowest(x.dtype))
    steps = [prod(spatial[i + 1 :]) for i in range(len(spatial))]  # elements from one position to the next
    starts = [xp.arange(n, like=x) * s - p for n, s, p in zip(out, stride, padding)]
    first = [xp.where(a < 0, a % d, a) for a, d in zip(starts, dilation)]  # the first tap inside the input
    best = xp.full_like(x, lowest(x.dtype), shape=(*x.shape[:2], *out))
    indices = xp.zeros_like(x, dtype=np.int32, shape=best.shape) + _outer_sum(
        [a * step for a, step in zip(first, steps)]
    ).astype(np.int32)
    for tap in taps(kernel_size):
        seen = wide[(*ALL, *stops(tap, stride, dilation, out))]
        wins = (seen > best) | (seen != seen)
        position = _outer_sum([(a + t * d) * step for a, t, d, step in zip(starts, tap, dilation, steps)])
        best = xp.where(wins, seen, best)
        indices = xp.where(wins, position.astype(np.int32), indices)
    return best, indices


class MaxPool(Operator):
    saves = ()
    curved = True

    @staticmethod
    def forward(ctx: Any, x: Array, *window: Any) -> Array:
        y, indices = max_pool_forward(x, *window)
        ctx.shape = x.shape
        ctx.save(indices)
        return y

    @staticmethod
    def backward(ctx: Any, grad: Array, dindices: None = None) -> Array:
        return ScatterAdd.derive(grad, bare(ctx.saved[0]), ctx.shape)


class MaxPoolWithIndices(MaxPool):
    @staticmethod
    def forward(ctx: Any, x: Array, *window: Any) -> Any:
        y = MaxPool.forward(ctx, x, *window)
        return y, ctx.saved[0].astype(np.int64)


def _max_pool(
    name: str,
    n: int,
    input: Tensor,
    kernel_size: Any,
    stride: Any,
    padding: Any,
    dilation: Any,
    ceil_mode: bool,
    return_indices: bool,
) -> Any:
    window = plan(name, n, input._array.shape, kernel_size, stride, padding, dilation, ceil_mode)
    operator = MaxPoolWithIndices if return_indices else MaxPool
    return batched(operator, n, input, *window, ceil_mode)


def max_pool1d(
    input: Tensor,
    kernel_size: Any,
    stride: Any = None,
    padding: Any = 0,
    dilation: Any = 1,
    ceil_mode: bool = False,
    return_indices: bool = False,
) -> Any:
    """The largest value of each window of a (N, C, L) or (C, L) sequence; see `max_pool2d`."""
    return _max_pool("max_pool1d", 1, input, kernel_size, stride, padding, dilation, ceil_mode, return_indices)


def max_pool2d(
    input: Tensor,
    kernel_size: Any,
    stride: Any = None,
    padding: Any = 0,
    dilation: Any = 1,
    ceil_mode: bool = False,
    return_indices: bool = False,
) -> Any:
    """The largest value of each window.

    Args:
        input: (N, C, H, W) or (C, H, W).
        kernel_size, stride, padding, dilation: an int, or one for each dimension; stride is kernel_size by default, and
            padding (by minus infinity) at most half the window.
        ceil_mode: keep a last window that hangs over the end.
        return_indices: also return where in its flattened plane each value came from, for `max_unpool2d`.

    Returns:
        (N, C, H', W'), H' = (H + 2 * padding - dilation * (kernel_size - 1) - 1) / stride + 1, rounded down (or up).

    Raises:
        RuntimeError: sizes do not fit.

    Example:
        >>> x = rushlight.arange(16.).reshape(1, 1, 4, 4)
        >>> rushlight.nn.functional.max_pool2d(x, 2)
        tensor([[[[ 5.,  7.],
                  [13., 15.]]]])
    """
    return _max_pool("max_pool2d", 2, input, kernel_size, stride, padding, dilation, ceil_mode, return_indices)


def max_pool3d(
    input: Tensor,
    kernel_size: Any,
    stride: Any = None,
    padding: Any = 0,
    dilation: Any = 1,
    ceil_mode: bool = False,
    return_indices: bool = False,
) -> Any:
    """The largest value of each window of a (N, C, D, H, W) or (C, D, H, W) volume; see `max_pool2d`."""
    return _max_pool("max_pool3d", 3, input, kernel_size, stride, padding, dilation, ceil_mode, return_indices)


def max_pool1d_with_indices(
    input: Tensor,
    kernel_size: Any,
    stride: Any = None,
    padding: Any = 0,
    dilation: Any = 1,
    ceil_mode: bool = False,
    return_indices: bool = True,
) -> Any:
    """`max_pool1d` that always returns (values, indices)."""
    return max_pool1d(input, kernel_size, stride, padding, dilation, ceil_mode, True)


def max_pool2d_with_indices(
    input: Tensor,
    kernel_size: Any,
    stride: Any = None,
    padding: Any = 0,
    dilation: Any = 1,
    ceil_mode: bool = False,
    return_indices: bool = True,
) -> Any:
    """`max_pool2d` that always returns (values, indices)."""
    return max_pool2d(input, kernel_size, stride, padding, dilation, ceil_mode, True)


def max_pool3d_with_indices(
    input: Tensor,
    kernel_size: Any,
    stride: Any = None,
    padding: Any = 0,
    dilation: Any = 1,
    ceil_mode: bool = False,
    return_indices: bool = True,
) -> Any:
    """`max_pool3d` that always returns (values, indices)."""
    return max_pool3d(input, kernel_size, stride, padding, dilation, ceil_mode, True)
