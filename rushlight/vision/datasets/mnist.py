"""MNIST and the data sets in its format: gray images of 28 x 28 pixels."""

from __future__ import annotations

import os
import shutil
import string
import warnings
from pathlib import Path
from typing import Any

import numpy as np

from ... import ops
from ...data import Digits
from ...dtypes import int64, uint8
from ...errors import DTypeError, OperatorError
from ...tensor import Tensor
from ..transforms.on_pictures import from_array
from .utils import check_integrity, download_and_extract_archive, extract_archive, verify_str_arg
from .vision import Transform, VisionDataset

EMBEDDED = "RUSHLIGHT_EMBEDDED_DIGITS"  # set to 1, MNIST without files is the package's own ten thousand digits
_DTYPES = {8: "u1", 9: "i1", 11: "i2", 12: "i4", 13: "f4", 14: "f8"}


def read_sn3_pascalvincent_tensor(path: str | os.PathLike[str], strict: bool = True) -> Tensor:
    """A tensor in the format of MNIST's files: two zeros, a dtype, the number of dimensions, sizes, big-endian numbers.

    Args:
        strict: refuse files with numbers left over.

    Raises:
        RuntimeError: the file is in no such format, or too short.
    """
    content = Path(path).read_bytes()
    if len(content) < 4 or content[:2] != b"\0\0" or content[2] not in _DTYPES or not 1 <= content[3] <= 3:
        raise OperatorError(f"{path} is no file in MNIST's format")
    dims = content[3]
    shape = np.frombuffer(content, ">i4", dims, 4).tolist()
    numbers = np.frombuffer(content, np.dtype(_DTYPES[content[2]]).newbyteorder(">"), -1, 4 * (dims + 1))
    wanted = int(np.prod(shape))
    if len(numbers) < wanted or (strict and len(numbers) != wanted):
        raise OperatorError(f"{path} has {len(numbers)} numbers, expected {wanted}: {shape}")
    return ops.from_numpy(numbers[:wanted].astype(numbers.dtype.newbyteorder("=")).reshape(shape))


def _read(path: str | os.PathLike[str], dims: int) -> Tensor:
    x = read_sn3_pascalvincent_tensor(path, strict=False)
    if x.dtype != uint8 or x.ndim != dims:
        raise DTypeError(f"{path} holds {x.dtype} {tuple(x.shape)}, expected torch.uint8 in {dims} dimensions")
    return x


def read_label_file(path: str | os.PathLike[str]) -> Tensor:
    """(N,) int64."""
    return _read(path, 1).to(int64)


def read_image_file(path: str | os.PathLike[str]) -> Tensor:
    """(N, H, W) uint8."""
    return _read(path, 3)


def _renamed(old: str, new: str) -> Any:
    """An attribute under the name that it had long ago."""

    def get(self: Any) -> Tensor:
        warnings.warn(f"{old} has been renamed {new}", stacklevel=2)
        return getattr(self, new)

    return property(get)


