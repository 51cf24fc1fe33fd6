"""Convolutions of every native build against sums over taps in double precision."""

import itertools

import numpy as np
import pytest

rng = np.random.default_rng(0)


def floats(*shape):
    return rng.standard_normal(shape).astype(np.float32)


def channels_last(x):
    return np.moveaxis(np.ascontiguousarray(np.moveaxis(x, 1, -1)), -1, 1)


def close(actual, expected):
    assert actual is not NotImplemented
    assert actual.dtype == np.float32 and actual.shape == expected.shape
    np.testing.assert_allclose(actual, expected, rtol=1e-4, atol=2e-5 * max(1, abs(expected).max()))


class Reference:
    """The three passes as einsums over one tap at a time, in double precision."""

    def __init__(self, x, weight, stride, padding, dilation, groups):
        self.stride, self.padding, self.dilation, self.groups = stride, padding, dilation, groups
        self.x_shape, self.weight = x.shape, weight.astype(float)
        self.wide = np.pad(x.astype(float), [(0, 0), (0, 0), *((p, p) for p in padding)])
        self.out = tuple(
            (n - d * (k - 1) - 1) // s + 1
            for n, k, s, d in zip(self.wide.shape[2:], weight.shape[2:], stride, dilation)
        )
        self.taps = list(itertools.product(*map(range, weight.shape[2:])))

    def window(self, tap):
        places = (
            slice(t * d, t * d + (o - 1) * s + 1, s) for t, d, o, s in zip(tap, self.dilation, self.out, self.stride)
        )
        return (slice(None), slice(None), *places)

    def by_group(self, x):
        return x.reshape(x.shape[0], self.groups, -1, *x.shape[2:])

    def grouped_weight(self, tap):
        w = self.weight[(slice(None), slice(None), *tap)]
        return w.reshape(self.groups, -1, w.shape[1])

    def forward(self):
        y = sum(
            np.einsum("ngc...,goc->ngo...", self.by_group(self.wide[self.window(t)]), self.grouped_weight(t))
            for t in self.taps
        )
        return y.reshape(y.shape[0], -1, *self.out)

    def backward_input(self, grad):
        wide = np.zeros_like(self.wide)
        for t in self.taps:
            share = np.einsum("ngo...,goc->ngc...", self.by_group(grad), self.grouped_weight(t))
            wide[self.window(t)] += share.reshape(share.shape[0], -1, *self.out)
        return wide[(slice(None), slice(None), *(slice(p, p + n) for p, n in zip(self.padding, self.x_shape[2:])))]

    def backward_weight(self, grad):
        dweight = np.zeros_like(self.weight)
        for t in self.taps:
            seen, g = self.by_group(self.wide[self.window(t)]), self.by_group(grad)
            dims = "xyz"[: seen.ndim - 3]
            w = np.einsum(f"ngo{dims},ngc{dims}->goc", g, seen)
            dweight[(slice(None), slice(None), *t)] = w.reshape(dweight.shape[:2])
        return dweight


