"""Losses with a margin: what must be larger than something else by a margin costs only what it lacks.

They rank pairs and triplets (margin_ranking, cosine_embedding, triplet_margin, hinge_embedding) or classes
(multi_margin,
multilabel_margin, multilabel_soft_margin). All are short formulas over Tensors.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np

from ..autograd.tape import wrap
from ..errors import ArgumentError, OperatorError, ShapeError
from .activation import logsigmoid, relu
from .choosing import clamp_min, minimum, where
from .cross_entropy import check_reduction
from .distance import pairwise_distance
from .loss import check_tensors, reduced, reduction_of
from .promotion import all_values, not_implemented

if TYPE_CHECKING:
    from ..tensor import Tensor

Distance = Callable[[Any, Any], Any]


# ----------------------------------------------------------------------------------------------- pairs and triplets


def margin_ranking_loss(
    input1: Tensor,
    input2: Tensor,
    target: Tensor,
    margin: float = 0,
    size_average: bool | None = None,
    reduce: bool | None = None,
    reduction: str = "mean",
) -> Tensor:
    """max(0, -target * (input1 - input2) + margin): input1 should be the larger where target is 1, input2 where it is
    -1.

    Raises:
        RuntimeError: different numbers of dimensions.
    """
    reduction = reduction_of("margin_ranking_loss", size_average, reduce, reduction)
    check_tensors("margin_ranking_loss", ("input1", input1), ("input2", input2), ("target", target))
    if not input1.ndim == input2.ndim == target.ndim:
        raise ShapeError(
            "margin_ranking_loss : All input tensors should have same dimension but got sizes: "
            f"input1: {input1.shape}, input2: {input2.shape}, target: {target.shape} "
        )
    return reduced(clamp_min(-target * (input1 - input2) + margin, 0), reduction)


def hinge_embedding_loss(
    input: Tensor,
    target: Tensor,
    margin: float = 1.0,
    size_average: bool | None = None,
    reduce: bool | None = None,
    reduction: str = "mean",
) -> Tensor:
    """input where target is 1, max(0, margin - input) where it is -1; input is a distance within a pair."""
    reduction = reduction_of("hinge_embedding_loss", size_average, reduce, reduction)
    check_tensors("hinge_embedding_loss", ("input", input), ("target", target))
    apart = where(target == 1, 0.0, clamp_min(margin - input, 0))
    return reduced(apart + where(target == -1, 0.0, input), reduction)


def cosine_embedding_loss(
    input1: Tensor,
    input2: Tensor,
    target: Tensor,
    margin: float = 0,
    size_average: bool | None = None,
    reduce: bool | None = None,
    reduction: str = "mean",
) -> Tensor:
    """1 - cos(input1, input2) where target is 1, max(0, cos(input1, input2) - margin) where it is -1.

    Args:
        input1, input2: (N, D), or (D,).
        target: (N,), or ().

    Raises:
        RuntimeError: other numbers of dimensions.
    """
    name = "cosine_embedding_loss"
    reduction = reduction_of(name, size_average, reduce, reduction)
    check_tensors(name, ("input1", input1), ("input2", input2), ("target", target))
    if target.ndim > 1:
        raise ShapeError(
            f"{name}: 0D or 1D target tensor expected, multi-target not supported (shape {tuple(target.shape)})"
        )
    if not input1.ndim == input2.ndim == target.ndim + 1:
        raise ShapeError(
            f"{name}: {target.ndim}D target tensor expects {target.ndim + 1}D input tensors, but found inputs with "
            f"sizes {list(input1.shape)} and {list(input2.shape)}."
        )
    dim = target.ndim
    sizes = ((input1 * input1).sum(dim) + 1e-12) * ((input2 * input2).sum(dim) + 1e-12)
    cosine = (input1 * input2).sum(dim) / sizes.sqrt()
    together = where(target == 1, 1 - cosine, 0.0)
    return reduced(together + where(target == -1, clamp_min(cosine - margin, 0), 0.0), reduction)


def _check_triplet(name: str, anchor: Tensor, positive: Tensor, negative: Tensor, margin: float) -> None:
    check_tensors(name, ("anchor", anchor), ("positive", positive), ("negative", negative))
    if margin <= 0:
        raise ArgumentError(f"{name}: margin must be greater than 0, got {margin}")
    if not anchor.ndim == positive.ndim == negative.ndim:
        raise ShapeError(
            f"{name}: The anchor, positive, and negative tensors are expected to have the same number of dimensions, "
            f"but got: anchor {anchor.ndim}D, positive {positive.ndim}D, and negative {negative.ndim}D inputs"
        )


def _triplet(
    distance: Distance, anchor: Any, positive: Any, negative: Any, margin: float, swap: bool, reduction: str
) -> Any:
    near, far = distance(anchor, positive), distance(anchor, negative)
    if swap:  # the harder of the two negatives: Balntas et al. 2016, section 3.3
        far = minimum(far, distance(positive, negative))
    return reduced(clamp_min(margin + near - far, 0), reduction)


def triplet_margin_loss(
    anchor: Tensor,
    positive: Tensor,
    negative: Tensor,
    margin: float = 1.0,
    p: float = 2,
    eps: float = 1e-6,
    swap: bool = False,
    size_average: bool | None = None,
    reduce: bool | None = None,
    reduction: str = "mean",
) -> Tensor:
    """max(0, margin + |anchor - positive| - |anchor - negative|), |.| the p-norm over the last dimension.

    Args:
        p, eps: of `pairwise_distance`.
        swap: use the distance from positive to negative if it is the smaller.

    Raises:
        ValueError: margin <= 0. RuntimeError: different numbers of dimensions.

    Source: Balntas et al. 2016, "Learning local feature descriptors with triplets and shallow convolutional neural
    networks".
    """
    reduction = reduction_of("triplet_margin_loss", size_average, reduce, reduction)
    _check_triplet("triplet_margin_loss", anchor, positive, negative, margin)
    distance: Distance = lambda a, b: pairwise_distance(a, b, p, eps)
    return _triplet(distance, anchor, positive, negative, margin, swap, reduction)


def triplet_margin_with_distance_loss(
    anchor: Tensor,
    positive: Tensor,
    negative: Tensor,
    *,
    distance_function: Distance | None = None,
    margin: float = 1.0,
    swap: bool = False,
    reduction: str = "mean",
) -> Tensor:
    """max(0, margin + d(anchor, positive) - d(anchor, negative)) for your own distance d (or `pairwise_distance`)."""
    check_reduction("triplet_margin_with_distance_loss", reduction)
    _check_triplet("triplet_margin_with_distance_loss", anchor, positive, negative, margin)
    distance = pairwise_distance if distance_function is None else distance_function
    return _triplet(distance, anchor, positive, negative, margin, swap, reduction)


# ---------------------------------------------------------------------------------------------------------- classes


def _as_rows(name: str, input: Any) -> Any:
    """(N, C), or (C,) as one row; torch: () is one row of one class."""
    shape = input._array.shape
    if len(shape) > 2 or not all(shape[-1:]):
        raise ShapeError(
            f"{name}: Expected non-empty vector or matrix with optional 0-dim batch size, but got: {list(shape)}"
        )
    if input._array.dtype.kind not in "fV":
        raise not_implemented(name, input)
    return input.reshape(1, -1) if len(shape) < 2 else input


def multi_margin_loss(
    input: Tensor,
    target: Tensor,
    p: int = 1,
    margin: float = 1.0,
    weight: Tensor | None = None,
    size_average: bool | None = None,
    reduce: bool | None = None,
    reduction: str = "mean",
) -> Tensor:
    """sum over the wrong classes j of weight[target] * max(0, margin - input[target] + input[j])^p / C.

    Args:
        input: (N, C), or (C,).
        target: (N,), or (), int64.
        p: 1 or 2.
        weight: (C,).

    Raises:
        ValueError: another p, or a weight that is not 1-d. RuntimeError: shapes that do not fit, a target that is no
            class.
    """
    name = "multi_margin_loss"
    reduction = reduction_of(name, size_average, reduce, reduction)
    if p not in (1, 2):
        raise ArgumentError(f"{name}: only p == 1 and p == 2 supported, got {p}")
    if weight is not None and weight.ndim != 1:
        raise ArgumentError(f"{name}: weight must be one-dimensional, not of shape {tuple(weight.shape)}")
    rows = _as_rows(name, input)
    count, classes = rows._array.shape
    index = target._array.reshape(-1)
    if target.ndim > 1 or index.shape != (count,):
        raise ShapeError(f"{name}: inconsistent target size, expected {[count]} but got {list(target.shape)}")
    if index.dtype != np.int64:
        raise OperatorError(f"{name}: expected scalar type Long for target but found {target.dtype}")
    if weight is not None and weight._array.shape != (classes,):
        raise ShapeError(f"{name}: inconsistent weight size, expected {[classes]} but got {list(weight.shape)}")
    every = all_values(index)
    if every.size and not 0 <= every.min() <= every.max() < classes:
        raise OperatorError(f"{name}: target out of range: {every.min()} to {every.max()}, for {classes} classes")
    lacking = relu(rows - rows[np.arange(count), index].reshape(-1, 1) + margin)
    lacking = lacking * wrap(index[:, None] != np.arange(classes, like=index))
    losses = (lacking if p == 1 else lacking * lacking).sum(1) / classes
    if weight is not None:
        losses = losses * weight[index]
    losses = losses.reshape(()) if input.ndim < 2 else losses
    return reduced(losses, reduction)


def multilabel_margin_loss(
    input: Tensor,
    target: Tensor,
    size_average: bool | None = None,
    reduce: bool | None = None,
    reduction: str = "mean",
) -> Tensor:
    """sum over the right classes k and the wrong classes j of max(0, 1 - input[k] + input[j]) / C.

    Args:
        input: (N, C), or (C,).
        target: of the same shape, int64: the right classes, then -1; what comes after the first -1 is not read.

    Raises:
        RuntimeError: shapes that differ, or a target that is no class.
    """
    name = "multilabel_margin_loss"
    reduction = reduction_of(name, size_average, reduce, reduction)
    rows = _as_rows(name, input)
    if target._array.shape != input._array.shape:
        raise ShapeError(
            f"{name}: inconsistent target size: {list(target.shape)} for input of size: {list(input.shape)}"
        )
    labels = target._array.reshape(rows._array.shape)
    if labels.dtype != np.int64:
        raise OperatorError(f"{name}: expected scalar type Long for target but found {target.dtype}")
    count, classes = labels.shape
    every = all_values(labels)
    if every.size and not -1 <= every.min() <= every.max() < classes:
        raise OperatorError(f"{name}: target is out of range: {every.min()} to {every.max()}, for {classes} classes")
    listed = (labels < 0).cumsum(axis=1) == 0
    row = np.arange(count, like=labels)[:, None]
    right = np.zeros_like(labels, bool)
    right[np.broadcast_to(row, labels.shape)[listed], labels[listed]] = True
    pairs = listed[:, :, None] & ~right[:, None, :]  # (N, label, class)
    gap = rows.reshape(count, 1, classes) - rows[row, np.where(listed, labels, 0)].reshape(count, classes, 1)
    losses = (relu(gap + 1) * wrap(pairs)).sum((1, 2)) / classes
    losses = losses.reshape(()) if input.ndim < 2 else losses
    return reduced(losses, reduction)


def multilabel_soft_margin_loss(
    input: Tensor,
    target: Tensor,
    weight: Tensor | None = None,
    size_average: bool | None = None,
    reduce: bool | None = None,
    reduction: str = "mean",
) -> Tensor:
    """Binary cross entropy of the logits, averaged over the classes.

    -(target * log(sigmoid(input)) + (1 - target) * log(sigmoid(-input)))

    Args:
        input: (..., C).
        target: of the same shape.
        weight: (C,), factors of the classes.
    """
    reduction = reduction_of("multilabel_soft_margin_loss", size_average, reduce, reduction)
    losses = -(target * logsigmoid(input) + (1 - target) * logsigmoid(-input))
    if weight is not None:
        losses = losses * weight
    return reduced(losses.mean(-1), reduction)
