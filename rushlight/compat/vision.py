"""`import torchvision` answered by `rushlight.vision` where `import torch` is answered by Rushlight, unless there is a
torchvision that can be imported: the real one cannot, as it needs PyTorch's C++ library."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from importlib import import_module
from importlib.abc import Loader, MetaPathFinder
from importlib.machinery import ModuleSpec, PathFinder
from pathlib import Path
from types import ModuleType
from typing import Any

from ..rooms import exists
from .refused import RefusedLoader, advice


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

    Args:
        shim: a folder on the path whose torchvision.py leads here.
    """

    def __init__(self, shim: str) -> None:
        self.shim = shim

    def find_spec(self, name: str, path: Sequence[str] | None = None, target: Any = None) -> ModuleSpec | None:
        """
        Raises:
            ModuleNotFoundError: a module of torchvision that we lack.
        """
        top, _, rest = name.partition(".")
        if top != "torchvision":
            return None
        if not rest:
            return self._another() or ModuleSpec(name, VisionLoader("rushlight.vision"), is_package=True)
        if sys.modules.get(top) is not sys.modules.get("rushlight.vision"):
            return None
        if advice(name):
            return ModuleSpec(name, RefusedLoader(name), is_package=True)
        if not exists(f"rushlight.vision.{rest}"):
            raise ModuleNotFoundError(f"Rushlight's vision has no {name}; it has classifiers, not all of torchvision")
        return ModuleSpec(name, VisionLoader(f"rushlight.vision.{rest}"), is_package=True)

    def _another(self) -> ModuleSpec | None:
        """A torchvision on the path that is neither the real one nor the way back to us."""
        found = PathFinder.find_spec("torchvision", [folder for folder in sys.path if folder != self.shim])
        if found is None or (found.origin and Path(found.origin).with_name("extension.py").exists()):
            return None
        return found
