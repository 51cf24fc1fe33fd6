"""Formulas in one pass: the definition's bits, dtypes and memory orders; what cannot be traced is left to it."""

import numpy as np
import pytest

from rushlight.kernels import xp
from rushlight.kernels.fused import trace


def elu(x, alpha):
    return np.where(x > 0, x, np.expm1(np.minimum(x, 0)) * alpha)


def power(x, exponent):
    return x * x if exponent == 2 else np.power(x, exponent)


def distance(x, y, weight):
    d = np.absolute(x - y)
    return np.where((d < 0.5) | (y > 1), d * d * 0.5, d - 0.25) * (1 if weight is None else weight)


def same(ours, plain):
    assert type(ours) is np.ndarray and ours.dtype == plain.dtype and ours.shape == plain.shape
    assert ours.tobytes() == plain.tobytes()
    assert [s for s, n in zip(ours.strides, ours.shape) if n > 1] == [
        s for s, n in zip(plain.strides, plain.shape) if n > 1
    ]


def normal(*shape, dtype="float32"):
    return np.random.default_rng(0).standard_normal(shape).astype(dtype)


SHAPES = [(1,), (7,), (2049,), (70, 80), (3, 100, 200), ()]


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_the_definitions_bits(native, dtype):
    ours = native.in_one_pass(elu, trace)
    for shape in SHAPES[:-1]:
        x = normal(*shape, dtype=dtype)
        x.flat[0] = np.nan
        same(ours(x, 1.5), elu(x, 1.5))
    assert ours(np.array(-1, dtype), 1.5) == elu(np.array(-1, dtype), 1.5)


def test_broadcasting_and_layouts(native):
    ours, x = native.in_one_pass(distance, trace), normal(40, 30, 20)
    for a, b, w in [
        (x, normal(20), None), (x, normal(30, 1), normal(1)), (x.transpose(2, 0, 1), normal(30), None),
        (x[:, ::2], x[:, 1::2], None), (normal(40, 1), normal(1, 5000), normal(5000)), (x, np.float32(2) + normal(), x),
    ]:  # fmt: skip
        same(ours(a, np.asarray(b), w), distance(a, b, w))
    assert ours(x, x[..., ::-1], None) is NotImplemented
    assert ours(x, normal(3), None) is NotImplemented


def test_each_constant_has_its_program(native):
    ours, x = native.in_one_pass(power, trace), normal(50)
    for exponent in (2, 3.0, 2.0, 3, np.float32(3), 0.0, -0.0):
        same(ours(x, exponent), power(x, exponent))
    many = native.in_one_pass(lambda x, c: (x + c) * c, trace)
    results = [many(x, float(c)) for c in range(70)]
    same(results[63], (x + 63) * 63)
    assert results[64] is NotImplemented  # memory is bounded
    same(many(x, 5.0), (x + 5) * 5)


def test_masks(native):
    x, mask = normal(3000), normal(3000) > 0
    same(native.in_one_pass(lambda m, a: np.where(m, a, 0), trace)(mask, x), np.where(mask, x, 0).astype(x.dtype))
    same(native.in_one_pass(lambda m, a: np.where(m, 1, a), trace)(mask[::-1].copy(), x), np.where(mask[::-1], 1, x))
    same(native.in_one_pass(lambda a, b: (a < b) & (a > 0), trace)(x, x * 2), (x < x * 2) & (x > 0))
    same(native.in_one_pass(lambda a: np.where(np.isnan(a), 0, a).astype(a.dtype), trace)(x), x)
    same(xp.where(mask, x, 1.0), np.where(mask, x, 1))


@pytest.mark.parametrize(
    "definition",
    [
        lambda x: x * x.shape[0], lambda x: x.sum() + x, lambda x: x, lambda x: x.astype("float64") * 2,
        lambda x: x * np.arange(9), lambda x: x if x > 0 else -x, lambda x: np.add(x, x, dtype="float64"),
        lambda x: (x, x + 1), lambda x: x * np.float64(2), lambda x: np.add.reduce(x), lambda x: np.modf(x)[0],
        lambda x: x[0] + x,
    ],
)  # fmt: skip
def test_what_cannot_be_traced(native, definition):
    assert native.in_one_pass(definition, trace)(normal(9)) is NotImplemented


def test_arguments_that_are_left_to_the_definition(native):
    add, x = native.in_one_pass(lambda x, y: (x + y) * 2, trace), normal(9)
    for args in [(x,), (x, [1]), (x, normal(9, dtype="float64")), (x[:0], x[:0]), (1.0, 2.0), (x, x.astype("int64")),
                 (x, x.astype(">f4")), (x, 1j), (x.astype("float16"), x)]:  # fmt: skip
        assert add(*args) is NotImplemented, args
    ignores = native.in_one_pass(lambda x, y: x * 2 + 1, trace)
    assert ignores(x, normal(5, 9)) is NotImplemented  # y must not shape the result
    with pytest.raises(TypeError):
        native.in_one_pass(len)
    with pytest.raises(TypeError):
        native.in_one_pass(1, trace)


def test_a_program_that_is_none_raises(native):
    for wrong in [(1, (), (), 2), (1, (), ((np.add, 11, (0, 9), 1),), 2), (1, (), ((np.add, 11, (0,), 1),), 2), 3]:
        with pytest.raises((ValueError, TypeError, SystemError)):
            native.in_one_pass(elu, lambda definition, arguments, wrong=wrong: wrong)(normal(9), 1.0)


def test_places_are_used_again():
    def long(x):
        for i in range(40):
            x = np.sqrt(x * x + i)
        return x

    arrays, numbers, steps, places = trace(long, (np.dtype("float32"),))
    assert len(steps) == 120 and places <= arrays + 1 + len(numbers) + 3


def test_threads_change_no_bit(native):
    ours, x, before = native.in_one_pass(elu, trace), normal(1 << 18), native.get_num_threads()
    native.set_num_threads(1)
    one = ours(x, 1.0)
    native.set_num_threads(2)
    two = ours(x, 1.0)
    native.set_num_threads(before)
    same(one, two)