class MNIST(VisionDataset):
    """60,000 handwritten digits for training, 10,000 for testing.

    Args:
        root: the folder with MNIST/raw/train-images-idx3-ubyte and the three other files.
        train: those for training, or those for testing.
        download: fetch the files if they are not there.
        transform, target_transform: see `VisionDataset`.

    Attributes:
        data: (N, 28, 28) uint8.
        targets: (N,) int64.

    Raises:
        RuntimeError: the files are not there or cannot be downloaded. Without a network, `rushlight.data.Digits` has
            ten thousand digits that come with the package; with RUSHLIGHT_EMBEDDED_DIGITS=1 in the environment they
            stand in for files that are missing.

    Source: LeCun, Cortes, Burges, "The MNIST database of handwritten digits".
    """

    mirrors = ("https://ossci-datasets.s3.amazonaws.com/mnist/", "http://yann.lecun.com/exdb/mnist/")
    resources: Any = (
        ("train-images-idx3-ubyte.gz", "f68b3c2dcbeaaa9fbdd348bbdeb94873"),
        ("train-labels-idx1-ubyte.gz", "d53e105ee54ea40749a09fcbcd1e9432"),
        ("t10k-images-idx3-ubyte.gz", "9fb629c4189551a2d022fa330f9573f3"),
        ("t10k-labels-idx1-ubyte.gz", "ec29112dd5afa0611ce80d1b7f02629c"),
    )
    classes: Any = (
        "0 - zero", "1 - one", "2 - two", "3 - three", "4 - four", "5 - five", "6 - six", "7 - seven", "8 - eight",
        "9 - nine",
    )  # fmt: skip

    train_data, test_data = _renamed("train_data", "data"), _renamed("test_data", "data")
    train_labels, test_labels = _renamed("train_labels", "targets"), _renamed("test_labels", "targets")

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
        self.classes = list(type(self).classes)
        if type(self) is MNIST and not self._check_exists() and os.environ.get(EMBEDDED) == "1":
            self.data, self.targets = self._embedded()
            return
        if download:
            self.download()
        if not self._check_exists():
            raise OperatorError(
                f"Dataset not found in {self.raw_folder}. You can use download=True to download it"
                + _WITHOUT_NETWORK * (type(self) is MNIST)
            )
        self.data, self.targets = self._load_data()

    def _embedded(self) -> tuple[Tensor, Tensor]:
        warnings.warn(f"{EMBEDDED}=1: MNIST is the package's ten thousand digits, not the whole data set", stacklevel=3)
        digits = Digits(self.train)
        return (digits.data[:, 0] * 255).round().to(uint8), digits.targets

    @property
    def raw_folder(self) -> str:
        """The folder of the files."""
        return os.path.join(self.root, type(self).__name__, "raw")

    @property
    def processed_folder(self) -> str:
        """A folder that old releases of torchvision wrote."""
        return os.path.join(self.root, type(self).__name__, "processed")

    @property
    def class_to_idx(self) -> dict[str, int]:
        """The number of each class."""
        return {name: i for i, name in enumerate(self.classes)}

    def _files(self) -> tuple[str, str]:
        """Names of the images' and the labels' file."""
        part = "train" if self.train else "t10k"
        return f"{part}-images-idx3-ubyte", f"{part}-labels-idx1-ubyte"

    def _load_data(self) -> tuple[Tensor, Tensor]:
        images, labels = (os.path.join(self.raw_folder, name) for name in self._files())
        return read_image_file(images), read_label_file(labels)

    def _check_exists(self) -> bool:
        names = (os.path.splitext(name)[0] for name, _ in self.resources)
        return all(check_integrity(os.path.join(self.raw_folder, name)) for name in names)

    def download(self) -> None:
        """Fetches the files, unless they are there.

        Raises:
            RuntimeError: no mirror has them.
        """
        if self._check_exists():
            return
        for filename, md5 in self.resources:
            errors = []
            for mirror in self.mirrors:
                try:
                    download_and_extract_archive(mirror + filename, self.raw_folder, filename=filename, md5=md5)
                except RuntimeError as error:
                    errors.append(f"Tried {mirror}, got:\n{error}")
                else:
                    break
            else:
                tried = "\n".join(errors)
                raise OperatorError(
                    f"Error downloading {filename}:\n{tried}" + _WITHOUT_NETWORK * (type(self) is MNIST)
                )

    def __getitem__(self, index: int) -> tuple[Any, Any]:
        return self.transformed(from_array(self.data[index].numpy(), "L"), int(self.targets[index]))

    def __len__(self) -> int:
        return len(self.data)

    def extra_repr(self) -> str:
        return f"Split: {'Train' if self.train else 'Test'}"


_WITHOUT_NETWORK = (
    f"\nWithout a network: set {EMBEDDED}=1 in the environment to use the ten thousand digits that come with Rushlight "
    "in its place"
)


