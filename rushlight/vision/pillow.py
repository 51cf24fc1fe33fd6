"""Pillow, which reads and draws images, imported when it is first needed."""

from __future__ import annotations

import sys
from importlib import import_module
from typing import Any


def pil(module: str = "Image") -> Any:
    """The module PIL.<module>.

    Raises:
        ImportError: Pillow is not installed.
    """
    try:
        return import_module(f"PIL.{module}")
    except ImportError as error:
        raise ImportError("this needs Pillow to read or write images: pip install pillow") from error


def is_picture(x: Any) -> bool:
    """Whether it is one of Pillow's images."""
    return "PIL.Image" in sys.modules and isinstance(x, pil().Image)
