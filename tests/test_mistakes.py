"""What looks like a mistake in a plain loop is told once, with what to do about it; sound programs hear nothing."""

from __future__ import annotations

import copy
import gc
import warnings
import weakref

import pytest

import rushlight
import rushlight.nn.functional as F
from rushlight import mistakes, nn, optim
from rushlight.autograd import walk
from rushlight.mistakes import Notice
from rushlight.train import fit

X, Y = rushlight.linspace(-1, 1, 12).reshape(4, 3), rushlight.tensor([0, 1, 1, 0])


@pytest.fixture(autouse=True)
def nothing_seen(monkeypatch):
    monkeypatch.setattr(mistakes, "told", set())
    monkeypatch.setattr(mistakes.looks, "__dict__", vars(mistakes.Looks()))


def network(*more):
    return nn.Sequential(nn.Linear(3, 4), nn.ReLU(), *more, nn.Linear(4, 2))


def train(model, optimizer, steps=12, clear=True):
    for _ in range(steps):
        if clear:
            optimizer.zero_grad()
        F.cross_entropy(model(X), Y).backward()
        optimizer.step()


@pytest.fixture
def quiet():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        yield


def adam(model):
    return optim.Adam(model.parameters(), lr=0.01)


# -------------------------------------------------------------------------------------------------- sound programs


def test_examples_under_vmap_are_not_looked_at(quiet):
    conv = nn.Conv2d(3, 2, 3)
    images, targets = rushlight.full((4, 1, 3, 5, 5), 200.0), rushlight.full((4, 3), 2.0)
    rushlight.vmap(conv)(images)
    rushlight.vmap(lambda target: F.binary_cross_entropy_with_logits(rushlight.zeros(3), target))(targets)


def test_a_plain_loop(quiet):
    model = network(nn.Dropout(0.5))
    optimizer = adam(model)
    for _ in range(3):
        model.train()
        train(model, optimizer, 5)
        model.eval()
        with rushlight.no_grad():
            model(X)
        model(X)  # an evaluation that forgets no_grad


def test_gradients_set_to_zero(quiet):
    model = network()
    optimizer = adam(model)
    for _ in range(5):
        F.cross_entropy(model(X), Y).backward()
        optimizer.step()
        optimizer.zero_grad(set_to_none=False)


def test_several_backwards_in_a_step(quiet):
    model = network()
    optimizer = adam(model)
    for _ in range(5):
        optimizer.zero_grad()
        for _ in range(3):
            F.cross_entropy(model(X), Y).backward()
        optimizer.step()


def test_two_optimizers_whose_losses_meet(quiet):
    made, judge = nn.Linear(3, 3), nn.Linear(3, 1)
    first, second = adam(made), adam(judge)
    for _ in range(5):
        first.zero_grad()
        judge(made(X)).mean().backward()  # reaches both
        first.step()
        second.zero_grad()
        judge(made(X).detach()).mean().backward()
        second.step()


def test_a_closure(quiet):
    model = network()
    optimizer = optim.LBFGS(model.parameters(), max_iter=3)

    def closure():
        optimizer.zero_grad()
        loss = F.cross_entropy(model(X), Y)
        loss.backward()
        return loss

    for _ in range(4):
        optimizer.step(closure)


def test_a_schedule_shown_without_a_training(quiet):
    optimizer = adam(network())
    schedule = optim.lr_scheduler.StepLR(optimizer, 2)
    for _ in range(12):
        optimizer.step()
        schedule.step()


def test_frozen_parameters(quiet):
    model = network(nn.Dropout(0.5))
    model[0].requires_grad_(False)
    train(model, adam(model))


def test_part_of_a_model_in_eval_mode(quiet):
    model = network(nn.Dropout(0.5), nn.Dropout(0.1))
    optimizer = adam(model)
    train(model, optimizer, 2)
    model[2].eval()
    train(model, optimizer, 4)


def test_scaled_images_and_other_numbers(quiet):
    nn.Conv2d(3, 2, 1)(rushlight.rand(1, 3, 4, 4))
    nn.Conv2d(3, 2, 1)(rushlight.randn(1, 3, 4, 4) * 200)
    nn.Conv2d(8, 2, 1)(rushlight.full((1, 8, 4, 4), 200.0))
    nn.Flatten()(rushlight.rand(6, 5, 5) * 200)
    nn.Flatten()(rushlight.arange(100.0).reshape(4, 5, 5))
    F.cross_entropy(F.log_softmax(X, 1), Y.clamp(max=1))
    F.cross_entropy(nn.Linear(3, 2)(X), F.softmax(X[:, :2], 1))
    F.nll_loss(F.log_softmax(X, 1), Y)
    F.binary_cross_entropy_with_logits(X, X.abs())


