"""Checkpoints against PyTorch's: gradients, random numbers, nesting, what is refused; and that memory is let go."""

from __future__ import annotations

import warnings
import weakref
from typing import Any

import numpy as np
import pytest
from both import same

import rushlight
from rushlight.utils.checkpoint import CheckpointError, checkpoint


def numbers(lib: Any, *shape: int, seed: int = 0) -> Any:
    return lib.from_numpy(np.random.default_rng(seed).standard_normal(shape))


def network(lib: Any) -> Any:
    lib.manual_seed(0)
    nn = lib.nn
    model = nn.Sequential(nn.Linear(3, 5), nn.ReLU(), nn.Dropout(0.5), nn.LayerNorm(5), nn.Linear(5, 2), nn.Tanh())
    return model.double()


def results(lib: Any, run: Any) -> Any:
    """Loss, and gradients of the input and the parameters, with random numbers after them."""
    model, x = network(lib), numbers(lib, 4, 3).requires_grad_()
    lib.manual_seed(1)
    loss = run(lib.utils.checkpoint, model, x).square().sum()
    lib.rand(5)  # moves the generator on before backward
    loss.backward()
    return [loss.detach(), x.grad, *[p.grad for p in model.parameters()], lib.rand(2)]


RUNS: dict[str, Any] = {
    "plain": lambda c, model, x: c.checkpoint(model, x, use_reentrant=False),
    "reentrant": lambda c, model, x: c.checkpoint(model, x, use_reentrant=True),
    "no early stop": lambda c, model, x: c.checkpoint(model, x, use_reentrant=False, early_stop=False),
    "keywords": lambda c, model, x: c.checkpoint(lambda a, k: model(a) * k, x, k=3, use_reentrant=False),
    "twice in a row": lambda c, model, x: c.checkpoint(
        model[3:], c.checkpoint(model[:3], x, use_reentrant=False), use_reentrant=False
    ),
    "nested": lambda c, model, x: c.checkpoint(
        lambda a: model[3:](c.checkpoint(model[:3], a.sin(), use_reentrant=False)), x, use_reentrant=False
    ),
    "nested in three": lambda c, model, x: c.checkpoint(
        lambda a: c.checkpoint(
            lambda b: model[4:](c.checkpoint(model[2:4], model[:2](b), use_reentrant=False)), a, use_reentrant=False
        ),
        x,
        use_reentrant=False,
    ),
    "reentrant in reentrant": lambda c, model, x: c.checkpoint(
        lambda a: model[3:](c.checkpoint(model[:3], a.sin(), use_reentrant=True)), x, use_reentrant=True
    ),
    "in place inside": lambda c, model, x: c.checkpoint(
        lambda a: model[2:](model[:2](a).mul_(2).relu_()), x, use_reentrant=False
    ),
    "sequential": lambda c, model, x: c.checkpoint_sequential(model, 3, x, use_reentrant=False),
    "sequential, reentrant": lambda c, model, x: c.checkpoint_sequential(model, 2, x, use_reentrant=True),
    "sequential, one segment": lambda c, model, x: c.checkpoint_sequential(list(model), 1, x, use_reentrant=False),
    "no check": lambda c, model, x: c.checkpoint(model, x, use_reentrant=False, determinism_check="none"),
}


@pytest.mark.parametrize("name", RUNS)
def test_gradients(name: str) -> None:
    torch = pytest.importorskip("torch")
    theirs, mine = results(torch, RUNS[name]), results(rushlight, RUNS[name])
    for expected, found in zip(theirs, mine, strict=True):
        np.testing.assert_allclose(found.numpy(), expected.numpy(), 1e-5, 1e-6)


def test_autocast_is_as_it_was() -> None:
    seen = []

    def function(x: Any) -> Any:
        y = x @ x
        seen.append(str(y.dtype))
        return y.exp()

    x = rushlight.ones(2, 2, requires_grad=True)
    with rushlight.autocast("cpu"):
        y = checkpoint(function, x, use_reentrant=False)
    y.sum().backward()
    assert seen == ["torch.bfloat16"] * 2


