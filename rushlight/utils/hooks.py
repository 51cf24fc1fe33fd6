"""Handles of hooks, under the path that PyTorch keeps them at."""

from ..hooks import RemovableHandle

__all__ = ["RemovableHandle"]
