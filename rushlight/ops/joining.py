"""Tensors put together, repeated and rearranged: cat, stack, repeat, flip, roll, tril and their kin. All results are
copies."""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING, Any

import numpy as np

from .. import dtypes
from ..autograd.tape import Operator, TensorBase, wrap
from ..device import check_device
from ..errors import DTypeError, OperatorError, ShapeError
from ..kernels import xp
from ..kernels.arrays import host
from ..kernels.moves import copied, joined
from .conversion import check_layout
from .creation import finish
from .dims import sizes, wrap_dim, wrap_dims
from .numpy_protocol import numpy_name
from .promotion import cast, into, refuse_overlap
from .shape import atleast_1d, atleast_2d, atleast_3d, expand, reshape, transpose
from .strided import diagonal
from .views import entry_index, piece_indices

if TYPE_CHECKING:
    from ..tensor import Tensor

Array = Any
Tensors = Any  # a sequence of Tensors


# ---------------------------------------------------------------------------------------------------------- joining


class Cat(Operator):
    """Arguments: the tensors, then the dimension. torch: empty 1-d tensors join anything."""

    @staticmethod
    def forward(ctx: Any, *args: Any) -> Array:
        arrays = args[:-1]
        ctx.shapes = shapes = [a.shape for a in arrays]
        ctx.dim = args[-1]
        if (0,) in shapes:
            arrays = tuple([a for a in arrays if a.shape != (0,)]) or arrays
        return joined(arrays, args[-1])

    @staticmethod
    def backward(ctx: Any, grad: Array) -> Any:
        shapes, dim = ctx.shapes, ctx.dim
        if (0,) in shapes:
            pieces = piece_indices(tuple([0 if s == (0,) else s[dim] for s in shapes]), dim)
            return tuple([grad[p] if s != (0,) else xp.zeros_like(grad, shape=s) for p, s in zip(pieces, shapes)])
        return tuple([grad[p] for p in piece_indices(tuple([s[dim] for s in shapes]), dim)])


class Stack(Operator):
    """Arguments: the tensors, then the dimension."""

    @staticmethod
    def forward(ctx: Any, *args: Any) -> Array:
        *arrays, dim = args
        ctx.count, ctx.dim = len(arrays), dim
        shape = arrays[0].shape
        if dim == len(shape) and dim:
            arrays = [a.reshape((*shape, 1)) for a in arrays]
        return joined(arrays, dim).reshape((*shape[:dim], len(arrays), *shape[dim:]))

    @staticmethod
    def backward(ctx: Any, grad: Array) -> Any:
        return tuple(grad[entry_index(i, ctx.dim)] for i in range(ctx.count))


def alike(tensors: Tensors, name: str) -> list[Tensor]:
    """The tensors, at least one, in the dtype to which they promote."""
    if isinstance(tensors, TensorBase):
        raise DTypeError(f"{name}(): argument 'tensors' (position 1) must be tuple of Tensors, not Tensor")
    tensors = list(tensors)
    if not tensors:
        raise OperatorError(f"{name}: expected a non-empty list of Tensors")
    try:
        found = [x._array.dtype for x in tensors]
    except AttributeError:
        i, x = next((i, x) for i, x in enumerate(tensors) if not isinstance(x, TensorBase))
        raise DTypeError(f"{name}: expected Tensor as element {i} in argument 0, but got {type(x).__name__}") from None
    if found.count(found[0]) == len(found):
        return tensors
    kinds = [dtypes.of(x._array) for x in tensors]
    common = kinds[0]
    for kind in kinds[1:]:
        common = dtypes.promote_types(common, kind)
    return [cast(x, common) for x in tensors]


def cat(tensors: Tensors, dim: int = 0, *, out: Tensor | None = None, axis: int | None = None) -> Tensor:
    """The tensors one after the other along `dim`; other sizes must agree (empty 1-d tensors are left out, as in
    PyTorch).

    Raises:
        RuntimeError: no tensors, or shapes that do not agree.

    Example:
        >>> rushlight.cat((rushlight.zeros(1), rushlight.ones(2)))
        tensor([0., 1., 1.])
    """
    parts = alike(tensors, "cat")
    if out is not None:
        refuse_overlap("cat", out, *parts)
    first = parts[0]._array
    if first.shape == (0,):
        first = next((x._array for x in parts if x._array.shape != (0,)), first)
    if not first.ndim:
        raise ShapeError("cat: zero-dimensional tensor (at position 0) cannot be concatenated")
    dim = wrap_dim(dim if axis is None else axis, first.ndim, "cat")
    try:
        result = Cat.apply(*parts, dim)
    except ValueError:
        shapes = ", ".join(str(tuple(x.shape)) for x in parts)
        raise ShapeError(f"cat: Sizes of tensors must match except in dimension {dim}. Got shapes {shapes}") from None
    return result if out is None else into(out, result, "cat")


