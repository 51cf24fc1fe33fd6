"""Normal distributions of vectors, with a full covariance or with one of low rank plus a diagonal."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from .. import linalg, ops
from ..errors import ArgumentError
from ..tensor import Size, Tensor
from . import constraints
from .distribution import Distribution
from .utils import lazy_property, standard_normal, validated

LOG_2PI = math.log(2 * math.pi)


def product(matrices: Tensor, vectors: Tensor) -> Tensor:
    """(..., n, m) @ (..., m) -> (..., n)."""
    return (matrices @ vectors.unsqueeze(-1)).squeeze(-1)


def half_log_det(tril: Tensor) -> Tensor:
    """log det L = log det(L L^T) / 2, (..., n, n) -> (...)."""
    return tril.diagonal(0, -2, -1).log().sum(-1)


def squared_distance(tril: Tensor, x: Tensor) -> Tensor:
    """x^T (L L^T)^-1 x: (..., n, n), (..., n) -> (...)."""
    return linalg.solve_triangular(tril, x.unsqueeze(-1), upper=False).squeeze(-1).pow(2).sum(-1)


def precision_to_tril(precision: Tensor) -> Tensor:
    """L with L L^T = P^-1. The Cholesky factor of P, read from its other end, is the inverse of L^T."""
    reversed_factor = linalg.cholesky(precision.flip((-2, -1)))
    inverse = reversed_factor.flip((-2, -1)).mT
    return linalg.solve_triangular(inverse, ops.eye(precision.shape[-1], dtype=precision.dtype), upper=False)


def the_one_given(**matrices: Tensor | None) -> tuple[str, Tensor] | None:
    """The only one that is not None, with its name; None if there are more or none."""
    given = [(name, m) for name, m in matrices.items() if m is not None]
    return given[0] if len(given) == 1 else None


def to_tril(name: str, matrix: Tensor) -> Tensor:
    """L with L L^T = covariance, from the parameter of that name."""
    if name == "scale_tril":
        return matrix
    return linalg.cholesky(matrix) if name == "covariance_matrix" else precision_to_tril(matrix)


class WithCovariance(Distribution):
    """What is computed on demand from `_unbroadcasted_scale_tril`, L with L L^T = covariance."""

    _unbroadcasted_scale_tril: Tensor

    def _matrices(self, matrix: Tensor) -> Tensor:
        n = self._event_shape[-1]
        return matrix.expand((*self._batch_shape, n, n))

    @lazy_property
    def scale_tril(self) -> Any:
        return self._matrices(self._unbroadcasted_scale_tril)

    @lazy_property
    def covariance_matrix(self) -> Any:
        return self._matrices(self._unbroadcasted_scale_tril @ self._unbroadcasted_scale_tril.mT)

    @lazy_property
    def precision_matrix(self) -> Any:
        return self._matrices(ops.cholesky_inverse(self._unbroadcasted_scale_tril))


class MultivariateNormal(WithCovariance):
    """p(x) = exp(-(x - loc)^T C^-1 (x - loc) / 2) / sqrt((2 pi)^n det C).

    Args:
        loc: (..., n), the mean.
        covariance_matrix: (..., n, n), C.
        precision_matrix: (..., n, n), C^-1, instead.
        scale_tril: (..., n, n), lower triangular L with L L^T = C, instead; the cheapest.

    Raises:
        ValueError: not exactly one of the matrices given; too few dimensions.

    Example:
        >>> MultivariateNormal(rushlight.zeros(2), rushlight.eye(2)).log_prob(rushlight.zeros(2))
        tensor(-1.8379)
    """

    arg_constraints: Any = {
        "loc": constraints.real_vector,
        "covariance_matrix": constraints.positive_definite,
        "precision_matrix": constraints.positive_definite,
        "scale_tril": constraints.lower_cholesky,
    }
    support: Any = constraints.real_vector
    has_rsample = True

    def __init__(
        self,
        loc: Tensor,
        covariance_matrix: Tensor | None = None,
        precision_matrix: Tensor | None = None,
        scale_tril: Tensor | None = None,
        validate_args: bool | None = None,
    ) -> None:
        if loc.dim() < 1:
            raise ArgumentError("loc must be at least one-dimensional.")
        given = the_one_given(
            covariance_matrix=covariance_matrix, precision_matrix=precision_matrix, scale_tril=scale_tril
        )
        if given is None:
            raise ArgumentError("Exactly one of covariance_matrix or precision_matrix or scale_tril may be specified.")
        name, matrix = given
        if matrix.dim() < 2:
            title = name if name != "scale_tril" else "scale_tril matrix"
            raise ArgumentError(f"{title} must be at least two-dimensional, with optional leading batch dimensions")
        batch_shape = ops.broadcast_shapes(matrix.shape[:-2], loc.shape[:-1])
        setattr(self, name, matrix.expand((*batch_shape, -1, -1)))
        self.loc = loc.expand((*batch_shape, -1))
        super().__init__(batch_shape, self.loc.shape[-1:], validate_args=validate_args)
        self._unbroadcasted_scale_tril = to_tril(name, matrix)

    @property
    def mean(self) -> Tensor:
        return self.loc

    @property
    def mode(self) -> Tensor:
        return self.loc

    @property
    def variance(self) -> Tensor:
        return self._unbroadcasted_scale_tril.pow(2).sum(-1).expand(self._extended_shape())

    def rsample(self, sample_shape: Sequence[int] = ()) -> Tensor:
        normal = standard_normal(self._extended_shape(sample_shape), self.loc)
        return self.loc + product(self._unbroadcasted_scale_tril, normal)

    @validated
    def log_prob(self, value: Tensor) -> Tensor:
        distance = squared_distance(self._unbroadcasted_scale_tril, value - self.loc)
        return -0.5 * (self._event_shape[0] * LOG_2PI + distance) - half_log_det(self._unbroadcasted_scale_tril)

    def entropy(self) -> Tensor:
        spread = half_log_det(self._unbroadcasted_scale_tril)
        return (0.5 * self._event_shape[0] * (1.0 + LOG_2PI) + spread).expand(self._batch_shape)


# ------------------------------------------------------------------------------------------- low rank plus a diagonal


def _add_to_diagonal(matrix: Tensor) -> Tensor:
    return matrix + ops.eye(matrix.shape[-1], dtype=matrix.dtype)


def low_rank_log_det(d: LowRankMultivariateNormal) -> Tensor:
    """log det(W W^T + D), by the matrix determinant lemma."""
    return 2 * half_log_det(d._capacitance_tril) + d._unbroadcasted_cov_diag.log().sum(-1)


def low_rank_squared_distance(d: LowRankMultivariateNormal, x: Tensor) -> Tensor:
    """x^T (W W^T + D)^-1 x, by Woodbury's identity."""
    scaled = d._unbroadcasted_cov_factor.mT / d._unbroadcasted_cov_diag.unsqueeze(-2)
    within = squared_distance(d._capacitance_tril, product(scaled, x))
    return (x.pow(2) / d._unbroadcasted_cov_diag).sum(-1) - within


