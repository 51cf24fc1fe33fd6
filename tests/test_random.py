"""Same seed, same numbers: every sampler against PyTorch's CPU generator, bit for bit, and its state too."""

import copy
import doctest
import math
import pickle
import subprocess
import sys
from fractions import Fraction

import ml_dtypes
import numpy as np
import pytest

from rushlight import random as R
from rushlight.random import arithmetic, box_muller, continuous, discrete, generator, in_place, rejection

SEEDS = (0, 1, 42, 2**32 - 1, 2**32 + 7, 2**64 - 1)
SIZES = (0, 1, 2, 15, 16, 17, 31, 32, 33, 100, 623, 624, 625, 1000, 10007)
FLOATS = ("float32", "float64", "float16", "bfloat16")
COMPLEX = ("complex64", "complex128")
INTEGERS = ("int64", "int32", "int16", "int8", "uint8")


def dtype(name):
    return np.dtype(ml_dtypes.bfloat16 if name == "bfloat16" else name)


@pytest.fixture(scope="module")
def any_torch():
    return pytest.importorskip("torch")


@pytest.fixture(scope="module")
def torch(any_torch):
    """PyTorch where it computes with AVX2 or AVX-512: elsewhere its own last bits are others."""
    if any_torch.backends.cpu.get_cpu_capability() not in ("AVX2", "AVX512"):
        pytest.skip("PyTorch computes without AVX2 here; test_any_processor holds what remains equal")
    return any_torch


def raw(x):
    """The bytes of an array or of a tensor of either library."""
    x = getattr(x, "_array", x)
    if isinstance(x, np.ndarray):
        return np.ascontiguousarray(x).tobytes()
    import torch

    return x.reshape(-1).view(torch.uint8).numpy().tobytes() if x.numel() else b""


def to_numpy(t):
    import torch

    return t.view(torch.int16).numpy().view(ml_dtypes.bfloat16) if t.dtype == torch.bfloat16 else t.numpy()


class Twins:
    """PyTorch's generator and ours from one seed, and the comparison of what they draw."""

    def __init__(self, torch, seed):
        self.theirs = torch.Generator().manual_seed(seed)
        self.ours = R.Generator().manual_seed(seed)

    def same(self, theirs, ours, what=None):
        assert tuple(theirs.shape) == ours.shape, what
        assert raw(theirs) == raw(ours), what
        assert raw(self.theirs.get_state()) == raw(self.ours.get_state()), what


