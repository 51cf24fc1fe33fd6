"""What looks like a mistake in a training is told once, with what to do about it; what does not is not."""

from __future__ import annotations

import warnings

import pytest

import rushlight
import rushlight.nn.functional as F
from rushlight import mistakes, nn, optim, train
from rushlight.mistakes import Notice


@pytest.fixture(autouse=True)
def nothing_told(monkeypatch):
    monkeypatch.setattr(mistakes, "told", set())


def fit(model, data, loss=F.mse_loss, optimizer=None, **options):
    optimizer = optimizer or optim.SGD(model.parameters(), lr=1e-6)
    options = {"epochs": 1, "progress": False, "nan_guard": False, **options}
    return train.fit(model, data, loss, optimizer, **options)


X = rushlight.ones(4, 3)
GOOD = [(X, rushlight.zeros(4, 1))] * 12


def test_a_good_training_is_left_alone():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        fit(nn.Linear(3, 1), GOOD)


def test_an_optimizer_of_other_parameters():
    model = nn.Linear(3, 1)
    optimizer = optim.SGD(model.parameters(), lr=0.1)
    model.weight, model.bias = nn.Parameter(rushlight.ones(1, 3)), nn.Parameter(rushlight.ones(1))
    with pytest.warns(Notice, match="none of the model's parameters.*make the optimizer last"):
        fit(model, GOOD, optimizer=optimizer)


def test_parameters_that_the_optimizer_lacks():
    model = nn.Sequential(nn.Linear(3, 2), nn.Linear(2, 1))
    optimizer = optim.SGD(model[0].parameters(), lr=0.1)
    with pytest.warns(Notice, match="does not have 1.weight, 1.bias, which will stay"):
        fit(model, GOOD, optimizer=optimizer)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        fit(model, GOOD, optimizer=optimizer)  # once


def test_parameters_without_a_gradient():
    class Half(nn.Module):
        def __init__(self):
            super().__init__()
            self.used, self.forgotten = nn.Linear(3, 1), nn.Linear(3, 1)

        def forward(self, x):
            return self.used(x)

    with pytest.warns(Notice, match="forgotten.weight, forgotten.bias had no gradient in 10 steps"):
        fit(Half(), GOOD)


def test_images_that_are_not_scaled():
    images = rushlight.arange(4 * 3 * 4).reshape(4, 3, 2, 2).float() * 4
    model = nn.Sequential(nn.Flatten(), nn.Linear(12, 1))
    with pytest.warns(Notice, match="images run from 0 to 188.*divide them by 255"):
        fit(model, [(images, rushlight.zeros(4, 1))])


@pytest.mark.parametrize("flat", ["output", "target"])
def test_shapes_that_broadcast(flat):
    model = nn.Sequential(nn.Linear(3, 1), *([nn.Flatten(0)] if flat == "output" else []))
    target = rushlight.zeros(4, 1) if flat == "output" else rushlight.zeros(4)
    with pytest.warns(Notice, match=r"difference has shape \(4, 4\)"):
        fit(model, [(X, target)], lambda output, target: (output - target).square().mean())