class FashionMNIST(MNIST):
    """Zalando's pieces of clothing: 60,000 for training, 10,000 for testing. Arguments as for `MNIST`.

    Source: Xiao, Rasul, Vollgraf 2017, arXiv:1708.07747.
    """

    mirrors: Any = ("http://fashion-mnist.s3-website.eu-central-1.amazonaws.com/",)
    resources = (
        ("train-images-idx3-ubyte.gz", "8d4fb7e6c68d591d4c3dfef9ec88bf0d"),
        ("train-labels-idx1-ubyte.gz", "25c81989df183df01b3e8a0aad5dffbe"),
        ("t10k-images-idx3-ubyte.gz", "bef4ecab320f06d8554ea6380940ec79"),
        ("t10k-labels-idx1-ubyte.gz", "bb300cfdad3c16e7a12a480ee83cd310"),
    )
    classes = (
        "T-shirt/top", "Trouser", "Pullover", "Dress", "Coat", "Sandal", "Shirt", "Sneaker", "Bag", "Ankle boot",
    )  # fmt: skip


class KMNIST(MNIST):
    """Kuzushiji, cursive Japanese characters: 60,000 for training, 10,000 for testing. Arguments as for `MNIST`.

    Source: Clanuwat et al. 2018, arXiv:1812.01718.
    """

    mirrors: Any = ("http://codh.rois.ac.jp/kmnist/dataset/kmnist/",)
    resources = (
        ("train-images-idx3-ubyte.gz", "bdb82020997e1d708af4cf47b453dcf7"),
        ("train-labels-idx1-ubyte.gz", "e144d726b3acfaa3e44228e80efcd344"),
        ("t10k-images-idx3-ubyte.gz", "5c965bf0a639b31b8f53240b1b52f4d7"),
        ("t10k-labels-idx1-ubyte.gz", "7320c461ea6c1c855c0b718fb2a4b134"),
    )
    classes = ("o", "ki", "su", "tsu", "na", "ha", "ma", "ya", "re", "wo")


_MERGED = frozenset("cijklmopsuvwxyz")  # letters that look alike in capitals and not
_ALL = sorted(string.digits + string.ascii_letters)


class EMNIST(MNIST):
    """Handwritten digits and letters, in several selections.

    Args:
        root: the folder with EMNIST/raw/.
        split: byclass, bymerge, balanced, letters, digits or mnist.
        kwargs: as for `MNIST`.

    Source: Cohen et al. 2017, arXiv:1702.05373.
    """

    url = "https://biometrics.nist.gov/cs_links/EMNIST/gzip.zip"
    md5 = "58c8d27c78d21e728a6bc7b3cc06412e"
    splits = ("byclass", "bymerge", "balanced", "letters", "digits", "mnist")
    classes_split_dict: Any = {
        "byclass": _ALL,
        "bymerge": [c for c in _ALL if c not in _MERGED],
        "balanced": [c for c in _ALL if c not in _MERGED],
        "letters": ["N/A", *string.ascii_lowercase],
        "digits": list(string.digits),
        "mnist": list(string.digits),
    }

    def __init__(self, root: str | Path, split: str, **kwargs: Any) -> None:
        self.split = verify_str_arg(split, "split", self.splits)
        super().__init__(root, **kwargs)
        self.classes = self.classes_split_dict[self.split]

    def _files(self) -> tuple[str, str]:
        part = f"emnist-{self.split}-{'train' if self.train else 'test'}"
        return f"{part}-images-idx3-ubyte", f"{part}-labels-idx1-ubyte"

    def _check_exists(self) -> bool:
        return all(check_integrity(os.path.join(self.raw_folder, name)) for name in self._files())

    def download(self) -> None:
        """Fetches the files of all selections, unless they are there."""
        if self._check_exists():
            return
        download_and_extract_archive(self.url, self.raw_folder, md5=self.md5)
        folder = Path(self.raw_folder, "gzip")
        for packed in folder.glob("*.gz"):
            extract_archive(packed, self.raw_folder)
        shutil.rmtree(folder)
