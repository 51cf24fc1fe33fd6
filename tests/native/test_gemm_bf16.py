"""bfloat16 products of every native build against double precision; builds and processors without the instruction for
them leave these to the definitions."""

import ml_dtypes
import numpy as np
import pytest

bfloat16 = np.dtype(ml_dtypes.bfloat16)
rng = np.random.default_rng(0)


def halves(*shape):
    return rng.standard_normal(shape).astype(bfloat16)


def product(native, a, b):
    got = native.matmul_kernel(a, b)
    if got is NotImplemented:
        assert native.isa != "avx512" or "avx512_bf16" not in open("/proc/cpuinfo").read()
        pytest.skip("no bfloat16 products here")
    return got


def check(got, a, b):
    """One rounding of the result, beside float32's of its sum."""
    a, b = a.astype(float), b.astype(float)
    expected = a @ b
    assert got.dtype == bfloat16 and got.shape == expected.shape
    assert (abs(got.astype(float) - expected) <= 2.0**-8 * abs(expected) + 1e-6 * (abs(a) @ abs(b))).all()


def layouts(a):
    """The same matrix in several memory layouts: rows, columns, with gaps, beginning at odd places."""
    rows, columns = a.shape
    wide = np.full((2 * rows, 3 * columns), np.nan, bfloat16)
    wide[::2, ::3] = a
    padded = np.full((rows, columns + 5), np.nan, bfloat16)
    padded[:, 1:-4] = a
    return [a, np.asfortranarray(a), wide[::2, ::3], padded[:, 1:-4], a[::-1].copy()[::-1]]


SIZES = [1, 2, 3, 4, 5, 7, 13, 14, 15, 16, 17, 31, 32, 33, 47, 65]
SHAPES = [tuple(rng.choice(SIZES, 3)) for _ in range(30)]
SHAPES += [(1, 64, 64), (64, 1, 64), (2, 3, 4001), (130, 150, 500), (10, 21, 9001), (115, 140, 2051), (1, 1, 1)]


@pytest.mark.parametrize("M, N, K", SHAPES)
def test_every_shape_and_layout(native, M, N, K):
    a, b = halves(M, K), halves(K, N)
    for left in layouts(a):
        for right in layouts(b):
            check(product(native, left, right), a, b)


@pytest.mark.parametrize("left, right", [((4, 5, 6), (4, 6, 7)), ((9, 2, 5, 6), (2, 6, 7)), ((5, 6), (3, 6, 7))])
def test_batches(native, left, right):
    a, b = halves(*left), halves(*right)
    check(product(native, a, b), a, b)


def test_the_same_for_any_number_of_threads(native):
    results = []
    for M, N, K in [(300, 200, 300), (20, 20, 5000)]:
        a, b, before = halves(M, K), halves(K, N), native.get_num_threads()
        for threads in (1, 2, 3):
            native.set_num_threads(threads)
            results.append(product(native, a, b))
        native.set_num_threads(before)
        assert all(np.array_equal(results[-1], each) for each in results[-3:])


def test_infinity_and_nan(native):
    a, b = np.zeros((20, 40), bfloat16), np.ones((40, 40), bfloat16)
    a[0, 3], a[1, 5] = np.inf, np.nan
    got = product(native, a, b).astype(np.float32)
    assert np.isposinf(got[0]).all() and np.isnan(got[1]).all() and not got[2:].any()


@pytest.mark.parametrize("R, K, O", [(1, 30, 20), (37, 21, 50), (128, 64, 33)])
def test_linear(native, R, K, O):
    x, weight, bias, grad = halves(R, K), halves(O, K), halves(O), halves(R, O)
    product(native, x, x.T)
    y = native.linear_forward(x, weight, bias, "relu").astype(float)
    expected = np.maximum(x.astype(float) @ weight.astype(float).T + bias.astype(float), 0)
    np.testing.assert_allclose(y, expected, rtol=2.0**-8, atol=1e-4)
    dx, dweight, dbias = native.linear_backward(grad, x, weight, (True, True, True))
    check(dx, grad, weight)
    check(dweight, grad.T, x)
    check(dbias, np.ones(R, bfloat16), grad)
    assert native.linear_backward(grad, x, weight, (False, True, False))[::2] == (None, None)
    repeated = np.broadcast_to(grad[:1, :1], grad.shape)  # as the gradient of a sum is
    check(native.linear_backward(repeated, x, weight, (True, True, True))[0], repeated, weight)


def test_what_it_leaves_to_the_definition(native):
    x, weight, wide = halves(3, 4), halves(5, 4), np.ones((5, 4), np.float32)
    bad = [(x, wide), (wide, weight), (x, weight, np.ones(5, np.float32)), (x, weight, halves(4)), (x, halves(5, 3))]
    for args in [*bad, (halves(0, 4), weight)]:
        args = (*args, None, None)[:3] + (None,)
        assert native.linear_forward(*args) is NotImplemented
    assert native.matmul_kernel(x, wide.T) is NotImplemented
