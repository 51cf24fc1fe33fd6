"""Arithmetic beyond the contracts: promotion, reflected and in-place operators, out=, edge values, half precision."""

from __future__ import annotations

import itertools
import operator

import numpy as np
import pytest

import rushlight
from tests.both import same

torch = pytest.importorskip("torch")

KINDS = "bool uint8 int32 int64 float16 bfloat16 float32 float64 complex64".split()
SYMBOLS = [operator.add, operator.mul, operator.truediv, operator.eq, operator.ne]


def has_no_counterpart(a: str, b: str) -> bool:
    """complex32, which float16 beside complex gives in PyTorch, does not exist in NumPy."""
    return {a, b} == {"float16", "complex64"}


def in_both(function, *operands):
    """A function of library and tensors, run under both libraries: values and dtypes must agree."""
    results = []
    for library in (rushlight, torch):
        made = [library.tensor(o[0], dtype=getattr(library, o[1])) if isinstance(o, tuple) else o for o in operands]
        results.append(function(library, *made))
    ours, theirs = results
    assert str(ours.dtype) == str(theirs.dtype)
    to = "complex128" if ours.is_complex() else "float64"
    values = [r.to(dtype=getattr(library, to)).numpy() for r, library in ((ours, rushlight), (theirs, torch))]
    np.testing.assert_allclose(*values, rtol=1e-6, equal_nan=True)


@pytest.mark.parametrize(("a", "b"), itertools.product(KINDS, KINDS))
def test_two_tensors_are_promoted(a: str, b: str) -> None:
    if has_no_counterpart(a, b):
        pytest.skip("complex32")
    for symbol in SYMBOLS:
        in_both(lambda _, x, y, symbol=symbol: symbol(x, y), ([1, 2, 3], a), ([3, 1, 2], b))
        in_both(lambda _, x, y, symbol=symbol: symbol(x, y), ([1, 2, 3], a), (2, b))


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("number", [True, 3, 0.3, 2j])
def test_a_tensor_and_a_number_are_promoted(kind: str, number: complex) -> None:
    if isinstance(number, complex) and kind in ("float16", "bfloat16"):
        pytest.skip("complex32, and complex quotients rounded to bfloat16")
    for symbol in SYMBOLS:
        in_both(lambda _, x, symbol=symbol: symbol(x, number), ([1, 2, 3], kind))
        in_both(lambda _, x, symbol=symbol: symbol(number, x), ([1, 2, 3], kind))


@pytest.mark.parametrize("name", ["__rsub__", "__rtruediv__", "__rpow__", "__rfloordiv__", "__rmod__"])
@pytest.mark.parametrize("kind", ["int64", "float32"])
def test_reflected_operators(name: str, kind: str) -> None:
    in_both(lambda _, x: getattr(x, name)(7), ([1, 2, 3], kind))


def test_numpy_operands_keep_the_tensor() -> None:
    x = rushlight.tensor([1.0, 2.0], requires_grad=True)
    for result in (np.ones(2, np.float32) + x, np.float32(2) * x, x - np.ones(2, np.float32), np.exp(x)):
        assert isinstance(result, rushlight.Tensor)
        assert result.requires_grad


def test_equality_with_what_is_no_number() -> None:
    x = rushlight.ones(2)
    assert (x == None) is False  # noqa: E711
    assert (x != None) is True  # noqa: E711
    assert (x == "a") is False
    with pytest.raises(TypeError):
        x < None


IN_PLACE = {"add_": 2.0, "sub_": 2.0, "mul_": 2.0, "div_": 2.0, "pow_": 2.0, "remainder_": 0.7, "clamp_": 0.3}


@pytest.mark.parametrize("name", IN_PLACE)
def test_in_place_methods_write_and_are_recorded(name: str) -> None:
    gradients = []
    for library in (rushlight, torch):
        leaf = library.tensor([0.5, -1.0, 2.0], requires_grad=True)
        y = leaf * 1.5
        before = y
        assert getattr(y, name)(IN_PLACE[name]) is before
        (y * y).sum().backward()
        gradients.append((y.detach().numpy(), leaf.grad.numpy()))
    for ours, theirs in zip(*gradients):
        np.testing.assert_allclose(ours, theirs, rtol=1e-5)


def test_in_place_refuses_what_does_not_fit() -> None:
    whole = rushlight.tensor([1, 2])
    for call in (lambda: whole.add_(0.5), lambda: whole.div_(2), lambda: rushlight.ones(2).add_(rushlight.ones(3, 2))):
        with pytest.raises(RuntimeError):
            call()
    assert whole.tolist() == [1, 2]
    with pytest.raises(RuntimeError, match="leaf"):
        rushlight.ones(2, requires_grad=True).mul_(2)


