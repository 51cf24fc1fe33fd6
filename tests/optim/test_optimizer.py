"""The Optimizer base against PyTorch's: groups, names, hooks, state dicts, users' own subclasses."""

from __future__ import annotations

import copy
import importlib

import numpy as np
import pytest
from oracle import numbers, values

import rushlight

torch = pytest.importorskip("torch")
BOTH = pytest.mark.parametrize("library", [rushlight, torch], ids=["rushlight", "torch"])


def params(library, count=3):
    return [library.from_numpy(a.copy()).requires_grad_() for a in values([(2, 3)] * count)]


def grads(library, tensors, value=1.0):
    for p in tensors:
        p.grad = library.from_numpy(np.full(tuple(p.shape), value, np.float32))


def error(call, *args, **kwargs):
    try:
        call(*args, **kwargs)
    except Exception as failure:  # any class: the classes are compared
        return failure
    raise AssertionError("nothing was raised")


def same_error(make):
    ours, theirs = error(make, rushlight), error(make, torch)
    builtin = next(c for c in type(theirs).__mro__ if c.__module__ == "builtins")
    assert isinstance(ours, builtin)
    return str(ours), str(theirs)


REFUSED = {
    "a tensor": lambda t: t.optim.SGD(t.ones(2).requires_grad_(), lr=0.1),
    "nothing": lambda t: t.optim.SGD([], lr=0.1),
    "a non-leaf": lambda t: t.optim.SGD([t.ones(2).requires_grad_() * 2], lr=0.1),
    "some names": lambda t: t.optim.SGD([("a", params(t)[0]), params(t)[1]], lr=0.1),
    "a set": lambda t: t.optim.SGD([{"params": set(params(t))}], lr=0.1),
    "twice": lambda t: t.optim.SGD([{"params": p}, {"params": p}] if (p := params(t)[:1]) else [], lr=0.1),
    "no dict": lambda t: t.optim.SGD(params(t), lr=0.1).add_param_group(params(t)),
    "names in one group": lambda t: t.optim.SGD([{"params": [("a", params(t)[0])]}, {"params": params(t)[1:]}]),
    "unknown option": lambda t: t.optim.SGD(params(t), speed=0.1),
    "too few groups": lambda t: t.optim.SGD(params(t)).load_state_dict({"state": {}, "param_groups": []}),
    "too few parameters": lambda t: t.optim.SGD(params(t)).load_state_dict(
        {"state": {}, "param_groups": [{"params": [0]}]}
    ),
}


@pytest.mark.parametrize("name", REFUSED)
def test_refusals_equal_pytorchs(name):
    ours, theirs = same_error(REFUSED[name])
    if name != "unknown option":
        assert ours.startswith(theirs.split(" (")[0][:60])


def test_something_that_is_no_tensor_is_named():
    with pytest.raises(TypeError, match="one of the params is float"):
        rushlight.optim.SGD([1.0], lr=0.1)


def test_a_refused_group_changes_nothing():
    first, second = params(rushlight, 2)
    optimizer = rushlight.optim.SGD([first])
    for group in ({"params": [second, first]}, {"params": [second, second * 2]}, {"params": [second, 3.0]}):
        with pytest.raises((ValueError, TypeError)):
            optimizer.add_param_group(group)
        assert len(optimizer.param_groups) == 1 and set(group) == {"params"}


@BOTH
def test_a_duplicate_warns(library):
    p = params(library)[0]
    with pytest.warns(UserWarning, match="duplicate parameters"):
        library.optim.SGD([p, p], lr=0.1)


@BOTH
def test_named_parameters(library):
    named = list(zip("abc", params(library)))
    optimizer = library.optim.SGD([{"params": named[:2]}, {"params": named[2:], "lr": 0.5}], lr=0.1)
    assert [g["param_names"] for g in optimizer.param_groups] == [["a", "b"], ["c"]]
    assert optimizer.state_dict()["param_groups"][0]["param_names"] == ["a", "b"]
    plain = library.optim.SGD([{"params": params(library)[:2]}, {"params": params(library)[2:]}], lr=0.1)
    plain.load_state_dict(optimizer.state_dict())
    assert plain.param_groups[1]["param_names"] == ["c"] and plain.param_groups[1]["lr"] == 0.5
    again = library.optim.SGD([{"params": named[:2]}, {"params": named[2:]}], lr=0.1)
    state = again.state_dict()
    for group in state["param_groups"]:
        del group["param_names"]
    again.load_state_dict(state)
    assert again.param_groups[0]["param_names"] == ["a", "b"]


