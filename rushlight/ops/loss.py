"""Losses that compare two tensors element by element: squared and absolute errors, binary cross entropy, divergences.

`pointwise` makes the operator of such a loss from its formula and its derivatives; weighting and the reduction happen
inside, so a loss is one entry on the tape.
"""

from __future__ import annotations

import math
import warnings
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np

from ..autograd.tape import Operator, TensorBase
from ..errors import ArgumentError, OperatorError
from ..kernels import fused, kernel, xp
from ..mistakes import frames_of_ours, is_told, look_at_logits, look_at_targets, looks
from .activation import Sigmoid
from .cross_entropy import check_reduction, legacy_reduction
from .promotion import (
    all_values,
    broadcast_error,
    floating,
    in_float32,
    not_a_tensor,
    not_implemented,
    operands,
    unbroadcast,
)
from .totals import total

if TYPE_CHECKING:
    from ..tensor import Tensor

Array = Any
Formula = Callable[..., Array]


# ------------------------------------------------------------------------------------------------- the shared operator


def reduced(losses: Array, reduction: str) -> Array:
    """The mean, the sum, or the losses as they are."""
    return losses.mean() if reduction == "mean" else losses.sum() if reduction == "sum" else losses


def precise(formula: Formula, x: Array) -> Formula:
    """The formula, in float32 if x is of half precision."""
    return in_float32(formula) if x.dtype.itemsize == 2 else formula


def pointwise(
    title: str, loss: Formula, dx: Formula, dtarget: Formula, dx_kernel: Formula | None = None
) -> type[Operator]:
    """The operator of weight * loss(x, target, *constants), reduced; dx and dtarget are the loss's partial derivatives,
    and dx_kernel(grad, x, target, *constants) is grad * dx, if there is a kernel of its own for that.

    Its arguments are x, target, weight (an array, a Tensor or None), reduction, *constants.
    """

    plain = fused(loss)

    @fused
    def weighted(x: Array, target: Array, weight: Any, *constants: Any) -> Array:
        return loss(x, target, *constants) * weight

    def compute(x: Array, target: Array, weight: Any, reduction: str, *constants: Any) -> Array:
        losses = plain(x, target, *constants) if weight is None else weighted(x, target, weight, *constants)
        if reduction == "none":
            return losses
        summed = total(losses, tuple(range(losses.ndim)), False)
        return xp.divide(summed, losses.size) if reduction == "mean" else summed  # (the method mean costs more)

    def slope(derivative: Formula) -> Formula:
        @fused
        def run(grad: Array, x: Array, target: Array, weight: Any, *constants: Any) -> Array:
            d = derivative(x, target, *constants)
            return grad * (d if weight is None else d * weight)

        return run

    any_x_gradient, target_gradient, weight_gradient = slope(dx), slope(dtarget), slope(loss)

    def x_gradient(grad: Array, x: Array, target: Array, weight: Any, *constants: Any) -> Array:
        if dx_kernel is None or weight is not None:
            return any_x_gradient(grad, x, target, weight, *constants)
        return dx_kernel(grad, x, target, *constants)

    class Loss(Operator):
        saves = (0, 1, 2)
        curved = True

        @staticmethod
        def forward(ctx: Any, x: Array, target: Array, weight: Any, reduction: str, *constants: Any) -> Array:
            ctx.save(x, target, weight)
            ctx.reduction, ctx.constants = reduction, constants
            return precise(compute, x)(x, target, weight, reduction, *constants)

        @staticmethod
        def backward(ctx: Any, grad: Array) -> Any:
            x, target, weight = ctx.saved
            shape = x.shape
            if target.shape != shape or (weight is not None and weight.shape != shape):
                shape = np.broadcast_shapes(shape, target.shape, () if weight is None else weight.shape)
            if ctx.reduction == "mean":
                grad = xp.divide(grad, max(math.prod(shape), 1))
            needs = ctx.needs
            grads = [None, None, None]
            if needs[0]:
                d = precise(x_gradient, x)(grad, x, target, weight, *ctx.constants)
                grads[0] = _fitted(d, shape, x.shape)
            if needs[1]:
                d = precise(target_gradient, x)(grad, x, target, weight, *ctx.constants)
                grads[1] = _fitted(d, shape, target.shape)
            if needs[2]:
                d = precise(weight_gradient, x)(grad, x, target, None, *ctx.constants)
                grads[2] = _fitted(d, shape, weight.shape)
            return tuple(grads)

    Loss.__name__ = Loss.__qualname__ = title
    return Loss


