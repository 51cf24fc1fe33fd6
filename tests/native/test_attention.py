"""Native attention of every build against its definition in double precision: layouts, masks, blocks, NaN."""

import math

import numpy as np
import pytest

from rushlight.ops import attention


def definition(name):
    kernel = getattr(attention, name)
    return getattr(kernel, "definition", kernel)


def draw(*shape, seed=0):
    return np.random.default_rng(seed).standard_normal(shape).astype(np.float32)


def wide(*arrays):
    return [a.astype(np.float64) for a in arrays]


def close(found, exact, tolerance=2e-5):
    assert found.dtype == np.float32 and found.shape == exact.shape
    np.testing.assert_allclose(found, exact, rtol=1e-4, atol=tolerance * max(1, abs(exact).max()))


def check(native, q, k, v, scale, causal, tolerance=2e-5):
    y, lse = native.attention_forward(q, k, v, scale, causal)
    exact_y, exact_lse = definition("attention_forward")(*wide(q, k, v), scale, causal)
    close(y, exact_y, tolerance)
    close(lse, exact_lse, tolerance)
    grad = draw(*y.shape, seed=9)
    found = native.attention_backward(grad, q, k, v, y, lse, scale, causal)
    exact = definition("attention_backward")(*wide(grad, q, k, v), exact_y, exact_lse, scale, causal)
    for a, b in zip(found, exact):
        close(a, b, tolerance)


# heads, L, S, D, E
SHAPES = [
    (1, 1, 1, 1, 1),
    (3, 5, 7, 4, 6),
    (2, 14, 14, 16, 16),
    (2, 64, 64, 32, 32),
    (1, 33, 65, 17, 40),
    (1, 65, 33, 48, 8),
]
SHAPES += [
    (1, 2, 300, 64, 64),
    (2, 150, 150, 64, 64),
    (1, 700, 600, 8, 24),
    (5, 15, 16, 100, 3),
    (1, 1100, 1024, 16, 16),
]


@pytest.mark.parametrize("causal", [True, False])
@pytest.mark.parametrize("heads, L, S, D, E", SHAPES)
def test_every_shape(native, heads, L, S, D, E, causal):
    q, k, v = draw(heads, L, D), draw(heads, S, D, seed=1), draw(heads, S, E, seed=2)
    check(native, q, k, v, 1 / math.sqrt(D), causal)


@pytest.mark.parametrize("scale", [0.0, 3.0, -1.5])
def test_scale(native, scale):
    check(native, draw(2, 30, 16), draw(2, 30, 16, seed=1), draw(2, 30, 16, seed=2), scale, True)


def test_large_scores(native):
    check(native, 30 * draw(2, 40, 16), 30 * draw(2, 40, 16, seed=1), draw(2, 40, 16, seed=2), 1.0, True, 1e-3)


def test_any_strides_and_leading_dimensions(native):
    x = draw(2, 20, 3 * 4 * 16)
    views = [t.reshape(2, 20, 4, 16).transpose(0, 2, 1, 3) for t in np.split(x, 3, axis=2)]  # (B, H, L, D)
    check(native, *views, 0.25, True)
    check(native, *[t[:, :, ::2] for t in views], 0.25, True)
    check(native, *[t[:, ::-1] for t in views], 0.25, False)
    check(native, *[t[..., ::2] for t in views], 0.25, False)
    check(native, *[t[0, 0] for t in views], 0.25, True)
    check(native, views[0], np.broadcast_to(views[1][:1], views[1].shape), np.asfortranarray(views[2]), 0.25, False)


def test_results_lie_in_memory_as_their_operands_do(native):
    q, k, v = (draw(2, 20, 4, 16, seed=i).transpose(0, 2, 1, 3) for i in range(3))
    y, lse = native.attention_forward(q, k, v, 0.25, True)
    assert lse.flags.c_contiguous and lse.shape == (2, 4, 20)
    for a in (y, *native.attention_backward(y, q, k, v, y, lse, 0.25, True)):
        assert a.transpose(0, 2, 1, 3).flags.c_contiguous
    q, k, v = (draw(2, 4, 20, 16, seed=i) for i in range(3))
    y, lse = native.attention_forward(q, k, v, 0.25, True)
    for a in (y, *native.attention_backward(y, q, k, v, y, lse, 0.25, True)):
        assert a.flags.c_contiguous