@BOTH
def test_required_options(library):
    required = importlib.import_module(f"{library.__name__}.optim.optimizer").required

    class Mine(library.optim.Optimizer):
        def __init__(self, params):
            super().__init__(params, {"lr": required})

    assert repr(required) == "<required parameter>"
    with pytest.raises(ValueError, match="required optimization parameter lr"):
        Mine(params(library))
    assert Mine([{"params": params(library), "lr": 3}]).param_groups[0]["lr"] == 3
    with pytest.raises(NotImplementedError):
        Mine([{"params": params(library), "lr": 3}]).step()


@BOTH
def test_the_callers_dict_becomes_the_group(library):
    group = {"params": params(library)[0], "lr": 0.5}
    optimizer = library.optim.SGD([group], lr=0.1, momentum=0.9)
    assert optimizer.param_groups[0] is group and group["momentum"] == 0.9 and len(group["params"]) == 1


@BOTH
def test_zero_grad(library):
    w, v = params(library, 2)
    optimizer = library.optim.SGD([w, v], lr=0.1)
    grads(library, [w])
    kept = w.grad
    optimizer.zero_grad(set_to_none=False)
    assert w.grad is kept and not kept.numpy().any() and v.grad is None
    optimizer.zero_grad()
    assert w.grad is None


@BOTH
def test_zero_grad_cuts_a_recorded_gradient_off(library):
    w = params(library, 1)[0]
    (w * w).sum().backward(create_graph=True)
    assert w.grad.requires_grad
    library.optim.SGD([w]).zero_grad(set_to_none=False)
    assert not w.grad.requires_grad and not w.grad.numpy().any()


@BOTH
def test_closures_run_with_gradients_and_return_the_loss(library):
    w = params(library, 1)[0]
    optimizer = library.optim.Adam([w], lr=0.1)

    def closure():
        optimizer.zero_grad()
        loss = (w * w).sum()
        loss.backward()
        return loss

    with library.no_grad():
        first = optimizer.step(closure)
    assert optimizer.step(closure).item() < first.item()


@BOTH
def test_step_hooks(library):
    seen = []
    w = params(library, 1)[0]
    optimizer = library.optim.SGD([w], lr=1.0)
    grads(library, [w])

    def closure(value=5.0):
        seen.append("closure")
        return value

    def pre(opt, args, kwargs):
        seen.append("pre")
        assert opt is optimizer and args[0] is optimizer and kwargs == {}
        return (opt, closure), {}

    module = importlib.import_module(f"{library.__name__}.optim.optimizer")
    handles = [
        optimizer.register_step_pre_hook(pre),
        optimizer.register_step_post_hook(lambda opt, args, kwargs: seen.append("post")),
        module.register_optimizer_step_pre_hook(lambda opt, args, kwargs: seen.append("global pre")),
        module.register_optimizer_step_post_hook(lambda opt, args, kwargs: seen.append("global post")),
    ]
    assert optimizer.step() == 5.0
    assert seen == ["global pre", "pre", "closure", "post", "global post"]
    for handle in handles:
        handle.remove()
    assert optimizer.step() is None and len(seen) == 5
    optimizer.register_step_pre_hook(lambda *ignored: 3)
    with pytest.raises(RuntimeError, match="must return None or a tuple"):
        optimizer.step()


@BOTH
def test_state_dict_hooks(library):
    seen = []
    optimizer = library.optim.SGD(params(library, 1), lr=1.0)
    optimizer.register_state_dict_pre_hook(lambda opt: seen.append("second"))
    optimizer.register_state_dict_pre_hook(lambda opt: seen.append("first"), prepend=True)
    optimizer.register_state_dict_post_hook(lambda opt, state: {**state, "extra": 1})
    state = optimizer.state_dict()
    assert seen == ["first", "second"] and state["extra"] == 1

    def halved(opt, state):
        state["param_groups"] = [{**g, "lr": g["lr"] / 2} for g in state["param_groups"]]
        return state

    optimizer.register_load_state_dict_pre_hook(halved)
    optimizer.register_load_state_dict_post_hook(lambda opt: seen.append("loaded"))
    optimizer.load_state_dict(state)
    assert optimizer.param_groups[0]["lr"] == 0.5 and seen[-1] == "loaded"
    assert state["param_groups"][0]["lr"] == 1.0