def concat(tensors: Tensors, dim: int = 0, *, out: Tensor | None = None, axis: int | None = None) -> Tensor:
    """`cat` under another name."""
    return cat(tensors, dim, out=out, axis=axis)


def concatenate(tensors: Tensors, dim: int = 0, *, out: Tensor | None = None, axis: int | None = None) -> Tensor:
    """`cat` under NumPy's name."""
    return cat(tensors, dim, out=out, axis=axis)


def stack(tensors: Tensors, dim: int = 0, *, out: Tensor | None = None, axis: int | None = None) -> Tensor:
    """Tensors of one shape along a new dimension.

    Raises:
        RuntimeError: no tensors, or shapes that differ.

    Example:
        >>> rushlight.stack((rushlight.zeros(2), rushlight.ones(2)), dim=1)
        tensor([[0., 1.],
                [0., 1.]])
    """
    parts = alike(tensors, "stack")
    shape = parts[0]._array.shape
    dim = wrap_dim(dim if axis is None else axis, len(shape) + 1, "stack")
    shapes = [x._array.shape for x in parts]
    if shapes.count(shape) != len(shapes):
        i, other = next((i, s) for i, s in enumerate(shapes) if s != shape)
        raise ShapeError(
            f"stack: stack expects each tensor to be equal size, but got {list(shape)} at entry 0 and {list(other)} at "
            f"entry {i}"
        )
    result = Stack.apply(*parts, dim)
    return result if out is None else into(out, result, "stack")


@numpy_name("concatenate")
def _concatenate(arrays: Tensors, axis: int = 0) -> Tensor:
    return cat([x if isinstance(x, TensorBase) else wrap(np.asarray(x)) for x in arrays], axis)


@numpy_name("stack")
def _stack(arrays: Tensors, axis: int = 0) -> Tensor:
    return stack([x if isinstance(x, TensorBase) else wrap(np.asarray(x)) for x in arrays], axis)


def hstack(tensors: Tensors, *, out: Tensor | None = None) -> Tensor:
    """Tensors side by side: `cat` along the second dimension (the first of vectors)."""
    parts = [atleast_1d(x) for x in _some(tensors, "hstack")]
    return cat(parts, min(parts[0].ndim, 2) - 1, out=out)


def vstack(tensors: Tensors, *, out: Tensor | None = None) -> Tensor:
    """Tensors on top of each other: `cat` along the first dimension, vectors as rows."""
    return cat([atleast_2d(x) for x in _some(tensors, "vstack")], 0, out=out)


def row_stack(tensors: Tensors, *, out: Tensor | None = None) -> Tensor:
    """`vstack` under another name."""
    return vstack(tensors, out=out)


def dstack(tensors: Tensors, *, out: Tensor | None = None) -> Tensor:
    """`cat` along the third dimension."""
    return cat([atleast_3d(x) for x in _some(tensors, "dstack")], 2, out=out)


def column_stack(tensors: Tensors, *, out: Tensor | None = None) -> Tensor:
    """`hstack` with vectors as columns."""
    return hstack([reshape(x, -1, 1) if x.ndim < 2 else x for x in _some(tensors, "column_stack")], out=out)


def _some(tensors: Tensors, name: str) -> list[Any]:
    found = list(tensors)
    if not found:
        raise OperatorError(f"{name}: {name} expects a non-empty TensorList")
    return found


def block_diag(*tensors: Tensor) -> Tensor:
    """A matrix with the given matrices (vectors are rows) along its diagonal and zeros elsewhere."""
    for i, x in enumerate(tensors):
        if x.ndim > 2:
            raise ShapeError(
                f"block_diag: Input tensors must have 2 or fewer dimensions. Input {i} has {x.ndim} dimensions"
            )
    blocks = alike([atleast_2d(x) for x in tensors], "block_diag")
    width, left, rows = sum(x.shape[1] for x in blocks), 0, []
    for x in blocks:
        n, m = x.shape
        zeros = [wrap(np.zeros_like(x._array, shape=(n, k))) for k in (left, width - left - m)]
        rows.append(cat((zeros[0], x, zeros[1]), 1))
        left += m
    return cat(rows, 0)