def _fitted(d: Array, losses: tuple[int, ...], shape: tuple[int, ...]) -> Array:
    """A derivative, which may lack what broadcasting added to the losses, as gradient of an operand of this shape."""
    if d.shape == losses == shape:
        return d
    return unbroadcast(d if d.shape == losses else xp.broadcast_to(d, losses), shape)


# ------------------------------------------------------------------------------------------------- checking arguments


def reduction_of(name: str, size_average: Any, reduce: Any, reduction: str, also: tuple[str, ...] = ()) -> str:
    if size_average is not None or reduce is not None:
        reduction = legacy_reduction(size_average, reduce)
    check_reduction(name, reduction, also)
    return reduction


def _warn_of_sizes(input: Any, target: Any) -> None:
    if input._array.shape != target._array.shape:
        is_told("shapes that broadcast")  # train.fit need not say it once more
        warnings.warn(
            f"Using a target size ({target.shape}) that is different to the input size ({input.shape}). This will "
            "likely lead to incorrect results due to broadcasting. Please ensure they have the same size.",
            stacklevel=frames_of_ours() + 1,
        )


def check_tensors(name: str, *operands: tuple[str, Any]) -> None:
    for argument, x in operands:
        if not isinstance(x, TensorBase):
            raise not_a_tensor(x, name, argument)


def _apply(
    cls: type[Operator], name: str, input: Any, target: Any, weight: Any, reduction: str, *constants: Any
) -> Any:
    """Brings both sides to one dtype and applies."""
    x, t = operands(input, target, name)
    if x._array.dtype.kind not in "fVc":
        raise not_implemented(name, x)
    try:
        return cls.apply(x, t, weight, reduction, *constants)
    except ValueError:
        raise broadcast_error(name, x, t) from None


def _compared(cls: type[Operator], name: str, input: Any, target: Any, reduction: str, *constants: Any) -> Any:
    if not (isinstance(input, TensorBase) and isinstance(target, TensorBase)):
        check_tensors(name, ("input", input), ("target", target))
    _warn_of_sizes(input, target)
    return _apply(cls, name, input, target, None, reduction, *constants)


def _weighted(
    cls: type[Operator], name: str, input: Any, target: Any, weight: Any, reduction: str, *constants: Any
) -> Any:
    """With a weight for each element; "mean" then divides by the sum of the weights."""
    if weight is None:
        return _compared(cls, name, input, target, reduction, *constants)
    check_tensors(name, ("input", input), ("target", target), ("weight", weight))
    _warn_of_sizes(input, target)
    if weight._array.shape != input._array.shape:
        raise ArgumentError(
            f"{name}: Weights and input must have the same size, not {tuple(weight.shape)} and {tuple(input.shape)}."
        )
    total = _apply(cls, name, input, target, weight, "none" if reduction == "none" else "sum", *constants)
    return total / weight.sum() if reduction == "mean" else total


# --------------------------------------------------------------------------------------- distances between two values


def _huber_slope(x: Array, t: Array, delta: float) -> Array:
    return xp.minimum(xp.maximum(x - t, -delta), delta)


@kernel
@fused
def huber(x: Array, t: Array, delta: float) -> Array:
    size = xp.absolute(x - t)
    return xp.where(size <= delta, size * size * 0.5, (size - delta / 2) * delta)


@kernel
@fused
def huber_slope(grad: Array, x: Array, t: Array, delta: float) -> Array:
    return grad * _huber_slope(x, t, delta)


@kernel
@fused
def smooth_l1(x: Array, t: Array, beta: float) -> Array:
    size = xp.absolute(x - t)
    return xp.where(size < beta, size * size * (0.5 / beta), size - beta / 2)


def _smooth_l1_slope(x: Array, t: Array, beta: float) -> Array:
    return xp.minimum(xp.maximum((x - t) / beta, -1), 1)


