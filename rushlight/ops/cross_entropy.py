"""Losses of classifiers: cross entropy and negative log-likelihood, with class indices or probabilities as target.

Classes lie in the second dimension, (N, C, d1, d2, ...), or in the only one, (C,). The kernels see rows: (R, C), with
one
target per row.
"""

from __future__ import annotations

import warnings
from math import prod
from typing import TYPE_CHECKING, Any

import numpy as np

from .. import dtypes
from ..autograd.tape import Operator, TensorBase
from ..errors import ArgumentError, OperatorError, RangeError, ShapeError
from ..kernels import kernel, xp
from ..kernels.moves import reshaped
from ..mistakes import look_at_log_probabilities, look_at_logits
from .promotion import all_values, is_half, not_a_tensor, not_implemented
from .softmax import log_softmax

if TYPE_CHECKING:
    from ..tensor import Tensor

Array = Any
REDUCTIONS = ("mean", "sum", "none")
_INT64 = np.dtype(np.int64)  # (a dtype is compared with it three times faster than with the type)


def check_reduction(name: str, reduction: str, also: tuple[str, ...] = ()) -> None:
    """Raises unless `reduction` is one of the three, or of those in `also`."""
    if reduction not in REDUCTIONS and reduction not in also:
        expected = ", ".join((*REDUCTIONS, *also))
        raise ArgumentError(f"{name}: {reduction} is not a valid value for reduction; it is one of {expected}")


def check_classes(name: str, target: Array, classes: int, ignore_index: int) -> None:
    """Raises for the first target that is neither a class nor `ignore_index`."""
    target = all_values(target)
    wrong = ((target < 0) | (target >= classes)) & (target != ignore_index)
    if wrong.any():
        place = tuple(int(i) for i in np.argwhere(wrong)[0])
        raise RangeError(
            f"{name}: Target {int(target[place])} is out of bounds: target[{', '.join(map(str, place))}] must be in "
            f"[0, {classes - 1}] or be ignore_index ({ignore_index}); the {classes} classes are numbered from 0."
        )


# ---------------------------------------------------------------------------------------------------------- kernels


def _row_weights(target: Array, weight: Array | None, ignore_index: int) -> tuple[Array, Array, Array]:
    """For each row the class to read (0 where the row is ignored), whether it counts, and the weight of its class."""
    kept = target != ignore_index
    index = xp.where(kept, target, 0)
    return index, kept, kept if weight is None else xp.where(kept, weight[index], 0)


def _total(scale: Array) -> Any:
    """The sum of the weights; a plain number where rows are merely counted, so that it leaves the dtype alone."""
    return int(scale.sum()) if scale.dtype.kind == "b" else scale.sum()


def _smooth_share(weight: Array | None, classes: int, smoothing: float) -> Any:
    """What label smoothing gives to each class: smoothing / C, times the class's weight."""
    return smoothing / classes * (1 if weight is None else weight)


@kernel
def cross_entropy_forward(
    logits: Array, target: Array, weight: Array | None, ignore_index: int, smoothing: float, reduction: str
) -> tuple[Array, Array]:
    """-log softmax(logits)[target], weighted by class: loss () or (R,), and each row's log-sum-exp (R,).

    With nll_c = lse - logits[c], s = smoothing and t the target of a row:

        loss = (1 - s) weight[t] nll_t + s/C sum_c weight[c] nll_c

    and 0 for rows whose target is `ignore_index`. "mean" divides the sum by the sum of weight[t].

    Raises:
        IndexError: a target outside [0, C) that is not `ignore_index`.
    """
    classes = logits.shape[1]
    check_classes("cross_entropy", target, classes, ignore_index)
    top = xp.max(logits, axis=1, keepdims=True)
    lse = (xp.log(xp.exp(logits - top).sum(axis=1, keepdims=True)) + top).reshape((-1,))
    index, kept, scale = _row_weights(target, weight, ignore_index)
    loss = (lse - logits[np.arange(len(index)), index]) * scale
    if smoothing:
        loss = loss * (1 - smoothing)
        spread = ((lse.reshape((-1, 1)) - logits) * _smooth_share(weight, classes, smoothing)).sum(axis=1)
        loss = loss + spread * kept
    loss = xp.where(kept, loss, 0)
    if reduction == "none":
        return loss, lse
    return (loss.sum() / _total(scale) if reduction == "mean" else loss.sum()), lse


