"""Sparse tensors in the coordinate format: making them, looking into them, and their products with whole matrices.

They are here for the gradients of embeddings and for adjacency matrices; other formats are refused by name.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NoReturn

import numpy as np

from .. import dtypes
from ..autograd.tape import Operator, TensorBase, wrap
from ..device import check_device
from ..errors import OperatorError, ShapeError, UnsupportedError
from ..kernels.sparse import Coo
from .creation import as_tensor, tensor
from .dims import wrap_dims
from .promotion import cast, into, not_a_tensor

if TYPE_CHECKING:
    from ..tensor import Tensor

Array = Any


def is_coo(x: Any) -> bool:
    """Whether a Tensor is sparse."""
    return isinstance(x, TensorBase) and type(x._array) is Coo


def _once(grad: Any) -> Any:
    if isinstance(grad, TensorBase):
        raise UnsupportedError("derivatives of higher order through sparse tensors are not supported; use to_dense()")
    return grad


def _whole(x: Any) -> Array:
    return x.dense() if type(x) is Coo else x


# ------------------------------------------------------------------------------------------------------- operators


class FromValues(Operator):
    """The sparse array with these values; gradients are read at its places."""

    @staticmethod
    def forward(ctx: Any, values: Array, indices: Array, shape: tuple[int, ...], coalesced: bool) -> Coo:
        ctx.indices = indices
        return Coo(indices, values, shape, coalesced)

    @staticmethod
    def backward(ctx: Any, grad: Any) -> Array:
        return _whole(_once(grad))[tuple(ctx.indices)]


class Values(Operator):
    @staticmethod
    def forward(ctx: Any, x: Coo) -> Array:
        ctx.x = x
        return x.values

    @staticmethod
    def backward(ctx: Any, grad: Array) -> Coo:
        return ctx.x.over(_once(grad))


class Coalesce(Operator):
    @staticmethod
    def forward(ctx: Any, x: Coo) -> Coo:
        return x.coalesce()

    @staticmethod
    def backward(ctx: Any, grad: Any) -> Any:
        return grad


class ToDense(Operator):
    """The gradient is kept where the sparse argument has elements."""

    @staticmethod
    def forward(ctx: Any, x: Coo) -> Array:
        ctx.x = x.coalesce()
        return x.dense()

    @staticmethod
    def backward(ctx: Any, grad: Array) -> Coo:
        return ctx.x.over(_once(grad)[tuple(ctx.x.indices)])


class ToSparse(Operator):
    @staticmethod
    def forward(ctx: Any, x: Array, dims: int) -> Coo:
        some = x != 0
        some = some.any(axis=tuple(range(dims, x.ndim))) if dims < x.ndim else some
        indices = np.stack(np.nonzero(some)) if dims else np.zeros((0, int(some)), np.int64)
        return Coo(indices, x[tuple(indices)] if dims else x[None][: int(some)], x.shape, True)

    @staticmethod
    def backward(ctx: Any, grad: Any) -> Array:
        return _whole(_once(grad)), None


class SparseMm(Operator):
    """A sparse matrix (M, K) times a whole one (K, N)."""

    @staticmethod
    def forward(ctx: Any, a: Coo, b: Array) -> Array:
        ctx.a, ctx.b = a.coalesce(), b
        rows, columns = ctx.a.indices
        out = np.zeros_like(b, shape=(a.shape[0], b.shape[1]))
        np.add.at(out, rows, ctx.a.values[:, None] * b[columns])
        return out

    @staticmethod
    def backward(ctx: Any, grad: Array) -> Any:
        a, b = ctx.a, ctx.b
        rows, columns = a.indices
        taken = _once(grad)[rows]
        db = np.zeros_like(b)
        np.add.at(db, columns, np.conj(a.values)[:, None] * taken)
        return a.over((taken * np.conj(b[columns])).sum(axis=1)), db


# ---------------------------------------------------------------------------------------------------- making them


def sparse_coo_tensor(
    indices: Any = None,
    values: Any = None,
    size: Any = None,
    *,
    dtype: Any = None,
    device: Any = None,
    pin_memory: bool = False,
    requires_grad: bool = False,
    check_invariants: bool | None = None,
    is_coalesced: bool | None = None,
) -> Tensor:
    """A sparse tensor with `values` at the places `indices`; values at the same place add up.

    Args:
        indices: (S, N) integers, a place in each column.
        values: (N, *D), a number or a slice for each.
        size: of the whole tensor; by default as small as the indices allow.
        check_invariants: raise for an index outside `size`.
        is_coalesced: the caller's promise that the places are in order and come once each.

    Raises:
        RuntimeError: sizes that do not go together.

    Example:
        >>> rushlight.sparse_coo_tensor([[0, 1], [2, 0]], [3., 4.], (2, 3)).to_dense()
        tensor([[0., 0., 3.],
                [4., 0., 0.]])
    """
    check_device(device)
    if values is None and size is None:  # torch: a size alone stands first
        indices, size = None, indices
    if indices is None:
        indices, values, is_coalesced = np.zeros((len(size), 0), np.int64), tensor([], dtype=dtype), True
    places = cast(as_tensor(indices), dtypes.int64)._array
    kept = as_tensor(values) if dtype is None else cast(as_tensor(values), dtypes.as_dtype(dtype))
    count = kept._array.shape[0] if kept._array.ndim else 1
    kept = kept if kept._array.ndim else kept.reshape(1)
    if places.ndim != 2 or places.shape[1] != count:
        raise OperatorError(
            "sparse_coo_tensor: indices and values must have same nnz, but got nnz from indices: "
            f"{places.shape[-1] if places.ndim else 0}, nnz from values: {count}"
        )
    shape = _fitting(places, kept._array) if size is None else tuple(int(n) for n in size)
    _check_places(places, kept._array, shape, bool(check_invariants))
    made = FromValues.apply(kept, places.copy(), shape, bool(is_coalesced))
    if not isinstance(values, TensorBase) or requires_grad:
        made = wrap(made._array)
    return made.requires_grad_() if requires_grad else made


def _fitting(places: Array, values: Array) -> tuple[int, ...]:
    if not places.shape[1]:
        return (*(0,) * len(places), *values.shape[1:])
    return (*(int(row.max()) + 1 for row in places), *values.shape[1:])


def _check_places(places: Array, values: Array, shape: tuple[int, ...], bounds: bool) -> None:
    if len(shape) != len(places) + values.ndim - 1:
        raise OperatorError(
            f"sparse_coo_tensor: 'len(size) == sparse_dim + dense_dim' is not satisfied: len(size) = {len(shape)}, "
            f"sparse_dim = {len(places)}, dense_dim = {values.ndim - 1}"
        )
    if values.shape[1:] != shape[len(places) :]:
        raise ShapeError(f"sparse_coo_tensor: values {values.shape} do not fill slices of a tensor {shape}")
    for row, n in zip(places, shape) if bounds else ():
        if row.size and (row.min() < 0 or row.max() >= n):
            raise OperatorError(f"sparse_coo_tensor: an index of {row.tolist()} is outside a dimension of size {n}")


def _refused(format_: str) -> Any:
    def function(*args: Any, **kwargs: Any) -> NoReturn:
        raise UnsupportedError(f"the sparse format {format_} is not supported; use sparse_coo_tensor or to_sparse()")

    function.__name__ = f"sparse_{format_}_tensor"
    function.__doc__ = f"Refused: there is no sparse format {format_}."
    return function


sparse_csr_tensor, sparse_csc_tensor = _refused("csr"), _refused("csc")
sparse_bsr_tensor, sparse_bsc_tensor = _refused("bsr"), _refused("bsc")
sparse_compressed_tensor = _refused("compressed")


# ----------------------------------------------------------------------------------------------------- as methods


def _coo(x: Tensor, name: str) -> Coo:
    """The array of a sparse tensor.

    Raises:
        RuntimeError: it is not sparse.
    """
    if type(x._array) is not Coo:
        raise OperatorError(f"{name} expected sparse coordinate tensor layout but got Strided")
    return x._array


def to_sparse(input: Tensor, sparse_dim: int | None = None, *, layout: Any = None) -> Tensor:
    """The elements other than zero as a sparse tensor, whose first `sparse_dim` dimensions (all) are sparse."""
    from .conversion import sparse_coo

    if layout not in (None, sparse_coo):
        raise UnsupportedError(f"to_sparse: layout {layout} is not supported; use torch.sparse_coo")
    if is_coo(input):
        return input
    ndim = input._array.ndim
    dims = ndim if sparse_dim is None else sparse_dim
    if not (0 < dims <= ndim or ndim == dims == 0):
        raise OperatorError(f"to_sparse: sparse_dim must be in (0, {ndim}] range, but is {dims}")
    return ToSparse.apply(input, dims)


def to_dense(input: Tensor, dtype: Any = None, *, masked_grad: bool | None = None) -> Tensor:
    """The whole tensor; one that is whole already is returned as it is.

    Args:
        masked_grad: None or True: the gradient is sparse, at the elements that are kept; False is refused.
    """
    if masked_grad is False:
        raise UnsupportedError("to_dense: masked_grad=False is not supported; the gradient is at the kept elements")
    whole = ToDense.apply(input) if is_coo(input) else input
    return whole if dtype is None else cast(whole, dtypes.as_dtype(dtype))


def coalesce(input: Tensor) -> Tensor:
    """Every place once, in order, values at the same place added up."""
    return input if _coo(input, "coalesce").coalesced else Coalesce.apply(input)


def is_coalesced(input: Tensor) -> bool:
    """Whether every place comes once, in order."""
    return _coo(input, "is_coalesced").coalesced


def indices(input: Tensor) -> Tensor:
    """The places of a coalesced sparse tensor, (S, N)."""
    _check_coalesced(_coo(input, "indices"), "indices")
    return wrap(input._array.indices)


def values(input: Tensor) -> Tensor:
    """The kept elements of a coalesced sparse tensor, (N, *D)."""
    _check_coalesced(_coo(input, "values"), "values")
    return Values.apply(input)


def _check_coalesced(x: Coo, name: str) -> None:
    if not x.coalesced:
        raise OperatorError(f"Cannot get {name} on an uncoalesced tensor, please call .coalesce() first")


def raw_indices(input: Tensor) -> Tensor:
    """The places as they are, coalesced or not."""
    return wrap(_coo(input, "_indices").indices)


def raw_values(input: Tensor) -> Tensor:
    """The kept elements as they are, coalesced or not."""
    return wrap(_coo(input, "_values").values)


def nnz(input: Tensor) -> int:
    """How many elements are kept."""
    return len(_coo(input, "_nnz").values)


def sparse_dim(input: Tensor) -> int:
    """How many dimensions are sparse; 0 for a whole tensor."""
    return len(input._array.indices) if is_coo(input) else 0


def dense_dim(input: Tensor) -> int:
    """How many dimensions the kept slices have."""
    return input._array.ndim - sparse_dim(input)


def sparse_mask(input: Tensor, mask: Tensor) -> Tensor:
    """The elements of a whole tensor at the places of a sparse one."""
    places = _coo(mask, "sparse_mask")
    return FromValues.apply(input[tuple(places.indices)], places.indices, places.shape, places.coalesced)


# -------------------------------------------------------------------------------------------------- torch.sparse


def sparse_mm(mat1: Tensor, mat2: Tensor) -> Tensor:
    """A sparse matrix (M, K) times a whole one (K, N), or a sparse one, which gives a sparse one. Gradients go to both,
    that of `mat1` is sparse.

    Raises:
        RuntimeError: shapes or dtypes that do not fit.
    """
    a = _coo(mat1, "sparse.mm")
    if not isinstance(mat2, TensorBase):
        raise not_a_tensor(mat2, "sparse.mm", "mat2")
    if is_coo(mat2):
        return to_sparse(sparse_mm(mat1, to_dense(mat2)))
    b = mat2._array
    if a.ndim != 2 or len(a.indices) != 2 or b.ndim != 2 or a.shape[1] != b.shape[0]:
        raise ShapeError(f"sparse.mm: mat1 and mat2 shapes cannot be multiplied ({a.shape} and {b.shape})")
    if a.dtype != b.dtype:
        raise OperatorError(f"sparse.mm: expected both to have the same dtype, got {mat1.dtype} and {mat2.dtype}")
    return SparseMm.apply(mat1, mat2)


def sparse_addmm(mat: Tensor, mat1: Tensor, mat2: Tensor, *, beta: float = 1.0, alpha: float = 1.0) -> Tensor:
    """beta * mat + alpha * (mat1 @ mat2), mat1 sparse."""
    return mat * beta + sparse_mm(mat1, mat2) * alpha


def sparse_sum(input: Tensor, dim: Any = None, dtype: Any = None) -> Tensor:
    """The sum of all elements, or over `dim`: sparse, unless all sparse dimensions are summed over."""
    x = _coo(input, "sparse.sum")
    if dim is None:
        return ToDense.apply(input).sum(dtype=dtype)
    dims = wrap_dims(dim, x.ndim, "sparse.sum")
    total = ToDense.apply(input).sum(dims, dtype=dtype)
    left = [d for d in range(len(x.indices)) if d not in dims]
    return to_sparse(total, len(left)) if left else total


def spmm(input: Tensor, mat2: Tensor, *, out: Tensor | None = None) -> Tensor:
    """`sparse.mm` under its short name."""
    return into(out, sparse_mm(input, mat2), "spmm")


def _softmax_parts(input: Tensor, dim: int, dtype: Any, name: str) -> tuple[Tensor, Tensor, Tensor]:
    """The coalesced tensor, its values less the largest one of their line along `dim`, and for each the sum of exp over
    its line."""
    _coo(input, name)
    whole = coalesce(input if dtype is None else cast(input, dtypes.as_dtype(dtype)))
    x: Coo = whole._array
    (dim,) = wrap_dims(dim, len(x.indices), name)
    others = np.delete(x.indices, dim, axis=0)
    lines, line = np.unique(others, axis=1, return_inverse=True)
    line = line.reshape(-1)
    largest = np.full((lines.shape[1], *x.values.shape[1:]), -np.inf, x.dtype)
    np.maximum.at(largest, line, x.values)
    shifted = values(whole) - wrap(largest[line])
    sums = wrap(np.zeros_like(largest)).index_add(0, wrap(line), shifted.exp())
    return whole, shifted, sums[wrap(line)]


def _at_places_of(whole: Tensor, made: Tensor) -> Tensor:
    return FromValues.apply(made, whole._array.indices, whole._array.shape, True)


def sparse_softmax(input: Tensor, dim: int, *, dtype: Any = None) -> Tensor:
    """exp(x) / sum of exp(x) along a sparse dimension, over the kept elements: the others count as -inf."""
    whole, x, sums = _softmax_parts(input, dim, dtype, "sparse.softmax")
    return _at_places_of(whole, x.exp() / sums)


def sparse_log_softmax(input: Tensor, dim: int, *, dtype: Any = None) -> Tensor:
    """The logarithm of `sparse.softmax`."""
    whole, x, sums = _softmax_parts(input, dim, dtype, "sparse.log_softmax")
    return _at_places_of(whole, x - sums.log())