@kernel
@fused
def smooth_l1_slope(grad: Array, x: Array, t: Array, beta: float) -> Array:
    return grad * _smooth_l1_slope(x, t, beta)


MseLoss = pointwise(
    "MseLoss", lambda x, t: xp.square(x - t), lambda x, t: (x - t) * 2, lambda x, t: (t - x) * 2
)  # fmt: skip
L1Loss = pointwise("L1Loss", lambda x, t: xp.absolute(x - t), lambda x, t: xp.sign(x - t), lambda x, t: xp.sign(t - x))
SmoothL1Loss = pointwise(
    "SmoothL1Loss", smooth_l1, _smooth_l1_slope, lambda x, t, beta: _smooth_l1_slope(t, x, beta), smooth_l1_slope
)
HuberLoss = pointwise(
    "HuberLoss", huber, _huber_slope, lambda x, t, delta: _huber_slope(t, x, delta), huber_slope
)  # fmt: skip


def mse_loss(
    input: Tensor,
    target: Tensor,
    size_average: bool | None = None,
    reduce: bool | None = None,
    reduction: str = "mean",
    weight: Tensor | None = None,
) -> Tensor:
    """(input - target)^2.

    Args:
        input, target: of one shape (others that broadcast together are accepted with a warning).
        size_average, reduce: PyTorch's old names for `reduction`; they warn.
        reduction: "mean", "sum" or "none".
        weight: of the shape of input, a factor for each element; "mean" then divides by its sum.

    Raises:
        ValueError: an unknown reduction, or a weight of another shape. RuntimeError: shapes that do not broadcast.

    Example:
        >>> mse_loss(rushlight.tensor([1., 2.]), rushlight.tensor([1., 4.]))
        tensor(2.)
    """
    reduction = reduction_of("mse_loss", size_average, reduce, reduction)
    return _weighted(MseLoss, "mse_loss", input, target, weight, reduction)


def l1_loss(
    input: Tensor,
    target: Tensor,
    size_average: bool | None = None,
    reduce: bool | None = None,
    reduction: str = "mean",
    weight: Tensor | None = None,
) -> Tensor:
    """|input - target|; see `mse_loss`."""
    reduction = reduction_of("l1_loss", size_average, reduce, reduction)
    return _weighted(L1Loss, "l1_loss", input, target, weight, reduction)


def smooth_l1_loss(
    input: Tensor,
    target: Tensor,
    size_average: bool | None = None,
    reduce: bool | None = None,
    reduction: str = "mean",
    beta: float = 1.0,
) -> Tensor:
    """(input - target)^2 / (2 beta) where they are closer than beta, |input - target| - beta/2 elsewhere.

    Raises:
        RuntimeError: beta < 0 (0 means `l1_loss`); see also `mse_loss`.

    Source: Girshick 2015, arXiv:1504.08083, equation 3.
    """
    reduction = reduction_of("smooth_l1_loss", size_average, reduce, reduction)
    if beta < 0:
        raise OperatorError(f"smooth_l1_loss does not support negative values for beta, got {beta}.")
    if beta == 0:
        return _compared(L1Loss, "smooth_l1_loss", input, target, reduction)
    return _compared(SmoothL1Loss, "smooth_l1_loss", input, target, reduction, beta)


def huber_loss(
    input: Tensor, target: Tensor, reduction: str = "mean", delta: float = 1.0, weight: Tensor | None = None
) -> Tensor:
    """(input - target)^2 / 2 where they are at most delta apart, delta * (|input - target| - delta/2) elsewhere.

    Raises:
        RuntimeError: delta <= 0; see also `mse_loss`.

    Source: Huber 1964, "Robust Estimation of a Location Parameter".
    """
    check_reduction("huber_loss", reduction)
    if delta <= 0:
        raise OperatorError(f"huber_loss does not support non-positive values for delta, got {delta}.")
    if weight is None or reduction != "mean":
        return _weighted(HuberLoss, "huber_loss", input, target, weight, reduction, delta)
    total = _weighted(HuberLoss, "huber_loss", input, target, weight, "none", delta)
    return total.mean()  # torch: not divided by the weights, unlike mse_loss and l1_loss


