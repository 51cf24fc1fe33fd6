"""Inception v3: branches of kernels taken apart into smaller ones.

Source: Szegedy et al. 2015, arXiv:1512.00567.
"""

from __future__ import annotations

from collections import namedtuple
from collections.abc import Callable, Sequence
from typing import Any

from ... import nn, ops
from ...errors import ArgumentError
from ...nn.functional import avg_pool2d, max_pool2d
from ...tensor import Tensor
from .googlenet import BasicConv2d, init_wanted, prepare_inception, renormalized, truncated
from .weights import published, weights_enum

__all__ = [
    "Inception3",
    "InceptionOutputs",
    "Inception_V3_Weights",
    "inception_v3",
]

InceptionOutputs = namedtuple("InceptionOutputs", ["logits", "aux_logits"])
Conv = Callable[..., nn.Module]


def _in_turn(x: Tensor, *layers: Any) -> Tensor:
    for layer in layers:
        x = layer(x)
    return x


def _smoothed(x: Tensor) -> Tensor:
    return avg_pool2d(x, kernel_size=3, stride=1, padding=1)


class InceptionA(nn.Module):
    """1 x 1; 5 x 5; 3 x 3 twice; a mean."""

    def __init__(self, in_channels: int, pool_features: int, conv_block: Conv = BasicConv2d) -> None:
        super().__init__()
        self.branch1x1 = conv_block(in_channels, 64, kernel_size=1)
        self.branch5x5_1 = conv_block(in_channels, 48, kernel_size=1)
        self.branch5x5_2 = conv_block(48, 64, kernel_size=5, padding=2)
        self.branch3x3dbl_1 = conv_block(in_channels, 64, kernel_size=1)
        self.branch3x3dbl_2 = conv_block(64, 96, kernel_size=3, padding=1)
        self.branch3x3dbl_3 = conv_block(96, 96, kernel_size=3, padding=1)
        self.branch_pool = conv_block(in_channels, pool_features, kernel_size=1)

    def forward(self, x: Tensor) -> Tensor:
        double = _in_turn(x, self.branch3x3dbl_1, self.branch3x3dbl_2, self.branch3x3dbl_3)
        five = _in_turn(x, self.branch5x5_1, self.branch5x5_2)
        return ops.cat([self.branch1x1(x), five, double, self.branch_pool(_smoothed(x))], 1)


class InceptionB(nn.Module):
    """To half of the size: 3 x 3; 3 x 3 twice; a maximum."""

    def __init__(self, in_channels: int, conv_block: Conv = BasicConv2d) -> None:
        super().__init__()
        self.branch3x3 = conv_block(in_channels, 384, kernel_size=3, stride=2)
        self.branch3x3dbl_1 = conv_block(in_channels, 64, kernel_size=1)
        self.branch3x3dbl_2 = conv_block(64, 96, kernel_size=3, padding=1)
        self.branch3x3dbl_3 = conv_block(96, 96, kernel_size=3, stride=2)

    def forward(self, x: Tensor) -> Tensor:
        double = _in_turn(x, self.branch3x3dbl_1, self.branch3x3dbl_2, self.branch3x3dbl_3)
        return ops.cat([self.branch3x3(x), double, max_pool2d(x, kernel_size=3, stride=2)], 1)


class InceptionC(nn.Module):
    """1 x 1; 7 x 7 as 1 x 7 and 7 x 1; the same twice; a mean."""

    def __init__(self, in_channels: int, channels_7x7: int, conv_block: Conv = BasicConv2d) -> None:
        super().__init__()
        c7 = channels_7x7
        row, column = {"kernel_size": (1, 7), "padding": (0, 3)}, {"kernel_size": (7, 1), "padding": (3, 0)}
        self.branch1x1 = conv_block(in_channels, 192, kernel_size=1)
        self.branch7x7_1 = conv_block(in_channels, c7, kernel_size=1)
        self.branch7x7_2 = conv_block(c7, c7, **row)
        self.branch7x7_3 = conv_block(c7, 192, **column)
        self.branch7x7dbl_1 = conv_block(in_channels, c7, kernel_size=1)
        self.branch7x7dbl_2 = conv_block(c7, c7, **column)
        self.branch7x7dbl_3 = conv_block(c7, c7, **row)
        self.branch7x7dbl_4 = conv_block(c7, c7, **column)
        self.branch7x7dbl_5 = conv_block(c7, 192, **row)
        self.branch_pool = conv_block(in_channels, 192, kernel_size=1)

    def forward(self, x: Tensor) -> Tensor:
        seven = _in_turn(x, self.branch7x7_1, self.branch7x7_2, self.branch7x7_3)
        first = _in_turn(x, self.branch7x7dbl_1, self.branch7x7dbl_2, self.branch7x7dbl_3)
        double = _in_turn(first, self.branch7x7dbl_4, self.branch7x7dbl_5)
        return ops.cat([self.branch1x1(x), seven, double, self.branch_pool(_smoothed(x))], 1)


