"""`torch._dynamo`: what programs ask of PyTorch's tracer. Here `rushlight.compiler` answers."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

from .compiler import OptimizedModule, allow_in_graph, disable, is_compiling, reset
from .compiler import config as config
from .compiler import explain as explain

forbid_in_graph = nonstrict_trace = disallow_in_graph = assume_constant_result = allow_in_graph
eval_frame = SimpleNamespace(OptimizedModule=OptimizedModule)
external_utils = SimpleNamespace(is_compiling=is_compiling)


def graph_break(msg: str = "") -> None:
    """Asks for a new graph: there are no graphs."""


def mark_dynamic(tensor: Any, index: Any = None, **bounds: Any) -> None:
    """Tells that a size will change: it may, always."""


mark_static = mark_static_address = mark_unbacked = maybe_mark_dynamic = mark_dynamic

__all__ = ["OptimizedModule", "allow_in_graph", "disable", "is_compiling", "reset"]
