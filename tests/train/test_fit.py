"""The training loop: the numbers of a loop written by hand, its limits, its history, and what it hands to callbacks."""

from __future__ import annotations

import math

import pytest

import rushlight
import rushlight.nn.functional as F
from rushlight import nn, optim, train
from rushlight.train import metrics as M
from rushlight.utils.data import DataLoader, TensorDataset


@pytest.fixture(autouse=True)
def seed():
    rushlight.manual_seed(0)


def problem(lr=0.1):
    """A linear model, batches of a linear function, and an optimizer."""
    x = rushlight.randn(24, 3)
    y = x @ rushlight.tensor([[1.0], [-2.0], [0.5]]) + 0.3
    model = nn.Linear(3, 1)
    return model, DataLoader(TensorDataset(x, y), batch_size=5, shuffle=True), optim.SGD(model.parameters(), lr=lr)


def fit(*args, **options):
    return train.fit(*args, **{"progress": False, **options})


def by_hand(model, loader, optimizer, epochs):
    losses, means = [], []
    for _ in range(epochs):
        total = 0.0
        for x, y in loader:
            loss = F.mse_loss(model(x), y)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            losses.append(loss.item())
            total += loss.item() * len(x)
        means.append(total / 24)
    return losses, means


def test_it_is_the_loop_one_writes_by_hand():
    model, loader, optimizer = problem()
    losses, means = by_hand(model, loader, optimizer, 3)
    rushlight.manual_seed(0)
    other, loader, optimizer = problem()
    history = fit(other, loader, F.mse_loss, optimizer, epochs=3)
    assert history.losses == losses and history["loss"] == pytest.approx(means)
    assert rushlight.equal(model.weight, other.weight)
    assert history.stopped == "at the epoch limit, 3" and history["epoch"] == [1, 2, 3]
    assert history["steps"] == [5, 10, 15] and history.rates == [0.1] * 15


def test_it_stops_at_the_loss_threshold():
    history = fit(*_with_loss(problem()), until_loss=1e-3)
    assert history.stopped == "at the loss threshold, 0.001"
    assert history["loss"][-1] <= 1e-3 < history["loss"][-2]


def _with_loss(parts):
    model, loader, optimizer = parts
    return model, loader, F.mse_loss, optimizer


def test_it_stops_at_the_step_limit_in_the_middle_of_an_epoch():
    history = fit(*_with_loss(problem()), steps=7)
    assert history.stopped == "at the step limit, 7" and len(history.losses) == 7
    assert history["steps"] == [5, 7] and history["epoch"] == [1, 2]


def test_it_needs_a_limit_and_batches():
    with pytest.raises(ValueError, match="no limit"):
        fit(*_with_loss(problem()))
    model, loader, optimizer = problem()
    with pytest.raises(TypeError, match="TensorDataset, not batches"):
        fit(model, loader.dataset, F.mse_loss, optimizer, 1)
    with pytest.raises(ValueError, match="an iterator"):
        fit(model, iter([1]), F.mse_loss, optimizer, 1)
    with pytest.raises(ValueError, match="got a Tensor"):
        fit(model, [rushlight.ones(2)], F.mse_loss, optimizer, 1)


def test_validation_measures_in_eval_mode_and_leaves_no_trace():
    model = nn.Sequential(nn.Linear(3, 4), nn.BatchNorm1d(4), nn.Dropout(0.5), nn.Linear(4, 2))
    model[1].eval()  # stays as it is
    optimizer = optim.SGD(model.parameters(), lr=0.1)
    batches = [(rushlight.randn(6, 3), rushlight.tensor([0, 1, 0, 1, 1, 0])) for _ in range(2)]
    history = fit(model, batches, F.cross_entropy, optimizer, 2, validate=batches[:1], metrics=[M.Accuracy()])
    assert [module.training for module in model.modules()] == [True, True, False, True, True]
    found = train.evaluate(model, batches[:1], F.cross_entropy, [M.Accuracy()])
    assert (history["val_loss"][-1], history["val_accuracy"][-1]) == (found["loss"], found["accuracy"])
    with rushlight.no_grad():
        model.eval()
        assert found["loss"] == F.cross_entropy(model(batches[0][0]), batches[0][1]).item()