# x, weight, stride, padding, dilation, groups
CASES = [
    ((2, 5, 7, 9), (4, 5, 3, 3), (1, 1), (1, 1), (1, 1), 1),
    ((1, 1, 28, 28), (32, 1, 3, 3), (1, 1), (0, 0), (1, 1), 1),
    ((2, 3, 17, 19), (33, 3, 7, 7), (2, 2), (3, 3), (1, 1), 1),
    ((2, 4, 9, 9), (3, 4, 5, 2), (3, 2), (2, 1), (1, 2), 1),
    ((3, 16, 8, 8), (17, 16, 1, 1), (1, 1), (0, 0), (1, 1), 1),
    ((3, 16, 9, 8), (8, 16, 1, 1), (2, 2), (0, 0), (1, 1), 1),
    ((2, 16, 6, 6), (8, 16, 1, 1), (1, 1), (1, 2), (1, 1), 1),
    ((2, 6, 7, 7), (9, 2, 3, 3), (1, 1), (1, 1), (1, 1), 3),
    ((2, 6, 7, 8), (6, 1, 3, 3), (1, 1), (1, 1), (1, 1), 6),
    ((2, 40, 7, 8), (40, 1, 3, 3), (2, 1), (1, 0), (1, 2), 40),
    ((2, 20, 9, 6), (20, 1, 5, 3), (3, 2), (2, 2), (1, 1), 20),
    ((2, 6, 7, 8), (12, 1, 3, 2), (2, 1), (1, 0), (1, 2), 6),
    ((1, 2, 5, 5), (2, 2, 5, 5), (1, 1), (4, 4), (1, 1), 1),
    ((2, 3, 10, 11), (5, 3, 3, 3), (2, 3), (0, 1), (2, 3), 1),
    ((1, 8, 4, 4), (8, 8, 2, 2), (3, 3), (0, 0), (1, 1), 1),
    ((1, 700, 3, 3), (5, 700, 2, 2), (1, 1), (1, 1), (1, 1), 1),
    ((2, 64, 8, 8), (70, 64, 3, 3), (1, 1), (1, 1), (1, 1), 1),
    ((2, 250, 5, 5), (64, 250, 3, 3), (2, 2), (1, 1), (1, 1), 1),
    ((4, 3, 50), (7, 3, 5), (2,), (2,), (1,), 1),
    ((4, 12, 50), (6, 4, 3), (1,), (2,), (2,), 3),
    ((1, 1, 1, 1), (1, 1, 1, 1), (1, 1), (0, 0), (1, 1), 1),
    ((2, 3, 2, 3), (4, 3, 3, 3), (1, 1), (1, 1), (1, 1), 1),
    ((5, 32, 6, 6), (64, 32, 3, 3), (1, 1), (0, 0), (1, 1), 1),
    ((2, 32, 7, 5), (48, 32, 3, 3), (1, 1), (1, 2), (1, 1), 1),
    ((9, 32, 7, 5), (48, 32, 3, 3), (1, 1), (1, 2), (1, 1), 1),
    ((4, 35, 11, 10), (130, 35, 3, 3), (1, 1), (0, 1), (1, 1), 1),
    ((5, 100, 9, 8), (67, 100, 3, 3), (1, 1), (1, 0), (1, 1), 1),
    ((9, 33, 5, 1), (34, 33, 3, 3), (1, 1), (2, 2), (1, 1), 1),
    ((2, 300, 12, 11), (80, 300, 3, 3), (1, 1), (1, 1), (1, 1), 1),
    ((4, 35, 17, 16), (66, 35, 3, 3), (2, 2), (1, 1), (1, 1), 1),
    ((4, 40, 19, 18), (33, 40, 3, 3), (2, 2), (0, 2), (1, 1), 1),
    ((5, 130, 15, 14), (100, 130, 3, 3), (2, 2), (2, 0), (1, 1), 1),
    ((2, 32, 9, 20), (32, 4, 3, 3), (1, 1), (1, 1), (1, 1), 8),
    ((2, 40, 10, 19), (24, 5, 3, 4), (2, 3), (1, 2), (1, 1), 8),
    ((1, 24, 40, 7), (72, 4, 1, 5), (1, 1), (0, 2), (1, 2), 6),
    ((2, 48, 8, 8), (16, 24, 3, 3), (1, 1), (1, 1), (1, 1), 2),
    ((2, 60, 6, 5), (60, 20, 3, 3), (2, 1), (1, 1), (1, 1), 3),
    ((3, 96, 7, 7), (96, 1, 7, 7), (1, 1), (3, 3), (1, 1), 96),
    ((2, 12, 4, 5, 6), (12, 1, 3, 3, 3), (1, 1, 1), (1, 1, 1), (1, 1, 1), 12),
    ((2, 3, 6, 7, 17), (40, 3, 3, 2, 3), (1, 2, 1), (1, 1, 0), (1, 1, 2), 1),
    ((2, 8, 7, 6, 9), (12, 4, 2, 3, 2), (2, 1, 3), (1, 0, 1), (2, 1, 1), 2),
]
IDS = [f"{c[0]}-{c[1]}-s{c[2]}-p{c[3]}-d{c[4]}-g{c[5]}".replace(", ", ",") for c in CASES]


