"""Matrix products of every native build against NumPy's in double precision."""

import numpy as np
import pytest

rng = np.random.default_rng(0)


def floats(*shape):
    return rng.standard_normal(shape).astype(np.float32)


def close(actual, expected):
    """Equal up to the rounding of sums of products of standard normal numbers."""
    assert actual.dtype == np.float32 and actual.shape == expected.shape
    np.testing.assert_allclose(actual, expected, rtol=2e-5, atol=2e-5 * max(1, abs(expected).max()))


SIZES = [1, 2, 3, 4, 5, 7, 13, 14, 15, 16, 17, 31, 32, 33, 47, 65]
SHAPES = [tuple(rng.choice(SIZES, 3)) for _ in range(60)]
SHAPES += [(1, 64, 64), (64, 1, 64), (200, 300, 500), (10, 20, 9000), (300, 17, 1024), (43, 290, 2048), (1, 1, 1)]


def layouts(a):
    """The same matrix in several memory layouts."""
    rows, columns = a.shape
    wide = np.full((2 * rows, 3 * columns), np.nan, np.float32)
    wide[::2, ::3] = a
    padded = np.full((rows, columns + 5), np.nan, np.float32)
    padded[:, 2:-3] = a
    return [a, np.asfortranarray(a), wide[::2, ::3], padded[:, 2:-3], a[::-1].copy()[::-1]]


@pytest.mark.parametrize("M, N, K", SHAPES)
def test_every_shape_and_transposition(native, M, N, K):
    a, b = floats(M, K), floats(K, N)
    expected = a.astype(float) @ b
    for left in (a, np.asfortranarray(a)):
        for right in (b, np.asfortranarray(b)):
            close(native.matmul_kernel(left, right), expected)


@pytest.mark.parametrize("M, N, K", [(5, 70, 33), (60, 3, 20), (2, 2, 40), (150, 140, 700)])
def test_every_layout(native, M, N, K):
    a, b = floats(M, K), floats(K, N)
    expected = a.astype(float) @ b
    for left in layouts(a):
        for right in layouts(b):
            close(native.matmul_kernel(left, right), expected)


@pytest.mark.parametrize(
    "left, right",
    [
        ((4, 5, 6), (4, 6, 7)),
        ((4, 5, 6), (6, 7)),
        ((5, 6), (3, 6, 7)),
        ((2, 1, 5, 6), (3, 6, 7)),
        ((2, 3, 1, 6), (6, 1)),
        ((1, 1, 5, 6), (1, 6, 7)),
        ((9, 60, 64), (9, 64, 60)),
        ((2, 200, 90), (2, 90, 150)),
    ],
)
def test_batches_broadcast(native, left, right):
    a, b = floats(*left), floats(*right)
    expected = a.astype(float) @ b
    close(native.matmul_kernel(a, b), expected)
    swapped = np.ascontiguousarray(a.swapaxes(-1, -2)).swapaxes(-1, -2)
    close(native.matmul_kernel(swapped, b), expected)


def test_repeated_batch_and_rows(native):
    a, b = np.broadcast_to(floats(5, 6), (4, 5, 6)), np.broadcast_to(floats(4, 6, 1), (4, 6, 7))
    close(native.matmul_kernel(a, b), a.astype(float) @ b)


def test_permuted_batch(native):
    q = floats(2, 9, 3, 8).transpose(0, 2, 1, 3)
    k = floats(2, 9, 3, 8).transpose(0, 2, 3, 1)
    close(native.matmul_kernel(q, k), q.astype(float) @ k)


@pytest.mark.parametrize("R, O, K", [(1, 64, 4), (1, 2, 64), (3, 10, 65), (64, 10, 64), (64, 128, 784), (33, 31, 1)])
@pytest.mark.parametrize("activation", [None, "relu"])
def test_linear_forward(native, R, O, K, activation):
    x, weight, bias = floats(R, K), floats(O, K), floats(O)
    expected = x.astype(float) @ weight.T
    bounded = np.maximum if activation else (lambda y, _: y)
    close(native.linear_forward(x, weight, bias, activation), bounded(expected + bias, 0))
    close(native.linear_forward(x, weight, None, activation), bounded(expected, 0))


@pytest.mark.parametrize("R, O, K", [(1, 64, 4), (1, 2, 64), (64, 10, 64), (200, 130, 70), (5000, 10, 12), (129, 1, 1)])
def test_linear_backward(native, R, O, K):
    grad, x, weight = floats(R, O), floats(R, K), floats(O, K)
    dx, dweight, dbias = native.linear_backward(grad, x, weight, (True, True, True))
    close(dx, grad.astype(float) @ weight)
    close(dweight, grad.astype(float).T @ x)
    close(dbias, grad.sum(axis=0, dtype=float))
    assert native.linear_backward(grad, x, weight, (False, False, False)) == (None, None, None)
    only = native.linear_backward(grad, x, weight, (False, True, False))
    assert only[0] is None and only[2] is None and (only[1] == dweight).all()
    repeated = np.broadcast_to(grad[:1, :1], (R, O))  # the gradient of a sum
    dx, dweight, dbias = native.linear_backward(repeated, x, weight, (True, True, True))
    close(dx, repeated.astype(float) @ weight)
    close(dweight, repeated.astype(float).T @ x)
    close(dbias, repeated.sum(axis=0, dtype=float))


