"""`import torchvision` answered by `rushlight.vision`, wherever `import torch` is answered by Rushlight: the real one
needs PyTorch's C++ library, so it could not be imported even where it is installed."""

from __future__ import annotations

from collections.abc import Sequence
from importlib import import_module
from importlib.abc import Loader, MetaPathFinder
from importlib.machinery import ModuleSpec
from types import ModuleType
from typing import Any

from ..rooms import exists


class VisionLoader(Loader):
    """Answers for one of torchvision's modules with ours, as it is."""

    def __init__(self, name: str) -> None:
        self.name = name

    def create_module(self, spec: ModuleSpec) -> ModuleType:
        module = import_module(self.name)
        self.spec = module.__spec__
        return module

    def exec_module(self, module: ModuleType) -> None:
        module.__spec__ = self.spec  # the import system has put torchvision's name into it


class VisionFinder(MetaPathFinder):
    """Finds `torchvision` and everything below it here.

    Raises:
        ModuleNotFoundError: a module of torchvision that we lack.
    """

    def find_spec(self, name: str, path: Sequence[str] | None = None, target: Any = None) -> ModuleSpec | None:
        top, _, rest = name.partition(".")
        if top != "torchvision":
            return None
        ours = f"rushlight.vision.{rest}".rstrip(".")
        if not exists(ours):
            raise ModuleNotFoundError(f"Rushlight's vision has no {name}; it has classifiers, not all of torchvision")
        return ModuleSpec(name, VisionLoader(ours), is_package=True)
