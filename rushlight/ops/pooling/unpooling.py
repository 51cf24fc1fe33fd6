"""The inverse of pooling the largest values: each goes back to where it came from."""

from __future__ import annotations

from math import prod
from typing import TYPE_CHECKING, Any

import numpy as np

from ...autograd.tape import Operator
from ...errors import ArgumentError, OperatorError, ShapeError
from ...kernels import xp
from ..promotion import all_values
from ..window import Sizes, spread
from .places import Gather, bare, flat, in_planes

if TYPE_CHECKING:
    from ...tensor import Tensor

Array = Any


class MaxUnpool(Operator):
    saves = ()

    @staticmethod
    def forward(ctx: Any, x: Array, indices: Array, spatial: Sizes) -> Array:
        ctx.save(indices)
        planes = x.shape[0] * x.shape[1]
        y = xp.zeros_like(x, shape=(planes, prod(spatial)))
        y[in_planes(indices)] = flat(x, prod(x.shape[2:]))
        return y.reshape((*x.shape[:2], *spatial))

    @staticmethod
    def backward(ctx: Any, grad: Array) -> Array:
        return Gather.derive(grad, bare(ctx.saved[0]))


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
    every = all_values(where)
    if every.size and (every.min() < 0 or every.max() >= prod(spatial)):
        raise OperatorError(
            f"{name}: Found an invalid max index: {every.max()} (output volumes are of size "
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