@kernel
def cross_entropy_backward(
    grad: Array, logits: Array, target: Array, weight: Array | None, lse: Array, ignore_index: int, smoothing: float,
    reduction: str,
) -> Array:  # fmt: skip
    """The gradient of `cross_entropy_forward`. With p = softmax(logits), per row:

    dlogits = grad * ((1 - s) weight[t] (p - onehot(t)) + s/C (p sum(weight) - weight))
    """
    classes = logits.shape[1]
    index, kept, scale = _row_weights(target, weight, ignore_index)
    p = xp.exp(logits - lse.reshape((-1, 1)))
    hot = index[:, None] == xp.arange(classes, like=index)
    dlogits = (p - hot) * scale.reshape((-1, 1))
    if smoothing:
        dlogits = dlogits * (1 - smoothing)
        share = _smooth_share(weight, classes, smoothing)
        dlogits = dlogits + (p * (smoothing if weight is None else share.sum()) - share) * kept.reshape((-1, 1))
    dlogits = dlogits * (grad / _total(scale) if reduction == "mean" else grad.reshape((-1, 1)))
    return xp.where(kept.reshape((-1, 1)), dlogits, 0)  # torch: 0 also where all rows are ignored and the mean is 0 / 0


@kernel
def nll_forward(x: Array, target: Array, weight: Array | None, ignore_index: int, reduction: str) -> Array:
    """-weight[t] x[t] for each row of x (R, C): (R,), its sum, or for "mean" that divided by the sum of weight[t]."""
    check_classes("nll_loss", target, x.shape[1], ignore_index)
    index, kept, scale = _row_weights(target, weight, ignore_index)
    loss = xp.where(kept, -x[np.arange(len(index)), index] * scale, 0)
    if reduction == "none":
        return loss
    return loss.sum() / _total(scale) if reduction == "mean" else loss.sum()


@kernel
def nll_backward(
    grad: Array, shape: tuple[int, int], target: Array, weight: Array | None, ignore_index: int, reduction: str
) -> Array:
    """The gradient of `nll_forward`, for an x of this shape: -grad * weight[t] at the target, 0 elsewhere."""
    index, _, scale = _row_weights(target, weight, ignore_index)
    hot = index[:, None] == xp.arange(shape[1], like=index)
    return hot * (-(grad / _total(scale) if reduction == "mean" else grad) * scale).reshape((-1, 1))


# -------------------------------------------------------------------------------------------------------- operators


