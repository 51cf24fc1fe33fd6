"""`import torch` answered by Rushlight: `install_as_torch()` puts a finder in front of Python's own.

`torch` is a module of its own that holds Rushlight's names, since its version has to be PyTorch's; every module below
it is Rushlight's very module: `torch.nn.functional is rushlight.nn.functional`. A name that PyTorch has and we lack can
be imported (`from torch.fx import Node`) and raises when it is used.
"""

from __future__ import annotations

import importlib
import os
import sys
from collections.abc import Sequence
from importlib.abc import Loader, MetaPathFinder
from importlib.machinery import ModuleSpec
from pathlib import Path
from types import ModuleType
from typing import Any

from ..errors import UnsupportedError
from .metadata import TorchDistributionFinder
from .names import home, is_module, names_of, packages_of
from .private import answer, is_answered
from .refused import RefusedLoader, advice, refused
from .vision import VisionFinder

SHIM = str(Path(__file__).with_name("shim"))  # a folder whose torch.py and torchvision.py call install_as_torch


# ----------------------------------------------------------------------------------------------------- the module torch


def stand_in(full: str) -> Any:
    """What answers for a name that is no attribute of the module: PyTorch's submodules are attributes without an
    import; classes that we lack still serve isinstance and annotations. Where nothing answers: AttributeError."""
    module, _, name = full.rpartition(".")
    known = names_of(module)
    for package in packages_of(module, known.get(name, module)):
        if name in vars(package):
            return vars(package)[name]
    if is_module(full) or (advice(full) and not name.startswith("__")):
        return importlib.import_module(full)
    if name in known and (known[name] != module or (name[0].isupper() and not name.isupper())):  # a class
        return refused(full)
    if is_answered(full):
        return answer(full)
    told = ": PyTorch has it, Rushlight does not" if name in known else ""
    raise AttributeError(f"module {module!r} has no attribute {name!r}{told}")


class Torch(ModuleType):
    """`torch` itself: Rushlight's names as far as PyTorch has them too; what is loaded late comes on use."""

    def __getattr__(self, name: str) -> Any:
        if (name in names_of("torch") or name.startswith("_")) and not name.startswith("__"):
            ours = importlib.import_module("rushlight")
            if hasattr(ours, name):
                return getattr(ours, name)
        return stand_in(f"torch.{name}")


class Answering(ModuleType):
    """One of our modules while it answers for PyTorch's; several may be one here."""

    def __getattr__(self, name: str) -> Any:
        *others, last = _answered.get(self.__name__, [f"torch{self.__name__.removeprefix('rushlight')}"])
        for module in others:
            try:
                return stand_in(f"{module}.{name}")
            except AttributeError:
                pass
        return stand_in(f"{last}.{name}")


_answered: dict[str, list[str]] = {}  # our modules, and PyTorch's that were imported and that they answer for


def _answers(name: str, value: Any) -> bool:
    """Whether what `rushlight` calls `name` is what PyTorch calls so."""
    if isinstance(value, ModuleType):
        return home(f"torch.{name}") == value.__name__
    return name in names_of("torch")


class TorchLoader(Loader):
    """Makes the module `torch`."""

    def create_module(self, spec: ModuleSpec) -> ModuleType:
        return Torch("torch", "PyTorch's names, answered by Rushlight.")

    def exec_module(self, module: ModuleType) -> None:
        ours = importlib.import_module("rushlight")
        held = vars(module)
        held.update((name, value) for name, value in vars(ours).items() if _answers(name, value))
        held["torch"] = module  # torch: `torch.torch` is there, too
        held["__config__"] = importlib.import_module("rushlight.__config__")
        held["__file__"] = ours.__file__
        held["__version__"] = importlib.import_module("rushlight.torch_version").__version__
        for name, loaded in list(sys.modules.items()):
            if name.partition(".")[0] == "rushlight":
                _settle(loaded, f"torch{name.removeprefix('rushlight')}")


# ------------------------------------------------------------------------------------------------- the modules below it


class AliasLoader(Loader):
    """Answers for one of PyTorch's modules with ours, as it is."""

    def __init__(self, name: str) -> None:
        self.name = name

    def create_module(self, spec: ModuleSpec) -> ModuleType:
        self.module = importlib.import_module(self.name)
        _answered.setdefault(self.module.__name__, []).append(spec.name)
        self.spec = self.module.__spec__
        return self.module

    def exec_module(self, module: ModuleType) -> None:
        module.__spec__ = self.spec  # the import system has put PyTorch's name into it
        _allow_below(module)
        _settle(module, f"torch{self.name.removeprefix('rushlight')}")


