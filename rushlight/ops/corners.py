"""Activations made of straight lines joined at corners: hardtanh, leaky_relu, threshold, shrinking, and the lines in
place of sigmoid and silu; also with a slope that is learned (prelu) or drawn (rrelu).

Each is a pair of kernels with native twins. In half precision they are computed in float32 and rounded once.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np

from .. import random
from ..autograd.tape import Operator, TensorBase
from ..errors import ArgumentError, OperatorError, ShapeError
from ..kernels import fused, kernel, xp
from ..kernels.places import device_of
from .activation import activate
from .choosing import clamped
from .promotion import unbroadcast
from .unary import operator

if TYPE_CHECKING:
    from ..tensor import Tensor

Array = Any


# ----------------------------------------------------------------------------------------------------- their kernels


@kernel
@fused
def inside_backward(grad: Array, x: Array, low: float, high: float) -> Array:
    """grad where x lies inside (low, high), else 0."""
    return xp.where((x <= low) | (x >= high), 0, grad)


@kernel
@fused
def leaky_relu_forward(x: Array, slope: float) -> Array:
    return xp.where(x > 0, x, x * slope)


@kernel
@fused
def leaky_relu_backward(grad: Array, x: Array, slope: float) -> Array:
    return xp.where(x > 0, grad, grad * slope)


@kernel
@fused
def hardshrink_forward(x: Array, lambd: float) -> Array:
    return xp.where((x >= -lambd) & (x <= lambd), 0, x)


@kernel
@fused
def softshrink_forward(x: Array, lambd: float) -> Array:
    return xp.where(x > lambd, x - lambd, xp.where(x < -lambd, x + lambd, x * 0))


@kernel
@fused
def shrink_backward(grad: Array, x: Array, lambd: float) -> Array:
    return xp.where((x >= -lambd) & (x <= lambd), 0, grad)


@kernel
@fused
def hardsigmoid_forward(x: Array) -> Array:
    return xp.minimum(xp.maximum(x + 3, 0), 6) / 6


@kernel
@fused
def hardsigmoid_backward(grad: Array, x: Array) -> Array:
    return xp.where((x > -3) & (x < 3), grad * (1 / 6), 0)


@kernel
@fused
def hardswish_forward(x: Array) -> Array:
    return x * xp.minimum(xp.maximum(x + 3, 0), 6) / 6


@kernel
@fused
def hardswish_backward(grad: Array, x: Array) -> Array:
    return xp.where(x <= -3, 0, xp.where(x < 3, grad * (x / 3 + 0.5), grad))


Hardtanh = operator("Hardtanh", clamped, inside_backward)
LeakyRelu = operator("LeakyRelu", leaky_relu_forward, leaky_relu_backward)
Threshold = operator(
    "Threshold",
    lambda x, threshold, value: xp.where(x <= threshold, x.dtype.type(value), x),
    lambda grad, x, threshold, value: xp.where(x <= threshold, 0, grad),
)
Hardshrink = operator("Hardshrink", hardshrink_forward, shrink_backward)
Softshrink = operator("Softshrink", softshrink_forward, shrink_backward)
Hardsigmoid = operator("Hardsigmoid", hardsigmoid_forward, hardsigmoid_backward)
Hardswish = operator("Hardswish", hardswish_forward, hardswish_backward)


# ----------------------------------------------------------------------------------------------------- the functions


def relu6(input: Tensor, inplace: bool = False) -> Tensor:
    """min(max(input, 0), 6)."""
    return activate(Hardtanh, "relu6", input, inplace, 0, 6, kinds="fViu")


def hardtanh(input: Tensor, min_val: float = -1.0, max_val: float = 1.0, inplace: bool = False) -> Tensor:
    """min(max(input, min_val), max_val).

    Raises:
        ValueError: min_val > max_val.
    """
    if min_val > max_val:
        raise ArgumentError(f"hardtanh: min_val {min_val} cannot be greater than max_val {max_val}")
    if isinstance(input, TensorBase) and input._array.dtype.kind in "iu":
        min_val, max_val = int(min_val), int(max_val)
        if input._array.dtype.kind == "u" and min_val < 0:
            raise OperatorError("hardtanh: cannot do hardtanh on an unsigned type with negative limits")
    return activate(Hardtanh, "hardtanh", input, inplace, min_val, max_val, kinds="fViu")


def leaky_relu(input: Tensor, negative_slope: float = 0.01, inplace: bool = False) -> Tensor:
    """input where it is positive, negative_slope * input elsewhere.

    Source: Maas et al. 2013, "Rectifier Nonlinearities Improve Neural Network Acoustic Models".
    """
    return activate(LeakyRelu, "leaky_relu", input, inplace, negative_slope)


def threshold(input: Tensor, threshold: float, value: float, inplace: bool = False) -> Tensor:
    """input where it is above `threshold`, `value` elsewhere; NaN stays NaN."""
    return activate(Threshold, "threshold", input, inplace, threshold, value, kinds="fViu")


def hardshrink(input: Tensor, lambd: float = 0.5) -> Tensor:
    """0 where |input| <= lambd, input elsewhere."""
    return activate(Hardshrink, "hardshrink", input, False, lambd)


def softshrink(input: Tensor, lambd: float = 0.5) -> Tensor:
    """input moved towards 0 by lambd, and 0 where |input| <= lambd.

    Raises:
        RuntimeError: lambd < 0.
    """
    if lambd < 0:
        raise OperatorError(f"softshrink: lambda must be greater or equal to 0, but found to be {lambd}.")
    return activate(Softshrink, "softshrink", input, False, lambd)


def hardsigmoid(input: Tensor, inplace: bool = False) -> Tensor:
    """min(max(input + 3, 0), 6) / 6: a line in place of the sigmoid."""
    return activate(Hardsigmoid, "hardsigmoid", input, inplace)


def hardswish(input: Tensor, inplace: bool = False) -> Tensor:
    """input * hardsigmoid(input).

    Source: Howard et al. 2019, arXiv:1905.02244.
    """
    return activate(Hardswish, "hardswish", input, inplace)


# ------------------------------------------------------------------------------------------ slopes learned and drawn


@fused
def _prelu(x: Array, weight: Array) -> Array:
    return xp.where(x > 0, x, x * weight)


@fused
def _prelu_backward(grad: Array, x: Array, weight: Array) -> Array:
    return xp.where(x > 0, grad, grad * weight)


@fused
def _prelu_weight_gradient(grad: Array, x: Array) -> Array:
    return xp.where(x > 0, 0, grad * x)


class Prelu(Operator):
    """x where it is positive, weight * x elsewhere; weight is shaped to broadcast with x."""

    saves = (0, 1)
    curved = True

    @staticmethod
    def forward(ctx: Any, x: Array, weight: Array) -> Array:
        ctx.save(x, weight)
        return _prelu(x, weight)

    @staticmethod
    def backward(ctx: Any, grad: Array) -> Any:
        x, weight = ctx.saved
        dx = _prelu_backward(grad, x, weight)
        return dx, unbroadcast(_prelu_weight_gradient(grad, x), weight.shape) if ctx.needs[1] else None


def prelu(input: Tensor, weight: Tensor) -> Tensor:
    """input where it is positive, weight * input elsewhere.

    Args:
        weight: 0-d or (1,), or (C,) for an input (N, C, ...).

    Raises:
        RuntimeError: another dtype, or a number of weights that is neither 1 nor C.

    Source: He et al. 2015, arXiv:1502.01852.
    """
    x, w = input._array, weight._array
    if x.dtype != w.dtype:
        raise OperatorError(f"prelu: Type promoting not supported. Got {input.dtype} and {weight.dtype}")
    if w.ndim > 1:
        raise ShapeError(f"prelu: Expected `weight` to be a scalar or 1D tensor, but got: ndim = {w.ndim}")
    if w.size != 1:
        if x.ndim == 0:
            raise ShapeError("prelu: Not allow zero-dim input tensor with several weights.")
        channels = x.shape[1] if x.ndim > 1 else 1
        if channels != w.size:
            raise ShapeError(
                f"prelu: Mismatch of parameter numbers and input channel size. Found parameter numbers = {w.size} and "
                f"channel size = {channels}."
            )
    shape = (1, w.size) + (1,) * (x.ndim - 2) if x.ndim > 1 else (1,) * x.ndim
    return activate(Prelu, "prelu", input, False, weight.reshape(shape))


class Rrelu(Operator):
    """x times a slope per element, 1 where x is positive."""

    curved = True

    @staticmethod
    def forward(ctx: Any, x: Array, slopes: Array) -> Array:
        ctx.slopes = slopes
        return x * slopes

    @staticmethod
    def backward(ctx: Any, grad: Array) -> Array:
        return grad * ctx.slopes


def rrelu(
    input: Tensor, lower: float = 1.0 / 8, upper: float = 1.0 / 3, training: bool = False, inplace: bool = False
) -> Tensor:
    """leaky_relu with a slope drawn anew for each negative element from [lower, upper) in training, their mean
    otherwise.

    Raises:
        RuntimeError: lower > upper, or a bound is not finite.

    Source: Xu et al. 2015, arXiv:1505.00853.
    """
    if not (math.isfinite(lower) and math.isfinite(upper) and lower <= upper):
        raise OperatorError(
            f"rrelu: lower bound {lower} should be less than or equal to the upper bound {upper}, both finite"
        )
    if not training:
        return leaky_relu(input, (lower + upper) / 2, inplace)
    return activate(Rrelu, "rrelu", input, inplace, _random_slopes(input._array, lower, upper))


def _random_slopes(x: Array, lower: float, upper: float) -> Array:
    """torch: one float64 draw for each element that is not positive, in row-major order."""
    slopes = np.ones_like(x, order="C")
    negative = x <= 0
    generator = random.source(None, device_of(x))
    slopes[negative] = random.uniform(generator, (int(negative.sum()),), np.float64) * (upper - lower) + lower
    return slopes


# ------------------------------------------------------------------------------------------------- in-place variants


def leaky_relu_(input: Tensor, negative_slope: float = 0.01) -> Tensor:
    """In-place version of `leaky_relu`."""
    return leaky_relu(input, negative_slope, inplace=True)


def hardtanh_(input: Tensor, min_val: float = -1.0, max_val: float = 1.0) -> Tensor:
    """In-place version of `hardtanh`."""
    return hardtanh(input, min_val, max_val, inplace=True)


def threshold_(input: Tensor, threshold_: float, value: float) -> Tensor:
    """In-place version of `threshold`."""
    return threshold(input, threshold_, value, inplace=True)


def rrelu_(input: Tensor, lower: float = 1.0 / 8, upper: float = 1.0 / 3, training: bool = False) -> Tensor:
    """In-place version of `rrelu`."""
    return rrelu(input, lower, upper, training, inplace=True)
