"""Native pooling against its definition: windows of every kind, ties, NaN, both layouts of the input."""

import numpy as np
import pytest

from rushlight.ops.pooling import adaptive, average, largest, places

forward = getattr(largest.max_pool_forward, "definition", largest.max_pool_forward)
backward = getattr(places.max_pool_backward, "definition", places.max_pool_backward)
WINDOWS = [
    ((2, 2), (2, 2), (0, 0), (1, 1), False),
    ((3, 3), (2, 2), (1, 1), (1, 1), True),
    ((3, 2), (1, 2), (1, 0), (2, 1), False),
    ((2, 3), (3, 2), (1, 1), (1, 1), True),
]


@pytest.mark.parametrize("shape", [(2, 3, 7, 6), (1, 16, 8, 8), (3, 20, 5, 9), (2, 1, 6, 6)])
@pytest.mark.parametrize("window", WINDOWS)
@pytest.mark.parametrize("last", [True, False])
def test_max_pool(native, shape, window, last):
    x = np.random.default_rng(0).integers(-9, 9, shape).astype(np.float32)  # many ties
    x.flat[5], x.flat[7] = np.nan, -np.inf
    x = np.moveaxis(np.ascontiguousarray(np.moveaxis(x, 1, -1)), -1, 1) if last else x
    y, indices = native.max_pool_forward(x, *window)
    expected, expected_indices = forward(x, *window)
    np.testing.assert_array_equal(y, expected)
    np.testing.assert_array_equal(indices[~np.isnan(y)], expected_indices[~np.isnan(y)])
    grad = np.random.default_rng(1).standard_normal(y.shape).astype(np.float32)
    np.testing.assert_allclose(
        native.max_pool_backward(grad, indices, x.shape), backward(grad, indices, x.shape), rtol=1e-5, atol=1e-6
    )


AVERAGES = [
    ((2, 2), (2, 2), (0, 0), False),
    ((3, 3), (2, 2), (1, 1), True),
    ((3, 2), (1, 2), (1, 0), False),
    ((2, 3), (3, 2), (1, 1), True),
]


@pytest.mark.parametrize("shape", [(2, 3, 7, 6), (1, 16, 8, 8), (3, 20, 5, 9), (2, 1, 6, 6)])
@pytest.mark.parametrize("window", AVERAGES)
@pytest.mark.parametrize("count_pad, divisor", [(True, None), (False, None), (True, 3), (True, -2)])
@pytest.mark.parametrize("last", [True, False])
def test_avg_pool(native, shape, window, count_pad, divisor, last):
    mean, spread = (getattr(f, "definition", f) for f in (average.avg_pool_forward, average.avg_pool_backward))
    x = np.random.default_rng(0).standard_normal(shape).astype(np.float32)
    x = np.moveaxis(np.ascontiguousarray(np.moveaxis(x, 1, -1)), -1, 1) if last else x
    how = *window, count_pad, divisor
    y, exact = native.avg_pool_forward(x, *how), mean(x.astype(np.float64), *how)
    assert y.dtype == np.float32 and y.shape == exact.shape
    np.testing.assert_allclose(y, exact, rtol=1e-5, atol=1e-6)
    grad = np.random.default_rng(1).standard_normal(y.shape).astype(np.float32)
    dx = native.avg_pool_backward(grad, x.shape, *how)
    np.testing.assert_allclose(dx, spread(grad.astype(np.float64), x.shape, *how), rtol=1e-5, atol=1e-6)


def test_avg_pool_declines(native):
    x = np.ones((1, 2, 4, 4), np.float32)
    assert native.avg_pool_forward(x, (2, 2), (2, 2), (2, 0), False, True, None) is NotImplemented
    assert native.avg_pool_forward(x, (2, 2), (2, 2), (0, 0), False, True, 0) is NotImplemented
    assert native.avg_pool_forward(x, (5, 5), (1, 1), (0, 0), False, True, None) is NotImplemented
    assert native.avg_pool_backward(x, (1, 2, 4, 4), (2, 2), (2, 2), (0, 0), False, True, None) is NotImplemented


