"""Distributions of matrices: Wishart over covariances, LKJ over Cholesky factors of correlations."""

from __future__ import annotations

import math
import warnings
from collections.abc import Sequence
from numbers import Number
from typing import Any

from .. import linalg, ops
from ..dtypes import finfo
from ..errors import ArgumentError, AssertError
from ..tensor import Tensor
from . import constraints
from .dirichlet import Beta
from .distribution import Distribution
from .exp_family import ExponentialFamily
from .gamma import Chi2
from .multivariate_normal import WithCovariance, half_log_det, the_one_given, to_tril
from .utils import broadcast_all, standard_normal, validated


class Wishart(WithCovariance, ExponentialFamily):
    """The distribution of the sum of x x^T over df normal vectors x of mean 0 and the given covariance; df may be any
    number above n - 1.

    Args:
        df: degrees of freedom.
        covariance_matrix: (..., n, n).
        precision_matrix: (..., n, n), the covariance's inverse, instead.
        scale_tril: (..., n, n), the covariance's Cholesky factor, instead.

    Raises:
        AssertionError: not exactly one of the matrices given.
        ValueError: df is at most n - 1, or the matrix has too few dimensions.

    Source: sampling: Smith, Hocking 1972, "Algorithm AS 53: Wishart variate generator" (Bartlett's decomposition).
    """

    support: Any = constraints.positive_definite
    has_rsample = True
    _mean_carrier_measure = 0

    def __init__(
        self,
        df: Any,
        covariance_matrix: Tensor | None = None,
        precision_matrix: Tensor | None = None,
        scale_tril: Tensor | None = None,
        validate_args: bool | None = None,
    ) -> None:
        given = the_one_given(
            covariance_matrix=covariance_matrix, precision_matrix=precision_matrix, scale_tril=scale_tril
        )
        if given is None:
            raise AssertError("Exactly one of covariance_matrix or precision_matrix or scale_tril may be specified.")
        name, matrix = given
        if matrix.dim() < 2:
            raise ArgumentError("scale_tril must be at least two-dimensional, with optional leading batch dimensions")
        df = ops.tensor(df, dtype=matrix.dtype) if isinstance(df, Number) else df
        batch_shape = ops.broadcast_shapes(matrix.shape[:-2], df.shape)
        self.df = df.expand(batch_shape)
        _check_df(self.df, matrix.shape[-1])
        setattr(self, name, matrix.expand((*batch_shape, -1, -1)))
        Distribution.__init__(self, batch_shape, matrix.shape[-2:], validate_args=validate_args)
        self._unbroadcasted_scale_tril = to_tril(name, matrix)
        self._dist_chi2 = Chi2(self.df.unsqueeze(-1) - ops.arange(matrix.shape[-1], dtype=matrix.dtype))

    @property
    def arg_constraints(self) -> Any:
        return {
            "covariance_matrix": constraints.positive_definite,
            "precision_matrix": constraints.positive_definite,
            "scale_tril": constraints.lower_cholesky,
            "df": constraints.greater_than(self.event_shape[-1] - 1),
        }

    @property
    def _df(self) -> Tensor:
        return self.df.reshape((*self._batch_shape, 1, 1))

    @property
    def mean(self) -> Tensor:
        return self._df * self.covariance_matrix

    @property
    def mode(self) -> Tensor:
        factor = self._df - self._event_shape[-1] - 1
        return factor.masked_fill(factor <= 0, math.nan) * self.covariance_matrix

    @property
    def variance(self) -> Tensor:
        covariance = self.covariance_matrix
        diagonal = covariance.diagonal(0, -2, -1)
        return self._df * (covariance.pow(2) + diagonal.unsqueeze(-1) * diagonal.unsqueeze(-2))

    def _bartlett(self, sample_shape: Sequence[int]) -> Tensor:
        """(L A)(L A)^T, A lower triangular: normal below the diagonal, roots of chi-squared numbers on it."""
        n = self._event_shape[-1]
        roots = self._dist_chi2.rsample(sample_shape).sqrt()
        noise = roots.clamp(min=finfo(roots.dtype).eps).diag_embed()
        rows, columns = ops.tril_indices(n, n, offset=-1)
        below = ops.zeros_like(noise)
        shape = (*sample_shape, *self._batch_shape, n * (n - 1) // 2)
        below[..., rows, columns] = standard_normal(shape, noise)
        factor = self._unbroadcasted_scale_tril @ (noise + below)
        return factor @ factor.mT

    def rsample(self, sample_shape: Sequence[int] = (), max_try_correction: int | None = None) -> Tensor:
        """Draws; those that rounding made singular are drawn again.

        torch: its first test is the wrong way round, so regular samples are all drawn a second time; the numbers of a
        seed follow from that.

        Args:
            sample_shape: how many.
            max_try_correction: how often to try again at most; None: 10 times.
        """
        sample = self._bartlett(sample_shape)
        again = self._in_any_of_batch(self.support.check(sample))
        for _ in range(10 if max_try_correction is None else max_try_correction):
            if not bool(again.any()):
                break
            drawn = self._bartlett((int(again.sum()),))
            sample[again] = drawn
            again[again.clone()] = self._in_any_of_batch(~self.support.check(drawn))
        return sample

    def _in_any_of_batch(self, found: Tensor) -> Tensor:
        """sample_shape + batch_shape -> sample_shape."""
        rank = len(self._batch_shape)
        return found.flatten(-rank).any(-1) if rank else found

    @validated
    def log_prob(self, value: Tensor) -> Tensor:
        df, n = self.df, self._event_shape[-1]
        tril = self._unbroadcasted_scale_tril
        trace = ops.cholesky_solve(value, tril).diagonal(0, -2, -1).sum(-1)
        spread = n * math.log(2) / 2 + half_log_det(tril)
        log_det = linalg.slogdet(value)[1]
        return -df * spread - ops.mvlgamma(df / 2, n) + (df - n - 1) / 2 * log_det - trace / 2

    def entropy(self) -> Tensor:
        df, n = self.df, self._event_shape[-1]
        spread = n * math.log(2) / 2 + half_log_det(self._unbroadcasted_scale_tril)
        slopes = ops.digamma(df.unsqueeze(-1) / 2 - ops.arange(n, dtype=df.dtype) / 2).sum(-1)
        return (n + 1) * spread + ops.mvlgamma(df / 2, n) - (df - n - 1) / 2 * slopes + df * n / 2

    @property
    def _natural_params(self) -> tuple[Tensor, ...]:
        return -self.precision_matrix / 2, (self.df - self._event_shape[-1] - 1) / 2

    def _log_normalizer(self, x: Tensor, y: Tensor) -> Tensor:  # type: ignore[override]
        n = self._event_shape[-1]
        half = y + (n + 1) / 2
        return half * (-linalg.slogdet(-2 * x)[1] + math.log(2) * n) + ops.mvlgamma(half, n)


def _check_df(df: Tensor, n: int) -> None:
    if bool((df <= n - 1).any()):
        raise ArgumentError(f"Value of df={df} expected to be greater than ndim - 1 = {n - 1}.")
    if bool((df < n).any()):
        warnings.warn(
            "Low df values detected. Singular samples are highly likely to occur for ndim - 1 < df < ndim.",
            stacklevel=3,
        )


class LKJCholesky(Distribution):
    """Cholesky factors L of correlation matrices, with p(L L^T) in proportion to det(L L^T)^(concentration - 1).

    Args:
        dim: the size of the matrices, at least 2.
        concentration: 1 makes all correlation matrices equally probable, more favours the identity.

    Raises:
        ValueError: dim < 2.

    Source: Lewandowski, Kurowicka, Joe 2009, "Generating random correlation matrices based on vines and extended onion
    method", section 3.2.
    """

    arg_constraints: Any = {"concentration": constraints.positive}
    support: Any = constraints.corr_cholesky

    def __init__(self, dim: int, concentration: Any = 1.0, validate_args: bool | None = None) -> None:
        if dim < 2:
            raise ArgumentError(f"Expected dim to be an integer greater than or equal to 2. Found dim={dim}.")
        self.dim = dim
        (self.concentration,) = broadcast_all(concentration)
        row = ops.arange(dim, dtype=self.concentration.dtype)
        before = (row - 1).clamp(min=0)  # how many of the rows above have entries off the diagonal
        marginal = (self.concentration + 0.5 * (dim - 2)).unsqueeze(-1)
        self._beta = Beta(before + 0.5, marginal - 0.5 * before)
        super().__init__(self.concentration.size(), (dim, dim), validate_args)

    def sample(self, sample_shape: Sequence[int] = ()) -> Tensor:
        """Row by row: a random direction, shortened by a beta number; the diagonal fills up to length 1."""
        squared = self._beta.sample(sample_shape).unsqueeze(-1)
        direction = standard_normal(self._extended_shape(sample_shape), squared).tril(-1)
        direction = direction / direction.norm(dim=-1, keepdim=True)
        direction[..., 0, :] = 0.0
        rows = squared.sqrt() * direction
        rest = (1 - (rows**2).sum(-1)).clamp(min=finfo(rows.dtype).tiny)
        return rows + rest.sqrt().diag_embed()

    @validated
    def log_prob(self, value: Tensor) -> Tensor:
        diagonal = value.diagonal(0, -1, -2)[..., 1:]
        powers = 2 * (self.concentration - 1).unsqueeze(-1) + self.dim - ops.arange(2, self.dim + 1)
        n = self.dim - 1
        alpha = self.concentration + 0.5 * n
        normalizer = 0.5 * n * math.log(math.pi) + ops.mvlgamma(alpha - 0.5, n) - ops.lgamma(alpha) * n
        return (powers * diagonal.log()).sum(-1) - normalizer
