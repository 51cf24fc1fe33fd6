"""One table for all families: how to build each distribution, in either library.

A case is a function of the library that returns a distribution, from parameters given as plain lists, so that both
build the same one. `p(...)` makes a parameter that gradients are asked for.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

MATRIX = [[2.0, 0.3, 0.1], [0.3, 1.0, -0.2], [0.1, -0.2, 0.7]]
TRIL = [[1.2, 0.0, 0.0], [0.3, 0.9, 0.0], [-0.1, 0.4, 0.8]]
WEIGHTS = [[0.1, 0.2, 0.7], [0.4, 0.4, 0.2]]
LOGITS = [[0.5, -1.0, 0.2], [0.0, 2.0, 0.3]]


class Builder:
    """Makes tensors of one library and remembers them as leaves."""

    def __init__(self, library: Any, dtype: str = "float64") -> None:
        self.library, self.dtype, self.leaves = library, getattr(library, dtype), []

    def __call__(self, values: Any) -> Any:
        leaf = self.library.tensor(values, dtype=self.dtype, requires_grad=True)
        self.leaves.append(leaf)
        return leaf

    def __getattr__(self, name: str) -> Any:
        return getattr(self.library.distributions, name)


Build = Callable[[Any], Any]

CASES: dict[str, Build] = {
    "Bernoulli": lambda p: p.Bernoulli(p([0.2, 0.5, 0.9])),
    "Bernoulli-logits": lambda p: p.Bernoulli(logits=p([[0.2], [-1.5]])),
    "Beta": lambda p: p.Beta(p([0.4, 2.0, 9.0]), p([1.5, 0.7, 8.0])),
    "Beta-numbers": lambda p: p.Beta(0.5, 2.0),
    "Binomial": lambda p: p.Binomial(5, p([0.2, 0.5, 0.9])),
    "Binomial-counts": lambda p: p.Binomial(p.library.tensor([3, 40]), logits=p([0.2, -0.4])),
    "Categorical": lambda p: p.Categorical(p(WEIGHTS)),
    "Categorical-logits": lambda p: p.Categorical(logits=p(LOGITS)),
    "Categorical-one": lambda p: p.Categorical(p([1.0, 3.0])),
    "Cauchy": lambda p: p.Cauchy(p([0.0, 1.0]), p([1.0, 2.5])),
    "Chi2": lambda p: p.Chi2(p([0.8, 3.0])),
    "ContinuousBernoulli": lambda p: p.ContinuousBernoulli(p([0.2, 0.4995, 0.9])),
    "ContinuousBernoulli-logits": lambda p: p.ContinuousBernoulli(logits=p([-1.0, 0.0001, 0.9])),
    "Dirichlet": lambda p: p.Dirichlet(p([[0.5, 1.0, 3.0], [7.0, 8.0, 9.0]])),
    "Exponential": lambda p: p.Exponential(p([0.5, 2.0])),
    "FisherSnedecor": lambda p: p.FisherSnedecor(p([1.5, 3.0]), p([5.0, 1.8])),
    "Gamma": lambda p: p.Gamma(p([0.3, 2.0, 30.0]), p([0.5, 2.0, 3.0])),
    "Gamma-numbers": lambda p: p.Gamma(2.0, 0.5),
    "GeneralizedPareto": lambda p: p.GeneralizedPareto(p([0.0, 1.0, 0.5]), p([1.0, 2.0, 1.0]), p([0.0, 0.3, -0.4])),
    "Geometric": lambda p: p.Geometric(p([0.2, 0.9])),
    "Geometric-logits": lambda p: p.Geometric(logits=p([0.2, -0.9])),
    "Gumbel": lambda p: p.Gumbel(p([0.0, 1.0]), p([1.0, 2.5])),
    "HalfCauchy": lambda p: p.HalfCauchy(p([1.0, 2.5])),
    "HalfNormal": lambda p: p.HalfNormal(p([1.0, 2.5])),
    "Independent": lambda p: p.Independent(p.Normal(p([[0.0, 1.0], [2.0, 3.0]]), p([1.0, 0.5])), 1),
    "InverseGamma": lambda p: p.InverseGamma(p([0.5, 3.0]), p([1.0, 2.0])),
    "Kumaraswamy": lambda p: p.Kumaraswamy(p([0.5, 2.0]), p([3.0, 1.5])),
    "LKJCholesky": lambda p: p.LKJCholesky(3, p([0.7, 2.0])),
    "Laplace": lambda p: p.Laplace(p([0.0, 1.0]), p([1.0, 2.5])),
    "LogNormal": lambda p: p.LogNormal(p([0.0, 1.0]), p([1.0, 0.5])),
    "LogisticNormal": lambda p: p.LogisticNormal(p([[0.0, 1.0], [0.2, -0.3]]), p([1.0, 0.5])),
    "LowRank": lambda p: p.LowRankMultivariateNormal(
        p([[0.0, 1.0, 2.0], [1.0, 1.0, 0.0]]), p([[0.5], [1.0], [-0.3]]), p([1.0, 2.0, 0.5])
    ),
    "Mixture": lambda p: p.MixtureSameFamily(
        p.Categorical(p([[0.3, 0.7], [0.5, 0.5]])), p.Normal(p([[0.0, 1.0], [2.0, -1.0]]), p([1.0, 0.5]))
    ),
    "Mixture-vectors": lambda p: p.MixtureSameFamily(
        p.Categorical(logits=p([0.3, 0.7])), p.MultivariateNormal(p([[0.0, 1.0, 2.0], [1.0, 0.0, 0.0]]), p(MATRIX))
    ),
    "Multinomial": lambda p: p.Multinomial(6, p(WEIGHTS)),
    "Multinomial-logits": lambda p: p.Multinomial(6, logits=p([0.1, 0.2, -0.5])),
    "MultivariateNormal": lambda p: p.MultivariateNormal(p([[0.0, 1.0, 2.0], [1.0, 0.0, 0.0]]), p(MATRIX)),
    "MultivariateNormal-precision": lambda p: p.MultivariateNormal(p([0.0, 1.0, 2.0]), precision_matrix=p(MATRIX)),
    "MultivariateNormal-tril": lambda p: p.MultivariateNormal(p([0.0, 1.0, 2.0]), scale_tril=p([TRIL, TRIL])),
    "NegativeBinomial": lambda p: p.NegativeBinomial(p([3.0, 1.5]), p([0.2, 0.7])),
    "NegativeBinomial-logits": lambda p: p.NegativeBinomial(4, logits=p([0.2, -0.7])),
    "Normal": lambda p: p.Normal(p([[0.0], [1.0]]), p([1.0, 2.5, 0.1])),
    "Normal-numbers": lambda p: p.Normal(0.5, 2),
    "OneHotCategorical": lambda p: p.OneHotCategorical(p(WEIGHTS)),
    "OneHotStraightThrough": lambda p: p.OneHotCategoricalStraightThrough(logits=p(LOGITS)),
    "Pareto": lambda p: p.Pareto(p([1.0, 0.5]), p([3.0, 1.5])),
    "Poisson": lambda p: p.Poisson(p([0.5, 30.0])),
    "RelaxedBernoulli": lambda p: p.RelaxedBernoulli(p([0.7]), p([0.2, 0.6])),
    "RelaxedOneHotCategorical": lambda p: p.RelaxedOneHotCategorical(p([0.7]), logits=p(LOGITS)),
    "StudentT": lambda p: p.StudentT(p([0.9, 1.6, 5.0]), p([0.0, 1.0, 2.0]), p([1.0, 0.5, 2.0])),
    "Transformed": lambda p: p.TransformedDistribution(
        p.Normal(p([0.0, 1.0]), 1.0), [p.AffineTransform(1.0, p([0.5, 2.0])), p.TanhTransform()]
    ),
    "Transformed-logistic": lambda p: p.TransformedDistribution(
        p.Uniform(0.0 * p([0.1, 0.2]), 1.0), [p.SigmoidTransform().inv, p.AffineTransform(0.5, -2.0)]
    ),
    "Uniform": lambda p: p.Uniform(p([0.0, -1.0]), p([1.0, 2.5])),
    "VonMises": lambda p: p.VonMises(p([0.0, 1.0]), p([1.0, 5.0])),
    "Weibull": lambda p: p.Weibull(p([1.0, 0.5]), p([3.0, 0.8])),
    "Wishart": lambda p: p.Wishart(p([3.5, 5.0]), p(MATRIX)),
    "Wishart-tril": lambda p: p.Wishart(4.0, scale_tril=p(TRIL)),
}
