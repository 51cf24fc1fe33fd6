"""Native optimizer steps against their definitions over several steps and tensors."""

import itertools

import numpy as np
import pytest

from rushlight.optim import adam, sgd

SHAPES = [(100, 30), (7,), (300, 200), (1,)]


def draw(seed):
    rng = np.random.default_rng(seed)
    return [rng.standard_normal(shape).astype(np.float32) for shape in SHAPES]


def zeros():
    return [np.zeros(shape, np.float32) for shape in SHAPES]


def check(ours, theirs):
    for a, b in zip(ours, theirs):
        np.testing.assert_allclose(a, b, rtol=2e-5, atol=1e-6)


@pytest.mark.parametrize(
    ("momentum", "nesterov", "maximize"), [(0.0, False, False), (0.9, False, True), (0.9, True, False)]
)
def test_sgd(native, momentum, nesterov, maximize):
    definition = getattr(sgd.sgd_, "definition", sgd.sgd_)
    params, others = draw(0), draw(0)
    buffers, other_buffers = (zeros(), zeros()) if momentum else (None, None)
    for step in range(4):
        options = (0.1, momentum, 0.0, 0.01, nesterov, maximize)
        assert native.sgd_(params, draw(step), buffers, *options) is None
        definition(others, draw(step), other_buffers, *options)
    check(params, others)


@pytest.mark.parametrize(("amsgrad", "maximize", "decoupled"), list(itertools.product([False, True], repeat=3)))
def test_adam(native, amsgrad, maximize, decoupled):
    definition = getattr(adam.adam_, "definition", adam.adam_)
    sides = [(draw(0), zeros(), zeros(), zeros() if amsgrad else []) for _ in range(2)]
    for step in range(1, 5):
        for kernel, (params, m, v, largest) in zip((native.adam_, definition), sides):
            steps = [float(step)] * len(params)
            kernel(params, draw(step), m, v, largest, steps, 1e-2, 0.9, 0.999, 1e-8, 0.1, amsgrad, maximize, decoupled)
    for ours, theirs in zip(*sides):
        check(ours, theirs)


def test_declines_and_writes_nothing(native):
    params, grads = draw(0), draw(1)
    params[2].flags.writeable = False
    options = (0.1, 0.0, 0.0, 0.0, False, False)
    assert native.sgd_(params, grads, None, *options) is NotImplemented
    assert native.sgd_(draw(0), grads[:2], None, *options) is NotImplemented
    assert native.sgd_(draw(0), [g.astype(np.float64) for g in grads], None, *options) is NotImplemented
    np.testing.assert_array_equal(params[0], draw(0)[0])
