"""MobileNet v3: v2's blocks with squeeze and excitation, arranged by search.

Source: Howard et al. 2019, arXiv:1905.02244.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

from ... import nn
from ...errors import ArgumentError, DTypeError
from ...tensor import Tensor
from ..ops.misc import Conv2dNormActivation, SqueezeExcitation
from .initial import divisible, fan_out, initialize, small
from .weights import published, weights_enum

__all__ = [
    "MobileNetV3",
    "MobileNet_V3_Large_Weights",
    "MobileNet_V3_Small_Weights",
    "mobilenet_v3_large",
    "mobilenet_v3_small",
]


class InvertedResidualConfig:
    """A block: channels of its input, kernel, channels of its middle and of its result, whether it has squeeze and
    excitation, its activation (RE or HS), stride, dilation, and what scales the channels."""

    def __init__(
        self,
        input_channels: int,
        kernel: int,
        expanded_channels: int,
        out_channels: int,
        use_se: bool,
        activation: str,
        stride: int,
        dilation: int,
        width_mult: float,
    ) -> None:
        self.input_channels, self.expanded_channels, self.out_channels = (
            divisible(channels * width_mult) for channels in (input_channels, expanded_channels, out_channels)
        )
        self.kernel, self.use_se, self.use_hs = kernel, use_se, activation == "HS"
        self.stride, self.dilation = stride, dilation


HARD_EXCITATION = partial(SqueezeExcitation, scale_activation=nn.Hardsigmoid)


class InvertedResidual(nn.Module):
    """1 x 1 to more channels, a kernel in each channel by itself, 1 x 1 to few; added to the input if of its shape."""

    def __init__(
        self,
        cnf: InvertedResidualConfig,
        norm_layer: Any,
        se_layer: Callable[..., nn.Module] = HARD_EXCITATION,
    ) -> None:
        super().__init__()
        if cnf.stride not in (1, 2):
            raise ArgumentError("illegal stride value")
        middle = cnf.expanded_channels
        options: Any = {"norm_layer": norm_layer, "activation_layer": nn.Hardswish if cnf.use_hs else nn.ReLU}
        layers: list[nn.Module] = []
        if middle != cnf.input_channels:
            layers.append(Conv2dNormActivation(cnf.input_channels, middle, kernel_size=1, **options))
        stride = 1 if cnf.dilation > 1 else cnf.stride
        sizes: Any = {"kernel_size": cnf.kernel, "stride": stride, "dilation": cnf.dilation, "groups": middle}
        layers.append(Conv2dNormActivation(middle, middle, **sizes, **options))
        if cnf.use_se:
            layers.append(se_layer(middle, divisible(middle // 4)))
        options["activation_layer"] = None
        layers.append(Conv2dNormActivation(middle, cnf.out_channels, kernel_size=1, **options))
        self.block = nn.Sequential(*layers)
        self.out_channels = cnf.out_channels
        self.use_res_connect = cnf.stride == 1 and cnf.input_channels == cnf.out_channels

    def forward(self, input: Tensor) -> Tensor:
        return self.block(input) + input if self.use_res_connect else self.block(input)


class MobileNetV3(nn.Module):
    """Blocks, and two linear layers.

    Args:
        inverted_residual_setting: the blocks.
        last_channel: values between the linear layers.
        num_classes: how many classes.
        block: in place of InvertedResidual.
        norm_layer: makes a normalization.
        dropout: the part that is dropped before the last layer.

    Raises:
        ValueError, TypeError: no blocks.
    """

    def __init__(
        self,
        inverted_residual_setting: Sequence[InvertedResidualConfig],
        last_channel: int,
        num_classes: int = 1000,
        block: Any = None,
        norm_layer: Any = None,
        dropout: float = 0.2,
    ) -> None:
        super().__init__()
        settings = inverted_residual_setting
        if not settings:
            raise ArgumentError("The inverted_residual_setting should not be empty")
        if not all(isinstance(setting, InvertedResidualConfig) for setting in settings):
            raise DTypeError("The inverted_residual_setting should be List[InvertedResidualConfig]")
        block = block or InvertedResidual
        norm_layer = norm_layer or partial(nn.BatchNorm2d, eps=0.001, momentum=0.01)
        options = {"norm_layer": norm_layer, "activation_layer": nn.Hardswish}
        last, final = settings[-1].out_channels, 6 * settings[-1].out_channels
        self.features = nn.Sequential(
            Conv2dNormActivation(3, settings[0].input_channels, kernel_size=3, stride=2, **options),
            *(block(setting, norm_layer) for setting in settings),
            Conv2dNormActivation(last, final, kernel_size=1, **options),
        )
        self.avgpool = nn.AdaptiveAvgPool2d(1)
        self.classifier = nn.Sequential(
            nn.Linear(final, last_channel),
            nn.Hardswish(inplace=True),
            nn.Dropout(p=dropout, inplace=True),
            nn.Linear(last_channel, num_classes),
        )
        initialize(self, fan_out, small)

    def forward(self, x: Tensor) -> Tensor:
        return self.classifier(self.avgpool(self.features(x)).flatten(1))


# Kernel, channels of the middle and of the result, squeeze and excitation, activation, stride. The last three blocks
# are the tail, which has half of the channels if it is reduced, and keeps the size if it is dilated.
_LARGE = (
    (3, 16, 16, False, "RE", 1),
    (3, 64, 24, False, "RE", 2),
    (3, 72, 24, False, "RE", 1),
    (5, 72, 40, True, "RE", 2),
    (5, 120, 40, True, "RE", 1),
    (5, 120, 40, True, "RE", 1),
    (3, 240, 80, False, "HS", 2),
    (3, 200, 80, False, "HS", 1),
    (3, 184, 80, False, "HS", 1),
    (3, 184, 80, False, "HS", 1),
    (3, 480, 112, True, "HS", 1),
    (3, 672, 112, True, "HS", 1),
    (5, 672, 160, True, "HS", 2),
    (5, 960, 160, True, "HS", 1),
    (5, 960, 160, True, "HS", 1),
)
_SMALL = (
    (3, 16, 16, True, "RE", 2),
    (3, 72, 24, False, "RE", 2),
    (3, 88, 24, False, "RE", 1),
    (5, 96, 40, True, "HS", 2),
    (5, 240, 40, True, "HS", 1),
    (5, 240, 40, True, "HS", 1),
    (5, 120, 48, True, "HS", 1),
    (5, 144, 48, True, "HS", 1),
    (5, 288, 96, True, "HS", 2),
    (5, 576, 96, True, "HS", 1),
    (5, 576, 96, True, "HS", 1),
)


def _settings(rows: Any, width: float, reduced: bool, dilated: bool) -> list[InvertedResidualConfig]:
    channels, settings = 16, []
    for i, (kernel, middle, out, use_se, activation, stride) in enumerate(rows):
        tail = len(rows) - i  # 3, 2, 1 for the last three blocks
        halves = 2 if reduced else 1
        out = out // halves if tail <= 3 else out
        middle = middle // halves if tail <= 2 else middle  # the tail's first block still has its middle
        dilation = 2 if dilated and tail <= 3 else 1
        settings.append(
            InvertedResidualConfig(channels, kernel, middle, out, use_se, activation, stride, dilation, width)
        )
        channels = out
    return settings


def _mobilenet_v3(
    rows: Any, last: int, width_mult: float = 1.0, reduced_tail: bool = False, dilated: bool = False, **kwargs: Any
) -> MobileNetV3:
    last_channel = divisible(last // (2 if reduced_tail else 1) * width_mult)
    return MobileNetV3(_settings(rows, width_mult, reduced_tail, dilated), last_channel, **kwargs)


MobileNet_V3_Large_Weights = weights_enum("MobileNet_V3_Large_Weights")
MobileNet_V3_Small_Weights = weights_enum("MobileNet_V3_Small_Weights")


@published(MobileNet_V3_Large_Weights)
def mobilenet_v3_large(**kwargs: Any) -> MobileNetV3:
    """The large MobileNet v3."""
    return _mobilenet_v3(_LARGE, 1280, **kwargs)


@published(MobileNet_V3_Small_Weights)
def mobilenet_v3_small(**kwargs: Any) -> MobileNetV3:
    """The small MobileNet v3."""
    return _mobilenet_v3(_SMALL, 1024, **kwargs)