def cartesian_prod(*tensors: Tensor) -> Tensor:
    """All combinations of entries of 1-d tensors, one per row."""
    if len(tensors) == 1:
        return tensors[0]
    return stack([g.reshape(-1) for g in meshgrid(*tensors, indexing="ij")], 1)


def combinations(input: Tensor, r: int = 2, with_replacement: bool = False) -> Tensor:
    """All choices of `r` entries of a 1-d tensor, in order, one per row."""
    import itertools

    if input.ndim != 1:
        raise ShapeError(f"combinations: Expect a 1D vector, but got shape {list(input.shape)}")
    if r < 0:
        raise OperatorError(f"combinations: Expect a non-negative number, but got {r}")
    choose = itertools.combinations_with_replacement if with_replacement else itertools.combinations
    rows = list(choose(range(input.shape[0]), r))
    return input[np.array(rows, np.int64).reshape(len(rows), r)] if r else wrap(np.zeros(0, input._array.dtype))


def meshgrid(*tensors: Any, indexing: str | None = None) -> tuple[Tensor, ...]:
    """Views of 1-d tensors as the coordinates of a grid; indexing "ij" (the default) or "xy" (first two swapped).

    Example:
        >>> rushlight.meshgrid(rushlight.arange(2), rushlight.arange(3), indexing="ij")[0]
        tensor([[0, 0, 0],
                [1, 1, 1]])
    """
    parts = list(tensors[0]) if len(tensors) == 1 and isinstance(tensors[0], (list, tuple)) else list(tensors)
    if indexing not in (None, "ij", "xy"):
        raise OperatorError(f"meshgrid: torch.meshgrid: indexing must be one of 'xy' or 'ij', but received: {indexing}")
    if not parts:
        raise OperatorError("meshgrid: meshgrid expects a non-empty TensorList")
    if any(x.ndim > 1 for x in parts):
        raise ShapeError(
            f"meshgrid: Expected 0D or 1D tensor in the tensor list but got: {[tuple(x.shape) for x in parts]}"
        )
    if any(x._array.dtype != parts[0]._array.dtype for x in parts):
        raise OperatorError("meshgrid: torch.meshgrid expects all tensors to have the same dtype")
    swap = indexing == "xy" and len(parts) > 1
    order = [1, 0, *range(2, len(parts))] if swap else list(range(len(parts)))
    shape = tuple(parts[i].numel() for i in order)
    grids = [
        expand(reshape(x, [-1 if order[j] == i else 1 for j in range(len(parts))]), shape) for i, x in enumerate(parts)
    ]
    return tuple(grids)


# --------------------------------------------------------------------------------------------------------- repeating


class Repeat(Operator):
    """Each dimension `repeats` times over; the gradient sums over the copies."""

    @staticmethod
    def forward(ctx: Any, x: Array, repeats: tuple[int, ...]) -> Array:
        ctx.shape, ctx.repeats = x.shape, repeats
        return xp.tile(x, repeats)

    @staticmethod
    def backward(ctx: Any, grad: Array) -> Array:
        shape = (1,) * (len(ctx.repeats) - len(ctx.shape)) + ctx.shape
        pairs = [n for pair in zip(ctx.repeats, shape) for n in pair]
        return grad.reshape(tuple(pairs)).sum(axis=tuple(range(0, len(pairs), 2))).reshape(ctx.shape)


def repeat(input: Tensor, *sizes_: Any, repeats: Any = None) -> Tensor:
    """A copy in which each dimension is repeated as often as `repeats` says; extra counts add leading dimensions.

    Raises:
        RuntimeError: fewer counts than dimensions, or a negative one.
    """
    counts = sizes(sizes_ if repeats is None else (repeats,))
    if len(counts) < input._array.ndim:
        raise ShapeError(
            f"repeat: Number of dimensions of repeat dims {list(counts)} can not be smaller than number of "
            f"dimensions of tensor {list(input.shape)}"
        )
    if min(counts, default=0) < 0:
        raise OperatorError(f"repeat: Trying to create tensor with negative dimension: {list(counts)}")
    return Repeat.apply(input, counts)


