"""VGG: 3 x 3 convolutions, and a pooling after every few.

Source: Simonyan, Zisserman 2014, arXiv:1409.1556.
"""

from __future__ import annotations

from typing import Any

from ... import nn
from ...tensor import Tensor
from .initial import fan_out, initialize, small
from .weights import WeightsEnum, published, weights_enum

__all__ = [
    "VGG",
    "VGG11_BN_Weights",
    "VGG11_Weights",
    "VGG13_BN_Weights",
    "VGG13_Weights",
    "VGG16_BN_Weights",
    "VGG16_Weights",
    "VGG19_BN_Weights",
    "VGG19_Weights",
    "vgg11",
    "vgg11_bn",
    "vgg13",
    "vgg13_bn",
    "vgg16",
    "vgg16_bn",
    "vgg19",
    "vgg19_bn",
]

# Channels of the convolutions; M: a pooling.
cfgs: dict[str, list[Any]] = {
    "A": [64, "M", 128, "M", 256, 256, "M", 512, 512, "M", 512, 512, "M"],
    "B": [64, 64, "M", 128, 128, "M", 256, 256, "M", 512, 512, "M", 512, 512, "M"],
    "D": [64, 64, "M", 128, 128, "M", 256, 256, 256, "M", 512, 512, 512, "M", 512, 512, 512, "M"],
    "E": [64, 64, "M", 128, 128, "M", *[256] * 4, "M", *[512] * 4, "M", *[512] * 4, "M"],
}


def make_layers(cfg: list[Any], batch_norm: bool = False) -> nn.Sequential:
    """The convolutions and poolings of a row of `cfgs`."""
    layers: list[nn.Module] = []
    channels = 3
    for entry in cfg:
        if entry == "M":
            layers.append(nn.MaxPool2d(kernel_size=2, stride=2))
            continue
        layers.append(nn.Conv2d(channels, entry, kernel_size=3, padding=1))
        layers += [nn.BatchNorm2d(entry)] * batch_norm
        layers.append(nn.ReLU(inplace=True))
        channels = entry
    return nn.Sequential(*layers)


class VGG(nn.Module):
    """Features, and three linear layers that classify them.

    Args:
        features: images -> (N, 512, H, W).
        num_classes: how many classes.
        init_weights: fill the weights anew.
        dropout: the part of the classifier's values that is dropped.
    """

    def __init__(
        self, features: nn.Module, num_classes: int = 1000, init_weights: bool = True, dropout: float = 0.5
    ) -> None:
        super().__init__()
        self.features = features
        self.avgpool = nn.AdaptiveAvgPool2d((7, 7))
        self.classifier = nn.Sequential(
            nn.Linear(512 * 7 * 7, 4096),
            nn.ReLU(True),
            nn.Dropout(p=dropout),
            nn.Linear(4096, 4096),
            nn.ReLU(True),
            nn.Dropout(p=dropout),
            nn.Linear(4096, num_classes),
        )
        if init_weights:
            initialize(self, fan_out, small)

    def forward(self, x: Tensor) -> Tensor:
        return self.classifier(self.avgpool(self.features(x)).flatten(1))


def _keep_weights(weights: WeightsEnum, config: dict[str, Any]) -> None:
    config["init_weights"] = False


def _vgg(cfg: str, batch_norm: bool, kwargs: dict[str, Any]) -> VGG:
    return VGG(make_layers(cfgs[cfg], batch_norm), **kwargs)


VGG11_Weights = weights_enum("VGG11_Weights")
VGG11_BN_Weights = weights_enum("VGG11_BN_Weights")
VGG13_Weights = weights_enum("VGG13_Weights")
VGG13_BN_Weights = weights_enum("VGG13_BN_Weights")
VGG16_Weights = weights_enum("VGG16_Weights")
VGG16_BN_Weights = weights_enum("VGG16_BN_Weights")
VGG19_Weights = weights_enum("VGG19_Weights")
VGG19_BN_Weights = weights_enum("VGG19_BN_Weights")


@published(VGG11_Weights, _keep_weights)
def vgg11(**kwargs: Any) -> VGG:
    """VGG of 11 layers."""
    return _vgg("A", False, kwargs)


@published(VGG11_BN_Weights, _keep_weights)
def vgg11_bn(**kwargs: Any) -> VGG:
    """VGG of 11 layers with batch normalization."""
    return _vgg("A", True, kwargs)


@published(VGG13_Weights, _keep_weights)
def vgg13(**kwargs: Any) -> VGG:
    """VGG of 13 layers."""
    return _vgg("B", False, kwargs)


@published(VGG13_BN_Weights, _keep_weights)
def vgg13_bn(**kwargs: Any) -> VGG:
    """VGG of 13 layers with batch normalization."""
    return _vgg("B", True, kwargs)


@published(VGG16_Weights, _keep_weights)
def vgg16(**kwargs: Any) -> VGG:
    """VGG of 16 layers."""
    return _vgg("D", False, kwargs)


@published(VGG16_BN_Weights, _keep_weights)
def vgg16_bn(**kwargs: Any) -> VGG:
    """VGG of 16 layers with batch normalization."""
    return _vgg("D", True, kwargs)


@published(VGG19_Weights, _keep_weights)
def vgg19(**kwargs: Any) -> VGG:
    """VGG of 19 layers."""
    return _vgg("E", False, kwargs)


@published(VGG19_BN_Weights, _keep_weights)
def vgg19_bn(**kwargs: Any) -> VGG:
    """VGG of 19 layers with batch normalization."""
    return _vgg("E", True, kwargs)