def _rows(x: Array) -> Array:
    """(N, C, d1, ...) or (C,) -> (R, C)."""
    if x.ndim == 2:
        return x
    if x.ndim == 1:
        return x.reshape((1, -1))
    return reshaped(xp.moveaxis(x, 1, -1), (prod(x.shape) // max(x.shape[1], 1), x.shape[1]))


def _unrows(rows: Array, shape: tuple[int, ...]) -> Array:
    """The inverse of `_rows`."""
    if len(shape) <= 2:
        return rows.reshape(shape)
    return xp.moveaxis(rows.reshape((shape[0], *shape[2:], shape[1])), -1, 1)


class CrossEntropy(Operator):
    restore: tuple[tuple[int, ...], Any] | None = None  # shape and dtype of an input of which rows had to be made

    @staticmethod
    def forward(ctx: Any, x: Array, target: Array, weight: Any, *options: Any) -> Array:
        if x.ndim != 2 or is_half(x):
            return ctx.forward_unusual(x, target, weight, *options)
        loss, lse = cross_entropy_forward(x, target, weight, *options)
        ctx.save(x, target, weight, lse)
        ctx.options = options
        return loss

    def forward_unusual(self, x: Array, target: Array, weight: Any, *options: Any) -> Array:
        self.restore, self.options = (x.shape, x.dtype), options
        rows, flat = _rows(x.astype(np.float32) if is_half(x) else x), target.reshape(-1)
        try:
            loss, lse = cross_entropy_forward(rows, flat, weight, *options)
        except RangeError:
            check_classes("cross_entropy", target, rows.shape[1], options[0])  # names the place in the target's shape
            raise
        self.save(rows, flat, weight, lse)
        return (loss if options[-1] != "none" else loss.reshape(target.shape)).astype(x.dtype, copy=False)

    @staticmethod
    def backward(ctx: Any, grad: Array) -> Array:
        rows, target, weight, lse = ctx.saved
        if ctx.restore is None:
            return cross_entropy_backward(grad, rows, target, weight, lse, *ctx.options)
        shape, kind = ctx.restore
        grad = grad.astype(rows.dtype, copy=False)
        grad = grad.reshape((-1,)) if ctx.options[-1] == "none" else grad
        dx = _unrows(cross_entropy_backward(grad, rows, target, weight, lse, *ctx.options), shape)
        return dx.astype(kind, copy=False)


class NllLoss(Operator):
    curved = True

    @staticmethod
    def forward(ctx: Any, x: Array, target: Array, weight: Any, ignore_index: int, reduction: str) -> Array:
        ctx.shape, ctx.half = x.shape, x.dtype if is_half(x) else None
        rows, ctx.target = _rows(x if ctx.half is None else x.astype(np.float32)), target.reshape(-1)
        ctx.rows, ctx.weight, ctx.options = rows.shape, weight, (ignore_index, reduction)
        try:
            loss = nll_forward(rows, ctx.target, weight, ignore_index, reduction)
        except RangeError:
            check_classes("nll_loss", target, rows.shape[1], ignore_index)  # names the place in the target's own shape
            raise
        loss = loss if reduction != "none" else loss.reshape(target.shape)
        return loss if ctx.half is None else loss.astype(ctx.half)

    @staticmethod
    def backward(ctx: Any, grad: Array) -> Array:
        if ctx.half is not None:
            grad = grad.astype(np.float32)
        grad = grad.reshape((-1,)) if ctx.options[-1] == "none" else grad
        dx = _unrows(nll_backward(grad, ctx.rows, ctx.target, ctx.weight, *ctx.options), ctx.shape)
        return dx if ctx.half is None else dx.astype(ctx.half)


# ------------------------------------------------------------------------------------------------- public functions


def check_indices(name: str, x: Array, target: Array, weight: Any) -> None:
    """The shapes and dtypes of (N, C, ...), (N, ...) and (C,)."""
    if x.ndim == 0:
        raise ShapeError(f"{name}: input must have 1 dimension or more, not shape ()")
    classes = x.shape[1 if x.ndim > 1 else 0]
    if target.dtype not in (np.int64, np.uint8):
        raise OperatorError(
            f"{name}: expected target dtype to be Long or Byte, but got {dtypes.of(target)}; use target.long()"
        )
    if x.ndim == 1:
        if target.size != 1 or target.ndim > 1:
            raise ArgumentError(
                f"{name}: For 1D input, 1D target must have size 1, but got target shape {target.shape}"
            )
    elif target.ndim == 0 or (target.ndim < x.ndim - 1 and target.shape[0] == x.shape[0]):
        raise ShapeError(f"{name}: Expected target size {[x.shape[0], *x.shape[2:]]}, got {list(target.shape)}")
    elif target.shape[0] != x.shape[0]:
        raise ArgumentError(
            f"{name}: Expected input batch_size ({x.shape[0]}) to match target batch_size ({target.shape[0]})."
        )
    elif target.shape != (x.shape[0], *x.shape[2:]):
        if x.ndim == 2:
            raise ShapeError(
                f"{name}: 0D or 1D target tensor expected, multi-target not supported (shape {target.shape})"
            )
        raise ShapeError(f"{name}: Expected target size {[x.shape[0], *x.shape[2:]]}, got {list(target.shape)}")
    _check_weight(name, x, weight, classes)


def _check_weight(name: str, x: Array, weight: Any, classes: int) -> None:
    if weight is None:
        return
    if weight._array.shape != (classes,):
        raise ShapeError(
            f"{name}: weight tensor should be defined either for all {classes} classes or no classes but got weight "
            f"tensor of shape: {list(weight._array.shape)}"
        )
    if weight._array.dtype != x.dtype:
        raise OperatorError(f"{name}: expected scalar type {dtypes.of(x)} for weight but found {weight.dtype}")


def constant(weight: Any) -> Any:
    """A tensor as bare array in the precision that kernels compute in: nothing differentiates with respect to it."""
    if weight is None:
        return None
    return weight._array.astype(np.float32) if is_half(weight) else weight._array


def cross_entropy(
    input: Tensor,
    target: Tensor,
    weight: Tensor | None = None,
    size_average: bool | None = None,
    ignore_index: int = -100,
    reduce: bool | None = None,
    reduction: str = "mean",
    label_smoothing: float = 0.0,
) -> Tensor:
    """-log softmax(input)[target]: the loss of a classifier.

    Args:
        input: (N, C, d1, d2, ...) or (C,): logits, one per class.
        target: class indices (N, d1, d2, ...) or (), int64 or uint8; or probabilities of the shape and dtype of input.
        weight: (C,), the weight of each class; None is 1 for all.
        size_average, reduce: PyTorch's old names for `reduction`; they warn.
        ignore_index: targets of this value do not count.
        reduction: "mean" (over the weights of the targets), "sum" or "none".
        label_smoothing: this much of the target, in [0, 1], is spread evenly over all classes.

    Raises:
        IndexError: a target that is not a class. ValueError, RuntimeError: shapes, dtypes or options that do not fit.

    Example:
        >>> cross_entropy(rushlight.zeros(2, 4), rushlight.tensor([0, 3]))
        tensor(1.3863)

    Source: Szegedy et al. 2015, arXiv:1512.00567, section 7 (label smoothing).
    """
    if not isinstance(input, TensorBase):
        raise not_a_tensor(input, "cross_entropy_loss", "input")
    if not isinstance(target, TensorBase):
        raise not_a_tensor(target, "cross_entropy_loss", "target")
    if size_average is not None or reduce is not None:
        reduction = legacy_reduction(size_average, reduce)
    check_reduction("cross_entropy", reduction)
    if not 0.0 <= label_smoothing <= 1.0:
        raise OperatorError(f"cross_entropy: label_smoothing must be between 0.0 and 1.0. Got: {label_smoothing}")
    look_at_logits("cross_entropy", input._edge)
    logits, labels = input._array, target._array
    if logits.dtype.kind not in "fV":
        raise not_implemented("cross_entropy", input)
    if logits.shape == labels.shape:
        return _with_probabilities(input, target, weight, ignore_index, reduction, label_smoothing)
    if weight is not None or logits.ndim != 2 or labels.dtype != _INT64 or labels.shape != logits.shape[:1]:
        check_indices("cross_entropy", logits, labels, weight)
        labels = labels.astype(np.int64, copy=False)
    return CrossEntropy.apply(input, labels, constant(weight), ignore_index, label_smoothing, reduction)


def _with_probabilities(
    input: Any, target: Any, weight: Any, ignore_index: int, reduction: str, smoothing: float
) -> Tensor:
    """-sum_c weight[c] target[c] log softmax(input)[c]; "mean" divides by the number of rows."""
    if target._array.dtype.kind not in "fV":
        raise OperatorError(
            f"cross_entropy: Expected floating point type for target with class probabilities, got {target.dtype}"
        )
    if ignore_index >= 0:
        raise OperatorError("cross_entropy: ignore_index is not supported for floating point target")
    dim = 0 if input.ndim == 1 else 1
    classes = input._array.shape[dim]
    _check_weight("cross_entropy", input._array, weight, classes)
    if smoothing:
        target = target * (1 - smoothing) + smoothing / classes
    logp = log_softmax(input, dim)
    if weight is not None:
        logp = logp * weight.reshape((-1,) + (1,) * (input.ndim - 1 - dim))
    losses = -(logp * target)
    if reduction == "none":
        return losses.sum(dim)
    return losses.sum() / (input.numel() / classes) if reduction == "mean" else losses.sum()


def nll_loss(
    input: Tensor,
    target: Tensor,
    weight: Tensor | None = None,
    size_average: bool | None = None,
    ignore_index: int = -100,
    reduce: bool | None = None,
    reduction: str = "mean",
) -> Tensor:
    """-weight[target] * input[target]: what `cross_entropy` does to log-probabilities.

    Args:
        input: (N, C, d1, ...) or (C,): log-probabilities.
        target: class indices (N, d1, ...) or (), int64 or uint8.
        weight, size_average, ignore_index, reduce, reduction: see `cross_entropy`.

    Raises:
        IndexError: a target that is not a class. ValueError, RuntimeError: shapes, dtypes or options that do not fit.
    """
    if size_average is not None or reduce is not None:
        reduction = legacy_reduction(size_average, reduce)
    check_reduction("nll_loss", reduction)
    x, t = input._array, target._array
    if x.dtype.kind not in "fV":
        raise not_implemented("nll_loss", input)
    check_indices("nll_loss", x, t, weight)
    look_at_log_probabilities(input._edge)
    return NllLoss.apply(input, t.astype(np.int64, copy=False), constant(weight), ignore_index, reduction)


def legacy_reduction(size_average: bool | None, reduce: bool | None) -> str:
    """What PyTorch's old arguments mean, with its warning."""
    size_average = True if size_average is None else size_average
    reduce = True if reduce is None else reduce
    meant = "none" if not reduce else "mean" if size_average else "sum"
    warnings.warn(
        f"size_average and reduce args will be deprecated, please use reduction='{meant}' instead.", stacklevel=3
    )
    return meant