def counted(f: Any) -> tuple[Any, list[int]]:
    calls: list[int] = []

    def function(x: Any) -> Any:
        calls.append(1)
        return f(x, len(calls))

    return function, calls


def scenarios() -> dict[str, Any]:
    def grad_twice(lib: Any, **options: Any) -> Any:
        x = lib.ones(2, requires_grad=True)
        y = lib.utils.checkpoint.checkpoint(lambda a: a.sin().exp(), x, **options).sum()
        y.backward()
        y.backward()

    def retained(lib: Any) -> Any:
        x = numbers(lib, 3).requires_grad_()
        function, calls = counted(lambda a, n: a.sin().exp())
        y = lib.utils.checkpoint.checkpoint(function, x, use_reentrant=False).sum()
        y.backward(retain_graph=True)
        y.backward()
        return len(calls)

    def second_derivative(lib: Any) -> Any:
        x = lib.from_numpy(np.array([0.5, 1.5])).requires_grad_()
        y = lib.utils.checkpoint.checkpoint(lambda a: (a * 2).pow(3), x, use_reentrant=False).sum()
        (g,) = lib.autograd.grad(y, x, create_graph=True)
        return g.detach(), lib.autograd.grad(g.sum(), x)[0]

    def changed(lib: Any, f: Any, **options: Any) -> Any:
        x = lib.ones(2, requires_grad=True)
        function, _ = counted(f)
        lib.utils.checkpoint.checkpoint(function, x, use_reentrant=False, **options).sum().backward()
        return x.grad

    def contexts(lib: Any) -> Any:
        seen = []

        class Note:
            def __init__(self, name: str) -> None:
                self.name = name

            def __enter__(self) -> None:
                seen.append(self.name)

            def __exit__(self, *failure: object) -> None:
                seen.append(f"/{self.name}")

        x = lib.ones(2, requires_grad=True)
        context_fn = lambda: (Note("first"), Note("second"))
        y = lib.utils.checkpoint.checkpoint(lambda a: a.sin(), x, use_reentrant=False, context_fn=context_fn)
        y.sum().backward()
        return seen

    def written(lib: Any) -> Any:
        x = lib.ones(2, requires_grad=True)
        a = x * 1
        y = lib.utils.checkpoint.checkpoint(lambda b: b.exp(), a, use_reentrant=False)
        a.add_(1)
        y.sum().backward()

    def user_function(lib: Any) -> Any:
        class Cube(lib.autograd.Function):
            @staticmethod
            def forward(ctx: Any, x: Any) -> Any:
                ctx.save_for_backward(x)
                return x**3

            @staticmethod
            def backward(ctx: Any, grad: Any) -> Any:
                return grad * 3 * ctx.saved_tensors[0] ** 2

        x = numbers(lib, 3).double().requires_grad_()
        y = lib.utils.checkpoint.checkpoint(lambda a: Cube.apply(a * 1), x, use_reentrant=False).sum()
        return [t.detach() for t in lib.autograd.grad(y, x)]

    check = lambda lib: lib.utils.checkpoint.checkpoint
    return {
        "backward twice": lambda lib: grad_twice(lib, use_reentrant=False),
        "backward twice, reentrant": lambda lib: grad_twice(lib, use_reentrant=True),
        "retain_graph": retained,
        "second derivative": second_derivative,
        "fewer the second time": lambda lib: changed(lib, lambda a, n: a.sin().exp() if n == 1 else a.sin()),
        "more the second time": lambda lib: changed(lib, lambda a, n: a.sin().exp() if n == 1 else a.sin().exp().cos()),
        "more, no early stop": lambda lib: changed(
            lib, lambda a, n: a.sin().exp() if n == 1 else a.sin().exp().cos(), early_stop=False
        ),
        "another shape": lambda lib: changed(lib, lambda a, n: (a if n == 1 else lib.cat([a, a])).sin().exp()),
        "contexts": contexts,
        "an argument was written to": written,
        "a Function": user_function,
        "no grad": lambda lib: check(lib)(lambda a: a.sin(), lib.ones(2), use_reentrant=False).requires_grad,
        "no arguments": lambda lib: check(lib)(lambda: lib.ones(2) * 2, use_reentrant=False),
        "a tuple of results": lambda lib: check(lib)(lambda a: (a * 2, 3), lib.ones(2), use_reentrant=False),
        "grad of reentrant": lambda lib: lib.autograd.grad(
            check(lib)(lambda a: a.sin(), x := lib.ones(2, requires_grad=True), use_reentrant=True).sum(), x
        ),
        "reentrant, keywords": lambda lib: check(lib)(lambda a, k: a, lib.ones(2), use_reentrant=True, k=2),
        "reentrant, contexts": lambda lib: check(lib)(lambda a: a, lib.ones(2), use_reentrant=True, context_fn=int),
        "determinism_check": lambda lib: check(lib)(
            lambda a: a, lib.ones(2), use_reentrant=False, determinism_check="some"
        ),
        "too many segments": lambda lib: lib.utils.checkpoint.checkpoint_sequential(
            [lib.sin], 3, lib.ones(2), use_reentrant=False
        ),
        "detach_variable": lambda lib: lib.utils.checkpoint.detach_variable([lib.ones(2)]),
    }


