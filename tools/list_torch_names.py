"""Writes rushlight/compat/torch_names.txt: the modules and public names of the PyTorch that is installed.

    python tools/list_torch_names.py

With this list `import torch`, answered by Rushlight, can tell what PyTorch has and we lack from what nobody has. A line
is a module, a colon and its names; `Linear=torch.nn.modules.linear` is a class with the module that defines it.
Packages that are refused as a whole (`compat/refused.py`) are left out. The line of `torch.Tensor()` has what tensors
have.
"""

from __future__ import annotations

import importlib
import os
import types
import warnings
from collections.abc import Iterator
from pathlib import Path

import torch

from rushlight.compat.refused import REFUSED

TARGET = Path(__file__).parent.parent / "rushlight" / "compat" / "torch_names.txt"


def modules() -> Iterator[str]:
    """PyTorch's public modules."""
    root = Path(torch.__file__).parent
    for folder, folders, files in os.walk(root):
        public = "__init__.py" in files
        folders[:] = [d for d in sorted(folders) if public and d.isidentifier() and not d.startswith("_")]
        package = ".".join(["torch", *Path(folder).relative_to(root).parts])
        if public:
            yield package
            yield from (f"{package}.{f[:-3]}" for f in sorted(files) if f.endswith(".py") and not f.startswith("_"))


def names(module: types.ModuleType) -> Iterator[str]:
    """The public names that a module holds and that are PyTorch's own."""
    for name, value in sorted(vars(module).items()):
        home = getattr(value, "__module__", None)
        if name.startswith("_") or isinstance(value, types.ModuleType) or not str(home or "torch").startswith("torch"):
            continue
        yield f"{name}={home}" if isinstance(value, type) and home not in (None, module.__name__) else name


def main() -> None:
    warnings.simplefilter("ignore")
    lines = []
    for name in sorted(modules()):
        if any(name == refused or name.startswith(refused + ".") for refused in REFUSED):
            continue
        try:
            module = importlib.import_module(name)
        except Exception:
            continue  # needs a library that is not installed
        lines.append(" ".join([f"{name}:", *names(module)]))
    lines.append(" ".join(["torch.Tensor():", *(name for name in sorted(dir(torch.Tensor)) if name[0] != "_")]))
    TARGET.write_text("\n".join(lines) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
