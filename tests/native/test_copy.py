"""Native copies against NumPy's: orders of dimensions, steps back, tails, joining, and what must stay a view."""

import itertools

import ml_dtypes
import numpy as np
import pytest

DTYPES = [np.float32, np.int32]


def numbers(*shape, dtype=np.float32):
    return np.random.default_rng(0).integers(-(2**30), 2**30, shape, np.int32).view(dtype)  # any bits at all


def same_bits(found, expected):
    assert found.flags.c_contiguous and found.dtype == expected.dtype
    np.testing.assert_array_equal(found.view(np.int32), np.ascontiguousarray(expected).view(np.int32))


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("order", list(itertools.permutations(range(4))))
def test_orders(native, order, dtype):
    x = numbers(5, 19, 7, 33, dtype=dtype).transpose(order)
    same_bits(native.copied(x), x)


@pytest.mark.parametrize(
    "index",
    [np.s_[::-1], np.s_[:, ::-1], np.s_[:, ::2], np.s_[::3, 5:-1], np.s_[:, :, None, 1:]],
    ids=str,
)
def test_steps(native, index):
    x = numbers(430, 65, 3)[index]
    same_bits(native.copied(x), x)


def test_repeated_rows(native):
    x = np.broadcast_to(numbers(100), (90, 100))
    same_bits(native.copied(x), x)


def test_large_transposes(native):
    x = numbers(257, 1030)
    same_bits(native.copied(x.T), x.T)


def test_small_arrays_are_numpys(native):
    assert native.copied(numbers(8, 8)) is NotImplemented


@pytest.mark.parametrize("shape", [(9000, 4), (36000,), (90, 2, 200), (20, 30, 60)])
def test_reshaping_what_needs_a_copy(native, shape):
    x = numbers(30, 40, 30).transpose(1, 0, 2)
    same_bits(native.reshaped(x, shape), x.reshape(shape))


@pytest.mark.parametrize(
    ("x", "shape"),
    [
        (numbers(60, 1, 400)[:, :, :300], (30, 2, 300)),
        (numbers(60, 500)[:, :400], (2, 30, 1, 20, 20)),
        (numbers(2, 100, 100).transpose(0, 2, 1), (2, 1, 100, 100)),
        (numbers(100, 100), (10_000,)),
    ],
)
def test_views_stay_views(native, x, shape):
    assert np.shares_memory(x.reshape(shape), x)
    assert native.reshaped(x, shape) is NotImplemented


@pytest.mark.parametrize("shape", [(1, 2), (-1,), (36001,), (2**40, 2**40)])
def test_shapes_that_do_not_fit_are_left_to_numpy(native, shape):
    assert native.reshaped(numbers(30, 40, 30).transpose(1, 0, 2), shape) is NotImplemented


@pytest.mark.parametrize("axis", [0, 1, 2])
def test_joining(native, axis):
    x = numbers(30, 40, 50)
    pieces = [x[:, :, ::2], x[:, :, 1::2], x[:, :, 1:26], x[:, :, :0].reshape(30, 40, 0)] if axis == 2 else [x, x]
    pieces = [x[:5], x[:0], x[::7]] if axis == 0 else pieces
    same_bits(native.joined(pieces, axis), np.concatenate(pieces, axis))


def test_joining_what_is_not_alike_is_left_to_numpy(native):
    x = np.ones((100, 100), np.float32)
    for pieces in ([x, x[:, 1:]], [x, x.astype(np.float64)], [x, x.T], [], [x, x[0]]):
        assert native.joined(pieces, 0) is NotImplemented


@pytest.mark.parametrize("name", ["float16", "bfloat16"])
def test_half_precision(native, name):
    kind = np.dtype(getattr(ml_dtypes, name)) if name == "bfloat16" else np.dtype(name)
    special = np.array(
        [0, -0.0, np.inf, -np.inf, np.nan, 1e-40, 65519, 65520, 3e38, 1e-8, 6e-8, 1.00390625], np.float32
    )
    x = np.concatenate([special, np.random.default_rng(0).standard_normal(40_001).astype(np.float32) * 100])
    found = native.converted(x, kind)
    if found is NotImplemented:
        assert native.isa == "baseline" and name == "float16"
        return
    assert found.dtype == kind
    np.testing.assert_array_equal(found.astype(np.float32), x.astype(kind).astype(np.float32))
    back = native.converted(found, np.dtype(np.float32))
    np.testing.assert_array_equal(back, found.astype(np.float32))


def test_other_dtypes_are_numpys(native):
    x = numbers(100)
    for array, kind in [(x, np.float64), (x, np.int16), (x[::2], np.float16), (x.astype(np.int16), np.float32)]:
        assert native.converted(array, np.dtype(kind)) is NotImplemented