SAMPLERS = {
    # name: (dtypes, parameters, torch's draw, ours)
    "rand": (
        FLOATS + COMPLEX,
        [()],
        lambda torch, g, n, t: torch.rand(n, dtype=t, generator=g),
        lambda g, n, kind: R.uniform(g, (n,), kind),
    ),
    "uniform_": (
        FLOATS + COMPLEX,
        [(-0.1, 0.3), (2.0, 2.0), (-1e3, 1e-3), (0.0, 3.3), (0.5, 1.5)],
        lambda torch, g, n, t, a, b: torch.empty(n, dtype=t).uniform_(a, b, generator=g),
        lambda g, n, kind, a, b: R.uniform(g, (n,), kind, a, b),
    ),
    "randn": (
        FLOATS + COMPLEX,
        [()],
        lambda torch, g, n, t: torch.randn(n, dtype=t, generator=g),
        lambda g, n, kind: R.normal(g, (n,), kind),
    ),
    "normal_": (
        FLOATS + COMPLEX,
        [(0.3, 1.7), (0.0, 0.02), (-5.0, 1.0), (1e3, 1e-3), (1.0, 0.0)],
        lambda torch, g, n, t, mean, std: torch.empty(n, dtype=t).normal_(mean, std, generator=g),
        lambda g, n, kind, mean, std: R.normal(g, (n,), kind, mean, std),
    ),
    "exponential_": (
        FLOATS,
        [(1.0,), (0.1,), (7.3,), (math.inf,)],
        lambda torch, g, n, t, rate: torch.empty(n, dtype=t).exponential_(rate, generator=g),
        lambda g, n, kind, rate: R.exponential(g, (n,), kind, rate),
    ),
    "cauchy_": (
        FLOATS,
        [(0.0, 1.0), (0.3, 1.7)],
        lambda torch, g, n, t, median, sigma: torch.empty(n, dtype=t).cauchy_(median, sigma, generator=g),
        lambda g, n, kind, median, sigma: R.cauchy(g, (n,), kind, median, sigma),
    ),
    "log_normal_": (
        FLOATS,
        [(1.0, 2.0), (0.3, 0.7), (5.0, 400.0)],
        lambda torch, g, n, t, mean, std: torch.empty(n, dtype=t).log_normal_(mean, std, generator=g),
        lambda g, n, kind, mean, std: R.log_normal(g, (n,), kind, mean, std),
    ),
    "geometric_": (
        FLOATS + INTEGERS,
        [(0.1,), (0.5,), (0.93,)],
        lambda torch, g, n, t, p: torch.empty(n, dtype=t).geometric_(p, generator=g),
        lambda g, n, kind, p: R.geometric(g, (n,), kind, p),
    ),
    "bernoulli_": (
        (*FLOATS, *INTEGERS, "bool"),
        [(0.0,), (0.1,), (0.5,), (2 / 3,), (1.0,)],
        lambda torch, g, n, t, p: torch.empty(n, dtype=t).bernoulli_(p, generator=g),
        lambda g, n, kind, p: R.bernoulli(g, (n,), kind, p),
    ),
    "random_": (
        (*FLOATS, *INTEGERS, "bool"),
        [()],
        lambda torch, g, n, t: torch.empty(n, dtype=t).random_(generator=g),
        lambda g, n, kind: R.random_integers(g, (n,), kind),
    ),
    "random_ from": (
        FLOATS + INTEGERS,
        [(0,), (1,), (57,)],
        lambda torch, g, n, t, low: torch.empty(n, dtype=t).random_(low, None, generator=g),
        lambda g, n, kind, low: R.integers(g, (n,), kind, low),
    ),
    "random_ 64 bits": (
        ("int64", "float64", "float32", "bfloat16"),
        [(-(2**63),)],
        lambda torch, g, n, t, low: torch.empty(n, dtype=t).random_(low, None, generator=g),
        lambda g, n, kind, low: R.integers(g, (n,), kind, low),
    ),
    "randint small": (
        (*FLOATS, *INTEGERS, "uint16", "uint32", "uint64"),
        [(0, 1), (0, 10), (3, 127)],
        lambda torch, g, n, t, low, high: torch.randint(low, high, (n,), dtype=t, generator=g),
        lambda g, n, kind, low, high: R.integers(g, (n,), kind, low, high),
    ),
    "randint bool": (
        ("bool",),
        [(0, 2), (1, 2)],
        lambda torch, g, n, t, low, high: torch.randint(low, high, (n,), dtype=t, generator=g),
        lambda g, n, kind, low, high: R.integers(g, (n,), kind, low, high),
    ),
    "randint large": (
        ("int64", "float64"),
        [(-7, 2**28 - 8), (0, 2**28), (-5, 2**40), (2**52, 2**52 + 9), (-(2**62), 2**62)],
        lambda torch, g, n, t, low, high: torch.randint(low, high, (n,), dtype=t, generator=g),
        lambda g, n, kind, low, high: R.integers(g, (n,), kind, low, high),
    ),
    "randint whole": (
        ("int64",),
        [(-(2**63), 2**63 - 1)],
        lambda torch, g, n, t, low, high: torch.randint(low, high, (n,), dtype=t, generator=g),
        lambda g, n, kind, low, high: R.integers(g, (n,), kind, low, high),
    ),
    "randint rounded": (  # bounds that the type cannot hold are moved inwards
        ("float16", "bfloat16"),
        [(0, 4001), (-4001, 5), (-2049, 2051), (256, 513)],
        lambda torch, g, n, t, low, high: torch.randint(low, high, (n,), dtype=t, generator=g),
        lambda g, n, kind, low, high: R.integers(g, (n,), kind, low, high),
    ),
}


@pytest.mark.parametrize("name", SAMPLERS)
@pytest.mark.filterwarnings("ignore:.*out of bounds:UserWarning")
def test_sampler_is_torchs(torch, name):
    dtypes, parameters, theirs, ours = SAMPLERS[name]
    for i, kind in enumerate(dtypes):
        for j, values in enumerate(parameters):
            twins = Twins(torch, SEEDS[(i + j) % len(SEEDS)])
            for n in SIZES:  # one after the other, so that a spare normal and a used block are met as well
                a = theirs(torch, twins.theirs, n, getattr(torch, kind), *values)
                twins.same(a, ours(twins.ours, n, dtype(kind), *values), (kind, values, n))


@pytest.mark.parametrize("name", SAMPLERS)
@pytest.mark.filterwarnings("ignore:.*out of bounds:UserWarning")
def test_any_processor(any_torch, name):
    """Whatever PyTorch is compiled for: the same words used, the same integers, floats to their rounding."""
    dtypes, parameters, theirs, ours = SAMPLERS[name]
    if {"float32", "float64"} <= set(dtypes):
        dtypes = ("float32", "float64")
    for kind in dtypes:
        for values in parameters:
            twins = Twins(any_torch, 21)
            a = to_numpy(theirs(any_torch, twins.theirs, 1000, getattr(any_torch, kind), *values)).astype(float)
            b = ours(twins.ours, 1000, dtype(kind), *values).astype(float)
            np.testing.assert_allclose(b, a, rtol=1e-4, atol=1e-4, err_msg=f"{kind} {values}")
            assert_same_state(twins)


