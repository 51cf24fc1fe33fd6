"""Native softmax, log softmax and cross entropy against plain NumPy in float64."""

import numpy as np
import pytest

SHAPES = [(1, 1), (64, 10), (5, 16), (7, 65), (300, 33)]


def draw(*shape, scale=3.0):
    return (np.random.default_rng(sum(shape)).standard_normal(shape) * scale).astype(np.float32)


def softmax(x):
    e = np.exp(x - x.max(-1, keepdims=True))
    return e / e.sum(-1, keepdims=True)


@pytest.mark.parametrize("shape", SHAPES)
def test_softmax(native, shape):
    x, grad = draw(*shape), draw(*shape, scale=1.0)
    exact = softmax(x.astype(np.float64))
    np.testing.assert_allclose(native.softmax_forward(x, -1), exact, rtol=1e-5, atol=1e-7)
    np.testing.assert_allclose(native.log_softmax_forward(x, 1), np.log(exact), rtol=1e-5, atol=2e-6)
    y = exact.astype(np.float32)
    dx = exact * (grad - (grad * exact).sum(-1, keepdims=True))
    np.testing.assert_allclose(native.softmax_backward(grad, y, 1), dx, rtol=1e-4, atol=1e-6)
    dx = grad - exact * grad.sum(-1, keepdims=True)
    np.testing.assert_allclose(native.log_softmax_backward(grad, np.log(y), -1), dx, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("dim", [0, 1, 2, -1, -2, -3])
def test_any_dimension_and_layout(native, dim):
    for x in (draw(4, 5, 6), draw(5, 6, 4).transpose(2, 0, 1), draw(4, 5, 12)[:, ::-1, ::2]):
        exact = np.moveaxis(softmax(np.moveaxis(x.astype(np.float64), dim, -1)), -1, dim)
        y, log_y = native.softmax_forward(x, dim), native.log_softmax_forward(x, dim)
        np.testing.assert_allclose(y, exact, rtol=1e-5, atol=1e-7)
        np.testing.assert_allclose(log_y, np.log(exact), rtol=1e-5, atol=2e-6)
        grad = draw(6, 5, 4, scale=1.0).T
        dx = exact * (grad - (grad * exact).sum(dim, keepdims=True))
        np.testing.assert_allclose(native.softmax_backward(grad, y, dim), dx, rtol=1e-4, atol=1e-6)
        dx = grad - exact * grad.sum(dim, keepdims=True)
        np.testing.assert_allclose(native.log_softmax_backward(grad, log_y, dim), dx, rtol=1e-4, atol=1e-5)


def test_softmax_declines(native):
    x = draw(3, 4)
    for args in [(x, 2), (x, -3), (x.astype(float), 1), (x[:, :0], 1), (x[0, 0], 0), (x, None)]:
        assert native.softmax_forward(*args) is NotImplemented
    assert native.softmax_backward(x[:2], x, 1) is NotImplemented


def test_infinities_and_nan(native):
    x = np.zeros((3, 20), np.float32)
    x[0, 3], x[1, 4], x[2, :] = -np.inf, np.nan, -np.inf
    y = native.softmax_forward(x, 1)
    np.testing.assert_allclose(y[0], np.where(np.arange(20) == 3, 0, 1 / 19), rtol=1e-6)
    assert np.isnan(y[1:]).all()


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("reduction", ["mean", "sum", "none"])
@pytest.mark.parametrize("smoothing", [0.0, 0.2])
def test_cross_entropy(native, shape, reduction, smoothing):
    logits, (R, C) = draw(*shape), shape
    target = np.random.default_rng(0).integers(0, C, R)
    target[1:2] = -100
    kept = target != -100
    log_p = np.log(softmax(logits.astype(np.float64)))
    hot = np.eye(C)[np.where(kept, target, 0)] * (1 - smoothing) + smoothing / C
    rows = -(hot * log_p).sum(1) * kept
    total = {"mean": rows.sum() / kept.sum(), "sum": rows.sum(), "none": rows}[reduction]
    loss, lse = native.cross_entropy_forward(logits, target, None, -100, smoothing, reduction)
    np.testing.assert_allclose(loss, total, rtol=1e-5, atol=1e-6)
    grad = draw(R) if reduction == "none" else np.array(1.5, np.float32)
    scale = grad / (kept.sum() if reduction == "mean" else 1) * kept
    exact = (np.exp(log_p) - hot) * scale[:, None]
    found = native.cross_entropy_backward(grad, logits, target, None, lse, -100, smoothing, reduction)
    np.testing.assert_allclose(found, exact, rtol=1e-4, atol=1e-6)


def test_cross_entropy_declines(native):
    logits, target = draw(4, 3), np.zeros(4, np.int64)
    decline = native.cross_entropy_forward
    assert (
        decline(logits, np.array([0, 1, 2, 3]), None, -100, 0.0, "mean") is NotImplemented
    )  # the definition names the index
    assert decline(logits, target, np.ones(4, np.float32), -100, 0.0, "mean") is NotImplemented
    assert decline(logits, target[:2], None, -100, 0.0, "mean") is NotImplemented
    assert decline(logits, target, None, -100, 0.0, "average") is NotImplemented


def class_weights(C):
    return (np.random.default_rng(3).random(C) + 0.5).astype(np.float32)


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("reduction", ["mean", "sum", "none"])
@pytest.mark.parametrize("smoothing", [0.0, 0.2])
def test_cross_entropy_with_weights(native, shape, reduction, smoothing):
    from rushlight.ops.cross_entropy import cross_entropy_backward, cross_entropy_forward

    plain = [getattr(kernel, "definition", kernel) for kernel in (cross_entropy_forward, cross_entropy_backward)]
    logits, (R, C), weight = draw(*shape), shape, class_weights(shape[1])
    target = np.random.default_rng(0).integers(0, C, R)
    target[1:2] = -100
    options = -100, smoothing, reduction
    loss, lse = native.cross_entropy_forward(logits, target, weight, *options)
    exact, exact_lse = plain[0](logits.astype(float), target, weight.astype(float), *options)
    np.testing.assert_allclose(loss, exact, rtol=2e-5, atol=1e-5)
    grad = np.full_like(loss, 0.7)
    found = native.cross_entropy_backward(grad, logits, target, weight, lse, *options)
    exact = plain[1](grad.astype(float), logits.astype(float), target, weight.astype(float), exact_lse, *options)
    np.testing.assert_allclose(found, exact, rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("reduction", ["mean", "sum", "none"])
def test_negative_log_likelihood(native, weighted, reduction):
    from rushlight.ops.cross_entropy import nll_backward, nll_forward

    plain = [getattr(kernel, "definition", kernel) for kernel in (nll_forward, nll_backward)]
    x, weight = draw(300, 33), class_weights(33) if weighted else None
    target = np.random.default_rng(0).integers(0, 33, 300)
    target[::7] = 5
    loss = native.nll_forward(x, target, weight, 5, reduction)
    np.testing.assert_allclose(loss, plain[0](x, target, weight, 5, reduction), rtol=1e-5)
    grad = np.full_like(loss, 0.7)
    found = native.nll_backward(grad, x.shape, target, weight, 5, reduction)
    np.testing.assert_allclose(found, plain[1](grad, x.shape, target, weight, 5, reduction), rtol=1e-5)
    target[3] = 33
    assert native.nll_forward(x, target, weight, 5, reduction) is NotImplemented
    assert native.nll_backward(grad, x.shape, target, weight, 5, reduction) is NotImplemented
