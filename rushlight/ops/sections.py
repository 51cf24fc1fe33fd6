"""Sections of a tensor as views: select, narrow, split, chunk, unbind."""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING, Any

import numpy as np

from ..autograd.tape import TensorBase
from ..errors import OperatorError, RangeError, ShapeError
from .dims import wrap_dim
from .numpy_protocol import numpy_name
from .promotion import into
from .views import Select, Slice, Split, Unbind, entry_index

if TYPE_CHECKING:
    from ..tensor import Tensor


def select(input: Tensor, dim: int, index: int) -> Tensor:
    """A view of entry `index` of dimension `dim`, without that dimension.

    Raises:
        IndexError: outside the dimension, or a 0-d tensor.
    """
    ndim = input._array.ndim
    if not ndim:
        raise RangeError("select: select() cannot be applied to a 0-dim tensor.")
    dim = wrap_dim(dim, ndim, "select")
    try:
        return Select.apply(input, entry_index(int(index), dim))
    except IndexError:
        raise RangeError(
            f"select: select(): index {index} out of range for tensor of size {list(input.shape)} at dimension {dim}"
        ) from None


def narrow(input: Tensor, dim: int, start: Any, length: int) -> Tensor:
    """A view of `length` entries of dimension `dim`, from `start` on.

    Raises:
        RuntimeError: they do not lie inside the dimension.
    """
    if not input._array.ndim:
        raise OperatorError("narrow: narrow() cannot be applied to a 0-dim tensor.")
    if isinstance(start, TensorBase) and (start._array.ndim or start._array.dtype.kind not in "iu"):
        raise OperatorError("narrow: start must be an 0-dim integral Tensor.")
    dim, start = wrap_dim(dim, input._array.ndim, "narrow"), int(start)
    size = input._array.shape[dim]
    if length < 0:
        raise OperatorError(f"narrow: narrow(): length must be non-negative, got {length}")
    if not -size <= start <= size:
        raise RangeError(
            f"narrow: Dimension out of range (expected to be in range of [{-size}, {size}], but got {start})"
        )
    start += size if start < 0 else 0
    if start + length > size:
        raise OperatorError(f"narrow: start ({start}) + length ({length}) exceeds dimension size ({size})")
    return Slice.apply(input, (*(slice(None),) * dim, slice(start, start + length)))


def split(tensor: Tensor, split_size_or_sections: Any, dim: int = 0) -> tuple[Tensor, ...]:
    """Views of consecutive pieces of a dimension: of one size (the last may be smaller) or of the sizes given.

    Example:
        >>> [p.tolist() for p in rushlight.arange(5).split(2)]
        [[0, 1], [2, 3], [4]]
    """
    dim = _dim_of_pieces(tensor, dim, "split")
    size = tensor._array.shape[dim]
    if isinstance(split_size_or_sections, int):
        return Split.apply(tensor, _lengths(size, split_size_or_sections, "split"), dim)
    lengths = tuple(int(n) for n in split_size_or_sections)
    if sum(lengths) != size or min(lengths, default=0) < 0:
        raise ShapeError(
            f"split: split_with_sizes expects split_sizes to sum exactly to {size} (input tensor's size at dimension "
            f"{dim}), but got split_sizes={list(lengths)}"
        )
    return Split.apply(tensor, lengths, dim)


def split_with_sizes(input: Tensor, split_sizes: Any, dim: int = 0) -> tuple[Tensor, ...]:
    """`split` into pieces of the sizes given."""
    return split(input, list(split_sizes), dim)


def _dim_of_pieces(x: Tensor, dim: int, name: str) -> int:
    if not x._array.ndim:
        raise OperatorError(f"{name}: {name} expects at least a 1-dimensional tensor")
    return wrap_dim(dim, x._array.ndim, name)


@lru_cache(maxsize=1024)
def _lengths(size: int, step: int, name: str) -> tuple[int, ...]:
    """`size` cut into steps, the last one perhaps shorter; at least one piece."""
    if step < 0 or (step == 0 and size):
        raise OperatorError(
            f"{name}: split_size must be positive (or 0 for a dimension of size 0), got {step} for size {size}"
        )
    if not size:
        return (0,)
    whole, rest = divmod(size, step)
    return (step,) * whole + ((rest,) if rest else ())