def test_a_teacher_without_gradients(quiet):
    model, teacher = network(nn.Dropout(0.5), nn.BatchNorm1d(4)), network(nn.Dropout(0.5), nn.BatchNorm1d(4))
    optimizer = adam(model)
    for _ in range(12):
        with rushlight.no_grad():
            wanted = teacher(X)
        optimizer.zero_grad()
        F.mse_loss(model(X), wanted).backward()
        optimizer.step()


def test_adversaries_in_turns(quiet):
    maker = nn.Sequential(nn.Linear(3, 4), nn.BatchNorm1d(4), nn.Dropout(0.2), nn.Linear(4, 3))
    judge = nn.Sequential(nn.Linear(3, 4), nn.Dropout(0.2), nn.Linear(4, 1))
    makers, judges = adam(maker), adam(judge)
    ones, zeros = rushlight.ones(4, 1), rushlight.zeros(4, 1)
    for step in range(20):
        with rushlight.no_grad():
            made = maker(X)
        judges.zero_grad()
        F.binary_cross_entropy_with_logits(judge(X), ones).backward()
        F.binary_cross_entropy_with_logits(judge(made), zeros).backward()
        judges.step()
        if step % 5 == 4:
            makers.zero_grad()
            F.binary_cross_entropy_with_logits(judge(maker(X)), ones).backward()
            makers.step()


@pytest.fixture
def walks():
    """Takes away again what checkpoint leaves there for good, since compiled functions look for it."""
    before = walk.on_walk[:]
    yield
    walk.on_walk[:] = before


def test_checkpointed_parts(quiet, walks):
    model = network(nn.Dropout(0.5))
    optimizer = adam(model)
    for reentrant in (True, False) * 4:
        x = X.clone().requires_grad_()
        optimizer.zero_grad()
        F.cross_entropy(rushlight.utils.checkpoint.checkpoint(model, x, use_reentrant=reentrant), Y).backward()
        optimizer.step()


def test_dropout_in_evaluation_on_purpose(quiet):
    model = network(nn.Dropout(0.5))
    train(model, adam(model))
    model.eval()
    model[2].train()
    with rushlight.no_grad():
        for _ in range(10):
            model(X)


def test_statistics_computed_anew(quiet):
    model = network(nn.BatchNorm1d(4), nn.Dropout(0.1))
    train(model, adam(model))
    optim.swa_utils.update_bn([X] * 5, model)


def test_norms_frozen_in_the_middle(quiet):
    model = network(nn.BatchNorm1d(4))
    optimizer = adam(model)
    train(model, optimizer)
    for epoch in range(3):
        model.train()
        model[2].eval()
        train(model, optimizer)
        model.eval()
        with rushlight.no_grad():
            model(X)


def test_a_trained_model_in_eval_mode_that_others_learn_from(quiet):
    model, head = network(nn.Dropout(0.5), nn.BatchNorm1d(4)), nn.Linear(2, 2)
    train(model, adam(model))
    model.eval()
    train(nn.Sequential(model, head), adam(head))
    noise = rushlight.zeros(4, 3, requires_grad=True)
    optimizer = optim.SGD([noise], lr=0.1)
    for _ in range(5):
        optimizer.zero_grad()
        F.cross_entropy(model(X + noise), Y).backward()
        optimizer.step()


def test_batches_accumulated_over_steps_of_a_schedule(quiet):
    model = network(nn.BatchNorm1d(4))
    optimizer = optim.SGD(model.parameters(), lr=0.1, momentum=0.9)
    for number in range(24):
        (F.cross_entropy(model(X), Y) / 4).backward()
        if number % 4 == 3:
            optimizer.step()
            optimizer.zero_grad()


# ---------------------------------------------------------------------------------------------------------- mistakes


def test_softmax_before_cross_entropy():
    model = nn.Sequential(nn.Linear(3, 2), nn.Softmax(1))
    with pytest.warns(Notice, match="input comes from softmax, but it applies softmax itself") as caught:
        F.cross_entropy(model(X), Y)
    assert caught[0].filename == __file__
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        F.cross_entropy(model(X), Y)  # once


def test_sigmoid_before_a_loss_that_applies_it():
    with pytest.warns(Notice, match="comes from sigmoid, but it applies sigmoid itself"):
        F.binary_cross_entropy_with_logits(nn.Linear(3, 3)(X).sigmoid(), X.clamp(0, 1))
    with pytest.warns(Notice, match="nll_loss: its input comes from softmax.*use log_softmax"):
        F.nll_loss(nn.Linear(3, 2)(X).softmax(1), Y)