# ------------------------------------------------------------------------------------------------ binary cross entropy


def _log_at_least(x: Array) -> Array:
    """torch: logarithms stop at -100, so that the loss of a certain mistake is finite."""
    return xp.maximum(xp.log(x), -100)


def _bce(x: Array, t: Array) -> Array:
    return (t - 1) * xp.maximum(xp.log1p(-x), -100) - t * _log_at_least(x)


def _bce_slope(x: Array, t: Array) -> Array:
    return (x - t) / xp.maximum((1 - x) * x, 1e-12)


def _softplus_of_minus_size(x: Array) -> Array:
    return xp.log1p(xp.exp(-xp.absolute(x)))


def _bce_logits(x: Array, t: Array) -> Array:
    return (1 - t) * x + xp.maximum(-x, 0) + _softplus_of_minus_size(x)


def _bce_logits_weighted(x: Array, t: Array, pos_weight: Array) -> Array:
    return (1 - t) * x + (1 + (pos_weight - 1) * t) * (xp.maximum(-x, 0) + _softplus_of_minus_size(x))


def _bce_logits_weighted_slope(x: Array, t: Array, pos_weight: Array) -> Array:
    return (1 - t) - (1 + (pos_weight - 1) * t) * Sigmoid.derive(-x)


def _bce_logits_weighted_dtarget(x: Array, t: Array, pos_weight: Array) -> Array:
    return (pos_weight - 1) * (xp.maximum(-x, 0) + _softplus_of_minus_size(x)) - x


Bce = pointwise("BinaryCrossEntropy", _bce, _bce_slope, lambda x, t: xp.log1p(-x) - xp.log(x))
BceWithLogits = pointwise(
    "BinaryCrossEntropyWithLogits",
    _bce_logits,
    lambda x, t: Sigmoid.derive(x) - t,
    lambda x, t: -x,
)
BceWithLogitsWeighted = pointwise(
    "BinaryCrossEntropyWithLogits", _bce_logits_weighted, _bce_logits_weighted_slope, _bce_logits_weighted_dtarget
)


def binary_cross_entropy(
    input: Tensor,
    target: Tensor,
    weight: Tensor | None = None,
    size_average: bool | None = None,
    reduce: bool | None = None,
    reduction: str = "mean",
) -> Tensor:
    """-(target * log(input) + (1 - target) * log(1 - input)), logarithms being at least -100.

    Args:
        input: probabilities, in [0, 1].
        target: of the same shape, usually in [0, 1].
        weight: factors that broadcast with them.
        size_average, reduce, reduction: see `mse_loss`.

    Raises:
        ValueError: shapes that differ. RuntimeError: an input outside [0, 1], or other dtypes.
    """
    name = "binary_cross_entropy"
    reduction = reduction_of(name, size_average, reduce, reduction)
    check_tensors(name, ("input", input), ("target", target))
    x, t = input._array, target._array
    if x.shape != t.shape:
        raise ArgumentError(
            f"{name}: Using a target size ({target.shape}) that is different to the input size ({input.shape}) is "
            "deprecated. Please ensure they have the same size."
        )
    for other in (target, weight):
        if other is not None and other._array.dtype != x.dtype:
            raise OperatorError(f"{name}: Found dtype {other.dtype} but expected {input.dtype}")
    probabilities = all_values(x)
    if x.size and not (probabilities.min() >= 0 and probabilities.max() <= 1):
        raise OperatorError(f"{name}: all elements of input should be between 0 and 1")
    _check_spreads(name, "weight", weight, x.shape)
    return _apply(Bce, name, input, target, weight, reduction)


def _check_spreads(name: str, argument: str, factor: Any, shape: tuple[int, ...]) -> None:
    """Raises unless `factor` broadcasts to `shape`."""
    if factor is not None and np.broadcast_shapes(shape, *_if_possible(factor._array.shape, shape)) != shape:
        raise OperatorError(f"{name}: {argument} of shape {tuple(factor.shape)} does not broadcast to {shape}")


def _if_possible(shape: tuple[int, ...], other: tuple[int, ...]) -> list[tuple[int, ...]]:
    """[shape] if it broadcasts with `other`, else a shape that is certainly different."""
    fits = all(n == m or 1 in (n, m) for n, m in zip(reversed(shape), reversed(other)))
    return [shape] if fits else [(1,) * (len(other) + 1)]


