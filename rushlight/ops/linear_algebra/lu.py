"""LU decomposition with partial pivoting, packed and unpacked, and systems solved by it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from ...autograd.tape import wrap
from ...errors import LinAlgError, OperatorError
from ...kernels.arrays import host
from .. import results
from ..joining import cat, tril, triu
from ..products import matmul
from ..promotion import into
from ..results import into_all
from ..scatter import Gather
from .matrices import conjugate_transpose, matrices
from .solving import matrix_solve

if TYPE_CHECKING:
    from ...tensor import Tensor

Array = Any


def _size(x: Array) -> Array:
    """What LAPACK compares pivots by: |re| + |im|."""
    return np.abs(x.real) + np.abs(x.imag) if np.iscomplexobj(x) else np.abs(x)


def _pivoted(a: Array, pivot: bool) -> tuple[Array, Array]:
    """The row order of Gaussian elimination with partial pivoting, and LAPACK's pivots (row swaps, counted from 1)."""
    work, (m, n) = a.copy(), a.shape[-2:]
    flat = work.reshape((int(np.prod(a.shape[:-2])), m, n))
    count = min(m, n)
    order = np.tile(np.arange(m, like=a), (len(flat), 1))
    pivots = np.tile(np.arange(1, count + 1, dtype=np.int32, like=a), (len(flat), 1))
    rows = np.arange(len(flat), like=a)
    for k in range(count if pivot else 0):
        best = k + _size(flat[:, k:, k]).argmax(axis=1)
        pivots[:, k] = best + 1
        for target in (flat, order):
            target[rows, k], target[rows, best] = target[rows, best].copy(), target[rows, k].copy()
        divisor = flat[:, k, k]
        factor = flat[:, k + 1 :, k] / np.where(divisor == 0, 1, divisor)[:, None]
        flat[:, k + 1 :, k:] -= factor[:, :, None] * flat[:, None, k, k:]
    return order.reshape((*a.shape[:-2], m)), pivots.reshape((*a.shape[:-2], count))


def _eliminated(a: Tensor) -> tuple[Tensor, Tensor]:
    """L and U of matrices whose rows are in pivot order, column by column, in operators that are recorded."""
    m, n = a._array.shape[-2:]
    columns, rest = [], a
    rows = []
    for k in range(min(m, n)):
        row = rest[..., :1, :]
        divisor = row[..., :1, :1]
        safe = divisor + wrap((divisor._array == 0).astype(divisor._array.dtype))
        column = rest[..., :, :1] / safe
        columns.append(
            column if k == 0 else cat([wrap(np.zeros_like(a._array, shape=(*a._array.shape[:-2], k, 1))), column], -2)
        )
        rows.append(
            row if k == 0 else cat([wrap(np.zeros_like(a._array, shape=(*a._array.shape[:-2], 1, k))), row], -1)
        )
        rest = rest[..., 1:, 1:] - matmul(column[..., 1:, :], row[..., :, 1:])
    if not columns:
        lead = a._array.shape[:-2]
        return tuple(wrap(np.zeros_like(a._array, shape=(*lead, *s))) for s in ((m, 0), (0, n)))
    return _unit_diagonal(cat(columns, -1)), cat(rows, -2)


def _unit_diagonal(lower: Tensor) -> Tensor:
    """Singular matrices would leave 0 / 1 on the diagonal of L, where there is a 1."""
    one = np.eye(*lower._array.shape[-2:], dtype=lower._array.dtype, like=lower._array)
    return lower * wrap(1 - one) + wrap(one)


def _take_rows(a: Tensor, order: Array) -> Tensor:
    return Gather.apply(a, a._array.ndim - 2, np.broadcast_to(order[..., None], a._array.shape))


def _permutation(order: Array, kind: Any) -> Array:
    """P with A = P L U."""
    m = order.shape[-1]
    return (np.arange(m, like=order)[:, None] == order[..., None, :]).astype(kind)


def linalg_lu(A: Tensor, *, pivot: bool = True, out: Any = None) -> Any:
    """P, L and U with P L U = A: a permutation, a unit lower and an upper triangular matrix."""
    a = matrices(A, "linalg.lu", square=False)
    order, _ = _pivoted(a._array, pivot)
    lower, upper = _eliminated(_take_rows(a, order))
    p = _permutation(order, a._array.dtype) if pivot else np.zeros_like(a._array, shape=(0,))
    return into_all(out, results.linalg_lu(wrap(p), lower, upper), "linalg.lu")


