"""KL(p || q) of p and q from one family."""

from __future__ import annotations

import math
from typing import Any

from .. import linalg, ops
from ..errors import ArgumentError, UnsupportedError
from ..nn.functional import softplus
from ..tensor import Tensor
from .bernoulli import Bernoulli, Geometric
from .categorical import Categorical, OneHotCategorical
from .cauchy import Cauchy
from .continuous_bernoulli import ContinuousBernoulli
from .counts import Binomial, Poisson
from .dirichlet import Beta, Dirichlet
from .exp_family import ExponentialFamily
from .exponential import Exponential, Pareto
from .gamma import Gamma
from .independent import Independent
from .kl import kl_divergence, register_kl
from .laplace import Laplace
from .multivariate_normal import (
    LowRankMultivariateNormal,
    MultivariateNormal,
    half_log_det,
    low_rank_log_det,
    low_rank_squared_distance,
    squared_distance,
)
from .normal import HalfNormal, Normal
from .transformed_distribution import TransformedDistribution
from .uniform import Gumbel, Uniform
from .utils import euler_constant, sum_rightmost

INF = math.inf


@register_kl(ExponentialFamily, ExponentialFamily)
def _exponential_family(p: Any, q: Any) -> Tensor:
    """A(q) - A(p) - <q - p, dA/dp>, over natural parameters."""
    if type(p) is not type(q):
        raise UnsupportedError(
            "The cross KL-divergence between different exponential families cannot be computed using Bregman "
            "divergences"
        )
    natural, normalizer, slopes = p._log_normalizer_and_slopes()
    result = q._log_normalizer(*q._natural_params) - normalizer
    for mine, other, slope in zip(natural, q._natural_params, slopes):
        result = result - sum_rightmost((other - mine) * slope, len(q.event_shape))
    return result


@register_kl(Bernoulli, Bernoulli)
def _bernoulli(p: Any, q: Any) -> Tensor:
    heads = p.probs * (softplus(-q.logits) - softplus(-p.logits))
    tails = (1 - p.probs) * (softplus(q.logits) - softplus(p.logits))
    heads = heads.masked_fill(q.probs == 0, INF).masked_fill(p.probs == 0, 0)
    tails = tails.masked_fill(q.probs == 1, INF).masked_fill(p.probs == 1, 0)
    return heads + tails


@register_kl(Binomial, Binomial)
def _binomial(p: Any, q: Any) -> Tensor:
    if bool((p.total_count < q.total_count).any()):
        raise UnsupportedError("KL between Binomials where q.total_count > p.total_count is not implemented")
    each = p.probs * (p.logits - q.logits) + (-p.probs).log1p() - (-q.probs).log1p()
    return (p.total_count * each).masked_fill(p.total_count > q.total_count, INF)


@register_kl(Geometric, Geometric)
def _geometric(p: Any, q: Any) -> Tensor:
    return -p.entropy() - (-q.probs).log1p() / p.probs - q.logits


@register_kl(Poisson, Poisson)
def _poisson(p: Any, q: Any) -> Tensor:
    return p.rate * (p.rate.log() - q.rate.log()) - (p.rate - q.rate)


@register_kl(Categorical, Categorical)
def _categorical(p: Any, q: Any) -> Tensor:
    terms = p.probs * (p.logits - q.logits)
    return terms.masked_fill(q.probs == 0, INF).masked_fill(p.probs == 0, 0).sum(-1)


@register_kl(OneHotCategorical, OneHotCategorical)
def _one_hot(p: Any, q: Any) -> Tensor:
    return _categorical(p._categorical, q._categorical)


@register_kl(ContinuousBernoulli, ContinuousBernoulli)
def _continuous_bernoulli(p: Any, q: Any) -> Tensor:
    mine, other = (d._cont_bern_log_norm() + (-d.probs).log1p() for d in (p, q))
    return p.mean * (p.logits - q.logits) + mine - other


@register_kl(Beta, Beta)
def _beta(p: Any, q: Any) -> Tensor:
    return _dirichlet(p._dirichlet, q._dirichlet)


@register_kl(Dirichlet, Dirichlet)
def _dirichlet(p: Any, q: Any) -> Tensor:
    a, b = p.concentration, q.concentration
    total = a.sum(-1)
    normalizers = total.lgamma() - b.sum(-1).lgamma() - (a.lgamma() - b.lgamma()).sum(-1)
    return normalizers + ((a - b) * (a.digamma() - total.digamma().unsqueeze(-1))).sum(-1)


@register_kl(Gamma, Gamma)
def _gamma(p: Any, q: Any) -> Tensor:
    a, b = p.concentration, q.concentration
    shapes = ops.lgamma(b) - ops.lgamma(a) + (a - b) * ops.digamma(a)
    return b * (p.rate / q.rate).log() + shapes + (q.rate - p.rate) * (a / p.rate)


@register_kl(Exponential, Exponential)
def _exponential(p: Any, q: Any) -> Tensor:
    ratio = q.rate / p.rate
    return -ratio.log() + ratio - 1


@register_kl(Pareto, Pareto)
def _pareto(p: Any, q: Any) -> Tensor:
    ratio = q.alpha / p.alpha
    result = q.alpha * (p.scale / q.scale).log() - ratio.log() + ratio - 1
    return result.masked_fill(p.scale < q.scale, INF)


@register_kl(Uniform, Uniform)
def _uniform(p: Any, q: Any) -> Tensor:
    result = ((q.high - q.low) / (p.high - p.low)).log()
    return result.masked_fill((q.low > p.low) | (q.high < p.high), INF)


