"""NumPy's functions in threads: NumPy's bits, dtypes and memory orders, for every layout that operands come in."""

import numpy as np
import pytest

from rushlight.kernels.xp import ELEMENTWISE


def same(ours, numpys):
    assert type(ours) is np.ndarray and ours.dtype == numpys.dtype and ours.shape == numpys.shape
    assert ours.tobytes() == numpys.tobytes()
    assert [s for s, n in zip(ours.strides, ours.shape) if n > 1] == [
        s for s, n in zip(numpys.strides, numpys.shape) if n > 1
    ]


def floats(*shape, dtype="float32"):
    return np.random.default_rng(0).uniform(0.1, 0.9, shape).astype(dtype)


@pytest.mark.parametrize("name", ELEMENTWISE)
def test_every_function_has_numpys_bits(native, name):
    numpys = getattr(np, name)
    ours, operands = native.in_threads(numpys), [floats(3, 70), floats(3, 70) + 0.05][: numpys.nin]
    if name == "ldexp":
        return  # its second operand is a whole number: left to NumPy
    with np.errstate(all="ignore"):
        same(ours(*operands), numpys(*operands))


SHAPES = [
    ((4, 5), (5,)), ((4, 5), (4, 1)), ((4, 1), (1, 5)), ((1,), (7, 1, 3)), ((), (6,)), ((300, 400), (400,)),
    ((300, 1), (1, 400)), ((1 << 17,), (1 << 17,)),
]  # fmt: skip


@pytest.mark.parametrize("a, b", SHAPES, ids=str)
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_broadcasting(native, a, b, dtype):
    a, b = floats(*a, dtype=dtype), floats(*b, dtype=dtype)
    same(native.in_threads(np.subtract)(a, b), np.subtract(a, b))
    same(native.in_threads(np.less)(b, a), np.less(b, a))


def test_layouts(native):
    add, x = native.in_threads(np.add), floats(6, 8, 5)
    images = floats(2, 5, 6, 3).transpose(0, 3, 1, 2)
    for a, b in [
        (x[:, ::2], x[:, 1::2]), (x.transpose(2, 0, 1), x.transpose(2, 0, 1)), (images, images),
        (images, floats(3, 1, 1)), (x[:, :, :0:-1], x[:, :, 1:]),
    ]:  # fmt: skip
        ours = add(a, b)
        if ours is not NotImplemented:
            assert (ours == a + b).all()
    same(add(images, floats(3, 1, 1)), images + floats(3, 1, 1))
    assert add(x[:, :, ::-1], x) is NotImplemented


def test_numbers(native):
    x = floats(9)
    same(native.in_threads(np.multiply)(x, 3), x * 3)
    same(native.in_threads(np.power)(2.5, x), 2.5**x)
    assert native.in_threads(np.multiply)(np.arange(3), 2.5) is NotImplemented
    assert native.in_threads(np.multiply)(2.0, 3.0) is NotImplemented


def test_what_is_left_to_numpy(native):
    add, x = native.in_threads(np.add), floats(3)
    for args in [
        (x,), (x, x.astype("float64")), (x, [1, 2, 3]), (x, floats(2)), (x.astype("float16"),) * 2, (x, None),
        (np.arange(3, dtype=np.int16),) * 2, (x[:0], x[:0]), (x, True), (np.float32(1), np.float32(2)),
    ]:  # fmt: skip
        assert add(*args) is NotImplemented, args
    with pytest.raises(TypeError):
        native.in_threads(np.matmul)
    with pytest.raises(TypeError):
        native.in_threads(len)


def test_comparisons_take_whole_numbers_too(native):
    a, b = np.arange(100), np.arange(100)[::-1].copy()
    same(native.in_threads(np.less)(a, b), a < b)
    same(native.in_threads(np.logical_and)(a > 3, b > 3), (a > 3) & (b > 3))


def test_the_vocabulary_is_numpys():
    from rushlight.kernels import xp

    assert xp.stack is np.stack and xp.add.__name__ == "add" and xp.add(2, 3) == 5
    with pytest.raises(AttributeError):
        _ = xp.no_such_function


@pytest.mark.parametrize("name", ["maximum", "minimum", "fmod", "logical_and", "logical_or", "logical_not", "sign"])
def test_loops_of_our_own_give_what_numpys_give(native, name):
    numpys, special = getattr(np, name), [0, -0.0, 1, -1, 0.3, 7.5, -7.5, 2**24, 3e38, 1e-40, np.inf, -np.inf, np.nan]
    special = np.array([*special, *np.random.default_rng(0).standard_normal(60) * 1000], "float32")
    a, b = np.meshgrid(special, special)
    ours = native.in_threads(numpys)
    with np.errstate(all="ignore"):
        for operands in [(a, b), (a.T, b), (a, b[0]), (a[:, :1], b), (a[::2, ::2], b[::2, ::2])]:
            operands = operands[: numpys.nin]
            np.testing.assert_array_equal(ours(*operands), numpys(*operands))
        if numpys.nin == 2:
            for number in (0.3, 0.0, np.inf):
                np.testing.assert_array_equal(ours(a, number), numpys(a, np.float32(number)))


def test_remainders_have_the_sign_of_the_dividend(native):
    x = np.array([-6.0, -0.0, 6.0], "float32")
    assert list(np.signbit(native.in_threads(np.fmod)(x, 3.0))) == [True, True, False]


@pytest.mark.parametrize("name", ["add", "subtract", "multiply", "maximum", "minimum", "less", "equal"])
def test_whole_numbers(native, name):
    rng = np.random.default_rng(0)
    a, b = rng.integers(-(1 << 62), 1 << 62, (2, 5, 7))
    numpys, ours = getattr(np, name), native.in_threads(getattr(np, name))
    same(ours(a, b), numpys(a, b))  # sums and products wrap
    same(ours(a, 3), numpys(a, 3))
    same(ours(-3, b[:, :1]), numpys(-3, b[:, :1]))
    assert ours(a, 1 << 63) is NotImplemented and ours(a, 0.5) is NotImplemented and ours(a, True) is NotImplemented


def test_divisions_of_whole_numbers_are_numpys(native):
    a = np.arange(1, 5)
    for name in ("true_divide", "fmod", "power"):
        assert native.in_threads(getattr(np, name))(a, a) is NotImplemented


@pytest.mark.parametrize("name", ["maximum", "minimum"])
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_extremes_beside_numbers(native, name, dtype):
    x = np.array([np.nan, np.inf, -np.inf, -0.0, 1.0, -2.0] * 5, dtype)
    numpys, ours = getattr(np, name), native.in_threads(getattr(np, name))
    for number in (1.0, np.inf, -np.inf, np.nan, -2.0):
        np.testing.assert_array_equal(ours(x, number), numpys(x, number))
        np.testing.assert_array_equal(ours(number, x), numpys(number, x))
    np.testing.assert_array_equal(ours(x, x[::-1].copy()), numpys(x, x[::-1]))
