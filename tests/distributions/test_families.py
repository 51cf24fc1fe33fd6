"""Every family beside PyTorch's: shapes, moments, samples of the same seed, densities, their gradients."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from cases import CASES, Builder
from compare import LIBRARIES, both, built, close, compare_gradients, numbers, outcome

import rushlight


def dtype_of(name: str) -> str:
    return "float32" if name == "GeneralizedPareto" else "float64"  # PyTorch's log_prob refuses float64 there


@pytest.mark.parametrize("name", CASES)
def test_shapes_and_moments(name):
    (mine, _), (theirs, _) = built(name)
    assert tuple(mine.batch_shape) == tuple(theirs.batch_shape) and tuple(mine.event_shape) == tuple(theirs.event_shape)
    assert mine.has_rsample == theirs.has_rsample and mine.has_enumerate_support == theirs.has_enumerate_support
    for moment in ("mean", "variance", "stddev", "mode"):
        a, b = both(lambda d: getattr(d, moment), (mine, theirs))
        assert isinstance(a, type) == isinstance(b, type), (moment, a, b)
        if isinstance(a, type):
            assert a is b, moment
        else:
            close(a, b, rtol=1e-6)
    assert repr(mine) == repr(theirs)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("name", CASES)
def test_same_seed_same_samples(name, dtype):
    (mine, _), (theirs, _) = built(name, dtype)
    for library in LIBRARIES:
        library.manual_seed(7)
    for shape in ((), (5, 2)):
        a, b = mine.sample(shape), theirs.sample(shape)
        assert not a.requires_grad
        close(a, b)
    after = [library.rand(3) for library in LIBRARIES]
    np.testing.assert_array_equal(*map(numbers, after))  # as many words of the generator were used


@pytest.mark.parametrize("name", CASES)
def test_densities_and_their_gradients(name):
    dtype = dtype_of(name)
    (mine, leaves), (theirs, others) = built(name, dtype)
    torch.manual_seed(1)
    drawn = theirs.sample((4,))
    values = rushlight.from_numpy(drawn.numpy().copy()), drawn
    for function in ("log_prob", "cdf", "icdf"):
        if function == "icdf":
            fractions = np.random.default_rng(0).uniform(0.05, 0.95, (4, *theirs.batch_shape, *theirs.event_shape))
            fractions = fractions.astype(dtype)
            values = rushlight.from_numpy(fractions), torch.from_numpy(fractions)
        a, b = both(lambda d, v: getattr(d, function)(v), (mine, theirs), values)
        if isinstance(b, type):
            assert a is b, function
            continue
        close(a, b)
        compare_gradients(a, leaves, b, others)


@pytest.mark.parametrize("name", CASES)
def test_entropy_and_perplexity(name):
    (mine, leaves), (theirs, others) = built(name)
    for function in ("entropy", "perplexity"):
        a, b = both(lambda d: getattr(d, function)(), (mine, theirs))
        if isinstance(b, type):
            assert a is b
            return
        close(a, b)
        compare_gradients(a, leaves, b, others)


@pytest.mark.parametrize("name", CASES)
def test_rsample_and_its_gradients(name):
    (mine, leaves), (theirs, others) = built(name)
    for library in LIBRARIES:
        library.manual_seed(3)
    a, b = both(lambda d: d.rsample((6,)), (mine, theirs))
    if isinstance(b, type):
        assert a is b
        return
    close(a, b)
    compare_gradients((a * a).sum() + a.sum(), leaves, (b * b).sum() + b.sum(), others, rtol=1e-6)


@pytest.mark.parametrize("name", CASES)
def test_expand(name):
    (mine, _), (theirs, _) = built(name)
    shape = (3, *theirs.batch_shape)
    wide, other = mine.expand(shape), theirs.expand(shape)
    assert type(wide) is type(mine) and tuple(wide.batch_shape) == shape
    assert tuple(wide.event_shape) == tuple(mine.event_shape)
    assert repr(wide) == repr(other)
    for library in LIBRARIES:
        library.manual_seed(2)
    a, b = wide.sample((2,)), other.sample((2,))
    close(a, b)
    if not isinstance(outcome(lambda: other.log_prob(b)), type):
        close(wide.log_prob(a), other.log_prob(b))


@pytest.mark.parametrize("name", CASES)
def test_enumerate_support(name):
    (mine, _), (theirs, _) = built(name)
    for expand in (True, False):
        a, b = both(lambda d: d.enumerate_support(expand), (mine, theirs))
        if isinstance(b, type):
            assert a is b
        else:
            close(a, b)


@pytest.mark.parametrize("name", CASES)
def test_values_outside_the_support(name):
    """What is refused, and in which words."""
    for wrong in (float("nan"), -3.7, 2.5):
        texts = []
        for library in LIBRARIES:
            p = Builder(library, dtype_of(name))
            d = CASES[name](p)
            value = library.full(tuple(d.batch_shape) + tuple(d.event_shape), wrong, dtype=p.dtype)
            try:
                d.log_prob(value)
                texts.append("fine")
            except ValueError as error:
                texts.append(str(error).split(" of the distribution")[0].replace("(upper_bound=6)", "()"))
        assert texts[0] == texts[1]