@numpy_name("tile")
def tile(input: Tensor, *sizes_: Any, dims: Any = None) -> Tensor:
    """`repeat`, with missing counts taken as 1."""
    counts = sizes(sizes_ if dims is None else (dims,))
    return repeat(input, (1,) * (input._array.ndim - len(counts)) + counts)


def repeat_interleave(
    input: Tensor, repeats: Any = None, dim: int | None = None, *, output_size: int | None = None
) -> Tensor:
    """Each entry of a dimension (of the flattened tensor without `dim`) several times in a row.

    Args:
        repeats: one count, or a tensor of counts, one per entry. Left out, `input` itself holds the counts and the
            result is each position repeated so often.
        output_size: the sum of the counts, checked.

    Example:
        >>> rushlight.repeat_interleave(rushlight.tensor([1, 2]), 2)
        tensor([1, 1, 2, 2])
    """
    if repeats is None:
        counts = _counts(input._array, "repeat_interleave")
        return wrap(np.asarray(np.repeat(np.arange(counts.size), counts), like=input._array))
    x = input if dim is not None else input.reshape(-1)
    dim = wrap_dim(dim or 0, x._array.ndim, "repeat_interleave")
    size = x._array.shape[dim] if x._array.ndim else 1
    counts = _counts(repeats._array if isinstance(repeats, TensorBase) else np.asarray(repeats), "repeat_interleave")
    if counts.ndim > 1 or (counts.size != 1 and counts.size != size):
        raise ShapeError(
            "repeat_interleave: repeats must have the same size as input along dim, but got repeats.size(0) = "
            f"{counts.size} and input.size({dim}) = {size}"
        )
    places = np.repeat(np.arange(size), counts)
    if output_size is not None and output_size != places.size:
        raise OperatorError(
            f"repeat_interleave: allocated size does not match required size: output_size {output_size}, sum of "
            f"repeats {places.size}"
        )
    return x[(slice(None),) * dim + (places,)]


def _counts(counts: Array, name: str) -> Array:
    """Checked, as a NumPy array: a result's shape depends on them."""
    counts = host(counts)
    if counts.dtype.kind not in "iu":
        raise OperatorError(f"{name}: repeats has to be Long or Int tensor")
    if counts.size and counts.min() < 0:
        raise OperatorError(f"{name}: repeats can not be negative")
    return counts


# ------------------------------------------------------------------------------------------------------ rearranging


class Flip(Operator):
    @staticmethod
    def forward(ctx: Any, x: Array, dims: tuple[int, ...]) -> Array:
        ctx.dims = dims
        return copied(xp.flip(x, dims))

    @staticmethod
    def backward(ctx: Any, grad: Array) -> Array:
        return xp.flip(grad, ctx.dims)


@numpy_name("flip")
def _flip(x: Tensor, axis: Any = None) -> Tensor:
    dims = range(x._array.ndim) if axis is None else (axis,) if isinstance(axis, int) else axis
    return Flip.apply(x, tuple(dims))


def flip(input: Tensor, *axes: Any, dims: Any = None) -> Tensor:
    """A copy with the entries of these dimensions in reverse order."""
    turned = wrap_dims(sizes(axes if dims is None else (dims,)), input._array.ndim, "flip")
    return Flip.apply(input, turned if input._array.ndim else ())  # a number has dimension 0, with nothing to turn


def fliplr(input: Tensor) -> Tensor:
    """Columns in reverse order."""
    if input._array.ndim < 2:
        raise ShapeError("fliplr: Input must be >= 2-d.")
    return flip(input, 1)


def flipud(input: Tensor) -> Tensor:
    """Rows in reverse order."""
    if input._array.ndim < 1:
        raise ShapeError("flipud: Input must be >= 1-d.")
    return flip(input, 0)


def _rolled(x: Array, shifts: tuple[int, ...], dims: tuple[int, ...]) -> Array:
    """x moved on; along one dimension that is its end and its beginning, joined."""
    if len(dims) > 1 or x.ndim == 0 or x.size == 0:
        return xp.roll(x, shifts, dims)
    dim = dims[0]
    lead, cut = (slice(None),) * dim, -shifts[0] % x.shape[dim]
    return joined([x[(*lead, slice(cut, None))], x[(*lead, slice(cut))]], dim)


