"""Compares what the same scenario returns under torch.func and rushlight.func, up to rounding."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import rushlight
from rushlight.pytree import tree_leaves

torch = pytest.importorskip("torch")


def numbers(lib: Any, *shape: int, seed: int = 0) -> Any:
    """The same float64 numbers in both libraries."""
    return lib.from_numpy(np.random.default_rng(seed).standard_normal(shape))


def close(scenario: Callable[[Any], Any], grads: bool = True) -> None:
    """The same shapes, values and, with `grads`, `requires_grad` in both libraries."""
    theirs, mine = tree_leaves(scenario(torch)), tree_leaves(scenario(rushlight))
    assert len(theirs) == len(mine)
    for expected, found in zip(theirs, mine, strict=True):
        assert isinstance(found, rushlight.Tensor) and tuple(found.shape) == tuple(expected.shape)
        assert str(found.dtype) == str(expected.dtype)
        assert not grads or found.requires_grad == expected.requires_grad
        np.testing.assert_allclose(found.detach().numpy(), expected.detach().numpy(), 1e-5, 1e-6)
