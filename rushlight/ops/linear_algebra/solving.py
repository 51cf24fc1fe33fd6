"""Inverses and solutions of linear systems: inv, solve, triangular and tensor systems.

Each is an operator whose derivative is written in matrix products and in operators of this file, so that it can be
differentiated again.

Source of the derivatives: Giles 2008, "Collected matrix derivative results for forward and reverse mode algorithmic
differentiation".
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from ...autograd.tape import OUT, Operator, wrap
from ...errors import OperatorError, ShapeError
from .. import results
from ..joining import tril, triu
from ..products import adjoint_of, matmul_kernel
from ..promotion import into
from ..results import into_all
from ..shape import expand, movedim, reshape, transpose, unsqueeze
from .matrices import lapack, matrices

if TYPE_CHECKING:
    from ...tensor import Tensor

Array = Any


class Inverse(Operator):
    """dA = -Y^H g Y^H with Y the inverse."""

    saves = (OUT,)

    @staticmethod
    def forward(ctx: Any, a: Array) -> Array:
        ctx.save(lapack(np.linalg.inv, "linalg.inv", a))
        return ctx.saved[0]

    @staticmethod
    def backward(ctx: Any, grad: Array) -> Array:
        back = adjoint_of(ctx.saved[0])
        return -matmul_kernel(matmul_kernel(back, grad), back)


class Solve(Operator):
    """X with A X = B;  dB = A^-H g,  dA = -dB X^H, summed over dimensions that were broadcast."""

    saves = (0, OUT)

    @staticmethod
    def forward(ctx: Any, a: Array, b: Array) -> Array:
        out = lapack(np.linalg.solve, "linalg.solve", a, b)
        ctx.save(a, out)
        return out

    @staticmethod
    def backward(ctx: Any, grad: Array) -> Any:
        a, out = ctx.saved
        db = Solve.derive(adjoint_of(a), grad)
        return -matmul_kernel(db, adjoint_of(out)), db


def inv(A: Tensor, *, out: Tensor | None = None) -> Tensor:
    """The inverse of (batches of) square matrices.

    Raises:
        RuntimeError: a matrix is singular.
    """
    return into(out, Inverse.apply(matrices(A, "linalg.inv")), "linalg.inv")


def inverse(input: Tensor, *, out: Tensor | None = None) -> Tensor:
    """`linalg.inv` under its old name."""
    return inv(input, out=out)


def each_or_nan(a: Array, function: Any) -> tuple[Array, Array]:
    """The result of a LAPACK function on each matrix, NaN where it fails, and a 1 for each failure."""
    flat = a.reshape((int(np.prod(a.shape[:-2])), *a.shape[-2:]))
    found, info = np.full_like(flat, np.nan), np.zeros_like(flat, np.int32, shape=len(flat))
    for i, matrix in enumerate(flat):
        try:
            found[i] = function(matrix)
        except np.linalg.LinAlgError:
            info[i] = 1
    return found.reshape(a.shape), info.reshape(a.shape[:-2])


def inv_ex(A: Tensor, *, check_errors: bool = False, out: Any = None) -> Any:
    """The inverse, and for each matrix an info code: not 0 if it is singular (raised only with `check_errors`)."""
    a = matrices(A, "linalg.inv_ex")
    _, info = each_or_nan(a._array, np.linalg.inv)
    if info.any() and not check_errors:
        return into_all(
            out, results.linalg_inv_ex(wrap(each_or_nan(a._array, np.linalg.inv)[0]), wrap(info)), "linalg.inv_ex"
        )
    return into_all(out, results.linalg_inv_ex(inv(a), wrap(info)), "linalg.inv_ex")


def _is_vector(a: Tensor, b: Tensor) -> bool:
    """torch: B stands for vectors if it is 1-d, or if it has A's batch dimensions and one more."""
    return b._array.ndim == 1 or (a._array.ndim - 1 == b._array.ndim and b._array.shape == a._array.shape[:-1])


def solve(A: Tensor, B: Tensor, *, left: bool = True, out: Tensor | None = None) -> Tensor:
    """X with A X = B (or X A = B with `left=False`), for batches of square A; B is matrices or vectors.

    Raises:
        RuntimeError: A is singular, or shapes do not fit.
    """
    a = matrices(A, "linalg.solve")
    if a._array.dtype != B._array.dtype:
        raise OperatorError(
            f"linalg.solve: Expected A and B to have the same dtype, but found A of type {A.dtype} and B of type "
            f"{B.dtype} instead"
        )
    vector = _is_vector(a, B)
    if vector and not left:
        raise OperatorError(
            "linalg.solve: Vector broadcasting of the left hand side is not supported for left=False. In this case "
            "linalg.solve is equivalent to B / A.squeeze(-1)"
        )
    b = unsqueeze(B, -1) if vector else B
    if b._array.ndim < 2 or b._array.shape[-2 if left else -1] != a._array.shape[-1]:
        raise ShapeError(
            f"linalg.solve: Incompatible shapes of A and B for the equation {'AX = B' if left else 'XA = B'} "
            f"{tuple(A.shape)} and {tuple(B.shape)}"
        )
    found = solved(a, b) if left else turned(solved(turned(a), turned(b)))
    return into(out, found.squeeze(-1) if vector else found, "linalg.solve")


