"""The native gradient of an embedding against the plain loop."""

import numpy as np
import pytest


def draw(*shape):
    return np.random.default_rng(0).standard_normal(shape).astype(np.float32)


def plain(grad, indices, V, padding):
    dweight = np.zeros((V, grad.shape[-1]))
    for place in np.ndindex(indices.shape):
        if indices[place] != padding:
            dweight[indices[place]] += grad[place]
    return dweight


@pytest.mark.parametrize("padding", [-1, 3])
@pytest.mark.parametrize(
    "shape, D, V", [((5,), 7, 4), ((4, 9), 64, 10), ((), 3, 5), ((300,), 200, 6), ((2, 3, 4), 1, 50)]
)
def test_sums_rows(native, shape, D, V, padding):
    indices = np.asarray(np.random.default_rng(1).integers(0, V, shape))
    grad = draw(*shape, D)
    found = native.embedding_backward(grad, indices, V, padding)
    assert found.dtype == np.float32 and found.shape == (V, D)
    np.testing.assert_allclose(found, plain(grad, indices, V, padding), rtol=1e-5, atol=1e-5)


def test_any_layout(native):
    indices = np.random.default_rng(1).integers(0, 6, (5, 8)).T
    grad = draw(5, 8, 12).transpose(1, 0, 2)
    np.testing.assert_allclose(
        native.embedding_backward(grad, indices, 6, -1), plain(grad, indices, 6, -1), rtol=1e-5, atol=1e-5
    )


def test_same_bits_for_any_number_of_threads(native):
    indices, grad = np.random.default_rng(1).integers(0, 50, 3000), draw(3000, 256)
    before, results = native.get_num_threads(), []
    for threads in (1, 2, 3):
        native.set_num_threads(threads)
        results.append(native.embedding_backward(grad, indices, 50, -1))
    native.set_num_threads(before)
    assert all((result == results[0]).all() for result in results)


def test_leaves_other_operands_to_the_definition(native):
    grad, indices = draw(3, 4), np.array([0, 1, 2])
    for args in [
        (grad, indices, 2, -1),  # out of range
        (grad, indices - 1, 3, -1),
        (grad, indices.astype(np.int32), 3, -1),
        (grad.astype(float), indices, 3, -1),
        (grad[:2], indices, 3, -1),
        (grad[:, :0], indices, 3, -1),
        (grad, indices, 3, None),
    ]:
        assert native.embedding_backward(*args) is NotImplemented


def test_looks_rows_up(native):
    weight, indices = draw(50, 24), np.random.default_rng(1).integers(0, 50, (7, 300))
    np.testing.assert_array_equal(native.embedding_forward(weight, indices), weight[indices])
    for bad in (indices.astype(np.int32), indices.T, np.array([50]), np.array([-1])):
        assert native.embedding_forward(weight, bad) is NotImplemented
    assert native.embedding_forward(weight[:, ::2], indices) is NotImplemented
