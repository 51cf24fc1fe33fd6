"""Transforms, constraints and their registries beside PyTorch's."""

from __future__ import annotations

import pickle

import numpy as np
import pytest
import torch
from cases import MATRIX, TRIL, Builder
from compare import LIBRARIES, both, close, compare_gradients, outcome

import rushlight

VECTOR = [[0.3, -0.7, 1.2], [0.1, 0.4, -2.0]]
SQUARE = [[0.3, 0.2, 1.0], [0.1, 0.4, -2.0], [0.7, 0.0, 0.5]]

# name: (the transform, what it is applied to)
TRANSFORMS = {
    "Abs": (lambda p: p.AbsTransform(), VECTOR),
    "Affine": (lambda p: p.AffineTransform(p([1.0, 2.0, 3.0]), p([-1.0, 0.5, 2.0])), VECTOR),
    "Affine-events": (lambda p: p.AffineTransform(1.0, p([-1.0, 0.5, 2.0]), event_dim=1), VECTOR),
    "Affine-numbers": (lambda p: p.AffineTransform(1, -2.0), VECTOR),
    "Cat": (lambda p: p.CatTransform([p.ExpTransform(), p.TanhTransform()], -1, [2, 1]), VECTOR),
    "Cat-events": (lambda p: p.CatTransform([p.AffineTransform(0.0, 2.0, 1)] * 2, 0), VECTOR),
    "Compose": (lambda p: p.ComposeTransform([p.ExpTransform(), p.AffineTransform(0.0, p([2.0]))]), VECTOR),
    "Compose-events": (lambda p: p.ComposeTransform([p.SoftplusTransform(), p.StickBreakingTransform()]), VECTOR),
    "CorrCholesky": (lambda p: p.CorrCholeskyTransform(), VECTOR),
    "Cumulative": (lambda p: p.CumulativeDistributionTransform(p.Normal(p(0.2), 1.5)), VECTOR),
    "Exp": (lambda p: p.ExpTransform(), VECTOR),
    "Exp-inverse": (lambda p: p.ExpTransform().inv, [0.5, 2.0]),
    "Independent": (lambda p: p.IndependentTransform(p.ExpTransform(), 2), VECTOR),
    "LowerCholesky": (lambda p: p.LowerCholeskyTransform(), SQUARE),
    "PositiveDefinite": (lambda p: p.PositiveDefiniteTransform(), SQUARE),
    "Power": (lambda p: p.PowerTransform(p([2.0, -0.5])), [0.5, 2.0]),
    "Reshape": (lambda p: p.ReshapeTransform((3,), (3, 1)), VECTOR),
    "Sigmoid": (lambda p: p.SigmoidTransform(), VECTOR),
    "Softmax": (lambda p: p.SoftmaxTransform(), VECTOR),
    "Softplus": (lambda p: p.SoftplusTransform(), VECTOR),
    "Stack": (lambda p: p.StackTransform([p.ExpTransform(), p.AffineTransform(0.0, 3.0)], 0), VECTOR),
    "StickBreaking": (lambda p: p.StickBreakingTransform(), VECTOR),
    "Tanh": (lambda p: p.TanhTransform(), VECTOR),
    "identity": (lambda p: p.identity_transform, VECTOR),
}  # fmt: skip


def applied(library, name):
    """The transform and, with their leaves, its result, the way back and the Jacobian."""
    p = Builder(library)
    make, values = TRANSFORMS[name]
    t, x = make(p), p(values)
    y = t(x)
    try:
        jacobian = t.log_abs_det_jacobian(x, y)
    except NotImplementedError:
        jacobian = y
    return t, (y, t.inv(y), jacobian), p.leaves


@pytest.mark.parametrize("name", TRANSFORMS)
def test_there_and_back(name):
    (t, mine, leaves), (_, theirs, others) = (applied(library, name) for library in LIBRARIES)
    for a, b in zip(mine, theirs):
        close(a, b, atol=1e-7)
        compare_gradients(a, leaves, b, others, atol=1e-7)
    if t.bijective:
        np.testing.assert_allclose(mine[1].detach().numpy(), TRANSFORMS[name][1], atol=1e-6)


