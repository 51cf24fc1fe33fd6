"""autograd.Function against PyTorch's: the same user code under both libraries."""

from __future__ import annotations

import gc
import weakref
from typing import Any

import numpy as np
import pytest
from both import same

import rushlight
from rushlight.autograd import Function, gradcheck, gradgradcheck


def leaf(lib: Any, *values: float, dtype: str = "float64") -> Any:
    return lib.tensor(values, dtype=getattr(lib, dtype), requires_grad=True)


def square(lib: Any) -> Any:
    class Square(lib.autograd.Function):
        @staticmethod
        def forward(ctx: Any, x: Any) -> Any:
            ctx.save_for_backward(x)
            return x * x

        @staticmethod
        def backward(ctx: Any, grad: Any) -> Any:
            (x,) = ctx.saved_tensors
            return grad * x * 2

    return Square


def test_first_and_second_derivative() -> None:
    def scenario(lib: Any) -> Any:
        x = leaf(lib, 1.0, 3.0)
        y = square(lib).apply(x)
        (g,) = lib.autograd.grad(y.sum(), x, create_graph=True)
        (h,) = lib.autograd.grad((g * g).sum(), x)
        return y, g, h, y.requires_grad, type(y).__name__, y.grad_fn.name()

    same(scenario)


def test_saved_output() -> None:
    class Exp(Function):
        @staticmethod
        def forward(ctx: Any, x: Any) -> Any:
            y = x.exp()
            ctx.save_for_backward(y)
            return y

        @staticmethod
        def backward(ctx: Any, grad: Any) -> Any:
            return grad * ctx.saved_tensors[0]

    x = rushlight.tensor([0.3, -1.0], dtype=rushlight.float64, requires_grad=True)
    assert gradcheck(Exp.apply, x) and gradgradcheck(Exp.apply, x)
    y = Exp.apply(x)
    node = weakref.ref(y.grad_fn)
    gc.disable()
    try:
        del y
        assert node() is None  # the entry does not keep its own result, and so itself, alive
    finally:
        gc.enable()


def test_several_arguments_and_results() -> None:
    def scenario(lib: Any) -> Any:
        seen: list[Any] = []

        class Mix(lib.autograd.Function):
            @staticmethod
            def forward(ctx: Any, a: Any, n: int, b: Any, name: str, c: Any = None) -> Any:
                ctx.save_for_backward(a, None, b)
                ctx.n, ctx.saved, ctx.args, ctx.edges = n, 1, 2, 3  # names of the tape's own must not clash
                seen.append((ctx.needs_input_grad, name, c))
                return a * n, a * b, "text"

            @staticmethod
            def backward(ctx: Any, da: Any, dab: Any, dtext: Any) -> Any:
                a, nothing, b = ctx.saved_tensors
                seen.append((da, dab, dtext, nothing, ctx.needs_input_grad, ctx.n, ctx.saved, ctx.args, ctx.edges))
                return da * ctx.n + dab * b, None, dab * a, None, None

        a, b = leaf(lib, 1.0, 2.0), lib.tensor([3.0, 4.0], dtype=lib.float64)
        u, v, text = Mix.apply(a, 3, b, "x", None)
        u.sum().backward(retain_graph=True)
        first = a.grad
        v.sum().backward()
        return seen, first, a.grad, text, b.grad, v.output_nr

    same(scenario)


def test_nested_calls_and_second_derivatives_of_two_results() -> None:
    class SinCos(Function):
        @staticmethod
        def forward(ctx: Any, x: Any) -> Any:
            s, c = x.sin(), x.cos()
            ctx.save_for_backward(s, c)
            return s, c

        @staticmethod
        def backward(ctx: Any, ds: Any, dc: Any) -> Any:
            s, c = ctx.saved_tensors
            return ds * c - dc * s

    x = rushlight.tensor([0.3, 1.0], dtype=rushlight.float64, requires_grad=True)
    for function in (SinCos.apply, lambda x: SinCos.apply(x)[0], lambda x: SinCos.apply(SinCos.apply(x)[1] * x)):
        assert gradcheck(function, x) and gradgradcheck(function, x)


@pytest.mark.parametrize("materialize", [True, False])
def test_missing_gradients(materialize: bool) -> None:
    def scenario(lib: Any) -> Any:
        class Two(lib.autograd.Function):
            @staticmethod
            def forward(ctx: Any, x: Any) -> Any:
                ctx.set_materialize_grads(materialize)
                return x * 2, x * 3

            @staticmethod
            def backward(ctx: Any, a: Any, b: Any) -> Any:
                return a * 2 if b is None else a * 2 + b * 3 + 0.5

        x = leaf(lib, 1.0)
        Two.apply(x)[0].sum().backward()
        return x.grad

    same(scenario)


