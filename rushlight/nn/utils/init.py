"""Modules whose weights are about to be loaded: made without drawing random numbers."""

from __future__ import annotations

import inspect
from typing import Any

from ... import random
from ..module import Module


def skip_init(module_cls: type[Module], *args: Any, **kwargs: Any) -> Any:
    """`module_cls(*args, **kwargs)` with arbitrary values in its tensors; the default generator is not advanced.

    Raises:
        RuntimeError: not a Module's class, or one whose constructor has no `device` argument.
    """
    if not (isinstance(module_cls, type) and issubclass(module_cls, Module)):
        raise RuntimeError(f"Expected a Module; got {module_cls}")
    if "device" not in inspect.signature(module_cls).parameters:
        raise RuntimeError("Module must support a 'device' arg to skip initialization")
    with random.fork_rng():
        return module_cls(*args, **kwargs)
