"""Every schedule against PyTorch's: rates and momentum over many epochs, jumps, states, refusals, warnings."""

from __future__ import annotations

import math
import warnings

import numpy as np
import pytest

import rushlight

torch = pytest.importorskip("torch")
BOTH = pytest.mark.parametrize("library", [rushlight, torch], ids=["rushlight", "torch"])


class Decay:
    """A callable object, whose attributes are saved with the state."""

    def __init__(self, rate):
        self.rate = rate

    def __call__(self, epoch):
        return self.rate**epoch


def sequence(s, o):
    parts = [s.ConstantLR(o, 0.1, 3), s.ExponentialLR(o, 0.9), s.CosineAnnealingLR(o, 5)]
    return s.SequentialLR(o, parts, [4, 9])


SCHEDULES = {
    "StepLR": lambda s, o: s.StepLR(o, 3),
    "StepLR-gamma": lambda s, o: s.StepLR(o, step_size=4, gamma=0.7),
    "MultiStepLR": lambda s, o: s.MultiStepLR(o, [2, 5, 5, 11], 0.5),
    "ConstantLR": lambda s, o: s.ConstantLR(o),
    "ConstantLR-factor": lambda s, o: s.ConstantLR(o, 0.2, 7),
    "LinearLR": lambda s, o: s.LinearLR(o),
    "LinearLR-factors": lambda s, o: s.LinearLR(o, 1.0, 0.1, 8),
    "ExponentialLR": lambda s, o: s.ExponentialLR(o, 0.9),
    "PolynomialLR": lambda s, o: s.PolynomialLR(o, 8, 2.0),
    "CosineAnnealingLR": lambda s, o: s.CosineAnnealingLR(o, 6, 0.01),
    "CosineAnnealingWarmRestarts": lambda s, o: s.CosineAnnealingWarmRestarts(o, 3, 2, 0.01),
    "LambdaLR": lambda s, o: s.LambdaLR(o, lambda e: 0.9**e),
    "LambdaLR-two": lambda s, o: s.LambdaLR(o, [Decay(0.9), lambda e: 1 / (e + 1)]),
    "MultiplicativeLR": lambda s, o: s.MultiplicativeLR(o, [Decay(0.9), lambda e: 0.5]),
    "OneCycleLR": lambda s, o: s.OneCycleLR(o, 1.0, total_steps=20),
    "OneCycleLR-three": lambda s, o: s.OneCycleLR(
        o, [1.0, 0.5], epochs=4, steps_per_epoch=5, three_phase=True, anneal_strategy="linear", pct_start=0.4
    ),
    "OneCycleLR-still": lambda s, o: s.OneCycleLR(o, 1.0, total_steps=20, cycle_momentum=False, div_factor=5.0),
    "CyclicLR": lambda s, o: s.CyclicLR(o, 0.1, 1.0, step_size_up=3),
    "CyclicLR-triangular2": lambda s, o: s.CyclicLR(
        o, [0.1, 0.2], [1.0, 2.0], step_size_up=2, step_size_down=4, mode="triangular2", base_momentum=[0.7, 0.6]
    ),
    "CyclicLR-exp_range": lambda s, o: s.CyclicLR(o, 0.1, 1.0, 3, mode="exp_range", gamma=0.9, cycle_momentum=False),
    "CyclicLR-scale_fn": lambda s, o: s.CyclicLR(o, 0.1, 1.0, 3, scale_fn=Decay(0.8), scale_mode="iterations"),
    "SequentialLR": sequence,
    "ChainedScheduler": lambda s, o: s.ChainedScheduler([s.ConstantLR(o, 0.1, 4), s.ExponentialLR(o, 0.9)]),
    "SequentialLR-nested": lambda s, o: s.SequentialLR(
        o, [s.ChainedScheduler([s.LinearLR(o), s.ExponentialLR(o, 0.9)]), s.StepLR(o, 2)], [6]
    ),
}


def optimizer_of(library, kind, lr=0.5):
    params = [library.ones(2, requires_grad=True) for _ in range(2)]
    groups = [{"params": params[:1]}, {"params": params[1:], "lr": lr / 4}]
    if kind == "SGD":
        return library.optim.SGD(groups, lr=lr, momentum=0.9)
    return library.optim.Adam(groups, lr=lr)


def options(optimizer):
    return [[float(g["lr"]), *g.get("betas", (g.get("momentum"),))] for g in optimizer.param_groups]


