"""Native layer norm and batch norm against plain NumPy in float64, with values far from zero."""

import numpy as np
import pytest


def draw(*shape, seed=0):
    return np.random.default_rng(seed).standard_normal(shape).astype(np.float32)


def normalise(x, axes, eps):
    mean, var = x.mean(axes, keepdims=True), x.var(axes, keepdims=True)
    return (x - mean) / np.sqrt(var + eps), mean, var


def gradient(grad, xhat, scale, axes):
    mean = lambda a: a.mean(axes, keepdims=True)
    return scale * (grad - mean(grad) - xhat * mean(grad * xhat))


@pytest.mark.parametrize(("R", "C"), [(1, 2), (7, 65), (64, 128), (33, 1000), (500, 16), (3, 5001)])
@pytest.mark.parametrize("affine", [True, False])
def test_layer_norm(native, R, C, affine):
    x, grad, weight, bias = draw(R, C) + 50, draw(R, C, seed=1), draw(C, seed=2), draw(C, seed=3)
    w, b = (weight, bias) if affine else (None, None)
    xhat, mean, var = normalise(x.astype(np.float64), 1, 1e-5)
    y, m, rstd = native.layer_norm_forward(x, w, b, 1e-5)
    np.testing.assert_allclose(y, xhat * weight + bias if affine else xhat, rtol=1e-3, atol=2e-4)
    np.testing.assert_allclose(m, mean, rtol=1e-6)
    dx, dweight, dbias = native.layer_norm_backward(grad, x, w, m, rstd)
    up = grad * weight if affine else grad.astype(np.float64)
    np.testing.assert_allclose(dx, gradient(up, xhat, 1 / np.sqrt(var + 1e-5), 1), rtol=1e-3, atol=2e-3)
    np.testing.assert_allclose(dweight, (grad * xhat).sum(0), rtol=1e-3, atol=2e-3)
    np.testing.assert_allclose(dbias, grad.sum(0, dtype=np.float64), rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize(
    ("N", "C", "spatial"), [(4, 5, (7, 6)), (2, 16, (8, 8)), (3, 35, (5,)), (40, 33, ()), (8, 64, (16, 16))]
)
def test_batch_norm(native, N, C, spatial):
    last = draw(N, *spatial, C) * 2 + 100
    x = np.moveaxis(last, -1, 1)
    axes, line = (0, *range(2, x.ndim)), (1, C) + (1,) * len(spatial)
    grad, weight, bias = draw(*x.shape, seed=1), draw(C, seed=2), draw(C, seed=3)
    xhat, mean, var = normalise(x.astype(np.float64), axes, 1e-5)
    y, m, v = native.batch_norm_forward(x, weight, bias, 1e-5)
    np.testing.assert_allclose(m, mean.ravel(), rtol=1e-6)
    np.testing.assert_allclose(v, var.ravel(), rtol=1e-5)
    np.testing.assert_allclose(y, xhat * weight.reshape(line) + bias.reshape(line), rtol=1e-3, atol=2e-4)
    np.testing.assert_array_equal(native.batch_norm_apply(x, m, v, weight, bias, 1e-5), y)
    dx, dweight, dbias = native.batch_norm_backward(grad, x, weight, m, v, 1e-5)
    scale = weight.reshape(line) / np.sqrt(var + 1e-5)
    np.testing.assert_allclose(dx, gradient(grad.astype(np.float64), xhat, scale, axes), rtol=1e-3, atol=2e-4)
    np.testing.assert_allclose(dweight, (grad * xhat).sum(axes), rtol=1e-3, atol=2e-3)
    dx, *others = native.batch_norm_apply_backward(grad, x, weight, m, v, 1e-5)
    np.testing.assert_allclose(dx, grad * scale, rtol=1e-4, atol=1e-6)
    for given, same in zip(others, (dweight, dbias)):
        np.testing.assert_array_equal(given, same)
    np.testing.assert_allclose(dbias, grad.sum(axes, dtype=np.float64), rtol=1e-4, atol=1e-4)


def test_statistics_survive_a_large_mean(native):
    x = draw(4000, 16) + 10_000
    _, _, var = native.batch_norm_forward(x, None, None, 1e-5)
    np.testing.assert_allclose(var, x.astype(np.float64).var(0), rtol=1e-4)


def test_threads_change_nothing(native):
    x = np.moveaxis(draw(16, 20, 20, 64), -1, 1)
    before = native.get_num_threads()
    results = []
    for threads in (1, 2, 3):
        native.set_num_threads(threads)
        results.append(native.batch_norm_forward(x, None, None, 1e-5))
    native.set_num_threads(before)
    for other in results[1:]:
        for a, b in zip(results[0], other):
            np.testing.assert_array_equal(a, b)


@pytest.mark.parametrize("spatial", [(7, 6), (40, 33), (5,), (3, 4, 5)])
def test_planes_give_what_channels_last_gives(native, spatial):
    """And results lie as the input does, whatever the gradient's layout."""
    x, grad, weight, bias = draw(4, 5, *spatial) + 9, draw(4, 5, *spatial, seed=1), draw(5, seed=2), draw(5, seed=3)
    last, grad_last = (np.moveaxis(np.ascontiguousarray(np.moveaxis(a, 1, -1)), -1, 1) for a in (x, grad))
    _, mean, var = native.batch_norm_forward(last, weight, bias, 1e-5)
    _, group_mean, rstd = native.group_norm_forward(last, weight, bias, 5, 1e-5)

    def everything(x, grad):
        return [
            *native.batch_norm_forward(x, weight, bias, 1e-5),
            native.batch_norm_apply(x, mean, var, weight, bias, 1e-5),
            *native.batch_norm_backward(grad, x, weight, mean, var, 1e-5),
            *native.group_norm_forward(x, weight, bias, 5, 1e-5),
            *native.group_norm_backward(grad, x, weight, group_mean, rstd),
        ]

    expected = everything(last, grad_last)
    for operands in ((x, grad), (x, grad_last), (last, grad)):
        for a, b in zip(everything(*operands), expected):
            np.testing.assert_allclose(a, b, rtol=1e-4, atol=1e-4)
            assert a.ndim < 3 or a.shape[2] == 1 or (a.strides[-1] == 4) == (operands[0] is x)


@pytest.mark.parametrize("last", [True, False])
@pytest.mark.parametrize("affine", [True, False])
@pytest.mark.parametrize(
    ("N", "C", "G", "spatial"),
    [(2, 6, 3, (5, 4)), (1, 32, 32, (8, 8)), (3, 20, 1, (7,)), (4, 24, 4, ()), (2, 64, 8, (40, 9))],
)
def test_group_norm(native, N, C, G, spatial, affine, last):
    x, grad = draw(N, C, *spatial) * 2 + 100, draw(N, C, *spatial, seed=1)
    if last:
        x = np.moveaxis(np.ascontiguousarray(np.moveaxis(x, 1, -1)), -1, 1)
    weight, bias = (draw(C, seed=2), draw(C, seed=3)) if affine else (None, None)
    line, groups = (1, C) + (1,) * len(spatial), (N, G, -1)
    xhat, mean, var = normalise(x.astype(np.float64).reshape(groups), 2, 1e-5)
    scale = weight.reshape(line) if affine else 1
    y, m, rstd = native.group_norm_forward(x, weight, bias, G, 1e-5)
    assert m.shape == rstd.shape == (N, G, 1)
    np.testing.assert_allclose(m, mean, rtol=1e-6)
    np.testing.assert_allclose(rstd, 1 / np.sqrt(var + 1e-5), rtol=1e-4)
    wide = xhat.reshape(x.shape)
    np.testing.assert_allclose(y, wide * scale + (bias.reshape(line) if affine else 0), rtol=1e-3, atol=5e-4)
    dx, dweight, dbias = native.group_norm_backward(grad, x, weight, m, rstd)
    up = (grad * scale).astype(np.float64).reshape(groups)
    np.testing.assert_allclose(
        dx, gradient(up, xhat, 1 / np.sqrt(var + 1e-5), 2).reshape(x.shape), rtol=1e-3, atol=5e-4
    )
    axes = (0, *range(2, x.ndim))
    np.testing.assert_allclose(dweight, (grad * wide).sum(axes), rtol=1e-3, atol=2e-3)
    np.testing.assert_allclose(dbias, grad.sum(axes, dtype=np.float64), rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize(("R", "C"), [(1, 2), (7, 65), (64, 128), (33, 1500), (500, 16)])
@pytest.mark.parametrize("affine", [True, False])
def test_rms_norm(native, R, C, affine):
    x, grad, weight = draw(R, C) + 3, draw(R, C, seed=1), draw(C, seed=2) if affine else None
    wide = x.astype(np.float64)
    scale = 1 / np.sqrt((wide * wide).mean(1, keepdims=True) + 1e-5)
    xhat, up = wide * scale, grad * weight if affine else grad
    y, rstd = native.rms_norm_forward(x, weight, 1e-5)
    np.testing.assert_allclose(rstd, scale, rtol=1e-6)
    np.testing.assert_allclose(y, xhat * weight if affine else xhat, rtol=1e-5, atol=1e-6)
    dx, dweight = native.rms_norm_backward(grad, x, weight, rstd)
    np.testing.assert_allclose(dx, scale * (up - xhat * (up * xhat).mean(1, keepdims=True)), rtol=1e-4, atol=1e-5)
    np.testing.assert_allclose(dweight, (grad * xhat).sum(0), rtol=1e-4, atol=1e-4)


def test_declines(native):
    x = draw(4, 6, 5, 5)
    assert native.batch_norm_forward(x.astype(np.float64), None, None, 1e-5) is NotImplemented
    assert native.group_norm_forward(x, None, None, 4, 1e-5) is NotImplemented
    assert native.group_norm_forward(x, None, None, 0, 1e-5) is NotImplemented
    assert native.group_norm_forward(x, draw(3), None, 2, 1e-5) is NotImplemented
    assert native.group_norm_backward(x, x, None, draw(4, 4, 1), draw(4, 4, 1)) is NotImplemented
    assert native.rms_norm_forward(draw(4, 3), draw(4), 1e-5) is NotImplemented
    assert native.rms_norm_backward(draw(4, 3), draw(4, 3), None, draw(3, 1)) is NotImplemented
    assert native.batch_norm_forward(draw(4, 3), draw(4), None, 1e-5) is NotImplemented
    assert native.layer_norm_forward(draw(4, 3), draw(4), None, 1e-5) is NotImplemented
    assert native.layer_norm_forward(draw(4, 3).astype(np.float64), None, None, 1e-5) is NotImplemented
