"""PyTorch's module paths of what stands in other files here: `distributions.beta` is our `distributions.dirichlet`."""

from __future__ import annotations

import importlib
import sys

_HOMES = {
    "beta": "dirichlet",
    "binomial": "counts",
    "chi2": "gamma",
    "fishersnedecor": "gamma",
    "geometric": "bernoulli",
    "gumbel": "uniform",
    "half_cauchy": "cauchy",
    "half_normal": "normal",
    "inverse_gamma": "gamma",
    "kumaraswamy": "uniform",
    "lkj_cholesky": "matrices",
    "log_normal": "normal",
    "logistic_normal": "normal",
    "lowrank_multivariate_normal": "multivariate_normal",
    "multinomial": "categorical",
    "negative_binomial": "counts",
    "one_hot_categorical": "categorical",
    "pareto": "exponential",
    "poisson": "counts",
    "relaxed_bernoulli": "relaxed",
    "relaxed_categorical": "relaxed",
    "studentT": "gamma",
    "weibull": "exponential",
    "wishart": "matrices",
}

for _name, _home in _HOMES.items():
    _module = importlib.import_module(f"{__package__}.{_home}")
    sys.modules[f"{__package__}.{_name}"] = _module
    setattr(sys.modules[__package__], _name, _module)
