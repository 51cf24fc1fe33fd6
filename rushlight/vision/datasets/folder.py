"""Folders of images, a folder for each class."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from ...errors import ArgumentError
from ..pillow import pil
from .vision import Transform, VisionDataset

IMG_EXTENSIONS = (".jpg", ".jpeg", ".png", ".ppm", ".bmp", ".pgm", ".tif", ".tiff", ".webp")
Loader = Callable[[str], Any]
Check = Callable[[str], bool]


def has_file_allowed_extension(filename: str, extensions: str | tuple[str, ...]) -> bool:
    """Whether the name ends in one of the extensions, in capitals or not."""
    return filename.lower().endswith(extensions if isinstance(extensions, str) else tuple(extensions))


def is_image_file(filename: str) -> bool:
    """Whether the name is one of an image."""
    return has_file_allowed_extension(filename, IMG_EXTENSIONS)


def find_classes(directory: str | Path) -> tuple[list[str], dict[str, int]]:
    """The names of the folders in a folder, sorted, and the number of each.

    Raises:
        FileNotFoundError: there is none.
    """
    classes = sorted(entry.name for entry in os.scandir(directory) if entry.is_dir())
    if not classes:
        raise FileNotFoundError(f"Couldn't find any class folder in {directory}.")
    return classes, {name: i for i, name in enumerate(classes)}


def _files(folder: str) -> Iterator[str]:
    """All files below a folder, in sorted order."""
    for root, _, names in sorted(os.walk(folder, followlinks=True)):
        yield from (os.path.join(root, name) for name in sorted(names))


def make_dataset(
    directory: str | Path,
    class_to_idx: dict[str, int] | None = None,
    extensions: str | tuple[str, ...] | None = None,
    is_valid_file: Check | None = None,
    allow_empty: bool = False,
) -> list[tuple[str, int]]:
    """(file, number of its class) for all files of the classes.

    Args:
        directory: with a folder for each class.
        class_to_idx: the classes; those of `find_classes` by default.
        extensions: how names must end; or
        is_valid_file: says whether a file belongs.
        allow_empty: take classes without files.

    Raises:
        FileNotFoundError: a class without files. ValueError: both or none of the two given.
    """
    directory = os.path.expanduser(directory)
    if class_to_idx is None:
        _, class_to_idx = find_classes(directory)
    elif not class_to_idx:
        raise ArgumentError("'class_to_index' must have at least one entry to collect any samples.")
    if (extensions is None) == (is_valid_file is None):
        raise ArgumentError("Both extensions and is_valid_file cannot be None or not None at the same time")
    wanted: Check = is_valid_file or (lambda path: has_file_allowed_extension(path, extensions or ()))
    samples = [
        (path, class_to_idx[name])
        for name in sorted(class_to_idx)
        for path in _files(os.path.join(directory, name))
        if wanted(path)
    ]
    empty = sorted(set(class_to_idx.values()) - {number for _, number in samples})
    if empty and not allow_empty:
        names = ", ".join(sorted(name for name, number in class_to_idx.items() if number in empty))
        listed = extensions if isinstance(extensions, str) else ", ".join(extensions or ())
        known = f"Supported extensions are: {listed}" if extensions is not None else ""
        raise FileNotFoundError(f"Found no valid file for the classes {names}. {known}")
    return samples


class DatasetFolder(VisionDataset):
    """Files of any kind, a folder for each class: root/cat/1.ext, root/dog/2.ext ...

    Args:
        root: the folder of the folders.
        loader: reads a file.
        extensions, is_valid_file, allow_empty: see `make_dataset`.
        transform, target_transform: see `VisionDataset`.

    Attributes:
        classes: their names. class_to_idx: their numbers. samples: (file, number) pairs. targets: the numbers.
    """

    def __init__(
        self,
        root: str | Path,
        loader: Loader,
        extensions: tuple[str, ...] | None = None,
        transform: Transform | None = None,
        target_transform: Transform | None = None,
        is_valid_file: Check | None = None,
        allow_empty: bool = False,
    ) -> None:
        super().__init__(root, transform=transform, target_transform=target_transform)
        self.loader, self.extensions = loader, extensions
        self.classes, self.class_to_idx = self.find_classes(self.root)
        self.samples = self.make_dataset(self.root, self.class_to_idx, extensions, is_valid_file, allow_empty)
        self.targets = [number for _, number in self.samples]

    @staticmethod
    def make_dataset(
        directory: str | Path,
        class_to_idx: dict[str, int],
        extensions: tuple[str, ...] | None = None,
        is_valid_file: Check | None = None,
        allow_empty: bool = False,
    ) -> list[tuple[str, int]]:
        """For subclasses to change, see `make_dataset`."""
        if class_to_idx is None:
            raise ArgumentError("The class_to_idx parameter cannot be None.")
        return make_dataset(directory, class_to_idx, extensions, is_valid_file, allow_empty)

    def find_classes(self, directory: str | Path) -> tuple[list[str], dict[str, int]]:
        """For subclasses to change, see `find_classes`."""
        return find_classes(directory)

    def __getitem__(self, index: int) -> tuple[Any, Any]:
        path, target = self.samples[index]
        return self.transformed(self.loader(path), target)

    def __len__(self) -> int:
        return len(self.samples)


def pil_loader(path: str | Path) -> Any:
    """The image in a file, as RGB."""
    with open(path, "rb") as file:
        return pil().open(file).convert("RGB")


default_loader = pil_loader


class ImageFolder(DatasetFolder):
    """Images, a folder for each class: root/cat/1.png, root/dog/2.jpg ...

    Args:
        root: the folder of the folders.
        loader: reads a file; by default Pillow, as RGB.
        others: see `DatasetFolder`.
    """

    def __init__(
        self,
        root: str | Path,
        transform: Transform | None = None,
        target_transform: Transform | None = None,
        loader: Loader = default_loader,
        is_valid_file: Check | None = None,
        allow_empty: bool = False,
    ) -> None:
        extensions = IMG_EXTENSIONS if is_valid_file is None else None
        super().__init__(root, loader, extensions, transform, target_transform, is_valid_file, allow_empty)
        self.imgs = self.samples
