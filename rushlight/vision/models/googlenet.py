"""GoogLeNet: blocks of branches with kernels of several sizes, side by side.

Source: Szegedy et al. 2014, arXiv:1409.4842. torch: with batch normalization, and with kernels of
3 x 3 where the paper has 5 x 5.
"""

from __future__ import annotations

import warnings
from collections import namedtuple
from collections.abc import Callable
from typing import Any

from ... import nn, ops
from ...tensor import Tensor
from .weights import WeightsEnum, force, published, weights_enum

__all__ = [
    "GoogLeNet",
    "GoogLeNetOutputs",
    "GoogLeNet_Weights",
    "googlenet",
]

GoogLeNetOutputs = namedtuple("GoogLeNetOutputs", ["logits", "aux_logits2", "aux_logits1"])


class BasicConv2d(nn.Module):
    """A convolution, batch normalization and relu."""

    def __init__(self, in_channels: int, out_channels: int, **kwargs: Any) -> None:
        super().__init__()
        self.conv = nn.Conv2d(in_channels, out_channels, bias=False, **kwargs)
        self.bn = nn.BatchNorm2d(out_channels, eps=0.001)

    def forward(self, x: Tensor) -> Tensor:
        return self.bn(self.conv(x)).relu_()


def truncated(model: nn.Module, usual: float) -> None:
    """Fills weights with normal numbers between -2 and 2, of a module's `stddev` or the usual deviation."""
    for module in model.modules():
        if isinstance(module, nn.Conv2d | nn.Linear):
            nn.init.trunc_normal_(module.weight, 0.0, getattr(module, "stddev", usual), -2, 2)
        elif isinstance(module, nn.BatchNorm2d):
            nn.init.ones_(module.weight)
            nn.init.zeros_(module.bias)


def init_wanted(init_weights: bool | None, name: str) -> bool:
    """Whether weights are filled anew; torchvision warns where nothing was said."""
    if init_weights is None:
        warnings.warn(
            f"The default weight initialization of {name} will be changed in future releases of torchvision. If you "
            "wish to keep the old behavior, please set init_weights=True.",
            FutureWarning,
            stacklevel=4,
        )
        return True
    return init_weights


def renormalized(x: Tensor) -> Tensor:
    """Images normalized by ImageNet's means and deviations -> normalized to -1..1."""
    std = ops.tensor([0.229, 0.224, 0.225], dtype=x.dtype).view(-1, 1, 1)
    mean = ops.tensor([0.485, 0.456, 0.406], dtype=x.dtype).view(-1, 1, 1)
    return x * (std / 0.5) + (mean - 0.5) / 0.5


class Inception(nn.Module):
    """Four branches: 1 x 1, 1 x 1 then 3 x 3 twice, pooling then 1 x 1."""

    def __init__(
        self,
        in_channels: int,
        ch1x1: int,
        ch3x3red: int,
        ch3x3: int,
        ch5x5red: int,
        ch5x5: int,
        pool_proj: int,
        conv_block: Callable[..., nn.Module] = BasicConv2d,
    ) -> None:
        super().__init__()
        self.branch1 = conv_block(in_channels, ch1x1, kernel_size=1)
        self.branch2 = nn.Sequential(
            conv_block(in_channels, ch3x3red, kernel_size=1), conv_block(ch3x3red, ch3x3, kernel_size=3, padding=1)
        )
        self.branch3 = nn.Sequential(
            conv_block(in_channels, ch5x5red, kernel_size=1), conv_block(ch5x5red, ch5x5, kernel_size=3, padding=1)
        )
        self.branch4 = nn.Sequential(
            nn.MaxPool2d(kernel_size=3, stride=1, padding=1, ceil_mode=True),
            conv_block(in_channels, pool_proj, kernel_size=1),
        )

    def forward(self, x: Tensor) -> Tensor:
        return ops.cat([self.branch1(x), self.branch2(x), self.branch3(x), self.branch4(x)], 1)


class InceptionAux(nn.Module):
    """A second classifier on features from the middle, to train on."""

    def __init__(
        self,
        in_channels: int,
        num_classes: int,
        conv_block: Callable[..., nn.Module] = BasicConv2d,
        dropout: float = 0.7,
    ) -> None:
        super().__init__()
        self.conv = conv_block(in_channels, 128, kernel_size=1)
        self.fc1 = nn.Linear(2048, 1024)
        self.fc2 = nn.Linear(1024, num_classes)
        self.dropout = nn.Dropout(p=dropout)

    def forward(self, x: Tensor) -> Tensor:
        x = self.conv(nn.functional.adaptive_avg_pool2d(x, (4, 4))).flatten(1)
        return self.fc2(self.dropout(self.fc1(x).relu_()))


