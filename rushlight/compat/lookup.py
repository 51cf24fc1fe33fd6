"""Whether Rushlight has a name of PyTorch's; asked of the alias, which must be installed."""

from __future__ import annotations

import importlib
from types import ModuleType
from typing import Any

from ..errors import RushlightError
from .names import is_module, names_of
from .refused import REFUSED, Refused, reason


def lacking(name: str) -> str | None:
    """Why a full name (`torch.fx.Node`) is missing and what to do instead; None if it is there.

    What is looked for below an object that is neither module nor class is taken to be there.
    """
    root, *parts = name.split(".")
    found: Any = importlib.import_module(root)
    for n, part in enumerate(parts):
        if not isinstance(found, (ModuleType, type)):
            return None
        below = ".".join([root, *parts[: n + 1]])
        try:
            found = _below(found, part, below)
        except (AttributeError, ImportError, RushlightError):
            owner = ".".join([root, *parts[:n]])
            theirs = part in names_of(f"{owner}()" if isinstance(found, type) else owner)
            return reason(below) if theirs else "PyTorch 2.13 does not have it either"
    return reason(found._missing) if isinstance(found, Refused) and not _is_only_named(found) else None


def _below(found: Any, part: str, name: str) -> Any:
    try:
        return getattr(found, part)
    except AttributeError:
        if isinstance(found, ModuleType):
            return importlib.import_module(name)
        raise


def _is_only_named(found: Refused) -> bool:
    """A package, which a program imports for the names in it: these are asked for on their own."""
    return is_module(found._missing) or found._missing in REFUSED