def turned(x: Tensor) -> Tensor:
    return transpose(x, -2, -1)


def solved(a: Tensor, b: Tensor) -> Tensor:
    """`Solve` with batch dimensions broadcast first, so that gradients need no summing."""
    try:
        batch = np.broadcast_shapes(a._array.shape[:-2], b._array.shape[:-2])
    except ValueError:
        raise ShapeError(
            f"linalg.solve: batch dimensions of {tuple(a.shape)} and {tuple(b.shape)} do not broadcast"
        ) from None
    a = a if a._array.shape[:-2] == batch else expand(a, (*batch, *a._array.shape[-2:]))
    b = b if b._array.shape[:-2] == batch else expand(b, (*batch, *b._array.shape[-2:]))
    return Solve.apply(a, b)


def solve_ex(A: Tensor, B: Tensor, *, left: bool = True, check_errors: bool = False, out: Any = None) -> Any:
    """The solution, and for each matrix an info code: not 0 if it is singular (raised only with `check_errors`)."""
    _, info = each_or_nan(matrices(A, "linalg.solve_ex")._array, np.linalg.inv)
    if info.any() and not check_errors:
        bad = wrap(np.full(B._array.shape, np.nan, B._array.dtype))
        return into_all(out, results.linalg_solve_ex(bad, wrap(info)), "linalg.solve_ex")
    return into_all(out, results.linalg_solve_ex(solve(A, B, left=left), wrap(info)), "linalg.solve_ex")


def solve_triangular(
    A: Tensor, B: Tensor, *, upper: bool, left: bool = True, unitriangular: bool = False, out: Tensor | None = None
) -> Tensor:
    """X with A X = B for triangular A: only the triangle named by `upper` is looked at.

    Args:
        unitriangular: take the diagonal as ones.
        left: False for X A = B.
    """
    a = matrices(A, "linalg.solve_triangular")
    if B._array.ndim < 2:
        raise ShapeError(
            f"linalg.solve_triangular: The input tensor B must have at least 2 dimensions, got {tuple(B.shape)}"
        )
    kept = triu(a, int(unitriangular)) if upper else tril(a, -int(unitriangular))
    if unitriangular:
        kept = kept + wrap(np.eye(a._array.shape[-1], dtype=a._array.dtype, like=a._array))
    return into(
        out,
        solve(kept, B, left=left) if not _is_vector(kept, B) else matrix_solve(kept, B, left),
        "linalg.solve_triangular",
    )


def matrix_solve(a: Tensor, b: Tensor, left: bool) -> Tensor:
    """`solve` where B is matrices, whatever its shape looks like."""
    return solved(a, b) if left else turned(solved(turned(a), turned(b)))


def triangular_solve(
    b: Tensor, A: Tensor, upper: bool = True, transpose: bool = False, unitriangular: bool = False, *, out: Any = None
) -> Any:
    """`linalg.solve_triangular` in its old form: the solution and a copy of A."""
    a = turned(A) if transpose else A
    found = solve_triangular(a, b, upper=upper != transpose, unitriangular=unitriangular)
    return into_all(out, results.triangular_solve(found, A.clone()), "triangular_solve")


def tensorinv(A: Tensor, ind: int = 2, *, out: Tensor | None = None) -> Tensor:
    """The inverse of `A` seen as a map between its last and its first `ind` dimensions."""
    if ind <= 0:
        raise OperatorError(f"linalg.tensorinv: Expected a strictly positive integer for 'ind', got {ind}")
    shape = A._array.shape
    rows, columns = int(np.prod(shape[:ind])), int(np.prod(shape[ind:]))
    if rows != columns:
        raise ShapeError(
            "linalg.tensorinv: Expected self to satisfy the requirement prod(self.shape[ind:]) == "
            f"prod(self.shape[:ind]), but got {columns} != {rows}"
        )
    return into(out, reshape(inv(reshape(A, rows, columns)), (*shape[ind:], *shape[:ind])), "linalg.tensorinv")


def tensorsolve(A: Tensor, B: Tensor, dims: Any = None, *, out: Tensor | None = None) -> Tensor:
    """X with tensordot(A, X, X.ndim) = B; `dims` of A are moved to its end first."""
    if dims is not None:
        A = movedim(A, tuple(dims), tuple(range(-len(dims), 0)))
    rest = A._array.shape[B._array.ndim :]
    count = int(np.prod(rest))
    if B._array.size != count:
        raise ShapeError(
            "linalg.tensorsolve: Expected self to satisfy the requirement prod(self.shape[other.ndim:]) == "
            f"prod(self.shape[:other.ndim]), but got {count} != {B._array.size}"
        )
    return into(out, reshape(solve(reshape(A, count, count), reshape(B, count)), rest), "linalg.tensorsolve")
