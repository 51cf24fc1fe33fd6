"""Looking up rows of a table: `embedding`, and `embedding_bag`, which adds up the rows of each bag of indices."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from ..autograd.tape import Operator, TensorBase, touch, wrap
from ..errors import ArgumentError, AssertError, OperatorError, RangeError, ShapeError, UnsupportedError
from ..kernels import kernel, xp
from ..kernels.sparse import Coo
from .lanes import scatter_add_kernel, slice_index
from .promotion import all_values

if TYPE_CHECKING:
    from ..tensor import Tensor

Array = Any


@kernel
def embedding_forward(weight: Array, indices: Array) -> Array:
    """weight (V, D), indices (*) -> (*, D): the rows that the indices name."""
    return weight[indices]


@kernel
def embedding_backward(grad: Array, indices: Array, num_embeddings: int, padding_idx: int) -> Array:
    """grad (*, D), indices (*) -> dweight (V, D): each row's gradient goes to the row of the table it was read from.

    Rows read as padding get none; a negative `padding_idx` means that there is no padding.
    """
    dweight = xp.zeros_like(grad, shape=(num_embeddings, grad.shape[-1]))
    rows, flat = (
        grad.reshape((-1, grad.shape[-1])) if grad.shape[-1] else grad.reshape((indices.size, 0)),
        indices.reshape(-1),
    )
    if padding_idx >= 0:
        kept = flat != padding_idx
        rows, flat = rows[kept], flat[kept]
    xp.add.at(dweight, flat, rows)
    return dweight


class Embedding(Operator):
    """`counts` (V,), if given, divides each row's gradient by how often the row was read."""

    @staticmethod
    def forward(ctx: Any, weight: Array, indices: Array, padding_idx: int, counts: Array | None) -> Array:
        ctx.facts = indices, weight.shape[0], padding_idx, counts
        return embedding_forward(weight, indices)

    @staticmethod
    def backward(ctx: Any, grad: Array) -> Array:
        return EmbeddingGradient.derive(grad, *ctx.facts)


class SparseEmbedding(Embedding):
    """The table's gradient is sparse: the rows that were read, each as often as it was."""

    @staticmethod
    def backward(ctx: Any, grad: Array) -> Any:
        if isinstance(grad, TensorBase):
            raise UnsupportedError("embedding: sparse gradients have no derivatives of their own; use sparse=False")
        indices, rows, padding_idx, _ = ctx.facts
        flat, kept = indices.reshape(-1), grad.reshape((indices.size, grad.shape[-1]))
        if padding_idx >= 0:
            flat, kept = flat[flat != padding_idx], kept[flat != padding_idx]
        return Coo(flat[None].astype(np.int64), kept, (rows, grad.shape[-1]))


class EmbeddingGradient(Operator):
    @staticmethod
    def forward(
        ctx: Any, grad: Array, indices: Array, num_embeddings: int, padding_idx: int, counts: Array | None
    ) -> Array:
        ctx.facts = indices, padding_idx, counts
        share = grad if counts is None else grad / counts[indices][..., None].astype(grad.dtype)
        return embedding_backward(share, indices, num_embeddings, padding_idx)

    @staticmethod
    def backward(ctx: Any, ddweight: Array) -> Array:
        indices, padding_idx, counts = ctx.facts
        rows = ddweight[indices] * (indices != padding_idx)[..., None].astype(ddweight.dtype)
        return rows if counts is None else rows / counts[indices][..., None].astype(ddweight.dtype)


# ------------------------------------------------------------------------------------------------------------- checks


def _checked_indices(name: str, input: Tensor, weight: Tensor) -> Array:
    """The indices as an array, all within the table."""
    indices, shape = input._array, weight._array.shape
    if indices.dtype != np.int64 and indices.dtype != np.int32:
        raise OperatorError(
            f"{name}: Expected tensor for argument 'indices' to have one of the following scalar types: Long, Int; but "
            f"got {input.dtype}"
        )
    every = all_values(indices)
    unsigned = every.view(np.uint64 if every.itemsize == 8 else np.uint32)  # negative ones become the largest
    if every.size and unsigned.max() >= shape[0]:
        found = every.min() if every.min() < 0 else every.max()
        raise RangeError(
            f"{name}: index out of range in self: {found}, for weight {shape}, whose rows are 0 to {shape[0] - 1}"
        )
    return indices


def _checked_padding(name: str, padding_idx: int | None, rows: int) -> int:
    """The padding's row counted from the front; -1 if there is none."""
    if padding_idx is None:
        return -1
    if not -rows <= padding_idx < rows:
        raise AssertError(f"{name}: padding_idx must be within num_embeddings: {padding_idx}, for {rows} rows")
    return padding_idx % rows


def renormalise_(weight: Tensor, indices: Array, max_norm: float, norm_type: float) -> None:
    """Scales those rows among the ones read whose p-norm is above `max_norm` down to it, in place."""
    rows = np.unique(indices)
    values = weight._array[rows]
    norms = np.linalg.norm(values, ord=norm_type, axis=1, keepdims=True) if values.size else values[:, :1]
    scale = np.where(norms > max_norm, max_norm / (norms + 1e-7), 1)
    weight._array[rows] = values * scale.astype(values.dtype)
    touch(weight._array)


