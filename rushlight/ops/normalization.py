"""Normalisation: values brought to mean 0 and variance 1 over the batch (batch norm) or over an example's features
(layer, group, instance norm), or to length 1 (RMS norm, `normalize`, local response norm)."""

from __future__ import annotations

from collections.abc import Sequence
from math import prod
from typing import TYPE_CHECKING, Any

import numpy as np

from .. import dtypes
from ..autograd.grad_mode import mode
from ..autograd.tape import Operator, touch
from ..errors import ArgumentError, OperatorError, RangeError, ShapeError, UnsupportedError
from ..kernels import kernel, xp
from ..mistakes import look_at_mode
from .promotion import into, is_complex, is_half

if TYPE_CHECKING:
    from ..tensor import Tensor

Array = Any


# -------------------------------------------------------------------------------------------------------- batch norm


def _across(x: Array) -> tuple[int, ...]:
    """All dimensions but the channels."""
    return (0, *range(2, x.ndim))


def _channels(v: Array, ndim: int) -> Array:
    """(C,) -> (C, 1, ...), to broadcast over (N, C, *S)."""
    return v.reshape((-1, *(1,) * (ndim - 2)))


def _wide(x: Array) -> Array:
    """Half precision as float32: statistics are kept in that, and results rounded once."""
    return x.astype(np.float32) if is_half(x) else x


def _affine(x: Array, weight: Array | None, bias: Array | None) -> Array:
    """x (N, C, *S) times weight (C,) plus bias (C,), each of which may be None."""
    x = x if weight is None else x * _channels(weight, x.ndim)
    return x if bias is None else x + _channels(bias, x.ndim)


@kernel
def batch_norm_apply(x: Array, mean: Array, var: Array, weight: Array | None, bias: Array | None, eps: float) -> Array:
    """x (N, C, *S), the rest (C,) -> y = (x - mean) / sqrt(var + eps) * weight + bias."""
    scale = 1 / xp.sqrt(_wide(var) + eps)
    scale = scale if weight is None else scale * weight
    shift = -mean * scale if bias is None else bias - mean * scale
    return _affine(_wide(x), scale, shift).astype(x.dtype)