class Roll(Operator):
    @staticmethod
    def forward(ctx: Any, x: Array, shifts: tuple[int, ...], dims: tuple[int, ...]) -> Array:
        ctx.shifts, ctx.dims = shifts, dims
        return _rolled(x, shifts, dims)

    @staticmethod
    def backward(ctx: Any, grad: Array) -> Array:
        return _rolled(grad, tuple(-s for s in ctx.shifts), ctx.dims)


@numpy_name("roll")
def roll(input: Tensor, shifts: Any, dims: Any = None) -> Tensor:
    """A copy with the entries of `dims` moved on by `shifts`, those that fall off coming back at the front.

    Without `dims` the flattened tensor is rolled.

    Example:
        >>> rushlight.roll(rushlight.arange(4), 1)
        tensor([3, 0, 1, 2])
    """
    shifts = (shifts,) if isinstance(shifts, int) else tuple(int(s) for s in shifts)
    if not shifts:
        raise OperatorError("roll: `shifts` required")
    if dims is None or (isinstance(dims, (tuple, list)) and not dims):
        if len(shifts) != 1:
            raise OperatorError(f"roll: shifts and dimensions must align. shifts: {len(shifts)}, dims:0")
        return Roll.apply(input.reshape(-1), shifts, (0,)).reshape(input.shape)
    dims = (dims,) if isinstance(dims, int) else tuple(dims)
    if len(shifts) != len(dims):
        raise OperatorError(f"roll: shifts and dimensions must align. shifts: {len(shifts)}, dims:{len(dims)}")
    return Roll.apply(input, shifts, tuple(wrap_dim(d, input._array.ndim, "roll") for d in dims))


def rot90(input: Tensor, k: int = 1, dims: Any = (0, 1)) -> Tensor:
    """A copy turned by `k` quarter turns in the plane of two dimensions, from the first towards the second."""
    if len(dims) != 2:
        raise OperatorError(f"rot90: expected total rotation dims == 2, but got dims = {len(dims)}")
    if input.ndim < 2:
        raise OperatorError(f"rot90: expected total dims >= 2, but got total dims = {input.ndim}")
    if dims[0] == dims[1] or abs(dims[0] - dims[1]) == input.ndim:
        raise OperatorError(
            f"rot90: expected rotation dims to be different, but got dim0 = {dims[0]} and dim1 = {dims[1]}"
        )
    a, b = (wrap_dim(d, input.ndim, "rot90") for d in dims)
    if k % 4 == 1:
        return transpose(flip(input, b), a, b)
    if k % 4 == 2:
        return flip(input, a, b)
    return flip(transpose(input, a, b), b) if k % 4 == 3 else input.clone()


# ------------------------------------------------------------------------------------------- triangles and diagonals


class Triangle(Operator):
    """What lies on one side of a diagonal; zeros elsewhere."""

    @staticmethod
    def forward(ctx: Any, x: Array, keep: Array) -> Array:
        ctx.keep = keep
        return xp.where(keep, x, xp.zeros_like(x, shape=()))

    @staticmethod
    def backward(ctx: Any, grad: Array) -> Array:
        return xp.where(ctx.keep, grad, xp.zeros_like(grad, shape=()))


KEPT = 1 << 20  # elements of a mask that is kept, as attention asks for the same one again and again


@functools.lru_cache(maxsize=16)
def _small_lower(rows: int, columns: int, diagonal: int) -> Array:
    mask = np.tri(rows, columns, diagonal, dtype=bool)
    mask.flags.writeable = False
    return mask


def _lower(x: Tensor, diagonal: int, name: str) -> Array:
    """A mask of what is on or below the diagonal."""
    if x._array.ndim < 2:
        raise ShapeError(f"{name}: input tensor must have at least 2 dimensions, got shape {tuple(x.shape)}")
    rows, columns = x._array.shape[-2:]
    if type(x._array) is np.ndarray and rows * columns <= KEPT:
        return _small_lower(rows, columns, diagonal)
    return xp.tri(rows, columns, diagonal, dtype=bool, like=x._array)


def tril(input: Tensor, diagonal: int = 0, *, out: Tensor | None = None) -> Tensor:
    """The lower triangles of matrices (..., N, M), on and below `diagonal`; zeros above."""
    return into(out, Triangle.apply(input, _lower(input, diagonal, "tril")), "tril")


def triu(input: Tensor, diagonal: int = 0, *, out: Tensor | None = None) -> Tensor:
    """The upper triangles of matrices (..., N, M), on and above `diagonal`; zeros below."""
    return into(out, Triangle.apply(input, ~_lower(input, diagonal - 1, "triu")), "triu")


