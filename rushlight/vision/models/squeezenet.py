"""SqueezeNet: few channels between blocks, so few parameters.

Source: Iandola et al. 2016, arXiv:1602.07360.
"""

from __future__ import annotations

from typing import Any

from ... import nn, ops
from ...errors import ArgumentError
from ...tensor import Tensor
from .initial import initialize, small
from .weights import published, weights_enum

__all__ = [
    "SqueezeNet",
    "SqueezeNet1_0_Weights",
    "SqueezeNet1_1_Weights",
    "squeezenet1_0",
    "squeezenet1_1",
]


class Fire(nn.Module):
    """A 1 x 1 convolution to few channels, from which 1 x 1 and 3 x 3 ones lead to many."""

    def __init__(self, inplanes: int, squeeze_planes: int, expand1x1_planes: int, expand3x3_planes: int) -> None:
        super().__init__()
        self.inplanes = inplanes
        self.squeeze = nn.Conv2d(inplanes, squeeze_planes, kernel_size=1)
        self.squeeze_activation = nn.ReLU(inplace=True)
        self.expand1x1 = nn.Conv2d(squeeze_planes, expand1x1_planes, kernel_size=1)
        self.expand1x1_activation = nn.ReLU(inplace=True)
        self.expand3x3 = nn.Conv2d(squeeze_planes, expand3x3_planes, kernel_size=3, padding=1)
        self.expand3x3_activation = nn.ReLU(inplace=True)

    def forward(self, x: Tensor) -> Tensor:
        x = self.squeeze_activation(self.squeeze(x))
        parts = [self.expand1x1_activation(self.expand1x1(x)), self.expand3x3_activation(self.expand3x3(x))]
        return ops.cat(parts, 1)


# Of each version: channels and kernel of the first convolution, channels that each Fire squeezes to; M: a pooling.
_VERSIONS: dict[str, tuple[int, int, list[Any]]] = {
    "1_0": (96, 7, ["M", 16, 16, 32, "M", 32, 48, 48, 64, "M", 64]),
    "1_1": (64, 3, ["M", 16, 16, "M", 32, 32, "M", 48, 48, 64, 64]),
}


class SqueezeNet(nn.Module):
    """Fires, and a 1 x 1 convolution that classifies.

    Args:
        version: "1_0" or "1_1".
        num_classes: how many classes.
        dropout: the part of the features that is dropped before they are classified.

    Raises:
        ValueError: another version.
    """

    def __init__(self, version: str = "1_0", num_classes: int = 1000, dropout: float = 0.5) -> None:
        super().__init__()
        if version not in _VERSIONS:
            raise ArgumentError(f"Unsupported SqueezeNet version {version}: 1_0 or 1_1 expected")
        self.num_classes = num_classes
        channels, kernel, entries = _VERSIONS[version]
        layers: list[nn.Module] = [nn.Conv2d(3, channels, kernel_size=kernel, stride=2), nn.ReLU(inplace=True)]
        for entry in entries:
            if entry == "M":
                layers.append(nn.MaxPool2d(kernel_size=3, stride=2, ceil_mode=True))
                continue
            layers.append(Fire(channels, entry, 4 * entry, 4 * entry))
            channels = 8 * entry
        self.features = nn.Sequential(*layers)
        last = nn.Conv2d(512, num_classes, kernel_size=1)
        self.classifier = nn.Sequential(
            nn.Dropout(p=dropout), last, nn.ReLU(inplace=True), nn.AdaptiveAvgPool2d((1, 1))
        )
        initialize(self, lambda weight: small(weight) if weight is last.weight else nn.init.kaiming_uniform_(weight))

    def forward(self, x: Tensor) -> Tensor:
        return self.classifier(self.features(x)).flatten(1)


SqueezeNet1_0_Weights = weights_enum("SqueezeNet1_0_Weights")
SqueezeNet1_1_Weights = weights_enum("SqueezeNet1_1_Weights")


@published(SqueezeNet1_0_Weights)
def squeezenet1_0(**kwargs: Any) -> SqueezeNet:
    """SqueezeNet 1.0."""
    return SqueezeNet("1_0", **kwargs)


@published(SqueezeNet1_1_Weights)
def squeezenet1_1(**kwargs: Any) -> SqueezeNet:
    """SqueezeNet 1.1, as good with less than half of the computation."""
    return SqueezeNet("1_1", **kwargs)
