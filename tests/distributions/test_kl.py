"""kl_divergence beside PyTorch's, for every pair of families."""

from __future__ import annotations

import warnings

import numpy as np
import pytest
import torch
from cases import CASES, Builder
from compare import LIBRARIES, close, compare_gradients, outcome

import rushlight

# Two of each family, so that supports lie inside each other in some elements and not in others.
PAIRS = {
    "Bernoulli": lambda p: (p.Bernoulli(p([0.2, 1.0, 0.0])), p.Bernoulli(p([0.5, 0.0, 0.3]))),
    "Beta": lambda p: (p.Beta(p([0.4, 2.0, 1.0]), 1.5), p.Beta(p([2.0, 1.0, 3.0]), 0.5)),
    "Binomial": lambda p: (
        p.Binomial(p.library.tensor([4, 5, 5]), p([0.2, 0.3, 0.9])),
        p.Binomial(4, p([0.3, 0.3, 0.1])),
    ),
    "Categorical": lambda p: (
        p.Categorical(p([[0.1, 0.9, 0.0]])),
        p.Categorical(p([[0.5, 0.5, 0.0], [0.0, 0.5, 0.5]])),
    ),
    "Cauchy": lambda p: (p.Cauchy(p([0.0, 1.0, 2.0]), 1.0), p.Cauchy(0.5, p([1.0, 2.0, 3.0]))),
    "ContinuousBernoulli": lambda p: (
        p.ContinuousBernoulli(p([0.2, 0.5, 0.7])),
        p.ContinuousBernoulli(p([0.6, 0.4999, 0.3])),
    ),
    "Dirichlet": lambda p: (p.Dirichlet(p([0.4, 2.0, 1.0])), p.Dirichlet(p([[2.0, 1.0, 3.0]]))),
    "Exponential": lambda p: (p.Exponential(p([0.4, 2.0, 1.0])), p.Exponential(p([2.0, 1.0, 3.0]))),
    "Gamma": lambda p: (p.Gamma(p([0.4, 2.0, 1.0]), 1.5), p.Gamma(p([2.0, 1.0, 3.0]), 0.5)),
    "Geometric": lambda p: (p.Geometric(p([0.4, 0.2, 0.9])), p.Geometric(p([0.3, 0.8, 0.5]))),
    "Gumbel": lambda p: (p.Gumbel(p([0.4, 2.0, 1.0]), 1.5), p.Gumbel(p([2.0, 1.0, 3.0]), 0.5)),
    "HalfNormal": lambda p: (p.HalfNormal(p([0.4, 2.0, 1.0])), p.HalfNormal(p([2.0, 1.0, 3.0]))),
    "Laplace": lambda p: (p.Laplace(p([0.4, 2.0, 1.0]), 1.5), p.Laplace(p([2.0, 1.0, 3.0]), 0.5)),
    "LogNormal": lambda p: (p.LogNormal(p([0.4, 2.0, 1.0]), 1.5), p.LogNormal(p([2.0, 1.0, 3.0]), 0.5)),
    "LowRank": lambda p: (CASES["LowRank"](p), CASES["LowRank"](p).expand((2,))),
    "MultivariateNormal": lambda p: (CASES["MultivariateNormal"](p), CASES["MultivariateNormal-precision"](p)),
    "Normal": lambda p: (p.Normal(p([0.4, 2.0, 1.0]), 1.5), p.Normal(p([2.0, 1.0, 3.0]), 0.5)),
    "OneHotCategorical": lambda p: (p.OneHotCategorical(p([0.1, 0.9])), p.OneHotCategorical(p([[0.5, 0.5]]))),
    "Pareto": lambda p: (p.Pareto(p([0.4, 2.0, 1.0]), p([0.9, 1.5, 3.0])), p.Pareto(p([0.3, 3.0, 0.2]), 0.5)),
    "Poisson": lambda p: (p.Poisson(p([0.4, 2.0, 1.0])), p.Poisson(p([2.0, 1.0, 3.0]))),
    "Uniform": lambda p: (p.Uniform(p([0.4, -2.0, 0.0]), 1.0), p.Uniform(p([0.1, -3.0, 0.3]), p([3.0, 1.0, 0.8]))),
    "Wishart": lambda p: (CASES["Wishart"](p), CASES["Wishart"](p)),
    "Chi2": lambda p: (p.Chi2(p([0.4, 2.0, 1.0])), p.Chi2(p([2.0, 1.0, 3.0]))),
    "Independent": lambda p: (CASES["Independent"](p), p.Independent(p.Normal(p([[1.0, 1.0]]), 2.0), 1)),
    "Transformed": lambda p: (
        p.TransformedDistribution(p.Normal(p([0.0, 1.0]), 1.0), p.TanhTransform()),
        p.TransformedDistribution(p.Normal(p([0.5, 1.0]), 2.0), [p.TanhTransform()]),
    ),
}


def kl(library, first, second):
    p = Builder(library)
    a, b = PAIRS[first](p)[0], PAIRS[second](p)[1]
    return library.distributions.kl_divergence(a, b), p.leaves


@pytest.mark.parametrize("first", PAIRS)
def test_every_pair(first):
    """Values, and gradients where all is finite; the same pairs are refused."""
    for second in PAIRS:
        mine, theirs = (outcome(kl, library, first, second) for library in LIBRARIES)
        assert isinstance(mine, type) == isinstance(theirs, type), (first, second, mine, theirs)
        if isinstance(theirs, type):
            assert mine is theirs, (first, second)
            continue
        close(mine[0], theirs[0], err_msg=f"{first} || {second}")
        if np.isfinite(theirs[0].detach().numpy()).all():
            compare_gradients(*mine, *theirs)


def test_the_same_pairs_are_known():
    """None of PyTorch's table is missing, none is there besides."""
    kl_modules = (rushlight.distributions.kl._REGISTRY, torch.distributions.kl._KL_REGISTRY)
    known = [{(a.__name__, b.__name__) for a, b in table if "Mine" not in a.__name__} for table in kl_modules]
    assert known[0] == known[1]


def test_an_ambiguous_pair_warns():
    d = rushlight.distributions

    class Left(d.Normal):
        pass

    class Right(d.Normal):
        pass

    d.register_kl(Left, d.Normal)(lambda p, q: p.loc)
    d.register_kl(d.Normal, Right)(lambda p, q: q.loc)
    with pytest.warns(RuntimeWarning, match=r"Ambiguous kl_divergence\(Left, Right\)"):
        assert d.kl_divergence(Left(1.0, 1.0), Right(2.0, 1.0)).item() == 1.0
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert d.kl_divergence(Left(1.0, 1.0), d.Normal(2.0, 1.0)).item() == 1.0


def test_refusals():
    d = rushlight.distributions
    with pytest.raises(TypeError, match="Expected type_q to be a Distribution subclass"):
        d.register_kl(d.Normal, 3)
    with pytest.raises(NotImplementedError, match="No KL.* p type Cauchy and q type Normal"):
        d.kl_divergence(d.Cauchy(0.0, 1.0), d.Normal(0.0, 1.0))