@pytest.mark.parametrize("M, N, K", [(64, 128, 784), (300, 300, 300), (10, 20, 9000), (1, 1000, 1000), (20, 17, 5)])
def test_same_bits_for_any_number_of_threads(native, M, N, K):
    a, b, before = floats(M, K), floats(K, N), native.get_num_threads()
    results = []
    for threads in (1, 2, 3, 7):
        native.set_num_threads(threads)
        results.append(native.matmul_kernel(a, b))
    native.set_num_threads(before)
    assert all((result == results[0]).all() for result in results)


def test_relu_and_sums_keep_nan_and_infinity(native):
    for R in (1, 5, 40):
        x = floats(R, 20)
        x[0, 3], x[R // 2, 0] = np.nan, np.inf
        weight = np.abs(floats(35, 20))
        y = native.linear_forward(x, weight, np.zeros(35, np.float32), "relu")
        with np.errstate(invalid="ignore"):
            expected = np.maximum(x @ weight.T, 0)
        np.testing.assert_allclose(y, expected, rtol=1e-4, atol=1e-5)
        assert np.isnan(y[0]).all()


def test_zero_and_one_times_large(native):
    a = np.full((3, 5), 1e30, np.float32)
    assert np.isinf(native.matmul_kernel(a, a.T)).all()


@pytest.mark.parametrize(
    "a, b",
    [
        (floats(3, 4).astype(np.float64), floats(4, 5)),
        (floats(3, 4), floats(4, 5).astype(np.float16)),
        (floats(3, 4), floats(5, 4)),
        (floats(3, 4), floats(4)),
        (floats(2, 3, 4), floats(3, 4, 5)),
        (floats(0, 4), floats(4, 5)),
        (floats(3, 0), floats(0, 5)),
        (floats(0, 3, 4), floats(0, 4, 5)),
        (floats(3, 4).view(np.matrix), floats(4, 5)),
        (floats(3, 4).astype(">f4"), floats(4, 5)),
        (np.frombuffer(bytes(49), np.uint8)[1:].view(np.float32).reshape(3, 4), floats(4, 5)),
        (None, floats(4, 5)),
        (1.0, floats(4, 5)),
    ],
)
def test_leaves_other_operands_to_the_definition(native, a, b):
    assert native.matmul_kernel(a, b) is NotImplemented


def test_leaves_wrong_arguments_to_the_definition(native):
    x, weight, bias = floats(3, 4), floats(5, 4), floats(5)
    for args in [
        (x, weight, floats(4), None),
        (x, weight, bias, "gelu"),
        (x, weight, bias),
        (x, floats(5, 3), bias, None),
        (floats(2, 3, 4), weight, bias, None),
        (x, weight, bias.astype(float), None),
    ]:
        assert native.linear_forward(*args) is NotImplemented
    grad = floats(3, 5)
    for args in [
        (grad.T, x, weight, (True,) * 3),
        (grad, x, weight, (1, 1, 1)),
        (grad, x, weight, True),
        (grad, x, floats(4, 5), (True,) * 3),
        (grad, floats(2, 4), weight, (True,) * 3),
    ]:
        assert native.linear_backward(*args) is NotImplemented


def test_kernel_calls_twin_then_definition(native):
    def matmul_kernel(a, b):
        """The product."""
        return "definition"

    kernel = native.Kernel(native.matmul_kernel, matmul_kernel)
    assert kernel(floats(2, 3), floats(3, 4)).shape == (2, 4)
    assert kernel(1, 2) == kernel(a=floats(2, 3), b=floats(3, 4)) == "definition"
    assert kernel.definition is kernel.__wrapped__ is matmul_kernel and kernel.twin is native.matmul_kernel
    assert (kernel.__name__, kernel.__doc__, kernel.__module__) == ("matmul_kernel", "The product.", __name__)
    assert "matmul_kernel" in repr(kernel)
    with pytest.raises(TypeError):
        kernel(1)


def test_kernel_errors_pass_through(native):
    def definition(a, b):
        raise ValueError("wrong")

    with pytest.raises(ValueError, match="wrong"):
        native.Kernel(native.matmul_kernel, definition)(1, 2)
    with pytest.raises(TypeError):
        native.Kernel(len, definition)
    with pytest.raises(TypeError):
        native.Kernel(native.matmul_kernel, 3)


def some_kernel(a, b):
    return None


def test_kernel_is_pickled_and_copied_by_reference(native, monkeypatch):
    import copy
    import pickle
    import sys

    kernel = native.Kernel(native.matmul_kernel, some_kernel)
    monkeypatch.setattr(sys.modules[__name__], "some_kernel", kernel)
    assert pickle.loads(pickle.dumps(kernel)) is kernel
    assert copy.deepcopy(kernel) is kernel
