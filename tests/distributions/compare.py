"""Runs the same thing under Rushlight and PyTorch, and compares results and gradients."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
import torch
from cases import CASES, Builder

import rushlight

LIBRARIES = (rushlight, torch)
TOLERANCE = {"float32": (2e-5, 2e-6), "float64": (1e-8, 1e-9)}


def built(name: str, dtype: str = "float64") -> list[tuple[Any, Any]]:
    """(distribution, its leaves) of Rushlight and of PyTorch."""
    made = [Builder(library, dtype) for library in LIBRARIES]
    return [(CASES[name](p), p.leaves) for p in made]


def numbers(x: Any) -> np.ndarray:
    return np.asarray(x.detach().numpy())


def close(mine: Any, theirs: Any, **kwargs: Any) -> None:
    assert tuple(mine.shape) == tuple(theirs.shape)
    dtype = str(theirs.dtype).split(".")[-1]
    assert str(mine.dtype).split(".")[-1] == dtype
    rtol, atol = TOLERANCE.get(dtype, (0, 0))
    np.testing.assert_allclose(numbers(mine), numbers(theirs), **{"rtol": rtol, "atol": atol, **kwargs})


def both(action: Any, *pairs: Any) -> tuple[Any, Any]:
    """What an action gives in each library: a result, or the builtin class of the exception."""
    return tuple(outcome(action, *each) for each in zip(*pairs))  # type: ignore[return-value]


def outcome(action: Any, *args: Any) -> Any:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            return action(*args)
        except (RuntimeError, ValueError, AttributeError) as error:
            return next(c for c in type(error).__mro__ if c.__module__ == "builtins")


def compare_gradients(a: Any, leaves: list[Any], b: Any, others: list[Any], **kwargs: Any) -> None:
    if not b.requires_grad:
        assert not a.requires_grad
        return
    mine, theirs = both(
        lambda library, y, x: library.autograd.grad(y.sum(), x, allow_unused=True, retain_graph=True),
        LIBRARIES,
        (a, b),
        (leaves, others),
    )
    if isinstance(theirs, type):  # RuntimeError: PyTorch's Wishart writes to what its own backward needs
        assert mine is theirs or theirs is RuntimeError
        return
    for g, h in zip(mine, theirs):
        assert (g is None) == (h is None)
        if h is not None:
            close(g, h, **kwargs)