@BOTH
def test_loaded_state_is_cast_to_the_parameters_dtype(library):
    w = params(library, 1)[0]
    optimizer = library.optim.Adam([w])
    grads(library, [w])
    optimizer.step()
    state = copy.deepcopy(optimizer.state_dict())
    double = library.from_numpy(np.ones((2, 3))).requires_grad_()
    other = library.optim.Adam([double])
    other.load_state_dict(state)
    assert str(other.state[double]["exp_avg"].dtype) == "torch.float64"
    assert str(other.state[double]["step"].dtype) == "torch.float32"


def test_loading_copies():
    w = params(rushlight, 1)[0]
    first, second = rushlight.optim.Adam([w]), rushlight.optim.Adam([w])
    grads(rushlight, [w])
    first.step()
    second.load_state_dict(first.state_dict())
    first.step()
    assert second.state[w]["step"].item() == 1 and first.state[w]["step"].item() == 2


@BOTH
def test_a_users_optimizer(library):
    class Heavy(library.optim.Optimizer):
        def __init__(self, params, lr=0.1, momentum=0.5):
            super().__init__(params, {"lr": lr, "momentum": momentum})

        @library.no_grad()
        def step(self, closure=None):
            for group in self.param_groups:
                for p in group["params"]:
                    if p.grad is None:
                        continue
                    grad = p.grad.data
                    state = self.state[p]
                    if "momentum_buffer" not in state:
                        state["momentum_buffer"] = library.zeros_like(p.data)
                    buffer = state["momentum_buffer"]
                    buffer.mul_(group["momentum"]).add_(grad)
                    p.data.add_(buffer, alpha=-group["lr"])
                    p.sub_(buffer * 0.0)

    tensors = params(library)
    reference = params(library)
    mine, plain = Heavy(tensors), library.optim.SGD(reference, lr=0.1, momentum=0.5)
    for step in range(3):
        for optimizer, each in ((mine, tensors), (plain, reference)):
            grads(library, each, step + 1.0)
            optimizer.step()
    for a, b in zip(numbers(tensors), numbers(reference)):
        np.testing.assert_allclose(a, b, rtol=1e-5)
    twin = Heavy(tensors)
    twin.load_state_dict(mine.state_dict())
    assert "momentum_buffer" in twin.state[tensors[0]]


def test_hooks_see_one_step_of_a_subclass_that_calls_super():
    class Loud(rushlight.optim.SGD):
        def step(self, closure=None):
            return super().step(closure)

    w = params(rushlight, 1)[0]
    rushlight.optim.SGD([w])
    optimizer, seen = Loud([w], lr=0.1), []
    optimizer.register_step_post_hook(lambda *ignored: seen.append(1))
    grads(rushlight, [w])
    optimizer.step()
    assert seen == [1]


def test_backward_notices_that_a_parameter_was_stepped():
    w = params(rushlight, 1)[0]
    loss = (w * w).sum()
    grads(rushlight, [w])
    rushlight.optim.SGD([w], lr=0.1).step()
    with pytest.raises(RuntimeError, match="modified by an inplace operation"):
        loss.backward()


def test_old_state_dicts_count_in_plain_numbers():
    """PyTorch before 1.12 kept the step as an int, and groups without today's options."""
    w = params(rushlight, 1)[0]
    optimizer = rushlight.optim.Adam([w])
    moments = {"exp_avg": rushlight.zeros(2, 3), "exp_avg_sq": rushlight.zeros(2, 3)}
    group = {"params": [0], "lr": 0.1, "betas": (0.9, 0.99), "eps": 1e-8, "weight_decay": 0}
    optimizer.load_state_dict({"state": {0: dict(step=7, **moments)}, "param_groups": [group]})
    grads(rushlight, [w])
    optimizer.step()
    assert optimizer.state[w]["step"].item() == 8 and optimizer.param_groups[0]["amsgrad"] is False
