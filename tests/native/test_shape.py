"""Native views against their definitions."""

import numpy as np
import pytest

from rushlight.ops.reduction import spread

definition = getattr(spread, "definition", spread)

CASES = [
    ((3, 4), (3, 4), ()),
    ((4,), (3, 4), (0,)),
    ((3,), (3, 4), (1,)),
    ((), (3, 4), (0, 1)),
    ((1, 1), (3, 4), (0, 1)),
    ((2, 1, 5), (2, 3, 5), (1,)),
    ((), (), ()),
    ((2,), (2, 0), (1,)),
]


@pytest.mark.parametrize(("own", "shape", "axes"), CASES)
@pytest.mark.parametrize("kind", [np.float32, np.float64, np.complex64])
def test_spread(native, own, shape, axes, kind):
    grad = np.arange(np.prod(own, dtype=int)).reshape(own).astype(kind)
    found = native.spread(grad, shape, axes)
    assert found.shape == shape and found.dtype == kind and not found.flags.writeable
    assert np.array_equal(found, definition(grad, shape, axes))


def test_spread_keeps_strides_and_takes_numpy_scalars(native):
    grad = np.arange(6, dtype=np.float32).reshape(2, 3).T
    assert np.array_equal(native.spread(grad, (3, 4, 2), (1,)), definition(grad, (3, 4, 2), (1,)))
    assert np.array_equal(native.spread(np.float32(2), (2, 2), (0, 1)), np.full((2, 2), 2, np.float32))


@pytest.mark.parametrize(("shape", "axes"), [((3, 4), (2,)), ((3, 4), (-1,)), ((3, 5), (0,)), ((3, 4), (0, 0))])
def test_spread_leaves_what_does_not_fit_to_the_definition(native, shape, axes):
    assert native.spread(np.ones(4, np.float32), shape, axes) is NotImplemented