@pytest.mark.parametrize(
    "layout", [np.ascontiguousarray, channels_last, lambda x: x[:, ::-1]], ids=["planes", "last", "odd"]
)
@pytest.mark.parametrize("x_shape, weight_shape, stride, padding, dilation, groups", CASES, ids=IDS)
def test_passes(native, x_shape, weight_shape, stride, padding, dilation, groups, layout):
    x, weight, bias = layout(floats(*x_shape)), layout(floats(*weight_shape)), floats(weight_shape[0])
    window = (stride, padding, dilation, groups)
    reference = Reference(x, weight, *window)
    expected = reference.forward()
    y = native.conv_forward(x, weight, None, *window)
    close(y, expected)
    assert np.moveaxis(y, 1, -1).flags.c_contiguous
    close(native.conv_forward(x, weight, bias, *window), expected + bias.reshape(-1, *[1] * len(stride)))
    grad = layout(floats(*expected.shape))
    dx = native.conv_backward_input(grad, weight, x_shape, *window)
    close(dx, reference.backward_input(grad))
    assert np.moveaxis(dx, 1, -1).flags.c_contiguous
    dweight = native.conv_backward_weight(grad, x, weight_shape, *window)
    close(dweight, reference.backward_weight(grad))
    assert dweight.flags.c_contiguous


def test_transformed_tiles_lose_few_digits(native):
    """Winograd's errors, relative to the whole: 2 x 2 tiles forward, 4 x 4 tiles in the gradients."""
    x, weight, window = channels_last(floats(4, 64, 16, 16)), floats(64, 64, 3, 3), ((1, 1), (1, 1), (1, 1), 1)
    grad, reference = channels_last(floats(4, 64, 16, 16)), Reference(x, weight, *window)

    def error(actual, expected):
        return np.linalg.norm(actual - expected) / np.linalg.norm(expected)

    assert error(native.conv_forward(x, weight, None, *window), reference.forward()) < 1e-6
    dx = native.conv_backward_input(grad, weight, x.shape, *window)
    assert error(dx, reference.backward_input(grad)) < 3e-6
    dweight = native.conv_backward_weight(grad, x, weight.shape, *window)
    assert error(dweight, reference.backward_weight(grad)) < 3e-6


def test_many_pixels(native):
    """Enough pixels that the weight's gradient is summed in several ranges."""
    for x_shape, weight_shape in [((8, 1, 28, 28), (32, 1, 3, 3)), ((6, 32, 26, 26), (64, 32, 3, 3))]:
        x, weight = floats(*x_shape), floats(*weight_shape)
        window = ((1, 1), (1, 1), (1, 1), 1)
        reference = Reference(x, weight, *window)
        grad = floats(x_shape[0], weight_shape[0], *x_shape[2:])
        for layout in (np.ascontiguousarray, channels_last):
            close(native.conv_forward(layout(x), weight, None, *window), reference.forward())
            close(native.conv_backward_input(layout(grad), weight, x_shape, *window), reference.backward_input(grad))
            close(
                native.conv_backward_weight(layout(grad), layout(x), weight_shape, *window),
                reference.backward_weight(grad),
            )


def test_outputs_smaller_than_the_input_allows(native):
    """As a transposed convolution's are, with output_padding."""
    weight, grad = floats(4, 3, 2, 2), floats(2, 4, 3, 3)
    dx = native.conv_backward_input(grad, weight, (2, 3, 8, 7), (2, 2), (0, 0), (1, 1), 1)
    full = np.zeros((2, 3, 8, 7))
    for a, b in itertools.product(range(2), range(2)):
        full[:, :, a : a + 6 : 2, b : b + 6 : 2] += np.einsum("nohw,oc->nchw", grad.astype(float), weight[:, :, a, b])
    close(dx, full)