numpy_name("tril")(tril)
numpy_name("triu")(triu)


def diag_embed(input: Tensor, offset: int = 0, dim1: int = -2, dim2: int = -1) -> Tensor:
    """Matrices with the last dimension of `input` on the diagonal of dimensions `dim1`, `dim2` of the result."""
    ndim = input._array.ndim + 1
    a, b = wrap_dim(dim1, ndim, "diag_embed"), wrap_dim(dim2, ndim, "diag_embed")
    if a == b:
        raise OperatorError(f"diag_embed: diagonal dimensions cannot be identical {dim1}, {dim2}")
    return DiagEmbed.apply(input, offset, a, b)


class DiagEmbed(Operator):
    @staticmethod
    def forward(ctx: Any, x: Array, offset: int, dim1: int, dim2: int) -> Array:
        ctx.where = offset, dim1, dim2
        *lead, n = x.shape
        full = np.zeros_like(x, shape=(*lead, n + abs(offset), n + abs(offset)))
        i = np.arange(n, like=x)
        full[..., i + max(-offset, 0), i + max(offset, 0)] = x
        return xp.moveaxis(full, (-2, -1), (dim1, dim2))

    @staticmethod
    def backward(ctx: Any, grad: Array) -> Array:
        return xp.diagonal(grad, *ctx.where)


def diag(input: Tensor, diagonal: int = 0, *, out: Tensor | None = None) -> Tensor:
    """A vector as the diagonal of a matrix, or the diagonal of a matrix as a vector (a copy)."""
    from .strided import diagonal as diagonal_view

    if input._array.ndim not in (1, 2):
        raise ShapeError(f"diag: diag(): Supports 1D or 2D tensors. Got {input.ndim}D")
    result = diag_embed(input, diagonal) if input._array.ndim == 1 else diagonal_view(input, diagonal).clone()
    return into(out, result, "diag")


def diagflat(input: Tensor, offset: int = 0) -> Tensor:
    """All elements as the diagonal of a matrix."""
    return diag_embed(input.reshape(-1), offset)


def trace(input: Tensor) -> Tensor:
    """The sum of a matrix' diagonal."""
    if input._array.ndim != 2:
        raise ShapeError(f"trace: trace: expected a matrix, but got tensor with dim {input.ndim}")
    return diagonal(input).sum()


def tril_indices(
    row: int, col: int, offset: int = 0, *, dtype: Any = dtypes.int64, device: Any = None, layout: Any = None
) -> Tensor:
    """The (2, N) indices of the lower triangle of a row x col matrix, row by row."""
    found = np.nonzero(np.tri(_count(row, "row"), _count(col, "col"), offset, dtype=bool))
    return _places_of(found, dtype, device, layout, "tril_indices")


def triu_indices(
    row: int, col: int, offset: int = 0, *, dtype: Any = dtypes.int64, device: Any = None, layout: Any = None
) -> Tensor:
    """The (2, N) indices of the upper triangle of a row x col matrix, row by row."""
    found = np.nonzero(~np.tri(_count(row, "row"), _count(col, "col"), offset - 1, dtype=bool))
    return _places_of(found, dtype, device, layout, "triu_indices")


def _places_of(found: tuple[Array, ...], dtype: Any, device: Any, layout: Any, name: str) -> Tensor:
    check_layout(layout, name)
    return finish(np.stack(found).astype(dtypes.as_dtype(dtype).numpy), False, check_device(device))


def _count(n: int, name: str) -> int:
    if n < 0:
        raise OperatorError(f"{name} must be non-negative, got {n}")
    return n


def vander(x: Tensor, N: int | None = None, increasing: bool = False) -> Tensor:
    """The matrix of powers of a vector: column j is x^(N-1-j), or x^j if `increasing`."""
    if x._array.ndim != 1:
        raise OperatorError(f"vander: x must be a one-dimensional tensor, got shape {tuple(x.shape)}")
    count = x._array.size if N is None else N
    if count < 0:
        raise OperatorError("vander: N must be non-negative.")
    powers = wrap(np.arange(count, like=x._array) if increasing else np.arange(count, like=x._array)[::-1].copy())
    kept = x if x._array.dtype.kind in "fcV" else cast(x, dtypes.int64)
    return kept.unsqueeze(-1) ** powers