def rates(library, make, kind, epochs=18, reload_at=None):
    """lr, momentum or betas of both groups, epoch by epoch; with the states moved to new objects on the way."""
    optimizer = optimizer_of(library, kind)
    scheduler = make(library.optim.lr_scheduler, optimizer)
    seen = [options(optimizer)]
    for epoch in range(epochs):
        optimizer.step()
        scheduler.step()
        seen.append(options(optimizer))
        assert scheduler.get_last_lr() == [g["lr"] for g in optimizer.param_groups]
        if epoch == reload_at:
            states = optimizer.state_dict(), scheduler.state_dict()
            optimizer = optimizer_of(library, kind)
            scheduler = make(library.optim.lr_scheduler, optimizer)
            optimizer.load_state_dict(states[0])
            scheduler.load_state_dict(states[1])
    return seen


@pytest.mark.parametrize("kind", ["SGD", "Adam"])
@pytest.mark.parametrize("name", SCHEDULES)
def test_rates_equal_pytorchs(name, kind):
    theirs = rates(torch, SCHEDULES[name], kind)
    np.testing.assert_allclose(rates(rushlight, SCHEDULES[name], kind), theirs, rtol=1e-9)
    np.testing.assert_allclose(rates(rushlight, SCHEDULES[name], kind, reload_at=6), theirs, rtol=1e-9)


@pytest.mark.parametrize("name", SCHEDULES)
def test_states_go_to_pytorch_and_back(name):
    """Seven epochs here and there, then each goes on from the other's state."""
    made = []
    for library in (rushlight, torch):
        optimizer = optimizer_of(library, "SGD")
        scheduler = SCHEDULES[name](library.optim.lr_scheduler, optimizer)
        for _ in range(7):
            optimizer.step()
            scheduler.step()
        made.append((optimizer, scheduler, scheduler.state_dict()))
    assert set(made[0][2]) >= set(made[1][2]) - {"_scale_fn_ref"}
    for (optimizer, scheduler, _), (_, _, other) in zip(made, made[::-1]):
        scheduler.load_state_dict(other)
        optimizer.step()
        scheduler.step()
    np.testing.assert_allclose(options(made[0][0]), options(made[1][0]), rtol=1e-9)


@pytest.mark.filterwarnings("ignore:The epoch parameter")
@pytest.mark.parametrize("name", [n for n in SCHEDULES if "Sequential" not in n and "Chained" not in n])
def test_jumps_equal_pytorchs(name):
    seen = []
    for library in (rushlight, torch):
        optimizer = optimizer_of(library, "SGD")
        scheduler = SCHEDULES[name](library.optim.lr_scheduler, optimizer)
        optimizer.step()
        seen.append([])
        for epoch in (3, 11, 4, 0, 5):
            scheduler.step(epoch)
            seen[-1].append(options(optimizer))
    np.testing.assert_allclose(*seen, rtol=1e-9)


def test_warm_restarts_between_epochs():
    seen = []
    for library in (rushlight, torch):
        optimizer = optimizer_of(library, "SGD")
        scheduler = library.optim.lr_scheduler.CosineAnnealingWarmRestarts(optimizer, 2, 3)
        optimizer.step()
        seen.append([])
        for epoch in (0.5, 1.75, 2.0, 5.25, 8.5, 30.125):
            scheduler.step(epoch)
            seen[-1].append([*options(optimizer), [scheduler.T_cur, scheduler.T_i]])
    np.testing.assert_allclose(*seen, rtol=1e-9)


@pytest.mark.parametrize("name", ["StepLR", "LinearLR", "CosineAnnealingLR", "ExponentialLR", "OneCycleLR", "LambdaLR"])
def test_resuming_with_last_epoch(name):
    seen = []
    makers = {
        "StepLR": lambda s, o, last: s.StepLR(o, 3, last_epoch=last),
        "LinearLR": lambda s, o, last: s.LinearLR(o, last_epoch=last),
        "CosineAnnealingLR": lambda s, o, last: s.CosineAnnealingLR(o, 6, last_epoch=last),
        "ExponentialLR": lambda s, o, last: s.ExponentialLR(o, 0.9, last_epoch=last),
        "OneCycleLR": lambda s, o, last: s.OneCycleLR(o, 1.0, 20, last_epoch=last),
        "LambdaLR": lambda s, o, last: s.LambdaLR(o, lambda e: 0.9**e, last_epoch=last),
    }
    for library in (rushlight, torch):
        optimizer = optimizer_of(library, "SGD")
        schedulers = library.optim.lr_scheduler
        with pytest.raises(KeyError):
            makers[name](schedulers, optimizer_of(library, "SGD"), 4)
        first = makers[name](schedulers, optimizer, -1)
        for _ in range(4):
            optimizer.step()
            first.step()
        second = makers[name](schedulers, optimizer, 4)
        seen.append([options(optimizer)])
        for _ in range(5):
            optimizer.step()
            second.step()
            seen[-1].append(options(optimizer))
    np.testing.assert_allclose(*seen, rtol=1e-9)