def _lookup(name: str, sparse: bool, scale_grad_by_freq: bool) -> type[Operator]:
    if sparse and scale_grad_by_freq:
        raise OperatorError(f"{name}: scale_grad_by_freq not supported with sparse gradients")
    return SparseEmbedding if sparse else Embedding


def embedding(
    input: Tensor,
    weight: Tensor,
    padding_idx: int | None = None,
    max_norm: float | None = None,
    norm_type: float = 2.0,
    scale_grad_by_freq: bool = False,
    sparse: bool = False,
) -> Tensor:
    """The rows of `weight` that `input` names.

    Args:
        input: indices of any shape, int64 or int32, each in [0, V).
        weight: the table, (V, D).
        padding_idx: this row gets no gradient.
        max_norm: rows read with a larger norm (of order `norm_type`) are first scaled down to it, in place.
        scale_grad_by_freq: divide each row's gradient by how often it was read here.
        sparse: the gradient of `weight` becomes a sparse tensor, for SGD, Adagrad and SparseAdam.

    Returns:
        (*input.shape, D).

    Raises:
        IndexError: an index outside the table. RuntimeError: indices of another dtype.

    Example:
        >>> rushlight.nn.functional.embedding(rushlight.tensor([1, 0]), rushlight.tensor([[1., 2.], [3., 4.]]))
        tensor([[3., 4.],
                [1., 2.]])
    """
    kind = _lookup("embedding", sparse, scale_grad_by_freq)
    padding = _checked_padding("embedding", padding_idx, weight._array.shape[0])
    if weight._array.ndim != 2:
        raise ShapeError(f"embedding: 'weight' must be 2-D, not {tuple(weight.shape)}")
    indices = _checked_indices("embedding", input, weight)
    if max_norm is not None:
        renormalise_(weight, indices, max_norm, norm_type)
    counts = np.bincount(indices.reshape(-1), minlength=weight._array.shape[0]) if scale_grad_by_freq else None
    return kind.apply(weight, indices, padding, counts)


# --------------------------------------------------------------------------------------------------------------- bags


class BagSum(Operator):
    """Adds up the rows (R, D) of each bag: `bags` (R,) says to which of `count` bags a row belongs."""

    @staticmethod
    def forward(ctx: Any, rows: Array, bags: Array, count: int) -> Array:
        ctx.bags = bags
        total = xp.zeros_like(rows, shape=(count, rows.shape[1]))
        return scatter_add_kernel(total, slice_index(bags, total.shape, 0), rows, 0) if bags.size else total

    @staticmethod
    def backward(ctx: Any, grad: Array) -> Array:
        return grad[ctx.bags]


class BagMax(Operator):
    """The largest of each bag's rows, element by element; the first of equals gets the gradient. Empty bags give 0."""

    @staticmethod
    def forward(ctx: Any, rows: Array, bags: Array, count: int) -> Array:
        best = xp.full_like(rows, -np.inf, shape=(count, rows.shape[1]))
        np.maximum.at(best, bags, rows)
        number = np.where(rows == best[bags], np.arange(len(rows), like=rows)[:, None], len(rows))
        first = np.full_like(best, len(rows), np.int64)
        np.minimum.at(first, bags, number)
        ctx.first, ctx.rows = first, len(rows)
        filled = np.zeros_like(rows, bool, shape=count)
        filled[bags] = True
        return np.where(filled[:, None], best, np.zeros_like(rows, shape=()))

    @staticmethod
    def backward(ctx: Any, grad: Array) -> Array:
        return BagMaxSpread.derive(grad, ctx.first, ctx.rows)


class BagMaxSpread(Operator):
    """Puts each bag's gradient (B, D) on the winning row; `first` (B, D) is its number, or `count` for empty bags."""

    @staticmethod
    def forward(ctx: Any, grad: Array, first: Array, count: int) -> Array:
        ctx.first = first
        drows = xp.zeros_like(grad, shape=(count + 1, grad.shape[1]))
        np.add.at(drows, (first, np.arange(grad.shape[1])), grad)
        return drows[:-1]

    @staticmethod
    def backward(ctx: Any, ddrows: Array) -> Array:
        spare = xp.concatenate([ddrows, xp.zeros_like(ddrows, shape=(1, ddrows.shape[1]))], axis=0)
        return spare[ctx.first, np.arange(ddrows.shape[1])]


def _bag_numbers(offsets: Array, size: int, include_last_offset: bool) -> tuple[Array, int]:
    """For each of `size` indices its bag's number, and how many bags there are."""
    if include_last_offset:
        if not offsets.size:
            raise OperatorError("embedding_bag: include_last_offset: number of offsets should be at least 1")
        offsets, end = offsets[:-1], int(offsets[-1])
        size_in_bags = min(end, size)
    else:
        size_in_bags = size
    if offsets.size and offsets[0] != 0:
        raise ArgumentError(
            "embedding_bag: offsets[0] has to be 0, i.e., the first sequence in the mini-batch has to start from "
            f"position 0. However, got {offsets[0]}"
        )
    if offsets.size and offsets[-1] > size:
        raise ArgumentError(
            f"embedding_bag: offsets[-1] can not be greater than input's length {size} but got offsets[-1] of "
            f"{offsets[-1]}"
        )
    lengths = np.diff(offsets, append=size_in_bags)
    return np.repeat(np.arange(len(offsets), like=offsets), np.maximum(lengths, 0)), len(offsets)


