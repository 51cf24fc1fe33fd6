"""A convolution or linear layer and the batch norm behind it as one layer, for inference.

bn(W x + b) = s W x + s (b - mean) + shift,    s = scale / sqrt(var + eps), per output channel
"""

from __future__ import annotations

import copy
from typing import Any

from ...ops.like import ones_like, zeros_like
from ...ops.unary import rsqrt
from ...tensor import Tensor
from ..parameter import Parameter

Fused = tuple[Parameter, Parameter]


def _check(layer: Any, bn: Any) -> None:
    if layer.training or bn.training:
        raise AssertionError("Fusion only for eval!")
    if bn.running_mean is None or bn.running_var is None:
        raise AssertionError("bn.running_mean and bn.running_var must not be None")


def _fused(weight: Tensor, bias: Tensor | None, mean: Tensor, scale: Tensor, shift: Tensor, shape: list[int]) -> Fused:
    """Weight and bias with the batch norm in them; `shape` spreads a value per channel over the weight."""
    bias_dtype = weight.dtype if bias is None else bias.dtype
    bias = zeros_like(mean) if bias is None else bias
    fused_weight = (weight * scale.reshape(shape)).to(dtype=weight.dtype)
    fused_bias = ((bias - mean) * scale + shift).to(dtype=bias_dtype)
    return (
        Parameter(fused_weight.detach(), weight.requires_grad),
        Parameter(fused_bias.detach(), bias.requires_grad),
    )


def fuse_conv_bn_weights(
    conv_w: Tensor,
    conv_b: Tensor | None,
    bn_rm: Tensor,
    bn_rv: Tensor,
    bn_eps: float,
    bn_w: Tensor | None,
    bn_b: Tensor | None,
    transpose: bool = False,
) -> Fused:
    """Weight and bias of a convolution with a batch norm in them.

    Args:
        conv_w, conv_b: the convolution's; conv_b may be None.
        bn_rm, bn_rv, bn_eps, bn_w, bn_b: the batch norm's running mean and variance, eps, weight and bias (or None).
        transpose: the weight is that of a transposed convolution, (C, O, *K).
    """
    scale = (ones_like(bn_rm) if bn_w is None else bn_w) * rsqrt(bn_rv + bn_eps)
    shift = zeros_like(bn_rm) if bn_b is None else bn_b
    shape = [1] * conv_w.ndim
    shape[1 if transpose else 0] = -1
    return _fused(conv_w, conv_b, bn_rm, scale, shift, shape)


def fuse_conv_bn_eval(conv: Any, bn: Any, transpose: bool = False) -> Any:
    """A copy of `conv` that computes bn(conv(x)); both must be in evaluation mode.

    Raises:
        AssertionError: one of them is in training mode, or the batch norm keeps no running statistics.
    """
    _check(conv, bn)
    fused = copy.deepcopy(conv)
    norm = bn.running_mean, bn.running_var, bn.eps, bn.weight, bn.bias
    fused.weight, fused.bias = fuse_conv_bn_weights(fused.weight, fused.bias, *norm, transpose)
    return fused


def fuse_linear_bn_weights(
    linear_w: Tensor,
    linear_b: Tensor | None,
    bn_rm: Tensor,
    bn_rv: Tensor,
    bn_eps: float,
    bn_w: Tensor,
    bn_b: Tensor,
) -> Fused:
    """Weight and bias of a linear layer with a batch norm in them; see `fuse_conv_bn_weights`."""
    return _fused(linear_w, linear_b, bn_rm, bn_w * rsqrt(bn_rv + bn_eps), bn_b, [-1, 1])


def fuse_linear_bn_eval(linear: Any, bn: Any) -> Any:
    """A copy of `linear` that computes bn(linear(x)); both must be in evaluation mode.

    Raises:
        AssertionError: as `fuse_conv_bn_eval`, or the numbers of features differ and the batch norm's is not 1.
    """
    _check(linear, bn)
    if bn.num_features not in (1, linear.out_features):
        raise AssertionError(
            "To fuse, linear.out_features == bn.num_features or bn.num_features == 1, got "
            f"linear.out_features={linear.out_features} and bn.num_features={bn.num_features}"
        )
    fused = copy.deepcopy(linear)
    norm = bn.running_mean, bn.running_var, bn.eps, bn.weight, bn.bias
    fused.weight, fused.bias = fuse_linear_bn_weights(fused.weight, fused.bias, *norm)
    return fused
