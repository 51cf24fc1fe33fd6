"""Every rule with every option, step by step against PyTorch; state dicts go both ways."""

from __future__ import annotations

import copy
import pickle

import numpy as np
import pytest
from oracle import assert_close, give_grads, leaves, numbers, to_rushlight, to_torch, values

import rushlight

torch = pytest.importorskip("torch")

MATRICES = ((4, 3), (3, 4), (5, 5))
OPTIONS = [
    ("SGD", {}),
    ("SGD", {"lr": 0.1, "weight_decay": 0.2, "maximize": True}),
    ("SGD", {"lr": 0.1, "momentum": 0.9}),
    ("SGD", {"lr": 0.1, "momentum": 0.9, "dampening": 0.3, "weight_decay": 0.1}),
    ("SGD", {"lr": 0.1, "momentum": 0.9, "nesterov": True, "maximize": True, "weight_decay": 0.1}),
    ("Adam", {}),
    ("Adam", {"lr": 0.1, "betas": (0.8, 0.9), "eps": 1e-3, "weight_decay": 0.1}),
    ("Adam", {"lr": 0.1, "amsgrad": True, "betas": (0.3, 0.6), "maximize": True}),
    ("Adam", {"lr": 0.1, "decoupled_weight_decay": True, "weight_decay": 0.3}),
    ("Adam", {"lr": 0.1, "foreach": True}),
    ("AdamW", {"lr": 0.1}),
    ("AdamW", {"lr": 0.1, "amsgrad": True, "weight_decay": 0.5, "maximize": True}),
    ("RMSprop", {}),
    ("RMSprop", {"lr": 0.1, "alpha": 0.8, "eps": 1e-2, "weight_decay": 0.1, "maximize": True}),
    ("RMSprop", {"lr": 0.1, "momentum": 0.7}),
    ("RMSprop", {"lr": 0.1, "momentum": 0.7, "centered": True, "weight_decay": 0.1}),
    ("RMSprop", {"lr": 0.1, "centered": True}),
    ("Adagrad", {"lr": 0.1}),
    (
        "Adagrad",
        {
            "lr": 0.1,
            "lr_decay": 0.2,
            "weight_decay": 0.1,
            "initial_accumulator_value": 0.3,
            "eps": 1e-2,
            "maximize": True,
        },
    ),
    ("Adamax", {"lr": 0.1}),
    ("Adamax", {"lr": 0.1, "betas": (0.7, 0.8), "eps": 1e-2, "weight_decay": 0.1, "maximize": True}),
    ("NAdam", {"lr": 0.1}),
    ("NAdam", {"lr": 0.1, "weight_decay": 0.1, "momentum_decay": 0.1, "maximize": True}),
    ("NAdam", {"lr": 0.1, "weight_decay": 0.1, "decoupled_weight_decay": True}),
    ("RAdam", {"lr": 0.1}),
    ("RAdam", {"lr": 0.1, "betas": (0.8, 0.9), "weight_decay": 0.1, "maximize": True}),
    ("RAdam", {"lr": 0.1, "weight_decay": 0.1, "decoupled_weight_decay": True}),
    ("Adadelta", {}),
    ("Adadelta", {"lr": 0.5, "rho": 0.7, "eps": 1e-3, "weight_decay": 0.1, "maximize": True}),
    ("Rprop", {"lr": 0.1}),
    ("Rprop", {"lr": 0.1, "etas": (0.3, 1.5), "step_sizes": (0.01, 0.3), "maximize": True}),
    ("ASGD", {"lr": 0.1}),
    ("ASGD", {"lr": 0.1, "lambd": 0.1, "alpha": 0.5, "t0": 4, "weight_decay": 0.1, "maximize": True}),
    ("Adafactor", {"lr": 0.1}),
    (
        "Adafactor",
        {"lr": 0.1, "beta2_decay": -0.5, "eps": (1e-3, 0.1), "d": 1.5, "weight_decay": 0.1, "maximize": True},
    ),
    ("Muon", {"lr": 0.1}),
    (
        "Muon",
        {
            "lr": 0.1,
            "nesterov": False,
            "weight_decay": 0.0,
            "momentum": 0.5,
            "adjust_lr_fn": "match_rms_adamw",
            "ns_steps": 3,
        },
    ),
]
IDS = [name + "-" + "-".join(options) for name, options in OPTIONS]
NAMES = list(dict.fromkeys(name for name, _ in OPTIONS))
MANY = 12  # steps


def shapes_for(name):
    return (
        MATRICES
        if name == "Muon"
        else ((4, 3), (5,), (), (2, 3, 2, 2), (0, 3))
        if name != "Adafactor"
        else ((4, 3), (5,), (), (2, 3, 2, 2))
    )


def pair(name, options, dtype=np.float32, shapes=None):
    """The optimizer in both libraries: two groups, the second with its own learning rate."""
    arrays = values(shapes or shapes_for(name), dtype)
    made = []
    for library in (rushlight, torch):
        params = leaves(library, arrays)
        groups = [{"params": params[:2]}, {"params": params[2:], "lr": 0.05}]
        made.append((library, params, getattr(library.optim, name)(groups, **options)))
    return made