METRICS = [
    5.0,
    4.0,
    4.0,
    4.0,
    3.9999,
    4.1,
    3.0,
    3.0,
    3.0,
    3.0,
    3.0,
    3.0,
    math.nan,
    2.0,
    2.0,
    2.0,
    2.0,
    -1.0,
    -1.0,
    -1.0,
]


@pytest.mark.parametrize(
    "settings",
    [
        {"patience": 1},
        {"patience": 0, "factor": 0.5, "cooldown": 2},
        {"mode": "max", "patience": 2, "threshold": 0.1},
        {"mode": "max", "patience": 1, "threshold": 0.5, "threshold_mode": "abs"},
        {"patience": 1, "threshold": 0.2, "threshold_mode": "abs", "min_lr": 0.01},
        {"patience": 0, "min_lr": [0.2, 0.05], "eps": 0.02},
    ],
    ids=str,
)
def test_plateau(settings):
    seen = []
    for library in (rushlight, torch):
        optimizer = optimizer_of(library, "SGD")
        scheduler = library.optim.lr_scheduler.ReduceLROnPlateau(optimizer, **settings)
        seen.append([])
        for metric in METRICS:
            scheduler.step(library.tensor(metric))
            seen[-1].append(options(optimizer))
            scheduler.load_state_dict(scheduler.state_dict())
        facts = {k: v for k, v in scheduler.state_dict().items() if k != "_last_lr"}
        seen[-1].append(sorted(facts.items()))
    assert str(seen[0]) == str(seen[1])


@BOTH
def test_plateau_with_a_new_group(library):
    optimizer = optimizer_of(library, "SGD")
    scheduler = library.optim.lr_scheduler.ReduceLROnPlateau(optimizer, patience=0)
    fixed = library.optim.lr_scheduler.ReduceLROnPlateau(optimizer, patience=0, min_lr=[0, 0])
    optimizer.add_param_group({"params": [library.ones(1, requires_grad=True)], "lr": 1.0})
    for _ in range(2):
        scheduler.step(1.0)
    assert [g["lr"] for g in optimizer.param_groups] == pytest.approx([0.05, 0.0125, 0.1])
    fixed.step(1.0)
    with pytest.raises(RuntimeError, match="number of param groups"):
        fixed.step(1.0)


@BOTH
def test_lr_as_tensor_stays_the_same_object(library):
    w = library.ones(1, requires_grad=True)
    lr = library.tensor(0.5)
    optimizer = library.optim.SGD([w], lr=lr)
    scheduler = library.optim.lr_scheduler.ExponentialLR(optimizer, 0.5)
    optimizer.step()
    scheduler.step()
    assert optimizer.param_groups[0]["lr"] is lr and lr.item() == 0.25
    assert scheduler.base_lrs[0].item() == 0.5 and scheduler.get_last_lr()[0].item() == 0.25


@BOTH
def test_a_users_schedule(library):
    class Halving(library.optim.lr_scheduler._LRScheduler):
        def __init__(self, optimizer, last_epoch=-1):
            super().__init__(optimizer, last_epoch)

        def get_lr(self):
            assert self._get_lr_called_within_step
            return [base / 2**self.last_epoch for base in self.base_lrs]

    optimizer = optimizer_of(library, "SGD")
    scheduler = Halving(optimizer)
    for _ in range(3):
        optimizer.step()
        scheduler.step()
    assert scheduler.get_last_lr() == [0.0625, 0.015625]


@BOTH
def test_warnings(library):
    schedulers = library.optim.lr_scheduler
    optimizer = optimizer_of(library, "SGD")
    scheduler = schedulers.StepLR(optimizer, 3)
    with pytest.warns(UserWarning, match=r"`lr_scheduler.step\(\)` before `optimizer.step\(\)`"):
        scheduler.step()
    with pytest.warns(UserWarning, match="get_last_lr"):
        scheduler.get_lr()
    with pytest.warns(UserWarning, match="epoch parameter"):
        scheduler.step(3)
    optimizer = optimizer_of(library, "SGD")
    scheduler = schedulers.StepLR(optimizer, 3)
    optimizer.step = lambda: None
    with pytest.warns(UserWarning, match="has been overridden"):
        scheduler.step()
    optimizer = optimizer_of(library, "SGD")
    scheduler = schedulers.StepLR(optimizer, 3)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        optimizer.step()
        scheduler.step()


