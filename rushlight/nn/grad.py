"""Gradients of convolutions by themselves (`torch.nn.grad`): with respect to the input or the weight."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from ..autograd import grad
from ..autograd.grad_mode import enable_grad
from ..ops import conv1d, conv2d, conv3d


def _input(name: str, conv: Callable[..., Any]) -> Callable[..., Any]:
    def function(
        input_size: Sequence[int],
        weight: Any,
        grad_output: Any,
        stride: Any = 1,
        padding: Any = 0,
        dilation: Any = 1,
        groups: int = 1,
    ) -> Any:
        x = weight.new_zeros(tuple(input_size)).requires_grad_()
        with enable_grad():
            y = conv(x, weight.detach(), None, stride, padding, dilation, groups)
        return grad(y, x, grad_output)[0]

    function.__name__, function.__doc__ = name, f"The gradient of {conv.__name__} for its input, of this size."
    return function


def _weight(name: str, conv: Callable[..., Any]) -> Callable[..., Any]:
    def function(
        input: Any,
        weight_size: Sequence[int],
        grad_output: Any,
        stride: Any = 1,
        padding: Any = 0,
        dilation: Any = 1,
        groups: int = 1,
    ) -> Any:
        weight = input.new_zeros(tuple(weight_size)).requires_grad_()
        with enable_grad():
            y = conv(input.detach(), weight, None, stride, padding, dilation, groups)
        return grad(y, weight, grad_output)[0]

    function.__name__, function.__doc__ = name, f"The gradient of {conv.__name__} for its weight, of this size."
    return function


conv1d_input, conv1d_weight = _input("conv1d_input", conv1d), _weight("conv1d_weight", conv1d)
conv2d_input, conv2d_weight = _input("conv2d_input", conv2d), _weight("conv2d_weight", conv2d)
conv3d_input, conv3d_weight = _input("conv3d_input", conv3d), _weight("conv3d_weight", conv3d)