def test_out_is_written_and_resized() -> None:
    x, out = rushlight.tensor([1.0, 4.0]), rushlight.zeros(2)
    memory = out.numpy()
    assert rushlight.sqrt(x, out=out) is out
    assert memory.tolist() == [1.0, 2.0]
    assert rushlight.add(x, 1, out=rushlight.zeros(5)).tolist() == [2.0, 5.0]
    with pytest.raises(RuntimeError, match="can't be cast"):
        rushlight.exp(x, out=rushlight.zeros(2, dtype=rushlight.int64))
    with pytest.raises(RuntimeError, match="automatic differentiation"):
        rushlight.exp(rushlight.ones(2, requires_grad=True), out=rushlight.zeros(2))


SPECIAL = [0.0, -0.0, 1.0, -1.0, 2.5, np.inf, -np.inf, np.nan]
UNARY = "exp log sqrt rsqrt reciprocal sign abs floor round trunc sin asin tanh sigmoid log1p expm1 erf lgamma".split()


@pytest.mark.parametrize("name", UNARY)
def test_infinities_and_nan(name: str) -> None:
    in_both(lambda library, x: getattr(library, name)(x), (SPECIAL, "float32"))


@pytest.mark.parametrize(
    "name", "pow maximum minimum fmax fmin fmod remainder atan2 xlogy hypot copysign logaddexp".split()
)
def test_infinities_and_nan_in_pairs(name: str) -> None:
    a, b = (list(side) for side in zip(*itertools.product(SPECIAL, SPECIAL)))
    in_both(lambda library, x, y: getattr(library, name)(x, y), (a, "float64"), (b, "float64"))


def test_ties_share_the_gradient() -> None:
    for name in ("maximum", "minimum"):
        a, b = (rushlight.tensor([1.0, 2.0], requires_grad=True) for _ in range(2))
        getattr(rushlight, name)(a, b).sum().backward()
        assert a.grad.tolist() == b.grad.tolist() == [0.5, 0.5]


@pytest.mark.parametrize("kind", ["float16", "bfloat16"])
def test_numbers_beside_half_precision(kind: str) -> None:
    """Products and quotients take the number as it is, sums and powers round it to half precision first."""
    values = (np.linspace(0.5, 4, 200).tolist(), kind)
    for symbol in (operator.add, operator.sub, operator.mul, operator.truediv, operator.pow):
        in_both(lambda _, x, symbol=symbol: symbol(x, 0.3), values)


def test_views_of_complex_parts_share_memory() -> None:
    z = rushlight.tensor([1 + 2j, 3 - 1j])
    z.real.mul_(2)
    z.imag = rushlight.tensor([5.0, 6.0])
    assert z.tolist() == [2 + 5j, 6 + 6j]


def test_empty_tensors() -> None:
    x = rushlight.zeros(0, 3, requires_grad=True)
    y = (x.exp() * 2 + rushlight.ones(3)).clamp(0, 1)
    assert y.shape == (0, 3)
    y.sum().backward()
    assert x.grad.shape == (0, 3)


STRAIGHT = {
    "relu": lambda t, x: t.relu(x),
    "leaky_relu": lambda t, x: t.nn.functional.leaky_relu(x, 0.1),
    "relu6": lambda t, x: t.nn.functional.relu6(x),
    "hardshrink": lambda t, x: t.nn.functional.hardshrink(x),
    "softshrink": lambda t, x: t.nn.functional.softshrink(x),
    "threshold": lambda t, x: t.nn.functional.threshold(x, 0.1, 0.2),
}


@pytest.mark.parametrize("name", STRAIGHT)
def test_straight_lines_have_second_derivatives_of_zero(name):
    def hessian(t):
        x = t.tensor([-2.0, -0.3, 0.4, 7.0], requires_grad=True)
        (slope,) = t.autograd.grad(STRAIGHT[name](t, x).sum(), x, create_graph=True)
        return slope, t.autograd.grad(slope.sum(), x)

    same(hessian)


@pytest.mark.parametrize("n", [4, 5, 7, -3, 10, 64])
def test_whole_powers_are_the_nearest_numbers(n):
    x = np.random.default_rng(0).uniform(-2, 2, 20_000).astype(np.float32)
    with np.errstate(over="ignore", under="ignore"):
        nearest = (x.astype(np.longdouble) ** n).astype(np.float32)
    assert ((rushlight.tensor(x) ** n).numpy() == nearest).all()


def test_whole_powers_at_the_edges():
    edges = [0.0, -0.0, float("inf"), -float("inf"), float("nan"), 1e30, 1e-30, -1.0]
    for n in (4, 5, -3, -4, 65, -2, -0.5, -1):
        same(lambda t, n=n: t.tensor(edges) ** n)
        same(lambda t, n=n: t.tensor(-3.0) ** n)


def test_powers_that_are_quotients_have_pytorchs_bits():
    x = np.random.default_rng(0).uniform(0.1, 9, 1000)
    for n in (-2, -1, -0.5, 2, 3):
        same(lambda t, n=n: (t.tensor(x) ** n, t.tensor(x, dtype=t.float32) ** n))