@pytest.mark.parametrize("name", TRANSFORMS)
def test_what_is_known_about_them(name):
    (t, mine, _), (u, _, _) = (applied(library, name) for library in LIBRARIES)
    for ask in (
        lambda t: t.bijective,
        lambda t: t.domain.event_dim,
        lambda t: t.codomain.event_dim,
        lambda t: t.event_dim,
        lambda t: float(t.sign.sum()) if hasattr(t.sign, "sum") else t.sign,
        lambda t: tuple(t.forward_shape(type(mine[0].shape)((3, 3)))),
        lambda t: tuple(t.inv.inverse_shape(type(mine[0].shape)((3, 3)))),
        lambda t: type(t).__name__,
        lambda t: t == t and t.inv.inv is t,
        lambda t: t.with_cache(1)._cache_size,
    ):
        a, b = both(ask, (t, u))
        assert a == b, name
    assert repr(t) == repr(u) or "object at" in repr(u)
    assert str(type(t.domain)) == str(type(u.domain)).replace("torch.", "rushlight.")


def test_a_cache_gives_back_the_same_tensor():
    t = rushlight.distributions.SigmoidTransform(cache_size=1)
    x = rushlight.tensor([0.3, 50.0])
    y = t(x)
    assert t.inv(y) is x and t(x) is y
    assert pickle.loads(pickle.dumps(t))._inv is None
    with pytest.raises(ValueError, match="cache_size must be 0 or 1"):
        rushlight.distributions.ExpTransform(cache_size=2)


def test_equality():
    d = rushlight.distributions
    assert d.ExpTransform() == d.ExpTransform() and d.ExpTransform() != d.TanhTransform()
    assert d.AffineTransform(0, rushlight.ones(2)) == d.AffineTransform(0, rushlight.ones(2))
    assert d.AffineTransform(0, 1) != d.AffineTransform(0, 2)
    assert d.ExpTransform().inv == d.ExpTransform().inv != d.ExpTransform()
    assert d.PowerTransform(2.0) == d.PowerTransform(2.0) != d.PowerTransform(3.0)


MISTAKES = {
    "reshape": lambda p: p.ReshapeTransform((2,), (3,)),
    "reshape-shape": lambda p: p.ReshapeTransform((2,), (2, 1))(p([1.0, 2.0, 3.0])),
    "cat": lambda p: p.CatTransform([p.ExpTransform()], 0, [2])(p([1.0, 2.0, 3.0])),
    "cat-lengths": lambda p: p.CatTransform([p.ExpTransform()], 0, [2, 3]),
    "stack": lambda p: p.StackTransform([p.ExpTransform()], 3)(p([1.0])),
    "stack-list": lambda p: p.StackTransform([3]),
    "independent": lambda p: p.IndependentTransform(p.ExpTransform(), 2)(p([1.0])),
    "corr": lambda p: p.CorrCholeskyTransform().forward_shape(p.library.Size([4])),
    "event_dim": lambda p: p.CorrCholeskyTransform().event_dim,
    "transforms": lambda p: p.TransformedDistribution(p.Normal(0.0, 1.0), p.Normal),
    "list": lambda p: p.TransformedDistribution(p.Normal(0.0, 1.0), [3]),
    "dims": lambda p: p.TransformedDistribution(p.Normal(0.0, 1.0), p.StickBreakingTransform()),
    "registry": lambda p: p.transform_to(p.constraints.square),
    "registry-entry": lambda p: p.transform_to.register(int, lambda c: c),
    "dependent": lambda p: p.constraints.dependent.check(p([1.0])),
    "static": lambda p: p.Uniform.support.event_dim + p.Independent.support.event_dim,
    "tril": lambda p: p.distribution_utils.vec_to_tril_matrix(p([1.0, 2.0])),
}


