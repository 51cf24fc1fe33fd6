"""Callbacks: each against the same thing done by hand, and a training that is taken up with all of them."""

from __future__ import annotations

import contextlib
import csv
import math

import pytest

import rushlight
import rushlight.nn.functional as F
from rushlight import nn, optim, train
from rushlight.train import callbacks as C
from rushlight.train import metrics as M
from rushlight.utils.data import DataLoader, TensorDataset


@pytest.fixture(autouse=True)
def seed():
    rushlight.manual_seed(0)


def problem():
    rushlight.manual_seed(0)
    x = rushlight.randn(24, 3)
    y = (x.sum(1) > 0).long()
    model = nn.Sequential(nn.Linear(3, 6), nn.Tanh(), nn.Linear(6, 2))
    return model, [(x[i : i + 6], y[i : i + 6]) for i in range(0, 24, 6)], optim.SGD(model.parameters(), lr=0.5)


def fit(parts, *callbacks, epochs=3, **options):
    model, data, optimizer = parts
    options = {"progress": False, **options}
    return train.fit(model, data, F.cross_entropy, optimizer, epochs, callbacks=callbacks, **options)


def by_hand(parts, epochs=3, parts_of_a_step=1, before_step=lambda model: None, after_step=lambda model: None):
    model, data, optimizer = parts
    for _ in range(epochs):
        for start in range(0, len(data), parts_of_a_step):
            optimizer.zero_grad()
            for x, y in data[start : start + parts_of_a_step]:
                loss = F.cross_entropy(model(x), y)
                (loss / parts_of_a_step if parts_of_a_step > 1 else loss).backward()
            before_step(model)
            optimizer.step()
            after_step(model)
    return model


def same_weights(one, other):
    return all(rushlight.equal(a, b) for a, b in zip(one.parameters(), other.parameters()))


def test_gradients_are_accumulated():
    parts = problem()
    history = fit(parts, C.Accumulate(2))
    assert same_weights(parts[0], by_hand(problem(), parts_of_a_step=2)) and history["steps"] == [2, 4, 6]


def test_what_is_left_of_an_epoch_makes_a_step():
    assert fit(problem(), C.Accumulate(3))["steps"] == [2, 4, 6]
    with pytest.raises(ValueError, match="at least 1"):
        C.Accumulate(0)


def test_gradients_are_clipped():
    parts = problem()
    fit(parts, C.ClipGradients(max_norm=0.1))
    clipped = by_hand(problem(), before_step=lambda m: nn.utils.clip_grad_norm_(m.parameters(), 0.1))
    assert same_weights(parts[0], clipped)
    parts = problem()
    fit(parts, C.ClipGradients(max_value=0.01))
    clipped = by_hand(problem(), before_step=lambda m: nn.utils.clip_grad_value_(m.parameters(), 0.01))
    assert same_weights(parts[0], clipped)
    for bounds in ((None, None), (1.0, 1.0)):
        with pytest.raises(ValueError, match="one of the two"):
            C.ClipGradients(*bounds)


def test_weights_are_averaged():
    parts, ema = problem(), C.EMA(0.9)
    history = fit(parts, ema, validate=parts[1], metrics=[M.Accuracy()])
    other = problem()
    averaged = optim.swa_utils.AveragedModel(other[0], multi_avg_fn=optim.swa_utils.get_ema_multi_avg_fn(0.9))
    by_hand(other, after_step=averaged.update_parameters)
    assert same_weights(ema.model, averaged.module) and not same_weights(ema.model, parts[0])
    assert history["val_loss"][-1] == train.evaluate(averaged.module, parts[1], F.cross_entropy)["loss"]


def test_the_rate_follows_a_schedule():
    parts = problem()
    schedule = optim.lr_scheduler.StepLR(parts[2], 1, gamma=0.5)
    assert fit(parts, C.Schedule(schedule)).rates == [0.5] * 4 + [0.25] * 4 + [0.125] * 4
    parts = problem()
    schedule = optim.lr_scheduler.StepLR(parts[2], 4, gamma=0.5)
    assert fit(parts, C.Schedule(schedule, "step")).rates == [0.5] * 4 + [0.25] * 4 + [0.125] * 4
    parts = problem()
    plateau = optim.lr_scheduler.ReduceLROnPlateau(parts[2], mode="max", factor=0.5, patience=0)  # the loss never grows
    assert fit(parts, C.Schedule(plateau, monitor="loss")).rates[::4] == [0.5, 0.5, 0.25]
    with pytest.raises(ValueError, match="no figure 'val_loss' in this epoch; there are epoch, loss"):
        fit(problem(), C.Schedule(plateau))
    for each in ("day", "step"):
        with pytest.raises(ValueError, match="each="):
            C.Schedule(plateau, each)


class Figures(train.Callback):
    """Puts figures in place of those of the epochs, before others see them."""

    order = -99

    def __init__(self, values):
        self.values = values

    def on_epoch_end(self, run):
        run.figures["val_loss"] = self.values[run.epoch - 1]


class Weights(train.Callback):
    def __init__(self):
        self.seen = []

    def on_epoch_end(self, run):
        self.seen.append(run.model[0].weight.detach().clone())