def assert_same_state(twins):
    """A spare normal may differ in its last bit; all else in the state is the same."""
    a, b = (np.frombuffer(raw(g.get_state()), generator.STATE)[0] for g in (twins.theirs, twins.ours))
    for field in ("seed", "left", "next", "words", "has_spare_normal"):
        np.testing.assert_array_equal(a[field], b[field])


@pytest.mark.parametrize("seed", SEEDS)
def test_seeds(torch, seed):
    twins = Twins(torch, seed)
    assert twins.ours.initial_seed() == twins.theirs.initial_seed() == seed
    for n in SIZES:
        twins.same(torch.rand(n, generator=twins.theirs), R.uniform(twins.ours, (n,)))
        twins.same(torch.randn(n, generator=twins.theirs), R.normal(twins.ours, (n,)))


def test_large_draws(torch):
    twins, n = Twins(torch, 5), 300_007
    g, h = twins.theirs, twins.ours
    twins.same(torch.randn(n, generator=g), R.normal(h, (n,)))
    twins.same(torch.rand(n, generator=g), R.uniform(h, (n,)))
    twins.same(torch.empty(n).uniform_(-0.3, 0.1, generator=g), R.uniform(h, (n,), low=-0.3, high=0.1))
    twins.same(torch.randn(n, generator=g, dtype=torch.bfloat16), R.normal(h, (n,), dtype("bfloat16")))
    twins.same(torch.randperm(n, generator=g), R.permutation(h, n))
    twins.same(torch.empty(n).bernoulli_(0.3, generator=g), R.bernoulli(h, (n,), p=0.3))
    twins.same(torch.randint(0, 10, (n,), generator=g), R.integers(h, (n,), low=0, high=10))


def test_shapes(torch):
    twins = Twins(torch, 5)
    for shape in ((), (1,), (4, 0, 3), (5, 7), (2, 3, 4, 5)):
        twins.same(torch.rand(shape, generator=twins.theirs), R.uniform(twins.ours, shape))
        twins.same(torch.randn(shape, generator=twins.theirs), R.normal(twins.ours, shape))
        high = torch.randint(9, shape, generator=twins.theirs)
        twins.same(high, R.integers(twins.ours, shape, high=9))


def test_permutation(torch):
    twins = Twins(torch, 8)
    for kind in ("int64", "int32", "float64", "int16", "float32"):
        for n in SIZES:
            theirs = torch.randperm(n, dtype=getattr(torch, kind), generator=twins.theirs)
            twins.same(theirs, R.permutation(twins.ours, n, dtype(kind)), (kind, n))
    for kind, n in (("uint8", 255), ("int8", 127), ("float16", 2049), ("bfloat16", 257)):
        theirs = torch.randperm(n, dtype=getattr(torch, kind), generator=twins.theirs)
        twins.same(theirs, R.permutation(twins.ours, n, dtype(kind)), kind)


def test_shuffle_is_the_loop():
    for seed in range(20):
        for n in (0, 1, 2, 3, 4, 10, 300):
            order, words = list(range(n)), R.Generator().manual_seed(seed).words(max(n - 1, 0)).tolist()
            for i, word in enumerate(words):
                j = i + word % (n - i)
                order[i], order[j] = order[j], order[i]
            assert R.permutation(R.Generator().manual_seed(seed), n).tolist() == order


def test_shuffle_of_very_many():
    """From 214,748,364 elements on; compared with PyTorch once, since it takes gigabytes. Here its rule in small."""
    g = R.Generator().manual_seed(1)
    order = discrete._shuffle_inside_out(g, 1000)
    assert sorted(order.tolist()) == list(range(1000))
    words, loop = R.Generator().manual_seed(1).words64(1000).tolist(), []
    for i, word in enumerate(words):
        j = word % (i + 1)
        loop.append(i if j == i else loop[j])
        loop[j] = i
    assert order.tolist() == loop


@pytest.mark.parametrize("kind", FLOATS)
def test_bernoulli_each(torch, kind):
    twins = Twins(torch, 3)
    for out in (None, "float32", "int64", "bool"):
        for shape in ((0,), (1,), (1000,), (30, 40)):
            p = torch.rand(shape).to(getattr(torch, kind))
            if out is None:
                theirs = torch.bernoulli(p, generator=twins.theirs)
            else:
                theirs = torch.empty(shape, dtype=getattr(torch, out)).bernoulli_(p, generator=twins.theirs)
            twins.same(theirs, R.bernoulli_each(twins.ours, to_numpy(p), None if out is None else dtype(out)))


