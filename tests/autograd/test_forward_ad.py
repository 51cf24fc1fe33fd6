"""Forward mode beside PyTorch's: dual tensors, and Functions with a `jvp` of their own."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from both import same, torch

import rushlight


def point(lib: Any, requires_grad: bool = False) -> Any:
    return lib.tensor([0.5, -1.5, 2.0], dtype=lib.float64, requires_grad=requires_grad)


def tangent(lib: Any) -> Any:
    return lib.tensor([1.0, 2.0, -0.5], dtype=lib.float64)


def carried(function: Any) -> Any:
    """A scenario: the value and tangent of a function of a dual tensor."""

    def scenario(lib: Any) -> Any:
        forward = lib.autograd.forward_ad
        with forward.dual_level():
            out = function(lib, forward.make_dual(point(lib), tangent(lib)))
            return tuple(forward.unpack_dual(out))

    return scenario


def written(lib: Any, x: Any) -> Any:
    y = lib.zeros(2, 3, dtype=lib.float64)
    y[0] = x * x
    y[:, 1].mul_(3.0)
    return y


def network(lib: Any, x: Any) -> Any:
    weight = lib.arange(6, dtype=lib.float64).reshape(2, 3)
    hidden = lib.nn.functional.layer_norm(lib.nn.functional.linear(x, weight), (2,))
    return lib.nn.functional.softmax(hidden.tanh(), 0)


FUNCTIONS = {
    "itself": lambda lib, x: x,
    "product": lambda lib, x: x * x + x.sin(),
    "complex": lambda lib, x: lib.polar(x.abs(), x),
    "independent": lambda lib, x: lib.ones(2),
    "detached": lambda lib, x: (x * 2).detach(),
    "integer": lambda lib, x: x > 0,
    "written": written,
    "copied": lambda lib, x: lib.zeros(3, dtype=lib.float64).copy_(x),
    "network": network,
    "sorted": lambda lib, x: x.sort().values.cumsum(0),
}


def close(scenario: Any) -> None:
    found, expected = scenario(rushlight), scenario(torch)
    for ours, theirs in zip(found, expected, strict=True):
        assert (ours is None) == (theirs is None)
        if ours is not None:
            np.testing.assert_allclose(ours.detach().numpy(), theirs.detach().numpy(), 1e-12, 1e-14)


@pytest.mark.parametrize("name", FUNCTIONS)
def test_tangents(name: str) -> None:
    close(carried(FUNCTIONS[name]))


def test_tangents_are_differentiable() -> None:
    """Reverse over forward: gradients of a product J v."""

    def scenario(lib: Any) -> Any:
        forward = lib.autograd.forward_ad
        x, v = point(lib, True), tangent(lib).requires_grad_()
        with forward.dual_level():
            out = forward.unpack_dual((forward.make_dual(x, v) ** 3).sum())
        flags = lib.tensor([out.primal.requires_grad, out.tangent.requires_grad]).double()
        return flags, *lib.autograd.grad(out.tangent, (x, v)), *lib.autograd.grad(out.primal, x)

    close(scenario)


def test_several_duals_and_parameters() -> None:
    def scenario(lib: Any) -> Any:
        forward = lib.autograd.forward_ad
        lib.manual_seed(0)
        net = lib.nn.Linear(3, 2, dtype=lib.float64)
        with forward.dual_level():
            net.weight_ = forward.make_dual(net.weight.detach(), lib.ones(2, 3, dtype=lib.float64))
            x = forward.make_dual(point(lib), tangent(lib))
            out = forward.unpack_dual(lib.nn.functional.linear(x, net.weight_, net.bias))
        return tuple(out)

    close(scenario)


def test_no_grad() -> None:
    def outside(lib: Any) -> Any:
        with lib.no_grad():
            found = carried(FUNCTIONS["product"])(lib)
            return *found, lib.tensor(float(lib.is_grad_enabled()))

    close(outside)
    forward = rushlight.autograd.forward_ad
    with forward.dual_level():
        x = forward.make_dual(rushlight.ones(2), rushlight.ones(2))
        with rushlight.no_grad(), pytest.raises(NotImplementedError, match="no_grad"):
            forward.unpack_dual(x * x)


REFUSED = {
    "no level": lambda lib, f: f.make_dual(lib.ones(2), lib.ones(2)),
    "nothing to exit": lambda lib, f: f.exit_dual_level(),
    "nested": lambda lib, f: (f.enter_dual_level(), f.enter_dual_level()),
    "another level": lambda lib, f: (f.enter_dual_level(), f.exit_dual_level(level=3)),
    "shape": lambda lib, f: (f.enter_dual_level(), f.make_dual(lib.ones(2), lib.ones(3))),
    "integers": lambda lib, f: (f.enter_dual_level(), f.make_dual(lib.ones(2).int(), lib.ones(2))),
    "integer tangent": lambda lib, f: (f.enter_dual_level(), f.make_dual(lib.ones(2), lib.ones(2).int())),
    "twice": lambda lib, f: (f.enter_dual_level(), f.make_dual(f.make_dual(lib.ones(2), lib.ones(2)), lib.ones(2))),
    "outside": lambda lib, f: tuple(f.unpack_dual(lib.ones(2))),
}


@pytest.mark.parametrize("name", REFUSED)
def test_refused(name: str) -> None:
    def scenario(lib: Any) -> Any:
        forward = lib.autograd.forward_ad
        try:
            return REFUSED[name](lib, forward)
        finally:
            while True:
                try:
                    forward.exit_dual_level()
                except RuntimeError:
                    break

    same(scenario)


# ------------------------------------------------------------------------------------- Functions with their own `jvp`


def function(lib: Any, old: bool = False, materialize: bool = True, result: Any = None) -> Any:
    """Two results, and no backward: their derivatives can come from `jvp` only."""
    seen: list[Any] = []

    def note(ctx: Any, a: Any, scale: float, b: Any) -> None:
        ctx.save_for_forward(a, b)
        ctx.save_for_backward(a * 2)
        ctx.scale = scale
        ctx.set_materialize_grads(materialize)

    class Scaled(lib.autograd.Function):
        if old:

            @staticmethod
            def forward(ctx: Any, a: Any, scale: float, b: Any) -> Any:
                note(ctx, a, scale, b)
                return a * b * scale, a + 1
        else:

            @staticmethod
            def forward(a: Any, scale: float, b: Any) -> Any:
                return a * b * scale, a + 1

            @staticmethod
            def setup_context(ctx: Any, inputs: Any, output: Any) -> None:
                note(ctx, *inputs)

        @staticmethod
        def jvp(ctx: Any, da: Any, dscale: Any, db: Any) -> Any:
            a, b = ctx.saved_tensors
            seen.append((da is None, dscale, db is None))
            if result is not None:
                return result(lib, da)
            return ctx.scale * (da * b if db is None else da * b + a * db), da

    return Scaled, seen


@pytest.mark.parametrize("old", [True, False])
@pytest.mark.parametrize("materialize", [True, False])
def test_jvp_of_a_function(old: bool, materialize: bool) -> None:
    def scenario(lib: Any) -> Any:
        forward = lib.autograd.forward_ad
        made, seen = function(lib, old, materialize)
        with forward.dual_level():
            outs = made.apply(forward.make_dual(point(lib), tangent(lib)), 3.0, point(lib) + 1)
            found = [tuple(forward.unpack_dual(out * out)) for out in outs]
        return found, seen

    same(scenario)


@pytest.mark.parametrize("result", [lambda lib, t: None, lambda lib, t: (t, t, t), lambda lib, t: (t[:1], t)])
def test_what_jvp_returns(result: Any) -> None:
    def scenario(lib: Any) -> Any:
        forward = lib.autograd.forward_ad
        with forward.dual_level():
            return function(lib, result=result)[0].apply(forward.make_dual(point(lib), tangent(lib)), 3.0, point(lib))

    same(scenario)


def test_functions_with_jvp_in_transforms() -> None:
    """`func.jvp`, `jacfwd`, and one in another, where there is no backward at all."""

    def call(lib: Any, x: Any) -> Any:
        return function(lib)[0].apply(x, 2.0, x.sin())[0]

    close(lambda lib: lib.func.jvp(lambda x: call(lib, x), (point(lib),), (tangent(lib),)))

    def second(f: Any) -> Any:
        first = lambda x: rushlight.func.jvp(f, (x,), (tangent(rushlight),))[1]
        pushed = rushlight.func.jvp(first, (point(rushlight),), (tangent(rushlight) + 1,))
        return *pushed, rushlight.func.jacfwd(f)(point(rushlight))

    # torch: gives zeros for the second derivative
    for ours, plain in zip(second(lambda x: call(rushlight, x)), second(lambda x: x * x.sin() * 2), strict=True):
        np.testing.assert_allclose(ours.numpy(), plain.numpy(), 1e-12)


def test_a_backward_that_cannot_be_differentiated_is_no_hindrance() -> None:
    """The Function's `jvp` is used, not its backward."""

    def scenario(lib: Any) -> Any:
        class Twice(lib.autograd.Function):
            @staticmethod
            def forward(ctx: Any, x: Any) -> Any:
                return x * 2

            @staticmethod
            @lib.autograd.function.once_differentiable
            def backward(ctx: Any, grad: Any) -> Any:
                return grad * 2

            @staticmethod
            def jvp(ctx: Any, dx: Any) -> Any:
                return dx * 2

        forward = lib.autograd.forward_ad
        x = point(lib, True)
        with forward.dual_level():
            out = forward.unpack_dual(Twice.apply(forward.make_dual(x, tangent(lib))))
        return out.tangent, *lib.autograd.grad(out.primal.sum(), x)

    close(scenario)