def _check_bags(
    input: Tensor,
    weight: Tensor,
    offsets: Tensor | None,
    per_sample_weights: Tensor | None,
    mode: str,
    scale_grad_by_freq: bool,
) -> None:
    if per_sample_weights is not None and per_sample_weights.shape != input.shape:
        raise ArgumentError(
            f"embedding_bag: per_sample_weights {tuple(per_sample_weights.shape)} must have the same shape as the "
            f"input {tuple(input.shape)}"
        )
    if weight.ndim != 2:
        raise ArgumentError(f"embedding_bag: weight has to be a 2D Tensor, but got Tensor of dimension {weight.ndim}")
    if input.ndim not in (1, 2):
        raise ArgumentError(f"embedding_bag: input has to be 1D or 2D Tensor, but got Tensor of dimension {input.ndim}")
    if input.ndim == 2 and offsets is not None:
        raise ArgumentError(
            "embedding_bag: if input is 2D, then offsets has to be None, as input is treated is a mini-batch of fixed "
            "length sequences"
        )
    if input.ndim == 1 and (offsets is None or offsets.ndim != 1):
        raise ArgumentError("embedding_bag: offsets has to be a 1D Tensor, as input is 1D")
    if mode not in ("sum", "mean", "max"):
        raise ArgumentError(f"embedding_bag: mode has to be one of sum, mean or max, not {mode!r}")
    if mode == "max" and scale_grad_by_freq:
        raise ArgumentError("embedding_bag: max mode does not support scaling the gradient by the frequency")
    if per_sample_weights is not None and mode != "sum":
        raise UnsupportedError(
            f"embedding_bag: per_sample_weights is only supported for mode='sum' (got mode='{mode}')"
        )


def embedding_bag(
    input: Tensor,
    weight: Tensor,
    offsets: Tensor | None = None,
    max_norm: float | None = None,
    norm_type: float = 2,
    scale_grad_by_freq: bool = False,
    mode: str = "mean",
    sparse: bool = False,
    per_sample_weights: Tensor | None = None,
    include_last_offset: bool = False,
    padding_idx: int | None = None,
) -> Tensor:
    """The sum, mean or maximum of the rows of `weight` that each bag of indices names.

    Args:
        input: (B, L) indices, a bag in each row; or (R,) all bags one after the other.
        weight: the table, (V, D).
        offsets: (B,), where each bag starts in a 1-d input.
        max_norm, norm_type, scale_grad_by_freq, sparse: as for `embedding`.
        mode: "sum", "mean" or "max".
        per_sample_weights: factors of the rows, of the input's shape; for "sum" only.
        include_last_offset: offsets has one more entry, the end of the last bag.
        padding_idx: indices equal to this are left out.

    Returns:
        (B, D). Empty bags give zeros.

    Raises:
        IndexError: an index outside the table. ValueError: arguments that do not go together.
    """
    kind = _lookup("embedding_bag", sparse, scale_grad_by_freq)
    if sparse and mode == "max":
        raise ArgumentError("embedding_bag: max mode does not support sparse weights")
    if weight._array.dtype == np.int64 and input.is_floating_point():
        weight, input = input, weight  # torch: the old order of arguments
    _check_bags(input, weight, offsets, per_sample_weights, mode, scale_grad_by_freq)
    padding = _checked_padding("embedding_bag", padding_idx, weight._array.shape[0])
    indices = _checked_indices("embedding_bag", input, weight)
    if max_norm is not None:
        renormalise_(weight, indices, max_norm, norm_type)
    if offsets is None:
        bags, count = np.repeat(np.arange(len(indices), like=indices), indices.shape[1]), len(indices)
    else:
        bags, count = _bag_numbers(offsets._array, indices.size, include_last_offset)
    flat = indices.reshape(-1)[: len(bags)]
    factors = None if per_sample_weights is None else per_sample_weights.reshape(-1)[: len(bags)]
    if padding >= 0:
        kept = np.flatnonzero(flat != padding)
        flat, bags = flat[kept], bags[kept]
        factors = None if factors is None else factors[kept]
    counts = np.bincount(flat, minlength=weight._array.shape[0]) if scale_grad_by_freq else None
    rows = kind.apply(weight, flat, -1, counts)
    if factors is not None:
        rows = rows * factors.unsqueeze(-1)
    if mode == "max":
        return BagMax.apply(rows, bags, count)
    total = BagSum.apply(rows, bags, count)
    if mode == "sum":
        return total
    sizes = np.maximum(np.bincount(bags, minlength=count), 1)[:, None]
    return total / wrap(sizes.astype(total._array.dtype))
