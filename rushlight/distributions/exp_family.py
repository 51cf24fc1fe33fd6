"""Exponential families, whose entropy follows from their log-normalizer."""

from __future__ import annotations

from typing import Any

from .. import autograd
from ..tensor import Tensor
from .distribution import Distribution
from .utils import sum_rightmost


class ExponentialFamily(Distribution):
    """p(x; t) = exp(<t, s(x)> - A(t) + k(x)), with natural parameters t, log-normalizer A and carrier measure k.

    Source: Nielsen, Nock 2010, "Entropies and cross-entropies of exponential families".
    """

    @property
    def _natural_params(self) -> tuple[Tensor, ...]:
        raise NotImplementedError

    def _log_normalizer(self, *natural_params: Tensor) -> Tensor:
        raise NotImplementedError

    @property
    def _mean_carrier_measure(self) -> Any:
        raise NotImplementedError

    def _log_normalizer_and_slopes(self) -> tuple[list[Tensor], Tensor, tuple[Tensor, ...]]:
        """The natural parameters t as leaves, A(t), and dA/dt, which are the expected s(x)."""
        natural = [p.detach().requires_grad_() for p in self._natural_params]
        normalizer = self._log_normalizer(*natural)
        return natural, normalizer, autograd.grad(normalizer.sum(), natural, create_graph=True)

    def entropy(self) -> Tensor:
        """A(t) - <t, dA/dt> - E[k(x)]."""
        natural, normalizer, slopes = self._log_normalizer_and_slopes()
        result = normalizer - self._mean_carrier_measure
        for p, slope in zip(natural, slopes):
            result = result - sum_rightmost(p * slope, len(self._event_shape))
        return result
