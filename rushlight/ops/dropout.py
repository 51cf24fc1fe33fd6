"""Dropout in its forms: single elements, whole channels, and the variants that keep the mean and variance of selu.

The public function draws the mask, as PyTorch draws it; the operator only applies it, so that it may be run again.
"""

from __future__ import annotations

import math
import warnings
from functools import lru_cache
from typing import TYPE_CHECKING, Any

import numpy as np

from .. import random
from ..autograd.grad_mode import mode
from ..autograd.in_place import check_writable
from ..autograd.tape import Operator
from ..errors import ArgumentError, OperatorError, ShapeError
from ..kernels import kernel, xp
from ..mistakes import look_at_mode
from .promotion import write_

if TYPE_CHECKING:
    from ..tensor import Tensor

Array = Any


@kernel
def dropout_apply(x: Array, mask: Array, scale: float) -> Array:
    """x * scale where the mask is set, 0 elsewhere. The mask broadcasts with x."""
    return xp.multiply(x, mask * scale)  # one pass over x where the mask is for whole channels


class Dropout(Operator):
    """x * mask * scale: linear, so its gradient is itself."""

    @staticmethod
    def forward(ctx: Any, x: Array, mask: Array, scale: float) -> Array:
        ctx.mask, ctx.scale = mask, scale
        return dropout_apply(x, mask, scale)

    @staticmethod
    def backward(ctx: Any, grad: Array) -> Array:
        return Dropout.derive(grad, ctx.mask, ctx.scale)


class AlphaDropout(Operator):
    """x * scale + shift where the mask is set, `floor` elsewhere."""

    @staticmethod
    def forward(ctx: Any, x: Array, mask: Array, scale: float, shift: float, floor: float) -> Array:
        ctx.mask, ctx.scale = mask, scale
        return (x * mask * scale + np.where(mask, shift, floor).astype(x.dtype)).astype(x.dtype, copy=False)

    @staticmethod
    def backward(ctx: Any, grad: Array) -> Array:
        return Dropout.derive(grad, ctx.mask, ctx.scale)


def _checked(name: str, input: Tensor, p: float) -> None:
    if not 0.0 <= p <= 1.0:
        raise ArgumentError(f"{name}: dropout probability has to be between 0 and 1, but got {p}")


def _check_floating(name: str, input: Tensor) -> None:
    if input._array.dtype.kind in "iub":
        raise OperatorError(f"{name}: result type Float can't be cast to the desired output type {input.dtype}")


def _real(kind: Any) -> Any:
    """The type of the real numbers of a dtype: a mask times a number of Python's would be float64."""
    return kind.type(0).real.dtype.type if kind.kind == "c" else kind.type


@lru_cache(maxsize=256)
def _scale(kind: Any, keep: float) -> Any:
    """1 / keep, divided in the input's own precision, as PyTorch divides its mask."""
    real = _real(kind)
    return real(real(1) / real(keep)) if keep else real(0)


def _draw(input: Tensor, p: float, shape: tuple[int, ...] | None) -> Array:
    """The mask of `shape`. torch: one of the input's own shape is drawn in the order of the input's memory."""
    array, source = input._array, random.source(None, input.device)
    if shape is not None or array.flags.c_contiguous or not input._is_settled():
        return random.dropout_mask(source, array.shape if shape is None else shape, p)
    return random.dropout_mask(source, array.shape, p, random.axes_by_stride(array))


def _drop(name: str, input: Tensor, p: float, training: bool, inplace: bool, shape: tuple[int, ...] | None) -> Tensor:
    """Drops with a mask of `shape` (the input's if None)."""
    _checked(name, input, p)
    array = input._array
    if p:
        look_at_mode("dropout", training, mode.enabled)
    if not training or p == 0 or array.size == 0:
        return input
    _check_floating(name, input)
    mask = _draw(input, p, shape)
    scale = _scale(array.dtype, float(1 - p))
    if not inplace:
        return Dropout.apply(input, mask, scale)
    check_writable(input)
    return write_(input, Dropout.apply(input, mask, scale), name)