@pytest.mark.parametrize("name", scenarios())
def test_scenarios(name: str) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        same(scenarios()[name], message=False)


@pytest.mark.parametrize("options", [{}, {"use_reentrant": True}])
def test_warnings(options: dict[str, Any]) -> None:
    def scenario(lib: Any) -> Any:
        with warnings.catch_warnings(record=True) as seen:
            warnings.simplefilter("always")
            out = lib.utils.checkpoint.checkpoint(lambda a: a.sin(), lib.ones(2), **options)
            return out.requires_grad, [w.category.__name__ for w in seen]

    same(scenario)


def test_errors_name_what_both_runs_recorded() -> None:
    function, _ = counted(lambda a, n: a.sin().exp() if n == 1 else a.sin())
    y = checkpoint(function, rushlight.ones(2, requires_grad=True), use_reentrant=False)
    with pytest.raises(CheckpointError, match=r"'SinBackward0', 'ExpBackward0'.*recomputation \['SinBackward0'\]"):
        y.sum().backward()


@pytest.mark.parametrize("reentrant", [False, True])
def test_arrays_are_let_go(reentrant: bool) -> None:
    inside = []

    def function(x: Any) -> Any:
        y = x.exp()
        inside.append(weakref.ref(y._array))
        return rushlight.nn.functional.gelu(y * y)

    x = rushlight.ones(2, requires_grad=True)
    y = checkpoint(function, x, use_reentrant=reentrant)
    assert inside[0]() is None
    y.sum().backward()
    assert len(inside) == 2 and inside[1]() is None
    plain = function(x)
    assert inside[2]() is not None and plain.requires_grad


def test_inputs_are_kept_by_the_checkpoint_around() -> None:
    """What lies between two nested checkpoints is let go as well."""
    between = []

    def outer(x: Any) -> Any:
        y = x.sin()
        between.append(weakref.ref(y._array))
        return checkpoint(lambda a: a.exp(), y, use_reentrant=False)

    x = rushlight.ones(2, requires_grad=True)
    z = checkpoint(outer, x, use_reentrant=False)
    assert between[0]() is None
    z.sum().backward()
    np.testing.assert_allclose(x.grad.numpy(), np.exp(np.sin(1)) * np.cos(1) * np.ones(2), 1e-6)


def test_selective_checkpoints_are_refused() -> None:
    with pytest.raises(NotImplementedError, match="smaller parts"):
        rushlight.utils.checkpoint.create_selective_checkpoint_contexts([])
