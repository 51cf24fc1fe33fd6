"""PyTorch's names for our classes and functions, and back: what a pickle calls `torch.nn.Linear` is
`rushlight.nn.Linear`."""

from __future__ import annotations

import sys
from importlib import import_module
from typing import Any

from .storages import REBUILDERS, TYPED, StorageType, rebuild_from_type

_SPECIAL: dict[tuple[str, str], Any] = {
    ("torch._tensor", "_rebuild_from_type_v2"): rebuild_from_type,
    **{("torch._utils", name): function for name, function in REBUILDERS.items()},
    **{("torch", name): StorageType(kind) for name, kind in TYPED.items()},
}
_MOVED = {"torch._tensor": "torch", "torch.tensor": "torch"}  # modules whose classes are elsewhere here


def torch_name(obj: Any) -> tuple[str, str]:
    """The module and name under which PyTorch has a class or function of ours.

    Layers go by their public place, `torch.nn`, as PyTorch's modules are cut in another way than ours.
    """
    module, name = obj.__module__, obj.__qualname__
    for public in ("rushlight.nn", "rushlight.optim"):
        if module.startswith(public + ".") and getattr(sys.modules.get(public), name, None) is obj:
            return public.replace("rushlight", "torch", 1), name
    if getattr(sys.modules.get("rushlight"), name, None) is obj:
        return "torch", name
    return module.replace("rushlight", "torch", 1), name


def find(module: str, name: str) -> Any:
    """Ours for a name of PyTorch's.

    Raises:
        AttributeError, ImportError: there is none.
    """
    if (module, name) in _SPECIAL:
        return _SPECIAL[module, name]
    found: Any = import_module(_MOVED.get(module, module).replace("torch", "rushlight", 1))
    for part in name.split("."):
        found = getattr(found, part)
    return found
