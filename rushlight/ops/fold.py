"""Rearranging images: patches to columns and back (`unfold`, `fold`), channels to pixels and back (`pixel_shuffle`)."""

from __future__ import annotations

from math import prod
from typing import TYPE_CHECKING, Any

from ..autograd.tape import Operator
from ..errors import OperatorError, ShapeError
from ..kernels import kernel, xp
from .window import Sizes, reach, spread, stops, taps, widen

if TYPE_CHECKING:
    from ..tensor import Tensor

Array = Any
_ALL = (slice(None), slice(None))  # batch and channels


# ---------------------------------------------------------------------------------------------------- patches, columns


def _stops_per_dimension(spatial: Sizes, kernel_size: Sizes, stride: Sizes, padding: Sizes, dilation: Sizes) -> Sizes:
    return tuple((n + 2 * p - r) // s + 1 for n, p, r, s in zip(spatial, padding, reach(kernel_size, dilation), stride))


@kernel
def unfold_forward(x: Array, kernel_size: Sizes, stride: Sizes, padding: Sizes, dilation: Sizes) -> Array:
    """x (N, C, *S) -> y (N, C * prod(K), prod(S')): one column for each place the window stops at."""
    out = _stops_per_dimension(x.shape[2:], kernel_size, stride, padding, dilation)
    wide = widen(x, padding, padding)
    columns = xp.stack([wide[(*_ALL, *stops(tap, stride, dilation, out))] for tap in taps(kernel_size)], axis=2)
    return columns.reshape((x.shape[0], x.shape[1] * prod(kernel_size), prod(out)))  # (N, C, K, *S') -> (N, C * K, L)


@kernel
def fold_forward(
    columns: Array, spatial: Sizes, kernel_size: Sizes, stride: Sizes, padding: Sizes, dilation: Sizes
) -> Array:
    """columns (N, C * prod(K), L) -> y (N, C, *spatial): patches added up where they overlap."""
    out = _stops_per_dimension(spatial, kernel_size, stride, padding, dilation)
    batch, channels = columns.shape[0], columns.shape[1] // prod(kernel_size)
    patches = columns.reshape((batch, channels, prod(kernel_size), *out))
    wide = xp.zeros_like(columns, shape=(batch, channels, *(n + 2 * p for n, p in zip(spatial, padding))))
    for i, tap in enumerate(taps(kernel_size)):
        wide[(*_ALL, *stops(tap, stride, dilation, out))] += patches[:, :, i]
    return wide[(*_ALL, *(slice(p, p + n) for n, p in zip(spatial, padding)))]


class Unfold(Operator):
    @staticmethod
    def forward(ctx: Any, x: Array, *window: Sizes) -> Array:
        ctx.spatial, ctx.window = x.shape[2:], window
        return unfold_forward(x, *window)

    @staticmethod
    def backward(ctx: Any, grad: Array) -> Array:
        return Fold.derive(grad, ctx.spatial, *ctx.window)


class Fold(Operator):
    @staticmethod
    def forward(ctx: Any, columns: Array, spatial: Sizes, *window: Sizes) -> Array:
        ctx.window = window
        return fold_forward(columns, spatial, *window)

    @staticmethod
    def backward(ctx: Any, grad: Array) -> Array:
        return Unfold.derive(grad, *ctx.window)


def _window(name: str, kernel_size: Any, stride: Any, padding: Any, dilation: Any) -> tuple[Sizes, Sizes, Sizes, Sizes]:
    kernel_size, stride = spread(kernel_size, 2, name, "kernel_size"), spread(stride, 2, name, "stride")
    padding, dilation = spread(padding, 2, name, "padding"), spread(dilation, 2, name, "dilation")
    for what, values in (("kernel size", kernel_size), ("stride", stride), ("dilation", dilation)):
        if min(values) <= 0:
            raise OperatorError(f"{name}: {what} should be greater than zero, but got {values}")
    if min(padding) < 0:
        raise OperatorError(f"{name}: padding should be non-negative, but got {padding}")
    return kernel_size, stride, padding, dilation


def unfold(input: Tensor, kernel_size: Any, dilation: Any = 1, padding: Any = 0, stride: Any = 1) -> Tensor:
    """The patches that a sliding window sees, each as a column.

    Args:
        input: (N, C, H, W) or (C, H, W).
        kernel_size, dilation, padding, stride: of the window, an int or one for each dimension.

    Returns:
        (N, C * kh * kw, L), L the number of places the window stops at.

    Raises:
        RuntimeError: sizes do not fit.

    Example:
        >>> rushlight.nn.functional.unfold(rushlight.ones(1, 3, 4, 4), 2).shape
        torch.Size([1, 12, 9])
    """
    window = _window("unfold", kernel_size, stride, padding, dilation)
    shape = input._array.shape
    if len(shape) not in (3, 4) or 0 in shape[-3:]:
        raise ShapeError(
            "unfold: Expected 3D or 4D (batch mode) tensor with possibly 0 batch size and non-zero dimensions for "
            f"input, but got: {list(shape)}"
        )
    out = _stops_per_dimension(shape[-2:], *window)
    if min(out) <= 0:
        raise ShapeError(
            f"unfold: Given input with spatial size {shape[-2:]}, kernel_size={window[0]}, dilation={window[3]}, "
            f"padding={window[2]}, calculated shape of the array of sliding blocks as {out}, but its components must "
            "be at least one"
        )
    if len(shape) == 4:
        return Unfold.apply(input, *window)
    return Unfold.apply(input.unsqueeze(0), *window).squeeze(0)


def fold(
    input: Tensor, output_size: Any, kernel_size: Any, dilation: Any = 1, padding: Any = 0, stride: Any = 1
) -> Tensor:
    """Adds columns up as patches of an image: the transpose of `unfold`.

    Args:
        input: (N, C * kh * kw, L) or (C * kh * kw, L).
        output_size: (H, W) of the image, an int if equal.
        kernel_size, dilation, padding, stride: of the window, an int or one for each dimension.

    Returns:
        (N, C, H, W).

    Raises:
        RuntimeError: sizes do not fit.
    """
    spatial = spread(output_size, 2, "fold", "output_size")
    window = _window("fold", kernel_size, stride, padding, dilation)
    shape = input._array.shape
    if len(shape) not in (2, 3) or 0 in shape[-2:]:
        raise ShapeError(
            "fold: Expected 2D or 3D (batch mode) tensor for input with possibly 0 batch size and non-zero dimensions "
            f"for input, but got: {list(shape)}"
        )
    if shape[-2] % prod(window[0]):
        raise ShapeError(
            "fold: Expected size of input's dimension 1 to be divisible by the product of kernel_size, but got "
            f"input.size(1)={shape[-2]} and kernel_size={window[0]}"
        )
    out = _stops_per_dimension(spatial, *window)
    if min(out) <= 0 or min(spatial) < 1 or prod(out) != shape[-1]:
        raise ShapeError(
            f"fold: Given output_size={spatial}, kernel_size={window[0]}, dilation={window[3]}, padding={window[2]}, "
            f"stride={window[1]}, expected size of input's dimension 2 to match the calculated number of sliding "
            f"blocks {out}, but got input.size(2)={shape[-1]}"
        )
    if len(shape) == 3:
        return Fold.apply(input, spatial, *window)
    return Fold.apply(input.unsqueeze(0), spatial, *window).squeeze(0)


# --------------------------------------------------------------------------------------------------- channels, pixels


class Rearrange(Operator):
    """Reads the elements as an array of shape `parts`, orders its dimensions by `order`, gives it the shape `out`."""

    @staticmethod
    def forward(ctx: Any, x: Array, parts: Sizes, order: Sizes, out: Sizes) -> Array:
        ctx.shape, ctx.parts, ctx.order = x.shape, parts, order
        return xp.transpose(x.reshape(parts), order).reshape(out)

    @staticmethod
    def backward(ctx: Any, grad: Array) -> Array:
        moved = tuple(ctx.parts[i] for i in ctx.order)
        back = tuple(sorted(range(len(moved)), key=ctx.order.__getitem__))
        return Rearrange.derive(grad, moved, back, ctx.shape)


def pixel_shuffle(input: Tensor, upscale_factor: int) -> Tensor:
    """(..., C * r^2, H, W) -> (..., C, H * r, W * r): channels become pixels, r = upscale_factor.

    Raises:
        RuntimeError: fewer than 3 dimensions, or channels that r^2 does not divide.

    Source: Shi et al. 2016, arXiv:1609.05158.
    """
    shape, r = input._array.shape, upscale_factor
    if len(shape) < 3:
        raise ShapeError(
            f"pixel_shuffle: expects input to have at least 3 dimensions, but got input with {len(shape)} dimension(s)"
        )
    if r <= 0:
        raise OperatorError(f"pixel_shuffle: expects a positive upscale_factor, but got {r}")
    *lead, c, h, w = shape
    if c % (r * r):
        raise ShapeError(
            "pixel_shuffle: expects its input's 'channel' dimension to be divisible by the square of upscale_factor, "
            f"but input.size(-3)={c} is not divisible by {r * r}"
        )
    n, c = prod(lead), c // (r * r)
    return Rearrange.apply(input, (n, c, r, r, h, w), (0, 1, 4, 2, 5, 3), (*lead, c, h * r, w * r))


def pixel_unshuffle(input: Tensor, downscale_factor: int) -> Tensor:
    """(..., C, H * r, W * r) -> (..., C * r^2, H, W): the inverse of `pixel_shuffle`, r = downscale_factor.

    Raises:
        RuntimeError: fewer than 3 dimensions, or sizes that r does not divide.
    """
    shape, r = input._array.shape, downscale_factor
    if len(shape) < 3:
        raise ShapeError(
            f"pixel_unshuffle: expects input to have at least 3 dimensions, but got input with {len(shape)} "
            "dimension(s)"
        )
    if r <= 0:
        raise OperatorError(f"pixel_unshuffle: expects a positive downscale_factor, but got {r}")
    *lead, c, h, w = shape
    if h % r or w % r:
        raise ShapeError(
            f"pixel_unshuffle: expects height and width to be divisible by downscale_factor, but input {tuple(shape)} "
            f"is not, by {r}"
        )
    n, h, w = prod(lead), h // r, w // r
    return Rearrange.apply(input, (n, c, h, r, w, r), (0, 1, 3, 5, 2, 4), (*lead, c * r * r, h, w))


def channel_shuffle(input: Tensor, groups: int) -> Tensor:
    """Deals the channels of (N, C, *S) out anew: read as (groups, C / groups), written as (C / groups, groups).

    Raises:
        RuntimeError: fewer than 3 dimensions, or channels that `groups` does not divide.

    Source: Zhang et al. 2018, arXiv:1707.01083.
    """
    shape = input._array.shape
    if len(shape) < 3:
        raise ShapeError(f"channel_shuffle: expects input with > 2 dims, but got input with sizes {list(shape)}")
    if groups <= 0:
        raise OperatorError(
            f"channel_shuffle: Number of groups to divide channels in must be positive. Value of groups: {groups}"
        )
    if shape[1] % groups:
        raise ShapeError(
            f"channel_shuffle: Number of channels must be divisible by groups. Got {shape[1]} channels and {groups} "
            "groups."
        )
    n, c, *spatial = shape
    return Rearrange.apply(input, (n, groups, c // groups, prod(spatial)), (0, 2, 1, 3), shape)


def native_channel_shuffle(input: Tensor, groups: int) -> Tensor:
    """`channel_shuffle` under the name of PyTorch's native version."""
    return channel_shuffle(input, groups)
