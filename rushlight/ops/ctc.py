"""Connectionist temporal classification: the likelihood of a label sequence, summed over all its alignments.

Labels are spread over time with blanks between them: for labels a b the states are _ a _ b _, 2 S + 1 of them. `alpha`
holds the log-probability of all beginnings of an alignment that end in a state, `beta` that of all its continuations.

Source: Graves et al. 2006, "Connectionist Temporal Classification", equations 6 to 16.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from ..autograd.tape import Operator, TensorBase
from ..errors import OperatorError, ShapeError, UnsupportedError
from ..kernels import kernel
from .cross_entropy import check_reduction
from .promotion import in_float32, not_implemented

if TYPE_CHECKING:
    from ..tensor import Tensor

Array = Any
NEVER = -np.inf  # log of the probability 0


# ---------------------------------------------------------------------------------------------------------- kernels


def _states(targets: Array, blank: int) -> tuple[Array, Array]:
    """targets (N, S) -> the label of each state (N, 2 S + 1), and whether the blank before it may be skipped: before a
    label that differs from the previous one."""
    labels = np.full_like(targets, blank, shape=(targets.shape[0], 2 * targets.shape[1] + 1))
    labels[:, 1::2] = targets
    skip = np.zeros_like(labels, bool)
    skip[:, 2:] = (labels[:, 2:] != blank) & (labels[:, 2:] != labels[:, :-2])
    return labels, skip


def _moved(x: Array, places: int) -> Array:
    """Each state's entry from so many states before (or after, if negative); NEVER at the border."""
    y = np.full_like(x, NEVER)
    if places > 0:
        y[:, places:] = x[:, :-places]
    else:
        y[:, :places] = x[:, -places:]
    return y


def _step(x: Array, skip: Array, direction: int) -> Array:
    """log of the summed probabilities of staying, moving by one state, and moving by two where that is allowed."""
    if direction > 0:
        jump = np.where(skip, _moved(x, 2), NEVER)
    else:
        jump = _moved(np.where(skip, x, NEVER), -2)
    return np.logaddexp(np.logaddexp(x, _moved(x, direction)), jump)


@kernel
@in_float32
def ctc_forward(
    log_probs: Array, targets: Array, input_lengths: Array, target_lengths: Array, blank: int
) -> tuple[Array, Array]:
    """log_probs (T, N, C), targets (N, S), lengths (N,) -> loss (N,), alpha (T, N, 2 S + 1)."""
    labels, skip = _states(targets, blank)
    emit = np.take_along_axis(log_probs, labels[None], axis=2)  # (T, N, C) -> (T, N, 2 S + 1)
    alpha = np.full_like(emit, NEVER)
    alpha[0, :, :2] = emit[0, :, :2]
    for t in range(1, len(emit)):
        alpha[t] = _step(alpha[t - 1], skip, 1) + emit[t]
    row = np.arange(len(labels), like=labels)
    last = alpha[input_lengths - 1, row]  # (N, 2 S + 1)
    on_label = np.where(target_lengths > 0, last[row, np.maximum(2 * target_lengths - 1, 0)], NEVER)
    loss = -np.logaddexp(last[row, 2 * target_lengths], on_label)
    empty = np.where(target_lengths == 0, 0, np.inf).astype(loss.dtype)  # nothing said in no time is certain
    return np.where(input_lengths > 0, loss, empty), alpha


@kernel
@in_float32
def ctc_backward(
    grad: Array, log_probs: Array, alpha: Array, loss: Array, targets: Array, input_lengths: Array,
    target_lengths: Array, blank: int,
) -> Array:  # fmt: skip
    """grad (N,) -> dlog_probs (T, N, C): exp(log_probs) minus the probability that the class is emitted at t.

    torch: the first term belongs to a softmax before the loss; behind log_softmax it cancels.
    """
    labels, skip = _states(targets, blank)
    emit = np.take_along_axis(log_probs, labels[None], axis=2)
    state = np.arange(labels.shape[1], like=labels)
    ends = (state == 2 * target_lengths[:, None]) | (state == 2 * target_lengths[:, None] - 1)
    beta = np.full_like(log_probs[0], NEVER, shape=labels.shape)
    dlog_probs = np.zeros_like(log_probs)
    undefined = np.where(np.isposinf(loss), np.nan, 0)[:, None].astype(loss.dtype)
    rows = np.broadcast_to(np.arange(len(labels), like=labels)[:, None], labels.shape)
    for t in reversed(range(len(emit))):
        at_end = (input_lengths - 1 == t)[:, None]
        beta = np.where(at_end, np.where(ends, emit[t], NEVER), _step(beta, skip, -1) + emit[t])
        inside = (t < input_lengths)[:, None]
        share = np.exp(np.where(inside, alpha[t] + beta - emit[t] + loss[:, None], NEVER))
        dlog_probs[t] = np.where(inside, np.exp(log_probs[t]) + undefined, 0)
        np.subtract.at(dlog_probs[t], (rows, labels), np.where(np.isneginf(emit[t]), 0, share))
    return dlog_probs * grad[:, None]