def test_setup_context() -> None:
    def scenario(lib: Any) -> Any:
        class Power(lib.autograd.Function):
            @staticmethod
            def forward(x: Any, n: int) -> Any:
                return x**n

            @staticmethod
            def setup_context(ctx: Any, inputs: Any, output: Any) -> None:
                x, ctx.n = inputs
                ctx.save_for_backward(x, output)

            @staticmethod
            def backward(ctx: Any, grad: Any) -> Any:
                x, y = ctx.saved_tensors
                return grad * ctx.n * y / x, None

        x = leaf(lib, 2.0)
        (g,) = lib.autograd.grad(Power.apply(x, 3), x, create_graph=True)
        return g, lib.autograd.grad(g, x)

    same(scenario)


def test_vjp_is_another_name_of_backward() -> None:
    def scenario(lib: Any) -> Any:
        class Double(lib.autograd.Function):
            @staticmethod
            def forward(ctx: Any, x: Any) -> Any:
                return x * 2

            @staticmethod
            def vjp(ctx: Any, grad: Any) -> Any:
                return grad * 2

        x = leaf(lib, 1.0)
        Double.apply(x).backward()
        return x.grad

    same(scenario)


def test_non_differentiable_and_integer_results() -> None:
    def scenario(lib: Any) -> Any:
        class Sort(lib.autograd.Function):
            @staticmethod
            def forward(ctx: Any, x: Any) -> Any:
                twice = x * 2
                ctx.mark_non_differentiable(twice)
                return x * 3, twice, (x > 1)

            @staticmethod
            def backward(ctx: Any, a: Any, b: Any, c: Any) -> Any:
                return a * 3

        x = leaf(lib, 1.0, 2.0)
        a, b, c = Sort.apply(x)
        a.sum().backward()
        return [t.requires_grad for t in (a, b, c)], x.grad

    same(scenario)


def test_dirty_arguments() -> None:
    def scenario(lib: Any) -> Any:
        class AddOne(lib.autograd.Function):
            @staticmethod
            def forward(ctx: Any, x: Any) -> Any:
                x.add_(1)
                ctx.mark_dirty(x)
                return x

            @staticmethod
            def backward(ctx: Any, grad: Any) -> Any:
                return grad * 10

        x = leaf(lib, 1.0)
        y = x * 2
        z = AddOne.apply(y)
        (z * z).sum().backward()
        return z is y, y, x.grad, y.grad_fn.name()

    same(scenario)


def test_a_dirty_leaf_is_refused() -> None:
    def scenario(lib: Any) -> Any:
        class AddOne(lib.autograd.Function):
            @staticmethod
            def forward(ctx: Any, x: Any) -> Any:
                x.add_(1)
                ctx.mark_dirty(x)
                return x

            @staticmethod
            def backward(ctx: Any, grad: Any) -> Any:
                return grad

        AddOne.apply(leaf(lib, 1.0))

    same(scenario, message=False)


def test_an_argument_returned_as_it_is() -> None:
    def scenario(lib: Any) -> Any:
        class Identity(lib.autograd.Function):
            @staticmethod
            def forward(ctx: Any, x: Any) -> Any:
                return x

            @staticmethod
            def backward(ctx: Any, grad: Any) -> Any:
                return grad * 5

        x = leaf(lib, 1.0)
        y = Identity.apply(x)
        y.sum().backward()
        return y is x, x.is_leaf, x.grad, x.requires_grad

    same(scenario)


def test_without_grad() -> None:
    def scenario(lib: Any) -> Any:
        x = leaf(lib, 1.0)
        with lib.no_grad():
            y = square(lib).apply(x)
        return y.requires_grad, square(lib).apply(x.detach()).requires_grad

    same(scenario)


def test_recording_inside_backward() -> None:
    """As checkpointing does: forward again, recorded, inside backward."""

    def scenario(lib: Any) -> Any:
        class Again(lib.autograd.Function):
            @staticmethod
            def forward(ctx: Any, x: Any) -> Any:
                ctx.save_for_backward(x)
                assert not lib.is_grad_enabled()
                return x * x * x

            @staticmethod
            def backward(ctx: Any, grad: Any) -> Any:
                assert not lib.is_grad_enabled()
                with lib.enable_grad():
                    x = ctx.saved_tensors[0].detach().requires_grad_()
                    y = x * x * x
                lib.autograd.backward(y, grad)
                return x.grad

        x = leaf(lib, 2.0)
        (Again.apply(x) * 3).sum().backward()
        return x.grad

    same(scenario)


WRONG = {
    "too few": lambda grad: (grad,),
    "too many": lambda grad: (grad, grad, grad),
    "too many, None": lambda grad: (grad, grad, None),
    "wrong shape": lambda grad: (grad.reshape(1, 2)[:, :1].expand(3, 1), grad),
    "no tensor": lambda grad: (3.0, grad),
    "broadcast": lambda grad: (grad, grad.expand(4, 2)),
    "other dtype": lambda grad: (grad.float(), grad),
    "nothing": lambda grad: (None, None),
}