REFUSED = {
    "no optimizer": lambda s, o: s.StepLR(3, 3),
    "no optimizer for plateau": lambda s, o: s.ReduceLROnPlateau(3),
    "constant": lambda s, o: s.ConstantLR(o, 1.5),
    "linear start": lambda s, o: s.LinearLR(o, 0.0),
    "linear end": lambda s, o: s.LinearLR(o, 0.5, 1.5),
    "lambdas": lambda s, o: s.LambdaLR(o, [math.sqrt]),
    "multiplicative": lambda s, o: s.MultiplicativeLR(o, 3),
    "T_0": lambda s, o: s.CosineAnnealingWarmRestarts(o, 0),
    "T_mult": lambda s, o: s.CosineAnnealingWarmRestarts(o, 2, 0.5),
    "eta_min": lambda s, o: s.CosineAnnealingWarmRestarts(o, 2, 1, "a"),
    "negative epoch": lambda s, o: s.CosineAnnealingWarmRestarts(o, 2).step(-1),
    "one cycle without length": lambda s, o: s.OneCycleLR(o, 1.0),
    "total_steps": lambda s, o: s.OneCycleLR(o, 1.0, total_steps=-1),
    "epochs": lambda s, o: s.OneCycleLR(o, 1.0, epochs=0, steps_per_epoch=1),
    "steps_per_epoch": lambda s, o: s.OneCycleLR(o, 1.0, epochs=1, steps_per_epoch=1.5),
    "pct_start": lambda s, o: s.OneCycleLR(o, 1.0, 10, pct_start=1),
    "anneal_strategy": lambda s, o: s.OneCycleLR(o, 1.0, 10, anneal_strategy="square"),
    "max_lr": lambda s, o: s.OneCycleLR(o, [1.0], 10),
    "mode": lambda s, o: s.CyclicLR(o, 0.1, 1.0, mode="square"),
    "base_lr": lambda s, o: s.CyclicLR(o, [0.1], 1.0),
    "plateau factor": lambda s, o: s.ReduceLROnPlateau(o, factor=1.0),
    "plateau mode": lambda s, o: s.ReduceLROnPlateau(o, mode="both"),
    "plateau threshold mode": lambda s, o: s.ReduceLROnPlateau(o, threshold_mode="both"),
    "plateau min_lr": lambda s, o: s.ReduceLROnPlateau(o, min_lr=[0.1]),
    "sequence of none": lambda s, o: s.SequentialLR(o, [], []),
    "sequence of numbers": lambda s, o: s.SequentialLR(o, [3], []),
    "milestones": lambda s, o: s.SequentialLR(o, [s.StepLR(o, 3)], [3]),
    "sequence with plateau": lambda s, o: s.SequentialLR(o, [s.ReduceLROnPlateau(o)], []),
    "chain of none": lambda s, o: s.ChainedScheduler([]),
    "chain with plateau": lambda s, o: s.ChainedScheduler([s.StepLR(o, 3), s.ReduceLROnPlateau(o)]),
}


@pytest.mark.parametrize("name", REFUSED)
def test_refusals_equal_pytorchs(name):
    messages = []
    for library in (rushlight, torch):
        try:
            REFUSED[name](library.optim.lr_scheduler, optimizer_of(library, "SGD"))
        except Exception as failure:  # any class: the classes are compared
            builtin = next(c for c in type(failure).__mro__ if c.__module__ == "builtins")
            messages.append((builtin if library is torch else type(failure).__mro__, str(failure)))
    assert len(messages) == 2 and messages[1][0] in messages[0][0] and messages[0][1] == messages[1][1]


@BOTH
def test_other_optimizers_are_refused(library):
    s = library.optim.lr_scheduler
    a, b = optimizer_of(library, "SGD"), optimizer_of(library, "SGD")
    with pytest.raises(ValueError, match="same optimizer"):
        s.SequentialLR(a, [s.StepLR(a, 2), s.StepLR(b, 2)], [3])
    with pytest.raises(ValueError, match="same optimizer"):
        s.ChainedScheduler([s.StepLR(a, 2), s.StepLR(b, 2)])
    plain = library.optim.Adagrad([library.ones(1, requires_grad=True)])
    for make in (lambda: s.CyclicLR(plain, 0.1, 1.0), lambda: s.OneCycleLR(plain, 1.0, 10)):
        with pytest.raises(ValueError, match="must support momentum"):
            make()


@BOTH
def test_too_many_steps_of_one_cycle(library):
    optimizer = optimizer_of(library, "SGD")
    scheduler = library.optim.lr_scheduler.OneCycleLR(optimizer, 1.0, total_steps=3)
    optimizer.step()
    for _ in range(3):
        scheduler.step()
    with pytest.raises(ValueError, match="Tried to step 4 times"):
        scheduler.step()
