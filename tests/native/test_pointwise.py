"""Native formulas element by element against their definitions in float64: every build, tails, layouts, NaN; and where
they may write."""

import numpy as np
import pytest

from rushlight.ops import choosing, corners, elementwise, loss, unary

FORMULAS = {  # module, arrays, constants
    "clamped": (choosing, 1, (-0.5, 1.0)),
    "inside_backward": (corners, 2, (-0.5, 1.0)),
    "hardsigmoid_forward": (corners, 1, ()),
    "hardsigmoid_backward": (corners, 2, ()),
    "hardswish_forward": (corners, 1, ()),
    "hardswish_backward": (corners, 2, ()),
    "softshrink_forward": (corners, 1, (0.5,)),
    "hardshrink_forward": (corners, 1, (0.5,)),
    "shrink_backward": (corners, 2, (0.5,)),
    "leaky_relu_forward": (corners, 1, (0.01,)),
    "leaky_relu_backward": (corners, 2, (0.01,)),
    "rsqrt_forward": (unary, 1, ()),
    "plus_scaled": (elementwise, 2, (0.3,)),
    "plus_product": (choosing, 3, (0.3,)),
    "plus_quotient": (choosing, 3, (0.3,)),
    "blended": (choosing, 2, (0.3,)),
    "smooth_l1": (loss, 2, (0.7,)),
    "smooth_l1_slope": (loss, 3, (0.7,)),
    "huber": (loss, 2, (0.7,)),
    "huber_slope": (loss, 3, (0.7,)),
}


def definition(name):
    kernel = getattr(FORMULAS[name][0], name)
    while hasattr(kernel, "definition"):
        kernel = kernel.definition
    return kernel


def operands(name, *shape, rng=np.random.default_rng(0)):
    x = (2 * rng.standard_normal((FORMULAS[name][1], *shape))).astype(np.float32)
    return list(np.abs(x) + np.float32(0.1) if name == "rsqrt_forward" else x)


@pytest.mark.parametrize("name", FORMULAS)
@pytest.mark.parametrize("n", [1, 3, 16, 17, 100, 40_000])
def test_values(native, name, n):
    x = operands(name, n)
    exact = definition(name)(*[a.astype(np.float64) for a in x], *FORMULAS[name][2])
    np.testing.assert_allclose(getattr(native, name)(*x, *FORMULAS[name][2]), exact, rtol=3e-6, atol=3e-6)


@pytest.mark.parametrize("name", FORMULAS)
def test_nan_and_infinity(native, name):
    odd = np.array([np.nan, np.inf, -np.inf, 0.0, -0.0, 3e38, -3e38, 0.5], np.float32)
    x = [np.roll(odd, k) for k in range(FORMULAS[name][1])]
    with np.errstate(all="ignore"):
        expected = definition(name)(*x, *FORMULAS[name][2])
        np.testing.assert_allclose(getattr(native, name)(*x, *FORMULAS[name][2]), expected, rtol=1e-6)


@pytest.mark.parametrize("name", [n for n, (_, arrays, _) in FORMULAS.items() if arrays > 1])
def test_a_single_number_goes_with_all(native, name):
    x = operands(name, 5, 7)
    for k in range(len(x)):
        mixed = [*x[:k], np.array(x[k][0, 0]), *x[k + 1 :]]
        y = getattr(native, name)(*mixed, *FORMULAS[name][2])
        assert y.shape == (5, 7)
        np.testing.assert_allclose(y, definition(name)(*mixed, *FORMULAS[name][2]), rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize(("low", "high"), [(None, 1.0), (-1.0, None), (1.0, -1.0)])
def test_bounds(native, low, high):
    (x,) = operands("clamped", 33)
    np.testing.assert_array_equal(native.clamped(x, low, high), definition("clamped")(x, low, high))


@pytest.mark.parametrize("weight", [0.0, 0.5, -0.5, 1.0, 2.0])
def test_both_ends_of_a_blend_are_exact(native, weight):
    a, b = operands("blended", 33)
    np.testing.assert_allclose(native.blended(a, b, weight), definition("blended")(a, b, weight), rtol=1e-5, atol=1e-6)
    np.testing.assert_array_equal(native.blended(a, b, 0.0), a)
    np.testing.assert_array_equal(native.blended(a, b, 1.0), b)


def test_layouts(native):
    a, b = (x.T for x in operands("plus_scaled", 6, 4))
    y = native.plus_scaled(a, b, 2.0)
    assert y.strides == a.strides
    np.testing.assert_allclose(y, a + 2 * b, rtol=1e-6)


def test_declines(native):
    x = np.ones((4, 6), np.float32)
    for odd in (x.astype(np.float64), x[:, ::2], x[:0], x[:2], x.T.copy().T, 1.0, None):
        assert native.plus_scaled(x, odd, 1.0) is NotImplemented
    assert native.plus_scaled(x, x, np.nan) is NotImplemented
    assert native.plus_scaled(x, x) is NotImplemented


# ------------------------------------------------------------------------------------------------- writing in place


def written(native, to, function, *args):
    native.write_next(to)
    try:
        return function(*args)
    finally:
        native.write_next(None)


def test_writes_where_an_operand_is(native):
    x, y = operands("plus_scaled", 1000)
    expected, memory = x + 2 * y, x.__array_interface__["data"]
    result = written(native, x, native.plus_scaled, x, y, 2.0)
    assert result is x and x.__array_interface__["data"] == memory
    np.testing.assert_allclose(x, expected, rtol=1e-6)
    add = native.in_threads(np.add)
    assert written(native, x, add, x, y) is x
    assert native.plus_scaled(x, y, 2.0) is not x  # the next one does not


def test_writes_elsewhere_where_it_must(native):
    x, y = operands("plus_scaled", 8, 8)
    add = native.in_threads(np.add)
    wide = np.zeros((8, 8))
    frozen = x.copy()
    frozen.flags.writeable = False
    flat = np.arange(20, dtype=np.float32)
    for to, *args in (
        (y, x, x),  # no operand
        (x, x.T, x),  # read elsewhere than written
        (flat[1:], flat[:-1], flat[1:]),
        (x[:1], x[:1], y),  # of another shape
        (wide, x, y),  # and dtype
        (frozen, frozen, y),
    ):
        expected = np.add(*args)
        result = written(native, to, add, *args)
        assert result is not to
        np.testing.assert_array_equal(result, expected)


def test_only_the_first_function_writes(native):
    x, y = operands("plus_scaled", 50)
    before = x.copy()
    native.write_next(x)
    assert native.plus_scaled(x, y.astype(np.float64), 1.0) is NotImplemented  # it had the chance
    assert native.plus_scaled(x, y, 1.0) is not x
    np.testing.assert_array_equal(x, before)