@pytest.mark.parametrize("kind", FLOATS)
def test_normal_around(torch, kind):
    twins = Twins(torch, 3)
    for shape in ((5,), (3, 4), (40, 50)):
        mean = torch.randn(shape).to(getattr(torch, kind))
        std = torch.rand(shape).to(getattr(torch, kind))
        a, b = to_numpy(mean), to_numpy(std)
        twins.same(torch.normal(mean, std, generator=twins.theirs), R.normal_around(twins.ours, a, b))
        twins.same(torch.normal(mean, 1.7, generator=twins.theirs), R.normal_around(twins.ours, a, 1.7))
        twins.same(torch.normal(0.3, std, generator=twins.theirs), R.normal_around(twins.ours, 0.3, b))
        twins.same(torch.normal(mean[:1], std, generator=twins.theirs), R.normal_around(twins.ours, a[:1], b))


@pytest.mark.parametrize("kind", FLOATS)
def test_multinomial(torch, kind):
    twins = Twins(torch, 4)
    for shape in ((1,), (2,), (7,), (1000,), (3, 1), (3, 5), (4, 500), (0, 3)):
        weights = (torch.rand(shape) + 0.01).to(getattr(torch, kind))
        for samples in (1, 2, 50):
            theirs = torch.multinomial(weights, samples, True, generator=twins.theirs)
            twins.same(theirs, R.multinomial(twins.ours, to_numpy(weights), samples, True), (shape, samples))
    sparse = torch.zeros(10, dtype=getattr(torch, kind))
    sparse[[2, 5]] = 1
    for samples, again in ((1, False), (1, True), (2, False), (9, True)):
        theirs = torch.multinomial(sparse, samples, again, generator=twins.theirs)
        twins.same(theirs, R.multinomial(twins.ours, to_numpy(sparse), samples, again), samples)