class LowRankMultivariateNormal(Distribution):
    """MultivariateNormal with covariance W W^T + diag(D); nothing but m x m matrices is factored.

    Args:
        loc: (..., n), the mean.
        cov_factor: (..., n, m), W.
        cov_diag: (..., n), D.

    Raises:
        ValueError: shapes do not fit.
    """

    arg_constraints: Any = {
        "loc": constraints.real_vector,
        "cov_factor": constraints.independent(constraints.real, 2),
        "cov_diag": constraints.independent(constraints.positive, 1),
    }
    support: Any = constraints.real_vector
    has_rsample = True

    def __init__(self, loc: Tensor, cov_factor: Tensor, cov_diag: Tensor, validate_args: bool | None = None) -> None:
        event_shape = _event_shape(loc, cov_factor, cov_diag)
        try:
            batch_shape = ops.broadcast_shapes(loc.shape[:-1], cov_factor.shape[:-2], cov_diag.shape[:-1])
        except RuntimeError as error:
            raise ArgumentError(
                f"Incompatible batch shapes: loc {loc.shape}, cov_factor {cov_factor.shape}, cov_diag {cov_diag.shape}"
            ) from error
        self.loc, self.cov_diag = loc.expand((*batch_shape, -1)), cov_diag.expand((*batch_shape, -1))
        self.cov_factor = cov_factor.expand((*batch_shape, -1, -1))
        self._unbroadcasted_cov_factor, self._unbroadcasted_cov_diag = cov_factor, cov_diag
        scaled = cov_factor.mT / cov_diag.unsqueeze(-2)
        self._capacitance_tril = linalg.cholesky(_add_to_diagonal(scaled @ cov_factor))
        super().__init__(batch_shape, event_shape, validate_args=validate_args)

    @property
    def mean(self) -> Tensor:
        return self.loc

    @property
    def mode(self) -> Tensor:
        return self.loc

    @lazy_property
    def variance(self) -> Any:
        own = self._unbroadcasted_cov_factor.pow(2).sum(-1) + self._unbroadcasted_cov_diag
        return own.expand(self._extended_shape())

    def _matrices(self, matrix: Tensor) -> Tensor:
        return matrix.expand(self._extended_shape() + self._event_shape)

    @lazy_property
    def scale_tril(self) -> Any:
        root = self._unbroadcasted_cov_diag.sqrt().unsqueeze(-1)
        scaled = self._unbroadcasted_cov_factor / root
        return self._matrices(root * linalg.cholesky(_add_to_diagonal(scaled @ scaled.mT)))

    @lazy_property
    def covariance_matrix(self) -> Any:
        factor = self._unbroadcasted_cov_factor
        return self._matrices(factor @ factor.mT + ops.diag_embed(self._unbroadcasted_cov_diag))

    @lazy_property
    def precision_matrix(self) -> Any:
        scaled = self._unbroadcasted_cov_factor.mT / self._unbroadcasted_cov_diag.unsqueeze(-2)
        a = linalg.solve_triangular(self._capacitance_tril, scaled, upper=False)
        return self._matrices(ops.diag_embed(self._unbroadcasted_cov_diag.reciprocal()) - a.mT @ a)

    def rsample(self, sample_shape: Sequence[int] = ()) -> Tensor:
        shape = self._extended_shape(sample_shape)
        along = standard_normal((*shape[:-1], self.cov_factor.shape[-1]), self.loc)
        across = standard_normal(shape, self.loc)
        return self.loc + product(self._unbroadcasted_cov_factor, along) + self._unbroadcasted_cov_diag.sqrt() * across

    @validated
    def log_prob(self, value: Tensor) -> Tensor:
        distance = low_rank_squared_distance(self, value - self.loc)
        return -0.5 * (self._event_shape[0] * LOG_2PI + low_rank_log_det(self) + distance)

    def entropy(self) -> Tensor:
        return (0.5 * (self._event_shape[0] * (1.0 + LOG_2PI) + low_rank_log_det(self))).expand(self._batch_shape)


def _event_shape(loc: Tensor, cov_factor: Tensor, cov_diag: Tensor) -> Size:
    if loc.dim() < 1:
        raise ArgumentError("loc must be at least one-dimensional.")
    event_shape = loc.shape[-1:]
    if cov_factor.dim() < 2:
        raise ArgumentError("cov_factor must be at least two-dimensional, with optional leading batch dimensions")
    if cov_factor.shape[-2:-1] != event_shape:
        raise ArgumentError(f"cov_factor must be a batch of matrices with shape {event_shape[0]} x m")
    if cov_diag.shape[-1:] != event_shape:
        raise ArgumentError(f"cov_diag must be a batch of vectors with shape {event_shape}")
    return event_shape