class InceptionD(nn.Module):
    """To half of the size: 3 x 3; 7 x 7 then 3 x 3; a maximum."""

    def __init__(self, in_channels: int, conv_block: Conv = BasicConv2d) -> None:
        super().__init__()
        self.branch3x3_1 = conv_block(in_channels, 192, kernel_size=1)
        self.branch3x3_2 = conv_block(192, 320, kernel_size=3, stride=2)
        self.branch7x7x3_1 = conv_block(in_channels, 192, kernel_size=1)
        self.branch7x7x3_2 = conv_block(192, 192, kernel_size=(1, 7), padding=(0, 3))
        self.branch7x7x3_3 = conv_block(192, 192, kernel_size=(7, 1), padding=(3, 0))
        self.branch7x7x3_4 = conv_block(192, 192, kernel_size=3, stride=2)

    def forward(self, x: Tensor) -> Tensor:
        three = _in_turn(x, self.branch3x3_1, self.branch3x3_2)
        seven = _in_turn(x, self.branch7x7x3_1, self.branch7x7x3_2, self.branch7x7x3_3, self.branch7x7x3_4)
        return ops.cat([three, seven, max_pool2d(x, kernel_size=3, stride=2)], 1)


class InceptionE(nn.Module):
    """1 x 1; 1 x 3 beside 3 x 1; 3 x 3, then 1 x 3 beside 3 x 1; a mean."""

    def __init__(self, in_channels: int, conv_block: Conv = BasicConv2d) -> None:
        super().__init__()
        row, column = {"kernel_size": (1, 3), "padding": (0, 1)}, {"kernel_size": (3, 1), "padding": (1, 0)}
        self.branch1x1 = conv_block(in_channels, 320, kernel_size=1)
        self.branch3x3_1 = conv_block(in_channels, 384, kernel_size=1)
        self.branch3x3_2a = conv_block(384, 384, **row)
        self.branch3x3_2b = conv_block(384, 384, **column)
        self.branch3x3dbl_1 = conv_block(in_channels, 448, kernel_size=1)
        self.branch3x3dbl_2 = conv_block(448, 384, kernel_size=3, padding=1)
        self.branch3x3dbl_3a = conv_block(384, 384, **row)
        self.branch3x3dbl_3b = conv_block(384, 384, **column)
        self.branch_pool = conv_block(in_channels, 192, kernel_size=1)

    def forward(self, x: Tensor) -> Tensor:
        three = self.branch3x3_1(x)
        double = _in_turn(x, self.branch3x3dbl_1, self.branch3x3dbl_2)
        parts = [self.branch1x1(x), self.branch3x3_2a(three), self.branch3x3_2b(three)]
        parts += [self.branch3x3dbl_3a(double), self.branch3x3dbl_3b(double), self.branch_pool(_smoothed(x))]
        return ops.cat(parts, 1)


class InceptionAux(nn.Module):
    """A second classifier on features from the middle, to train on."""

    def __init__(self, in_channels: int, num_classes: int, conv_block: Conv = BasicConv2d) -> None:
        super().__init__()
        self.conv0 = conv_block(in_channels, 128, kernel_size=1)
        self.conv1: Any = conv_block(128, 768, kernel_size=5)
        self.conv1.stddev = 0.01
        self.fc: Any = nn.Linear(768, num_classes)
        self.fc.stddev = 0.001

    def forward(self, x: Tensor) -> Tensor:
        x = _in_turn(avg_pool2d(x, kernel_size=5, stride=3), self.conv0, self.conv1)
        return self.fc(x.mean((2, 3)))


