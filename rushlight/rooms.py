"""Rooms of the house that are entered late: modules that few programs need, imported on use."""

from __future__ import annotations

import sys
from importlib import import_module
from importlib.machinery import PathFinder
from types import ModuleType


def exists(name: str) -> bool:
    """Whether Rushlight has a module of this full name."""
    if name in sys.modules:
        return True
    package, _, _ = name.rpartition(".")
    if package and not exists(package):
        return False
    path = getattr(import_module(package), "__path__", None) if package else None
    return (path is not None or not package) and PathFinder.find_spec(name, path) is not None


def room(package: str, name: str) -> ModuleType:
    """The module `package.name`, as an attribute of the package that was never imported explicitly.

    Raises:
        AttributeError: there is none.
    """
    if name.startswith("__") or not exists(f"{package}.{name}"):
        raise AttributeError(f"module {package!r} has no attribute {name!r}")
    return import_module(f"{package}.{name}")
