"""Indices of numbers, slices, None, ..., lists and masks, mixed at random: what is taken, written and differentiated is
PyTorch's."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

sys.path.insert(0, str(Path(__file__).parents[1]))
from both import plain, rushlight, same, torch

SHAPE = 3, 4, 2, 3


def drawn_index(rng: Any) -> list[Any]:
    """Parts that the dimensions of SHAPE take, arrays where the library needs tensors; at most one length of lists."""
    parts: list[Any] = []
    length, dots = int(rng.integers(1, 4)), False
    for size in SHAPE[: rng.integers(2, 5)]:
        kind = rng.choice(["number", "number", "slice", "slice", "list", "mask", "None", "0-d"])
        if kind == "None" and not dots:
            parts.append(None)
        if kind == "slice" or kind == "None":
            parts.append(slice(*sorted(rng.integers(0, size + 1, 2).tolist())))
        elif kind == "number":
            parts.append(int(rng.integers(-size, size)))
        elif kind == "mask":
            mask = np.zeros(size, bool)
            mask[:length] = True  # as many as the lists have
            parts.append(mask if length <= size else slice(None))
        else:
            parts.append(rng.integers(-size, size, (length,) if kind == "list" else ()))
    if rng.random() < 0.3:
        parts[int(rng.integers(len(parts)))] = ...
    return parts


def made(library: Any, parts: list[Any]) -> tuple[Any, ...]:
    return tuple(library.tensor(p) if isinstance(p, (np.ndarray, np.generic)) else p for p in parts)


@pytest.mark.parametrize("seed", range(150))
def test_mixed_indices(seed: int) -> None:
    parts = drawn_index(np.random.default_rng(seed))

    def scenario(library: Any) -> Any:
        x = library.arange(1.0, 1 + np.prod(SHAPE), dtype=library.float64).reshape(SHAPE).requires_grad_()
        taken = x[made(library, parts)]
        taken.square().sum().backward()
        y = x * 2
        value = library.arange(1.0, 1 + taken.numel(), dtype=library.float64).reshape(taken.shape).requires_grad_()
        y[made(library, parts)] = value * 3
        (y * y).sum().backward()
        return [taken, x.grad, y, value.grad]

    same(scenario, message=False)


def test_numbers_select_before_lists() -> None:
    """NumPy would put the dimension of the list in front."""
    for library in (torch, rushlight):
        x = library.zeros(2, 5, 3)
        assert tuple(x[0, :, [0, 1]].shape) == tuple(x[library.tensor(0), ..., library.tensor([0, 1])].shape) == (5, 2)
        x[0, :, [0, 2]] = library.arange(10.0).reshape(5, 2)
        assert plain(x[0, 4]).tolist() == [8, 0, 9]
