"""MNASNet: MobileNet's blocks arranged by a search that counted the time on a phone.

Source: Tan et al. 2018, arXiv:1807.11626.
"""

from __future__ import annotations

from typing import Any

from ... import nn
from ...errors import ArgumentError
from ...tensor import Tensor
from .initial import divisible, fan_out, initialize
from .weights import published, weights_enum

__all__ = [
    "MNASNet",
    "MNASNet0_5_Weights",
    "MNASNet0_75_Weights",
    "MNASNet1_0_Weights",
    "MNASNet1_3_Weights",
    "mnasnet0_5",
    "mnasnet0_75",
    "mnasnet1_0",
    "mnasnet1_3",
]

_MOMENTUM = 1 - 0.9997  # 0.9997 in TensorFlow's way of counting
# For each stack: kernel, stride of the first block, expansion, how many blocks.
_STACKS = ((3, 2, 3, 3), (5, 2, 3, 3), (5, 2, 6, 3), (3, 1, 6, 2), (5, 2, 6, 4), (3, 1, 6, 1))


def _conv(channels: int, out: int, kernel: int = 1, stride: int = 1, groups: int = 1) -> list[nn.Module]:
    conv = nn.Conv2d(channels, out, kernel, stride, kernel // 2, groups=groups, bias=False)
    return [conv, nn.BatchNorm2d(out, momentum=_MOMENTUM)]


def _relu() -> nn.ReLU:
    return nn.ReLU(inplace=True)


class _InvertedResidual(nn.Module):
    """1 x 1 to more channels, a kernel in each channel by itself, 1 x 1 to few; added to the input if of its shape."""

    def __init__(self, channels: int, out: int, kernel: int, stride: int, expansion: int) -> None:
        super().__init__()
        middle = channels * expansion
        self.apply_residual = channels == out and stride == 1
        self.layers = nn.Sequential(
            *(*_conv(channels, middle), _relu()),
            *(*_conv(middle, middle, kernel, stride, middle), _relu()),
            *_conv(middle, out),
        )

    def forward(self, input: Tensor) -> Tensor:
        return self.layers(input) + input if self.apply_residual else self.layers(input)


class MNASNet(nn.Module):
    """Stacks of blocks.

    Args:
        alpha: scales the channels.
        num_classes: how many classes.
        dropout: the part that is dropped before the classifier.

    Raises:
        ValueError: alpha is not positive.
    """

    _version = 2

    def __init__(self, alpha: float, num_classes: int = 1000, dropout: float = 0.2) -> None:
        super().__init__()
        if alpha <= 0.0:
            raise ArgumentError(f"alpha should be greater than 0.0 instead of {alpha}")
        self.alpha, self.num_classes = alpha, num_classes
        first, second, *rest = (divisible(depth * alpha) for depth in (32, 16, 24, 40, 80, 96, 192, 320))
        layers = [*_conv(3, first, 3, 2), _relu(), *_conv(first, first, 3, groups=first), _relu()]
        layers += _conv(first, second)
        channels = second
        for out, (kernel, stride, expansion, blocks) in zip(rest, _STACKS):
            stack = [_InvertedResidual(channels, out, kernel, stride, expansion)]
            stack += [_InvertedResidual(out, out, kernel, 1, expansion) for _ in range(blocks - 1)]
            layers.append(nn.Sequential(*stack))
            channels = out
        self.layers = nn.Sequential(*layers, *_conv(channels, 1280), _relu())
        self.classifier = nn.Sequential(nn.Dropout(p=dropout, inplace=True), nn.Linear(1280, num_classes))
        initialize(
            self, fan_out, lambda weight: nn.init.kaiming_uniform_(weight, mode="fan_out", nonlinearity="sigmoid")
        )

    def forward(self, x: Tensor) -> Tensor:
        return self.classifier(self.layers(x).mean((2, 3)))


MNASNet0_5_Weights = weights_enum("MNASNet0_5_Weights")
MNASNet0_75_Weights = weights_enum("MNASNet0_75_Weights")
MNASNet1_0_Weights = weights_enum("MNASNet1_0_Weights")
MNASNet1_3_Weights = weights_enum("MNASNet1_3_Weights")


@published(MNASNet0_5_Weights)
def mnasnet0_5(**kwargs: Any) -> MNASNet:
    """MNASNet of half the width."""
    return MNASNet(0.5, **kwargs)


@published(MNASNet0_75_Weights)
def mnasnet0_75(**kwargs: Any) -> MNASNet:
    """MNASNet of three quarters of the width."""
    return MNASNet(0.75, **kwargs)


@published(MNASNet1_0_Weights)
def mnasnet1_0(**kwargs: Any) -> MNASNet:
    """MNASNet."""
    return MNASNet(1.0, **kwargs)


@published(MNASNet1_3_Weights)
def mnasnet1_3(**kwargs: Any) -> MNASNet:
    """MNASNet of 1.3 times the width."""
    return MNASNet(1.3, **kwargs)
