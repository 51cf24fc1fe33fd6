"""Native activations against their definitions in float64: every build, tails, layouts, NaN and infinities."""

import numpy as np
import pytest

from rushlight.ops import activation

FORWARD = {"relu": (), "sigmoid": (), "tanh": (), "silu": (), "gelu": ("none",), "gelu_tanh": ("tanh",)}


def definition(name, part):
    kernel = getattr(activation, f"{name.removesuffix('_tanh') if name != 'tanh' else name}_{part}")
    return getattr(kernel, "definition", kernel)


def twin(native, name, part):
    return getattr(native, f"{name.removesuffix('_tanh') if name != 'tanh' else name}_{part}")


def error_in_ulp(found, exact):
    rounded = exact.astype(np.float32)
    return np.abs(found.astype(np.float64) - exact) / np.spacing(np.maximum(np.abs(rounded), np.float32(1e-37)))


@pytest.mark.parametrize(("name", "ulp"), [("relu", 0), ("sigmoid", 3), ("tanh", 2), ("silu", 4)])
def test_accuracy(native, name, ulp):
    x = np.linspace(-30, 30, 200_003, dtype=np.float32)
    exact = definition(name, "forward")(x.astype(np.float64))
    assert error_in_ulp(twin(native, name, "forward")(x), exact).max() <= ulp


@pytest.mark.parametrize("name", ["gelu", "gelu_tanh"])
def test_gelu_accuracy(native, name):
    x = np.linspace(-12, 12, 200_003, dtype=np.float32)
    exact = definition(name, "forward")(x.astype(np.float64), *FORWARD[name])
    np.testing.assert_allclose(twin(native, name, "forward")(x, *FORWARD[name]), exact, rtol=3e-7, atol=6e-7)


@pytest.mark.parametrize("name", FORWARD)
@pytest.mark.parametrize("n", [1, 3, 15, 16, 17, 100, 40_000])
def test_backward(native, name, n, rng=np.random.default_rng(0)):
    grad, saved = rng.standard_normal((2, n)).astype(np.float32)
    saved = np.abs(np.tanh(saved)) if name in ("sigmoid", "tanh") else saved
    exact = definition(name, "backward")(grad.astype(np.float64), saved.astype(np.float64), *FORWARD[name])
    np.testing.assert_allclose(twin(native, name, "backward")(grad, saved, *FORWARD[name]), exact, rtol=1e-5, atol=2e-6)


@pytest.mark.parametrize("name", ["relu", "sigmoid", "tanh"])
def test_special_values(native, name):
    x = np.array([np.nan, np.inf, -np.inf, 0.0, -0.0, 1e-40, 3e38, -3e38], np.float32)
    np.testing.assert_allclose(
        twin(native, name, "forward")(x), definition(name, "forward")(x.astype(np.float64)), atol=1e-38
    )


def test_layouts(native):
    x = np.random.default_rng(1).standard_normal((2, 5, 3, 4)).astype(np.float32)
    images = np.ascontiguousarray(x.transpose(0, 2, 3, 1)).transpose(0, 3, 1, 2)
    y = native.relu_forward(images)
    assert y.strides == images.strides
    np.testing.assert_array_equal(y, np.maximum(x, 0))
    np.testing.assert_array_equal(native.relu_backward(np.ones_like(x), y), x > 0)  # another layout of grad


def test_declines(native):
    x = np.ones((4, 6), np.float32)
    for odd in (x.astype(np.float64), x[:, ::2], x[:0], 1.0, None, x.tolist()):
        assert native.relu_forward(odd) is NotImplemented
    assert native.relu_backward(x, x[:2]) is NotImplemented
    assert native.gelu_forward(x) is NotImplemented
