"""`repr` writes what PyTorch writes."""

import numpy as np
import pytest

import rushlight
from rushlight import printing

torch = pytest.importorskip("torch")
rng = np.random.default_rng(0)
nan, inf = float("nan"), float("inf")

ARRAYS = {
    "scalar": np.float32(3.14159),
    "whole": np.float32([1, 2, 3]),
    "fixed": np.float32([1.5, -2.25, 300]),
    "large": np.float32([1e9, 1]),
    "small": np.float32([1e-5, 0.5]),
    "wide": np.float32([0.001, 1000.5]),
    "nan": np.float32([nan, inf, -inf, 1]),
    "only nan": np.float32([nan, nan]),
    "nan fixed": np.float32([nan, 1.5]),
    "nan scientific": np.float32([nan, -inf, 1e-9]),
    "zeros": np.zeros((2, 2), np.float32),
    "negative zero": np.float32([-0.0, 0.5]),
    "double": rng.standard_normal(5),
    "half": rng.standard_normal(5).astype(np.float16),
    "ints": np.array([[1, -20], [300, 4]]),
    "int32": np.array([1, 2], np.int32),
    "uint8": np.array([1, 200], np.uint8),
    "bool": np.array([True, False]),
    "complex": (rng.standard_normal(4) + 1j * rng.standard_normal(4)).astype(np.complex64),
    "complex whole": np.array([1 + 2j, -3 - 4j]),
    "complex nan": np.array([complex(nan, 1), complex(1.5, -inf)], np.complex64),
    "complex scalar": np.complex64(1 - 2j),
    "matrix": rng.standard_normal((3, 4)).astype(np.float32),
    "cube": rng.standard_normal((2, 3, 2)).astype(np.float32),
    "4-d": rng.standard_normal((2, 1, 2, 2)).astype(np.float32),
    "long": np.arange(100),
    "long floats": rng.standard_normal(60).astype(np.float32),
    "summary": rng.standard_normal(2000).astype(np.float32),
    "summary matrix": rng.standard_normal((50, 30)).astype(np.float32),
    "summary cube": np.arange(2000).reshape(10, 4, 50),
    "summary wide": rng.standard_normal((2, 1000)).astype(np.float32),
    "summary complex": (rng.standard_normal((40, 40)) + 1j).astype(np.complex64),
    "empty": np.zeros(0, np.float32),
    "empty ints": np.zeros(0, np.int64),
    "empty matrix": np.zeros((0, 3), np.float32),
    "empty bools": np.zeros((2, 0), bool),
}


def both(make):
    return repr(make(rushlight)), repr(make(torch))


@pytest.mark.parametrize("array", ARRAYS.values(), ids=ARRAYS)
def test_text(array):
    ours, theirs = both(lambda library: library.tensor(np.asarray(array)))
    assert ours == theirs


def test_bfloat16():
    ours, theirs = both(lambda library: library.tensor([1.5, 2.25]).to(library.bfloat16))
    assert ours == theirs


@pytest.mark.parametrize("n", [1, 3, 12, 13, 14, 15])
def test_suffixes_go_to_a_new_line_where_the_line_is_full(n):
    for make in (
        lambda library: library.tensor(np.full(n, 0.123, np.float32), requires_grad=True),
        lambda library: library.tensor(np.full(n, 0.123), requires_grad=True),
        lambda library: library.tensor(np.full(n, 0.123), requires_grad=True) + 1,
    ):
        ours, theirs = both(make)
        assert ours == theirs


@pytest.mark.parametrize(
    "function",
    [
        lambda x: x + 1,
        lambda x: x - 1,
        lambda x: x * 2,
        lambda x: x / 2,
        lambda x: -x,
        lambda x: x.exp(),
        lambda x: x.sum(),
        lambda x: x.mean(),
        lambda x: x.t(),
        lambda x: x.transpose(0, 1),
        lambda x: x.permute(1, 0),
        lambda x: x.view(-1),
        lambda x: x.unsqueeze(0),
        lambda x: x[0],
        lambda x: x[:, 1:],
        lambda x: x.select(0, 1),
        lambda x: x.clone(),
        lambda x: x.relu(),
        lambda x: x.split(1)[0],
        lambda x: x.unbind()[0],
        lambda x: x @ x,
        lambda x: x.expand(2, 2, 2),
        lambda x: x.squeeze(),
    ],
)
def test_names_of_common_operators(function):
    ours, theirs = both(lambda library: function(library.ones(2, 2, requires_grad=True)))
    assert ours == theirs


def test_named_results():
    ours, theirs = both(lambda library: library.tensor([[1.0, 3.0], [2.0, 0.0]]).max(1))
    assert ours == theirs


SETTINGS = [
    dict(precision=2),
    dict(precision=8, linewidth=40),
    dict(threshold=5),
    dict(threshold=5, edgeitems=1),
    dict(sci_mode=True),
    dict(sci_mode=False),
    dict(profile="short"),
    dict(profile="full"),
]


@pytest.mark.parametrize("settings", SETTINGS, ids=str)
def test_options(settings):
    torch.set_printoptions(**settings)
    try:
        with printing.printoptions(**settings):
            for array in ARRAYS.values():
                ours, theirs = both(lambda library, a=array: library.tensor(np.asarray(a)))
                assert ours == theirs
    finally:
        torch.set_printoptions(profile="default")


def test_random_arrays():
    for seed in range(200):
        r = np.random.default_rng(seed)
        shape = tuple(r.integers(1, 5, r.integers(0, 4)))
        array = np.asarray(r.standard_normal(shape) * 10.0 ** r.integers(-6, 10)).astype(np.float32)
        if seed % 3 == 0:
            array = np.round(array)
        ours, theirs = both(lambda library, a=array: library.tensor(a))
        assert ours == theirs


def test_unknown_profile():
    with pytest.raises(ValueError, match="profile"):
        rushlight.set_printoptions(profile="long")