def lu_factor(A: Tensor, *, pivot: bool = True, out: Any = None) -> Any:
    """L and U in one matrix (L's unit diagonal left out), and LAPACK's pivots."""
    packed, pivots, _ = lu_factor_ex(A, pivot=pivot)
    return into_all(out, results.linalg_lu_factor(packed, pivots), "linalg.lu_factor")


def lu_factor_ex(A: Tensor, *, pivot: bool = True, check_errors: bool = False, out: Any = None) -> Any:
    """`lu_factor`, and for each matrix an info code: the first zero pivot, or 0."""
    a = matrices(A, "linalg.lu_factor_ex", square=False)
    order, pivots = _pivoted(a._array, pivot)
    lower, upper = _eliminated(_take_rows(a, order))
    m, n = a._array.shape[-2:]
    k = min(m, n)
    zero = np.diagonal(upper._array, axis1=-2, axis2=-1) == 0
    info = np.where(zero.any(-1), zero.argmax(-1) + 1 if k else 0, 0).astype(np.int32)
    if check_errors and info.any():
        raise LinAlgError(
            f"linalg.lu_factor_ex: U[{int(info.max())},{int(info.max())}] is zero and using it on lu_solve would "
            "result in a division by zero."
        )
    packed = _pack(lower, upper, m, n, k)
    return into_all(out, results.linalg_lu_factor_ex(packed, wrap(pivots), wrap(info)), "linalg.lu_factor_ex")


def _pack(lower: Tensor, upper: Tensor, m: int, n: int, k: int) -> Tensor:
    strict = tril(lower, -1)
    lead = lower._array.shape[:-2]
    if n > k:
        strict = cat([strict, wrap(np.zeros_like(lower._array, shape=(*lead, m, n - k)))], -1)
    if m > k:
        upper = cat([upper, wrap(np.zeros_like(upper._array, shape=(*lead, m - k, n)))], -2)
    return strict + upper


def lu(A: Tensor, pivot: bool = True, get_infos: bool = False, out: Any = None) -> Any:
    """`linalg.lu_factor` in its old form; with `get_infos` also the info codes."""
    packed, pivots, info = lu_factor_ex(A, pivot=pivot)
    return results.linalg_lu_factor_ex(packed, pivots, info) if get_infos else results.linalg_lu_factor(packed, pivots)


def _order_from(pivots: Array, m: int) -> Array:
    """The row order that LAPACK's swaps lead to."""
    flat = host(pivots).reshape((int(np.prod(pivots.shape[:-1])), pivots.shape[-1]))
    order = np.tile(np.arange(m), (len(flat), 1))
    for row, swaps in zip(order, flat):
        for k, other in enumerate(swaps - 1):
            row[[k, other]] = row[[other, k]]
    return np.asarray(order.reshape((*pivots.shape[:-1], m)), like=pivots)


def lu_unpack(
    LU_data: Tensor, LU_pivots: Tensor, unpack_data: bool = True, unpack_pivots: bool = True, *, out: Any = None
) -> Any:
    """P, L and U from the result of `lu_factor`; parts not asked for are empty."""
    if LU_pivots._array.dtype != np.int32:
        raise OperatorError(
            "lu_unpack: torch.lu_unpack: LU_pivots is expected to be a contiguous tensor of torch.int32 dtype, got "
            f"{LU_pivots.dtype}"
        )
    m, n = LU_data._array.shape[-2:]
    k, kind = min(m, n), LU_data._array.dtype
    empty = wrap(np.zeros_like(LU_data._array, shape=0))
    p = wrap(_permutation(_order_from(LU_pivots._array, m), kind)) if unpack_pivots else empty
    lower, upper = empty, empty
    if unpack_data:
        lower = tril(LU_data[..., :k], -1) + wrap(np.eye(m, k, dtype=kind, like=LU_data._array))
        upper = triu(LU_data[..., :k, :])
    return into_all(out, results.lu_unpack(p, lower, upper), "lu_unpack")


def linalg_lu_solve(
    LU: Tensor, pivots: Tensor, B: Tensor, *, left: bool = True, adjoint: bool = False, out: Tensor | None = None
) -> Tensor:
    """X with A X = B, from A's `lu_factor`; `left=False` for X A = B, `adjoint` for A^H."""
    p, lower, upper = lu_unpack(LU, pivots)
    whole = matmul(p, matmul(lower, upper))
    whole = conjugate_transpose(whole) if adjoint else whole
    return into(out, matrix_solve(whole, B, left), "linalg.lu_solve")


def lu_solve(b: Tensor, LU_data: Tensor, LU_pivots: Tensor, *, out: Tensor | None = None) -> Tensor:
    """`linalg.lu_solve` in its old form."""
    return linalg_lu_solve(LU_data, LU_pivots, b, out=out)