@pytest.mark.parametrize("kind", ("float32", "float64"))
def test_multinomial_without_replacement(torch, kind):
    twins, fixed = Twins(torch, 4), torch.Generator().manual_seed(1)
    for shape in ((1,), (2,), (7,), (1000,), (3, 1), (3, 5), (4, 500)):
        weights = (torch.rand(shape, generator=fixed) + 0.01).to(getattr(torch, kind))
        for samples in {1, shape[-1] // 2 or 1, shape[-1]}:
            theirs = torch.multinomial(weights, samples, generator=twins.theirs)
            twins.same(theirs, R.multinomial(twins.ours, to_numpy(weights), samples), (shape, samples))


@pytest.mark.parametrize("kind", ("float16", "bfloat16"))
def test_multinomial_without_replacement_where_keys_tie(torch, kind):
    """In 16 bits two categories may get the same key, and which comes first is chance: the keys must agree."""
    twins = Twins(torch, 4)
    for categories in (7, 100, 500):
        weights = (torch.rand(categories) + 0.01).to(getattr(torch, kind))
        keys = to_numpy(weights) / R.exponential(twins.ours.clone_state(), (categories,), dtype(kind))
        theirs = torch.multinomial(weights, categories // 2, generator=twins.theirs).numpy()
        ours = R.multinomial(twins.ours, to_numpy(weights), categories // 2)
        np.testing.assert_array_equal(keys[ours], keys[theirs])
        assert raw(twins.theirs.get_state()) == raw(twins.ours.get_state())


@pytest.mark.parametrize("p", (0.0, 0.1, 0.5, 0.73, 1.0))
def test_dropout_mask(torch, p):
    for kind in FLOATS:
        torch.manual_seed(9)
        g = R.Generator().manual_seed(9)
        for shape in ((10,), (3, 50), (2, 3, 4, 5)):
            x = torch.ones(shape, dtype=getattr(torch, kind))
            theirs = torch.nn.functional.dropout(x, p)
            np.testing.assert_array_equal(R.dropout_mask(g, shape, p), (theirs != 0).numpy())
            theirs = torch.nn.functional.dropout2d(torch.ones(2, 3, 4, 5), p)[:, :, :1, :1]
            np.testing.assert_array_equal(R.dropout_mask(g, (2, 3, 1, 1), p), (theirs != 0).numpy())
        assert raw(torch.get_rng_state()) == raw(g.get_state())


def test_kinds_in_turn(torch):
    """Spare normals survive other draws, and seeding forgets them."""
    twins = Twins(torch, 6)
    g, h = twins.theirs, twins.ours
    for _ in range(30):
        twins.same(torch.randn(3, generator=g), R.normal(h, (3,)))
        twins.same(torch.rand(2, generator=g), R.uniform(h, (2,)))
        twins.same(torch.randn(1, generator=g, dtype=torch.float64), R.normal(h, (1,), np.float64))
        twins.same(torch.randn(17, generator=g), R.normal(h, (17,)))
        twins.same(torch.empty(3).log_normal_(generator=g), R.log_normal(h, (3,)))
        twins.same(torch.randperm(5, generator=g), R.permutation(h, 5))
        twins.same(torch.randn(5, generator=g, dtype=torch.float16), R.normal(h, (5,), np.float16))
    g.manual_seed(6)
    h.manual_seed(6)
    twins.same(torch.randn(3, generator=g), R.normal(h, (3,)))


@pytest.mark.parametrize("axes", ((0, 1, 2, 3), (0, 2, 3, 1), (3, 2, 1, 0), (1, 0, 3, 2)))
@pytest.mark.parametrize("kind", FLOATS)
def test_in_place_in_memory_order(torch, axes, kind):
    twins, t = Twins(torch, 2), getattr(torch, kind)
    g, h = twins.theirs, twins.ours

    def pair():
        return torch.zeros(3, 2, 4, 5, dtype=t).permute(axes), np.zeros((3, 2, 4, 5), dtype(kind)).transpose(axes)

    for fill in (
        (lambda x: x.normal_(0.5, 2.0, generator=g), lambda x: R.normal_(x, h, 0.5, 2.0)),
        (lambda x: x.uniform_(-1, 2, generator=g), lambda x: R.uniform_(x, h, low=-1, high=2)),
        (lambda x: x.exponential_(2.0, generator=g), lambda x: R.exponential_(x, h, lambd=2.0)),
        (lambda x: x.cauchy_(generator=g), lambda x: R.cauchy_(x, h)),
        (lambda x: x.log_normal_(generator=g), lambda x: R.log_normal_(x, h)),
        (lambda x: x.geometric_(0.3, generator=g), lambda x: R.geometric_(x, h, p=0.3)),
        (lambda x: x.bernoulli_(0.3, generator=g), lambda x: R.bernoulli_(x, h, p=0.3)),
        (lambda x: x.random_(5, 90, generator=g), lambda x: R.integers_(x, h, low=5, high=90)),
        (lambda x: x.random_(generator=g), lambda x: R.random_integers_(x, h)),
    ):
        theirs, ours = pair()
        twins.same(fill[0](theirs), fill[1](ours))
    theirs, ours = pair()
    p = torch.rand(theirs.shape[-1])
    twins.same(theirs.bernoulli_(p, generator=g), R.bernoulli_each_(ours, p.numpy(), h))


def test_in_place_on_a_part(torch):
    twins = Twins(torch, 2)
    theirs, ours = torch.zeros(20, 3), np.zeros((20, 3), np.float32)
    theirs[:, 1].normal_(generator=twins.theirs)
    assert R.normal_(ours[:, 1], twins.ours).base is ours
    twins.same(theirs, ours)
    twins.same(theirs[::2].uniform_(generator=twins.theirs), R.uniform_(ours[::2], twins.ours))
    a, b = torch.zeros(6, 4, dtype=torch.complex64).t(), np.zeros((6, 4), np.complex64).T
    twins.same(a.normal_(generator=twins.theirs), R.normal_(b, twins.ours))
    twins.same(a.uniform_(generator=twins.theirs), R.uniform_(b, twins.ours))


@pytest.mark.parametrize("kind", ("float32", "float64"))
def test_rejection(torch, kind):
    numbers = np.random.RandomState(0)
    for seed in range(4):
        twins = Twins(torch, seed)
        for scale in (1, 3, 100, 1000):
            a = (numbers.rand(40) * scale).astype(kind)
            t = torch.from_numpy(a)
            twins.same(torch.poisson(t, generator=twins.theirs), R.poisson(twins.ours, a), scale)
            twins.same(torch._standard_gamma(t, generator=twins.theirs), R.standard_gamma(twins.ours, a), scale)
            count, p = numbers.randint(0, scale + 1, 40).astype(kind), numbers.rand(40).astype(kind)
            theirs = torch.binomial(torch.from_numpy(count), torch.from_numpy(p), generator=twins.theirs)
            twins.same(theirs, R.binomial(twins.ours, count, p), scale)
            theirs = torch._sample_dirichlet(t.reshape(4, 10), generator=twins.theirs)
            ours = R.dirichlet(twins.ours, a.reshape(4, 10))
            np.testing.assert_array_max_ulp(ours, theirs.numpy(), 0 if kind == "float32" else 8)
            assert raw(twins.theirs.get_state()) == raw(twins.ours.get_state())


def test_recorded():
    """Without PyTorch at hand: what torch 2.13 gave."""
    g = R.Generator().manual_seed(0)
    assert R.uniform(g, (2,)).tolist() == [0.49625658988952637, 0.7682217955589294]
    assert R.normal(g, (2,)).tolist() == [-0.29050925374031067, -1.0703703165054321]
    assert R.normal(g, (17,))[[0, 7, 8, 15, 16]].tolist() == [
        -0.31601276993751526,
        0.8743818402290344,
        -0.14347384870052338,
        -0.41280221939086914,
        -0.8410648107528687,
    ]
    assert R.permutation(g, 8).tolist() == [0, 5, 1, 4, 2, 6, 7, 3]
    assert R.integers(g, (4,), low=-5, high=2**40).tolist() == [634210482372, 612970528123, 139885028971, 40950680755]
    assert R.dropout_mask(g, (8,), 0.5).tolist() == [False, False, True, False, False, True, True, True]


# ---- the generator ---------------------------------------------------------------------------------------------------


def test_state_goes_both_ways(torch):
    twins = Twins(torch, 11)
    for n in (0, 3, 619, 1, 1, 1, 5000):
        assert raw(twins.theirs.get_state()) == raw(twins.ours.get_state())
        twins.same(torch.rand(n, generator=twins.theirs), R.uniform(twins.ours, (n,)))
    torch.randn(3, generator=twins.theirs)
    other = R.Generator()
    other.set_state(twins.theirs.get_state().numpy())
    assert other.initial_seed() == 11
    R.normal(twins.ours, (3,))
    state = twins.ours.get_state()
    assert str(state.dtype) == "torch.uint8"
    assert state.shape == (5056,)
    twins.theirs.set_state(torch.from_numpy(twins.ours.get_state().numpy()))
    for n in (1, 20):
        twins.same(torch.randn(n, generator=twins.theirs), R.normal(twins.ours, (n,)))
        other_normal = R.normal(other, (n,))
    assert raw(other_normal) == raw(R.normal(_went_back(twins.ours, state, 1), (20,)))


def _went_back(generator, state, skipped):
    generator.set_state(state)
    R.normal(generator, (skipped,))
    return generator


def test_a_state_is_a_copy():
    g = R.Generator().manual_seed(1)
    state = g.get_state()
    kept = state.clone()
    first = g.words(700)
    np.testing.assert_array_equal(state, kept)
    g.set_state(state)
    state[:] = 0
    np.testing.assert_array_equal(g.words(700), first)


def test_copies_and_pickles_go_on_alike():
    g = R.Generator().manual_seed(1)
    R.normal(g, (5,))
    for copied in (g.clone_state(), copy.deepcopy(g), pickle.loads(pickle.dumps(g))):
        assert raw(copied.get_state()) == raw(g.get_state())
        assert raw(R.normal(copied, (5,))) == raw(R.normal(g.clone_state(), (5,)))


def test_seeds_and_their_errors(torch):
    g = R.Generator()
    assert g.initial_seed() == torch.Generator().initial_seed()
    assert raw(R.uniform(g, (3,))) == raw(torch.rand(3, generator=torch.Generator()))
    assert g.manual_seed(-5).initial_seed() == torch.Generator().manual_seed(-5).initial_seed()
    assert g.manual_seed(np.int64(3)).initial_seed() == 3
    for seed, error in ((1.5, RuntimeError), (True, RuntimeError), ("3", RuntimeError), (2**64, ValueError)):
        with pytest.raises(error, match="manual_seed"):
            g.manual_seed(seed)
        with pytest.raises(error):
            torch.Generator().manual_seed(seed)
    assert g.initial_seed() == 3
    assert g.seed() == g.initial_seed() != 3
    assert str(g.device) == "cpu"
    with pytest.raises(RuntimeError):
        R.Generator("cuda")
    for call in (g.get_offset, lambda: g.set_offset(3)):
        with pytest.raises(RuntimeError, match="offset"):
            call()


def test_state_errors():
    g = R.Generator().manual_seed(1)
    before = g.get_state()
    broken = before.clone()
    broken[8] = 77  # words left
    for state, error in (
        (np.zeros(5056), TypeError),
        (np.zeros(10, np.uint8), RuntimeError),
        (np.zeros(5056, np.uint8), RuntimeError),
        (broken, RuntimeError),
    ):
        with pytest.raises(error, match="set_state"):
            g.set_state(state)
    np.testing.assert_array_equal(g.get_state(), before)


def test_default_generator(torch):
    assert R.manual_seed(3) is R.default_generator
    torch.manual_seed(3)
    assert R.initial_seed() == 3
    assert raw(R.uniform(None, (5,))) == raw(torch.rand(5))
    state = R.get_rng_state()
    assert raw(state) == raw(torch.get_rng_state())
    first = R.normal(None, (5,))
    with R.fork_rng():
        R.manual_seed(77)
        R.normal(None, (50,))
    second = R.normal(None, (5,))
    R.set_rng_state(state)
    assert raw(R.normal(None, (5,))) == raw(first)
    assert raw(R.normal(None, (5,))) == raw(second)
    assert R.manual_seed("4").initial_seed() == R.manual_seed(4.7).initial_seed() == 4
    assert R.seed() == R.initial_seed()


def test_fork_rng():
    R.manual_seed(1)
    before = R.get_rng_state()
    with pytest.raises(KeyError), R.fork_rng():
        R.uniform(None, (5,))
        raise KeyError
    np.testing.assert_array_equal(R.get_rng_state(), before)
    with R.fork_rng(devices=[], device_type="cuda"):
        R.uniform(None, (5,))
    np.testing.assert_array_equal(R.get_rng_state(), before)
    with R.fork_rng(enabled=False):
        R.uniform(None, (5,))
    assert (R.get_rng_state() != before).any()
    with pytest.raises(NotImplementedError, match="cuda:0"), R.fork_rng(devices=["cuda:0"]):
        pass


def test_default_generator_differs_by_process():
    code = "from rushlight.random import initial_seed; print(initial_seed())"
    seeds = {subprocess.run([sys.executable, "-c", code], capture_output=True, text=True).stdout for _ in range(2)}
    assert len(seeds) == 2


def test_import_leaves_numpy_random_alone():
    code = "import sys, rushlight.random; sys.exit('numpy.random._mt19937' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code]).returncode == 0


# ---- arguments -------------------------------------------------------------------------------------------------------

BAD = [
    (RuntimeError, lambda g: R.uniform(g, (3,), low=2, high=1)),
    (RuntimeError, lambda g: R.uniform(g, (3,), low=math.nan)),
    (RuntimeError, lambda g: R.uniform(g, (3,), np.float16, 0, 1e6)),
    (RuntimeError, lambda g: R.uniform(g, (3,), low=-3e38, high=3e38)),
    (RuntimeError, lambda g: R.uniform(g, (3, -1))),
    (NotImplementedError, lambda g: R.uniform(g, (3,), np.int64)),
    (NotImplementedError, lambda g: R.normal(g, (3,), np.int64)),
    (RuntimeError, lambda g: R.normal(g, (3,), std=-1)),
    (RuntimeError, lambda g: R.normal(g, (3,), std=math.nan)),
    (RuntimeError, lambda g: R.normal(g, (-3,))),
    (RuntimeError, lambda g: R.normal_around(g, np.zeros(3), -np.ones(3))),
    (RuntimeError, lambda g: R.exponential(g, (3,), lambd=0)),
    (RuntimeError, lambda g: R.exponential(g, (3,), np.int64)),
    (RuntimeError, lambda g: R.cauchy(g, (3,), sigma=0)),
    (RuntimeError, lambda g: R.cauchy(g, (3,), np.int64)),
    (RuntimeError, lambda g: R.log_normal(g, (3,), std=0)),
    (NotImplementedError, lambda g: R.log_normal(g, (3,), np.int64)),
    (RuntimeError, lambda g: R.integers(g, (3,), low=5, high=5)),
    (RuntimeError, lambda g: R.integers(g, (0,), low=5, high=4)),
    (RuntimeError, lambda g: R.integers(g, (3,), np.uint8, 0, 300)),
    (RuntimeError, lambda g: R.integers(g, (3,), np.uint8, -5, 5)),
    (RuntimeError, lambda g: R.integers(g, (3,), np.complex64, 0, 5)),
    (RuntimeError, lambda g: R.integers(g, (3,), np.float16, 0, 70000)),
    (RuntimeError, lambda g: R.integers(g, (3,), np.int32, -(2**63))),
    (RuntimeError, lambda g: R.integers(g, (3,), ml_dtypes.bfloat16, 2049, 2054)),
    (TypeError, lambda g: R.integers(g, (3,), low=0, high=2.5)),
    (NotImplementedError, lambda g: R.random_integers(g, (3,), np.uint16)),
    (NotImplementedError, lambda g: R.random_integers(g, (3,), np.complex64)),
    (RuntimeError, lambda g: R.permutation(g, -1)),
    (RuntimeError, lambda g: R.permutation(g, 256, np.uint8)),
    (RuntimeError, lambda g: R.permutation(g, 2050, np.float16)),
    (NotImplementedError, lambda g: R.permutation(g, 3, bool)),
    (RuntimeError, lambda g: R.bernoulli(g, (3,), p=1.5)),
    (RuntimeError, lambda g: R.bernoulli(g, (3,), p=math.nan)),
    (NotImplementedError, lambda g: R.bernoulli(g, (3,), np.complex64)),
    (RuntimeError, lambda g: R.bernoulli_each(g, np.array([0.5, 1.5]))),
    (RuntimeError, lambda g: R.bernoulli_each(g, np.array([math.nan]))),
    (NotImplementedError, lambda g: R.bernoulli_each(g, np.ones(2, np.int64))),
    (ValueError, lambda g: R.dropout_mask(g, (3,), 1.5)),
    (RuntimeError, lambda g: R.geometric(g, (3,), p=0)),
    (RuntimeError, lambda g: R.geometric(g, (3,), p=1)),
    (NotImplementedError, lambda g: R.geometric(g, (3,), bool)),
    (RuntimeError, lambda g: R.multinomial(g, np.ones(3), 0)),
    (RuntimeError, lambda g: R.multinomial(g, np.ones(3), 4)),
    (RuntimeError, lambda g: R.multinomial(g, np.ones((2, 2, 2)), 1)),
    (RuntimeError, lambda g: R.multinomial(g, np.ones(()), 1)),
    (RuntimeError, lambda g: R.multinomial(g, np.ones(3, np.int64), 1)),
    (RuntimeError, lambda g: R.multinomial(g, np.zeros(3), 1)),
    (RuntimeError, lambda g: R.multinomial(g, np.array([[1.0, 1], [0, 0]]), 1, True)),
    (RuntimeError, lambda g: R.multinomial(g, np.array([1.0, -1]), 1)),
    (RuntimeError, lambda g: R.multinomial(g, np.array([1.0, math.inf]), 1)),
    (RuntimeError, lambda g: R.multinomial(g, np.array([1.0, math.nan]), 2, True)),
    (RuntimeError, lambda g: R.multinomial(g, np.ones((3, 0)), 1)),
    (RuntimeError, lambda g: R.poisson(g, np.array([-1.0]))),
    (NotImplementedError, lambda g: R.poisson(g, np.array([1]))),
    (NotImplementedError, lambda g: R.standard_gamma(g, np.ones(2, np.float16))),
    (RuntimeError, lambda g: R.binomial(g, np.ones(2), np.ones(3))),
]


@pytest.mark.parametrize("number", range(len(BAD)))
def test_errors_come_before_drawing(number):
    error, call = BAD[number]
    g = R.Generator().manual_seed(1)
    with pytest.raises(error):
        call(g)
    np.testing.assert_array_equal(g.get_state(), R.Generator().manual_seed(1).get_state())


@pytest.mark.parametrize("module", (continuous, discrete, generator, in_place, rejection))
def test_examples(module):
    assert doctest.testmod(module).failed == 0


# ---- arithmetic ------------------------------------------------------------------------------------------------------


def test_fma64_rounds_once():
    numbers = np.random.RandomState(0)
    for scale in (-1000, -60, -1, 0, 1, 60, 1000):
        x = numbers.standard_normal(300)
        factor = float(np.ldexp(numbers.standard_normal(), scale // 2))
        for offset in (0.0, 1.0, float(np.ldexp(numbers.standard_normal(), scale)), -factor * x[0]):
            exact = [float(Fraction(a) * Fraction(factor) + Fraction(offset)) for a in x.tolist()]
            np.testing.assert_array_equal(arithmetic.fma64(x, factor, offset), exact)


def test_fma32_rounds_once_where_rounding_twice_goes_wrong():
    # (1 + 2^-23) (1 + 2^-23) + 2^-100: the float64 sum lies midway between two floats, the exact one a little above.
    x = np.array([1 + 2**-23, 1 - 2**-24, 1.5], np.float32)
    for factor, offset in ((1 + 2**-23, 2.0**-100), (1 + 2**-23, -(2.0**-100)), (1 - 2**-24, 2.0**-90), (0.1, 0.3)):
        exact = [_nearest_float(Fraction(float(a)) * _float(factor) + _float(offset)) for a in x]
        np.testing.assert_array_equal(arithmetic.fma32(x, factor, offset), np.array(exact, np.float32))


def _float(x):
    return Fraction(float(np.float32(x)))


def _nearest_float(exact):
    near = np.float32(float(exact))
    around = [np.nextafter(near, np.float32(-np.inf)), near, np.nextafter(near, np.float32(np.inf))]
    return min(around, key=lambda f: (abs(Fraction(float(f)) - exact), int(f.view(np.int32)) & 1))


def test_polynomials_are_close_to_the_functions():
    u = np.arange(0, 1 << 24, 997).astype(np.float32) * np.float32(2**-24)
    x = (np.float32(1) - u).astype(np.float64)
    np.testing.assert_allclose(box_muller.log32(x.astype(np.float32)), np.log(x), rtol=2e-7, atol=1e-9)
    angle = u * box_muller.TWO_PI
    cos, sin = box_muller.cos_sin32(angle)
    np.testing.assert_allclose(cos, np.cos(angle.astype(np.float64)), atol=2e-7)
    np.testing.assert_allclose(sin, np.sin(angle.astype(np.float64)), atol=2e-7)


def test_log_and_exp_at_their_ends():
    np.testing.assert_array_equal(arithmetic.log(np.array([0.0, 1.0])), [-np.inf, 0.0])
    np.testing.assert_array_equal(arithmetic.exp(np.array([-1e4, 0.0, 1e4])), [0.0, 1.0, np.inf])