def dropout(input: Tensor, p: float = 0.5, training: bool = True, inplace: bool = False) -> Tensor:
    """In training, sets each element to 0 with probability p and multiplies the others by 1 / (1 - p).

    Args:
        p: probability of dropping, in [0, 1].
        training: without it the input is returned as it is.
        inplace: write the result into `input`.

    Raises:
        ValueError: p is outside [0, 1].

    Source: Srivastava et al. 2014, "Dropout: A Simple Way to Prevent Neural Networks from Overfitting".
    """
    return _drop("dropout", input, p, training, inplace, None)


def _channel_mask(name: str, input: Tensor) -> tuple[int, ...]:
    """(N, C, 1, ..., 1)."""
    shape: tuple[int, ...] = input._array.shape
    if len(shape) < 2:
        raise ShapeError(f"{name}: Feature dropout requires at least 2 dimensions in the input, not shape {shape}")
    return shape[:2] + (1,) * (len(shape) - 2)


def feature_dropout(input: Tensor, p: float, train: bool) -> Tensor:
    """In training, sets whole channels of (N, C, ...) to 0 with probability p and grows the others by 1 / (1 - p)."""
    return _drop("feature_dropout", input, p, train, False, _channel_mask("feature_dropout", input))


def feature_dropout_(input: Tensor, p: float, train: bool) -> Tensor:
    """In-place version of `feature_dropout`."""
    return _drop("feature_dropout_", input, p, train, True, _channel_mask("feature_dropout_", input))


def dropout_(input: Tensor, p: float, train: bool) -> Tensor:
    """In-place version of `dropout`."""
    return dropout(input, p, train, inplace=True)


def dropout1d(input: Tensor, p: float = 0.5, training: bool = True, inplace: bool = False) -> Tensor:
    """In training, sets whole channels to 0 with probability p and multiplies the others by 1 / (1 - p).

    Args:
        input: (N, C, L), or (C, L) for one example.

    Raises:
        ValueError: p is outside [0, 1]. RuntimeError: another number of dimensions.

    Source: Tompson et al. 2014, arXiv:1411.4280.
    """
    return _drop_channels("dropout1d", input, p, training, inplace, 2)


def dropout2d(input: Tensor, p: float = 0.5, training: bool = True, inplace: bool = False) -> Tensor:
    """In training, sets whole channels of (N, C, H, W) to 0 with probability p; the others grow by 1 / (1 - p).

    A 3-d input is taken for (N, C, L), with a warning, as in PyTorch.
    """
    ndim = input.ndim
    if ndim not in (3, 4):
        warnings.warn(
            f"dropout2d: Received a {ndim}-D input to dropout2d, which is deprecated and will result in an error in a "
            "future release. To retain the behavior and silence this warning, please use dropout instead. Note that "
            "dropout2d exists to provide channel-wise dropout on inputs with 2 spatial dimensions, a channel "
            "dimension, "
            "and an optional batch dimension (i.e. 3D or 4D inputs).",
            stacklevel=2,
        )
    if ndim == 3:
        warnings.warn(
            "dropout2d: Received a 3D input to dropout2d and assuming that channel-wise 1D dropout behavior is desired "
            "- "
            "input is interpreted as shape (N, C, L), where C is the channel dim. This behavior will change in a "
            "future "
            "release to interpret the input as one without a batch dimension, i.e. shape (C, H, W). To maintain the 1D "
            "channel-wise dropout behavior, please switch to using dropout1d instead.",
            stacklevel=2,
        )
    return _drop("dropout2d", input, p, training, inplace, _channel_mask("dropout2d", input))


