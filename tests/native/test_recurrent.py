"""Native recurrent layers of every build against their definitions in double precision."""

import numpy as np
import pytest

from rushlight.ops import recurrent


def draw(*shape, seed=0, scale=1.0):
    return (scale * np.random.default_rng(seed).standard_normal(shape)).astype(np.float32)


def check(native, name, *args):
    """The twin's results, equal to the definition's up to rounding."""
    kernel = getattr(recurrent, name)
    exact = getattr(kernel, "definition", kernel)(
        *[a.astype(np.float64) if getattr(a, "dtype", None) == np.float32 else a for a in args]
    )
    found = getattr(native, name)(*args)
    pairs = zip(found, exact) if isinstance(found, tuple) else [(found, exact)]
    for a, b in pairs:
        assert a.dtype == np.float32 and a.shape == b.shape
        np.testing.assert_allclose(a, b, rtol=1e-4, atol=1e-5 * max(1, abs(b).max()))
    return found


def weights(gates, H, biased):
    return draw(gates * H, H, seed=4, scale=H**-0.5), draw(gates * H, seed=5) if biased else None


SHAPES = [(1, 1, 1), (5, 1, 130), (3, 2, 5), (7, 32, 16), (5, 13, 33), (4, 70, 20), (2, 3, 270), (9, 30, 64)]  # L, N, H
shapes = pytest.mark.parametrize("L, N, H", SHAPES)
biases = pytest.mark.parametrize("biased", [True, False])


@shapes
@biases
def test_lstm(native, L, N, H, biased):
    w_hh, b_hh = weights(4, H, biased)
    h0, c0 = draw(N, H, seed=1), draw(N, H, seed=2)
    _, gates, cells = check(native, "lstm_forward", draw(L, N, 4 * H), h0, c0, w_hh, b_hh, None)
    grad, dc = draw(L, N, H, seed=6), draw(N, H, seed=7)
    check(native, "lstm_backward", grad, dc, None, c0, w_hh, None, gates, cells)
    last = np.random.default_rng(8).integers(0, L, N)
    check(native, "lstm_backward", grad, dc, last, c0, w_hh, None, gates, cells)


@shapes
@biases
def test_gru(native, L, N, H, biased):
    w_hh, b_hh = weights(3, H, biased)
    h0 = draw(N, H, seed=1)
    y, gates, hidden = check(native, "gru_forward", draw(L, N, 3 * H), h0, w_hh, b_hh)
    check(native, "gru_backward", draw(L, N, H, seed=6), h0, w_hh, y, gates, hidden)


@shapes
@biases
@pytest.mark.parametrize("nonlinearity", ["tanh", "relu"])
def test_rnn(native, L, N, H, biased, nonlinearity):
    w_hh, b_hh = weights(1, H, biased)
    y = check(native, "rnn_forward", draw(L, N, H), draw(N, H, seed=1), w_hh, b_hh, nonlinearity)
    check(native, "rnn_backward", draw(L, N, H, seed=6), w_hh, y, nonlinearity)


def test_steps_at_any_distance(native):
    L, N, H = 6, 5, 16
    w_hh, b_hh = weights(4, H, True)
    x, h0 = draw(N, L, 4 * H).transpose(1, 0, 2), draw(N, H, seed=1)
    _, gates, cells = check(native, "lstm_forward", x, h0, h0, w_hh, b_hh, None)
    check(native, "lstm_forward", x[::-1], h0, h0, w_hh, b_hh, None)
    grad = draw(N, L, H, seed=6).transpose(1, 0, 2)
    check(native, "lstm_backward", grad[::-1], h0, None, h0, w_hh, None, gates, cells)
    check(native, "lstm_backward", np.broadcast_to(grad[:, :1], (L, N, H)), h0, None, h0, w_hh, None, gates, cells)