def test_outputs_smaller_than_the_input_allows_by_transformed_tiles(native):
    weight, grad, window = floats(32, 40, 3, 3), floats(5, 32, 7, 7), ((2, 2), (1, 1), (1, 1), 1)
    wide = np.zeros((5, 32, 8, 8), np.float32)
    wide[:, :, :7, :7] = grad
    expected = Reference(floats(5, 40, 15, 15), weight, *window).backward_input(wide)
    close(native.conv_backward_input(grad, weight, (5, 40, 15, 15), *window), expected)
    exact = Reference(floats(5, 40, 13, 13), weight, *window).backward_input(grad)
    close(native.conv_backward_input(grad, weight, (5, 40, 13, 13), *window), exact)


@pytest.mark.parametrize(
    "x_shape, weight_shape, stride, padding, dilation, groups", [CASES[i] for i in (1, 2, 9, 17, 22, 28, 31)]
)
def test_same_bits_for_any_number_of_threads(native, x_shape, weight_shape, stride, padding, dilation, groups):
    x, weight, window = floats(*x_shape), floats(*weight_shape), (stride, padding, dilation, groups)
    before, results = native.get_num_threads(), []
    for threads in (1, 2, 5):
        native.set_num_threads(threads)
        y = native.conv_forward(x, weight, None, *window)
        dx = native.conv_backward_input(y, weight, x_shape, *window)
        results.append((y, dx, native.conv_backward_weight(y, x, weight_shape, *window)))
    native.set_num_threads(before)
    for result in results[1:]:
        assert all((a == b).all() for a, b in zip(result, results[0]))


def test_nan_spreads_only_to_what_sees_it(native):
    x, weight = floats(1, 8, 9, 9), floats(16, 8, 3, 3)
    x[0, 2, 4, 4] = np.nan
    y = native.conv_forward(x, weight, None, (1, 1), (1, 1), (1, 1), 1)
    seen = np.zeros((9, 9), bool)
    seen[3:6, 3:6] = True
    assert (np.isnan(y[0]) == seen).all()


def test_leaves_the_rest_to_the_definition(native):
    x, weight = floats(2, 4, 8, 8), floats(6, 4, 3, 3)
    good = ((1, 1), (1, 1), (1, 1), 1)
    for args in [
        (x.astype(float), weight, None, *good),
        (x, weight.astype(float), None, *good),
        (x, weight, floats(5), *good),
        (x, weight, None, (0, 1), (1, 1), (1, 1), 1),
        (x, weight, None, (1, 1), (-1, 1), (1, 1), 1),
        (x, weight, None, (1, 1), (1, 1), (1, 1), 2),
        (x, weight, None, (1,), (1, 1), (1, 1), 1),
        (x, weight, None, (1, 1), (0, 0), (4, 1), 1),
        (x, floats(6, 5, 3, 3), None, *good),
        (x[:0], weight, None, *good),
        (x[0], weight, None, *good),
        (floats(2, 40, 3, 8, 8), floats(6, 40, 3, 3, 3), None, (1,) * 3, (1,) * 3, (1,) * 3, 1),
        (None, weight, None, *good),
        (x, weight, None),
    ]:
        assert native.conv_forward(*args) is NotImplemented
    grad = floats(2, 6, 8, 8)
    assert native.conv_backward_input(grad, weight, (2, 4, 7, 8), *good) is NotImplemented
    assert native.conv_backward_input(grad, weight, (3, 4, 8, 8), *good) is NotImplemented
    assert native.conv_backward_weight(grad, x, (6, 4, 3, 4), (1, 1), (0, 0), (1, 1), 1) is NotImplemented
    assert native.conv_backward_weight(grad, x, (6, 3, 3, 3), *good) is NotImplemented