def dropout3d(input: Tensor, p: float = 0.5, training: bool = True, inplace: bool = False) -> Tensor:
    """In training, sets whole channels of (N, C, D, H, W) or (C, D, H, W) to 0 with probability p."""
    ndim = input.ndim
    if ndim not in (4, 5):
        warnings.warn(
            f"dropout3d: Received a {ndim}-D input to dropout3d, which is deprecated and will result in an error in a "
            "future release. To retain the behavior and silence this warning, please use dropout instead. Note that "
            "dropout3d exists to provide channel-wise dropout on inputs with 3 spatial dimensions, a channel "
            "dimension, "
            "and an optional batch dimension (i.e. 4D or 5D inputs).",
            stacklevel=2,
        )
    shape = input._array.shape
    mask = (shape[0], 1, 1, 1) if ndim == 4 else _channel_mask("dropout3d", input)
    return _drop("dropout3d", input, p, training, inplace, mask)


def _drop_channels(name: str, input: Tensor, p: float, training: bool, inplace: bool, ndim: int) -> Tensor:
    """Inputs of `ndim` dimensions have no batch, those with one more have."""
    shape = input._array.shape
    if len(shape) not in (ndim, ndim + 1):
        _checked(name, input, p)
        raise ShapeError(
            f"{name}: Expected {ndim}D or {ndim + 1}D input, but received a {len(shape)}D input (shape {shape}). Note "
            "that "
            f"{name} exists to provide channel-wise dropout on inputs with {ndim - 1} spatial dimension, a channel "
            f"dimension, and an optional batch dimension (i.e. {ndim}D or {ndim + 1}D inputs)."
        )
    lead = len(shape) - ndim + 1
    return _drop(name, input, p, training, inplace, shape[:lead] + (1,) * (len(shape) - lead))


# --------------------------------------------------------------------------------- dropout that suits selu's statistics

_FLOOR = -1.7580993408473766  # selu's value at -inf: -scale * alpha


def _alpha_drop(
    name: str, input: Tensor, p: float, training: bool, inplace: bool, shape: tuple[int, ...] | None
) -> Tensor:
    """Dropped elements become selu's lowest value; then all are scaled and shifted back to mean 0 and variance 1."""
    _checked(name, input, p)
    if not training or p == 0 or input._array.size == 0:
        return input
    _check_floating(name, input)
    if inplace:
        check_writable(input)
    mask = _draw(input, p, shape)
    if p == 1:
        result = Dropout.apply(input, mask, _real(input._array.dtype)(0))
    else:
        scale = 1 / math.sqrt((_FLOOR * _FLOOR * p + 1) * (1 - p))
        shift = -_FLOOR * scale * p
        factor = _real(input._array.dtype)(scale)
        result = AlphaDropout.apply(input, mask, factor, shift, _FLOOR * scale + shift)
    return write_(input, result, name) if inplace else result


def alpha_dropout(input: Tensor, p: float = 0.5, training: bool = False, inplace: bool = False) -> Tensor:
    """Dropout for networks of selu: dropped elements take selu's lowest value, and mean and variance are kept.

    Source: Klambauer et al. 2017, arXiv:1706.02515.
    """
    return _alpha_drop("alpha_dropout", input, p, training, inplace, None)


def feature_alpha_dropout(input: Tensor, p: float = 0.5, training: bool = False, inplace: bool = False) -> Tensor:
    """`alpha_dropout` of whole channels of (N, C, ...)."""
    acts = training and p > 0
    shape = _channel_mask("feature_alpha_dropout", input) if acts else None
    return _alpha_drop("feature_alpha_dropout", input, p, training, inplace, shape)


def alpha_dropout_(input: Tensor, p: float, train: bool) -> Tensor:
    """In-place version of `alpha_dropout`."""
    return alpha_dropout(input, p, train, inplace=True)


def feature_alpha_dropout_(input: Tensor, p: float, train: bool) -> Tensor:
    """In-place version of `feature_alpha_dropout`."""
    return feature_alpha_dropout(input, p, train, inplace=True)
