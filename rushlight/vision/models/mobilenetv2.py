"""MobileNet v2: many channels inside a block, few between blocks.

Source: Sandler et al. 2018, arXiv:1801.04381.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ... import nn
from ...errors import ArgumentError
from ...tensor import Tensor
from ..ops.misc import Conv2dNormActivation
from .initial import divisible, fan_out, initialize, small
from .weights import published, weights_enum

__all__ = [
    "MobileNetV2",
    "MobileNet_V2_Weights",
    "mobilenet_v2",
]


class InvertedResidual(nn.Module):
    """1 x 1 to more channels, 3 x 3 in each channel by itself, 1 x 1 to few; added to the input if of its shape.

    Args:
        inp, oup: channels of the input and of the result.
        stride: 1 or 2.
        expand_ratio: how many times more channels.
        norm_layer: makes a normalization.
    """

    def __init__(self, inp: int, oup: int, stride: int, expand_ratio: float, norm_layer: Any = nn.BatchNorm2d) -> None:
        super().__init__()
        if stride not in (1, 2):
            raise ArgumentError(f"stride should be 1 or 2 instead of {stride}")
        middle = round(inp * expand_ratio)
        options = {"norm_layer": norm_layer, "activation_layer": nn.ReLU6}
        layers: list[nn.Module] = []
        if expand_ratio != 1:
            layers.append(Conv2dNormActivation(inp, middle, kernel_size=1, **options))
        layers.append(Conv2dNormActivation(middle, middle, stride=stride, groups=middle, **options))
        layers += [nn.Conv2d(middle, oup, 1, bias=False), norm_layer(oup)]
        self.conv = nn.Sequential(*layers)
        self.stride, self.out_channels, self.use_res_connect = stride, oup, stride == 1 and inp == oup

    def forward(self, x: Tensor) -> Tensor:
        return x + self.conv(x) if self.use_res_connect else self.conv(x)


# For each stage: expansion, channels, how many blocks, stride of the first.
_STAGES = ((1, 16, 1, 1), (6, 24, 2, 2), (6, 32, 3, 2), (6, 64, 4, 2), (6, 96, 3, 1), (6, 160, 3, 2), (6, 320, 1, 1))


class MobileNetV2(nn.Module):
    """Stages of inverted residuals.

    Args:
        num_classes: how many classes.
        width_mult: scales the channels.
        inverted_residual_setting: rows in place of `_STAGES`.
        round_nearest: channels are multiples of it.
        block: in place of InvertedResidual.
        norm_layer: makes a normalization.
        dropout: the part that is dropped before the classifier.
    """

    def __init__(
        self,
        num_classes: int = 1000,
        width_mult: float = 1.0,
        inverted_residual_setting: Sequence[Sequence[int]] | None = None,
        round_nearest: int = 8,
        block: Any = None,
        norm_layer: Any = None,
        dropout: float = 0.2,
    ) -> None:
        super().__init__()
        block, norm_layer = block or InvertedResidual, norm_layer or nn.BatchNorm2d
        stages = _STAGES if inverted_residual_setting is None else inverted_residual_setting
        if not stages or len(stages[0]) != 4:
            raise ArgumentError(f"inverted_residual_setting should be non-empty or a 4-element list, got {stages}")
        options = {"norm_layer": norm_layer, "activation_layer": nn.ReLU6}
        channels = divisible(32 * width_mult, round_nearest)
        self.last_channel = divisible(1280 * max(1.0, width_mult), round_nearest)
        features: list[nn.Module] = [Conv2dNormActivation(3, channels, stride=2, **options)]
        for expansion, width, blocks, stride in stages:
            out = divisible(width * width_mult, round_nearest)
            for i in range(blocks):
                features.append(block(channels, out, 1 if i else stride, expansion, norm_layer))
                channels = out
        features.append(Conv2dNormActivation(channels, self.last_channel, kernel_size=1, **options))
        self.features = nn.Sequential(*features)
        self.classifier = nn.Sequential(nn.Dropout(p=dropout), nn.Linear(self.last_channel, num_classes))
        initialize(self, fan_out, small)

    def forward(self, x: Tensor) -> Tensor:
        return self.classifier(self.features(x).mean((2, 3)))


MobileNet_V2_Weights = weights_enum("MobileNet_V2_Weights")


@published(MobileNet_V2_Weights)
def mobilenet_v2(**kwargs: Any) -> MobileNetV2:
    """MobileNet v2."""
    return MobileNetV2(**kwargs)
