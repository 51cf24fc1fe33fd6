"""Native resampling against its definition: copies, runs of copies and weighted sums, along every dimension."""

import numpy as np
import pytest

from rushlight.ops import resample

definition = getattr(resample.resample, "definition", resample.resample)
rng = np.random.default_rng(0)


def channels_last(x):
    return np.moveaxis(np.ascontiguousarray(np.moveaxis(x, 1, -1)), -1, 1)


def table(n, out, taps, weights):
    return rng.integers(0, n, (out, taps)), weights and rng.standard_normal((out, taps)).astype(weights)


@pytest.mark.parametrize("shape", [(2, 3, 5, 33), (1, 40, 7, 6), (2, 16, 19), (7, 50)])
@pytest.mark.parametrize("taps, weights", [(1, None), (2, np.float32), (3, np.float64)])
@pytest.mark.parametrize("layout", [np.ascontiguousarray, channels_last], ids=["planes", "last"])
def test_every_dimension(native, shape, taps, weights, layout):
    x = layout(rng.standard_normal(shape).astype(np.float32))
    for axis in range(x.ndim if x.flags.c_contiguous else 2, x.ndim):
        indices, shares = table(shape[axis], 37, taps, weights)
        y = native.resample(x, indices, shares, axis)
        np.testing.assert_allclose(y, definition(x, indices, shares, axis), rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("shape", [(2, 3, 40), (2, 3, 40, 5), (2, 40, 6, 6)])
def test_runs_of_copies(native, shape):
    """A border, as padding has it, around what is copied whole."""
    x = rng.standard_normal(shape).astype(np.float32)
    axis = shape.index(40)
    indices = np.abs(np.arange(-3, 42)).clip(0, 39)[:, None]
    np.testing.assert_array_equal(native.resample(x, indices, None, axis), definition(x, indices, None, axis))


def test_declines(native):
    x, indices = np.zeros((2, 4), np.float32), np.array([[0], [3]])
    assert native.resample(x, indices, None, 1).shape == (2, 2)
    for args in [
        (x.astype(np.float64), indices, None, 1),
        (x[:, ::2], indices[:1], None, 1),
        (x, indices + 1, None, 1),
        (x, indices - 1, None, 1),
        (x, indices.astype(np.int32), None, 1),
        (x, indices, np.ones((2, 2)), 1),
        (x, np.array([[0, 1]]), None, 1),
        (x, indices, None, 2),
    ]:
        assert native.resample(*args) is NotImplemented
