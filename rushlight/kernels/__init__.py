"""Kernels: plain functions on arrays, each with one definition and perhaps faster twins.

A definition uses only what NumPy arrays, CuPy arrays and Tensors share (`xp.exp(x)` reaches the right library through
NumPy's dispatch protocols), so it also runs on a GPU and, over Tensors, gives derivatives of any order. A native twin
of the same name is tried first and answers `NotImplemented` to whatever it does not take.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, TypeVar

from .fused import fused
from .native import native

if TYPE_CHECKING:
    import numpy as xp
else:
    from . import xp

__all__ = ["fused", "kernel", "native", "xp"]

F = TypeVar("F", bound=Callable[..., object])


def kernel(definition: F) -> F:
    """The definition, with its native twin in front if the chosen build has one of the same name."""
    twin = getattr(native, definition.__name__, None)
    if native is None or twin is None:
        return definition
    joined: F = native.Kernel(twin, definition)
    return joined
