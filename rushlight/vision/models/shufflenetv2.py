"""ShuffleNet v2: one half of the channels goes through a block, the other past it, then they are mixed.

Source: Ma et al. 2018, arXiv:1807.11164.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ... import nn, ops
from ...errors import ArgumentError
from ...tensor import Tensor
from .weights import published, weights_enum

__all__ = [
    "ShuffleNetV2",
    "ShuffleNet_V2_X0_5_Weights",
    "ShuffleNet_V2_X1_0_Weights",
    "ShuffleNet_V2_X1_5_Weights",
    "ShuffleNet_V2_X2_0_Weights",
    "shufflenet_v2_x0_5",
    "shufflenet_v2_x1_0",
    "shufflenet_v2_x1_5",
    "shufflenet_v2_x2_0",
]


def channel_shuffle(x: Tensor, groups: int) -> Tensor:
    """The channels of all groups in turn: (N, C, H, W)."""
    n, channels, height, width = x.shape
    x = x.view(n, groups, channels // groups, height, width).transpose(1, 2)
    return x.reshape(n, channels, height, width)


def _point(inp: int, oup: int) -> list[nn.Module]:
    return [nn.Conv2d(inp, oup, kernel_size=1, bias=False), nn.BatchNorm2d(oup), nn.ReLU(inplace=True)]


def _depth(channels: int, stride: int) -> list[nn.Module]:
    conv = nn.Conv2d(channels, channels, kernel_size=3, stride=stride, padding=1, bias=False, groups=channels)
    return [conv, nn.BatchNorm2d(channels)]


class InvertedResidual(nn.Module):
    """A block; with a stride above 1 all channels go through both branches.

    Args:
        inp, oup: channels of the input and of the result.
        stride: 1 to 3.

    Raises:
        ValueError: another stride, or channels that do not fit stride 1.
    """

    def __init__(self, inp: int, oup: int, stride: int) -> None:
        super().__init__()
        if not 1 <= stride <= 3:
            raise ArgumentError("illegal stride value")
        half = oup // 2
        if stride == 1 and inp != half << 1:
            raise ArgumentError(
                f"Invalid combination of stride {stride}, inp {inp} and oup {oup} values. If stride == 1 then inp "
                "should be equal to oup // 2 << 1."
            )
        self.stride = stride
        self.branch1 = nn.Sequential(*([*_depth(inp, stride), *_point(inp, half)] if stride > 1 else []))
        self.branch2 = nn.Sequential(
            *_point(inp if stride > 1 else half, half), *_depth(half, stride), *_point(half, half)
        )

    def forward(self, x: Tensor) -> Tensor:
        past, through = x.chunk(2, dim=1) if self.stride == 1 else (self.branch1(x), x)
        return channel_shuffle(ops.cat([past, self.branch2(through)], 1), 2)


class ShuffleNetV2(nn.Module):
    """Three stages of blocks.

    Args:
        stages_repeats: how many blocks each stage has.
        stages_out_channels: channels of the first convolution, the three stages and the last convolution.
        num_classes: how many classes.
        inverted_residual: makes a block.

    Raises:
        ValueError: not three stages.
    """

    def __init__(
        self,
        stages_repeats: Sequence[int],
        stages_out_channels: Sequence[int],
        num_classes: int = 1000,
        inverted_residual: Any = InvertedResidual,
    ) -> None:
        super().__init__()
        if len(stages_repeats) != 3:
            raise ArgumentError("expected stages_repeats as list of 3 positive ints")
        if len(stages_out_channels) != 5:
            raise ArgumentError("expected stages_out_channels as list of 5 positive ints")
        channels, *stages, last = stages_out_channels
        first = nn.Conv2d(3, channels, kernel_size=3, stride=2, padding=1, bias=False)
        self.conv1 = nn.Sequential(first, nn.BatchNorm2d(channels), nn.ReLU(inplace=True))
        self.maxpool = nn.MaxPool2d(kernel_size=3, stride=2, padding=1)
        for i, (repeats, out) in enumerate(zip(stages_repeats, stages), 2):
            blocks = [inverted_residual(channels, out, 2)]
            blocks += [inverted_residual(out, out, 1) for _ in range(repeats - 1)]
            self.add_module(f"stage{i}", nn.Sequential(*blocks))
            channels = out
        self.conv5 = nn.Sequential(*_point(channels, last))
        self.fc = nn.Linear(last, num_classes)

    def forward(self, x: Tensor) -> Tensor:
        x = self.maxpool(self.conv1(x))
        for i in (2, 3, 4):
            x = self.get_submodule(f"stage{i}")(x)
        return self.fc(self.conv5(x).mean((2, 3)))


ShuffleNet_V2_X0_5_Weights = weights_enum("ShuffleNet_V2_X0_5_Weights")
ShuffleNet_V2_X1_0_Weights = weights_enum("ShuffleNet_V2_X1_0_Weights")
ShuffleNet_V2_X1_5_Weights = weights_enum("ShuffleNet_V2_X1_5_Weights")
ShuffleNet_V2_X2_0_Weights = weights_enum("ShuffleNet_V2_X2_0_Weights")


@published(ShuffleNet_V2_X0_5_Weights)
def shufflenet_v2_x0_5(**kwargs: Any) -> ShuffleNetV2:
    """ShuffleNet v2 of half the width."""
    return ShuffleNetV2([4, 8, 4], [24, 48, 96, 192, 1024], **kwargs)


@published(ShuffleNet_V2_X1_0_Weights)
def shufflenet_v2_x1_0(**kwargs: Any) -> ShuffleNetV2:
    """ShuffleNet v2."""
    return ShuffleNetV2([4, 8, 4], [24, 116, 232, 464, 1024], **kwargs)


@published(ShuffleNet_V2_X1_5_Weights)
def shufflenet_v2_x1_5(**kwargs: Any) -> ShuffleNetV2:
    """ShuffleNet v2 of one and a half times the width."""
    return ShuffleNetV2([4, 8, 4], [24, 176, 352, 704, 1024], **kwargs)


@published(ShuffleNet_V2_X2_0_Weights)
def shufflenet_v2_x2_0(**kwargs: Any) -> ShuffleNetV2:
    """ShuffleNet v2 of twice the width."""
    return ShuffleNetV2([4, 8, 4], [24, 244, 488, 976, 2048], **kwargs)