def _settle(module: ModuleType, name: str) -> None:
    """Tells our classes where PyTorch defines them, since programs print, compare and pickle that."""
    if type(module) is ModuleType and name != "torch":
        module.__class__ = Answering  # asked after the module's own __getattr__
    homes = names_of(name)
    for key, value in list(vars(module).items()):
        if isinstance(value, type) and key in homes and value.__module__.startswith("rushlight."):
            value.__module__ = homes[key]
            _lay_open(homes[key])


def _lay_open(name: str) -> None:
    """Puts a module of ours that is loaded under PyTorch's name for it, too, where typing.get_type_hints looks for the
    names in a class's annotations. (An import would set attributes, too: `multiprocessing.spawn` is a function.)"""
    ours = sys.modules.get(home(name) or "")
    if ours is not None and name not in sys.modules:
        sys.modules[name] = ours
        _answered.setdefault(ours.__name__, []).append(name)
        _allow_below(ours)
        _settle(ours, f"torch{ours.__name__.removeprefix('rushlight')}")


def _allow_below(module: ModuleType) -> None:
    """Makes `from torch.x import y` ask the finder for a y that we lack."""
    if not hasattr(module, "__path__"):
        module.__path__ = []


class TorchFinder(MetaPathFinder):
    """Finds `torch` and everything below it here: the first to be asked."""

    def find_spec(self, name: str, path: Sequence[str] | None = None, target: Any = None) -> ModuleSpec | None:
        if name == "torch":
            return ModuleSpec(name, TorchLoader(), is_package=True)
        if not name.startswith("torch."):
            return None
        ours = home(name)
        if ours is not None:
            return ModuleSpec(name, AliasLoader(ours), is_package=True)
        module, _, last = name.rpartition(".")
        if advice(name) or is_module(name) or last in names_of(module):
            return ModuleSpec(name, RefusedLoader(name), is_package=True)
        if getattr(sys.modules.get(module), "__name__", "").partition(".")[0] == "rushlight":
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)  # rather than one of our files, twice
        return None


class LackingFinder(MetaPathFinder):
    """Finds PyTorch's names that our modules lack: the last to be asked. At `from torch.nn import Thing` Python asks
    for a module rushlight.nn.Thing after nn was found to have no such name."""

    def find_spec(self, name: str, path: Sequence[str] | None = None, target: Any = None) -> ModuleSpec | None:
        if not name.startswith("rushlight."):
            return None
        theirs = name.replace("rushlight.vision", "torchvision")
        if advice(theirs):
            return ModuleSpec(name, RefusedLoader(theirs), is_package=True)
        module, _, last = f"torch{name.removeprefix('rushlight')}".rpartition(".")
        if last in names_of(module):
            return ModuleSpec(name, RefusedLoader(f"{module}.{last}"), is_package=True)
        return None


# ----------------------------------------------------------------------------------------------------------- installing


def install_as_torch() -> None:
    """Makes `import torch` mean Rushlight, in this process and in those that multiprocessing starts from it.

    Call it before anything imports torch; PyTorch need not be installed, and is not looked at if it is.

    Raises:
        NotImplementedError: PyTorch itself was imported before.

    Example, at the top of a program:
        import rushlight
        rushlight.install_as_torch()
        import torch.nn.functional as F  # rushlight.nn.functional
    """
    if isinstance(sys.modules.get("torch"), Torch):
        return
    if hasattr(sys.modules.get("torch"), "_C") and "torch._C" in sys.modules:
        raise UnsupportedError("install_as_torch: PyTorch is imported already; install before the first import torch")
    sys.modules.pop("torch", None)
    sys.meta_path[:0] = [TorchFinder(), VisionFinder(SHIM), TorchDistributionFinder()]
    sys.meta_path.append(LackingFinder())
    importlib.import_module("torch")
    if SHIM not in sys.path:  # multiprocessing hands the path to the processes it starts
        sys.path.insert(1, SHIM)


def install_for_children() -> None:
    """Lets Python processes that this one starts find `torch` here too, by their PYTHONPATH."""
    paths = [path for path in os.environ.get("PYTHONPATH", "").split(os.pathsep) if path]
    if SHIM not in paths:
        os.environ["PYTHONPATH"] = os.pathsep.join([SHIM, *paths])
