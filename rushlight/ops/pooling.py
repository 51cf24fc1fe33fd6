"""Pooling: the largest, the mean or a norm of each window, over 1, 2 or 3 spatial dimensions, and its inverses.

Every operator here is linear once the winners of the windows are known, so each backward is itself an operator whose
backward is the forward map again: gather and scatter, average and spread.
"""

from __future__ import annotations

from math import prod
from typing import TYPE_CHECKING, Any

import numpy as np

from .. import dtypes
from ..autograd.tape import Operator
from ..errors import ArgumentError, OperatorError, ShapeError
from ..kernels import kernel, xp
from .promotion import in_float32
from .window import Sizes, reach, remembered, spread, stops, taps, widen

if TYPE_CHECKING:
    from ..tensor import Tensor

Array = Any
_ALL = (slice(None), slice(None))  # batch and channels


# ---------------------------------------------------------------------------------------------------- where windows go


def pooled_size(
    spatial: Sizes, kernel_size: Sizes, stride: Sizes, padding: Sizes, dilation: Sizes, ceil_mode: bool
) -> Sizes:
    """How many windows fit in each dimension. torch: with `ceil_mode` a last, partial window is kept only if it starts
    inside the input or its left padding."""
    out = []
    for n, s, p, r in zip(spatial, stride, padding, reach(kernel_size, dilation)):
        free = n + 2 * p - r
        count = (-(-free // s) if ceil_mode else free // s) + 1
        if ceil_mode and (count - 1) * s >= n + p:
            count -= 1
        out.append(count)
    return tuple(out)


def _tail(spatial: Sizes, kernel_size: Sizes, stride: Sizes, padding: Sizes, dilation: Sizes, out: Sizes) -> Sizes:
    """How far the last windows reach beyond the end of the input."""
    last = zip(out, stride, reach(kernel_size, dilation), padding, spatial)
    return tuple(max((o - 1) * s + r - p - n, 0) for o, s, r, p, n in last)


def _lowest(kind: Any) -> Any:
    """What every value of a dtype is larger than or equal to."""
    return -float("inf") if kind.kind in "fV" else dtypes.iinfo(dtypes.of(np.empty(0, kind))).min


def _outer_sum(parts: list[Any]) -> Any:
    """Adds up one vector for each dimension, over the grid they span."""
    total = 0
    for i, part in enumerate(parts):
        total = total + part.reshape((-1, *(1,) * (len(parts) - 1 - i)))
    return total


# ----------------------------------------------------------------------------------------------------------- largest


@kernel
def max_pool_forward(
    x: Array, kernel_size: Sizes, stride: Sizes, padding: Sizes, dilation: Sizes, ceil_mode: bool
) -> tuple[Array, Array]:
    """x (N, C, *S) -> y (N, C, *S'), and indices of that shape, int32: the winners' positions in their flattened plane.

    The first of equal values wins. torch: NaN wins, the last one of several.
    """
    spatial = x.shape[2:]
    out = pooled_size(spatial, kernel_size, stride, padding, dilation, ceil_mode)
    wide = widen(x, padding, _tail(spatial, kernel_size, stride, padding, dilation, out), _lowest(x.dtype))
    steps = [prod(spatial[i + 1 :]) for i in range(len(spatial))]  # elements from one position to the next
    starts = [np.arange(n) * s - p for n, s, p in zip(out, stride, padding)]
    first = [np.where(a < 0, a % d, a) for a, d in zip(starts, dilation)]  # the first tap inside the input
    best = xp.full_like(x, _lowest(x.dtype), shape=(*x.shape[:2], *out))
    indices = xp.zeros_like(x, dtype=np.int32, shape=best.shape) + _outer_sum(
        [a * step for a, step in zip(first, steps)]
    ).astype(np.int32)
    for tap in taps(kernel_size):
        seen = wide[(*_ALL, *stops(tap, stride, dilation, out))]
        wins = (seen > best) | (seen != seen)
        position = _outer_sum([(a + t * d) * step for a, t, d, step in zip(starts, tap, dilation, steps)])
        best = xp.where(wins, seen, best)
        indices = xp.where(wins, position.astype(np.int32), indices)
    return best, indices


def _flat(x: Array, spatial: int) -> Array:
    """(N, C, *S) -> (N * C, prod(S))."""
    return x.reshape((x.shape[0] * x.shape[1], spatial))


@kernel
def max_pool_backward(grad: Array, indices: Array, input_shape: Sizes) -> Array:
    """grad (N, C, *S'), indices of `max_pool_forward` -> dx (N, C, *S): adds each gradient where it came from."""
    planes, size = input_shape[0] * input_shape[1], prod(input_shape[2:])
    dx = xp.zeros_like(grad, shape=(planes, size))
    xp.add.at(dx, (np.arange(planes)[:, None], _flat(indices, prod(grad.shape[2:]))), _flat(grad, prod(grad.shape[2:])))
    return dx.reshape(input_shape)


def gather_planes(x: Array, indices: Array) -> Array:
    """x (N, C, *S) at indices (N, C, *S') into its flattened planes -> (N, C, *S')."""
    flat = _flat(indices, prod(indices.shape[2:]))
    return _flat(x, prod(x.shape[2:]))[np.arange(flat.shape[0])[:, None], flat].reshape(indices.shape)


class Gather(Operator):
    saves = ()

    @staticmethod
    def forward(ctx: Any, x: Array, indices: Array) -> Array:
        ctx.shape = x.shape
        ctx.save(indices)
        return gather_planes(x, indices)

    @staticmethod
    def backward(ctx: Any, grad: Array) -> Array:
        return ScatterAdd.derive(grad, _bare(ctx.saved[0]), ctx.shape)


class ScatterAdd(Operator):
    saves = ()

    @staticmethod
    def forward(ctx: Any, grad: Array, indices: Array, shape: Sizes) -> Array:
        ctx.save(indices)
        return max_pool_backward(grad, indices, shape)

    @staticmethod
    def backward(ctx: Any, grad: Array) -> Array:
        return Gather.derive(grad, _bare(ctx.saved[0]))


def _bare(x: Array) -> Array:
    """Saved indices, which a recorded backward sees as a Tensor, as an array."""
    return getattr(x, "_array", x)


class MaxPool(Operator):
    saves = ()

    @staticmethod
    def forward(ctx: Any, x: Array, *window: Any) -> Array:
        y, indices = max_pool_forward(x, *window)
        ctx.shape = x.shape
        ctx.save(indices)
        return y

    @staticmethod
    def backward(ctx: Any, grad: Array, dindices: None = None) -> Array:
        return ScatterAdd.derive(grad, _bare(ctx.saved[0]), ctx.shape)


class MaxPoolWithIndices(MaxPool):
    @staticmethod
    def forward(ctx: Any, x: Array, *window: Any) -> Any:
        y = MaxPool.forward(ctx, x, *window)
        return y, ctx.saved[0].astype(np.int64)


def _check_input(name: str, shape: Sizes, n: int) -> None:
    if len(shape) not in (n + 1, n + 2):
        raise ShapeError(f"{name}: Expected {n + 1}D or {n + 2}D (batch mode) tensor for input, but got: {list(shape)}")
    if 0 in shape[-n - 1 :]:
        raise ShapeError(
            f"{name}: Expected {n + 1}D or {n + 2}D (batch mode) tensor with non-zero dims except for the batch, but "
            f"got: {list(shape)}"
        )


Window = tuple[Sizes, Sizes, Sizes, Sizes]  # kernel_size, stride, padding, dilation


@remembered
def _plan(
    name: str, n: int, shape: Sizes, kernel_size: Any, stride: Any, padding: Any, dilation: Any, ceil_mode: bool
) -> Window:
    """The window in numbers, after checking that it fits the input."""
    _check_input(name, shape, n)
    kernel_size, padding, dilation = (
        spread(kernel_size, n, name, "kernel_size"),
        spread(padding, n, name, "padding"),
        spread(dilation, n, name, "dilation"),
    )
    stride = kernel_size if stride is None or stride == () else spread(stride, n, name, "stride")
    for what, values in (("kernel size", kernel_size), ("stride", stride), ("dilation", dilation)):
        if min(values) <= 0:
            raise OperatorError(f"{name}: {what} should be greater than zero, but got {values}")
    if min(padding) < 0:
        raise OperatorError(f"{name}: pad must be non-negative, but got {padding}")
    if any(2 * p > r for p, r in zip(padding, reach(kernel_size, dilation))):
        raise OperatorError(
            f"{name}: pad should be at most half of effective kernel size, but got pad={padding}, "
            f"kernel_size={kernel_size} and dilation={dilation}"
        )
    out = pooled_size(shape[-n:], kernel_size, stride, padding, dilation, ceil_mode)
    if min(out) <= 0:
        raise ShapeError(
            f"{name}: Given input size per channel {shape[-n:]} and kernel size {kernel_size}, calculated output size "
            f"{out} is too small"
        )
    return kernel_size, stride, padding, dilation


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
    window = _plan(name, n, input._array.shape, kernel_size, stride, padding, dilation, ceil_mode)
    operator = MaxPoolWithIndices if return_indices else MaxPool
    return _batched(operator, n, input, *window, ceil_mode)


def _batched(operator: type[Operator], n: int, input: Tensor, *args: Any) -> Any:
    """An operator for (N, C, *S) applied to input that may lack the batch."""
    if input._array.ndim == n + 2:
        return operator.apply(input, *args)
    result = operator.apply(input.unsqueeze(0), *args)
    return tuple(t.squeeze(0) for t in result) if isinstance(result, tuple) else result.squeeze(0)


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


# ------------------------------------------------------------------------------------------------------ max_unpool


class MaxUnpool(Operator):
    saves = ()

    @staticmethod
    def forward(ctx: Any, x: Array, indices: Array, spatial: Sizes) -> Array:
        ctx.save(indices)
        planes = x.shape[0] * x.shape[1]
        y = xp.zeros_like(x, shape=(planes, prod(spatial)))
        y[np.arange(planes)[:, None], _flat(indices, prod(indices.shape[2:]))] = _flat(x, prod(x.shape[2:]))
        return y.reshape((*x.shape[:2], *spatial))

    @staticmethod
    def backward(ctx: Any, grad: Array) -> Array:
        return Gather.derive(grad, _bare(ctx.saved[0]))


def _unpooled_size(
    name: str, spatial: Sizes, kernel_size: Sizes, stride: Sizes, padding: Sizes, output_size: Any
) -> Sizes:
    natural = tuple((s - 1) * st + k - 2 * p for s, st, k, p in zip(spatial, stride, kernel_size, padding))
    if output_size is None:
        return natural
    wanted = tuple(output_size)[-len(natural) :]
    if len(tuple(output_size)) not in (len(natural), len(natural) + 2):
        raise ArgumentError(
            f"{name}: output_size {tuple(output_size)} should have {len(natural)} or {len(natural) + 2} elements"
        )
    if any(not d - st < w < d + st for w, d, st in zip(wanted, natural, stride)):
        raise ArgumentError(
            f"{name}: invalid output_size {wanted}: each size must lie within a stride {stride} of {natural}"
        )
    return wanted


def _max_unpool(
    name: str, n: int, input: Tensor, indices: Tensor, kernel_size: Any, stride: Any, padding: Any, output_size: Any
) -> Tensor:
    kernel_size, padding = spread(kernel_size, n, name, "kernel_size"), spread(padding, n, name, "padding")
    stride = kernel_size if stride is None else spread(stride, n, name, "stride")
    if indices._array.dtype != np.int64:
        raise OperatorError(f"{name}: elements in indices should be type int64 but got: {indices.dtype}")
    if input.ndim not in (n + 1, n + 2):
        raise ShapeError(f"{name}: input {tuple(input.shape)} should be a {n + 1}d or {n + 2}d tensor")
    if input.shape != indices.shape:
        raise ShapeError(
            f"{name}: Expected shape of indices to be same as that of the input tensor ({tuple(input.shape)}) but got "
            f"indices tensor with shape: {tuple(indices.shape)}"
        )
    if n == 3 and min(stride) <= 0:
        raise OperatorError(f"{name}: strides should be greater than zero, but got stride: {stride}")
    spatial = _unpooled_size(name, tuple(input.shape[-n:]), kernel_size, stride, padding, output_size)
    if 0 in input.shape[-n - 1 :]:
        raise ShapeError(
            f"{name}: Expected input to have non-zero size for non-batch dimensions, but got {tuple(input.shape)}"
        )
    where = indices._array
    if where.size and (where.min() < 0 or where.max() >= prod(spatial)):
        raise OperatorError(
            f"{name}: Found an invalid max index: {where.max()} (output volumes are of size "
            f"{'x'.join(map(str, spatial))})"
        )
    if input.ndim == n + 2:
        return MaxUnpool.apply(input, where, spatial)
    return MaxUnpool.apply(input.unsqueeze(0), where[None], spatial).squeeze(0)


def max_unpool1d(
    input: Tensor, indices: Tensor, kernel_size: Any, stride: Any = None, padding: Any = 0, output_size: Any = None
) -> Tensor:
    """Puts each value back where `max_pool1d` found it; see `max_unpool2d`."""
    return _max_unpool("max_unpool1d", 1, input, indices, kernel_size, stride, padding, output_size)


def max_unpool2d(
    input: Tensor, indices: Tensor, kernel_size: Any, stride: Any = None, padding: Any = 0, output_size: Any = None
) -> Tensor:
    """Puts each value back where `max_pool2d(..., return_indices=True)` found it; zeros elsewhere.

    Args:
        input: (N, C, H, W) or (C, H, W). indices: int64, of the same shape.
        kernel_size, stride, padding: those of the pooling.
        output_size: which of the sizes that pool to (H, W) to make.

    Raises:
        RuntimeError: shapes differ, or an index lies outside the output. ValueError: an impossible output_size.
    """
    return _max_unpool("max_unpool2d", 2, input, indices, kernel_size, stride, padding, output_size)


def max_unpool3d(
    input: Tensor, indices: Tensor, kernel_size: Any, stride: Any = None, padding: Any = 0, output_size: Any = None
) -> Tensor:
    """Puts each value back where `max_pool3d` found it; see `max_unpool2d`."""
    return _max_unpool("max_unpool3d", 3, input, indices, kernel_size, stride, padding, output_size)


# -------------------------------------------------------------------------------------------------------------- mean


def _divisor(
    spatial: Sizes,
    kernel_size: Sizes,
    stride: Sizes,
    padding: Sizes,
    out: Sizes,
    count_include_pad: bool,
    override: int | None,
) -> Any:
    """By what the sum of each window is divided: a number, or one for each window, (*S').

    torch: padding counts if `count_include_pad`, but what `ceil_mode` adds beyond it never does.
    """
    if override is not None:
        return override
    counts: Any = 1
    for i, (n, k, s, p, o) in enumerate(zip(spatial, kernel_size, stride, padding, out)):
        start = np.arange(o) * s - p
        end = np.minimum(start + k, n + p)
        if not count_include_pad:
            start, end = np.maximum(start, 0), np.minimum(end, n)
        counts = counts * (end - start).reshape((-1, *(1,) * (len(out) - 1 - i)))
    return counts


_ones = (1, 1, 1)


@kernel
@in_float32
def avg_pool_forward(
    x: Array,
    kernel_size: Sizes,
    stride: Sizes,
    padding: Sizes,
    ceil_mode: bool,
    count_include_pad: bool,
    divisor_override: int | None,
) -> Array:
    """x (N, C, *S) -> y (N, C, *S'), the mean of each window."""
    spatial, ones = x.shape[2:], _ones[: x.ndim - 2]
    out = pooled_size(spatial, kernel_size, stride, padding, ones, ceil_mode)
    wide, total = widen(x, padding, _tail(spatial, kernel_size, stride, padding, ones, out)), 0
    for tap in taps(kernel_size):
        total = total + wide[(*_ALL, *stops(tap, stride, ones, out))]
    return _divide(total, _divisor(spatial, kernel_size, stride, padding, out, count_include_pad, divisor_override))


def _divide(total: Array, divisor: Any) -> Array:
    """`total / divisor` in the dtype of `total`; integers round towards zero, as in PyTorch."""
    if total.dtype.kind in "iu":
        return xp.trunc(total / divisor).astype(total.dtype)
    return total / (divisor if isinstance(divisor, int) else divisor.astype(total.dtype))


@kernel
@in_float32
def avg_pool_backward(
    grad: Array,
    input_shape: Sizes,
    kernel_size: Sizes,
    stride: Sizes,
    padding: Sizes,
    ceil_mode: bool,
    count_include_pad: bool,
    divisor_override: int | None,
) -> Array:
    """grad (N, C, *S') -> dx (N, C, *S): every element of a window gets an equal share."""
    spatial, out, ones = input_shape[2:], grad.shape[2:], _ones[: grad.ndim - 2]
    share = _divide(grad, _divisor(spatial, kernel_size, stride, padding, out, count_include_pad, divisor_override))
    tail = _tail(spatial, kernel_size, stride, padding, ones, out)
    wide = xp.zeros_like(grad, shape=(*input_shape[:2], *(p + n + t for n, p, t in zip(spatial, padding, tail))))
    for tap in taps(kernel_size):
        wide[(*_ALL, *stops(tap, stride, ones, out))] += share
    return wide[(*_ALL, *(slice(p, p + n) for n, p in zip(spatial, padding)))]


class AvgPool(Operator):
    @staticmethod
    def forward(ctx: Any, x: Array, *window: Any) -> Array:
        ctx.shape, ctx.window = x.shape, window
        return avg_pool_forward(x, *window)

    @staticmethod
    def backward(ctx: Any, grad: Array) -> Array:
        return AvgSpread.derive(grad, ctx.shape, *ctx.window)


class AvgSpread(Operator):
    @staticmethod
    def forward(ctx: Any, grad: Array, shape: Sizes, *window: Any) -> Array:
        ctx.window = window
        return avg_pool_backward(grad, shape, *window)

    @staticmethod
    def backward(ctx: Any, grad: Array) -> Array:
        return AvgPool.derive(grad, *ctx.window)


def _avg_pool(
    name: str,
    n: int,
    input: Tensor,
    kernel_size: Any,
    stride: Any,
    padding: Any,
    ceil_mode: bool,
    count_include_pad: bool,
    divisor_override: int | None,
) -> Tensor:
    if divisor_override == 0:
        raise OperatorError(f"{name}: divisor must be not zero")
    kernel_size, stride, padding, _ = _plan(name, n, input._array.shape, kernel_size, stride, padding, 1, ceil_mode)
    return _batched(AvgPool, n, input, kernel_size, stride, padding, ceil_mode, count_include_pad, divisor_override)


def avg_pool1d(
    input: Tensor,
    kernel_size: Any,
    stride: Any = None,
    padding: Any = 0,
    ceil_mode: bool = False,
    count_include_pad: bool = True,
) -> Tensor:
    """The mean of each window of a (N, C, L) or (C, L) sequence; see `avg_pool2d`."""
    return _avg_pool("avg_pool1d", 1, input, kernel_size, stride, padding, ceil_mode, count_include_pad, None)


def avg_pool2d(
    input: Tensor,
    kernel_size: Any,
    stride: Any = None,
    padding: Any = 0,
    ceil_mode: bool = False,
    count_include_pad: bool = True,
    divisor_override: int | None = None,
) -> Tensor:
    """The mean of each window.

    Args:
        input: (N, C, H, W) or (C, H, W).
        kernel_size, stride, padding: an int, or one for each dimension; stride is kernel_size by default, and padding
            (by zeros) at most half the window.
        ceil_mode: keep a last window that hangs over the end.
        count_include_pad: the zeros of the padding count in the mean.
        divisor_override: divide by this instead of the number of elements.

    Raises:
        RuntimeError: sizes do not fit.

    Example:
        >>> rushlight.nn.functional.avg_pool2d(rushlight.arange(16.).reshape(1, 1, 4, 4), 2)
        tensor([[[[ 2.5000,  4.5000],
                  [10.5000, 12.5000]]]])
    """
    return _avg_pool(
        "avg_pool2d", 2, input, kernel_size, stride, padding, ceil_mode, count_include_pad, divisor_override
    )


def avg_pool3d(
    input: Tensor,
    kernel_size: Any,
    stride: Any = None,
    padding: Any = 0,
    ceil_mode: bool = False,
    count_include_pad: bool = True,
    divisor_override: int | None = None,
) -> Tensor:
    """The mean of each window of a (N, C, D, H, W) or (C, D, H, W) volume; see `avg_pool2d`."""
    return _avg_pool(
        "avg_pool3d", 3, input, kernel_size, stride, padding, ceil_mode, count_include_pad, divisor_override
    )


# ---------------------------------------------------------------------------------------------------------- adaptive


def _parts(size: int, count: int) -> list[tuple[int, int]]:
    """Cuts `size` elements into `count` windows that cover them, as evenly as can be (neighbours may overlap)."""
    return [(i * size // count, -(-(i + 1) * size // count)) for i in range(count)]


def _along(axis: int, ndim: int, where: slice) -> tuple[slice, ...]:
    return tuple(where if i == axis else slice(None) for i in range(ndim))


@kernel
@in_float32
def adaptive_avg_pool_forward(x: Array, output_size: Sizes) -> Array:
    """x (N, C, *S) -> y (N, C, *output_size): the mean over a box is the mean over each of its dimensions in turn."""
    whole = tuple(axis for axis, count in enumerate(output_size, 2) if count == 1)
    x = x.mean(axis=whole, keepdims=True) if whole else x
    for axis, count in enumerate(output_size, 2):
        if count != 1:
            parts = [x[_along(axis, x.ndim, slice(*part))] for part in _parts(x.shape[axis], count)]
            x = xp.concatenate(
                [part.mean(axis=axis, keepdims=True) for part in parts] or [x[_along(axis, x.ndim, slice(0))]],
                axis=axis,
            )
    return x


@kernel
@in_float32
def adaptive_avg_pool_backward(grad: Array, input_shape: Sizes) -> Array:
    """grad (N, C, *S') -> dx (N, C, *S): every element of a window gets an equal share."""
    for axis in range(2, grad.ndim):
        if grad.shape[axis] != 1:
            dx = xp.zeros_like(grad, shape=(*grad.shape[:axis], input_shape[axis], *grad.shape[axis + 1 :]))
            for i, (start, end) in enumerate(_parts(input_shape[axis], grad.shape[axis])):
                dx[_along(axis, grad.ndim, slice(start, end))] += grad[_along(axis, grad.ndim, slice(i, i + 1))] / (
                    end - start
                )
            grad = dx
    repeated = [n for n, have in zip(input_shape[2:], grad.shape[2:]) if have == 1]
    return xp.broadcast_to(grad / prod(repeated), input_shape) if prod(repeated) > 1 else grad


class AdaptiveAvgPool(Operator):
    @staticmethod
    def forward(ctx: Any, x: Array, output_size: Sizes) -> Array:
        ctx.shape = x.shape
        return adaptive_avg_pool_forward(x, output_size)

    @staticmethod
    def backward(ctx: Any, grad: Array) -> Array:
        return AdaptiveAvgSpread.derive(grad, ctx.shape)


class AdaptiveAvgSpread(Operator):
    @staticmethod
    def forward(ctx: Any, grad: Array, shape: Sizes) -> Array:
        ctx.size = grad.shape[2:]
        return adaptive_avg_pool_backward(grad, shape)

    @staticmethod
    def backward(ctx: Any, grad: Array) -> Array:
        return AdaptiveAvgPool.derive(grad, ctx.size)


def _adaptive_size(name: str, n: int, input: Tensor, output_size: Any) -> Sizes:
    """The output size in numbers; None keeps the input's."""
    shape = tuple(input.shape)
    if len(shape) not in (n + 1, n + 2):
        raise ShapeError(f"{name}: Expected {n + 1}D or {n + 2}D tensor, but got {list(shape)}")
    if isinstance(output_size, (list, tuple)):
        wanted = tuple(s if s is None else int(s) for s in output_size)
    else:
        wanted = (output_size if output_size is None else int(output_size),) * n
    if len(wanted) != n:
        raise ShapeError(f"{name}: output_size {wanted} must be a single int or a tuple of {n}")
    size = tuple(have if want is None else want for want, have in zip(wanted, shape[-n:]))
    if min(size) < 0:
        raise OperatorError(f"{name}: elements of output_size must be greater than or equal to 0 but received {size}")
    if 0 in shape[-n:] or (0 in shape[-n - 1 :] and name.startswith("adaptive_max")):
        raise ShapeError(
            f"{name}: Expected input to have non-zero size for non-batch dimensions, but input has sizes {list(shape)}"
        )
    return size


def _adaptive_avg_pool(name: str, n: int, input: Tensor, output_size: Any) -> Tensor:
    size = _adaptive_size(name, n, input, output_size)
    return _batched(AdaptiveAvgPool, n, input, size)


def adaptive_avg_pool1d(input: Tensor, output_size: Any) -> Tensor:
    """The means of windows chosen so that (N, C, L) becomes (N, C, output_size); see `adaptive_avg_pool2d`."""
    return _adaptive_avg_pool("adaptive_avg_pool1d", 1, input, output_size)


def adaptive_avg_pool2d(input: Tensor, output_size: Any) -> Tensor:
    """The means of windows chosen so that the output has the size asked for.

    Window i of n over size S spans from floor(i * S / n) to ceil((i + 1) * S / n).

    Args:
        input: (N, C, H, W) or (C, H, W).
        output_size: an int, or one for each dimension; None keeps that of the input.

    Raises:
        RuntimeError: input of another rank, empty, or a negative size.

    Example:
        >>> rushlight.nn.functional.adaptive_avg_pool2d(rushlight.ones(1, 3, 7, 5), 1).shape
        torch.Size([1, 3, 1, 1])
    """
    return _adaptive_avg_pool("adaptive_avg_pool2d", 2, input, output_size)


def adaptive_avg_pool3d(input: Tensor, output_size: Any) -> Tensor:
    """The means of windows chosen so that a volume gets the size asked for; see `adaptive_avg_pool2d`."""
    return _adaptive_avg_pool("adaptive_avg_pool3d", 3, input, output_size)


def window_winners(x: Array, windows: list[list[tuple[int, int]]]) -> tuple[Array, Array]:
    """The largest value in each box of a grid, and where it lies in its flattened plane.

    x (N, C, *S); windows: for each spatial dimension the (start, end) of its parts. -> (N, C, *S'), twice.
    """
    spatial, out = x.shape[2:], tuple(map(len, windows))
    y: Array = np.empty((*x.shape[:2], *out), x.dtype)
    indices: Array = np.empty(y.shape, np.int64)
    for place in taps(out):
        box = [windows[axis][i] for axis, i in enumerate(place)]
        inside = x[(*_ALL, *(slice(*b) for b in box))].reshape((*x.shape[:2], -1))
        winner = np.argmax(inside, axis=-1)
        position = np.unravel_index(winner, [e - s for s, e in box])
        y[(*_ALL, *place)] = np.take_along_axis(inside, winner[..., None], -1)[..., 0]
        indices[(*_ALL, *place)] = np.ravel_multi_index([p + s for p, (s, _) in zip(position, box)], spatial)
    return y, indices


class AdaptiveMaxPool(Operator):
    """Outputs the values and their indices; `windows` as `window_winners` takes them."""

    saves = ()

    @staticmethod
    def forward(ctx: Any, x: Array, windows: Any) -> Any:
        y, indices = window_winners(x, windows)
        ctx.shape = x.shape
        ctx.save(indices)
        return y, indices

    @staticmethod
    def backward(ctx: Any, grad: Array, dindices: None = None) -> Array:
        return ScatterAdd.derive(grad, _bare(ctx.saved[0]), ctx.shape)


def _adaptive_max_pool(name: str, n: int, input: Tensor, output_size: Any, return_indices: bool) -> Any:
    size = _adaptive_size(name, n, input, output_size)
    windows = [_parts(have, want) for have, want in zip(input.shape[-n:], size)]
    result = _batched(AdaptiveMaxPool, n, input, windows)
    return result if return_indices else result[0]


def adaptive_max_pool1d(input: Tensor, output_size: Any, return_indices: bool = False) -> Any:
    """The largest values of windows chosen so that (N, C, L) becomes (N, C, output_size); see `adaptive_max_pool2d`."""
    return _adaptive_max_pool("adaptive_max_pool1d", 1, input, output_size, return_indices)


def adaptive_max_pool2d(input: Tensor, output_size: Any, return_indices: bool = False) -> Any:
    """The largest values of windows chosen as by `adaptive_avg_pool2d`.

    Args:
        input: (N, C, H, W) or (C, H, W).
        output_size: an int, or one for each dimension; None keeps that of the input.
        return_indices: also return where in its flattened plane each value came from.
    """
    return _adaptive_max_pool("adaptive_max_pool2d", 2, input, output_size, return_indices)


def adaptive_max_pool3d(input: Tensor, output_size: Any, return_indices: bool = False) -> Any:
    """The largest values of windows chosen so that a volume gets the size asked for; see `adaptive_max_pool2d`."""
    return _adaptive_max_pool("adaptive_max_pool3d", 3, input, output_size, return_indices)


def adaptive_max_pool1d_with_indices(input: Tensor, output_size: Any, return_indices: bool = True) -> Any:
    """`adaptive_max_pool1d` that always returns (values, indices)."""
    return adaptive_max_pool1d(input, output_size, True)


def adaptive_max_pool2d_with_indices(input: Tensor, output_size: Any, return_indices: bool = True) -> Any:
    """`adaptive_max_pool2d` that always returns (values, indices)."""
    return adaptive_max_pool2d(input, output_size, True)


def adaptive_max_pool3d_with_indices(input: Tensor, output_size: Any, return_indices: bool = True) -> Any:
    """`adaptive_max_pool3d` that always returns (values, indices)."""
    return adaptive_max_pool3d(input, output_size, True)


# -------------------------------------------------------------------------------------------------------- fractional


class FractionalMaxPool(Operator):
    """Outputs the values and their indices; `starts` (N, C, n, ...) as `_fractional_starts` gives them."""

    saves = ()

    @staticmethod
    def forward(ctx: Any, x: Array, starts: list[Array], kernel_size: Sizes) -> Any:
        y, indices = _fractional_winners(x, starts, kernel_size)
        ctx.shape = x.shape
        ctx.save(indices)
        return y, indices

    @staticmethod
    def backward(ctx: Any, grad: Array, dindices: None = None) -> Array:
        return ScatterAdd.derive(grad, _bare(ctx.saved[0]), ctx.shape)


def _fractional_starts(samples: Array, size: int, out: int, kernel: int) -> Array:
    """Where windows start along one dimension: samples (N, C) in [0, 1) -> (N, C, out). The last ends at the end."""
    if out == 1:
        return np.full((*samples.shape, 1), size - kernel)
    alpha = np.asarray((size - kernel) / (out - 1), samples.dtype)
    steps = np.arange(out - 1).astype(samples.dtype)
    inner = ((steps + samples[..., None]) * alpha).astype(np.int64) - (samples[..., None] * alpha).astype(np.int64)
    return np.concatenate([inner, np.full((*samples.shape, 1), size - kernel)], -1)


def _fractional_winners(x: Array, starts: list[Array], kernel_size: Sizes) -> tuple[Array, Array]:
    """The largest value of each window, whose places differ from plane to plane, and its flat index."""
    spatial, n = x.shape[2:], len(kernel_size)
    steps = [prod(spatial[i + 1 :]) for i in range(n)]
    flat = _flat(x, prod(spatial))
    best = index = None
    for tap in taps(kernel_size):
        position: Any = 0
        for i in range(n):
            shape = (*x.shape[:2], *(starts[i].shape[2] if j == i else 1 for j in range(n)))
            position = position + ((starts[i] + tap[i]) * steps[i]).reshape(shape)
        seen = flat[np.arange(flat.shape[0])[:, None], _flat(position, prod(position.shape[2:]))].reshape(
            position.shape
        )
        if best is None:
            best, index = seen, position
            continue
        wins = (seen > best) | (seen != seen)
        best, index = np.where(wins, seen, best), np.where(wins, position, index)
    return best, index


def _fractional_max_pool(
    name: str,
    n: int,
    input: Tensor,
    kernel_size: Any,
    output_size: Any,
    output_ratio: Any,
    return_indices: bool,
    samples: Tensor | None,
) -> Any:
    kernel_size = spread(kernel_size, n, name, "kernel_size")
    _check_input(name, input._array.shape, n)
    if output_size is None and output_ratio is None:
        raise ArgumentError(f"{name} requires specifying either an output_size or an output_ratio")
    spatial = tuple(input.shape[-n:])
    if output_size is None:
        ratio = output_ratio if isinstance(output_ratio, (list, tuple)) else (output_ratio,) * n
        output_size = [int(s * r) for s, r in zip(spatial, ratio)]
    out = spread(output_size, n, name, "output_size")
    if min(kernel_size) < 1 or min(out) < 1:
        raise ShapeError(f"{name}: kernel_size {kernel_size} and output_size {out} must be greater than zero")
    if any(o + k - 1 > s for o, k, s in zip(out, kernel_size, spatial)):
        raise ShapeError(
            f"{name}: pool height or width too large relative to input: kernel_size {kernel_size} and output_size "
            f"{out} do not fit {spatial}"
        )
    batch = input.shape[0] if input.ndim == n + 2 else 1
    channels = input.shape[-n - 1]
    if samples is None:
        from .sampling import rand

        samples = rand(batch, channels, n, dtype=input.dtype)
    have = tuple(samples.shape)
    if len(have) != 3 or have[0] < batch or have[1:] != (channels, n):
        raise ShapeError(f"{name}: Expect _random_samples of shape {(batch, channels, n)}, got {have}")
    points = samples._array[
        :batch
    ]  # torch: the last column belongs to the first dimension in 2-d, in 3-d they are in order
    columns = range(n) if n == 3 else reversed(range(n))
    starts = [_fractional_starts(points[:, :, c], s, o, k) for c, s, o, k in zip(columns, spatial, out, kernel_size)]
    result = _batched(FractionalMaxPool, n, input, starts, kernel_size)
    return result if return_indices else result[0]


def fractional_max_pool2d(
    input: Tensor,
    kernel_size: Any,
    output_size: Any = None,
    output_ratio: Any = None,
    return_indices: bool = False,
    _random_samples: Tensor | None = None,
) -> Any:
    """The largest value of windows that start at pseudo-random places, so that the size shrinks by a fraction.

    Args:
        input: (N, C, H, W) or (C, H, W).
        kernel_size: of the windows, an int or one for each dimension.
        output_size: of the output; or output_ratio: output size / input size, each in (0, 1).
        return_indices: also return where in its flattened plane each value came from.

    Raises:
        ValueError: neither output_size nor output_ratio. RuntimeError: sizes do not fit.

    Source: Graham 2014, arXiv:1412.6071.
    """
    return _fractional_max_pool(
        "fractional_max_pool2d", 2, input, kernel_size, output_size, output_ratio, return_indices, _random_samples
    )


def fractional_max_pool3d(
    input: Tensor,
    kernel_size: Any,
    output_size: Any = None,
    output_ratio: Any = None,
    return_indices: bool = False,
    _random_samples: Tensor | None = None,
) -> Any:
    """`fractional_max_pool2d` for volumes."""
    return _fractional_max_pool(
        "fractional_max_pool3d", 3, input, kernel_size, output_size, output_ratio, return_indices, _random_samples
    )


def fractional_max_pool2d_with_indices(
    input: Tensor,
    kernel_size: Any,
    output_size: Any = None,
    output_ratio: Any = None,
    return_indices: bool = True,
    _random_samples: Tensor | None = None,
) -> Any:
    """`fractional_max_pool2d` that always returns (values, indices)."""
    return fractional_max_pool2d(input, kernel_size, output_size, output_ratio, True, _random_samples)


def fractional_max_pool3d_with_indices(
    input: Tensor,
    kernel_size: Any,
    output_size: Any = None,
    output_ratio: Any = None,
    return_indices: bool = True,
    _random_samples: Tensor | None = None,
) -> Any:
    """`fractional_max_pool3d` that always returns (values, indices)."""
    return fractional_max_pool3d(input, kernel_size, output_size, output_ratio, True, _random_samples)


# ------------------------------------------------------------------------------------------------------------- norms


def _lp_pool(
    name: str, n: int, input: Tensor, norm_type: float, kernel_size: Any, stride: Any, ceil_mode: bool
) -> Tensor:
    """(sum of x^p over each window)^(1/p), as the mean times the window's size."""
    kernel_size = spread(kernel_size, n, name, "kernel_size")
    if input.ndim not in (n + 1, n + 2):
        raise ShapeError(
            f"{name}: Expected {n + 1}D or {n + 2}D (batch mode) tensor for input, but got: {list(input.shape)}"
        )
    pool = (avg_pool1d, avg_pool2d, avg_pool3d)[n - 1]
    mean = pool(input.pow(norm_type), kernel_size, stride, 0, ceil_mode)
    # torch: relu keeps rounding below zero out of the root, and the sign is that of the mean
    return (mean.sign() * mean.abs().relu()).mul(prod(kernel_size)).pow(1.0 / norm_type)


def lp_pool1d(input: Tensor, norm_type: float, kernel_size: Any, stride: Any = None, ceil_mode: bool = False) -> Tensor:
    """The p-norm of each window of a (N, C, L) or (C, L) sequence; see `lp_pool2d`."""
    return _lp_pool("lp_pool1d", 1, input, norm_type, kernel_size, stride, ceil_mode)


def lp_pool2d(input: Tensor, norm_type: float, kernel_size: Any, stride: Any = None, ceil_mode: bool = False) -> Tensor:
    """The p-norm of each window, `(sum x^p)^(1/p)`, p = norm_type.

    Args:
        input: (N, C, H, W) or (C, H, W).
        kernel_size, stride: an int, or one for each dimension; stride is kernel_size by default.
        ceil_mode: keep a last window that hangs over the end.
    """
    return _lp_pool("lp_pool2d", 2, input, norm_type, kernel_size, stride, ceil_mode)


def lp_pool3d(input: Tensor, norm_type: float, kernel_size: Any, stride: Any = None, ceil_mode: bool = False) -> Tensor:
    """The p-norm of each window of a volume; see `lp_pool2d`."""
    return _lp_pool("lp_pool3d", 3, input, norm_type, kernel_size, stride, ceil_mode)
