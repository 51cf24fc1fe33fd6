"""The native transform of Box and Muller, and the shuffle, against their definitions, bit for bit."""

import numpy as np
import pytest

from rushlight.random import box_muller, discrete

definition = getattr(box_muller.box_muller32, "definition", box_muller.box_muller32)
shuffled_definition = getattr(discrete.shuffled, "definition", discrete.shuffled)
MULTIPLES = 1 << 24  # of 2**-24, which is what uniform numbers are


def same_bits(found, expected):
    assert found.dtype == np.float32
    np.testing.assert_array_equal(found.view(np.int32), expected.view(np.int32))


@pytest.mark.parametrize("n", [16, 32, 48, 16 * 77, 16 * 5000])
def test_same_bits_as_the_definition(native, n):
    uniforms = np.random.default_rng(n).integers(0, MULTIPLES, n).astype(np.float32) * np.float32(2**-24)
    same_bits(native.box_muller32(uniforms), definition(uniforms))


@pytest.mark.parametrize("first", [0, MULTIPLES - (1 << 16), MULTIPLES // 2 - (1 << 15), 4793490 - (1 << 15)])
def test_same_bits_at_the_ends_and_where_formulas_change(native, first):
    values = (first + np.arange(1 << 16)).astype(np.float32) * np.float32(2**-24)
    for other in (values[::-1], np.roll(values, 12345)):
        pairs = np.stack([values.reshape(-1, 8), other.reshape(-1, 8)], axis=1).reshape(-1)
        same_bits(native.box_muller32(pairs), definition(pairs))


def test_declines(native):
    x = np.zeros(32, np.float32)
    for odd in (x[:15], x[:0], x[::2], x.astype(np.float64), x.reshape(2, 16), None):
        assert native.box_muller32(odd) is NotImplemented


@pytest.mark.parametrize("n", [1, 2, 3, 100, 70_000])
def test_shuffles_are_the_definitions(native, n):
    words = np.random.default_rng(n).integers(0, 2**32, n - 1, dtype=np.uint64)
    order = native.shuffled(words)
    assert order.dtype == np.int64 and sorted(order) == list(range(n))
    np.testing.assert_array_equal(order, shuffled_definition(words))


def test_shuffles_decline(native):
    words = np.zeros(4, np.uint64)
    for odd in (words[::2], words.astype(np.int64), words.reshape(2, 2), None):
        assert native.shuffled(odd) is NotImplemented