_SIZES = {  # channels of the input, of the branches and of what leads to them
    "3a": (192, 64, 96, 128, 16, 32, 32),
    "3b": (256, 128, 128, 192, 32, 96, 64),
    "4a": (480, 192, 96, 208, 16, 48, 64),
    "4b": (512, 160, 112, 224, 24, 64, 64),
    "4c": (512, 128, 128, 256, 24, 64, 64),
    "4d": (512, 112, 144, 288, 32, 64, 64),
    "4e": (528, 256, 160, 320, 32, 128, 128),
    "5a": (832, 256, 160, 320, 32, 128, 128),
    "5b": (832, 384, 192, 384, 48, 128, 128),
}


class GoogLeNet(nn.Module):
    """Nine Inception blocks, with two further classifiers to train on.

    Args:
        num_classes: how many classes.
        aux_logits: whether there are the two classifiers; then a forward pass in training gives `GoogLeNetOutputs`.
        transform_input: take images normalized as torchvision's other models take them.
        init_weights: fill the weights anew.
        blocks: classes in place of BasicConv2d, Inception and InceptionAux.
        dropout, dropout_aux: the part that is dropped before the classifiers.
    """

    def __init__(
        self,
        num_classes: int = 1000,
        aux_logits: bool = True,
        transform_input: bool = False,
        init_weights: bool | None = None,
        blocks: Any = None,
        dropout: float = 0.2,
        dropout_aux: float = 0.7,
    ) -> None:
        super().__init__()
        conv, inception, aux = blocks or (BasicConv2d, Inception, InceptionAux)
        self.aux_logits, self.transform_input = aux_logits, transform_input
        self.conv1 = conv(3, 64, kernel_size=7, stride=2, padding=3)
        self.maxpool1 = nn.MaxPool2d(3, stride=2, ceil_mode=True)
        self.conv2 = conv(64, 64, kernel_size=1)
        self.conv3 = conv(64, 192, kernel_size=3, padding=1)
        self.maxpool2 = nn.MaxPool2d(3, stride=2, ceil_mode=True)
        self.inception3a = inception(*_SIZES["3a"])
        self.inception3b = inception(*_SIZES["3b"])
        self.maxpool3 = nn.MaxPool2d(3, stride=2, ceil_mode=True)
        self.inception4a = inception(*_SIZES["4a"])
        self.inception4b = inception(*_SIZES["4b"])
        self.inception4c = inception(*_SIZES["4c"])
        self.inception4d = inception(*_SIZES["4d"])
        self.inception4e = inception(*_SIZES["4e"])
        self.maxpool4 = nn.MaxPool2d(2, stride=2, ceil_mode=True)
        self.inception5a = inception(*_SIZES["5a"])
        self.inception5b = inception(*_SIZES["5b"])
        self.aux1 = aux(512, num_classes, dropout=dropout_aux) if aux_logits else None
        self.aux2 = aux(528, num_classes, dropout=dropout_aux) if aux_logits else None
        self.avgpool = nn.AdaptiveAvgPool2d((1, 1))
        self.dropout = nn.Dropout(p=dropout)
        self.fc = nn.Linear(1024, num_classes)
        if init_wanted(init_weights, "GoogleNet"):
            truncated(self, 0.01)

    def forward(self, x: Tensor) -> Any:
        x = renormalized(x) if self.transform_input else x
        x = self.conv3(self.conv2(self.maxpool1(self.conv1(x))))
        x = self.maxpool3(self.inception3b(self.inception3a(self.maxpool2(x))))
        x = self.inception4a(x)
        aux1 = self.aux1(x) if self.aux1 is not None and self.training else None
        x = self.inception4d(self.inception4c(self.inception4b(x)))
        aux2 = self.aux2(x) if self.aux2 is not None and self.training else None
        x = self.inception5b(self.inception5a(self.maxpool4(self.inception4e(x))))
        x = self.fc(self.dropout(self.avgpool(x).flatten(1)))
        return GoogLeNetOutputs(x, aux2, aux1) if self.training and self.aux_logits else x


def prepare_inception(weights: WeightsEnum, config: dict[str, Any]) -> None:
    """The options with which the published weights were saved."""
    config.setdefault("transform_input", True)
    force(config, "aux_logits", True)
    force(config, "init_weights", False)


def _drop_aux(model: GoogLeNet, given: dict[str, Any]) -> None:
    if given.get("aux_logits"):
        warnings.warn(
            "auxiliary heads in the pretrained googlenet model are NOT pretrained, so make sure to train them",
            stacklevel=3,
        )
    else:
        model.aux_logits, model.aux1, model.aux2 = False, None, None


GoogLeNet_Weights = weights_enum("GoogLeNet_Weights")


@published(GoogLeNet_Weights, prepare_inception, finish=_drop_aux)
def googlenet(**kwargs: Any) -> GoogLeNet:
    """GoogLeNet."""
    return GoogLeNet(**kwargs)