class CtcLoss(Operator):
    @staticmethod
    def forward(
        ctx: Any,
        log_probs: Array,
        targets: Array,
        input_lengths: Array,
        target_lengths: Array,
        blank: int,
        finite: bool,
    ) -> Array:
        loss, alpha = ctc_forward(log_probs, targets, input_lengths, target_lengths, blank)
        ctx.save(log_probs, alpha, loss)
        ctx.options, ctx.finite = (targets, input_lengths, target_lengths, blank), finite
        return np.where(np.isposinf(loss), 0, loss) if finite else loss

    @staticmethod
    def backward(ctx: Any, grad: Array) -> Array:
        if isinstance(grad, TensorBase):
            raise UnsupportedError("ctc_loss: derivatives of higher order are not available (nor are they in PyTorch)")
        log_probs, alpha, loss = ctx.saved
        dlog_probs = ctc_backward(grad, log_probs, alpha, loss, *ctx.options)
        return np.where(np.isposinf(loss)[:, None], 0, dlog_probs) if ctx.finite else dlog_probs

    saves = (0,)


# ------------------------------------------------------------------------------------------------- public function


def _lengths(x: Any, count: int, argument: str, like: Array) -> Array:
    array = x._array if isinstance(x, TensorBase) else np.asarray(x, like=like)
    if array.dtype.kind not in "iu" and array.size:
        raise OperatorError(f"ctc_loss: {argument} must be integral, not {array.dtype}")
    array = array.reshape(-1).astype(np.int64)
    if array.shape != (count,):
        raise OperatorError(f"ctc_loss: {argument} must be of size batch_size ({count}), not {array.size}")
    return array


def _padded(targets: Array, lengths: Array) -> Array:
    """Concatenated targets (sum(lengths),), or padded ones (N, S), as (N, max(lengths)), padded with 0."""
    width = int(lengths.max(initial=0))
    if targets.ndim == 2:
        if targets.shape[0] != len(lengths) or targets.shape[1] < width:
            raise ShapeError(
                f"ctc_loss: Expected targets of shape ({len(lengths)}, {width} or more), got {targets.shape}"
            )
        return np.where(np.arange(width, like=lengths) < lengths[:, None], targets[:, :width], 0).astype(np.int64)
    if targets.ndim != 1 or targets.size != lengths.sum():
        raise ShapeError(
            f"ctc_loss: Expected {lengths.sum()} targets, the sum of target_lengths, got shape {targets.shape}"
        )
    padded = np.zeros_like(targets, np.int64, shape=(len(lengths), width))
    padded[np.arange(width, like=lengths) < lengths[:, None]] = targets
    return padded


def ctc_loss(
    log_probs: Tensor,
    targets: Tensor,
    input_lengths: Tensor | Sequence[int],
    target_lengths: Tensor | Sequence[int],
    blank: int = 0,
    reduction: str = "mean",
    zero_infinity: bool = False,
) -> Tensor:
    """-log P(targets | log_probs), P summed over all alignments of the labels with the time steps.

    Args:
        log_probs: (T, N, C), or (T, C): log-probabilities of the classes at each time.
        targets: (N, S) padded, or (sum(target_lengths),) concatenated: integers, none of them `blank`.
        input_lengths, target_lengths: N integers each.
        blank: the class of the blank.
        reduction: "mean" (each loss divided by its target's length, then averaged), "sum" or "none".
        zero_infinity: targets too long for their input give 0 instead of inf, and no gradient.

    Raises:
        RuntimeError: lengths that do not fit, or an unknown blank. ValueError: an unknown reduction.

    Source: Graves et al. 2006, "Connectionist Temporal Classification".
    """
    check_reduction("ctc_loss", reduction)
    if log_probs.ndim not in (2, 3):
        raise ShapeError(f"ctc_loss: log_probs must be (T, N, C) or (T, C), not {tuple(log_probs.shape)}")
    if log_probs._array.dtype.kind != "f":
        raise not_implemented("ctc_loss", log_probs)
    batched = log_probs if log_probs.ndim == 3 else log_probs.reshape(log_probs.shape[0], 1, -1)
    steps, count, classes = batched._array.shape
    if not 0 <= blank < classes:
        raise OperatorError(f"ctc_loss: blank must be in label range [0, {classes - 1}], got {blank}")
    given = _lengths(input_lengths, count, "input_lengths", batched._array)
    wanted = _lengths(target_lengths, count, "target_lengths", batched._array)
    if given.size and (given.max() > steps or given.min() < 0 or wanted.min() < 0):
        raise OperatorError(
            f"ctc_loss: Expected input_lengths to be in [0, {steps}] and target_lengths at least 0, got "
            f"{given.tolist()} and "
            f"{wanted.tolist()}"
        )
    if targets._array.dtype.kind not in "iu":
        raise not_implemented("ctc_loss", targets)
    labels = targets._array.reshape(1, -1) if log_probs.ndim == 2 and targets.ndim == 1 else targets._array
    padded = _padded(labels, wanted)
    if padded.size and not 0 <= padded.min() <= padded.max() < classes:
        raise OperatorError(f"ctc_loss: targets must be in [0, {classes - 1}], got {padded.min()} to {padded.max()}")
    losses = CtcLoss.apply(batched, padded, given, wanted, blank, zero_infinity)
    if reduction == "mean":
        return (losses / np.maximum(wanted, 1).astype(losses._array.dtype)).mean()
    if reduction == "sum":
        return losses.sum()
    return losses.reshape(()) if log_probs.ndim == 2 else losses
