"""Sums, largest and smallest numbers: close to float64's, for every choice of dimensions and every layout taken."""

import itertools

import numpy as np
import pytest

OPERATIONS = {
    "total": np.sum,
    "squares": lambda x, **how: np.square(x).sum(**how),
    "largest": np.max,
    "smallest": np.min,
}
SHAPES = [(5,), (1,), (9000,), (70, 33), (1000, 3), (4, 300, 65), (2, 3, 1, 5), (3, 1, 4097), ()]


def normal(*shape):
    return np.random.default_rng(0).standard_normal(shape).astype("float32")


@pytest.mark.parametrize("name", OPERATIONS)
@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_every_choice_of_dimensions(native, name, shape):
    x = normal(*shape)
    for count in range(len(shape) + 1):
        for axes, keepdims in itertools.product(itertools.combinations(range(len(shape)), count), (True, False)):
            ours = getattr(native, name)(x, axes, keepdims)
            kept = [d for d in range(len(shape)) if d not in axes and shape[d] > 1]
            apart = any(d in kept for d in range(min(axes, default=0), max(axes, default=0)))
            if ours is NotImplemented:
                assert apart
                continue
            exact = OPERATIONS[name](x.astype("float64"), axis=axes, keepdims=keepdims)
            assert ours.shape == exact.shape and ours.dtype == np.float32
            np.testing.assert_allclose(ours, exact, rtol=2e-6, atol=2e-6 * np.abs(x).sum() ** 0.5)


@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_products(native, shape):
    x = np.asarray(1 + normal(*shape) / 64)
    for axes in [tuple(range(len(shape))), *((d,) for d in range(len(shape)))]:
        exact = x.astype("float64").prod(axis=axes)
        np.testing.assert_allclose(native.product(x, axes, False), exact, rtol=1e-4)
    if shape:
        x[-1:] = np.nan
        assert np.isnan(native.product(x, tuple(range(len(shape))), False))


@pytest.mark.parametrize("shape", [s for s in SHAPES if s], ids=str)
def test_running_sums(native, shape):
    x = normal(*shape)
    for d in range(len(shape)):
        found = native.running_sums(x, d)
        assert found.dtype == np.float32
        np.testing.assert_allclose(found, x.astype("float64").cumsum(d), rtol=1e-6, atol=1e-5)
    for args in [(x, len(shape)), (x, -1), (x.astype("float64"), 0), (x[:0], 0)]:
        assert native.running_sums(*args) is NotImplemented


@pytest.mark.parametrize("shape", [s for s in SHAPES if s], ids=str)
def test_running_products(native, shape):
    x = (1 + normal(*shape) / 50).astype(np.float32)
    for d in range(len(shape)):
        found = native.running_products(x, d)
        assert found.dtype == np.float32
        np.testing.assert_allclose(found, x.astype("float64").cumprod(d), rtol=1e-6)
    assert native.running_products(x.astype("float64"), 0) is NotImplemented


def test_layouts(native):
    images = normal(2, 6, 7, 5).transpose(0, 3, 1, 2)
    ours = native.total(images, (2, 3), True)
    assert ours.shape == (2, 5, 1, 1)
    np.testing.assert_allclose(ours, images.sum((2, 3), keepdims=True), rtol=1e-5, atol=1e-5)
    np.testing.assert_allclose(native.largest(images, (1,), False), images.max(1))
    np.testing.assert_allclose(native.total(normal(30, 40).T, (0,), False), normal(30, 40).sum(1), rtol=1e-5, atol=1e-5)


def test_nan_and_infinity(native):
    x = normal(3, 100)
    x[0, 70], x[1, 3], x[2] = np.nan, -np.inf, -np.inf
    for name, numpys in OPERATIONS.items():
        for axes in ((1,), (0,), (0, 1)):
            np.testing.assert_array_equal(
                np.isfinite(getattr(native, name)(x, axes, False)), np.isfinite(numpys(x, axis=axes))
            )
    assert native.largest(x, (1,), False)[2] == -np.inf and np.isnan(native.smallest(x, (1,), False)[0])


def test_a_long_sum_is_exact_to_the_last_bits(native):
    x = np.full(10_000_000, 0.1, "float32")
    assert abs(float(native.total(x, (0,), False)) / (x[:1].astype("float64").item() * x.size) - 1) < 1e-6


def test_what_is_left_to_the_definition(native):
    x = normal(4, 5, 6)
    for args in [(x, (0, 2), False), (x, (3,), False), (x, 0, False), (x, (0, 0), False), (x, (0,), 1),
                 (x[:, ::2], (0,), False), (x[:0], (0,), False), (x.astype("float64"), (0,), False)]:  # fmt: skip
        assert native.total(*args) is NotImplemented


def test_threads_change_no_bit(native):
    before, results = native.get_num_threads(), []
    for threads in (1, 2):
        native.set_num_threads(threads)
        results.append([native.total(normal(700, 900), axes, False) for axes in ((0,), (1,), (0, 1))])
    native.set_num_threads(before)
    assert all(a.tobytes() == b.tobytes() for a, b in zip(*results))
