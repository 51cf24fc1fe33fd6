"""A linear layer and its cross entropy in one, for many classes: the logits may be made and dropped piece by piece.

With `options` the rows are taken in chunks, and backward computes each chunk's logits anew, so the full (N, C) matrix
of
logits never exists.
"""

from __future__ import annotations

import math
import warnings
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from .. import dtypes
from ..autograd.tape import Operator, TensorBase
from ..errors import ArgumentError, OperatorError, ShapeError, UnsupportedError
from .cross_entropy import (
    check_indices,
    check_reduction,
    constant,
    cross_entropy,
    cross_entropy_backward,
    cross_entropy_forward,
)
from .linear import linear
from .promotion import is_half

if TYPE_CHECKING:
    from ..tensor import Tensor

Array = Any


@dataclass(frozen=True)
class LinearCrossEntropyOptions:
    """How `linear_cross_entropy` goes through the rows.

    Args:
        allow_retain_graph: has no effect: a second walk is always possible with retain_graph=True.
        batch_chunk_size: rows per chunk. Give it or a `chunking_method`, not both.
        chunking_method: "auto"; "aspect_ratio", chunks whose logits take the memory of the input; "aspect_ratio:N",
            chunks N times smaller; None, by batch_chunk_size (all rows if that is None too).
        acc_policy, acc_dtype: PyTorch's choices of precision for 16-bit inputs, checked but without effect: sums are
            kept in float32, the most precise of them.

    Raises:
        ValueError: a value that is none of these.
    """

    allow_retain_graph: bool = False
    batch_chunk_size: int | None = None
    chunking_method: str | None = "auto"
    acc_policy: str = "auto"
    acc_dtype: dtypes.dtype | None = None

    def __post_init__(self) -> None:
        if self.acc_policy not in ("auto", "accurate", "balanced", "compact"):
            raise ArgumentError(f"LinearCrossEntropyOptions: invalid acc_policy: {self.acc_policy!r}")
        name, _, factor = (self.chunking_method or "auto").partition(":")
        if self.chunking_method not in ("auto", None) and not (name == "aspect_ratio" and int(factor or 1) > 0):
            raise ArgumentError(f"LinearCrossEntropyOptions: invalid chunking_method: {self.chunking_method!r}")
        if self.batch_chunk_size is not None and self.batch_chunk_size <= 0:
            raise ArgumentError(
                "LinearCrossEntropyOptions: batch_chunk_size must be positive int or None, got "
                f"{self.batch_chunk_size!r}"
            )
        kinds = (None, dtypes.float16, dtypes.bfloat16, dtypes.float32, dtypes.float64)
        if self.acc_dtype not in kinds:
            raise ArgumentError(
                f"LinearCrossEntropyOptions: acc_dtype must be a floating dtype, got {self.acc_dtype!r}"
            )

    def rows(self, count: int, features: int, classes: int) -> int:
        """Rows per chunk for an input (count, features) and this many classes."""
        if self.chunking_method is None or (self.chunking_method == "auto" and self.batch_chunk_size is not None):
            return max(min(self.batch_chunk_size or count, count), 1)
        factor = int(self.chunking_method.partition(":")[2] or 1) if self.chunking_method != "auto" else 2
        target = math.ceil(count / max(math.ceil(classes / max(features, 1)), 1))
        size = max(min((1 << max(target - 1, 0).bit_length()) // factor, count), 1)
        if self.batch_chunk_size not in (None, size):
            raise ArgumentError(
                f"linear_cross_entropy: batch_chunk_size (={self.batch_chunk_size}) and chunking_method "
                f"('{self.chunking_method}') give different chunk sizes; pass only one."
            )
        return size


class ChunkedLinearCrossEntropy(Operator):
    """The loss and the gradients of (x @ linear_weight.T + bias), a chunk of rows at a time."""

    saves = (0, 1, 2)

    @staticmethod
    def forward(
        ctx: Any, x: Array, linear_weight: Array, bias: Any, target: Array, weight: Any, ignore_index: int,
        reduction: str, size: int,
    ) -> Array:  # fmt: skip
        ctx.save(x, linear_weight, bias)
        ctx.target, ctx.weight, ctx.ignore_index, ctx.reduction, ctx.size = (
            target,
            weight,
            ignore_index,
            reduction,
            size,
        )
        losses = np.zeros(len(target), _wide(x.dtype))
        for part in ctx.parts():
            logits = _logits(x[part], linear_weight, bias)
            losses[part], _ = cross_entropy_forward(logits, target[part], weight, ignore_index, 0.0, "none")
        if reduction == "none":
            return losses.astype(x.dtype)
        kept = target != ignore_index
        scale = kept if weight is None else np.where(kept, weight[np.where(kept, target, 0)], 0)
        ctx.total = scale.sum().astype(losses.dtype) if reduction == "mean" else losses.dtype.type(1)
        return (losses.sum() / ctx.total).astype(x.dtype)

    def parts(self: Any) -> list[slice]:
        return [slice(start, start + self.size) for start in range(0, len(self.target), self.size)]

    @staticmethod
    def backward(ctx: Any, grad: Array) -> Any:
        if isinstance(grad, TensorBase):
            raise UnsupportedError("linear_cross_entropy: derivatives of higher order need options=None")
        x, linear_weight, bias = ctx.saved
        wide = _wide(x.dtype)
        dx, dweight = np.empty_like(x), np.zeros(linear_weight.shape, wide)
        dbias = None if bias is None else np.zeros(bias.shape, wide)
        grads = grad.astype(wide) if ctx.reduction == "none" else np.full(len(x), grad / ctx.total, wide)
        for part in ctx.parts():
            rows, target = x[part].astype(wide, copy=False), ctx.target[part]
            logits = _logits(x[part], linear_weight, bias)
            _, lse = cross_entropy_forward(logits, target, ctx.weight, ctx.ignore_index, 0.0, "none")
            dlogits = cross_entropy_backward(
                grads[part], logits, target, ctx.weight, lse, ctx.ignore_index, 0.0, "none"
            )
            dx[part] = dlogits @ linear_weight.astype(wide, copy=False)
            dweight += dlogits.T @ rows
            if dbias is not None:
                dbias += dlogits.sum(axis=0)
        return dx, dweight.astype(x.dtype, copy=False), None if dbias is None else dbias.astype(x.dtype, copy=False)


def _wide(kind: Any) -> Any:
    return np.dtype(np.float32) if is_half(np.empty(0, kind)) else kind


def _logits(rows: Array, linear_weight: Array, bias: Any) -> Array:
    wide = _wide(rows.dtype)
    logits = rows.astype(wide, copy=False) @ linear_weight.astype(wide, copy=False).T
    return logits if bias is None else logits + bias


def _check(input: Any, linear_weight: Any, linear_bias: Any) -> None:
    name = "linear_cross_entropy"
    x, w = input._array.shape, linear_weight._array.shape
    if len(x) not in (1, 2):
        raise ShapeError(f"{name}: expected input with dimensionality 1 or 2, got {len(x)} (shape {x})")
    if len(w) < 2:
        raise ShapeError(f"{name}: expected linear_weight with dimensionality at least 2, got {len(w)} (shape {w})")
    if x[-1] != w[-1]:
        raise ShapeError(
            f"{name}: expected equal input and linear_weight last dimensions (in_features), got {x[-1]} and {w[-1]}, "
            "respectively"
        )
    if linear_bias is not None and linear_bias._array.shape != w[:-1]:
        raise ShapeError(f"{name}: expected linear_bias shape {w[:-1]}, got {linear_bias._array.shape}")
    if len(w) > 2 and len(x) == 1:
        raise ShapeError(
            f"{name}: K-dimensional loss defined by linear_weight shape {w} requires batched input, (N, {x[-1]}), got "
            f"unbatched input with shape {x}"
        )


def linear_cross_entropy(
    input: Tensor,
    linear_weight: Tensor,
    target: Tensor,
    *,
    linear_bias: Tensor | None = None,
    weight: Tensor | None = None,
    reduction: str = "mean",
    ignore_index: int | None = None,
    label_smoothing: float = 0.0,
    options: LinearCrossEntropyOptions | None = None,
) -> Tensor:
    """cross_entropy(linear(input, linear_weight, linear_bias), target).

    Args:
        input: (N, F) or (F,).
        linear_weight: (C, F), or (C, d1, ..., F) for a loss at several places.
        target: class indices (N, d1, ...) or (), int64; or probabilities (N, C, d1, ...) or (C,).
        linear_bias: (C, d1, ...).
        weight, reduction, label_smoothing: see `cross_entropy`.
        ignore_index: targets of this value do not count; None is -100.
        options: go through the rows in chunks, to save memory. Not with label smoothing, probabilities or several
            places: then it is ignored with a warning.

    Raises:
        RuntimeError: shapes that do not fit, or ignore_index beside probabilities; see also `cross_entropy`.
    """
    _check(input, linear_weight, linear_bias)
    w = linear_weight._array.shape
    shape = (*input._array.shape[:-1], *w[:-1])
    if target._array.shape == shape and ignore_index is not None:
        raise OperatorError("linear_cross_entropy: ignore_index cannot be specified when target contains probabilities")
    ignored = -100 if ignore_index is None else ignore_index
    if options is not None:
        if len(w) == 2 and not label_smoothing and target._array.dtype == np.int64:
            return _in_chunks(input, linear_weight, target, linear_bias, weight, reduction, ignored, options)
        warnings.warn(
            "linear_cross_entropy: `options` ignored; chunks need label_smoothing == 0, a target of class indices and "
            "a 2-d linear_weight.",
            stacklevel=2,
        )
    flat = None if linear_bias is None else linear_bias.reshape(-1)
    logits = linear(input, linear_weight.reshape(-1, w[-1]), flat).reshape(shape)
    return cross_entropy(
        logits, target, weight, ignore_index=ignored, reduction=reduction, label_smoothing=label_smoothing
    )


def _in_chunks(
    input: Any, linear_weight: Any, target: Any, bias: Any, weight: Any, reduction: str, ignored: int,
    options: LinearCrossEntropyOptions,
) -> Any:  # fmt: skip
    check_reduction("linear_cross_entropy", reduction)
    classes, features = linear_weight._array.shape
    rows = input if input.ndim == 2 else input.reshape(1, -1)
    labels = target._array.reshape(-1) if input.ndim == 1 else target._array
    check_indices("linear_cross_entropy", np.empty((len(rows), classes), rows._array.dtype), labels, weight)
    size = options.rows(len(rows), features, classes)
    loss = ChunkedLinearCrossEntropy.apply(
        rows, linear_weight, bias, labels, constant(weight), ignored, reduction, size
    )
    return loss.reshape(()) if reduction == "none" and input.ndim == 1 else loss
