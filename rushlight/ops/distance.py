"""Distances and similarities between vectors: cosine similarity, p-norm distances pair by pair and all to all."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from ..errors import ArgumentError, OperatorError, ShapeError
from .promotion import cast, result_type
from .shape import broadcast_tensors

if TYPE_CHECKING:
    from ..tensor import Tensor

Array = Any


def cosine_similarity(x1: Tensor, x2: Tensor, dim: int = 1, eps: float = 1e-8) -> Tensor:
    """`x1 . x2 / (max(|x1|, eps) * max(|x2|, eps))` along `dim`.

    Args:
        x1, x2: floating point tensors that broadcast together.

    Raises:
        RuntimeError: the shapes do not broadcast, or integers are given.

    Example:
        >>> rushlight.nn.functional.cosine_similarity(rushlight.tensor([[1., 0.]]), rushlight.tensor([[1., 1.]]))
        tensor([0.7071])
    """
    if not x1.is_floating_point() and not x2.is_floating_point():
        raise OperatorError(
            f"cosine_similarity: expected common dtype to be floating point, yet common dtype is {x1.dtype}"
        )
    kind = result_type(x1, x2)
    x1, x2 = broadcast_tensors(cast(x1, kind), cast(x2, kind))
    return (_unit(x1, dim, eps) * _unit(x2, dim, eps)).sum(dim)


def _unit(x: Tensor, dim: int, eps: float) -> Tensor:
    """`x` at length 1. torch: the lower bound of the length has no part in the gradient."""
    length = x.norm(2, dim, keepdim=True)
    return x / (length + (length.clamp_min(eps) - length).detach())


def pairwise_distance(x1: Tensor, x2: Tensor, p: float = 2.0, eps: float = 1e-6, keepdim: bool = False) -> Tensor:
    """`|x1 - x2 + eps|_p` along the last dimension.

    Args:
        x1, x2: (N, D) or (D,), or what broadcasts to that.
        p: the order of the norm.
        eps: keeps the derivative at equal vectors finite.
        keepdim: keep the last dimension, of size 1.
    """
    return (x1 - x2 + eps).norm(p, -1, keepdim)


def pdist(input: Tensor, p: float = 2) -> Tensor:
    """The p-norm distances between all pairs of rows of `input`: (N, D) -> (N * (N - 1) / 2,), as (0, 1), (0, 2) ...

    Raises:
        RuntimeError: input that is not 2-d or not floating point, or a negative p.
    """
    if input.ndim != 2:
        raise ShapeError(f"pdist: only supports 2D tensors, got: {input.ndim}D (shape {tuple(input.shape)})")
    if not input.is_floating_point():
        raise OperatorError(f"pdist: only supports floating-point dtypes, got {input.dtype}")
    if p < 0:
        raise OperatorError(f"pdist: only supports non-negative p values, got {p}")
    first, second = np.triu_indices(len(input), 1)
    return (input[first] - input[second]).norm(p, -1)


def cdist(
    x1: Tensor, x2: Tensor, p: float = 2.0, compute_mode: str | None = "use_mm_for_euclid_dist_if_necessary"
) -> Tensor:
    """The p-norm distances between all rows of `x1` and all rows of `x2`.

    Args:
        x1: (..., P, D). x2: (..., R, D), with leading sizes that broadcast.
        compute_mode: PyTorch's choices are accepted; differences are always taken directly, the more exact way.

    Returns:
        (..., P, R).

    Raises:
        RuntimeError: sizes do not fit, or a negative p.
    """
    if x1.ndim < 2 or x2.ndim < 2:
        raise ShapeError(f"cdist: X1 and X2 should be at least 2D, got {tuple(x1.shape)} and {tuple(x2.shape)}")
    if x1.shape[-1] != x2.shape[-1]:
        raise ShapeError(
            f"cdist: X1 and X2 must have the same number of columns. X1: {x1.shape[-1]} X2: {x2.shape[-1]}"
        )
    if p < 0:
        raise OperatorError(f"cdist: only supports non-negative p values, got {p}")
    if compute_mode not in (
        None,
        "use_mm_for_euclid_dist_if_necessary",
        "use_mm_for_euclid_dist",
        "donot_use_mm_for_euclid_dist",
    ):
        raise ArgumentError(f"cdist: {compute_mode} is not a valid value for compute_mode")
    return (x1.unsqueeze(-2) - x2.unsqueeze(-3)).norm(p, -1)