def test_gradient_of_any_strides(native):
    q, k, v = draw(2, 20, 16), draw(2, 20, 16, seed=1), draw(2, 20, 16, seed=2)
    y, lse = native.attention_forward(q, k, v, 0.25, True)
    grad = np.broadcast_to(np.float32(0.5), y.shape)
    found = native.attention_backward(grad, q, k, v, y, lse, 0.25, True)
    for a, b in zip(found, native.attention_backward(grad.copy(), q, k, v, y, lse, 0.25, True)):
        np.testing.assert_array_equal(a, b)


def test_keys_that_no_query_sees_get_no_gradient(native):
    q, k, v = draw(1, 5, 16), draw(1, 40, 16, seed=1), draw(1, 40, 16, seed=2)
    y, lse = native.attention_forward(q, k, v, 0.25, True)
    _, dk, dv = native.attention_backward(y, q, k, v, y, lse, 0.25, True)
    assert not dk[:, 5:].any() and not dv[:, 5:].any()


def test_nan_stays_in_its_row(native):
    q, k, v = draw(1, 40, 16), draw(1, 40, 16, seed=1), draw(1, 40, 16, seed=2)
    q[0, 7, 3], k[0, 30, 2] = np.nan, np.inf
    with np.errstate(invalid="ignore"):
        exact = definition("attention_forward")(*wide(q, k, v), 0.25, True)
    y, lse = native.attention_forward(q, k, v, 0.25, True)
    np.testing.assert_array_equal(np.isnan(y), np.isnan(exact[0]))
    np.testing.assert_array_equal(np.isnan(lse), np.isnan(exact[1]))
    assert np.isnan(y[0, 7]).all() and not np.isnan(y[0, :7]).any()


def test_same_bits_for_any_number_of_threads(native):
    q, k, v = draw(8, 100, 32), draw(8, 100, 32, seed=1), draw(8, 100, 32, seed=2)
    before, results = native.get_num_threads(), []
    for threads in (1, 2, 3):
        native.set_num_threads(threads)
        y, lse = native.attention_forward(q, k, v, 0.2, True)
        results.append((y, lse, *native.attention_backward(y, q, k, v, y, lse, 0.2, True)))
    native.set_num_threads(before)
    for other in results[1:]:
        for a, b in zip(results[0], other):
            np.testing.assert_array_equal(a, b)


def test_leaves_other_operands_to_the_definition(native):
    x = draw(2, 5, 8)
    for args in [
        (x, x, x.astype(np.float64), 1.0, False),
        (x, draw(2, 5, 7), x, 1.0, False),
        (x, draw(3, 5, 8), draw(3, 5, 8), 1.0, False),
        (x, x, draw(2, 6, 8), 1.0, False),
        (x, draw(1, 2, 5, 8), draw(1, 2, 5, 8), 1.0, False),
        (draw(0, 5, 8), draw(0, 5, 8), draw(0, 5, 8), 1.0, False),
        (x[0, 0], x[0, 0], x[0, 0], 1.0, False),
        (x, x, x, 1.0, None),
        (x, x, x, None, False),
        (x, x, None, 1.0, False),
        (x, x, x, 1.0),
    ]:
        assert native.attention_forward(*args) is NotImplemented
    y, lse = native.attention_forward(x, x, x, 1.0, False)
    for args in [
        (x[:1], x, x, x, y, lse, 1.0, False),
        (x, x, x, x, y, lse[:1], 1.0, False),
        (x, x, x, x, y[..., :4], lse, 1.0, False),
        (x, x, x, x, y, lse.astype(float), 1.0, False),
    ]:
        assert native.attention_backward(*args) is NotImplemented
