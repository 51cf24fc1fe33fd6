"""The base class: validation, subclasses, module paths, refusals."""

from __future__ import annotations

import importlib
import pkgutil
import subprocess
import sys

import pytest
import torch
from cases import Builder
from compare import LIBRARIES

import rushlight

MISTAKES = {
    "scale": lambda p: p.Normal(0.0, -1.0),
    "several": lambda p: p.Gamma(p([1.0, -1.0]), p([[2.0], [0.0]])),
    "no number": lambda p: p.Normal("0", 1.0),
    "interval": lambda p: p.Uniform(1.0, p([0.0, 2.0])),
    "both": lambda p: p.Bernoulli(probs=0.5, logits=0.0),
    "none": lambda p: p.Categorical(),
    "probability": lambda p: p.Bernoulli(1.5),
    "scalar weights": lambda p: p.Categorical(p(1.0)),
    "negative weights": lambda p: p.Categorical(p([-1.0, 2.0])),
    "geometric 0": lambda p: p.Geometric(p([0.5, 0.0])),
    "continuous": lambda p: p.ContinuousBernoulli(2.0, validate_args=True),
    "dirichlet": lambda p: p.Dirichlet(p(1.0)),
    "covariance": lambda p: p.MultivariateNormal(p([0.0, 0.0]), p([[1.0, 2.0], [2.0, 1.0]])),
    "no covariance": lambda p: p.MultivariateNormal(p([0.0, 0.0])),
    "flat covariance": lambda p: p.MultivariateNormal(p([0.0, 0.0]), p([1.0, 1.0])),
    "flat loc": lambda p: p.MultivariateNormal(p(0.0), p([[1.0]])),
    "low rank": lambda p: p.LowRankMultivariateNormal(p([0.0, 0.0]), p([[1.0]]), p([1.0, 1.0])),
    "low rank batch": lambda p: p.LowRankMultivariateNormal(p([[0.0]] * 2), p([[[1.0]]] * 3), p([1.0])),
    "wishart": lambda p: p.Wishart(1.0, p([[1.0, 0.0], [0.0, 1.0]])),
    "wishart none": lambda p: p.Wishart(3.0),
    "lkj": lambda p: p.LKJCholesky(1),
    "multinomial": lambda p: p.Multinomial(p([3.0]), p([1.0])),
    "mixture": lambda p: p.MixtureSameFamily(p.Normal(0.0, 1.0), p.Normal(0.0, 1.0)),
    "components": lambda p: p.MixtureSameFamily(p.Categorical(p([1.0])), 3),
    "mixture count": lambda p: p.MixtureSameFamily(p.Categorical(p([1.0, 1.0])), p.Normal(p([0.0, 1.0, 2.0]), 1.0)),
    "mixture batch": lambda p: p.MixtureSameFamily(p.Categorical(p([[1.0]] * 2)), p.Normal(p([[0.0]] * 3), 1.0)),
    "independent": lambda p: p.Independent(p.Normal(0.0, 1.0), 1),
    "event": lambda p: p.Dirichlet(p([1.0, 2.0])).log_prob(p([1.0])),
    "batch": lambda p: p.Normal(p([1.0, 2.0]), 1.0).log_prob(p([1.0, 2.0, 3.0])),
    "value": lambda p: p.Normal(0.0, 1.0).log_prob(3.0),
    "support": lambda p: p.Poisson(3.0).log_prob(p([0.5])),
    "default": lambda p: p.Distribution.set_default_validate_args(3),
    "rsample": lambda p: p.Bernoulli(0.5).rsample(),
    "cdf": lambda p: p.Bernoulli(0.5).cdf(p(1.0)),
    "mode": lambda p: p.Multinomial(3, p([1.0])).mode,
    "counts": lambda p: p.Binomial(p([2.0, 3.0]), 0.5).enumerate_support(),
    "product": lambda p: p.Independent(p.Bernoulli(p([0.5])), 1).enumerate_support(),
}


def raised(library, name):
    try:
        MISTAKES[name](Builder(library))
    except Exception as error:
        kind = next(c for c in type(error).__mro__ if c.__module__ == "builtins")
        return kind.__name__, str(error).replace("rushlight", "torch")
    return None


@pytest.mark.parametrize("name", MISTAKES)
def test_mistakes(name):
    mine, theirs = (raised(library, name) for library in LIBRARIES)
    assert mine and mine[0] == theirs[0]
    if theirs[1] and theirs[0] == "ValueError":
        assert mine[1] == theirs[1]


def test_validation_can_be_switched_off():
    d = rushlight.distributions
    assert d.Normal(0.0, -1.0, validate_args=False).scale.item() == -1
    try:
        d.Distribution.set_default_validate_args(False)
        d.Uniform(0.0, 1.0).log_prob(rushlight.tensor(3.0))
        with pytest.raises(ValueError, match="within the support"):
            d.Uniform(0.0, 1.0, validate_args=True).log_prob(rushlight.tensor(3.0))
    finally:
        d.Distribution.set_default_validate_args(__debug__)


@pytest.mark.parametrize("library", LIBRARIES, ids=["rushlight", "torch"])
def test_a_subclass_of_ones_own(library):
    d = library.distributions

    class Doubled(d.Normal):
        def __init__(self, loc, scale, factor, validate_args=None):
            self.factor = factor
            super().__init__(loc, scale, validate_args=validate_args)

        def rsample(self, sample_shape=()):
            return super().rsample(sample_shape) * self.factor

    class Expanding(Doubled):
        def expand(self, batch_shape, _instance=None):
            new = self._get_checked_instance(Expanding, _instance)
            new.factor = self.factor
            return super().expand(batch_shape, _instance=new)

    with pytest.raises(NotImplementedError, match="custom .expand"):
        Doubled(0.0, 1.0, 2.0).expand((3,))
    wide = Expanding(0.0, 1.0, 2.0).expand((3,))
    assert type(wide) is Expanding and tuple(wide.rsample((2,)).shape) == (2, 3)


@pytest.mark.parametrize("library", LIBRARIES, ids=["rushlight", "torch"])
def test_a_distribution_without_constraints_warns(library):
    class Bare(library.distributions.Distribution):
        def log_prob(self, value):
            if self._validate_args:
                self._validate_sample(value)
            return value

    with pytest.warns(UserWarning, match="does not define `arg_constraints`"):
        bare = Bare()
    with pytest.warns(UserWarning, match="does not define `support`"):
        bare.log_prob(library.tensor(1.0))
    with pytest.warns(FutureWarning, match="sample_n"), pytest.raises(NotImplementedError):
        bare.sample_n(3)


def test_all_names_and_module_paths():
    d, o = rushlight.distributions, torch.distributions
    assert not [name for name in o.__all__ if not hasattr(d, name)]
    for module in pkgutil.iter_modules(o.__path__):
        theirs = importlib.import_module(f"torch.distributions.{module.name}")
        mine = importlib.import_module(f"rushlight.distributions.{module.name}")
        assert not [name for name in getattr(theirs, "__all__", []) if not hasattr(mine, name)], module.name


def test_it_is_imported_on_first_use():
    code = (
        "import sys, rushlight; before = 'rushlight.distributions' in sys.modules; "
        "print(before, rushlight.distributions.Normal(0.0, 1.0).mean.item())"
    )
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert ran.stdout.split() == ["False", "0.0"]
    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        _ = rushlight.nothing
