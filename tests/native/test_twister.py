"""The native Mersenne Twister and what is drawn from it, against the definitions, bit for bit."""

import numpy as np
import pytest

from rushlight.random import arithmetic, box_muller, continuous, twister

DRAWS = {
    "words_": (),
    "uniform24_": (),
    "uniform53_": (),
    "tosses_": (int(0.3 * 2**53),),
    "remainders_": (10, -3),
}


def definition(kernel):
    return getattr(kernel, "definition", kernel)


def same(found, expected):
    assert found.dtype == expected.dtype and found.tobytes() == expected.tobytes()


@pytest.mark.parametrize("seed", [0, 1, 2**32 - 1, 123456789])
def test_seeds(native, seed):
    same(native.seeded_twister(seed), definition(twister.seeded_twister)(seed))


@pytest.mark.parametrize("name", DRAWS)
@pytest.mark.parametrize("counts", [(0, 1, 2, 3), (623, 1, 1, 624), (5000, 7), (100, 4097, 1249)])
def test_draws(native, name, counts):
    ours, theirs = native.seeded_twister(7), native.seeded_twister(7)
    for count in counts:
        same(getattr(native, name)(ours, count, *DRAWS[name]), getattr(twister, name)(theirs, count, *DRAWS[name]))
        same(ours, theirs)


def test_definitions(native):
    """The words of seed 5489 that the authors published, and every definition against its twin."""
    assert definition(twister.words_)(definition(twister.seeded_twister)(5489), 3).tolist() == [
        3499211612,
        581869302,
        3890346734,
    ]
    for name, more in DRAWS.items():
        ours, theirs = native.seeded_twister(3), native.seeded_twister(3)
        for count in (1, 700, 5):
            same(getattr(native, name)(ours, count, *more), definition(getattr(twister, name))(theirs, count, *more))


@pytest.mark.parametrize("length", [1, 2, 3, 10, 1 << 20, (1 << 28) - 1])
def test_remainders(native, length):
    ours, theirs = native.seeded_twister(11), native.seeded_twister(11)
    words = native.words_(theirs, 100_000)
    np.testing.assert_array_equal(native.remainders_(ours, 100_000, length, 0), (words % length).astype(np.int64))


def test_declines(native):
    state = native.seeded_twister(0)
    read_only = state.copy()
    read_only.flags.writeable = False
    beyond = state.copy()
    beyond[-1] = 625
    for odd in (state[:-1], state.astype(np.int64), read_only, beyond, None):
        assert native.words_(odd, 1) is NotImplemented
    assert native.words_(state, -1) is NotImplemented
    assert native.remainders_(state, 1, 1 << 28, 0) is NotImplemented
    assert native.remainders_(state, 1, 0, 0) is NotImplemented
    assert native.seeded_twister(-1) is NotImplemented and native.seeded_twister(1 << 32) is NotImplemented


def test_transforms_in_double(native):
    uniforms = native.uniform53_(native.seeded_twister(1), 16 * 700)
    same(native.box_muller64(uniforms), definition(box_muller.box_muller64)(uniforms))
    same(native.pairs_of_normals(uniforms), definition(continuous.pairs_of_normals)(uniforms))
    same(native.libm_log1p(-uniforms), definition(arithmetic.libm_log1p)(-uniforms))
    assert native.box_muller64(uniforms[:15]) is NotImplemented
    assert native.pairs_of_normals(uniforms[:15]) is NotImplemented


@pytest.mark.parametrize(("factor", "offset"), [(2.0, -1.0), (0.1, 0.7), (1e-3, 1e3), (-3.3, 1e-7)])
def test_one_rounding(native, factor, offset):
    x = native.uniform53_(native.seeded_twister(2), 50_000)
    same(native.fma64(x, factor, offset), definition(arithmetic.fma64)(x, factor, offset))
    x = native.uniform24_(native.seeded_twister(2), 50_000)
    same(native.fma32(x, factor, offset), definition(arithmetic.fma32)(x, factor, offset))