def test_declines(native):
    x = np.ones((1, 2, 4, 4), np.float32)
    assert native.max_pool_forward(x, (5, 5), (1, 1), (0, 0), (1, 1), False) is NotImplemented
    assert native.max_pool_forward(x, (2, 2), (0, 1), (0, 0), (1, 1), False) is NotImplemented
    assert native.max_pool_forward(x[0], (2, 2), (2, 2), (0, 0), (1, 1), False) is NotImplemented
    y, indices = native.max_pool_forward(x, (2, 2), (2, 2), (0, 0), (1, 1), False)
    assert native.max_pool_backward(y, indices + 16, x.shape) is NotImplemented  # would write outside


OTHER_RANKS = [((2, 3, 11), ((3,), (2,), (1,))), ((1, 20, 5, 6, 7), ((2, 3, 2), (1, 2, 2), (1, 0, 1)))]


@pytest.mark.parametrize("shape, window", OTHER_RANKS, ids=["sequences", "volumes"])
def test_sequences_and_volumes(native, shape, window):
    mean, spread = (getattr(f, "definition", f) for f in (average.avg_pool_forward, average.avg_pool_backward))
    x = np.random.default_rng(0).standard_normal(shape).astype(np.float32)
    y, indices = native.max_pool_forward(x, *window, (1,) * (x.ndim - 2), True)
    expected, expected_indices = forward(x, *window, (1,) * (x.ndim - 2), True)
    np.testing.assert_array_equal(y, expected)
    np.testing.assert_array_equal(indices, expected_indices)
    grad = np.random.default_rng(1).standard_normal(y.shape).astype(np.float32)
    dx = native.max_pool_backward(grad, indices, shape)
    np.testing.assert_allclose(dx, backward(grad, indices, shape), rtol=1e-5, atol=1e-6)
    how = *window, True, False, None
    np.testing.assert_allclose(native.avg_pool_forward(x, *how), mean(x, *how), rtol=1e-5, atol=1e-6)
    dx = native.avg_pool_backward(grad, shape, *how)
    np.testing.assert_allclose(dx, spread(grad, shape, *how), rtol=1e-5, atol=1e-6)


EVEN = [
    ((2, 3, 11), (4,)),
    ((2, 70, 9, 7), (4, 7)),
    ((3, 16, 8, 8), (1, 3)),
    ((2, 5, 9, 40), (1, 1)),
    ((1, 20, 5, 6, 7), (2, 3, 7)),
]


@pytest.mark.parametrize("shape, out", EVEN)
@pytest.mark.parametrize("last", [True, False])
def test_windows_that_cover_evenly(native, shape, out, last):
    mean, spread, largest_of = (
        getattr(f, "definition", f)
        for f in (
            adaptive.adaptive_avg_pool_forward,
            adaptive.adaptive_avg_pool_backward,
            adaptive.adaptive_max_pool_forward,
        )
    )
    x = np.random.default_rng(0).integers(-9, 9, shape).astype(np.float32)  # many ties
    x = np.moveaxis(np.ascontiguousarray(np.moveaxis(x, 1, -1)), -1, 1) if last else x
    y = native.adaptive_avg_pool_forward(x, out)
    np.testing.assert_allclose(y, mean(x.astype(np.float64), out), rtol=1e-5, atol=1e-6)
    for ours, exact in zip(native.adaptive_max_pool_forward(x, out), largest_of(x, out)):
        assert ours.dtype == exact.dtype
        np.testing.assert_array_equal(ours, exact)
    grad = np.random.default_rng(1).standard_normal(y.shape).astype(np.float32)
    dx = native.adaptive_avg_pool_backward(grad, shape)
    if set(out) == {1}:
        assert dx is NotImplemented  # one number repeated needs no memory
    else:
        np.testing.assert_allclose(dx, spread(grad.astype(np.float64), shape), rtol=1e-5, atol=1e-6)


def test_even_windows_decline(native):
    x = np.zeros((1, 2, 4, 4), np.float32)
    for args in [(x, (0, 2)), (x, (2,)), (x.astype(np.float64), (2, 2)), (x[0], (2, 2)), (x, [2, 2])]:
        assert native.adaptive_avg_pool_forward(*args) is NotImplemented
        assert native.adaptive_max_pool_forward(*args) is NotImplemented
    assert native.adaptive_avg_pool_backward(x, (1, 3, 8, 8)) is NotImplemented
