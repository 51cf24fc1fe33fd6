"""Gather, scatter and scatter_add against NumPy's advanced indexing, with whole and with repeated indices."""

import numpy as np
import pytest

from rushlight.ops.lanes import gather_kernel, lane_index, scatter_add_kernel, scatter_kernel, slice_index

CASES = [((7,), 0, 5), ((6, 8), 0, 30), ((6, 8), 1, 30), ((3, 5, 40), 1, 9), ((20, 5, 3), 2, 4), ((2, 300, 700), 0, 3)]


def plain(kernel):
    return getattr(kernel, "definition", kernel)


def made(shape, dim, steps, dtype="float32"):
    generator = np.random.default_rng(0)
    taken = (*shape[:dim], steps, *shape[dim + 1 :])
    index = generator.integers(0, shape[dim], taken)
    return generator.standard_normal(shape).astype(dtype), index, generator.standard_normal(taken).astype(dtype)


@pytest.mark.parametrize("shape, dim, steps", CASES, ids=str)
@pytest.mark.parametrize("dtype", ["float32", "float64", "int64", "int32"])
def test_moving(native, shape, dim, steps, dtype):
    x, index, src = made(shape, dim, steps, dtype)
    for places in (index, slice_index(index[(0,) * dim][(slice(None),) + (0,) * (len(shape) - 1 - dim)], shape, dim)):
        np.testing.assert_array_equal(native.gather_kernel(x, places, dim), plain(gather_kernel)(x, places, dim))
        np.testing.assert_array_equal(
            native.scatter_kernel(x, places, src, dim), plain(scatter_kernel)(x, places, src, dim)
        )


@pytest.mark.parametrize("shape, dim, steps", CASES, ids=str)
def test_adding(native, shape, dim, steps):
    x, index, src = made(shape, dim, steps)
    exact = x.astype("float64")
    np.add.at(exact, lane_index(index, dim), src)
    np.testing.assert_allclose(native.scatter_add_kernel(x, index, src, dim), exact, rtol=1e-5, atol=1e-5)
    np.testing.assert_allclose(plain(scatter_add_kernel)(x, index, src, dim), exact, rtol=1e-5, atol=1e-5)


def test_what_is_left_to_the_definition(native):
    x, index, src = made((6, 8), 1, 4)
    wrong = index.copy()
    wrong[5, 3] = 8
    for args in [(x.T, index, 1), (x, wrong, 1), (x, -index - 1, 1), (x, index, 2), (x, index.astype("int32"), 1),
                 (x, index[:3], 1), (x.astype("float16"), index, 1), (x, index[:, :0], 1)]:  # fmt: skip
        assert native.gather_kernel(*args) is NotImplemented
    assert native.scatter_kernel(x, index, src[:, :2], 1) is NotImplemented
    assert native.scatter_add_kernel(x, index, src.astype("float64"), 1) is NotImplemented


def test_all_below(native):
    index = np.random.default_rng(0).integers(0, 9, 100_001)
    assert native.all_below(index, 9) and not native.all_below(index, 8)
    index[70_000] = -1
    assert not native.all_below(index, 9)
    assert native.all_below(index[::2], 9) is NotImplemented


def test_threads_change_no_bit(native):
    x, index, src = made((500, 300), 0, 900)
    before, results = native.get_num_threads(), []
    for threads in (1, 2):
        native.set_num_threads(threads)
        results.append(native.scatter_add_kernel(x, index, src, 0).tobytes())
    native.set_num_threads(before)
    assert results[0] == results[1]


def test_one_hot(native):
    index = np.random.default_rng(0).integers(0, 9, (40, 70))
    found = native.one_hot_rows(index, 9)
    assert found.dtype == np.int64
    np.testing.assert_array_equal(found, np.eye(9, dtype=np.int64)[index])
    for args in [(index, 8), (-index - 1, 9), (index.astype("int32"), 9), (index[:, ::2], 9), (index[:0], 9)]:
        assert native.one_hot_rows(*args) is NotImplemented


@pytest.mark.parametrize("name", ["scatter_kernel", "scatter_add_kernel"])
def test_writing_in_place(native, name):
    x, index, src = made((6, 8), 1, 5)
    kernel = getattr(native, name)
    expected, before = kernel(x, index, src, 1), x.copy()
    native.write_next(x)
    assert kernel(x, index, src, 1) is x
    np.testing.assert_array_equal(x, expected)
    frozen = before.copy()
    frozen.flags.writeable = False
    for to, origin, source in ((src, before, src), (frozen, frozen, src), (x, x, x)):
        native.write_next(to)
        places = index if source is src else np.tile(index, 2)[:, :8].copy()
        assert kernel(origin, places, source, 1) is not to  # not what is scattered into; read-only; read as well
        native.write_next(None)
