"""Finds the native kernels: one extension module per instruction set, of which the best that runs here is imported.

`native` is that module, or None; `isa` its instruction set, or "none". RUSHLIGHT_ISA names another build to use;
RUSHLIGHT_NATIVE=0 leaves all work to the kernels' definitions; RUSHLIGHT_ALLOCATOR=0 leaves memory to NumPy's own
allocator.
"""

from __future__ import annotations

import importlib
import os
from types import ModuleType

ISAS = ("avx512", "avx2", "baseline")  # best first


def load(isa: str) -> ModuleType:
    """The build for one instruction set.

    Raises:
        ImportError: it was not built, or this processor lacks its instructions.
    """
    return importlib.import_module(f"rushlight.kernels._native_{isa}")


def available() -> list[str]:
    """Names the builds that are installed and that this processor can run, best first."""
    return [isa for isa in ISAS if _try_load(isa) is not None]


def _try_load(isa: str) -> ModuleType | None:
    try:
        return load(isa)
    except ImportError:
        return None


def _choose() -> ModuleType | None:
    if os.environ.get("RUSHLIGHT_NATIVE") == "0":
        return None
    wanted = os.environ.get("RUSHLIGHT_ISA")
    if wanted:
        if wanted not in ISAS:
            raise ImportError(f"RUSHLIGHT_ISA={wanted}: expected one of {', '.join(ISAS)}")
        return load(wanted)
    return next((module for module in map(_try_load, ISAS) if module is not None), None)


native: ModuleType | None = _choose()
isa: str = "none" if native is None else native.isa

if native is not None and os.environ.get("RUSHLIGHT_ALLOCATOR") != "0":
    native.use_allocator()