def test_the_gradient_of_a_sum(native):
    """One number over and over, which has no rows of its own in memory."""
    L, N, H = 6, 5, 16
    grad, h0 = np.broadcast_to(np.float32(0.5), (L, N, H)), draw(N, H, seed=1)
    w_hh, b_hh = weights(4, H, True)
    _, gates, cells = check(native, "lstm_forward", draw(L, N, 4 * H), h0, h0, w_hh, b_hh, None)
    check(native, "lstm_backward", grad, h0, None, h0, w_hh, None, gates, cells)
    w_hh, b_hh = weights(3, H, True)
    y, gates, hidden = check(native, "gru_forward", draw(L, N, 3 * H), h0, w_hh, b_hh)
    check(native, "gru_backward", grad, h0, w_hh, y, gates, hidden)
    w_hh, b_hh = weights(1, H, True)
    y = check(native, "rnn_forward", draw(L, N, H), h0, w_hh, b_hh, "tanh")
    check(native, "rnn_backward", grad, w_hh, y, "tanh")


def test_saturated_gates(native):
    x, h0 = draw(4, 3, 4 * 16, scale=100), draw(3, 16, seed=1)
    check(native, "lstm_forward", x, h0, h0, *weights(4, 16, True), None)
    with np.errstate(invalid="ignore"):
        check(
            native,
            "lstm_forward",
            np.where(abs(x) > 50, np.copysign(np.float32(np.inf), x), x),
            h0,
            h0,
            *weights(4, 16, True),
            None,
        )


def test_nan_stays_in_its_sequence(native):
    x, h0 = draw(6, 5, 4 * 16), draw(5, 16, seed=1)
    x[3, 2, 7] = np.nan
    y = native.lstm_forward(x, h0, h0, *weights(4, 16, True), None)[0]
    assert np.isnan(y[4:, 2]).all() and not np.isnan(y[:3]).any() and not np.isnan(np.delete(y, 2, axis=1)).any()


def test_same_bits_for_any_number_of_threads(native):
    x, h0, grad = draw(5, 70, 4 * 32), draw(70, 32, seed=1), draw(5, 70, 32, seed=6)
    w_hh, b_hh = weights(4, 32, True)
    before, results = native.get_num_threads(), []
    for threads in (1, 2, 3):
        native.set_num_threads(threads)
        y, gates, cells = native.lstm_forward(x, h0, h0, w_hh, b_hh, None)
        results.append((y, gates, cells, *native.lstm_backward(grad, h0, None, h0, w_hh, None, gates, cells)))
    native.set_num_threads(before)
    for other in results[1:]:
        for a, b in zip(results[0], other):
            np.testing.assert_array_equal(a, b)


def test_leaves_other_operands_to_the_definition(native):
    x, h, w, b = draw(3, 2, 20), draw(2, 5), draw(20, 5), draw(20)
    for args in [
        (x, h, h, w, b, draw(3, 5)),
        (x.astype(float), h, h, w, b, None),
        (x, h[:1], h, w, b, None),
        (x, h, draw(2, 4), w, b, None),
        (x, h, h, w.T, b, None),
        (x, h, h, draw(20, 4), b, None),
        (x, h, h, w, b[:4], None),
        (x[:0], h, h, w, b, None),
        (draw(3, 2, 19), h, h, w, b, None),
        (x, h, h, w, b),
    ]:
        assert native.lstm_forward(*args) is NotImplemented
    _, gates, cells = native.lstm_forward(x, h, h, w, b, None)
    grad = draw(3, 2, 5)
    for args in [
        (grad, h, np.zeros(3, np.int64), h, w, None, gates, cells),
        (grad, h, np.zeros(2, np.int32), h, w, None, gates, cells),
        (grad, None, None, h, w, None, gates, cells),
        (grad, h, None, h, w, draw(3, 5), gates, cells),
        (grad[:2], h, None, h, w, None, gates, cells),
        (grad, h, None, h, w, None, gates[:2], cells),
    ]:
        assert native.lstm_backward(*args) is NotImplemented
    assert native.rnn_forward(draw(3, 2, 5), h, draw(5, 5), None, "gelu") is NotImplemented
    assert native.gru_forward(x, h, w, b) is NotImplemented
