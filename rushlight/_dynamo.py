"""`torch._dynamo`: what libraries tell PyTorch's compiler. Programs run as they are written, so it has no effect."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any, TypeVar

T = TypeVar("T")

config = SimpleNamespace(suppress_errors=False, cache_size_limit=8, recompile_limit=8, verbose=False)


def allow_in_graph(fn: T) -> T:
    """The function as it is."""
    return fn


def disable(fn: Any = None, recursive: bool = True, *, reason: Any = None) -> Any:
    """The function as it is; also as a decorator with arguments."""
    return fn if callable(fn) else lambda inner: inner


disallow_in_graph = forbid_in_graph = nonstrict_trace = allow_in_graph
graph_break = lambda msg="": None


def reset() -> None:
    """Forgets what was compiled: nothing is kept here."""


def is_compiling() -> bool:
    """Whether a program is being compiled: no."""
    return False


def mark_dynamic(tensor: Any, index: Any, **bounds: Any) -> None:
    """Tells that a size will change: it may, always."""


mark_static = maybe_mark_dynamic = mark_dynamic