@kernel
def batch_norm_forward(x: Array, weight: Array | None, bias: Array | None, eps: float) -> tuple[Array, Array, Array]:
    """x (N, C, *S), weight and bias (C,) or None -> y, mean (C,), var (C,): mean and biased variance over all but C."""
    wide, axes = _wide(x), _across(x)
    count = max(prod(x.shape) // max(x.shape[1], 1), 1)
    mean = wide.sum(axis=axes) / count
    centred = wide - _channels(mean, x.ndim)
    var = (centred * centred).sum(axis=axes) / count
    rstd = 1 / xp.sqrt(var + eps)
    y = _affine(centred, rstd if weight is None else rstd * weight, bias)
    return y.astype(x.dtype), mean, var


@kernel
def batch_norm_backward(
    grad: Array, x: Array, weight: Array | None, mean: Array, var: Array, eps: float
) -> tuple[Array, Array, Array]:
    """grad (N, C, *S) -> dx, dweight (C,), dbias (C,).

    With xhat = (x - mean) / sqrt(var + eps), and means over all but C:
        dx = weight / sqrt(var + eps) * (grad - mean(grad) - xhat * mean(grad * xhat))
    """
    axes, kind = _across(x), (x if weight is None else weight).dtype
    rstd = 1 / xp.sqrt(var + eps)
    g, xhat = _wide(grad), (_wide(x) - _channels(mean, x.ndim)) * _channels(rstd, x.ndim)
    dbias, dweight = g.sum(axis=axes), (g * xhat).sum(axis=axes)
    count = max(prod(x.shape) // max(x.shape[1], 1), 1)
    centred = g - _channels(dbias / count, x.ndim) - xhat * _channels(dweight / count, x.ndim)
    dx = centred * _channels(rstd if weight is None else rstd * weight, x.ndim)
    return dx.astype(x.dtype), dweight.astype(kind), dbias.astype(kind)


@kernel
def batch_norm_apply_backward(
    grad: Array, x: Array, weight: Array | None, mean: Array, var: Array, eps: float
) -> tuple[Array, Array, Array]:
    """grad (N, C, *S) -> dx (N, C, *S), dweight (C,), dbias (C,), for mean and var that are constants."""
    axes, kind = _across(x), (x if weight is None else weight).dtype
    rstd, g = 1 / xp.sqrt(_wide(var) + eps), _wide(grad)
    dx = (g * _channels(rstd if weight is None else rstd * weight, g.ndim)).astype(x.dtype)
    xhat = (_wide(x) - _channels(mean, x.ndim)) * _channels(rstd, x.ndim)
    return dx, (g * xhat).sum(axis=axes).astype(kind), g.sum(axis=axes).astype(kind)


class BatchNorm(Operator):
    """With statistics of the batch, which are added to the list `statistics` (mean, biased variance)."""

    label = "NativeBatchNorm"
    curved = True

    @staticmethod
    def forward(
        ctx: Any, x: Array, weight: Array | None, bias: Array | None, eps: float, statistics: list[Array]
    ) -> Array:
        y, mean, var = batch_norm_forward(x, weight, bias, eps)
        statistics += mean, var
        ctx.eps = eps
        ctx.save(x, weight, mean, var)
        return y

    @staticmethod
    def backward(ctx: Any, grad: Array) -> Any:
        x, weight, mean, var = ctx.saved
        return batch_norm_backward(grad, x, weight, mean, var, ctx.eps)


class BatchNormApply(Operator):
    """With given statistics, which are constants."""

    saves = (0, 1)
    curved = True

    @staticmethod
    def forward(
        ctx: Any, x: Array, weight: Array | None, bias: Array | None, mean: Array, var: Array, eps: float
    ) -> Array:
        ctx.eps = eps
        ctx.save(x, weight, mean, var)
        return batch_norm_apply(x, mean, var, weight, bias, eps)

    @staticmethod
    def backward(ctx: Any, grad: Array) -> Any:
        x, weight, mean, var = ctx.saved
        dx, dweight, dbias = batch_norm_apply_backward(grad, x, weight, mean, var, ctx.eps)
        return dx if weight is None else (dx, dweight, dbias)


def move_(running: Tensor, statistic: Array, keep: float, share: float) -> None:
    """`running = keep * running + share * statistic`, in place."""
    array = running._array
    array *= keep
    array += (statistic * share).astype(array.dtype)
    touch(array)


def batch_norm(
    input: Tensor,
    running_mean: Tensor | None,
    running_var: Tensor | None,
    weight: Tensor | None = None,
    bias: Tensor | None = None,
    training: bool = False,
    momentum: float = 0.1,
    eps: float = 1e-5,
) -> Tensor:
    """`(x - mean) / sqrt(var + eps) * weight + bias`, mean and variance of each channel over the batch.

    In training, the running statistics move by `momentum` towards those of the batch (in place); else they are used.
    torch: the batch is normalised by the biased variance, the running variance collects the unbiased one.

    Args:
        input: (N, C) or (N, C, *S).
        running_mean, running_var: (C,), or None in training to collect nothing.
        weight, bias: (C,), or None.
        training: normalise by the batch.
        momentum: weight of the new statistics.

    Raises:
        RuntimeError: sizes do not fit. ValueError: one value per channel in training.

    Source: Ioffe, Szegedy 2015, arXiv:1502.03167.
    """
    x = input._array
    if x.ndim == 1 and not x.size:
        return input.clone()  # torch: there is nothing to normalise
    if x.ndim < 2:
        raise RangeError(f"batch_norm: input {x.shape} must have at least 2 dimensions, (N, C, ...)")
    _check_per_channel("batch_norm", x, (running_mean, running_var, weight, bias))
    if x.dtype.kind in "iub":
        raise UnsupportedError(f"batch_norm: \"batch_norm\" not implemented for '{input.dtype}'; use .float()")
    if running_mean is not None:
        look_at_mode("batch_norm", training, mode.enabled)
    if not training:
        if running_mean is None or running_var is None:
            missing = "running_mean" if running_mean is None else "running_var"
            raise OperatorError(f"batch_norm: {missing} must be defined in evaluation mode")
        return BatchNormApply.apply(input, weight, bias, running_mean._array, running_var._array, eps)
    count = x.size // max(x.shape[1], 1)
    if count == 1:
        raise ArgumentError(
            f"batch_norm: Expected more than 1 value per channel when training, got input size {input.shape}"
        )
    if eps <= 0:
        raise ArgumentError(f"batch_norm: eps must be positive during training, but got {eps}")
    statistics: list[Array] = []
    y = BatchNorm.apply(input, weight, bias, eps, statistics)
    _collect(running_mean, running_var, statistics, count, momentum)
    return y


def _collect(
    running_mean: Tensor | None, running_var: Tensor | None, statistics: list[Array], count: int, momentum: float
) -> None:
    """Moves the running statistics towards a batch's. torch: the variance collected is the unbiased one; an empty batch
    leaves them as they are."""
    if count and running_mean is not None:
        move_(running_mean, statistics[0], 1 - momentum, momentum)
    if count and running_var is not None:
        move_(running_var, statistics[1], 1 - momentum, momentum * count / (count - 1))


_PER_CHANNEL = ("running_mean", "running_var", "weight", "bias")


def _check_per_channel(name: str, x: Array, vectors: Sequence[Tensor | None]) -> None:
    """Running statistics, weight and bias, as far as given, must be (C,)."""
    channels = (x.shape[1],)
    for i, each in enumerate(vectors):
        if each is not None and each._array.shape != channels:
            raise ShapeError(
                f"{name}: {_PER_CHANNEL[i]} {each._array.shape} should contain {channels[0]} elements not "
                f"{each._array.size}, for input {x.shape}"
            )


# --------------------------------------------------------------------------------------------------------- layer norm


@kernel
def layer_norm_forward(x: Array, weight: Array | None, bias: Array | None, eps: float) -> tuple[Array, Array, Array]:
    """x (R, C), weight and bias (C,) or None -> y, mean (R, 1), rstd (R, 1) = 1 / sqrt(variance + eps)."""
    wide = _wide(x)
    mean = wide.mean(axis=1, keepdims=True)
    centred = wide - mean
    rstd = 1 / xp.sqrt((centred * centred).mean(axis=1, keepdims=True) + eps)
    y = centred * rstd if weight is None else centred * rstd * weight
    return (y if bias is None else y + bias).astype(x.dtype), mean, rstd


@kernel
def layer_norm_backward(
    grad: Array, x: Array, weight: Array | None, mean: Array, rstd: Array
) -> tuple[Array, Array, Array]:
    """grad (R, C) -> dx (R, C), dweight (C,), dbias (C,).

    With g = grad * weight and xhat = (x - mean) * rstd:
        dx = rstd * (g - mean(g) - xhat * mean(g * xhat))     (means over C)
    """
    wide, kind = _wide(grad), (x if weight is None else weight).dtype
    xhat = (_wide(x) - mean) * rstd
    g = wide if weight is None else wide * weight
    shift = g.mean(axis=1, keepdims=True)
    slope = (g * xhat).mean(axis=1, keepdims=True)
    dx = rstd * (g - shift - xhat * slope)
    return dx.astype(x.dtype), (wide * xhat).sum(axis=0).astype(kind), wide.sum(axis=0).astype(kind)


class LayerNorm(Operator):
    label = "NativeLayerNorm"
    curved = True
    shape: tuple[int, ...] | None = None  # of weight and bias, if rows had to be made of the input

    @staticmethod
    def forward(
        ctx: Any, x: Array, weight: Array | None, bias: Array | None, shape: tuple[int, ...], eps: float
    ) -> Array:
        if x.ndim == 2 and len(shape) == 1:  # as it is for the rest: reshapes cost as much as a small kernel
            y, mean, rstd = layer_norm_forward(x, weight, bias, eps)
            ctx.save(x, weight, mean, rstd)
            return y
        size = prod(shape)
        rows = x.reshape((prod(x.shape[: x.ndim - len(shape)]), size))
        flat = None if weight is None else weight.reshape((size,))
        y, mean, rstd = layer_norm_forward(rows, flat, None if bias is None else bias.reshape((size,)), eps)
        ctx.shape = shape
        ctx.save(rows, flat, mean, rstd)
        return y.reshape(x.shape)

    @staticmethod
    def backward(ctx: Any, grad: Array) -> Any:
        rows, weight, mean, rstd = ctx.saved
        if ctx.shape is None:
            return layer_norm_backward(grad, rows, weight, mean, rstd)
        dx, dweight, dbias = layer_norm_backward(grad.reshape(rows.shape), rows, weight, mean, rstd)
        return dx.reshape(grad.shape), dweight.reshape(ctx.shape), dbias.reshape(ctx.shape)


def _check_normalized_shape(
    name: str, x: Array, normalized_shape: Any, weight: Tensor | None, bias: Tensor | None
) -> tuple[int, ...]:
    shape = normalized_shape if type(normalized_shape) is tuple else _as_shape(normalized_shape)
    lead, kind = x.ndim - len(shape), x.dtype
    plain = shape and lead >= 0 and x.shape[lead:] == shape and kind.kind == "f"
    for each in (weight, bias):
        plain = plain and (each is None or (each._array.shape == shape and each._array.dtype is kind))
    if not plain:
        _check_unusual_norm(name, x, shape, weight, bias)
    return shape


def _as_shape(normalized_shape: Any) -> tuple[int, ...]:
    return (normalized_shape,) if isinstance(normalized_shape, int) else tuple(normalized_shape)


def _check_unusual_norm(
    name: str, x: Array, shape: tuple[int, ...], weight: Tensor | None, bias: Tensor | None
) -> None:
    """Raises for what does not fit; half precision beside float32, and the like, is taken."""
    if not shape:
        raise ShapeError(
            f"{name}: Expected normalized_shape to be at least 1-dimensional, but got normalized_shape = {list(shape)}"
        )
    for what, each in (("weight", weight), ("bias", bias)):
        if each is not None and each._array.shape != shape:
            raise ShapeError(
                f"{name}: Expected {what} to be of same shape as normalized_shape, but got {what} of shape "
                f"{list(each.shape)} and normalized_shape = {list(shape)}"
            )
    if x.shape[x.ndim - len(shape) :] != shape or x.ndim < len(shape):
        raise ShapeError(f"{name}: input {x.shape} does not end in {shape}")
    if x.dtype.kind not in "fV" and not (name == "rms_norm" and x.dtype.kind == "c"):
        raise UnsupportedError(f"{name}: not implemented for {dtypes.of(x)}; use .float()")
    for each in (weight, bias):
        if each is not None and each._array.dtype != x.dtype and not (is_half(x) and each._array.dtype == np.float32):
            raise OperatorError(f"{name}: mixed dtype: input is {dtypes.of(x)}, weight or bias {each.dtype}")


def layer_norm(
    input: Tensor, normalized_shape: Any, weight: Tensor | None = None, bias: Tensor | None = None, eps: float = 1e-5
) -> Tensor:
    """`(x - mean) / sqrt(variance + eps) * weight + bias`, mean and variance over the last dimensions of each example.

    Args:
        input: (..., *normalized_shape).
        normalized_shape: the sizes of the dimensions to normalise over.
        weight, bias: of shape normalized_shape, or None.

    Raises:
        RuntimeError: the input does not end in normalized_shape, or weight or bias has another shape.

    Example:
        >>> rushlight.nn.functional.layer_norm(rushlight.tensor([[1., 2., 3.]]), (3,))
        tensor([[-1.2247,  0.0000,  1.2247]])

    Source: Ba, Kiros, Hinton 2016, arXiv:1607.06450.
    """
    shape = _check_normalized_shape("layer_norm", input._array, normalized_shape, weight, bias)
    return LayerNorm.apply(input, weight, bias, shape, eps)


# ------------------------------------------------------------------------------------------------ group, instance norm


@kernel
def group_norm_forward(
    x: Array, weight: Array | None, bias: Array | None, groups: int, eps: float
) -> tuple[Array, Array, Array]:
    """x (N, C, *S), weight and bias (C,) or None -> y, mean and rstd (N, G, 1), over C / G channels and all of S."""
    rows = _wide(x).reshape((x.shape[0], groups, prod(x.shape[1:]) // groups))
    mean = rows.mean(axis=2, keepdims=True)
    centred = rows - mean
    rstd = 1 / xp.sqrt((centred * centred).mean(axis=2, keepdims=True) + eps)
    return _affine((centred * rstd).reshape(x.shape), weight, bias).astype(x.dtype), mean, rstd


@kernel
def group_norm_backward(
    grad: Array, x: Array, weight: Array | None, mean: Array, rstd: Array
) -> tuple[Array, Array, Array]:
    """grad (N, C, *S) -> dx, dweight (C,), dbias (C,); as `layer_norm_backward`, with the means over each group."""
    groups, axes, kind = (
        (*mean.shape[:2], prod(x.shape[1:]) // mean.shape[1]),
        _across(x),
        (x if weight is None else weight).dtype,
    )
    wide = _wide(grad)
    xhat = (_wide(x).reshape(groups) - mean) * rstd
    g = _affine(wide, weight, None).reshape(groups)
    shift = g.mean(axis=2, keepdims=True)
    slope = (g * xhat).mean(axis=2, keepdims=True)
    dx = (rstd * (g - shift - xhat * slope)).reshape(x.shape)
    return (
        dx.astype(x.dtype),
        (wide * xhat.reshape(x.shape)).sum(axis=axes).astype(kind),
        wide.sum(axis=axes).astype(kind),
    )


class GroupNorm(Operator):
    label = "NativeGroupNorm"
    curved = True

    @staticmethod
    def forward(ctx: Any, x: Array, weight: Array | None, bias: Array | None, groups: int, eps: float) -> Array:
        y, mean, rstd = group_norm_forward(x, weight, bias, groups, eps)
        ctx.save(x, weight, mean, rstd)
        return y

    @staticmethod
    def backward(ctx: Any, grad: Array) -> Any:
        return group_norm_backward(grad, *ctx.saved)


def group_norm(
    input: Tensor, num_groups: int, weight: Tensor | None = None, bias: Tensor | None = None, eps: float = 1e-5
) -> Tensor:
    """`(x - mean) / sqrt(variance + eps) * weight + bias`, mean and variance over each group of an example's channels.

    Args:
        input: (N, C, *S).
        num_groups: into how many groups the channels are cut; divides C.
        weight, bias: (C,), or None.

    Raises:
        RuntimeError: sizes do not fit.

    Source: Wu, He 2018, arXiv:1803.08494.
    """
    x = input._array
    if x.ndim < 2:
        raise ShapeError(
            f"group_norm: Expected at least 2 dimensions for input tensor but received {x.ndim} (shape {x.shape})"
        )
    if num_groups <= 0 or x.shape[1] % num_groups:
        raise ShapeError(
            "group_norm: Expected number of channels in input to be divisible by num_groups, but got input of shape "
            f"{list(x.shape)} and num_groups={num_groups}"
        )
    _check_per_channel("group_norm", x, (None, None, weight, bias))
    if x.dtype.kind not in "fV":
        raise UnsupportedError(f"group_norm: not implemented for {input.dtype}; use .float()")
    if x.shape[0] * x.shape[1] // num_groups * prod(x.shape[2:]) == 1:
        raise ArgumentError(
            f"group_norm: Expected more than 1 value per channel when training, got input size {list(x.shape)}"
        )
    return GroupNorm.apply(input, weight, bias, num_groups, eps)


def instance_norm(
    input: Tensor,
    running_mean: Tensor | None = None,
    running_var: Tensor | None = None,
    weight: Tensor | None = None,
    bias: Tensor | None = None,
    use_input_stats: bool = True,
    momentum: float = 0.1,
    eps: float = 1e-5,
) -> Tensor:
    """`(x - mean) / sqrt(variance + eps) * weight + bias`, mean and variance of each channel of each example.

    Args:
        input: (N, C, *S).
        running_mean, running_var: (C,), or None. They move by `momentum` towards the batch's averages (in place), or
            are used instead of the example's own statistics if not use_input_stats.
        weight, bias: (C,), or None.

    Raises:
        ValueError: one spatial element per channel. RuntimeError: sizes do not fit.

    Source: Ulyanov et al. 2016, arXiv:1607.08022.
    """
    x = input._array
    if x.ndim < 2:
        raise RangeError(f"instance_norm: input {x.shape} must have at least 2 dimensions, (N, C, ...)")
    _check_per_channel("instance_norm", x, (running_mean, running_var, weight, bias))
    if not use_input_stats:
        if running_mean is None or running_var is None:
            raise OperatorError(
                "instance_norm: Expected running_mean and running_var to be defined when use_input_stats is false"
            )
        return batch_norm(input, running_mean, running_var, weight, bias, False, momentum, eps)
    count = prod(x.shape[2:])
    if count == 1:
        raise ArgumentError(
            f"instance_norm: Expected more than 1 spatial element when training, got input size {input.shape}"
        )
    if running_mean is not None or running_var is not None:
        wide = _wide(x)
        axes = tuple(range(2, x.ndim))
        statistics = [wide.mean(axis=axes).mean(axis=0), wide.var(axis=axes).mean(axis=0)]
        _collect(running_mean, running_var, statistics, count if x.size else 0, momentum)
    return GroupNorm.apply(input, weight, bias, x.shape[1], eps)


# --------------------------------------------------------------------------------------------------- without centring


@kernel
def rms_norm_forward(x: Array, weight: Array | None, eps: float) -> tuple[Array, Array]:
    """x (R, C), weight (C,) or None -> y = x * rstd * weight, rstd (R, 1) = 1 / sqrt(mean(x^2) + eps)."""
    wide = _wide(x)
    rstd = 1 / xp.sqrt((wide * wide).mean(axis=1, keepdims=True) + eps)
    return (wide * rstd if weight is None else wide * rstd * weight).astype(x.dtype), rstd


@kernel
def rms_norm_backward(grad: Array, x: Array, weight: Array | None, rstd: Array) -> tuple[Array, Array]:
    """grad (R, C) -> dx (R, C), dweight (C,).

    With g = grad * weight and xhat = x * rstd:
        dx = rstd * (g - xhat * mean(g * xhat))     (mean over C)
    """
    wide, xhat, kind = _wide(grad), _wide(x) * rstd, (x if weight is None else weight).dtype
    g = wide if weight is None else wide * weight
    dx = rstd * (g - xhat * (g * xhat).mean(axis=1, keepdims=True))
    return dx.astype(x.dtype), (wide * xhat).sum(axis=0).astype(kind)


class RMSNorm(Operator):
    curved = True

    @staticmethod
    def forward(ctx: Any, x: Array, weight: Array | None, shape: tuple[int, ...], eps: float) -> Array:
        size = prod(shape)
        rows = x.reshape((prod(x.shape[: x.ndim - len(shape)]), size))
        flat = None if weight is None else weight.reshape((size,))
        y, rstd = rms_norm_forward(rows, flat, eps)
        ctx.shape = shape
        ctx.save(rows, flat, rstd)
        return y.reshape(x.shape)

    @staticmethod
    def backward(ctx: Any, grad: Array) -> Any:
        rows, weight, rstd = ctx.saved
        dx, dweight = rms_norm_backward(grad.reshape(rows.shape), rows, weight, rstd)
        return dx.reshape(grad.shape), dweight.reshape(ctx.shape)


def rms_norm(input: Tensor, normalized_shape: Any, weight: Tensor | None = None, eps: float | None = None) -> Tensor:
    """`x / sqrt(mean(x^2) + eps) * weight`, the mean over the last dimensions of each example.

    Args:
        input: (..., *normalized_shape).
        normalized_shape: the sizes of the dimensions to normalise over.
        weight: of shape normalized_shape, or None.
        eps: by default the machine epsilon of the input's dtype.

    Raises:
        RuntimeError: the input does not end in normalized_shape, or weight has another shape.

    Source: Zhang, Sennrich 2019, arXiv:1910.07467.
    """
    shape = _check_normalized_shape("rms_norm", input._array, normalized_shape, weight, None)
    if eps is None:
        eps = dtypes.finfo(dtypes.float32 if is_half(input._array) else input.dtype).eps
    if is_complex(input):  # torch: the mean of x^2, not of |x|^2
        y = input * ((input * input).mean(tuple(range(-len(shape), 0)), True) + eps).rsqrt()
        return y if weight is None else y * weight
    return RMSNorm.apply(input, weight, shape, eps)


def normalize(input: Tensor, p: float = 2.0, dim: Any = 1, eps: float = 1e-12, out: Tensor | None = None) -> Tensor:
    """`x / max(p-norm of x over dim, eps)`.

    Example:
        >>> rushlight.nn.functional.normalize(rushlight.tensor([[3., 4.]]))
        tensor([[0.6000, 0.8000]])
    """
    y = input / input.norm(p, dim, keepdim=True).clamp_min(eps)
    return y if out is None else into(out, y, "normalize")


def local_response_norm(input: Tensor, size: int, alpha: float = 1e-4, beta: float = 0.75, k: float = 1.0) -> Tensor:
    """`x / (k + alpha * mean of x^2 over `size` neighbouring channels)^beta`.

    Args:
        input: (N, C, *S), at least 3 dimensions.
        size: how many channels, half of them before and half after (beyond the ends, zeros count).

    Raises:
        ValueError: fewer than 3 dimensions.

    Source: Krizhevsky, Sutskever, Hinton 2012, section 3.3.
    """
    if input.ndim < 3:
        raise ArgumentError(
            f"local_response_norm: Expected 3D or higher dimensionality input (got {input.ndim} dimensions)"
        )
    if not input.numel():
        return input
    from .padding import pad  # these two are built on this page's level
    from .pooling.average import avg_pool2d

    n, c = input.shape[:2]
    squares = (input * input).reshape(n, 1, c, -1)  # (N, C, *S) -> (N, 1, C, prod(S))
    means = avg_pool2d(pad(squares, (0, 0, size // 2, (size - 1) // 2)), (size, 1), 1).reshape(input.shape)
    return input / (means * alpha + k).pow(beta)
