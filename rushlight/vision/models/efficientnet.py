"""EfficientNet: depth, width and size of the images scaled together; v2: with fused blocks at the beginning.

Source: Tan, Le 2019, arXiv:1905.11946 and 2021, arXiv:2104.00298.
"""

from __future__ import annotations

import copy
import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

from ... import nn
from ...errors import ArgumentError, DTypeError
from ...tensor import Tensor
from ..ops.misc import Conv2dNormActivation, SqueezeExcitation
from ..ops.stochastic_depth import StochasticDepth
from .initial import divisible, fan_out, initialize
from .weights import published, weights_enum

__all__ = [
    "EfficientNet",
    "EfficientNet_B0_Weights",
    "EfficientNet_B1_Weights",
    "EfficientNet_B2_Weights",
    "EfficientNet_B3_Weights",
    "EfficientNet_B4_Weights",
    "EfficientNet_B5_Weights",
    "EfficientNet_B6_Weights",
    "EfficientNet_B7_Weights",
    "EfficientNet_V2_L_Weights",
    "EfficientNet_V2_M_Weights",
    "EfficientNet_V2_S_Weights",
    "efficientnet_b0",
    "efficientnet_b1",
    "efficientnet_b2",
    "efficientnet_b3",
    "efficientnet_b4",
    "efficientnet_b5",
    "efficientnet_b6",
    "efficientnet_b7",
    "efficientnet_v2_l",
    "efficientnet_v2_m",
    "efficientnet_v2_s",
]


@dataclass
class _MBConvConfig:
    """A stage: expansion and kernel of its blocks, stride of the first, channels, how many blocks, and their class."""

    expand_ratio: float
    kernel: int
    stride: int
    input_channels: int
    out_channels: int
    num_layers: int
    block: Any


class MBConvConfig(_MBConvConfig):
    """A stage of `MBConv`, whose channels and number of blocks are scaled."""

    def __init__(
        self,
        expand_ratio: float,
        kernel: int,
        stride: int,
        input_channels: int,
        out_channels: int,
        num_layers: int,
        width_mult: float = 1.0,
        depth_mult: float = 1.0,
        block: Any = None,
    ) -> None:
        before, after = divisible(input_channels * width_mult), divisible(out_channels * width_mult)
        layers = math.ceil(num_layers * depth_mult)
        super().__init__(expand_ratio, kernel, stride, before, after, layers, block or MBConv)


class FusedMBConvConfig(_MBConvConfig):
    """A stage of `FusedMBConv`."""

    def __init__(
        self,
        expand_ratio: float,
        kernel: int,
        stride: int,
        input_channels: int,
        out_channels: int,
        num_layers: int,
        block: Any = None,
    ) -> None:
        super().__init__(expand_ratio, kernel, stride, input_channels, out_channels, num_layers, block or FusedMBConv)


class _Block(nn.Module):
    """Layers whose result is added to the input if of its shape, or left out at random."""

    def __init__(self, cnf: _MBConvConfig, stochastic_depth_prob: float, layers: list[nn.Module]) -> None:
        super().__init__()
        if cnf.stride not in (1, 2):
            raise ArgumentError("illegal stride value")
        self.use_res_connect = cnf.stride == 1 and cnf.input_channels == cnf.out_channels
        self.block = nn.Sequential(*layers)
        self.stochastic_depth = StochasticDepth(stochastic_depth_prob, "row")
        self.out_channels = cnf.out_channels

    def forward(self, input: Tensor) -> Tensor:
        result = self.block(input)
        return self.stochastic_depth(result) + input if self.use_res_connect else result


