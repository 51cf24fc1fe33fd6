"""Pooling to a given size: windows are chosen so that they cover the input as evenly as can be."""

from __future__ import annotations

from math import prod
from typing import TYPE_CHECKING, Any

import numpy as np

from ...autograd.tape import Operator
from ...errors import OperatorError, ShapeError
from ...kernels import kernel, xp
from ..promotion import in_float32
from ..window import Sizes, taps
from .places import ScatterAdd, bare
from .windows import ALL, batched

if TYPE_CHECKING:
    from ...tensor import Tensor

Array = Any


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
    curved = True

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
    return batched(AdaptiveAvgPool, n, input, size)


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


@kernel
def adaptive_max_pool_forward(x: Array, output_size: Sizes) -> tuple[Array, Array]:
    """x (N, C, *S) -> y (N, C, *output_size), the largest value of each box, and indices of that shape, int32: where it
    lies in its flattened plane."""
    spatial = x.shape[2:]
    windows = [_parts(have, want) for have, want in zip(spatial, output_size)]
    y: Array = xp.empty_like(x, shape=(*x.shape[:2], *output_size))
    indices: Array = xp.empty_like(y, np.int32)
    for place in taps(output_size):
        box = [windows[axis][i] for axis, i in enumerate(place)]
        inside = x[(*ALL, *(slice(*b) for b in box))].reshape((*x.shape[:2], -1))
        winner = inside.argmax(-1)
        y[(*ALL, *place)] = xp.take_along_axis(inside, winner[..., None], -1)[..., 0]
        indices[(*ALL, *place)] = _in_plane(winner, box, spatial)
    return y, indices


def _in_plane(places: Array, box: list[tuple[int, int]], spatial: Sizes) -> Array:
    """Places in a flattened box (the start and end of each dimension) -> places in the flattened plane around it."""
    position, step = 0, 1
    for (start, end), size in zip(reversed(box), reversed(spatial)):
        position = position + (places % (end - start) + start) * step
        places, step = places // (end - start), step * size
    return position


class AdaptiveMaxPool(Operator):
    saves = ()
    curved = True

    @staticmethod
    def forward(ctx: Any, x: Array, output_size: Sizes) -> Array:
        y, indices = adaptive_max_pool_forward(x, output_size)
        ctx.shape = x.shape
        ctx.save(indices)
        return y

    @staticmethod
    def backward(ctx: Any, grad: Array, dindices: None = None) -> Array:
        return ScatterAdd.derive(grad, bare(ctx.saved[0]), ctx.shape)


class AdaptiveMaxPoolWithIndices(AdaptiveMaxPool):
    @staticmethod
    def forward(ctx: Any, x: Array, output_size: Sizes) -> Any:
        y = AdaptiveMaxPool.forward(ctx, x, output_size)
        return y, ctx.saved[0].astype(np.int64)


def _adaptive_max_pool(name: str, n: int, input: Tensor, output_size: Any, return_indices: bool) -> Any:
    size = _adaptive_size(name, n, input, output_size)
    return batched(AdaptiveMaxPoolWithIndices if return_indices else AdaptiveMaxPool, n, input, size)


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
