"""DenseNet: every layer sees the results of all layers before it.

Source: Huang et al. 2016, arXiv:1608.06993.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

from ... import nn, ops
from ...errors import UnsupportedError
from ...nn.functional import dropout
from ...tensor import Tensor
from .initial import initialize, kept
from .weights import published, weights_enum

__all__ = [
    "DenseNet",
    "DenseNet121_Weights",
    "DenseNet161_Weights",
    "DenseNet169_Weights",
    "DenseNet201_Weights",
    "densenet121",
    "densenet161",
    "densenet169",
    "densenet201",
]


class _DenseLayer(nn.Module):
    """All results before it -> `growth_rate` new channels, by way of bn_size times as many."""

    def __init__(self, channels: int, growth_rate: int, bn_size: int, drop_rate: float) -> None:
        super().__init__()
        middle = bn_size * growth_rate
        self.norm1 = nn.BatchNorm2d(channels)
        self.relu1 = nn.ReLU(inplace=True)
        self.conv1 = nn.Conv2d(channels, middle, kernel_size=1, bias=False)
        self.norm2 = nn.BatchNorm2d(middle)
        self.relu2 = nn.ReLU(inplace=True)
        self.conv2 = nn.Conv2d(middle, growth_rate, kernel_size=3, padding=1, bias=False)
        self.drop_rate = float(drop_rate)

    def forward(self, features: list[Tensor]) -> Tensor:
        narrow = self.conv1(self.relu1(self.norm1(ops.cat(features, 1))))
        new = self.conv2(self.relu2(self.norm2(narrow)))
        return dropout(new, self.drop_rate, self.training) if self.drop_rate > 0 else new


class _DenseBlock(nn.ModuleDict):
    _version = 2

    def __init__(self, layers: int, channels: int, growth_rate: int, **options: Any) -> None:
        super().__init__()
        for i in range(layers):
            layer = _DenseLayer(channels + i * growth_rate, growth_rate, **options)
            self.add_module(f"denselayer{i + 1}", layer)

    def forward(self, x: Tensor) -> Tensor:
        features = [x]
        for layer in self.values():
            features.append(layer(features))
        return ops.cat(features, 1)


class _Transition(nn.Sequential):
    """To half of the channels and half of the size."""

    def __init__(self, channels: int, out_channels: int) -> None:
        super().__init__()
        self.norm = nn.BatchNorm2d(channels)
        self.relu = nn.ReLU(inplace=True)
        self.conv = nn.Conv2d(channels, out_channels, kernel_size=1, bias=False)
        self.pool = nn.AvgPool2d(kernel_size=2, stride=2)


class DenseNet(nn.Module):
    """Blocks of layers that see each other, with transitions between them.

    Args:
        growth_rate: how many channels a layer adds.
        block_config: how many layers each block has.
        num_init_features: channels of the first convolution.
        bn_size: how many times growth_rate a layer has in its middle.
        drop_rate: the part of a layer's result that is dropped.
        num_classes: how many classes.
        memory_efficient: False; computing parts again in the backward pass is refused.

    Raises:
        NotImplementedError: memory_efficient.
    """

    def __init__(
        self,
        growth_rate: int = 32,
        block_config: Sequence[int] = (6, 12, 24, 16),
        num_init_features: int = 64,
        bn_size: int = 4,
        drop_rate: float = 0,
        num_classes: int = 1000,
        memory_efficient: bool = False,
    ) -> None:
        super().__init__()
        if memory_efficient:
            raise UnsupportedError(
                "DenseNet: memory_efficient=True is not supported; without it the results are the same"
            )
        options = {"bn_size": bn_size, "drop_rate": drop_rate}
        channels = num_init_features
        self.features = nn.Sequential()
        self.features.add_module("conv0", nn.Conv2d(3, channels, kernel_size=7, stride=2, padding=3, bias=False))
        self.features.add_module("norm0", nn.BatchNorm2d(channels))
        self.features.add_module("relu0", nn.ReLU(inplace=True))
        self.features.add_module("pool0", nn.MaxPool2d(kernel_size=3, stride=2, padding=1))
        for i, layers in enumerate(block_config, 1):
            self.features.add_module(f"denseblock{i}", _DenseBlock(layers, channels, growth_rate, **options))
            channels += layers * growth_rate
            if i < len(block_config):
                self.features.add_module(f"transition{i}", _Transition(channels, channels // 2))
                channels //= 2
        self.features.add_module("norm5", nn.BatchNorm2d(channels))
        self.classifier = nn.Linear(channels, num_classes)
        initialize(self, nn.init.kaiming_normal_, kept)

    def forward(self, x: Tensor) -> Tensor:
        return self.classifier(self.features(x).relu().mean((2, 3)))


def _modern_keys(state: dict[str, Any]) -> dict[str, Any]:
    """The published files have norm.1 for norm1."""
    pattern = re.compile(r"(denselayer\d+\.(?:norm|relu|conv))\.([12]\.)")
    return {pattern.sub(r"\1\2", key): value for key, value in state.items()}


DenseNet121_Weights = weights_enum("DenseNet121_Weights")
DenseNet161_Weights = weights_enum("DenseNet161_Weights")
DenseNet169_Weights = weights_enum("DenseNet169_Weights")
DenseNet201_Weights = weights_enum("DenseNet201_Weights")


@published(DenseNet121_Weights, adapt=_modern_keys)
def densenet121(**kwargs: Any) -> DenseNet:
    """DenseNet of 121 layers."""
    return DenseNet(32, (6, 12, 24, 16), 64, **kwargs)


@published(DenseNet161_Weights, adapt=_modern_keys)
def densenet161(**kwargs: Any) -> DenseNet:
    """DenseNet of 161 layers."""
    return DenseNet(48, (6, 12, 36, 24), 96, **kwargs)


@published(DenseNet169_Weights, adapt=_modern_keys)
def densenet169(**kwargs: Any) -> DenseNet:
    """DenseNet of 169 layers."""
    return DenseNet(32, (6, 12, 32, 32), 64, **kwargs)


@published(DenseNet201_Weights, adapt=_modern_keys)
def densenet201(**kwargs: Any) -> DenseNet:
    """DenseNet of 201 layers."""
    return DenseNet(32, (6, 12, 48, 32), 64, **kwargs)
