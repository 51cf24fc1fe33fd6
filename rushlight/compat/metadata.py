"""What `importlib.metadata` tells of the package `torch` while Rushlight answers for it: libraries ask for its version
there before they import it."""

from __future__ import annotations

from collections.abc import Iterator
from importlib.metadata import Distribution, DistributionFinder
from os import PathLike
from typing import Any

from ..torch_version import __version__

_METADATA = f"""\
Metadata-Version: 2.1
Name: torch
Version: {__version__}
Summary: PyTorch's names, answered by Rushlight
"""


class TorchDistribution(Distribution):
    """The package `torch`, of which there are no files."""

    def read_text(self, filename: str) -> str | None:
        """Its description; nothing else is there."""
        return _METADATA if filename == "METADATA" else None

    def locate_file(self, path: str | PathLike[str]) -> Any:
        """
        Raises:
            FileNotFoundError: always, since `torch` is a module of this process alone.
        """
        raise FileNotFoundError(f"torch: {path} is not on disk, as Rushlight answers for torch")


class TorchDistributionFinder(DistributionFinder):
    """Finds it by name, and among all packages."""

    def find_spec(self, name: str, path: Any = None, target: Any = None) -> None:
        """No module: those are found elsewhere."""

    def find_distributions(self, context: DistributionFinder.Context | None = None) -> Iterator[Any]:
        """The package `torch` where it is asked for."""
        if context is None or context.name in (None, "torch"):
            yield TorchDistribution()
