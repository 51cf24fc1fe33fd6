"""The kernels of convolution over 1, 2 or 3 spatial dimensions.

With y = conv(x, w), the gradient of x is `conv_backward_input(dy, w)`, which is also what a transposed convolution
computes, and that of w is `conv_backward_weight(dy, x)`.
"""

from __future__ import annotations

from typing import Any

from ..kernels import kernel, xp
from .promotion import in_float32
from .window import Sizes, reach, stops, taps, widen

Array = Any


def _rows(x: Array, groups: int) -> Array:
    """(N, C, *S) -> (groups, N * prod(S), C / groups): the matrix, per group, that meets one tap's weights."""
    last = xp.moveaxis(x, 1, -1)
    return xp.moveaxis(last.reshape((-1, groups, x.shape[1] // groups)), 1, 0)


def _image(rows: Array, batch: int, spatial: Sizes) -> Array:
    """The inverse of `_rows`: (groups, N * prod(S), C / groups) -> (N, C, *S), channels last in memory."""
    flat = xp.moveaxis(rows, 0, 1).reshape((batch, *spatial, rows.shape[0] * rows.shape[2]))
    return xp.moveaxis(flat, -1, 1)


def _tap_weights(weight: Array, tap: Sizes, groups: int) -> Array:
    """One tap's weights, (O, C / groups, *K) -> (groups, C / groups, O / groups)."""
    w = weight[(slice(None), slice(None), *tap)]
    return xp.transpose(w.reshape((groups, -1, w.shape[1])), (0, 2, 1))


def _output_size(spatial: Sizes, kernel_size: Sizes, stride: Sizes, padding: Sizes, dilation: Sizes) -> Sizes:
    return tuple((n + 2 * p - r) // s + 1 for n, p, r, s in zip(spatial, padding, reach(kernel_size, dilation), stride))


@kernel
@in_float32
def conv_forward(
    x: Array, weight: Array, bias: Array | None, stride: Sizes, padding: Sizes, dilation: Sizes, groups: int
) -> Array:
    """x (N, C, *S), weight (O, C / groups, *K), bias (O,) -> y (N, O, *S').

    y[n, o, i] = bias[o] + sum over c, t of weight[o, c, t] * x[n, c, i * stride + t * dilation - padding]
    """
    if x.ndim == 5:
        return _forward_volumes(x, weight, bias, stride, padding, dilation, groups)
    out = _output_size(x.shape[2:], weight.shape[2:], stride, padding, dilation)
    wide, rows = widen(x, padding, padding), 0
    for tap in taps(weight.shape[2:]):
        seen = wide[(slice(None), slice(None), *stops(tap, stride, dilation, out))]  # (N, C, *S')
        rows = rows + _rows(seen, groups) @ _tap_weights(weight, tap, groups)
    y = _image(rows, x.shape[0], out)
    return y if bias is None else y + bias.reshape((-1, *(1,) * len(out)))


@kernel
@in_float32
def conv_backward_input(
    grad: Array, weight: Array, input_shape: Sizes, stride: Sizes, padding: Sizes, dilation: Sizes, groups: int
) -> Array:
    """grad (N, O, *S') -> dx (N, C, *S): each place of the output gives back through the taps that read it."""
    if grad.ndim == 5:
        return _backward_input_volumes(grad, weight, input_shape, stride, padding, dilation, groups)
    batch, channels, *spatial = input_shape
    out = grad.shape[2:]
    wide = xp.zeros_like(grad, shape=(batch, channels, *(n + 2 * p for n, p in zip(spatial, padding))))
    rows = _rows(grad, groups)
    for tap in taps(weight.shape[2:]):
        share = rows @ xp.transpose(_tap_weights(weight, tap, groups), (0, 2, 1))
        wide[(slice(None), slice(None), *stops(tap, stride, dilation, out))] += _image(share, batch, out)
    return wide[(slice(None), slice(None), *(slice(p, p + n) for n, p in zip(spatial, padding)))]


@kernel
@in_float32
def conv_backward_weight(
    grad: Array, x: Array, weight_shape: Sizes, stride: Sizes, padding: Sizes, dilation: Sizes, groups: int
) -> Array:
    """grad (N, O, *S'), x (N, C, *S) -> dweight (O, C / groups, *K)."""
    if grad.ndim == 5:
        return _backward_weight_volumes(grad, x, weight_shape, stride, padding, dilation, groups)
    wide = widen(x, padding, padding)
    rows = xp.transpose(_rows(grad, groups), (0, 2, 1))  # (groups, O / groups, N * prod(S'))
    dweight: Array = xp.zeros_like(grad, shape=weight_shape)
    for tap in taps(weight_shape[2:]):
        seen = wide[(slice(None), slice(None), *stops(tap, stride, dilation, grad.shape[2:]))]
        dweight[(slice(None), slice(None), *tap)] = (rows @ _rows(seen, groups)).reshape(weight_shape[:2])
    return dweight


@kernel
@in_float32
def channel_sum(grad: Array) -> Array:
    """(N, O, *S) -> (O,), the gradient of a bias."""
    return grad.sum(axis=(0, *range(2, grad.ndim)))


# ---------------------------------------------------------------------------------------------------------- volumes
#
# Where no twin takes it, a volume (N, C, D, H, W) is a batch of N * D' images, once the slices that a window sees in
# depth are put side by side as channels. Convolving those images adds up over the depth of the window, too. The
# slices are copied pixel by pixel, channels last, or plane by plane where a pixel's few channels would make short
# copies.

FEW_CHANNELS = 16


def _depths(tap: int, stride: int, dilation: int, out: int) -> slice:
    return stops((tap,), (stride,), (dilation,), (out,))[0]


def _depth_to_channels(x: Array, kernel: int, stride: int, padding: int, dilation: int, out: int, groups: int) -> Array:
    """(N, C, D, H, W) -> (N * D', C * kernel, H, W), ordered (group, tap, channel)."""
    wide, spots = widen(x, (padding, 0, 0), (padding, 0, 0)), range(kernel)
    if x.shape[1] < FEW_CHANNELS:
        seen = [xp.moveaxis(wide[:, :, _depths(tap, stride, dilation, out)], 1, 2) for tap in spots]
        split = (*seen[0].shape[:2], groups, x.shape[1] // groups, *x.shape[3:])  # (N, D', groups, C / groups, H, W)
        return xp.stack([s.reshape(split) for s in seen], axis=3).reshape(
            (x.shape[0] * out, x.shape[1] * kernel, *x.shape[3:])
        )
    last = xp.moveaxis(wide, 1, -1)  # (N, D, H, W, C)
    seen = [last[:, _depths(tap, stride, dilation, out)] for tap in spots]
    groups_apart = [s.reshape((*s.shape[:4], groups, s.shape[4] // groups)) for s in seen]
    images = xp.stack(groups_apart, axis=5)  # (N, D', H, W, groups, kernel, C / groups)
    return xp.moveaxis(images.reshape((x.shape[0] * out, *x.shape[3:], x.shape[1] * kernel)), -1, 1)


def _channels_to_depth(
    images: Array, shape: Sizes, kernel: int, stride: int, padding: int, dilation: int, out: int, groups: int
) -> Array:
    """The transpose of `_depth_to_channels`: adds up what the taps give to each slice. -> shape (N, C, D, H, W)."""
    batch, channels, depth, *spatial = shape
    apart = xp.moveaxis(images, 1, -1).reshape((batch, out, *spatial, groups, kernel, channels // groups))
    wide = xp.zeros_like(images, shape=(batch, depth + 2 * padding, *spatial, channels))
    for tap in range(kernel):
        wide[:, _depths(tap, stride, dilation, out)] += apart[..., tap, :].reshape((batch, out, *spatial, channels))
    return xp.moveaxis(wide[:, padding : padding + depth], -1, 1)


def _slices(volume: Array) -> Array:
    """(N, C, D, H, W) -> (N * D, C, H, W)."""
    last = xp.moveaxis(volume, 1, -1)
    return xp.moveaxis(last.reshape((last.shape[0] * last.shape[1], *last.shape[2:])), -1, 1)


def _flat_weight(weight: Array) -> Array:
    """(O, C, *K) -> (O, kd * C, kh, kw)."""
    return xp.moveaxis(weight, 2, 1).reshape((weight.shape[0], weight.shape[1] * weight.shape[2], *weight.shape[3:]))


def _forward_volumes(
    x: Array, weight: Array, bias: Array | None, stride: Sizes, padding: Sizes, dilation: Sizes, groups: int
) -> Array:
    out = _output_size(x.shape[2:3], weight.shape[2:3], stride, padding, dilation)[0]
    images = _depth_to_channels(x, weight.shape[2], stride[0], padding[0], dilation[0], out, groups)
    y = conv_forward(images, _flat_weight(weight), bias, stride[1:], padding[1:], dilation[1:], groups)
    last = xp.moveaxis(y, 1, -1)  # (N * D', H', W', O)
    return xp.moveaxis(last.reshape((x.shape[0], out, *last.shape[1:])), -1, 1)


def _backward_input_volumes(
    grad: Array, weight: Array, input_shape: Sizes, stride: Sizes, padding: Sizes, dilation: Sizes, groups: int
) -> Array:
    batch, channels, _, *spatial = input_shape
    kernel, out = weight.shape[2], grad.shape[2]
    shape = (batch * out, channels * kernel, *spatial)
    images = conv_backward_input(
        _slices(grad), _flat_weight(weight), shape, stride[1:], padding[1:], dilation[1:], groups
    )
    return _channels_to_depth(images, input_shape, kernel, stride[0], padding[0], dilation[0], out, groups)


def _backward_weight_volumes(
    grad: Array, x: Array, weight_shape: Sizes, stride: Sizes, padding: Sizes, dilation: Sizes, groups: int
) -> Array:
    O, C, kernel, *taps_of_images = weight_shape
    images = _depth_to_channels(x, kernel, stride[0], padding[0], dilation[0], grad.shape[2], groups)
    shape = (O, kernel * C, *taps_of_images)
    dweight = conv_backward_weight(_slices(grad), images, shape, stride[1:], padding[1:], dilation[1:], groups)
    return xp.moveaxis(dweight.reshape((O, kernel, C, *taps_of_images)), 1, 2)