class MBConv(_Block):
    """1 x 1 to more channels, a kernel in each channel by itself, squeeze and excitation, 1 x 1 to few."""

    def __init__(
        self, cnf: _MBConvConfig, stochastic_depth_prob: float, norm_layer: Any, se_layer: Any = SqueezeExcitation
    ) -> None:
        conv = partial(Conv2dNormActivation, norm_layer=norm_layer, activation_layer=nn.SiLU)
        middle = divisible(cnf.input_channels * cnf.expand_ratio)
        layers: list[nn.Module] = []
        if middle != cnf.input_channels:
            layers.append(conv(cnf.input_channels, middle, kernel_size=1))
        layers.append(conv(middle, middle, kernel_size=cnf.kernel, stride=cnf.stride, groups=middle))
        squeezed = max(1, cnf.input_channels // 4)
        layers.append(se_layer(middle, squeezed, activation=partial(nn.SiLU, inplace=True)))
        layers.append(conv(middle, cnf.out_channels, kernel_size=1, activation_layer=None))
        super().__init__(cnf, stochastic_depth_prob, layers)


class FusedMBConv(_Block):
    """A full kernel to more channels, 1 x 1 to few; only the kernel where there are no more channels."""

    def __init__(self, cnf: _MBConvConfig, stochastic_depth_prob: float, norm_layer: Any) -> None:
        conv = partial(Conv2dNormActivation, norm_layer=norm_layer, activation_layer=nn.SiLU)
        middle = divisible(cnf.input_channels * cnf.expand_ratio)
        expands = middle != cnf.input_channels
        first = conv(
            cnf.input_channels, middle if expands else cnf.out_channels, kernel_size=cnf.kernel, stride=cnf.stride
        )
        layers: list[nn.Module] = [first]
        if expands:
            layers.append(conv(middle, cnf.out_channels, kernel_size=1, activation_layer=None))
        super().__init__(cnf, stochastic_depth_prob, layers)


class EfficientNet(nn.Module):
    """Stages of blocks.

    Args:
        inverted_residual_setting: the stages.
        dropout: the part that is dropped before the classifier.
        stochastic_depth_prob: how often the last block is left out; the others less, in proportion.
        num_classes: how many classes.
        norm_layer: makes a normalization.
        last_channel: channels of the last convolution; four times those before it by default.

    Raises:
        ValueError, TypeError: no stages.
    """

    def __init__(
        self,
        inverted_residual_setting: Sequence[_MBConvConfig],
        dropout: float,
        stochastic_depth_prob: float = 0.2,
        num_classes: int = 1000,
        norm_layer: Any = None,
        last_channel: int | None = None,
    ) -> None:
        super().__init__()
        stages = inverted_residual_setting
        if not stages:
            raise ArgumentError("The inverted_residual_setting should not be empty")
        if not all(isinstance(stage, _MBConvConfig) for stage in stages):
            raise DTypeError("The inverted_residual_setting should be List[MBConvConfig]")
        norm_layer = norm_layer or nn.BatchNorm2d
        conv = partial(Conv2dNormActivation, norm_layer=norm_layer, activation_layer=nn.SiLU)
        layers: list[nn.Module] = [conv(3, stages[0].input_channels, kernel_size=3, stride=2)]
        total, before = sum(stage.num_layers for stage in stages), 0
        for stage in stages:
            probs = [stochastic_depth_prob * (before + i) / total for i in range(stage.num_layers)]
            layers.append(_stage(stage, probs, norm_layer))
            before += stage.num_layers
        last = stages[-1].out_channels
        final = last_channel or 4 * last
        self.features = nn.Sequential(*layers, conv(last, final, kernel_size=1))
        self.avgpool = nn.AdaptiveAvgPool2d(1)
        self.classifier = nn.Sequential(nn.Dropout(p=dropout, inplace=True), nn.Linear(final, num_classes))
        initialize(self, fan_out, _even)

    def forward(self, x: Tensor) -> Tensor:
        return self.classifier(self.avgpool(self.features(x)).flatten(1))


def _stage(stage: _MBConvConfig, probs: Sequence[float], norm_layer: Any) -> nn.Sequential:
    further = copy.copy(stage)
    further.input_channels, further.stride = stage.out_channels, 1
    return nn.Sequential(*(stage.block(further if i else stage, p, norm_layer) for i, p in enumerate(probs)))


def _even(weight: Tensor) -> None:
    bound = 1.0 / math.sqrt(weight.shape[0])
    nn.init.uniform_(weight, -bound, bound)


def _b(width: float, depth: float, dropout: float, kwargs: dict[str, Any], **options: Any) -> EfficientNet:
    stage = partial(MBConvConfig, width_mult=width, depth_mult=depth)
    stages = [
        stage(1, 3, 1, 32, 16, 1),
        stage(6, 3, 2, 16, 24, 2),
        stage(6, 5, 2, 24, 40, 2),
        stage(6, 3, 2, 40, 80, 3),
        stage(6, 5, 1, 80, 112, 3),
        stage(6, 5, 2, 112, 192, 4),
        stage(6, 3, 1, 192, 320, 1),
    ]
    return EfficientNet(stages, kwargs.pop("dropout", dropout), **options, **kwargs)


_SLOW = partial(nn.BatchNorm2d, eps=0.001, momentum=0.01)


EfficientNet_B0_Weights = weights_enum("EfficientNet_B0_Weights")
EfficientNet_B1_Weights = weights_enum("EfficientNet_B1_Weights")
EfficientNet_B2_Weights = weights_enum("EfficientNet_B2_Weights")
EfficientNet_B3_Weights = weights_enum("EfficientNet_B3_Weights")
EfficientNet_B4_Weights = weights_enum("EfficientNet_B4_Weights")
EfficientNet_B5_Weights = weights_enum("EfficientNet_B5_Weights")
EfficientNet_B6_Weights = weights_enum("EfficientNet_B6_Weights")
EfficientNet_B7_Weights = weights_enum("EfficientNet_B7_Weights")
EfficientNet_V2_S_Weights = weights_enum("EfficientNet_V2_S_Weights")
EfficientNet_V2_M_Weights = weights_enum("EfficientNet_V2_M_Weights")
EfficientNet_V2_L_Weights = weights_enum("EfficientNet_V2_L_Weights")


@published(EfficientNet_B0_Weights)
def efficientnet_b0(**kwargs: Any) -> EfficientNet:
    """EfficientNet B0."""
    return _b(1.0, 1.0, 0.2, kwargs)


@published(EfficientNet_B1_Weights)
def efficientnet_b1(**kwargs: Any) -> EfficientNet:
    """EfficientNet B1."""
    return _b(1.0, 1.1, 0.2, kwargs)


@published(EfficientNet_B2_Weights)
def efficientnet_b2(**kwargs: Any) -> EfficientNet:
    """EfficientNet B2."""
    return _b(1.1, 1.2, 0.3, kwargs)


@published(EfficientNet_B3_Weights)
def efficientnet_b3(**kwargs: Any) -> EfficientNet:
    """EfficientNet B3."""
    return _b(1.2, 1.4, 0.3, kwargs)


@published(EfficientNet_B4_Weights)
def efficientnet_b4(**kwargs: Any) -> EfficientNet:
    """EfficientNet B4."""
    return _b(1.4, 1.8, 0.4, kwargs)


@published(EfficientNet_B5_Weights)
def efficientnet_b5(**kwargs: Any) -> EfficientNet:
    """EfficientNet B5."""
    return _b(1.6, 2.2, 0.4, kwargs, norm_layer=_SLOW)


@published(EfficientNet_B6_Weights)
def efficientnet_b6(**kwargs: Any) -> EfficientNet:
    """EfficientNet B6."""
    return _b(1.8, 2.6, 0.5, kwargs, norm_layer=_SLOW)


@published(EfficientNet_B7_Weights)
def efficientnet_b7(**kwargs: Any) -> EfficientNet:
    """EfficientNet B7."""
    return _b(2.0, 3.1, 0.5, kwargs, norm_layer=_SLOW)


# Expansion, kernel, stride, channels of input and result, how many blocks: fused stages, then others.
_V2: dict[str, tuple[Any, Any]] = {
    "s": (
        ((1, 3, 1, 24, 24, 2), (4, 3, 2, 24, 48, 4), (4, 3, 2, 48, 64, 4)),
        ((4, 3, 2, 64, 128, 6), (6, 3, 1, 128, 160, 9), (6, 3, 2, 160, 256, 15)),
    ),
    "m": (
        ((1, 3, 1, 24, 24, 3), (4, 3, 2, 24, 48, 5), (4, 3, 2, 48, 80, 5)),
        ((4, 3, 2, 80, 160, 7), (6, 3, 1, 160, 176, 14), (6, 3, 2, 176, 304, 18), (6, 3, 1, 304, 512, 5)),
    ),
    "l": (
        ((1, 3, 1, 32, 32, 4), (4, 3, 2, 32, 64, 7), (4, 3, 2, 64, 96, 7)),
        ((4, 3, 2, 96, 192, 10), (6, 3, 1, 192, 224, 19), (6, 3, 2, 224, 384, 25), (6, 3, 1, 384, 640, 7)),
    ),
}


def _v2(size: str, dropout: float, kwargs: dict[str, Any]) -> EfficientNet:
    fused, others = _V2[size]
    stages = [*(FusedMBConvConfig(*row) for row in fused), *(MBConvConfig(*row) for row in others)]
    norm_layer = partial(nn.BatchNorm2d, eps=0.001)
    return EfficientNet(stages, kwargs.pop("dropout", dropout), norm_layer=norm_layer, last_channel=1280, **kwargs)


@published(EfficientNet_V2_S_Weights)
def efficientnet_v2_s(**kwargs: Any) -> EfficientNet:
    """The small EfficientNet v2."""
    return _v2("s", 0.2, kwargs)


@published(EfficientNet_V2_M_Weights)
def efficientnet_v2_m(**kwargs: Any) -> EfficientNet:
    """The middle EfficientNet v2."""
    return _v2("m", 0.3, kwargs)


@published(EfficientNet_V2_L_Weights)
def efficientnet_v2_l(**kwargs: Any) -> EfficientNet:
    """The large EfficientNet v2."""
    return _v2("l", 0.4, kwargs)
