"""A copy of a tensor with one of its slices replaced: the inverse of the view operators."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from ..autograd.tape import wrap
from ..errors import OperatorError, RangeError, ShapeError
from .dims import wrap_dim
from .index_slices import IndexPut
from .promotion import cast

if TYPE_CHECKING:
    from ..tensor import Tensor


def _embedded(input: Tensor, src: Tensor, index: Any, name: str) -> Tensor:
    if input._array[index].shape != src._array.shape:
        raise ShapeError(
            f"{name}: expected src to have a size equal to the slice of self. src size = {list(src.shape)}, slice "
            f"size = {list(input._array[index].shape)}"
        )
    return IndexPut.apply(input, index, cast(src, input.dtype))


def select_scatter(input: Tensor, src: Tensor, dim: int, index: int) -> Tensor:
    """A copy of `input` with entry `index` of `dim` replaced by `src`."""
    dim = wrap_dim(dim, input._array.ndim, "select_scatter")
    if not -input._array.shape[dim] <= index < input._array.shape[dim]:
        raise RangeError(
            f"select_scatter: index {index} is out of range for dimension {dim} of size {input._array.shape[dim]}"
        )
    return _embedded(input, src, (*(slice(None),) * dim, index), "select_scatter")


def slice_scatter(
    input: Tensor, src: Tensor, dim: int = 0, start: int | None = None, end: int | None = None, step: int = 1
) -> Tensor:
    """A copy of `input` with `input[start:end:step]` along `dim` replaced by `src`."""
    dim = wrap_dim(dim, input._array.ndim, "slice_scatter")
    if step <= 0:
        raise OperatorError(f"slice_scatter: slice step must be positive, got {step}")
    return _embedded(input, src, (*(slice(None),) * dim, slice(start, end, step)), "slice_scatter")


def diagonal_scatter(input: Tensor, src: Tensor, offset: int = 0, dim1: int = 0, dim2: int = 1) -> Tensor:
    """A copy of `input` with `diagonal(input, offset, dim1, dim2)` replaced by `src`."""
    positions = wrap(np.arange(input._array.size).reshape(input._array.shape)).diagonal(offset, dim1, dim2)
    if positions._array.shape != src._array.shape:
        raise ShapeError(
            "diagonal_scatter: expected src to have a size equal to the slice of self. src size = "
            f"{list(src.shape)}, slice size = {list(positions.shape)}"
        )
    flat = IndexPut.apply(input.reshape(-1), (positions._array.reshape(-1).copy(),), cast(src, input.dtype).reshape(-1))
    return flat.reshape(input.shape)


def as_strided_scatter(input: Tensor, src: Tensor, size: Any, stride: Any, storage_offset: int | None = None) -> Tensor:
    """A copy of `input` (row-major) with `as_strided(input, …)` replaced by `src`."""
    positions = wrap(np.arange(input._array.size)).as_strided(size, stride, storage_offset or 0)
    if positions._array.shape != src._array.shape:
        raise ShapeError(
            "as_strided_scatter: expected src to have a size equal to the slice of self. src size = "
            f"{list(src.shape)}, slice size = {list(positions.shape)}"
        )
    flat = IndexPut.apply(input.reshape(-1), (positions._array.reshape(-1).copy(),), src.reshape(-1))
    return flat.reshape(input.shape)