def test_a_model_in_eval_mode_is_put_in_training_mode():
    model, loader, optimizer = problem()
    model.eval()
    fit(model, loader, F.mse_loss, optimizer, 1)
    assert model.training


def test_batches_of_any_form():
    model = nn.Bilinear(2, 3, 1)
    optimizer = optim.SGD(model.parameters(), lr=0.1)
    a, b, y = rushlight.ones(4, 2), rushlight.ones(4, 3), rushlight.zeros(4, 1)
    three = fit(model, [(a, b, y)], F.mse_loss, optimizer, 2).losses
    rushlight.manual_seed(0)
    model = nn.Bilinear(2, 3, 1)
    optimizer = optim.SGD(model.parameters(), lr=0.1)
    batches = [{"a": a, "b": b, "y": y}]
    history = fit(
        model, batches, F.mse_loss, optimizer, 2, forward=lambda m, batch: (m(batch["a"], batch["b"]), batch["y"])
    )
    assert len(three) == 2 and history.losses[1] < history.losses[0]


class Order(train.Callback):
    def __init__(self):
        self.seen = []

    def __getattribute__(self, name):
        if name.startswith("on_"):
            return lambda run: self.seen.append(name)
        return object.__getattribute__(self, name)


class Listening(Order):
    """Overrides everything, so that it is called."""


for moment in train.callback.MOMENTS:
    setattr(Listening, moment, lambda self, run: None)


def test_the_moments_come_in_order():
    order = Listening()
    model, loader, optimizer = problem()
    batch = next(iter(loader))
    fit(model, [batch], F.mse_loss, optimizer, 1, callbacks=[order])
    assert order.seen == list(train.callback.MOMENTS)


def test_an_error_still_ends_the_training_properly():
    order = Listening()
    model, _, optimizer = problem()
    with pytest.raises(RuntimeError):
        fit(model, [(rushlight.ones(2, 9), rushlight.ones(2, 1))], F.mse_loss, optimizer, 1, callbacks=[order])
    assert order.seen[-1] == "on_fit_end"


def test_the_history_is_kept_in_a_file(tmp_path):
    history = fit(*_with_loss(problem()), epochs=2, metrics={"mae": F.l1_loss})
    history.save(tmp_path / "history.json")
    again = train.History.load(tmp_path / "history.json")
    assert vars(again) == vars(history) and again.names()[:3] == ["epoch", "loss", "mae"]
    assert again.best("loss") == min(history.epochs, key=lambda row: row["loss"])
    assert again.best("loss", "max") == max(history.epochs, key=lambda row: row["loss"])
    with pytest.raises(KeyError, match="this history has epoch, loss, mae"):
        history["accuracy"]
    (tmp_path / "history.json").write_text("{")
    with pytest.raises(ValueError, match="is not a history"):
        train.History.load(tmp_path / "history.json")


def test_the_finder_leaves_everything_as_it_was_and_finds_a_good_rate():
    model, loader, optimizer = problem()
    optimizer = optim.SGD(model.parameters(), lr=1e-3, momentum=0.9)
    before = model.weight.detach().clone(), rushlight.get_rng_state()
    found = train.find_lr(model, loader, F.mse_loss, optimizer, end=10)
    assert rushlight.equal(before[0], model.weight) and rushlight.equal(before[1], rushlight.get_rng_state())
    assert optimizer.param_groups[0]["lr"] == 1e-3 and not optimizer.state_dict()["state"] and model.weight.grad is None
    assert len(found.rates) == len(found.losses) <= 100 and found.rates == sorted(found.rates)
    assert 1e-3 < found.suggestion < 1 and math.isfinite(found.suggestion)
    with pytest.raises(ValueError, match="expected 0 < start < end"):
        train.find_lr(model, loader, F.mse_loss, optimizer, start=1, end=0.1)
