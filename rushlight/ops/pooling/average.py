"""The mean of each window, and the norm, which is a mean of powers."""

from __future__ import annotations

from math import prod
from typing import TYPE_CHECKING, Any

from ...autograd.tape import Operator
from ...errors import OperatorError, ShapeError
from ...kernels import kernel, xp
from ..promotion import in_float32
from ..window import Sizes, spread, stops, taps, widen
from .windows import ALL, batched, overhang, plan, pooled_size

if TYPE_CHECKING:
    from ...tensor import Tensor

Array = Any


def _divisor(
    spatial: Sizes,
    kernel_size: Sizes,
    stride: Sizes,
    padding: Sizes,
    out: Sizes,
    count_include_pad: bool,
    override: int | None,
    like: Array,
) -> Any:
    """By what the sum of each window is divided: a number, or one for each window, (*S'), an array as `like` is.

    torch: padding counts if `count_include_pad`, but what `ceil_mode` adds beyond it never does.
    """
    if override is not None:
        return override
    counts: Any = 1
    for i, (n, k, s, p, o) in enumerate(zip(spatial, kernel_size, stride, padding, out)):
        start = xp.arange(o, like=like) * s - p
        end = xp.minimum(start + k, n + p)
        if not count_include_pad:
            start, end = xp.maximum(start, 0), xp.minimum(end, n)
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
    wide, total = widen(x, padding, overhang(spatial, kernel_size, stride, padding, ones, out)), 0
    for tap in taps(kernel_size):
        total = total + wide[(*ALL, *stops(tap, stride, ones, out))]
    return _divide(total, _divisor(spatial, kernel_size, stride, padding, out, count_include_pad, divisor_override, x))


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
    divisor = _divisor(spatial, kernel_size, stride, padding, out, count_include_pad, divisor_override, grad)
    share = _divide(grad, divisor)
    tail = overhang(spatial, kernel_size, stride, padding, ones, out)
    wide = xp.zeros_like(grad, shape=(*input_shape[:2], *(p + n + t for n, p, t in zip(spatial, padding, tail))))
    for tap in taps(kernel_size):
        wide[(*ALL, *stops(tap, stride, ones, out))] += share
    return wide[(*ALL, *(slice(p, p + n) for n, p in zip(spatial, padding)))]


class AvgPool(Operator):
    curved = True

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
    kernel_size, stride, padding, _ = plan(name, n, input._array.shape, kernel_size, stride, padding, 1, ceil_mode)
    return batched(AvgPool, n, input, kernel_size, stride, padding, ceil_mode, count_include_pad, divisor_override)


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
