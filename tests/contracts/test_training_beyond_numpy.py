"""Whole training steps on arrays with nothing that only NumPy's have (stand_in.py): modules, losses, gradients,
clipping and optimizers give the same bits there, and leave no array of NumPy's behind."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from harness import definitions_only
from stand_in import StandIn
from stand_in_cupy import gpus

import rushlight
from rushlight import nn, optim
from rushlight.autograd.tape import wrap
from rushlight.nn import functional as F
from rushlight.vision import models


def moved(tensor: Any) -> Any:
    return wrap(StandIn(np.array(tensor._array)))


class First(nn.Module):
    """The first of what a module returns."""

    def __init__(self, inner: nn.Module) -> None:
        super().__init__()
        self.inner = inner

    def forward(self, x: Any) -> Any:
        return self.inner(x)[0]


class LanguageModel(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.words, self.places = nn.Embedding(11, 8), nn.Embedding(5, 8)
        self.layer = nn.TransformerEncoderLayer(8, 2, 16, batch_first=True)
        self.head = nn.Linear(8, 11)
        self.register_buffer("order", rushlight.arange(5))
        self.register_buffer("mask", rushlight.ones(5, 5).triu(1).bool())

    def forward(self, x: Any) -> Any:
        return self.head(self.layer(self.words(x) + self.places(self.order), src_mask=self.mask))


def plain() -> nn.Module:
    return nn.Sequential(nn.Flatten(), nn.Linear(192, 4, bias=False))


def convolutional() -> nn.Module:
    return nn.Sequential(
        nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4), nn.ReLU(), nn.MaxPool2d(2), nn.Flatten(), nn.Linear(36, 4)
    )


def mixed() -> nn.Module:
    return nn.Sequential(
        nn.GroupNorm(1, 3), nn.InstanceNorm2d(3, affine=True), nn.LayerNorm(8), nn.GELU(), nn.Dropout(0.2),
        nn.Dropout2d(0.1), nn.AvgPool2d(2), nn.ConvTranspose2d(3, 4, 2), nn.AdaptiveAvgPool2d(2),
        nn.Upsample(scale_factor=2), nn.AlphaDropout(0.1), nn.Softmax(1), nn.Flatten(), nn.PReLU(),
        nn.utils.parametrizations.weight_norm(nn.Linear(64, 4)),
        nn.utils.parametrizations.spectral_norm(nn.Linear(4, 4)),
    )  # fmt: skip


def train(make: Callable[[], nn.Module], x: Any, optimizer: Callable[..., Any], move: Callable[[Any], Any]) -> Any:
    """The arrays of parameters, buffers and gradients after two steps."""
    rushlight.manual_seed(0)
    model = make()
    tensors = [*model.parameters(), *model.buffers()]
    for tensor in tensors:
        tensor._array = move(tensor)._array
    steps = optimizer(model.parameters(), lr=0.01)
    rushlight.manual_seed(1)  # each device has a stream of its own
    for _ in range(2):
        steps.zero_grad()
        out = model(move(x))
        rows = out.reshape(-1, out.shape[-1])
        target = move(rushlight.arange(rows.shape[0]) % rows.shape[1])
        loss = (out * out).mean() + F.cross_entropy(rows, target)
        loss.backward()
        nn.utils.clip_grad_norm_(model.parameters(), 0.1)
        steps.step()
    return [t._array for t in tensors] + [t.grad._array for t in model.parameters()]


def alike(make: Callable[[], nn.Module], x: Any, optimizer: Callable[..., Any]) -> None:
    with definitions_only(), gpus():
        found, expected = train(make, x, optimizer, moved), train(make, x, optimizer, lambda tensor: tensor)
    assert all(type(array) is StandIn for array in found)
    for array, answer in zip(found, expected):
        np.testing.assert_array_equal(array.get(), answer)


def numbers(*shape: int) -> Any:
    return rushlight.tensor(np.random.default_rng(0).standard_normal(shape).astype("f4"))


@pytest.mark.parametrize(
    ("make", "x"),
    [
        (mixed, numbers(4, 3, 8, 8)),
        (lambda: models.resnet18(num_classes=3), numbers(2, 3, 8, 8)),
        (LanguageModel, rushlight.arange(10).reshape(2, 5)),
        (lambda: First(nn.LSTM(8, 6, 2, batch_first=True, dropout=0.1)), numbers(4, 5, 8)),
        (lambda: First(nn.GRU(8, 6, bidirectional=True)), numbers(4, 5, 8)),
        (lambda: First(nn.RNN(8, 6)), numbers(4, 5, 8)),
        (lambda: First(nn.LSTMCell(8, 6)), numbers(4, 8)),
    ],
    ids=["mixed", "resnet18", "language model", "lstm", "gru", "rnn", "lstm cell"],
)
def test_models(make: Callable[[], nn.Module], x: Any) -> None:
    alike(make, x, optim.Adam)


@pytest.mark.parametrize(
    "name",
    [
        "SGD",
        "Adam",
        "AdamW",
        "Adagrad",
        "Adadelta",
        "Adamax",
        "NAdam",
        "RAdam",
        "RMSprop",
        "Rprop",
        "ASGD",
        "Adafactor",
    ],
)
def test_optimizers(name: str) -> None:
    alike(convolutional, numbers(4, 3, 8, 8), getattr(optim, name))


def test_muon() -> None:
    alike(plain, numbers(4, 3, 8, 8), optim.Muon)


@pytest.mark.parametrize("order", [0.0, 1.0, 2.0, 3.0, float("inf"), float("-inf")])
def test_norms_of_gradients(order: float) -> None:
    arrays = [numbers(3, 2), numbers(5)]
    found = nn.utils.get_total_norm([moved(a) for a in arrays], order)._array
    expected = nn.utils.get_total_norm(arrays, order)._array
    np.testing.assert_array_equal(found.get(), expected)
    assert found.dtype == expected.dtype and found.shape == expected.shape == ()
    empty = nn.utils.get_total_norm([rushlight.zeros(0), numbers(2)], order) if order != float("-inf") else None
    assert empty is None or float(empty) == float(nn.utils.get_total_norm(numbers(2), order))
