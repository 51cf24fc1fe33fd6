"""LBFGS against PyTorch, with and without the line search."""

from __future__ import annotations

import numpy as np
import pytest
from oracle import to_rushlight, to_torch

import rushlight

torch = pytest.importorskip("torch")


def rosenbrock(library, x, y):
    return (1 - x) * (1 - x) + 100 * (y - x * x) * (y - x * x)


def run(library, steps, dtype=np.float64, start=(-1.0, 2.0), **options):
    x, y = (library.from_numpy(np.array(v, dtype)).requires_grad_() for v in start)
    optimizer = library.optim.LBFGS([x, y], **options)
    calls = []

    def closure():
        optimizer.zero_grad()
        loss = rosenbrock(library, x, y)
        loss.backward()
        calls.append((x.item(), y.item()))
        return loss

    losses = [float(optimizer.step(closure)) for _ in range(steps)]
    return losses, calls, optimizer, closure


OPTIONS = [
    {"line_search_fn": "strong_wolfe"},
    {"line_search_fn": "strong_wolfe", "max_iter": 5, "history_size": 2},
    {"line_search_fn": "strong_wolfe", "lr": 0.1, "max_eval": 7},
    {"lr": 1e-3},
    {"lr": 0.01, "max_iter": 7, "history_size": 3},
    {"lr": 0.01, "tolerance_grad": 10.0},
]


@pytest.mark.parametrize("options", OPTIONS, ids=lambda o: "-".join(o))
def test_every_evaluation_is_where_pytorch_puts_it(options):
    ours, theirs = run(rushlight, 3, **options), run(torch, 3, **options)
    np.testing.assert_allclose(ours[0], theirs[0], rtol=1e-6, atol=1e-9)
    assert len(ours[1]) == len(theirs[1])
    np.testing.assert_allclose(ours[1], theirs[1], rtol=1e-6, atol=1e-9)


def test_it_finds_the_minimum():
    losses, *_ = run(rushlight, 5, np.float32, line_search_fn="strong_wolfe")
    assert losses[-1] < 1e-6


@pytest.mark.parametrize("options", OPTIONS[:5], ids=lambda o: "-".join(o))
def test_state_dicts_go_both_ways(options):
    _, calls, mine, mine_closure = run(rushlight, 2, **options)
    _, expected, its, its_closure = run(torch, 2, **options)
    a, b = mine.state_dict(), its.state_dict()
    assert set(a["state"][0]) == set(b["state"][0]) and set(a["param_groups"][0]) == set(b["param_groups"][0])
    mine.load_state_dict(to_rushlight(b))
    its.load_state_dict(to_torch(a))
    np.testing.assert_allclose(float(mine.step(mine_closure)), float(its.step(its_closure)), rtol=1e-6, atol=1e-12)
    np.testing.assert_allclose(calls, expected, rtol=1e-5, atol=1e-9)


def test_complex_parameters():
    results = []
    for library in (rushlight, torch):
        z = library.from_numpy(np.array([1 + 2j, -1j, 0.5])).requires_grad_()
        optimizer = library.optim.LBFGS([z], lr=0.1, max_iter=4)

        def closure():
            z.grad = library.from_numpy(2 * z.detach().numpy())
            return library.tensor(float((abs(z.detach().numpy()) ** 2).sum()))

        optimizer.step(closure)
        results.append(z.detach().numpy())
    np.testing.assert_allclose(*results, rtol=1e-9)


def test_a_closure_that_raises_leaves_the_parameters():
    _, _, optimizer, closure = run(rushlight, 1, max_iter=3, line_search_fn="strong_wolfe")
    params = optimizer.param_groups[0]["params"]
    before = [p.item() for p in params]
    n_iter = optimizer.state[params[0]]["n_iter"]
    calls = []

    def failing():
        calls.append(1)
        if len(calls) == 3:
            raise KeyError("stop")
        return closure()

    with pytest.raises(KeyError):
        optimizer.step(failing)
    assert [p.item() for p in params] == before and optimizer.state[params[0]]["n_iter"] == n_iter


def test_refusals():
    w, v = (rushlight.ones(2, requires_grad=True) for _ in range(2))
    with pytest.raises(ValueError, match="doesn't support per-parameter options"):
        rushlight.optim.LBFGS([{"params": [w]}, {"params": [v]}])
    with pytest.raises(RuntimeError, match="only 'strong_wolfe' is supported"):
        rushlight.optim.LBFGS([w], line_search_fn="armijo").step(lambda: w.sum())
    with pytest.raises(TypeError, match="closure"):
        rushlight.optim.LBFGS([w]).step()