@register_kl(Gumbel, Gumbel)
def _gumbel(p: Any, q: Any) -> Tensor:
    ratio, shift = p.scale / q.scale, (p.loc - q.loc) / q.scale
    tail = ((1 + ratio).lgamma() - shift).exp()
    return -ratio.log() + shift + ratio * euler_constant + tail - (1 + euler_constant)


@register_kl(Laplace, Laplace)
def _laplace(p: Any, q: Any) -> Tensor:
    ratio, distance = p.scale / q.scale, (p.loc - q.loc).abs()
    return -ratio.log() + distance / q.scale + ratio * (-distance / p.scale).exp() - 1


@register_kl(Cauchy, Cauchy)
def _cauchy(p: Any, q: Any) -> Tensor:
    return ((p.scale + q.scale).pow(2) + (p.loc - q.loc).pow(2)).log() - (4 * p.scale * q.scale).log()


@register_kl(Normal, Normal)
def _normal(p: Any, q: Any) -> Tensor:
    ratio = (p.scale / q.scale).pow(2)
    return 0.5 * (ratio + ((p.loc - q.loc) / q.scale).pow(2) - 1 - ratio.log())


@register_kl(HalfNormal, HalfNormal)
def _half_normal(p: Any, q: Any) -> Tensor:
    return _normal(p.base_dist, q.base_dist)


# ----------------------------------------------------------------------------------------------------- normal vectors
# log(det Cq / det Cp) / 2 + (trace(Cq^-1 Cp) + squared distance of the means - n) / 2


def _square_norm(matrix: Tensor) -> Tensor:
    """trace(M M^T)."""
    return matrix.flatten(-2).pow(2).sum(-1)


def _same_size(p: Any, q: Any) -> int:
    if p.event_shape != q.event_shape:
        raise ArgumentError(
            "KL-divergence between two (Low Rank) Multivariate Normals with different event shapes cannot be computed"
        )
    return int(p.event_shape[0])


def _trace(tril: Tensor, factor: Tensor) -> Tensor:
    """trace((L L^T)^-1 F F^T)."""
    return _square_norm(linalg.solve_triangular(tril, factor, upper=False))


def _low_rank_trace(q: Any, factor: Tensor) -> Tensor:
    """trace(Cq^-1 F F^T) for q of low rank, by Woodbury's identity."""
    scaled = q._unbroadcasted_cov_factor.mT / q._unbroadcasted_cov_diag.unsqueeze(-2)
    within = linalg.solve_triangular(q._capacitance_tril, scaled, upper=False) @ factor
    return _square_norm(factor * q._unbroadcasted_cov_diag.rsqrt().unsqueeze(-1)) - _square_norm(within)


def _factors(p: LowRankMultivariateNormal) -> tuple[Tensor, Tensor]:
    """W and sqrt(D), whose squares add up to the covariance."""
    return p._unbroadcasted_cov_factor, ops.diag_embed(p._unbroadcasted_cov_diag.sqrt())


@register_kl(MultivariateNormal, MultivariateNormal)
def _multivariate(p: Any, q: Any) -> Tensor:
    n, mine, other = _same_size(p, q), p._unbroadcasted_scale_tril, q._unbroadcasted_scale_tril
    distance = squared_distance(other, q.loc - p.loc)
    return half_log_det(other) - half_log_det(mine) + 0.5 * (_trace(other, mine) + distance - n)


@register_kl(MultivariateNormal, LowRankMultivariateNormal)
def _multivariate_low_rank(p: Any, q: Any) -> Tensor:
    n, mine = _same_size(p, q), p._unbroadcasted_scale_tril
    spread = low_rank_log_det(q) - 2 * half_log_det(mine)
    return 0.5 * (spread + _low_rank_trace(q, mine) + low_rank_squared_distance(q, q.loc - p.loc) - n)


@register_kl(LowRankMultivariateNormal, MultivariateNormal)
def _low_rank_multivariate(p: Any, q: Any) -> Tensor:
    n, other = _same_size(p, q), q._unbroadcasted_scale_tril
    spread = 2 * half_log_det(other) - low_rank_log_det(p)
    factor, root = _factors(p)
    trace = _trace(other, factor) + _trace(other, root)
    return 0.5 * (spread + trace + squared_distance(other, q.loc - p.loc) - n)


@register_kl(LowRankMultivariateNormal, LowRankMultivariateNormal)
def _low_rank(p: Any, q: Any) -> Tensor:
    n = _same_size(p, q)
    factor, root = _factors(p)
    trace = _low_rank_trace(q, factor) + _low_rank_trace(q, root)
    distance = low_rank_squared_distance(q, q.loc - p.loc)
    return 0.5 * (low_rank_log_det(q) - low_rank_log_det(p) + trace + distance - n)


# ---------------------------------------------------------------------------------------------------- made of others


@register_kl(TransformedDistribution, TransformedDistribution)
def _transformed(p: Any, q: Any) -> Tensor:
    """A bijection changes nothing, if both go through the same one."""
    if p.transforms != q.transforms or p.event_shape != q.event_shape:
        raise UnsupportedError("kl_divergence: the distributions are transformed in different ways")
    return kl_divergence(p.base_dist, q.base_dist)


@register_kl(Independent, Independent)
def _independent(p: Any, q: Any) -> Tensor:
    if p.reinterpreted_batch_ndims != q.reinterpreted_batch_ndims:
        raise UnsupportedError("kl_divergence: the distributions are independent over different dimensions")
    return sum_rightmost(kl_divergence(p.base_dist, q.base_dist), p.reinterpreted_batch_ndims)