def tolerance(name, dtype=np.float32):
    if name == "Muon":  # its iteration runs in bfloat16
        return {"rtol": 0.02, "atol": 0.02}
    return (
        {"rtol": 2e-5, "atol": 2e-6}
        if np.dtype(dtype).itemsize in (4, 8) and dtype != np.float64
        else {"rtol": 1e-11, "atol": 1e-12}
    )


@pytest.mark.parametrize("name, options", OPTIONS, ids=IDS)
def test_steps_equal_pytorchs(name, options):
    ours, theirs = pair(name, options)
    for step in range(MANY):
        for library, params, optimizer in (ours, theirs):
            give_grads(library, params, step, skip=(1,) if step % 3 == 1 else ())
            optimizer.step()
        assert_close(numbers(ours[1]), numbers(theirs[1]), **tolerance(name))


@pytest.mark.parametrize("dtype", [np.float64, np.complex64])
@pytest.mark.parametrize("name, options", OPTIONS, ids=IDS)
def test_other_dtypes(name, options, dtype):
    if dtype == np.complex64 and name in ("Adafactor", "Muon"):
        with pytest.raises(RuntimeError, match="does not support complex parameters"):
            (library, params, optimizer), _ = pair(name, options, dtype)
            give_grads(library, params, 0)
            optimizer.step()
        return
    ours, theirs = pair(name, options, dtype)
    for step in range(4):
        for library, params, optimizer in (ours, theirs):
            give_grads(library, params, step)
            optimizer.step()
    limits = tolerance(name, dtype) if name == "Muon" or dtype != np.float64 else {"rtol": 1e-6, "atol": 1e-7}
    assert_close(numbers(ours[1]), numbers(theirs[1]), **limits)


@pytest.mark.parametrize("name, options", OPTIONS, ids=IDS)
def test_state_dicts_go_both_ways(name, options):
    """Five steps here, state dict there, five more steps in both: nothing is lost on the way, in either direction."""
    ours, theirs = pair(name, options)
    for step in range(5):
        for library, params, optimizer in (ours, theirs):
            give_grads(library, params, step)
            optimizer.step()
    mine, its = ours[2].state_dict(), theirs[2].state_dict()
    assert {k: list(v) for k, v in mine["state"].items()} == {k: list(v) for k, v in its["state"].items()}
    assert [list(g) for g in mine["param_groups"]] == [list(g) for g in its["param_groups"]]
    for key, entries in its["state"].items():
        for entry, value in entries.items():
            assert mine["state"][key][entry].shape == value.shape, entry
            assert str(mine["state"][key][entry].dtype) == str(value.dtype), entry
    ours[2].load_state_dict(to_rushlight(its))
    theirs[2].load_state_dict(to_torch(mine))
    for step in range(5, 8):
        for library, params, optimizer in (ours, theirs):
            give_grads(library, params, step)
            optimizer.step()
    assert_close(numbers(ours[1]), numbers(theirs[1]), **tolerance(name))


@pytest.mark.parametrize("name, options", OPTIONS, ids=IDS)
def test_pickle_and_deepcopy_go_on_alike(name, options):
    (library, params, optimizer), _ = pair(name, options)
    give_grads(library, params, 0)
    optimizer.step()
    twins = [pickle.loads(pickle.dumps(optimizer)), copy.deepcopy(optimizer)]
    for each in (optimizer, *twins):
        assert repr(each) == repr(optimizer)
        give_grads(library, [p for g in each.param_groups for p in g["params"]], 1)
        each.step()
        assert_close(numbers([p for g in each.param_groups for p in g["params"]]), numbers(params))


@pytest.mark.parametrize("name", NAMES)
def test_repr_equals_pytorchs(name):
    ours, theirs = pair(name, {})
    for optimizer in (ours[2], theirs[2]):
        for group in optimizer.param_groups:  # PyTorch keeps the order of arguments apart, repr does not
            group.pop("fused", None)
    assert repr(ours[2]) == repr(theirs[2])


@pytest.mark.parametrize("name", NAMES)
def test_a_step_that_fails_changes_nothing(name):
    (library, params, optimizer), _ = pair(name, {}, shapes=MATRICES)
    give_grads(library, params, 0)
    optimizer.step()
    before, state = [a.copy() for a in numbers(params)], copy.deepcopy(optimizer.state_dict())
    give_grads(library, params, 1)
    params[-1]._grad = rushlight.from_numpy(np.zeros((7, 7), np.float32))
    with pytest.raises(RuntimeError, match=rf"{name}.step: parameter 0 of group 1: gradient of shape \(7, 7\)"):
        optimizer.step()
    params[-1]._grad = rushlight.from_numpy(np.zeros(MATRICES[-1], np.float64))
    with pytest.raises(RuntimeError, match="float64 gradient for a float32 parameter"):
        optimizer.step()
    assert all(map(np.array_equal, numbers(params), before))
    now = optimizer.state_dict()
    for key, entries in state["state"].items():
        for entry, value in entries.items():
            assert np.array_equal(now["state"][key][entry].numpy(), value.numpy()), entry