def test_it_stops_when_nothing_improves_and_puts_the_best_back():
    parts, weights = problem(), Weights()
    values = [3, 2, 2.5, math.nan, 2.6, 1]
    history = fit(parts, Figures(values), C.EarlyStopping(patience=3), weights, epochs=6)
    assert len(history.epochs) == 5 and history.stopped == "val_loss has not improved on 2 for 3 epochs"
    assert rushlight.equal(parts[0][0].weight, weights.seen[1])
    parts, weights = problem(), Weights()
    stopping = C.EarlyStopping(patience=1, min_delta=2, restore_best=False, mode="max")
    assert len(fit(parts, Figures(values), stopping, weights, epochs=6).epochs) == 2
    assert rushlight.equal(parts[0][0].weight, weights.seen[1])
    with pytest.raises(ValueError, match="mode='least'"):
        C.EarlyStopping(mode="least")


# ----------------------------------------------------------------------------------------------------------- NaN guard


class Poison(nn.Module):
    """Gives NaN after so many calls."""

    def __init__(self, calls):
        super().__init__()
        self.calls = calls

    def forward(self, x):
        self.calls -= 1
        return x * math.nan if self.calls < 0 else x


def test_a_loss_that_is_not_finite_stops_before_the_step():
    model, data, _ = problem()
    model.insert(2, Poison(5))
    weights = Weights()
    with pytest.warns(UserWarning, match=r"the loss is nan in epoch 2, batch 2: first not finite behind 2 \(Poison\)"):
        history = fit((model, data, optim.SGD(model.parameters(), lr=0.1)), weights)
    assert history.stopped.startswith("the loss is nan in epoch 2, batch 2") and len(history.losses) == 6
    assert all(p.isfinite().all() for p in model.parameters())


def test_where_the_numbers_come_from_is_told():
    model, data, optimizer = problem()
    data[1] = (data[1][0] / 0, data[1][1])
    with pytest.warns(UserWarning, match="the batch itself"):
        fit((model, data, optimizer))
    model, data, optimizer = problem()
    with rushlight.no_grad():
        model[2].bias[0] = math.inf
    with pytest.warns(UserWarning, match=r"not finite: 2.bias of 2 \(Linear\)"):
        fit((model, data, optimizer))


def test_a_gradient_that_is_not_finite_is_named():
    model, data, optimizer = problem()
    before = [p.detach().clone() for p in model.parameters()]
    model[0].weight.register_hook(lambda grad: grad * math.inf)
    with pytest.warns(UserWarning, match=r"a gradient is not finite in epoch 1, batch 1: 0.weight of 0 \(Linear\)"):
        history = fit((model, data, optimizer))
    assert "0.weight" in history.stopped
    assert all(rushlight.equal(p, b) for p, b in zip(model.parameters(), before))


def test_large_gradients_are_finite():
    model, data, _ = problem()
    model[0].weight.register_hook(lambda grad: grad * 0 + 1e30)  # their norm overflows
    history = fit((model, data, optim.SGD(model.parameters(), lr=1e-35)), epochs=1)
    assert history.stopped == "at the epoch limit, 1"


def test_without_the_guard_it_goes_on():
    model, data, optimizer = problem()
    model.insert(2, Poison(1))
    assert math.isnan(fit((model, data, optimizer), nan_guard=False).losses[-1])


# ------------------------------------------------------------------------------------------------------- showing, logs


def test_progress_is_a_line_each_epoch_where_there_is_no_terminal(capsys):
    fit(problem(), progress=True, epochs=2, metrics=[M.Accuracy(), M.ConfusionMatrix()])
    out = capsys.readouterr().out.splitlines()
    assert (
        len(out) == 3 and out[0].startswith("epoch 1/2  loss ") and "accuracy" in out[0] and "confusion" not in out[0]
    )
    assert out[2] == "stopped at the epoch limit, 2"


def test_progress_is_a_bar_if_wanted(capsys):
    fit(problem(), C.Progress("tqdm"), progress=True, epochs=1)
    captured = capsys.readouterr()
    assert "epoch 1/1" in captured.err and "0/4" in captured.err and captured.out.count("epoch 1/1") == 1
    with pytest.raises(ValueError, match="style='dots'"):
        C.Progress("dots")


def test_a_live_curve(capsys):
    fit(problem(), C.LiveCurve(20, 5), epochs=1)
    assert capsys.readouterr().out.count("|") == 5


def test_figures_in_a_table(tmp_path):
    history = fit(problem(), C.CSVLog(tmp_path / "a" / "log.csv"), metrics=[M.Accuracy()])
    rows = list(csv.DictReader((tmp_path / "a" / "log.csv").read_text().splitlines()))
    assert [float(row["accuracy"]) for row in rows] == history["accuracy"] and len(rows) == 3


def test_figures_for_tensorboard(tmp_path):
    pytest.importorskip("tensorboard")
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    history = fit(problem(), C.TensorBoard(tmp_path, every=2))
    events = EventAccumulator(str(tmp_path)).Reload()
    tags = {tag for kind in ("tensors", "scalars") for tag in events.Tags()[kind]}
    assert {"step/loss", "step/lr", "epoch/loss"} <= tags and len(history.epochs) == 3