def binary_cross_entropy_with_logits(
    input: Tensor,
    target: Tensor,
    weight: Tensor | None = None,
    size_average: bool | None = None,
    reduce: bool | None = None,
    reduction: str = "mean",
    pos_weight: Tensor | None = None,
) -> Tensor:
    """`binary_cross_entropy` of sigmoid(input), without overflow.

    -(pos_weight * target * log(sigmoid(input)) + (1 - target) * log(1 - sigmoid(input)))

    Args:
        input: logits.
        target: of the same shape.
        weight: factors of the loss that broadcast with them.
        pos_weight: factors of the positive part that broadcast with them, usually one per class.
        size_average, reduce, reduction: see `mse_loss`.

    Raises:
        ValueError: shapes that differ. RuntimeError: factors that do not broadcast.
    """
    name = "binary_cross_entropy_with_logits"
    reduction = reduction_of(name, size_average, reduce, reduction)
    check_tensors(name, ("input", input), ("target", target))
    shape = input._array.shape
    if target._array.shape != shape:
        raise ArgumentError(f"{name}: Target size ({target.shape}) must be the same as input size ({input.shape})")
    _check_spreads(name, "weight", weight, shape)
    _check_spreads(name, "pos_weight", pos_weight, shape)
    look_at_logits(name, input._edge)
    if looks.targets:
        look_at_targets(target._array)
    if pos_weight is None:
        return _apply(BceWithLogits, name, input, target, weight, reduction)
    return _apply(BceWithLogitsWeighted, name, input, target, weight, reduction, pos_weight._array)


# ------------------------------------------------------------------------------------------ divergences, likelihoods


def _log_of_positive(t: Array) -> Array:
    """log t, and 0 where t is 0, so that t log t is 0 there. Negative numbers give NaN."""
    return xp.log(xp.where(t == 0, 1, t))


KlDiv = pointwise(
    "KlDiv",
    lambda x, t: t * (_log_of_positive(t) - x),
    lambda x, t: -t,
    lambda x, t: xp.where(t == 0, 0, _log_of_positive(t) + 1 - x),
)
KlDivLog = pointwise(
    "KlDiv",
    lambda x, t: xp.exp(t) * (t - x),
    lambda x, t: -xp.exp(t),
    lambda x, t: xp.exp(t) * (t - x + 1),
)


def kl_div(
    input: Tensor,
    target: Tensor,
    size_average: bool | None = None,
    reduce: bool | None = None,
    reduction: str = "mean",
    log_target: bool = False,
) -> Tensor:
    """target * (log(target) - input), the terms of the Kullback-Leibler divergence.

    Args:
        input: log-probabilities.
        target: probabilities, or their logarithms with `log_target`.
        reduction: "batchmean" (the sum divided by the size of the first dimension: the divergence), "mean", "sum" or
            "none".
        size_average, reduce: PyTorch's old names for `reduction`; they warn.

    Raises:
        ValueError: an unknown reduction. RuntimeError: shapes that do not broadcast.
    """
    reduction = reduction_of("kl_div", size_average, reduce, reduction, ("batchmean",))
    if reduction == "mean":
        warnings.warn(
            "reduction: 'mean' divides the total loss by both the batch size and the support size.'batchmean' divides "
            "only "
            "by the batch size, and aligns with the KL div math definition.'mean' will be changed to behave the same "
            "as 'batchmean' in the next major release.",
            stacklevel=2,
        )
    check_tensors("kl_div", ("input", input), ("target", target))
    cls = KlDivLog if log_target else KlDiv
    if reduction != "batchmean":
        return _apply(cls, "kl_div", input, target, None, reduction)
    total = _apply(cls, "kl_div", input, target, None, "sum")
    return total / input._array.shape[0] if input.ndim else total


PoissonLog = pointwise("PoissonNllLoss", lambda x, t: xp.exp(x) - t * x, lambda x, t: xp.exp(x) - t, lambda x, t: -x)
Poisson = pointwise(
    "PoissonNllLoss",
    lambda x, t, eps: x - t * xp.log(x + eps),
    lambda x, t, eps: 1 - t / (x + eps),
    lambda x, t, eps: -xp.log(x + eps),
)