@pytest.mark.parametrize("name", NAMES)
def test_a_loaded_state_of_another_shape_is_refused(name):
    (library, params, optimizer), _ = pair(name, {}, shapes=MATRICES)
    give_grads(library, params, 0)
    optimizer.step()
    state = copy.deepcopy(optimizer.state_dict())
    for entry, value in state["state"].get(2, {}).items():
        if tuple(value.shape) == MATRICES[2]:
            state["state"][2][entry] = rushlight.zeros(9)
            before = optimizer.state
            with pytest.raises(
                RuntimeError, match=rf"'{entry}' of parameter 2 has shape \(9,\), the parameter \(5, 5\)"
            ):
                optimizer.load_state_dict(state)
            assert optimizer.state is before
            return


@pytest.mark.parametrize("name", ["SGD", "Adam", "AdamW", "RMSprop", "Adagrad", "NAdam", "Muon", "ASGD"])
def test_lr_as_tensor(name):
    arrays = values(MATRICES)
    results = []
    for library in (rushlight, torch):
        params = leaves(library, arrays)
        optimizer = getattr(library.optim, name)(params, lr=library.tensor(0.05))
        for step in range(3):
            give_grads(library, params, step)
            optimizer.step()
        assert isinstance(optimizer.param_groups[0]["lr"], library.Tensor)
        results.append(numbers(params))
    assert_close(*results, **tolerance(name))


REFUSED = [
    ("SGD", {"lr": -1}),
    ("SGD", {"momentum": -1}),
    ("SGD", {"weight_decay": -1}),
    ("SGD", {"nesterov": True}),
    ("SGD", {"fused": True, "foreach": True}),
    ("Adam", {"lr": -1}),
    ("Adam", {"eps": -1}),
    ("Adam", {"betas": (1.0, 0.9)}),
    ("Adam", {"betas": (0.9, -0.1)}),
    ("Adam", {"weight_decay": -0.1}),
    ("Adam", {"fused": True, "differentiable": True}),
    ("RMSprop", {"alpha": -1}),
    ("RMSprop", {"momentum": -1}),
    ("Adagrad", {"lr_decay": -1}),
    ("Adagrad", {"initial_accumulator_value": -1}),
    ("Adamax", {"betas": (0.9, 1.0)}),
    ("NAdam", {"momentum_decay": -1}),
    ("RAdam", {"weight_decay": -1}),
    ("Adadelta", {"rho": 1.5}),
    ("Rprop", {"etas": (1.1, 1.2)}),
    ("ASGD", {"weight_decay": -1}),
    ("Adafactor", {"d": 0.5}),
    ("Adafactor", {"beta2_decay": 0.5}),
    ("Adafactor", {"eps": (-1.0, 0.1)}),
    ("Adafactor", {"eps": (None, -0.1)}),
    ("Muon", {"momentum": -1}),
    ("Muon", {"weight_decay": -1}),
    ("Muon", {"adjust_lr_fn": "none"}),
    ("LBFGS", {"lr": -1}),
    ("SparseAdam", {"eps": 0}),
]


@pytest.mark.parametrize("name, options", REFUSED, ids=[n + "-" + "-".join(o) for n, o in REFUSED])
def test_options_out_of_range_are_refused_as_by_pytorch(name, options):
    messages = []
    for library in (rushlight, torch):
        with pytest.raises((ValueError, RuntimeError)) as refusal:
            getattr(library.optim, name)([library.ones(2, 2).requires_grad_()], **options)
        messages.append((refusal.type.__mro__[-3:] if library is torch else None, str(refusal.value)))
    assert messages[0][1] == messages[1][1]


def test_what_is_not_supported_says_what_to_do():
    w = rushlight.ones(2, requires_grad=True)
    with pytest.raises(NotImplementedError, match="differentiable=True is not supported"):
        rushlight.optim.SGD([w], differentiable=True)
    with pytest.raises(NotImplementedError, match="capturable"):
        rushlight.optim.Adam([w], capturable=True)
    optimizer = rushlight.optim.Adam([w])
    with pytest.raises(NotImplementedError, match="capturable"):
        optimizer.add_param_group({"params": [rushlight.ones(2, requires_grad=True)], "capturable": True})
    assert len(optimizer.param_groups) == 1
    sparse = rushlight.optim.SparseAdam([w])
    sparse.step()
    w.grad = rushlight.ones(2)
    with pytest.raises(RuntimeError, match="does not support dense gradients, please consider Adam instead"):
        sparse.step()


def test_muon_takes_matrices_only():
    with pytest.raises(ValueError, match="only supports 2D parameters"):
        rushlight.optim.Muon([rushlight.ones(3, requires_grad=True)])


def test_half_precision_parameters():
    for dtype in (np.float16,):
        for name in ("SGD", "AdamW", "RMSprop"):
            ours, theirs = pair(name, {}, dtype, MATRICES)
            for step in range(4):
                for library, params, optimizer in (ours, theirs):
                    give_grads(library, params, step)
                    optimizer.step()
            assert_close(numbers(ours[1]), numbers(theirs[1]), rtol=1e-2, atol=1e-3)