def test_a_record_of_the_run(tmp_path):
    history = fit(problem(), C.Record(tmp_path / "run"))
    assert vars(train.History.load(tmp_path / "run" / "history.json")) == vars(history)
    assert "Linear" in (tmp_path / "run" / "model.txt").read_text()


def test_mixed_precision():
    with pytest.raises(NotImplementedError, match="float16"):
        C.MixedPrecision(rushlight.float16)
    parts, seen = problem(), []
    parts[0].register_forward_hook(lambda module, args, output: seen.append(output.dtype))
    history = fit(parts, C.MixedPrecision())
    assert set(seen) == {rushlight.bfloat16} and history["loss"][-1] < history["loss"][0]


# --------------------------------------------------------------------------------------------------------- checkpoints


class Crash(train.Callback):
    """An error at one step, after everything else."""

    order = 99

    def __init__(self, step=None, epoch=None):
        self.step, self.epoch = step, epoch

    def on_step(self, run):
        if run.step == self.step:
            raise KeyboardInterrupt

    def on_epoch_end(self, run):
        if run.epoch == self.epoch:
            raise KeyboardInterrupt


class CrashBeforeSaving(Crash):
    order = 89


def everything(folder, *more):
    """A training with all that has a state."""
    model, data, _ = problem()
    optimizer = optim.Adam(model.parameters(), lr=0.05)
    x, y = (rushlight.cat(column) for column in zip(*data))
    loader = DataLoader(TensorDataset(x, y), batch_size=4, shuffle=True)
    callbacks = [
        C.Schedule(optim.lr_scheduler.OneCycleLR(optimizer, 0.1, total_steps=100), "step"),
        ema := C.EMA(0.8),
        C.EarlyStopping("val_loss", restore_best=False),
        C.CSVLog(folder / "log.csv"),
        C.Checkpoint(folder, every_steps=2, best="val_loss", resume=True),
        *more,
    ]
    options = {"validate": data[:1], "metrics": [M.Accuracy(), M.R2()][:1], "epochs": 5}
    history = None
    with contextlib.suppress(KeyboardInterrupt):
        history = fit((model, loader, optimizer), *callbacks, **options)
    return model, ema, history


def rows(history):
    return [{k: v for k, v in row.items() if k != "seconds"} for row in history.epochs]


def test_a_training_that_is_taken_up_ends_as_one_that_was_not(tmp_path):
    model, ema, history = everything(tmp_path / "whole")
    for crash in (Crash(5), Crash(12), CrashBeforeSaving(epoch=2), Crash(13), CrashBeforeSaving(epoch=3), Crash(18)):
        everything(tmp_path / "broken", crash)
    other, other_ema, taken_up = everything(tmp_path / "broken")
    assert same_weights(model, other) and same_weights(ema.model, other_ema.model)
    assert taken_up.losses == history.losses and taken_up.rates == history.rates and rows(taken_up) == rows(history)
    for name in ("whole", "broken"):  # each epoch has one row
        written = [line.split(",")[0] for line in (tmp_path / name / "log.csv").read_text().splitlines()]
        assert written == ["epoch", "1", "2", "3", "4", "5"]
    again = everything(tmp_path / "broken")[2]  # which is at its end
    assert again.losses == history.losses and again.stopped == "at the epoch limit, 5"


def test_a_training_that_was_stopped_early_stays_so_when_it_is_taken_up(tmp_path):
    def stopped(patience=1):
        stopping, figures = C.EarlyStopping(patience=patience), Figures([2, 1, 3, 3, 3])
        callbacks = [figures, stopping, C.Checkpoint(tmp_path, resume=True), weights := Weights()]
        return fit(problem(), *callbacks, epochs=5), weights

    history, _ = stopped()
    assert history.stopped == "val_loss has not improved on 1 for 1 epochs"
    again, weights = stopped()
    assert (again.losses, again.stopped, weights.seen) == (history.losses, history.stopped, [])
    assert len(stopped(patience=3)[0].epochs) > len(history.epochs)  # unless one says otherwise


def test_the_best_is_kept(tmp_path):
    parts = problem()
    fit(parts, Figures([3, 1, 2]), C.Checkpoint(tmp_path, best="val_loss", keep=1), weights := Weights())
    other = problem()[0]
    train.resume(tmp_path / "best.safetensors", other)
    assert rushlight.equal(other[0].weight, weights.seen[1])
    train.resume(tmp_path / "last.safetensors", other)
    assert rushlight.equal(other[0].weight, weights.seen[2])
    assert {p.name for p in tmp_path.iterdir()} == {"best.safetensors", "last.safetensors"}


def test_other_callbacks_than_before_are_refused(tmp_path):
    fit(problem(), C.Checkpoint(tmp_path), C.EMA(), epochs=1)
    with pytest.raises(ValueError, match="'EMA 1'"):
        fit(problem(), C.Checkpoint(tmp_path, resume=True), epochs=2)
    with pytest.raises(ValueError, match="at least 1"):
        C.Checkpoint(tmp_path, every_steps=0)