def chunk(input: Tensor, chunks: int, dim: int = 0) -> tuple[Tensor, ...]:
    """At most `chunks` views of equal size (the last may be smaller).

    Raises:
        RuntimeError: `chunks` is not positive.
    """
    dim = _dim_of_pieces(input, dim, "chunk")
    if chunks <= 0:
        raise OperatorError(f"chunk: chunk expects `chunks` to be greater than 0, got: {chunks}")
    size = input._array.shape[dim]
    if not size:
        return Split.apply(input, (0,) * chunks, dim)
    return Split.apply(input, _lengths(size, -(-size // chunks), "chunk"), dim)


def tensor_split(
    input: Tensor, indices_or_sections: Any, dim: int = 0, *, indices: Any = None, sections: Any = None
) -> tuple[Tensor, ...]:
    """Views: `sections` pieces as equal as possible, or pieces cut before each of `indices`."""
    for given in (indices, sections):
        indices_or_sections = given if given is not None else indices_or_sections
    dim = _dim_of_pieces(input, dim, "tensor_split")
    size, at = input._array.shape[dim], indices_or_sections
    if isinstance(at, TensorBase):
        if at._array.dtype != np.int64 or at._array.ndim > 1:
            raise OperatorError("tensor_split: expected tensor_indices_or_sections to be a 0- or 1-d int64 tensor")
        at = at._array.tolist()
    if isinstance(at, int):
        if at <= 0:
            raise OperatorError(f"tensor_split: number of sections must be larger than 0, got {at}")
        share, more = divmod(size, at)
        return Split.apply(input, tuple(share + (i < more) for i in range(at)), dim)
    cuts = [slice(int(i)).indices(size)[1] for i in at]
    pieces = zip([0, *cuts], [*cuts, size])
    return tuple(Slice.apply(input, (*(slice(None),) * dim, slice(a, max(a, b)))) for a, b in pieces)


def unsafe_split(tensor: Tensor, split_size: int, dim: int = 0) -> tuple[Tensor, ...]:
    """`split` under the name that PyTorch gives it where pieces may be written to one by one."""
    return split(tensor, split_size, dim)


def unsafe_chunk(input: Tensor, chunks: int, dim: int = 0) -> tuple[Tensor, ...]:
    """`chunk` under the name that PyTorch gives it where pieces may be written to one by one."""
    return chunk(input, chunks, dim)


def narrow_copy(input: Tensor, dim: int, start: int, length: int, *, out: Tensor | None = None) -> Tensor:
    """A copy of `narrow(input, dim, start, length)`."""
    return into(out, narrow(input, dim, start, length).clone(), "narrow_copy")


def hsplit(input: Tensor, indices_or_sections: Any) -> tuple[Tensor, ...]:
    """`tensor_split` along the second dimension (the first of a vector)."""
    return _split_at(input, indices_or_sections, 1 if input.ndim > 1 else 0, 1, "hsplit")


def vsplit(input: Tensor, indices_or_sections: Any) -> tuple[Tensor, ...]:
    """`tensor_split` along the first dimension."""
    return _split_at(input, indices_or_sections, 0, 2, "vsplit")


def dsplit(input: Tensor, indices_or_sections: Any) -> tuple[Tensor, ...]:
    """`tensor_split` along the third dimension."""
    return _split_at(input, indices_or_sections, 2, 3, "dsplit")


def _split_at(x: Tensor, at: Any, dim: int, least: int, name: str) -> tuple[Tensor, ...]:
    if x.ndim < least:
        raise OperatorError(
            f"{name}: torch.{name} requires a tensor with at least {least} dimension, but got a tensor with {x.ndim} "
            "dimensions!"
        )
    if isinstance(at, int) and (at <= 0 or x.shape[dim] % at):
        raise OperatorError(
            f"{name}: torch.{name} attempted to split along dimension {dim}, but the size of the dimension "
            f"{x.shape[dim]} is not divisible by the split_size {at}!"
        )
    return tensor_split(x, at, dim)


def unbind(input: Tensor, dim: int = 0) -> tuple[Tensor, ...]:
    """Views of all entries of a dimension."""
    if not input._array.ndim:
        raise RangeError("unbind: Dimension specified as 0 but tensor has no dimensions")
    dim = wrap_dim(dim, input._array.ndim, "unbind")
    return Unbind.apply(input, dim) if input._array.shape[dim] else ()


@numpy_name("split")
def _split(x: Tensor, at: Any, axis: int = 0) -> list[Tensor]:
    return list(tensor_split(x, at, axis))
