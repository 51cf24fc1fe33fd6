"""CIFAR-10 and CIFAR-100: colour images of 32 x 32 pixels."""

from __future__ import annotations

import os
import pickle
from pathlib import Path
from typing import Any

import numpy as np

from ...errors import OperatorError
from ..pillow import pil
from .utils import check_integrity, download_and_extract_archive
from .vision import Transform, VisionDataset


class _Arrays(pickle.Unpickler):
    """Reads plain data and NumPy arrays, and cannot call anything else."""

    def find_class(self, module: str, name: str) -> Any:
        arrays = module.split(".")[0] == "numpy" and name in ("_reconstruct", "ndarray", "dtype", "scalar")
        if arrays or (module, name) == ("_codecs", "encode"):  # how Python 3 writes bytes for Python 2
            return super().find_class(module, name)
        raise pickle.UnpicklingError(f"a CIFAR file asks for {module}.{name}; only NumPy arrays are read from it")


class CIFAR10(VisionDataset):
    """50,000 small images in ten classes for training, 10,000 for testing.

    Args:
        root: the folder with cifar-10-batches-py/, as the archive has it.
        train: those for training, or those for testing.
        download: fetch the archive if the files are not there.
        transform, target_transform: see `VisionDataset`.

    Attributes:
        data: (N, 32, 32, 3), an array of uint8.
        targets: a list of N ints.

    Raises:
        RuntimeError: the files are not there, not as expected, or cannot be downloaded.

    Source: Krizhevsky 2009, "Learning multiple layers of features from tiny images".
    """

    base_folder = "cifar-10-batches-py"
    url = "https://www.cs.toronto.edu/~kriz/cifar-10-python.tar.gz"
    filename = "cifar-10-python.tar.gz"
    tgz_md5 = "c58f30108f718f92721af3b95e74349a"
    train_list: Any = (
        ("data_batch_1", "c99cafc152244af753f735de768cd75f"),
        ("data_batch_2", "d4bba439e000b95fd0a9bffe97cbabec"),
        ("data_batch_3", "54ebc095f3ab1f0389bbae665268c751"),
        ("data_batch_4", "634d18415352ddfa80567beed471001a"),
        ("data_batch_5", "482c414d41f54cd18b22e5b47cb7c3cb"),
    )
    test_list: Any = (("test_batch", "40351d587109b95175f43aff81a1287e"),)
    meta: Any = {"filename": "batches.meta", "key": "label_names", "md5": "5ff9c542aee3614f3951f8cda6e48888"}

    def __init__(
        self,
        root: str | Path,
        train: bool = True,
        transform: Transform | None = None,
        target_transform: Transform | None = None,
        download: bool = False,
    ) -> None:
        super().__init__(root, transform=transform, target_transform=target_transform)
        self.train = train
        if download:
            self.download()
        if not self._check_integrity():
            raise OperatorError(
                f"Dataset not found or corrupted in {self._path('')}. You can use download=True to download it"
            )
        batches = [self._read(name) for name, _ in (self.train_list if train else self.test_list)]
        self.targets = [y for batch in batches for y in batch.get("labels", batch.get("fine_labels"))]
        flat = np.vstack([batch["data"] for batch in batches])
        self.data = flat.reshape(-1, 3, 32, 32).transpose(0, 2, 3, 1)  # (N, 3072) -> (N, 32, 32, 3)
        self.classes = self._read(self.meta["filename"])[self.meta["key"]]
        self.class_to_idx = {name: i for i, name in enumerate(self.classes)}

    def _path(self, name: str) -> str:
        return os.path.join(self.root, self.base_folder, name)

    def _read(self, name: str) -> Any:
        with open(self._path(name), "rb") as file:
            return _Arrays(file, encoding="latin1").load()

    def _check_integrity(self) -> bool:
        files = [*self.train_list, *self.test_list, (self.meta["filename"], self.meta["md5"])]
        return all(check_integrity(self._path(name), md5) for name, md5 in files)

    def download(self) -> None:
        """Fetches and unpacks the archive, unless the files are there."""
        if not self._check_integrity():
            download_and_extract_archive(self.url, self.root, filename=self.filename, md5=self.tgz_md5)

    def __getitem__(self, index: int) -> tuple[Any, Any]:
        return self.transformed(pil().fromarray(self.data[index]), self.targets[index])

    def __len__(self) -> int:
        return len(self.data)

    def extra_repr(self) -> str:
        return f"Split: {'Train' if self.train else 'Test'}"


class CIFAR100(CIFAR10):
    """50,000 small images in a hundred classes for training, 10,000 for testing. Arguments as for `CIFAR10`."""

    base_folder = "cifar-100-python"
    url = "https://www.cs.toronto.edu/~kriz/cifar-100-python.tar.gz"
    filename = "cifar-100-python.tar.gz"
    tgz_md5 = "eb9058c3a382ffc7106e4002c42a8d85"
    train_list = (("train", "16019d7e3df5f24257cddd939b257f8d"),)
    test_list = (("test", "f0ef6b0ae62326f3e7ffdfab6717acfc"),)
    meta = {"filename": "meta", "key": "fine_label_names", "md5": "7973b15100ade9c7d40fb424638fde48"}
