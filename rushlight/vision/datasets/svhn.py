"""SVHN: house numbers photographed from the street, colour images of 32 x 32 pixels."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import numpy as np

from ...errors import OperatorError
from ..pillow import pil
from .utils import check_integrity, download_url, verify_str_arg
from .vision import Transform, VisionDataset


class SVHN(VisionDataset):
    """Digits of house numbers; 0 is class 0.

    Args:
        root: the folder with train_32x32.mat, test_32x32.mat or extra_32x32.mat.
        split: train, test or extra.
        download: fetch the file if it is not there.
        transform, target_transform: see `VisionDataset`.

    Attributes:
        data: (N, 3, 32, 32), an array of uint8.
        labels: (N,), an array of int64.

    Raises:
        RuntimeError: the file is not there, not as expected, or cannot be downloaded.
        ImportError: SciPy, which reads the file, is not installed.

    Source: Netzer et al. 2011, "Reading digits in natural images with unsupervised feature learning".
    """

    split_list: Any = {
        name: (f"http://ufldl.stanford.edu/housenumbers/{name}_32x32.mat", f"{name}_32x32.mat", md5)
        for name, md5 in (
            ("train", "e26dedcc434d2e4c54c9b2d4a06d8373"),
            ("test", "eb5a983be6a315427106f1b164d9cef3"),
            ("extra", "a93ce644f1a588dc4d68dda5feec44a7"),
        )
    }

    def __init__(
        self,
        root: str | Path,
        split: str = "train",
        transform: Transform | None = None,
        target_transform: Transform | None = None,
        download: bool = False,
    ) -> None:
        super().__init__(root, transform=transform, target_transform=target_transform)
        self.split = verify_str_arg(split, "split", tuple(self.split_list))
        self.url, self.filename, self.file_md5 = self.split_list[split]
        if download:
            self.download()
        path = os.path.join(self.root, self.filename)
        if not check_integrity(path, self.file_md5):
            raise OperatorError(f"Dataset not found or corrupted: {path}. You can use download=True to download it")
        self.data, self.labels = _read(path)

    def download(self) -> None:
        """Fetches the file, unless it is there."""
        download_url(self.url, self.root, self.filename, self.file_md5)

    def __getitem__(self, index: int) -> tuple[Any, Any]:
        return self.transformed(pil().fromarray(self.data[index].transpose(1, 2, 0)), int(self.labels[index]))

    def __len__(self) -> int:
        return len(self.data)

    def extra_repr(self) -> str:
        return f"Split: {self.split}"


def _read(path: str) -> tuple[Any, Any]:
    try:
        from scipy.io import loadmat
    except ImportError as error:
        raise ImportError("SVHN's files are read by SciPy: pip install scipy") from error
    content = loadmat(path)
    labels = content["y"].astype(np.int64).squeeze()
    return content["X"].transpose(3, 2, 0, 1), np.where(labels == 10, 0, labels)  # (32, 32, 3, N) -> (N, 3, 32, 32)