class Inception3(nn.Module):
    """A stem, eleven Inception blocks, and a second classifier to train on.

    Args:
        num_classes: how many classes.
        aux_logits: whether there is the second classifier; then a forward pass in training gives `InceptionOutputs`.
        transform_input: take images normalized as torchvision's other models take them.
        inception_blocks: seven classes in place of BasicConv2d, InceptionA ... E and InceptionAux.
        init_weights: fill the weights anew.
        dropout: the part that is dropped before the classifier.

    Raises:
        ValueError: not seven classes.
    """

    def __init__(
        self,
        num_classes: int = 1000,
        aux_logits: bool = True,
        transform_input: bool = False,
        inception_blocks: Sequence[Any] | None = None,
        init_weights: bool | None = None,
        dropout: float = 0.5,
    ) -> None:
        super().__init__()
        usual = (BasicConv2d, InceptionA, InceptionB, InceptionC, InceptionD, InceptionE, InceptionAux)
        blocks = inception_blocks or usual
        if len(blocks) != 7:
            raise ArgumentError(f"length of inception_blocks should be 7 instead of {len(blocks)}")
        conv, a, b, c, d, e, aux = blocks
        self.aux_logits, self.transform_input = aux_logits, transform_input
        self.Conv2d_1a_3x3 = conv(3, 32, kernel_size=3, stride=2)
        self.Conv2d_2a_3x3 = conv(32, 32, kernel_size=3)
        self.Conv2d_2b_3x3 = conv(32, 64, kernel_size=3, padding=1)
        self.maxpool1 = nn.MaxPool2d(kernel_size=3, stride=2)
        self.Conv2d_3b_1x1 = conv(64, 80, kernel_size=1)
        self.Conv2d_4a_3x3 = conv(80, 192, kernel_size=3)
        self.maxpool2 = nn.MaxPool2d(kernel_size=3, stride=2)
        self.Mixed_5b = a(192, pool_features=32)
        self.Mixed_5c = a(256, pool_features=64)
        self.Mixed_5d = a(288, pool_features=64)
        self.Mixed_6a = b(288)
        self.Mixed_6b = c(768, channels_7x7=128)
        self.Mixed_6c = c(768, channels_7x7=160)
        self.Mixed_6d = c(768, channels_7x7=160)
        self.Mixed_6e = c(768, channels_7x7=192)
        self.AuxLogits = aux(768, num_classes) if aux_logits else None
        self.Mixed_7a, self.Mixed_7b, self.Mixed_7c = d(768), e(1280), e(2048)
        self.avgpool = nn.AdaptiveAvgPool2d((1, 1))
        self.dropout = nn.Dropout(p=dropout)
        self.fc = nn.Linear(2048, num_classes)
        if init_wanted(init_weights, "inception_v3"):
            truncated(self, 0.1)

    def forward(self, x: Tensor) -> Any:
        x = renormalized(x) if self.transform_input else x
        x = self.maxpool1(_in_turn(x, self.Conv2d_1a_3x3, self.Conv2d_2a_3x3, self.Conv2d_2b_3x3))
        x = self.maxpool2(_in_turn(x, self.Conv2d_3b_1x1, self.Conv2d_4a_3x3))
        x = _in_turn(x, self.Mixed_5b, self.Mixed_5c, self.Mixed_5d, self.Mixed_6a)
        x = _in_turn(x, self.Mixed_6b, self.Mixed_6c, self.Mixed_6d, self.Mixed_6e)
        aux = self.AuxLogits(x) if self.AuxLogits is not None and self.training else None
        x = _in_turn(x, self.Mixed_7a, self.Mixed_7b, self.Mixed_7c, self.avgpool, self.dropout)
        x = self.fc(x.flatten(1))
        return InceptionOutputs(x, aux) if self.training and self.aux_logits else x


def _drop_aux(model: Inception3, given: dict[str, Any]) -> None:
    if not given.get("aux_logits", True):
        model.aux_logits, model.AuxLogits = False, None


Inception_V3_Weights = weights_enum("Inception_V3_Weights")


@published(Inception_V3_Weights, prepare_inception, finish=_drop_aux)
def inception_v3(**kwargs: Any) -> Inception3:
    """Inception v3, for images of 299 x 299 pixels."""
    return Inception3(**kwargs)
