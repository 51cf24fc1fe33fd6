"""Probability distributions with PyTorch's names: `torch.distributions`.

    distribution.py            Distribution: shapes, validation, expansion
    exp_family.py              entropies and divergences of exponential families
    constraints.py             sets of values; constraint_registry.py: transforms that lead into them
    transforms/                functions with inverses
    independent.py, transformed_distribution.py, mixture_same_family.py     distributions made of others
    kl.py                      kl_divergence; kl_same_family.py, kl_cross_family.py: its formulas
    normal.py, gamma.py, ...   the families

`rushlight.distributions` is imported when it is first used.
"""

from . import constraints, kl_cross_family, kl_same_family, modules, transforms, utils
from .bernoulli import Bernoulli, Geometric
from .categorical import Categorical, Multinomial, OneHotCategorical, OneHotCategoricalStraightThrough
from .cauchy import Cauchy, HalfCauchy
from .constraint_registry import biject_to, transform_to
from .continuous_bernoulli import ContinuousBernoulli
from .counts import Binomial, NegativeBinomial, Poisson
from .dirichlet import Beta, Dirichlet
from .distribution import Distribution
from .exp_family import ExponentialFamily
from .exponential import Exponential, Pareto, Weibull
from .gamma import Chi2, FisherSnedecor, Gamma, InverseGamma, StudentT
from .generalized_pareto import GeneralizedPareto
from .independent import Independent
from .kl import kl_divergence, register_kl
from .laplace import Laplace
from .matrices import LKJCholesky, Wishart
from .mixture_same_family import MixtureSameFamily
from .multivariate_normal import LowRankMultivariateNormal, MultivariateNormal
from .normal import HalfNormal, LogisticNormal, LogNormal, Normal
from .relaxed import RelaxedBernoulli, RelaxedOneHotCategorical
from .transformed_distribution import TransformedDistribution
from .transforms import *
from .uniform import Gumbel, Kumaraswamy, Uniform
from .von_mises import VonMises
