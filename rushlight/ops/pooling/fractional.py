"""The largest values of windows that start at pseudo-random places."""

from __future__ import annotations

from math import prod
from typing import TYPE_CHECKING, Any

import numpy as np

from ...autograd.tape import Operator
from ...errors import ArgumentError, ShapeError
from ...kernels import xp
from ..window import Sizes, spread, taps
from .places import ScatterAdd, bare, gather_planes
from .windows import batched, check_input

if TYPE_CHECKING:
    from ...tensor import Tensor

Array = Any


class FractionalMaxPool(Operator):
    """Outputs the values and their indices; `starts` (N, C, n, ...) as `_fractional_starts` gives them."""

    saves = ()
    curved = True

    @staticmethod
    def forward(ctx: Any, x: Array, starts: list[Array], kernel_size: Sizes) -> Any:
        y, indices = _fractional_winners(x, starts, kernel_size)
        ctx.shape = x.shape
        ctx.save(indices)
        return y, indices

    @staticmethod
    def backward(ctx: Any, grad: Array, dindices: None = None) -> Array:
        return ScatterAdd.derive(grad, bare(ctx.saved[0]), ctx.shape)


def _fractional_starts(samples: Array, size: int, out: int, kernel: int) -> Array:
    """Where windows start along one dimension: samples (N, C) in [0, 1) -> (N, C, out). The last ends at the end."""
    last = xp.full_like(samples, size - kernel, np.int64, shape=(*samples.shape, 1))
    if out == 1:
        return last
    alpha = samples.dtype.type((size - kernel) / (out - 1))
    steps = xp.arange(out - 1, like=samples).astype(samples.dtype)
    inner = ((steps + samples[..., None]) * alpha).astype(np.int64) - (samples[..., None] * alpha).astype(np.int64)
    return xp.concatenate([inner, last], -1)


def _fractional_winners(x: Array, starts: list[Array], kernel_size: Sizes) -> tuple[Array, Array]:
    """The largest value of each window, whose places differ from plane to plane, and its flat index."""
    spatial, n = x.shape[2:], len(kernel_size)
    steps = [prod(spatial[i + 1 :]) for i in range(n)]
    best = index = None
    for tap in taps(kernel_size):
        position: Any = 0
        for i in range(n):
            shape = (*x.shape[:2], *(starts[i].shape[2] if j == i else 1 for j in range(n)))
            position = position + ((starts[i] + tap[i]) * steps[i]).reshape(shape)
        seen = gather_planes(x, position)
        if best is None:
            best, index = seen, position
            continue
        wins = (seen > best) | (seen != seen)
        best, index = xp.where(wins, seen, best), xp.where(wins, position, index)
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
    check_input(name, input._array.shape, n)
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
        from ..sampling import rand

        samples = rand(batch, channels, n, dtype=input.dtype)
    have = tuple(samples.shape)
    if len(have) != 3 or have[0] < batch or have[1:] != (channels, n):
        raise ShapeError(f"{name}: Expect _random_samples of shape {(batch, channels, n)}, got {have}")
    # torch: the last column belongs to the first dimension in 2-d, in 3-d they are in order
    points = samples._array[:batch]
    columns = range(n) if n == 3 else reversed(range(n))
    starts = [_fractional_starts(points[:, :, c], s, o, k) for c, s, o, k in zip(columns, spatial, out, kernel_size)]
    result = batched(FractionalMaxPool, n, input, starts, kernel_size)
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