@pytest.mark.parametrize("name", MISTAKES)
def test_mistakes(name):
    def attempt(library):
        p = Builder(library)
        p.distribution_utils = library.distributions.utils
        return MISTAKES[name](p)

    mine, theirs = (outcome_or_error(attempt, library) for library in LIBRARIES)
    assert isinstance(theirs, type) and mine is theirs


def outcome_or_error(action, library):
    try:
        return outcome(action, library)
    except (TypeError, AssertionError) as error:
        return next(c for c in type(error).__mro__ if c.__module__ == "builtins")


CONSTRAINTS = {
    "boolean": lambda c: c.boolean,
    "cat": lambda c: c.cat([c.positive, c.unit_interval], -1, [2, 1]),
    "corr_cholesky": lambda c: c.corr_cholesky,
    "greater_than": lambda c: c.greater_than(0.5),
    "greater_than_eq": lambda c: c.greater_than_eq(0.5),
    "half_open_interval": lambda c: c.half_open_interval(0.0, 1.0),
    "independent": lambda c: c.independent(c.positive, 1),
    "integer_interval": lambda c: c.integer_interval(0, 2),
    "interval": lambda c: c.interval(-0.5, 1.0),
    "less_than": lambda c: c.less_than(0.5),
    "lower_cholesky": lambda c: c.lower_cholesky,
    "lower_triangular": lambda c: c.lower_triangular,
    "mixture": lambda c: c.MixtureSameFamilyConstraint(c.real_vector),
    "multinomial": lambda c: c.multinomial(3),
    "nonnegative": lambda c: c.nonnegative,
    "nonnegative_integer": lambda c: c.nonnegative_integer,
    "one_hot": lambda c: c.one_hot,
    "positive": lambda c: c.positive,
    "positive_definite": lambda c: c.positive_definite,
    "positive_integer": lambda c: c.positive_integer,
    "positive_semidefinite": lambda c: c.positive_semidefinite,
    "real": lambda c: c.real,
    "real_vector": lambda c: c.real_vector,
    "simplex": lambda c: c.simplex,
    "square": lambda c: c.square,
    "stack": lambda c: c.stack([c.positive, c.unit_interval, c.real], -2),
    "symmetric": lambda c: c.symmetric,
    "unit_interval": lambda c: c.unit_interval,
}
NAN = float("nan")
VALUES = [
    MATRIX,
    TRIL,
    np.eye(3).tolist(),
    [[0.2, 0.3, 0.5], [1.0, 0.0, 0.0], [2.0, -1.0, 0.0]],
    [[NAN, 1.0, 2.0], [3.0, 1.0, 0.0], [0.5, 1.0, 1.0]],
]


@pytest.mark.parametrize("name", CONSTRAINTS)
def test_constraints(name):
    c, o = (CONSTRAINTS[name](library.distributions.constraints) for library in LIBRARIES)
    assert (c.is_discrete, c.event_dim) == (o.is_discrete, o.event_dim)
    for values in VALUES:
        mine, theirs = c.check(rushlight.tensor(values)), o.check(torch.tensor(values))
        np.testing.assert_array_equal(mine.numpy(), theirs.numpy())
    if name not in ("cat", "stack", "mixture", "multinomial"):
        assert repr(c) == repr(o)


@pytest.mark.parametrize("registry", ["biject_to", "transform_to"])
@pytest.mark.parametrize("name", CONSTRAINTS)
def test_registries(name, registry):
    """The same transform for the same constraint, or the same refusal."""
    mine, theirs = (
        outcome(lambda d: getattr(d, registry)(CONSTRAINTS[name](d.constraints)), library.distributions)
        for library in LIBRARIES
    )
    assert type(mine).__name__ == type(theirs).__name__
    if not isinstance(theirs, type) and name not in ("cat", "stack"):
        x = np.linspace(-1, 1, 9).reshape(3, 3)
        close(mine(rushlight.from_numpy(x)), theirs(torch.from_numpy(x)))
