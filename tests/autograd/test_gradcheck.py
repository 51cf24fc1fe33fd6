"""gradcheck and gradgradcheck: that they accept right derivatives and refuse each kind of wrong one."""

from __future__ import annotations

from typing import Any

import pytest
from both import same

import rushlight
from rushlight.autograd import Function, GradcheckError, gradcheck, gradgradcheck


def leaf(*values: complex, dtype: Any = rushlight.float64) -> Any:
    return rushlight.tensor(values, dtype=dtype, requires_grad=True)


class Wrong(Function):
    """x^3, with a factor in the first derivative and another in the second."""

    first, second = 1.0, 1.0

    @staticmethod
    def forward(ctx: Any, x: Any, first: float, second: float) -> Any:
        ctx.save_for_backward(x)
        ctx.factors = first, second
        return x * x * x

    @staticmethod
    def backward(ctx: Any, grad: Any) -> Any:
        (x,) = ctx.saved_tensors
        first, second = ctx.factors
        return first * grad * Slope.apply(x, second), None, None


class Slope(Function):
    @staticmethod
    def forward(ctx: Any, x: Any, factor: float) -> Any:
        ctx.save_for_backward(x)
        ctx.factor = factor
        return x * x * 3

    @staticmethod
    def backward(ctx: Any, grad: Any) -> Any:
        return ctx.factor * grad * ctx.saved_tensors[0] * 6, None


@pytest.mark.parametrize("fast", [False, True])
def test_first_and_second_derivatives(fast: bool) -> None:
    x = leaf(1.0, -2.0, 0.5)
    assert gradcheck(lambda x: Wrong.apply(x, 1.0, 1.0), x, fast_mode=fast)
    assert gradgradcheck(lambda x: Wrong.apply(x, 1.0, 1.0), x, fast_mode=fast)
    with pytest.raises(GradcheckError, match="Jacobian mismatch for output 0 with respect to input 0"):
        gradcheck(lambda x: Wrong.apply(x, 1.1, 1.0), x, fast_mode=fast)
    assert not gradcheck(lambda x: Wrong.apply(x, 1.1, 1.0), x, raise_exception=False, fast_mode=fast)
    assert gradcheck(lambda x: Wrong.apply(x, 1.0, 1.1), x, fast_mode=fast)
    with pytest.raises(RuntimeError, match="Jacobian mismatch"):
        gradgradcheck(lambda x: Wrong.apply(x, 1.0, 1.1), x, fast_mode=fast)


def test_several_inputs_and_outputs() -> None:
    a, b, c = leaf(1.0, 2.0), leaf(3.0, 4.0), rushlight.tensor([5.0, 6.0], dtype=rushlight.float64)

    def function(a: Any, b: Any, c: Any, n: int) -> Any:
        return a * b * c, (a * n).sum(), c

    assert gradcheck(function, (a, b, c, 3), check_batched_grad=True, check_grad_dtypes=True)
    assert gradgradcheck(function, (a, b, c, 3), gen_non_contig_grad_outputs=True)
    assert gradgradcheck(lambda a: a * a, a, rushlight.ones(2, dtype=rushlight.float64, requires_grad=True))


@pytest.mark.parametrize("fast", [False, True])
def test_complex(fast: bool) -> None:
    z, w = (leaf(*v, dtype=rushlight.complex128) for v in ((1 + 2j, -0.5j), (0.3 - 1j, 2 + 0j)))
    assert gradcheck(lambda z, w: (z * w, z - w * 2j), (z, w), fast_mode=fast)

    class NoConjugate(Function):
        @staticmethod
        def forward(ctx: Any, z: Any) -> Any:
            ctx.save_for_backward(z)
            return z * z

        @staticmethod
        def backward(ctx: Any, grad: Any) -> Any:
            return grad * ctx.saved_tensors[0] * 2

    with pytest.raises(GradcheckError):
        gradcheck(NoConjugate.apply, z, fast_mode=fast)


def test_a_constant() -> None:
    x = leaf(1.0)
    assert gradcheck(lambda x: x.detach() * 0, x)
    with pytest.raises(GradcheckError, match="expected to be zero"):
        gradcheck(lambda x: x.detach() * 2, x)


def test_undefined_gradients() -> None:
    class Two(Function):
        @staticmethod
        def forward(ctx: Any, x: Any) -> Any:
            ctx.set_materialize_grads(False)
            return x * 2, x * 3

        @staticmethod
        def backward(ctx: Any, a: Any, b: Any) -> Any:
            return (7.0 if a is None else a * 2) + (b * 3 if b is not None else 0.0)

    with pytest.raises((GradcheckError, TypeError)):
        gradcheck(Two.apply, leaf(1.0))


def test_a_backward_that_differs_from_time_to_time() -> None:
    noise = iter(range(1000))

    class Noisy(Function):
        @staticmethod
        def forward(ctx: Any, x: Any) -> Any:
            return x * 1

        @staticmethod
        def backward(ctx: Any, grad: Any) -> Any:
            return grad + 1e-9 * next(noise)

    with pytest.raises(GradcheckError, match="not reentrant"):
        gradcheck(Noisy.apply, leaf(1.0))
    assert gradcheck(Noisy.apply, leaf(1.0), nondet_tol=1e-6)


def test_inputs_are_as_before() -> None:
    x = leaf(1.0, 2.0)
    gradcheck(lambda x: x * x, x)
    assert x.tolist() == [1.0, 2.0] and x.grad is None


def test_refusals() -> None:
    def no_grad(lib: Any) -> Any:
        lib.autograd.gradcheck(lambda x: x, lib.ones(2, dtype=lib.float64))

    same(no_grad)
    with pytest.warns(UserWarning, match="not a double precision"):
        gradcheck(lambda x: x * 1, leaf(1.0, dtype=rushlight.float32), atol=1, raise_exception=False)
    with pytest.raises(RuntimeError, match="stride 0"):
        gradcheck(lambda x: x * 1, rushlight.ones(1, dtype=rushlight.float64).expand(3).requires_grad_())
    for option in ("check_forward_ad", "check_batched_forward_grad"):
        with pytest.raises(NotImplementedError, match="reverse mode"):
            gradcheck(lambda x: x, leaf(1.0), **{option: True})
    with pytest.raises(NotImplementedError, match="reverse mode"):
        gradgradcheck(lambda x: x, leaf(1.0), check_fwd_over_rev=True)
    assert gradcheck(lambda x: Wrong.apply(x, 2.0, 1.0), leaf(1.0), check_backward_ad=False)
