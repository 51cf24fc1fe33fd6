"""Runs one scenario under PyTorch and under Rushlight and compares what it returns, or what it raises."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import rushlight

torch = pytest.importorskip("torch")


def plain(value: Any) -> Any:
    """Tensors of either library as arrays, in containers too."""
    if isinstance(value, (torch.Tensor, rushlight.Tensor)):
        return np.asarray(value.detach().numpy())
    if isinstance(value, dict):
        return {k: plain(v) for k, v in value.items()}
    if isinstance(value, (list, tuple)):
        return [plain(v) for v in value]
    return value


def outcome(scenario: Callable[[Any], Any], library: Any) -> tuple[str, Any]:
    """What the scenario returned, or the class and text of what it raised (rushlight's own errors by their builtin
    class)."""
    try:
        return "returned", plain(scenario(library))
    except Exception as error:
        kind = next(c.__name__ for c in type(error).__mro__ if c.__module__ == "builtins")
        return kind, str(error).replace("rushlight", "torch").replace("nn.modules.", "nn.")


def same(scenario: Callable[[Any], Any], message: bool = True) -> Any:
    """Asserts that both libraries do the same; returns what Rushlight did."""
    theirs, mine = outcome(scenario, torch), outcome(scenario, rushlight)
    assert mine[0] == theirs[0], (mine, theirs)
    if mine[0] == "returned" or message:
        np.testing.assert_equal(mine[1], theirs[1])
    return mine[1]
