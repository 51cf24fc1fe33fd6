"""AlexNet: the network that won in 2012, in the form it has on one GPU.

Source: Krizhevsky 2014, arXiv:1404.5997.
"""

from __future__ import annotations

from typing import Any

from ... import nn
from ...tensor import Tensor
from .weights import published, weights_enum

__all__ = [
    "AlexNet",
    "AlexNet_Weights",
    "alexnet",
]


def _relu() -> nn.ReLU:
    return nn.ReLU(inplace=True)


def _pool() -> nn.MaxPool2d:
    return nn.MaxPool2d(kernel_size=3, stride=2)


class AlexNet(nn.Module):
    """Five convolutions and three linear layers.

    Args:
        num_classes: how many classes.
        dropout: the part of the classifier's values that is dropped.
    """

    def __init__(self, num_classes: int = 1000, dropout: float = 0.5) -> None:
        super().__init__()
        self.features = nn.Sequential(
            *(nn.Conv2d(3, 64, kernel_size=11, stride=4, padding=2), _relu(), _pool()),
            *(nn.Conv2d(64, 192, kernel_size=5, padding=2), _relu(), _pool()),
            *(nn.Conv2d(192, 384, kernel_size=3, padding=1), _relu()),
            *(nn.Conv2d(384, 256, kernel_size=3, padding=1), _relu()),
            *(nn.Conv2d(256, 256, kernel_size=3, padding=1), _relu(), _pool()),
        )
        self.avgpool = nn.AdaptiveAvgPool2d((6, 6))
        self.classifier = nn.Sequential(
            *(nn.Dropout(p=dropout), nn.Linear(256 * 6 * 6, 4096), _relu()),
            *(nn.Dropout(p=dropout), nn.Linear(4096, 4096), _relu()),
            nn.Linear(4096, num_classes),
        )

    def forward(self, x: Tensor) -> Tensor:
        return self.classifier(self.avgpool(self.features(x)).flatten(1))


AlexNet_Weights = weights_enum("AlexNet_Weights")


@published(AlexNet_Weights)
def alexnet(**kwargs: Any) -> AlexNet:
    """AlexNet."""
    return AlexNet(**kwargs)
