"""ConvNeXt: a convolutional network with the proportions of a transformer.

Source: Liu et al. 2022, arXiv:2201.03545.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

from ... import nn, ops
from ...errors import ArgumentError, DTypeError
from ...tensor import Tensor
from ..ops.misc import Conv2dNormActivation, Permute
from ..ops.stochastic_depth import StochasticDepth
from .initial import initialize
from .weights import published, weights_enum

__all__ = [
    "ConvNeXt",
    "ConvNeXt_Base_Weights",
    "ConvNeXt_Large_Weights",
    "ConvNeXt_Small_Weights",
    "ConvNeXt_Tiny_Weights",
    "convnext_base",
    "convnext_large",
    "convnext_small",
    "convnext_tiny",
]


class LayerNorm2d(nn.LayerNorm):
    """Normalizes over the channels of each pixel: (N, C, H, W)."""

    def forward(self, x: Tensor) -> Tensor:
        return super().forward(x.permute(0, 2, 3, 1)).permute(0, 3, 1, 2)


class CNBlock(nn.Module):
    """7 x 7 in each channel by itself, then a perceptron in each pixel; scaled, and added to the input.

    Args:
        dim: channels.
        layer_scale: what the scale begins with.
        stochastic_depth_prob: how often it is left out.
        norm_layer: makes a normalization.
    """

    def __init__(self, dim: int, layer_scale: float, stochastic_depth_prob: float, norm_layer: Any = None) -> None:
        super().__init__()
        norm_layer = norm_layer or partial(nn.LayerNorm, eps=1e-6)
        self.block = nn.Sequential(
            nn.Conv2d(dim, dim, kernel_size=7, padding=3, groups=dim),
            Permute([0, 2, 3, 1]),
            norm_layer(dim),
            nn.Linear(dim, 4 * dim),
            nn.GELU(),
            nn.Linear(4 * dim, dim),
            Permute([0, 3, 1, 2]),
        )
        self.layer_scale = nn.Parameter(ops.ones(dim, 1, 1) * layer_scale)
        self.stochastic_depth = StochasticDepth(stochastic_depth_prob, "row")

    def forward(self, input: Tensor) -> Tensor:
        return self.stochastic_depth(self.layer_scale * self.block(input)) + input


@dataclass
class CNBlockConfig:
    """A stage: its channels, those of the next (None: it is the last), how many blocks."""

    input_channels: int
    out_channels: int | None
    num_layers: int


class ConvNeXt(nn.Module):
    """Stages of blocks, with convolutions between them that halve the size.

    Args:
        block_setting: the stages.
        stochastic_depth_prob: how often the last block is left out; the others less, in proportion.
        layer_scale: what the blocks' scales begin with.
        num_classes: how many classes.
        block: in place of CNBlock.
        norm_layer: makes a normalization of (N, C, H, W).

    Raises:
        ValueError, TypeError: no stages.
    """

    def __init__(
        self,
        block_setting: Sequence[CNBlockConfig],
        stochastic_depth_prob: float = 0.0,
        layer_scale: float = 1e-6,
        num_classes: int = 1000,
        block: Any = None,
        norm_layer: Any = None,
    ) -> None:
        super().__init__()
        if not block_setting:
            raise ArgumentError("The block_setting should not be empty")
        if not all(isinstance(stage, CNBlockConfig) for stage in block_setting):
            raise DTypeError("The block_setting should be List[CNBlockConfig]")
        block, norm_layer = block or CNBlock, norm_layer or partial(LayerNorm2d, eps=1e-6)
        width = block_setting[0].input_channels
        first = Conv2dNormActivation(3, width, 4, 4, 0, norm_layer=norm_layer, activation_layer=None, bias=True)
        layers: list[nn.Module] = [first]
        total, before = sum(stage.num_layers for stage in block_setting), 0
        for stage in block_setting:
            probs = [stochastic_depth_prob * (before + i) / (total - 1.0) for i in range(stage.num_layers)]
            layers.append(nn.Sequential(*(block(stage.input_channels, layer_scale, p) for p in probs)))
            before += stage.num_layers
            if stage.out_channels is not None:
                halving = nn.Conv2d(stage.input_channels, stage.out_channels, kernel_size=2, stride=2)
                layers.append(nn.Sequential(norm_layer(stage.input_channels), halving))
        self.features = nn.Sequential(*layers)
        self.avgpool = nn.AdaptiveAvgPool2d(1)
        last = block_setting[-1].out_channels or block_setting[-1].input_channels
        self.classifier = nn.Sequential(norm_layer(last), nn.Flatten(1), nn.Linear(last, num_classes))
        fill = partial(nn.init.trunc_normal_, std=0.02)
        initialize(self, fill, fill)

    def forward(self, x: Tensor) -> Tensor:
        return self.classifier(self.avgpool(self.features(x)))


def _convnext(width: int, deepest: int, prob: float, kwargs: dict[str, Any]) -> ConvNeXt:
    """The width of the first stage, the blocks of the third; widths double from stage to stage."""
    depths = (3, 3, deepest, 3)
    stages = [CNBlockConfig(width << i, width << (i + 1) if i < 3 else None, n) for i, n in enumerate(depths)]
    return ConvNeXt(stages, kwargs.pop("stochastic_depth_prob", prob), **kwargs)


ConvNeXt_Tiny_Weights = weights_enum("ConvNeXt_Tiny_Weights")
ConvNeXt_Small_Weights = weights_enum("ConvNeXt_Small_Weights")
ConvNeXt_Base_Weights = weights_enum("ConvNeXt_Base_Weights")
ConvNeXt_Large_Weights = weights_enum("ConvNeXt_Large_Weights")


@published(ConvNeXt_Tiny_Weights)
def convnext_tiny(**kwargs: Any) -> ConvNeXt:
    """The tiny ConvNeXt."""
    return _convnext(96, 9, 0.1, kwargs)


@published(ConvNeXt_Small_Weights)
def convnext_small(**kwargs: Any) -> ConvNeXt:
    """The small ConvNeXt."""
    return _convnext(96, 27, 0.4, kwargs)


@published(ConvNeXt_Base_Weights)
def convnext_base(**kwargs: Any) -> ConvNeXt:
    """The base ConvNeXt."""
    return _convnext(128, 27, 0.5, kwargs)


@published(ConvNeXt_Large_Weights)
def convnext_large(**kwargs: Any) -> ConvNeXt:
    """The large ConvNeXt."""
    return _convnext(192, 27, 0.5, kwargs)
