"""ResNet and its kin: blocks whose result is added to what they were given.

Source: He et al. 2015, arXiv:1512.03385; ResNeXt: Xie et al. 2016, arXiv:1611.05431; Wide: Zagoruyko, Komodakis 2016,
arXiv:1605.07146. torch: the stride is in the 3 x 3 convolution of a bottleneck (known as ResNet V1.5).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ... import nn
from ...errors import ArgumentError, UnsupportedError
from ...tensor import Tensor
from .initial import fan_out, initialize
from .weights import force, published, weights_enum

__all__ = [
    "BasicBlock",
    "Bottleneck",
    "ResNeXt101_32X8D_Weights",
    "ResNeXt101_64X4D_Weights",
    "ResNeXt50_32X4D_Weights",
    "ResNet",
    "ResNet101_Weights",
    "ResNet152_Weights",
    "ResNet18_Weights",
    "ResNet34_Weights",
    "ResNet50_Weights",
    "Wide_ResNet101_2_Weights",
    "Wide_ResNet50_2_Weights",
    "conv1x1",
    "conv3x3",
    "resnet101",
    "resnet152",
    "resnet18",
    "resnet34",
    "resnet50",
    "resnext101_32x8d",
    "resnext101_64x4d",
    "resnext50_32x4d",
    "wide_resnet101_2",
    "wide_resnet50_2",
]


def conv3x3(in_planes: int, out_planes: int, stride: int = 1, groups: int = 1, dilation: int = 1) -> nn.Conv2d:
    """A 3 x 3 convolution without bias that keeps the size, but for its stride."""
    return nn.Conv2d(in_planes, out_planes, 3, stride, dilation, dilation, groups, bias=False)


def conv1x1(in_planes: int, out_planes: int, stride: int = 1) -> nn.Conv2d:
    """A 1 x 1 convolution without bias."""
    return nn.Conv2d(in_planes, out_planes, 1, stride, bias=False)


class BasicBlock(nn.Module):
    """Two 3 x 3 convolutions.

    Args:
        inplanes: channels of the input.
        planes: channels of the result.
        stride: of the first convolution.
        downsample: makes of the input what the result is added to.
        groups, base_width, dilation: 1, 64 and 1; others are refused.
        norm_layer: makes a normalization of so many channels.
    """

    expansion = 1

    def __init__(
        self,
        inplanes: int,
        planes: int,
        stride: int = 1,
        downsample: nn.Module | None = None,
        groups: int = 1,
        base_width: int = 64,
        dilation: int = 1,
        norm_layer: Any = nn.BatchNorm2d,
    ) -> None:
        super().__init__()
        if groups != 1 or base_width != 64:
            raise ArgumentError("BasicBlock only supports groups=1 and base_width=64")
        if dilation > 1:
            raise UnsupportedError("Dilation > 1 not supported in BasicBlock")
        self.conv1 = conv3x3(inplanes, planes, stride)
        self.bn1 = norm_layer(planes)
        self.relu = nn.ReLU(inplace=True)
        self.conv2 = conv3x3(planes, planes)
        self.bn2 = norm_layer(planes)
        self.downsample = downsample
        self.stride = stride

    def forward(self, x: Tensor) -> Tensor:
        y = self.relu(self.bn1(self.conv1(x)))
        y = self.bn2(self.conv2(y))
        return self.relu(y + (x if self.downsample is None else self.downsample(x)))


class Bottleneck(nn.Module):
    """A 3 x 3 convolution between two 1 x 1 ones, which lead to fewer channels and back.

    Args:
        planes: a quarter of the result's channels.
        groups, dilation: of the 3 x 3 convolution.
        base_width: how many channels it has in a group, for 64 planes.
        others: see `BasicBlock`.
    """

    expansion = 4

    def __init__(
        self,
        inplanes: int,
        planes: int,
        stride: int = 1,
        downsample: nn.Module | None = None,
        groups: int = 1,
        base_width: int = 64,
        dilation: int = 1,
        norm_layer: Any = nn.BatchNorm2d,
    ) -> None:
        super().__init__()
        width = int(planes * (base_width / 64)) * groups
        self.conv1 = conv1x1(inplanes, width)
        self.bn1 = norm_layer(width)
        self.conv2 = conv3x3(width, width, stride, groups, dilation)
        self.bn2 = norm_layer(width)
        self.conv3 = conv1x1(width, planes * self.expansion)
        self.bn3 = norm_layer(planes * self.expansion)
        self.relu = nn.ReLU(inplace=True)
        self.downsample = downsample
        self.stride = stride

    def forward(self, x: Tensor) -> Tensor:
        y = self.relu(self.bn1(self.conv1(x)))
        y = self.relu(self.bn2(self.conv2(y)))
        y = self.bn3(self.conv3(y))
        return self.relu(y + (x if self.downsample is None else self.downsample(x)))


class ResNet(nn.Module):
    """Four stages of blocks, each with half of the size and twice the channels of the one before.

    Args:
        block: BasicBlock or Bottleneck.
        layers: how many blocks each stage has.
        num_classes: how many classes.
        zero_init_residual: begin with blocks that add nothing.
        groups, width_per_group: of the bottlenecks.
        replace_stride_with_dilation: for the last three stages, whether to keep the size and dilate.
        norm_layer: makes a normalization of so many channels.
    """

    def __init__(
        self,
        block: Any,
        layers: Sequence[int],
        num_classes: int = 1000,
        zero_init_residual: bool = False,
        groups: int = 1,
        width_per_group: int = 64,
        replace_stride_with_dilation: Sequence[bool] | None = None,
        norm_layer: Any = None,
    ) -> None:
        super().__init__()
        dilate = replace_stride_with_dilation or (False, False, False)
        if len(dilate) != 3:
            raise ArgumentError(f"replace_stride_with_dilation should be None or a 3-element tuple, got {dilate}")
        self._norm_layer = norm_layer or nn.BatchNorm2d
        self.inplanes, self.dilation, self.groups, self.base_width = 64, 1, groups, width_per_group
        self.conv1 = nn.Conv2d(3, self.inplanes, kernel_size=7, stride=2, padding=3, bias=False)
        self.bn1 = self._norm_layer(self.inplanes)
        self.relu = nn.ReLU(inplace=True)
        self.maxpool = nn.MaxPool2d(kernel_size=3, stride=2, padding=1)
        self.layer1 = self._make_layer(block, 64, layers[0])
        self.layer2 = self._make_layer(block, 128, layers[1], 2, dilate[0])
        self.layer3 = self._make_layer(block, 256, layers[2], 2, dilate[1])
        self.layer4 = self._make_layer(block, 512, layers[3], 2, dilate[2])
        self.avgpool = nn.AdaptiveAvgPool2d((1, 1))
        self.fc = nn.Linear(512 * block.expansion, num_classes)
        initialize(self, fan_out)
        if zero_init_residual:
            for module in self.modules():
                if isinstance(module, Bottleneck | BasicBlock):
                    nn.init.zeros_((module.bn3 if isinstance(module, Bottleneck) else module.bn2).weight)

    def _make_layer(self, block: Any, planes: int, blocks: int, stride: int = 1, dilate: bool = False) -> nn.Sequential:
        norm_layer, channels, before = self._norm_layer, planes * block.expansion, self.dilation
        if dilate:
            self.dilation, stride = self.dilation * stride, 1
        downsample = None
        if stride != 1 or self.inplanes != channels:
            downsample = nn.Sequential(conv1x1(self.inplanes, channels, stride), norm_layer(channels))
        width = (self.groups, self.base_width)
        layers = [block(self.inplanes, planes, stride, downsample, *width, before, norm_layer)]
        self.inplanes = channels
        layers += [block(channels, planes, 1, None, *width, self.dilation, norm_layer) for _ in range(1, blocks)]
        return nn.Sequential(*layers)

    def _forward_impl(self, x: Tensor) -> Tensor:
        x = self.maxpool(self.relu(self.bn1(self.conv1(x))))
        x = self.layer4(self.layer3(self.layer2(self.layer1(x))))
        return self.fc(self.avgpool(x).flatten(1))

    def forward(self, x: Tensor) -> Tensor:
        return self._forward_impl(x)


ResNet18_Weights = weights_enum("ResNet18_Weights")
ResNet34_Weights = weights_enum("ResNet34_Weights")
ResNet50_Weights = weights_enum("ResNet50_Weights")
ResNet101_Weights = weights_enum("ResNet101_Weights")
ResNet152_Weights = weights_enum("ResNet152_Weights")
ResNeXt50_32X4D_Weights = weights_enum("ResNeXt50_32X4D_Weights")
ResNeXt101_32X8D_Weights = weights_enum("ResNeXt101_32X8D_Weights")
ResNeXt101_64X4D_Weights = weights_enum("ResNeXt101_64X4D_Weights")
Wide_ResNet50_2_Weights = weights_enum("Wide_ResNet50_2_Weights")
Wide_ResNet101_2_Weights = weights_enum("Wide_ResNet101_2_Weights")


@published(ResNet18_Weights)
def resnet18(**kwargs: Any) -> ResNet:
    """ResNet of 18 layers."""
    return ResNet(BasicBlock, [2, 2, 2, 2], **kwargs)


@published(ResNet34_Weights)
def resnet34(**kwargs: Any) -> ResNet:
    """ResNet of 34 layers."""
    return ResNet(BasicBlock, [3, 4, 6, 3], **kwargs)


@published(ResNet50_Weights)
def resnet50(**kwargs: Any) -> ResNet:
    """ResNet of 50 layers."""
    return ResNet(Bottleneck, [3, 4, 6, 3], **kwargs)


@published(ResNet101_Weights)
def resnet101(**kwargs: Any) -> ResNet:
    """ResNet of 101 layers."""
    return ResNet(Bottleneck, [3, 4, 23, 3], **kwargs)


@published(ResNet152_Weights)
def resnet152(**kwargs: Any) -> ResNet:
    """ResNet of 152 layers."""
    return ResNet(Bottleneck, [3, 8, 36, 3], **kwargs)


def _wide(layers: Sequence[int], groups: int, width: int, kwargs: dict[str, Any]) -> ResNet:
    force(kwargs, "groups", groups)
    force(kwargs, "width_per_group", width)
    return ResNet(Bottleneck, layers, **kwargs)


@published(ResNeXt50_32X4D_Weights)
def resnext50_32x4d(**kwargs: Any) -> ResNet:
    """ResNeXt of 50 layers, 32 groups 4 wide."""
    return _wide([3, 4, 6, 3], 32, 4, kwargs)


@published(ResNeXt101_32X8D_Weights)
def resnext101_32x8d(**kwargs: Any) -> ResNet:
    """ResNeXt of 101 layers, 32 groups 8 wide."""
    return _wide([3, 4, 23, 3], 32, 8, kwargs)


@published(ResNeXt101_64X4D_Weights)
def resnext101_64x4d(**kwargs: Any) -> ResNet:
    """ResNeXt of 101 layers, 64 groups 4 wide."""
    return _wide([3, 4, 23, 3], 64, 4, kwargs)


@published(Wide_ResNet50_2_Weights)
def wide_resnet50_2(**kwargs: Any) -> ResNet:
    """ResNet of 50 layers with bottlenecks twice as wide."""
    return _wide([3, 4, 6, 3], 1, 128, kwargs)


@published(Wide_ResNet101_2_Weights)
def wide_resnet101_2(**kwargs: Any) -> ResNet:
    """ResNet of 101 layers with bottlenecks twice as wide."""
    return _wide([3, 4, 23, 3], 1, 128, kwargs)