def poisson_nll_loss(
    input: Tensor,
    target: Tensor,
    log_input: bool = True,
    full: bool = False,
    size_average: bool | None = None,
    eps: float = 1e-8,
    reduce: bool | None = None,
    reduction: str = "mean",
) -> Tensor:
    """The negative log-likelihood of counts `target` from a Poisson distribution of rate exp(input), or input.

    exp(input) - target * input,   or   input - target * log(input + eps)   without `log_input`

    Args:
        full: add Stirling's approximation of log(target!): target log(target) - target + log(2 pi target) / 2 where
            target > 1.
        size_average, reduce, reduction: see `mse_loss`.
    """
    reduction = reduction_of("poisson_nll_loss", size_average, reduce, reduction)
    check_tensors("poisson_nll_loss", ("input", input), ("target", target))
    input, target = floating(input, "poisson_nll_loss"), floating(target, "poisson_nll_loss")
    inner = "none" if full else reduction
    if log_input:
        losses = _apply(PoissonLog, "poisson_nll_loss", input, target, None, inner)
    else:
        losses = _apply(Poisson, "poisson_nll_loss", input, target, None, inner, eps)
    return reduced(losses + _stirling(target), reduction) if full else losses


def _stirling(target: Any) -> Any:
    """log(target!) by Stirling's formula where target > 1, else 0."""
    n = xp.where(target > 1, target, 1)
    return xp.where(target > 1, n * xp.log(n) - n + xp.log(n * (2 * math.pi)) * 0.5, 0)


def gaussian_nll_loss(
    input: Tensor, target: Tensor, var: Tensor | float, full: bool = False, eps: float = 1e-6, reduction: str = "mean"
) -> Tensor:
    """The negative log-likelihood of `target` under a normal distribution: (log(var) + (input - target)^2 / var) / 2.

    Args:
        var: variances, of the shape of input, or without its last dimension, or with size 1 there, or a number. They
            are raised to eps at least; the gradient does not see that.
        full: add log(2 pi) / 2.

    Raises:
        ValueError: a negative variance, a var of another shape, an unknown reduction.
    """
    variance: Any = var if isinstance(var, TensorBase) else input.new_full(input.shape, var)
    if all_values(variance._array < 0).any():
        raise ArgumentError("gaussian_nll_loss: var has negative entry/entries")
    variance = _variance_beside(input, variance)
    check_reduction("gaussian_nll_loss", reduction)
    raised = np.maximum(variance._array, eps).astype(variance._array.dtype)
    clamped = variance + (raised - variance._array)
    difference = input - target
    losses = (xp.log(clamped) + difference * difference / clamped) * 0.5
    return reduced(losses + 0.5 * math.log(2 * math.pi) if full else losses, reduction)


def _variance_beside(input: Any, var: Any) -> Any:
    shape, given = input._array.shape, var._array.shape
    if given == shape or (given[:-1] == shape[:-1] and given[-1:] == (1,)):
        return var
    if given == shape[:-1]:
        return var.reshape((*given, 1))
    if len(given) == len(shape) and all(m in (n, 1) for n, m in zip(shape, given)):
        return var
    raise ArgumentError(f"gaussian_nll_loss: var is of incorrect size: {given} beside an input of {shape}")


SoftMargin = pointwise(
    "SoftMarginLoss",
    lambda x, t: xp.maximum(-t * x, 0) + _softplus_of_minus_size(t * x),
    lambda x, t: -t * Sigmoid.derive(-t * x),
    lambda x, t: -x * Sigmoid.derive(-t * x),
)


def soft_margin_loss(
    input: Tensor,
    target: Tensor,
    size_average: bool | None = None,
    reduce: bool | None = None,
    reduction: str = "mean",
) -> Tensor:
    """log(1 + exp(-target * input)), target being 1 or -1."""
    reduction = reduction_of("soft_margin_loss", size_average, reduce, reduction)
    check_tensors("soft_margin_loss", ("input", input), ("target", target))
    return _apply(SoftMargin, "soft_margin_loss", input, target, None, reduction)
