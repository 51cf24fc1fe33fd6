"""DataLoader(pin_memory=True) over the stand-in for CuPy."""

from __future__ import annotations

import warnings
from collections import namedtuple
from typing import Any

import pytest

import rushlight as torch
from rushlight.utils.data import DataLoader, TensorDataset

pytestmark = pytest.mark.usefixtures("cupy")
Pair = namedtuple("Pair", "x y")


class Own:
    def __init__(self, samples: Any) -> None:
        self.samples, self.asked = samples, False

    def pin_memory(self) -> Own:
        self.asked = True
        return self


def test_batches_are_pinned() -> None:
    data = TensorDataset(torch.arange(6.0), torch.arange(6))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        batches = list(DataLoader(data, 2, pin_memory=True))
    assert all(x.is_pinned() and y.is_pinned() for x, y in batches)
    assert [x.to("cuda", non_blocking=True).tolist() for x, _ in batches] == [[0, 1], [2, 3], [4, 5]]
    assert not any(x.is_pinned() for x, _ in DataLoader(data, 2))


def test_containers_and_others_objects() -> None:
    samples = [{"pair": Pair(torch.ones(1), i), "name": "a"} for i in range(2)]
    (batch,) = DataLoader(samples, 2, pin_memory=True)
    assert type(batch["pair"]) is Pair and batch["pair"].x.is_pinned() and batch["pair"].y.is_pinned()
    assert batch["name"] == ["a", "a"]
    (own,) = DataLoader([1, 2], 2, pin_memory=True, collate_fn=Own)
    assert own.asked