@pytest.mark.parametrize("case", WRONG)
def test_what_backward_returns(case: str) -> None:
    def scenario(lib: Any) -> Any:
        class Sum(lib.autograd.Function):
            @staticmethod
            def forward(ctx: Any, a: Any, b: Any) -> Any:
                return a + b

            @staticmethod
            def backward(ctx: Any, grad: Any) -> Any:
                return WRONG[case](grad)

        a, b = leaf(lib, 1.0, 2.0), leaf(lib, 1.0, 2.0)
        Sum.apply(a, b).sum().backward()
        return a.grad, b.grad, a.grad is not None and str(a.grad.dtype)

    same(scenario, message=case not in ("no tensor",))


def test_a_gradient_for_a_number_is_refused() -> None:
    def scenario(lib: Any) -> Any:
        class Scale(lib.autograd.Function):
            @staticmethod
            def forward(ctx: Any, a: Any, n: float) -> Any:
                return a * n

            @staticmethod
            def backward(ctx: Any, grad: Any) -> Any:
                return grad, grad

        Scale.apply(leaf(lib, 1.0), 2.0).sum().backward()

    same(scenario)


def test_misuse() -> None:
    def scenario(lib: Any) -> Any:
        class Empty(lib.autograd.Function):
            pass

        Empty.apply(leaf(lib, 1.0))

    same(scenario)

    def save_number(lib: Any) -> Any:
        class Bad(lib.autograd.Function):
            @staticmethod
            def forward(ctx: Any, x: Any) -> Any:
                ctx.save_for_backward(3)
                return x * 1

        Bad.apply(leaf(lib, 1.0))

    same(save_number)

    def no_backward(lib: Any) -> Any:
        class NoBackward(lib.autograd.Function):
            @staticmethod
            def forward(ctx: Any, x: Any) -> Any:
                return x * 1

        NoBackward.apply(leaf(lib, 1.0)).sum().backward()

    same(no_backward)

    def legacy(lib: Any) -> Any:
        square(lib)()(leaf(lib, 1.0))

    with pytest.raises(RuntimeError, match="Legacy autograd function"):
        legacy(rushlight)


def test_saved_tensors_are_checked_and_freed() -> None:
    def written(lib: Any) -> Any:
        x = leaf(lib, 1.0)
        y = x * 2
        z = square(lib).apply(y)
        y.add_(1)
        z.sum().backward()

    same(written, message=False)

    def twice(lib: Any) -> Any:
        z = square(lib).apply(leaf(lib, 1.0)).sum()
        z.backward()
        z.backward()

    same(twice, message=False)

    def afterwards(lib: Any) -> Any:
        z = square(lib).apply(leaf(lib, 1.0))
        inside = z.grad_fn.saved_tensors
        z.sum().backward()
        return inside, z.grad_fn.saved_tensors

    same(afterwards, message=False)


def test_once_differentiable() -> None:
    def scenario(lib: Any) -> Any:
        class Square(lib.autograd.Function):
            @staticmethod
            def forward(ctx: Any, x: Any) -> Any:
                ctx.save_for_backward(x)
                return x * x

            @staticmethod
            @lib.autograd.function.once_differentiable
            def backward(ctx: Any, grad: Any) -> Any:
                assert not lib.is_grad_enabled()
                return grad * ctx.saved_tensors[0] * 2

        x = leaf(lib, 3.0)
        y = Square.apply(x)
        (g,) = lib.autograd.grad(y, x, retain_graph=True)
        (h,) = lib.autograd.grad(y, x, lib.ones(1, dtype=lib.float64, requires_grad=True), create_graph=True)
        try:
            h.backward()
        except RuntimeError as error:
            return g, h, h.requires_grad, str(error)

    same(scenario)


def test_deep_graphs() -> None:
    """100,000 calls: neither the walk nor freeing the graph recurses."""
    double = square(rushlight)
    x = rushlight.ones(1, requires_grad=True)
    y = x
    for _ in range(100_000):
        y = double.apply(y)
    del y
    y = x
    for _ in range(100_000):
        y = y * 1.0
    y.backward()
    np.testing.assert_array_equal(x.grad.numpy(), [1.0])


def test_hooks_on_the_entry() -> None:
    def scenario(lib: Any) -> Any:
        seen: list[Any] = []
        x = leaf(lib, 3.0)
        y = square(lib).apply(x)
        y.grad_fn.register_hook(lambda gi, go: seen.append((gi, go)))
        y.grad_fn.register_prehook(lambda go: (go[0] * 10,))
        y.sum().backward()
        return seen, x.grad

    same(scenario)
