"""What the networks' weights begin with, filled in the order of their modules, as torchvision does."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ... import nn
from ...tensor import Tensor

Fill = Callable[[Tensor], Any]


def fan_out(weight: Tensor) -> None:
    """Normal numbers that keep the gradients' size through relu."""
    nn.init.kaiming_normal_(weight, mode="fan_out", nonlinearity="relu")


def small(weight: Tensor) -> None:
    """Normal numbers of deviation 0.01."""
    nn.init.normal_(weight, 0, 0.01)


def kept(weight: Tensor) -> None:
    """What the layer began with."""


def initialize(model: nn.Module, conv: Fill, linear: Fill | None = None) -> None:
    """Fills the weights of convolutions, and of linear layers (None: leaves them as they are); biases become 0,
    normalizations the identity."""
    for module in model.modules():
        if isinstance(module, nn.BatchNorm2d | nn.GroupNorm):
            nn.init.ones_(module.weight)
            nn.init.zeros_(module.bias)
        elif isinstance(module, nn.Conv2d):
            _fill(module, conv)
        elif isinstance(module, nn.Linear) and linear is not None:
            _fill(module, linear)


def _fill(layer: nn.Conv2d | nn.Linear, weights: Fill) -> None:
    weights(layer.weight)
    if layer.bias is not None:
        nn.init.zeros_(layer.bias)


def divisible(channels: float, divisor: int = 8) -> int:
    """The nearest multiple of the divisor, at least the divisor and at least nine tenths."""
    rounded = max(divisor, int(channels + divisor / 2) // divisor * divisor)
    return rounded + divisor if rounded < 0.9 * channels else rounded