def test_gradients_that_are_never_cleared():
    model = network()
    with pytest.warns(Notice, match=r"gradients were added to those of the step before. Call optimizer.zero_grad\(\)"):
        train(model, adam(model), 3, clear=False)
    assert not model[0].weight._edge.hooks


def test_an_optimizer_of_parameters_that_were_replaced():
    model = network()
    optimizer = adam(model)
    model[0], model[2] = nn.Linear(3, 4), nn.Linear(4, 2)
    with pytest.warns(Notice, match="none of its parameters has a gradient.*Make it last"):
        train(model, optimizer, 4)


def test_parameters_without_a_gradient():
    model = nn.ModuleDict({"used": nn.Linear(3, 2), "idle": nn.Linear(3, 2)})
    optimizer = optim.Adam(model.named_parameters(), lr=0.01)
    with pytest.warns(Notice, match="idle.weight, idle.bias had no gradient in 10 steps"):
        train(model["used"], optimizer)
    mistakes.told.clear()
    with pytest.warns(Notice, match=r"one of shape \(2, 3\), one of shape \(2,\) had no gradient"):
        train(model["used"], adam(model))


@pytest.mark.parametrize(("layer", "told"), [(nn.Dropout(0.5), "it drops"), (nn.BatchNorm1d(4), "it normalizes")])
def test_evaluation_in_training_mode(layer, told):
    model = network(layer)
    train(model, adam(model), 4)
    with rushlight.no_grad(), pytest.warns(Notice, match=told + r".*call model.eval\(\) before") as caught:
        model(X)
        model(X)
    assert len(caught) == 1


@pytest.mark.parametrize("layer", [nn.Dropout(0.5), nn.BatchNorm1d(4)])
def test_training_in_eval_mode(layer):
    model = network(layer)
    optimizer = adam(model)
    train(model, optimizer, 2)
    model.eval()
    with pytest.warns(Notice, match=r"call model.train\(\) again"):
        train(model, optimizer, 3)


def test_images_that_are_not_scaled():
    images = rushlight.arange(2 * 3 * 5 * 5).reshape(2, 3, 5, 5).float()
    with pytest.warns(Notice, match="the images run from 0 to 149.*divide them by 255"):
        nn.Conv2d(3, 2, 3)(images)


@pytest.mark.parametrize("shape", [(6, 5, 5), (2, 3, 5, 5)])
def test_flattened_images_that_are_not_scaled(shape):
    with pytest.warns(Notice, match="Flatten: the images run from 0 to 149.*divide them by 255"):
        nn.Flatten()(rushlight.arange(150).reshape(shape).float())


def test_targets_that_are_no_probabilities():
    with pytest.warns(Notice, match="targets run from -1 to 1; they must lie between 0 and 1"):
        F.binary_cross_entropy_with_logits(X, X.sign())


def test_labels_of_a_wrong_dtype_or_range():
    with pytest.raises(RuntimeError, match=r"use target.long\(\)"):
        F.cross_entropy(X[:, :2], Y.float())
    with pytest.raises(IndexError, match="the 2 classes are numbered from 0"):
        F.cross_entropy(X[:, :2], Y + 1)


def test_bytes_are_no_input():
    images = rushlight.zeros(1, 1, 4, 4, dtype=rushlight.uint8)
    with pytest.raises(RuntimeError, match=r"use input.float\(\) / 255 for images"):
        nn.Conv2d(1, 1, 3)(images)
    with pytest.raises(RuntimeError, match=r"use input.float\(\)$"):
        F.linear(rushlight.arange(3), rushlight.ones(1, 3))
    with pytest.raises(RuntimeError, match="torch.float64, torch.float32$"):
        F.linear(X.double(), rushlight.ones(1, 3))


def test_shapes_that_broadcast():
    model, data = nn.Linear(3, 1), [(X, rushlight.zeros(4))]
    optimizer = optim.SGD(model.parameters(), lr=0.1)
    for loss in (F.mse_loss, nn.MSELoss()):
        with pytest.warns(UserWarning, match="due to broadcasting") as caught:
            fit(model, data, loss, optimizer, 1, progress=False)
        assert [warning.filename for warning in caught] == [__file__]  # once, and where the program is


# -------------------------------------------------------------------------------------------------------- its price


def test_nothing_stays_behind():
    model = network()
    optimizer = adam(model)
    train(model, optimizer)
    assert optimizer._first_steps is None and not model[0].weight._edge.hooks
    assert copy.deepcopy(optimizer)._first_steps is not None  # which begins anew
    model = network()
    optimizer = adam(model)
    train(model, optimizer, 1)
    gone = weakref.ref(model[0].weight)
    del model, optimizer
    gc.collect()
    assert gone() is None
