"""What the data sets of images share: a root folder, and transforms of the image, of its target, or of both."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

from ...errors import ArgumentError
from ...utils.data import Dataset

Transform = Callable[[Any], Any]


class VisionDataset(Dataset[Any]):
    """A data set of pairs (image, target).

    Args:
        root: the folder that it is read from.
        transforms: of (image, target) together; or
        transform: of the image, and
        target_transform: of the target.

    Raises:
        ValueError: both kinds given.
    """

    _repr_indent = 4

    def __init__(
        self,
        root: str | Path | None = None,
        transforms: Callable[..., Any] | None = None,
        transform: Transform | None = None,
        target_transform: Transform | None = None,
    ) -> None:
        separate = transform is not None or target_transform is not None
        if transforms is not None and separate:
            raise ArgumentError("Only transforms or transform/target_transform can be passed as argument")
        self.root: Any = os.path.expanduser(root) if isinstance(root, str) else root
        self.transform, self.target_transform = transform, target_transform
        self.transforms = StandardTransform(transform, target_transform) if separate else transforms

    def __getitem__(self, index: int) -> Any:
        raise NotImplementedError

    def __len__(self) -> int:
        raise NotImplementedError

    def transformed(self, image: Any, target: Any) -> tuple[Any, Any]:
        """The pair, each part through its own transform."""
        if self.transform is not None:
            image = self.transform(image)
        if self.target_transform is not None:
            target = self.target_transform(target)
        return image, target

    def __repr__(self) -> str:
        lines = [f"Number of datapoints: {len(self)}"]
        if self.root is not None:
            lines.append(f"Root location: {self.root}")
        lines += self.extra_repr().splitlines()
        if self.transforms is not None:
            lines.append(repr(self.transforms))
        return "\n".join([f"Dataset {type(self).__name__}", *(" " * self._repr_indent + line for line in lines)])

    def extra_repr(self) -> str:
        """Lines for subclasses to add."""
        return ""


class StandardTransform:
    """A transform of the image beside one of the target."""

    def __init__(self, transform: Transform | None = None, target_transform: Transform | None = None) -> None:
        self.transform, self.target_transform = transform, target_transform

    def __call__(self, input: Any, target: Any) -> tuple[Any, Any]:
        return VisionDataset.transformed(self, input, target)  # type: ignore[arg-type]

    def __repr__(self) -> str:
        lines = [type(self).__name__]
        for title, transform in (("Transform: ", self.transform), ("Target transform: ", self.target_transform)):
            if transform is not None:
                lines.append(title + repr(transform).replace("\n", "\n" + " " * len(title)))
        return "\n".join(lines)
