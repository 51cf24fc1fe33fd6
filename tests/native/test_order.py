"""Keys for sorting against their definition, on every build."""

import numpy as np
import pytest

from rushlight.ops import sorting

definition = getattr(sorting.sort_keys, "definition", sorting.sort_keys)
ODD = [np.nan, -np.nan, np.inf, -np.inf, 0.0, -0.0, 1e-40, -1e-40, 1.0, -1.0, 3e38]


@pytest.mark.parametrize("descending", [False, True])
@pytest.mark.parametrize("shape", [(1,), (11,), (3, 7), (2, 3, 1000)])
def test_keys(native, shape, descending):
    x = np.random.default_rng(0).choice(np.array(ODD, np.float32), shape)
    keys = native.sort_keys(x, descending)
    np.testing.assert_array_equal(keys, definition(x, descending))
    assert all(len(set(row)) == len(row) for row in keys.reshape(-1, shape[-1]).tolist())


def test_keys_are_in_the_order_of_a_stable_sort(native):
    x = np.random.default_rng(1).choice(np.array(ODD, np.float32), (4, 100))
    np.testing.assert_array_equal(np.sort(native.sort_keys(x, False)) & 0xFFFFFFFF, np.argsort(x, kind="stable"))


def test_declines(native):
    x = np.zeros((3, 4), np.float32)
    for odd in (x.astype(np.float64), x.T, x[:0], x[0, 0], None):
        assert native.sort_keys(odd, False) is NotImplemented
    assert native.sort_keys(x, 1) is NotImplemented
