"""Inverses, solvers, determinants and spectra of (batches of) matrices, on NumPy's LAPACK.

Each is an operator whose derivative is written in matrix products and in the operators of this file, so that it can be
differentiated again. Throughout, A^H is the conjugate transpose.

Source of the derivatives: Giles 2008, "Collected matrix derivative results for forward and reverse mode algorithmic
differentiation"; Golub, Pereyra 1973 for the pseudo-inverse; Townsend 2016 for the singular value decomposition.
"""

from __future__ import annotations

from math import inf
from typing import TYPE_CHECKING, Any

import numpy as np

from .. import dtypes
from ..autograd.tape import OUT, Operator, TensorBase, wrap
from ..errors import ArgumentError, LinAlgError, OperatorError, ShapeError
from ..kernels import xp
from . import results
from .conversion import Constant
from .joining import cat, tril, triu
from .products import adjoint_of, cross, matmul, matmul_kernel
from .promotion import cast, into, is_complex, not_a_tensor
from .reduction import VectorNorm, products_of_others
from .results import into_all
from .scatter import Gather
from .shape import diagonal, expand, movedim, reshape, transpose, unsqueeze, wrap_dims

if TYPE_CHECKING:
    from ..tensor import Tensor

Array = Any


# ------------------------------------------------------------------------------------------------------------ checks


def matrices(x: Any, name: str, square: bool = True) -> Tensor:
    """`x` if it is a batch of floating point matrices.

    Raises:
        RuntimeError: fewer than 2 dimensions, not square, or a dtype without LAPACK routines.
    """
    if not isinstance(x, TensorBase):
        raise not_a_tensor(x, name, "A")
    shape = x._array.shape
    if len(shape) < 2:
        raise ShapeError(f"{name}: The input tensor A must have at least 2 dimensions, got shape {shape}")
    if square and shape[-1] != shape[-2]:
        raise ShapeError(
            f"{name}: A must be batches of square matrices, but they are {shape[-2]} by {shape[-1]} matrices"
        )
    if x._array.dtype.kind not in "fc" or x._array.dtype == np.float16:
        raise OperatorError(f"{name}: Expected a floating point or complex tensor as input. Got {dtypes.of(x._array)}")
    return x  # type: ignore[return-value]


def _lapack(function: Any, name: str, *args: Any, **options: Any) -> Any:
    """A call of NumPy's LAPACK, its failure told in PyTorch's class."""
    try:
        return function(*args, **options)
    except np.linalg.LinAlgError as why:
        raise LinAlgError(f"{name}: {why}") from None


def _diagonal_part(x: Array) -> Array:
    """x with everything off the diagonal zero."""
    return x * np.eye(x.shape[-1], dtype=_real_kind(x))


def _real_kind(x: Array) -> Any:
    kind = getattr(x, "_array", x).dtype  # type: ignore[union-attr]
    return np.empty(0, kind).real.dtype


# ------------------------------------------------------------------------------------------------ inverse and solve


class Inverse(Operator):
    """dA = -Y^H g Y^H with Y the inverse."""

    saves = (OUT,)

    @staticmethod
    def forward(ctx: Any, a: Array) -> Array:
        ctx.save(_lapack(np.linalg.inv, "linalg.inv", a))
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
        out = _lapack(np.linalg.solve, "linalg.solve", a, b)
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


def _failed(a: Array, function: Any) -> tuple[Array, Array]:
    """The result of a LAPACK function on each matrix, NaN where it fails, and a 1 for each failure."""
    flat = a.reshape((int(np.prod(a.shape[:-2])), *a.shape[-2:]))
    found, info = np.full(flat.shape, np.nan, a.dtype), np.zeros(len(flat), np.int32)
    for i, matrix in enumerate(flat):
        try:
            found[i] = function(matrix)
        except np.linalg.LinAlgError:
            info[i] = 1
    return found.reshape(a.shape), info.reshape(a.shape[:-2])


def inv_ex(A: Tensor, *, check_errors: bool = False, out: Any = None) -> Any:
    """The inverse, and for each matrix an info code: not 0 if it is singular (raised only with `check_errors`)."""
    a = matrices(A, "linalg.inv_ex")
    _, info = _failed(a._array, np.linalg.inv)
    if info.any() and not check_errors:
        return into_all(
            out, results.linalg_inv_ex(wrap(_failed(a._array, np.linalg.inv)[0]), wrap(info)), "linalg.inv_ex"
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
    found = solved(a, b) if left else _turned(solved(_turned(a), _turned(b)))
    return into(out, found.squeeze(-1) if vector else found, "linalg.solve")


def _turned(x: Tensor) -> Tensor:
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
    _, info = _failed(matrices(A, "linalg.solve_ex")._array, np.linalg.inv)
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
        kept = kept + wrap(np.eye(a._array.shape[-1], dtype=a._array.dtype))
    return into(
        out,
        solve(kept, B, left=left) if not _is_vector(kept, B) else _matrix_solve(kept, B, left),
        "linalg.solve_triangular",
    )


def _matrix_solve(a: Tensor, b: Tensor, left: bool) -> Tensor:
    """`solve` where B is matrices, whatever its shape looks like."""
    return solved(a, b) if left else _turned(solved(_turned(a), _turned(b)))


def triangular_solve(
    b: Tensor, A: Tensor, upper: bool = True, transpose: bool = False, unitriangular: bool = False, *, out: Any = None
) -> Any:
    """`linalg.solve_triangular` in its old form: the solution and a copy of A."""
    a = _turned(A) if transpose else A
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


# ------------------------------------------------------------------------------------------------------ determinants


class Determinant(Operator):
    """dA = g * conj(det) A^-H; where A has no inverse, the cofactors from the singular values instead."""

    saves = (0, OUT)

    @staticmethod
    def forward(ctx: Any, a: Array) -> Array:
        out = np.linalg.det(a)
        ctx.save(a, out)
        return out

    @staticmethod
    def backward(ctx: Any, grad: Array) -> Array:
        a, out = ctx.saved
        bare = getattr(a, "_array", a)
        grad = grad[..., None, None]
        if not bare.size or np.linalg.cond(bare).max(initial=0) < 1 / np.finfo(_real_kind(a)).eps:
            value = out[..., None, None]
            return grad * (xp.conj(value) if is_complex(a) else value) * adjoint_of(Inverse.derive(a))
        u, s, vh = np.linalg.svd(bare)
        turn = np.linalg.det(u) * np.linalg.det(vh)
        cofactors = (u * products_of_others(s, (s.ndim - 1,))[..., None, :]) @ vh * np.conj(turn)[..., None, None]
        return grad * cofactors.astype(bare.dtype)


class LogDeterminant(Operator):
    """sign and log|det|;  dA = g A^-H, and for complex A the phase's gradient turned by the sign."""

    saves = (0,)

    @staticmethod
    def forward(ctx: Any, a: Array) -> Any:
        sign, log = np.linalg.slogdet(a)
        ctx.save(a)
        ctx.complex = is_complex(a)
        return np.asarray(sign), np.asarray(log)

    @staticmethod
    def backward(ctx: Any, sign_grad: Array, log_grad: Array) -> Array:
        (a,) = ctx.saved
        back = adjoint_of(Inverse.derive(a))
        total: Any = 0 if log_grad is None else log_grad[..., None, None]
        if ctx.complex and sign_grad is not None:
            turn = xp.imag(xp.conj(sign_grad) * _sign_of(a))
            total = total - 1j * turn[..., None, None]
        return back * total


def _sign_of(a: Array) -> Array:
    return LogDeterminant.derive(a)[0]


def det(A: Tensor, *, out: Tensor | None = None) -> Tensor:
    """The determinant of (batches of) square matrices."""
    return into(out, Determinant.apply(matrices(A, "linalg.det")), "linalg.det")


def slogdet(A: Tensor, *, out: Any = None) -> Any:
    """The sign (or phase) of the determinant and the logarithm of its absolute value."""
    return into_all(out, results.slogdet(*LogDeterminant.apply(matrices(A, "linalg.slogdet"))), "slogdet")


def linalg_slogdet(A: Tensor, *, out: Any = None) -> Any:
    """`slogdet` with `linalg`'s result type."""
    return into_all(out, results.linalg_slogdet(*slogdet(A)), "linalg.slogdet")


def logdet(input: Tensor) -> Tensor:
    """The logarithm of the determinant: NaN where it is negative."""
    sign, log = slogdet(input)
    if is_complex(input._array):
        return sign.log() + log
    return log.masked_fill(wrap(sign._array < 0), float("nan"))


# ------------------------------------------------------------------------------------------------------ decompositions


def _lower_half(x: Array) -> Array:
    """The lower triangle with half of the diagonal: what of a symmetric gradient belongs to a triangular factor."""
    return xp.tril(x) - _diagonal_part(x) * 0.5


class Cholesky(Operator):
    """A = L L^H;  dA = L^-H P L^-1 made Hermitian, P the lower half of L^H g."""

    saves = (OUT,)

    @staticmethod
    def forward(ctx: Any, a: Array) -> Array:
        lower = np.tril(a)
        filled = lower + adjoint_of(np.tril(a, -1))
        ctx.save(_lapack(np.linalg.cholesky, "linalg.cholesky", filled))
        return ctx.saved[0]

    @staticmethod
    def backward(ctx: Any, grad: Array) -> Array:
        (factor,) = ctx.saved
        middle = _lower_half(matmul_kernel(adjoint_of(factor), grad))
        back = Inverse.derive(factor)
        whole = matmul_kernel(matmul_kernel(adjoint_of(back), middle), back)
        return (whole + adjoint_of(whole)) * 0.5


def cholesky(A: Tensor, *, upper: bool = False, out: Tensor | None = None) -> Tensor:
    """The lower triangular L with L L^H = A (or its conjugate transpose with `upper`), for Hermitian positive A.

    Raises:
        RuntimeError: a matrix is not positive definite.
    """
    a = matrices(A, "linalg.cholesky")
    lower = Cholesky.apply(_conjugate_transpose(a) if upper else a)
    return into(out, _conjugate_transpose(lower) if upper else lower, "linalg.cholesky")


def _conjugate_transpose(x: Tensor) -> Tensor:
    return adjoint_of(x)


def old_cholesky(input: Tensor, upper: bool = False, *, out: Tensor | None = None) -> Tensor:
    """`linalg.cholesky` under its old name."""
    return cholesky(input, upper=upper, out=out)


def cholesky_ex(A: Tensor, *, upper: bool = False, check_errors: bool = False, out: Any = None) -> Any:
    """The Cholesky factor, and for each matrix an info code: not 0 if it is not positive (raised only with
    `check_errors`)."""
    found, info = _failed(matrices(A, "linalg.cholesky_ex")._array, np.linalg.cholesky)
    factor = wrap(found) if info.any() and not check_errors else cholesky(A, upper=upper)
    return into_all(out, results.linalg_cholesky_ex(factor, wrap(info)), "linalg.cholesky_ex")


def _triangle(x: Tensor, upper: bool) -> Tensor:
    """One triangle. torch: the gradient goes to the whole matrix all the same."""
    kept = np.triu(x._array) if upper else np.tril(x._array)
    return x + wrap(kept - x._array) if (kept != x._array).any() else x


def cholesky_inverse(L: Tensor, upper: bool = False, *, out: Tensor | None = None) -> Tensor:
    """The inverse of A from its Cholesky factor."""
    factor = _triangle(matrices(L, "cholesky_inverse"), upper)
    whole = matmul(_conjugate_transpose(factor), factor) if upper else matmul(factor, _conjugate_transpose(factor))
    return into(out, inv(whole), "cholesky_inverse")


def cholesky_solve(B: Tensor, L: Tensor, upper: bool = False, *, out: Tensor | None = None) -> Tensor:
    """X with A X = B, from A's Cholesky factor."""
    if B._array.ndim < 2 or B._array.shape[-2] != L._array.shape[-1]:
        raise ShapeError(
            f"cholesky_solve: Incompatible matrix sizes for cholesky_solve: each A matrix is {tuple(L.shape)} but "
            f"each b matrix is {tuple(B.shape)}"
        )
    factor = _triangle(matrices(L, "cholesky_solve"), upper)
    factor = _conjugate_transpose(factor) if upper else factor
    return into(out, solved(_conjugate_transpose(factor), solved(factor, B)), "cholesky_solve")


class QR(Operator):
    """A = Q R with R upper triangular.

    With M = R gR^H - gQ^H Q for tall A:  dA = (gQ + Q copyltu(M)) R^-H, where copyltu mirrors the lower triangle.
    Wide A is split into the square part, treated so, and the rest.

    Source: Walter, Lehmann 2018, "Algorithmic differentiation of linear algebra functions", and Liao et al. 2019.
    """

    saves = (0,)

    @staticmethod
    def forward(ctx: Any, a: Array, mode: str) -> Any:
        q, r = np.linalg.qr(a, mode)  # type: ignore[call-overload]
        ctx.mode = mode
        ctx.save(a)
        ctx.parts = q, r
        return q, r

    @staticmethod
    def backward(ctx: Any, q_grad: Array, r_grad: Array) -> Array:
        (a,) = ctx.saved
        m, n = a.shape[-2:]
        q, r = QR.derive(a, ctx.mode) if isinstance(a, TensorBase) else ctx.parts
        if ctx.mode == "complete" and m > n:
            raise OperatorError(
                "linalg.qr: The QR decomposition is not differentiable when mode='complete' and nrows > ncols."
            )
        q_grad = xp.zeros_like(q) if q_grad is None else q_grad
        r_grad = xp.zeros_like(r) if r_grad is None else r_grad
        if m >= n:
            return _tall_qr_gradient(q, r, q_grad, r_grad)
        q_grad = q_grad + matmul_kernel(a[..., m:], adjoint_of(r_grad[..., m:]))
        first = _tall_qr_gradient(q, r[..., :m], q_grad, r_grad[..., :m])
        return xp.concatenate([first, matmul_kernel(q, r_grad[..., m:])], axis=-1)


def _tall_qr_gradient(q: Array, r: Array, q_grad: Array, r_grad: Array) -> Array:
    middle = matmul_kernel(r, adjoint_of(r_grad)) - matmul_kernel(adjoint_of(q_grad), q)
    mirrored = xp.tril(middle) + adjoint_of(xp.tril(middle, -1))
    if is_complex(middle):
        mirrored = mirrored - 1j * _diagonal_part(xp.imag(mirrored))
    return matmul_kernel(q_grad + matmul_kernel(q, mirrored), adjoint_of(Inverse.derive(r)))


def qr(A: Tensor, mode: str = "reduced", *, out: Any = None) -> Any:
    """Q with orthonormal columns and upper triangular R with Q R = A.

    Args:
        mode: "reduced", "complete" (square Q), or "r" (Q is empty).
    """
    if mode not in ("reduced", "complete", "r"):
        raise OperatorError(
            f"linalg.qr: qr received unrecognized mode '{mode}' but expected one of 'reduced' (default), 'r', or "
            "'complete'"
        )
    a = matrices(A, "linalg.qr", square=False)
    if mode == "r":
        if a._edge is not None:
            raise OperatorError(
                "linalg.qr: The derivative of linalg.qr depends on Q, which is not computed when mode='r'. Please "
                "use mode='reduced' or 'complete'."
            )
        empty = wrap(np.zeros(0, a._array.dtype))
        return into_all(out, results.linalg_qr(empty, wrap(np.linalg.qr(a._array, "r"))), "linalg.qr")
    return into_all(out, results.linalg_qr(*QR.apply(a, mode)), "linalg.qr")


def old_qr(input: Tensor, some: bool = True, *, out: Any = None) -> Any:
    """`linalg.qr` in its old form: `some=False` is mode="complete"."""
    return into_all(out, results.qr(*qr(input, "reduced" if some else "complete")), "qr")


class Eigh(Operator):
    """A = V diag(w) V^H;  dA = V (diag(gw) + (V^H gV) / (w_j - w_i)) V^H."""

    saves = (0,)

    @staticmethod
    def forward(ctx: Any, a: Array, uplo: str) -> Any:
        w, v = _lapack(np.linalg.eigh, "linalg.eigh", a, uplo)
        ctx.uplo, ctx.parts = uplo, (w, v)
        ctx.save(a)
        return w, v

    @staticmethod
    def backward(ctx: Any, w_grad: Array, v_grad: Array) -> Array:
        (a,) = ctx.saved
        w, v = Eigh.derive(a, ctx.uplo) if isinstance(a, TensorBase) else ctx.parts
        middle: Any = 0
        if v_grad is not None:
            projected = matmul_kernel(adjoint_of(v), v_grad)
            middle = projected / _gaps(w)
            middle = middle - _diagonal_part(middle)
        if w_grad is not None:
            middle = middle + w_grad[..., None, :] * np.eye(w.shape[-1], dtype=_real_kind(w))
        middle = middle.astype(_kind_of(v)) if is_complex(v) and not is_complex(middle) else middle
        whole = matmul_kernel(matmul_kernel(v, middle), adjoint_of(v))
        return (whole + adjoint_of(whole)) * 0.5  # torch: the gradient of a Hermitian matrix is Hermitian


def _kind_of(x: Array) -> Any:
    return getattr(x, "_array", x).dtype  # type: ignore[union-attr]


def _gaps(w: Array) -> Array:
    """w[j] - w[i], with 1 on the diagonal."""
    return w[..., None, :] - w[..., :, None] + np.eye(w.shape[-1], dtype=_real_kind(w))


def _check_uplo(uplo: str, name: str) -> str:
    if uplo.upper() not in ("L", "U"):
        raise OperatorError(f"{name}: Expected UPLO argument to be 'L' or 'U', but got {uplo}")
    return uplo.upper()


def eigh(A: Tensor, UPLO: str = "L", *, out: Any = None) -> Any:
    """Eigenvalues, in ascending order, and eigenvectors of Hermitian matrices, of which one triangle is looked at."""
    uplo = _check_uplo(UPLO, "linalg.eigh")
    return into_all(out, results.linalg_eigh(*Eigh.apply(matrices(A, "linalg.eigh"), uplo)), "linalg.eigh")


def eigvalsh(A: Tensor, UPLO: str = "L", *, out: Tensor | None = None) -> Tensor:
    """The eigenvalues of Hermitian matrices, in ascending order."""
    return into(out, eigh(A, UPLO)[0], "linalg.eigvalsh")


class Eig(Operator):
    """A V = V diag(w);  dA = V^-H (diag(gw) + (V^H gV - V^H V diag(Re(V^H gV))) / conj(w_j - w_i)) V^H.

    The eigenvectors have length 1, which the second term of the numerator keeps.
    """

    saves = (0,)

    @staticmethod
    def forward(ctx: Any, a: Array) -> Any:
        w, v = _lapack(np.linalg.eig, "linalg.eig", a)
        kind = np.complex64 if a.dtype in (np.float32, np.complex64) else np.complex128
        ctx.parts = w.astype(kind), v.astype(kind)
        ctx.real = not is_complex(a)
        ctx.save(a)
        return ctx.parts

    @staticmethod
    def backward(ctx: Any, w_grad: Array, v_grad: Array) -> Array:
        (a,) = ctx.saved
        w, v = Eig.derive(a) if isinstance(a, TensorBase) else ctx.parts
        one = np.eye(w.shape[-1], dtype=_kind_of(w))
        vh = adjoint_of(v)
        middle = xp.zeros_like(v) if w_grad is None else w_grad[..., None, :] * one
        if v_grad is not None:
            projected = matmul_kernel(vh, v_grad)
            kept = matmul_kernel(vh, v) * xp.real((projected * one).sum(axis=-2))[..., None, :]
            gaps = xp.conj(w[..., None, :] - w[..., :, None]) + one
            middle = middle + (projected - kept) / gaps * (1 - one)
        dx = Solve.derive(vh, matmul_kernel(middle, vh))
        return xp.real(dx) if ctx.real else dx


def eig(A: Tensor, *, out: Any = None) -> Any:
    """Eigenvalues and eigenvectors (complex) of square matrices."""
    return into_all(out, results.linalg_eig(*Eig.apply(matrices(A, "linalg.eig"))), "linalg.eig")


def eigvals(A: Tensor, *, out: Tensor | None = None) -> Tensor:
    """The eigenvalues (complex) of square matrices."""
    return into(out, eig(A)[0], "linalg.eigvals")


class SVD(Operator):
    """A = U diag(s) V^H, reduced.

    With E_ij = s_j^2 - s_i^2 and the skew parts Ju of U^H gU, Jv of V^H gV:
        dA = U ((Ju / E) S + S (Jv / E) + diag(gs)) V^H + (I - U U^H) gU S^-1 V^H + U S^-1 gVh (I - V V^H)
    """

    saves = (0,)

    @staticmethod
    def forward(ctx: Any, a: Array) -> Any:
        ctx.parts = _lapack(np.linalg.svd, "linalg.svd", a, full_matrices=False)
        ctx.parts = tuple(ctx.parts)
        ctx.save(a)
        return ctx.parts

    @staticmethod
    def backward(ctx: Any, u_grad: Array, s_grad: Array, vh_grad: Array) -> Array:
        (a,) = ctx.saved
        u, s, vh = SVD.derive(a) if isinstance(a, TensorBase) else ctx.parts
        k, (m, n) = s.shape[-1], a.shape[-2:]
        one = np.eye(k, dtype=_real_kind(s))
        middle: Any = 0 if s_grad is None else s_grad[..., None, :] * one
        square = s * s
        gaps = square[..., None, :] - square[..., :, None] + one
        rest: Any = 0
        if u_grad is not None:
            skew = _skew(matmul_kernel(adjoint_of(u), u_grad)) / gaps * (1 - one)
            middle = middle + skew * s[..., None, :]
            if m > k:
                scaled = u_grad / s[..., None, :]
                rest = rest + matmul_kernel(scaled - matmul_kernel(u, matmul_kernel(adjoint_of(u), scaled)), vh)
        if vh_grad is not None:
            v_grad, v = adjoint_of(vh_grad), adjoint_of(vh)
            skew = _skew(matmul_kernel(vh, v_grad)) / gaps * (1 - one)
            middle = middle + s[..., :, None] * skew
            if n > k:
                scaled = vh_grad / s[..., :, None]
                rest = rest + matmul_kernel(u, scaled - matmul_kernel(matmul_kernel(scaled, v), vh))
        if is_complex(u):
            middle = middle + _phase_gradient(u, s, u_grad, one)
        middle = middle.astype(_kind_of(u)) if is_complex(u) and not is_complex(middle) else middle
        return matmul_kernel(matmul_kernel(u, middle), vh) + rest


def _skew(x: Array) -> Array:
    return x - adjoint_of(x)


def _phase_gradient(u: Array, s: Array, u_grad: Array, one: Array) -> Any:
    """Complex singular vectors are free up to a phase, which the diagonal of U^H gU tells."""
    if u_grad is None:
        return 0
    turn = xp.imag((matmul_kernel(adjoint_of(u), u_grad) * one).sum(axis=-2))
    return 1j * (turn / s)[..., None, :] * one


def svd(A: Tensor, full_matrices: bool = True, *, driver: str | None = None, out: Any = None) -> Any:
    """U, the singular values in descending order, and V^H, with U diag(S) V^H = A.

    Args:
        full_matrices: square U and V^H; only the first columns (rows) have a gradient.
        driver: accepted only as None: it names a routine of CUDA's library.
    """
    if driver is not None:
        raise OperatorError(
            "linalg.svd: keyword argument `driver=` is only supported on CUDA inputs with cuSOLVER backend."
        )
    a = matrices(A, "linalg.svd", square=False)
    u, s, vh = SVD.apply(a)
    if full_matrices:
        u, vh = _completed(a, u, vh)
    return into_all(out, results.linalg_svd(u, s, vh), "linalg.svd")


def _completed(a: Tensor, u: Tensor, vh: Tensor) -> tuple[Tensor, Tensor]:
    """U and V^H with the columns and rows added that make them square."""
    m, n = a._array.shape[-2:]
    k = min(m, n)
    if m == n:
        return u, vh
    full_u, _, full_vh = np.linalg.svd(a._array)
    if m > k:
        u = cat([u, wrap(full_u[..., k:])], -1)
    if n > k:
        vh = cat([vh, wrap(full_vh[..., k:, :])], -2)
    return u, vh


def old_svd(input: Tensor, some: bool = True, compute_uv: bool = True, *, out: Any = None) -> Any:
    """`linalg.svd` in its old form: V instead of V^H, and `some` for the reduced one."""
    u, s, vh = svd(input, not some)
    if not compute_uv:
        m, n = input._array.shape[-2:]
        lead = input._array.shape[:-2]
        u, vh = (wrap(np.zeros((*lead, size, size), input._array.dtype)) for size in (m, n))
    return into_all(out, results.svd(u, s, _conjugate_transpose(vh)), "svd")


def svdvals(A: Tensor, *, driver: str | None = None, out: Tensor | None = None) -> Tensor:
    """The singular values, in descending order."""
    return into(out, svd(A, False, driver=driver)[1], "linalg.svdvals")


def svd_lowrank(
    A: Tensor, q: int | None = 6, niter: int | None = 2, M: Tensor | None = None
) -> tuple[Tensor, Tensor, Tensor]:
    """The first `q` singular values with their vectors: U, S, V.

    torch: PyTorch approximates them by `niter` random subspace iterations; here they are exact, and nothing is drawn.

    Args:
        M: subtracted from A first.
    """
    count = 6 if q is None else q
    a = A if M is None else A - M
    if not 0 <= count <= min(a._array.shape[-2:]):
        raise ArgumentError(
            f"svd_lowrank: q(={count}) must be non-negative integer and not greater than min(m, "
            f"n)={min(a._array.shape[-2:])}"
        )
    u, s, vh = svd(a, False)
    return u[..., :count], s[..., :count], _conjugate_transpose(vh)[..., :count]


def pca_lowrank(A: Tensor, q: int | None = None, center: bool = True, niter: int = 2) -> tuple[Tensor, Tensor, Tensor]:
    """`svd_lowrank` of A with its columns' means taken off (unless `center=False`)."""
    m, n = A._array.shape[-2:]
    count = min(6, m, n) if q is None else q
    if not 0 <= count <= min(m, n):
        raise ArgumentError(
            f"pca_lowrank: q(={count}) must be non-negative integer and not greater than min(m, n)={min(m, n)}"
        )
    return svd_lowrank(A - A.mean(-2, keepdim=True) if center else A, count, niter)


# ---------------------------------------------------------------------------------------- pseudo-inverse, least squares


class PseudoInverse(Operator):
    """P = A^+;  dA = -P^H g P^H + (I - A P) g^H P P^H + P^H P g^H (I - P A)."""

    saves = (0, OUT)

    @staticmethod
    def forward(ctx: Any, a: Array, cutoff: Array, hermitian: bool) -> Array:
        out = _pseudo_inverse(a, cutoff, hermitian)
        ctx.save(a, out)
        return out

    @staticmethod
    def backward(ctx: Any, grad: Array) -> Array:
        a, p = ctx.saved
        ph, gh = adjoint_of(p), adjoint_of(grad)
        first = matmul_kernel(matmul_kernel(ph, grad), ph)
        left = gh - matmul_kernel(a, matmul_kernel(p, gh))
        right = gh - matmul_kernel(matmul_kernel(gh, p), a)
        return matmul_kernel(left, matmul_kernel(p, ph)) + matmul_kernel(matmul_kernel(ph, p), right) - first


def _pseudo_inverse(a: Array, cutoff: Array, hermitian: bool) -> Array:
    if hermitian:
        w, v = np.linalg.eigh(a)
        keep = np.abs(w) > cutoff[..., None]
        return (v * np.where(keep, 1 / np.where(keep, w, 1), 0)[..., None, :]) @ adjoint_of(v)
    u, s, vh = np.linalg.svd(a, full_matrices=False)
    keep = s > cutoff[..., None]
    return (adjoint_of(vh) * np.where(keep, 1 / np.where(keep, s, 1), 0)[..., None, :]) @ adjoint_of(u)


def _tolerance(a: Array, atol: Any, rtol: Any, hermitian: bool) -> Array:
    """max(atol, rtol * largest singular value); rtol is max(m, n) * eps by default, 0 if only atol is given."""
    size = np.abs(np.linalg.eigvalsh(a)) if hermitian else np.linalg.svd(a, compute_uv=False)
    top = size.max(axis=-1, initial=0)
    atol = None if atol is None else np.asarray(getattr(atol, "_array", atol))
    rtol = None if rtol is None else np.asarray(getattr(rtol, "_array", rtol))
    if rtol is None:
        usual = max(a.shape[-2:]) * np.finfo(top.dtype).eps
        rtol = usual if atol is None else np.where(atol > 0, 0, usual)
    return np.maximum(0 if atol is None else atol, rtol * top)


def pinv(
    A: Tensor,
    *,
    atol: Any = None,
    rtol: Any = None,
    hermitian: bool = False,
    rcond: Any = None,
    out: Tensor | None = None,
) -> Tensor:
    """The Moore-Penrose inverse.

    Args:
        atol, rtol: singular values up to max(atol, rtol * the largest) count as 0. `rcond` is an old name of rtol.
        hermitian: A is Hermitian; eigenvalues are used.
    """
    a = matrices(A, "linalg.pinv", square=hermitian)
    if not a._array.size:
        return into(
            out,
            wrap(np.zeros((*a._array.shape[:-2], a._array.shape[-1], a._array.shape[-2]), a._array.dtype))
            + 0 * _turned(a),
            "linalg.pinv",
        )
    cutoff = _tolerance(a._array, atol, rtol if rcond is None else rcond, hermitian)
    return into(out, PseudoInverse.apply(a, cutoff, hermitian), "linalg.pinv")


def pinverse(input: Tensor, rcond: float = 1e-15) -> Tensor:
    """`linalg.pinv` under its old name."""
    return pinv(input, rtol=rcond)


def lstsq(A: Tensor, B: Tensor, rcond: float | None = None, *, driver: str | None = None) -> Any:
    """X that minimises |A X - B|, with residuals, rank and singular values.

    Args:
        driver: "gelsy" (default), "gels", "gelsd" or "gelss": which of rank and singular values PyTorch returns.
    """
    a = matrices(A, "linalg.lstsq", square=False)
    driver = driver or "gelsy"
    if driver not in ("gels", "gelsy", "gelsd", "gelss"):
        raise OperatorError(
            f"linalg.lstsq: parameter `driver` should be one of (gels, gelsy, gelsd, gelss), got {driver}"
        )
    vector = a._array.ndim - 1 == B._array.ndim and B._array.shape == a._array.shape[:-1]
    b = unsqueeze(B, -1) if vector else B
    if b._array.ndim < 2 or b._array.shape[-2] != a._array.shape[-2]:
        raise ShapeError(
            f"linalg.lstsq: input.size(-2) should match other.size(-2), got {tuple(A.shape)} and {tuple(B.shape)}"
        )
    m, n = a._array.shape[-2:]
    found = matmul(pinv(a, rtol=rcond), b)
    rank = _ranks(a._array, rcond)
    residuals = Constant.apply(np.zeros(0, _real_kind(a)), a, b)
    if m > n and driver != "gelsy" and (rank == n).all():
        far = matmul(a, found) - b
        residuals = (far * far.conj()).real.sum(-2) if is_complex(a._array) else (far * far).sum(-2)
    values = (
        np.linalg.svd(a._array, compute_uv=False)
        if driver in ("gelsd", "gelss")
        else np.zeros(0, residuals._array.dtype)
    )
    known = rank if driver != "gels" else np.zeros(0, np.int64)
    return results.linalg_lstsq(found.squeeze(-1) if vector else found, residuals, wrap(known), wrap(values))


def _ranks(a: Array, rcond: float | None) -> Array:
    s = np.linalg.svd(a, compute_uv=False)
    return np.asarray((s > _tolerance(a, None, rcond, False)[..., None]).sum(-1))


def matrix_rank(
    A: Tensor,
    tol: Any = None,
    hermitian: bool = False,
    *,
    atol: Any = None,
    rtol: Any = None,
    out: Tensor | None = None,
) -> Tensor:
    """How many singular values are above max(atol, rtol * the largest). `tol` is an old name of atol, with rtol 0."""
    a = matrices(A, "linalg.matrix_rank", square=hermitian)._array
    if tol is not None:
        atol, rtol = tol, 0
    size = np.abs(np.linalg.eigvalsh(a)) if hermitian else np.linalg.svd(a, compute_uv=False)
    cutoff = _tolerance(a, atol, rtol, hermitian) if a.size else np.zeros(a.shape[:-2])
    return into(out, wrap(np.asarray((size > cutoff[..., None]).sum(-1))), "linalg.matrix_rank")


# ------------------------------------------------------------------------------------------------------------- norms


def vector_norm(
    x: Tensor, ord: Any = 2, dim: Any = None, keepdim: bool = False, *, dtype: Any = None, out: Tensor | None = None
) -> Tensor:
    """(sum |x|^ord)^(1/ord) over `dim` or all elements; ord may be inf, -inf or 0 (the number of non-zeros)."""
    if dtype is not None:
        x = cast(x, dtypes.as_dtype(dtype))
    if x._array.dtype.kind in "iub":
        raise OperatorError(f"linalg.vector_norm: Expected a floating point or complex tensor as input. Got {x.dtype}")
    axes = tuple(range(x._array.ndim)) if dim is None else wrap_dims(dim, x._array.ndim, "linalg.vector_norm")
    if not all(x._array.shape[a] for a in axes) and (ord < 0 or ord == inf):
        raise OperatorError(
            f"linalg.vector_norm: cannot compute the {ord} norm on an empty dimension because the operation does not "
            "have an identity"
        )
    return into(out, VectorNorm.apply(x, float(ord), axes if x._array.ndim else (), keepdim), "linalg.vector_norm")


def matrix_norm(
    A: Tensor,
    ord: Any = "fro",
    dim: Any = (-2, -1),
    keepdim: bool = False,
    *,
    dtype: Any = None,
    out: Tensor | None = None,
) -> Tensor:
    """A norm of matrices: "fro", "nuc", 1, -1 (columns), inf, -inf (rows), 2, -2 (singular values)."""
    if dtype is not None:
        A = cast(A, dtypes.as_dtype(dtype))
    if A._array.ndim < 2:
        raise ShapeError(
            f"linalg.matrix_norm: The input tensor A must have at least 2 dimensions, got shape {tuple(A.shape)}"
        )
    if A._array.dtype.kind in "iub":
        raise OperatorError(f"linalg.matrix_norm: Expected a floating point or complex tensor as input. Got {A.dtype}")
    if isinstance(dim, int) or len(dim) != 2:
        raise OperatorError(f"linalg.matrix_norm: dim must be a 2-tuple. Got {dim}")
    rows, columns = wrap_dims(tuple(dim), A._array.ndim, "linalg.matrix_norm")
    if ord == "fro":
        return into(out, VectorNorm.apply(A, 2.0, (rows, columns), keepdim), "linalg.matrix_norm")
    if ord in (1, -1, inf, -inf):
        summed, rest = (rows, columns) if abs(ord) == 1 else (columns, rows)
        sums = VectorNorm.apply(A, 1.0, (summed,), True)
        found = sums.amax(rest, True) if ord > 0 else sums.amin(rest, True)
    elif ord in ("nuc", 2, -2):
        values = svdvals(movedim(A, (rows, columns), (-2, -1)))
        found = values.sum(-1) if ord == "nuc" else values.amax(-1) if ord > 0 else values.amin(-1)
        found = _put_back(found, rows, columns)
    else:
        raise OperatorError(f"linalg.matrix_norm: Order {ord} not supported.")
    return into(out, found if keepdim else found.squeeze((rows, columns)), "linalg.matrix_norm")


def _put_back(x: Tensor, rows: int, columns: int) -> Tensor:
    for dim in sorted((rows, columns)):
        x = unsqueeze(x, dim)
    return x


def linalg_norm(
    A: Tensor, ord: Any = None, dim: Any = None, keepdim: bool = False, *, out: Tensor | None = None, dtype: Any = None
) -> Tensor:
    """A vector norm (1-d, or one `dim`), a matrix norm (2-d, or two), or without `ord` the 2-norm of the elements."""
    if dim is None and ord is not None:
        if A._array.ndim not in (1, 2):
            raise OperatorError(
                f"linalg.norm: If dim is not specified but ord is, then input must be 1D or 2D. Got {A.ndim}D."
            )
        dim = (0,) if A._array.ndim == 1 else (0, 1)
    if ord is None:
        return vector_norm(A, 2, dim, keepdim, dtype=dtype, out=out)
    if isinstance(dim, int) or len(dim) == 1:
        if isinstance(ord, str):
            raise OperatorError(f"linalg.norm: order {ord!r} is for matrices; give two dims")
        return vector_norm(A, ord, dim, keepdim, dtype=dtype, out=out)
    return matrix_norm(A, ord, dim, keepdim, dtype=dtype, out=out)


def cond(A: Tensor, p: Any = None, *, out: Tensor | None = None) -> Tensor:
    """The condition number: |A| |A^-1| in the norm `p`, the ratio of extreme singular values for None, 2 and -2."""
    if p in (None, 2, -2):
        values = svdvals(matrices(A, "linalg.cond", square=False))
        high, low = values[..., 0], values[..., -1]
        return into(out, low / high if p == -2 else high / low, "linalg.cond")
    a = matrices(A, "linalg.cond")
    try:
        return into(out, matrix_norm(a, p) * matrix_norm(inv(a), p), "linalg.cond")
    except LinAlgError:
        return into(out, wrap(np.full(a._array.shape[:-2], inf, _real_kind(a))), "linalg.cond")


def vecdot(x: Tensor, y: Tensor, *, dim: int = -1, out: Tensor | None = None) -> Tensor:
    """The sum of conj(x) * y over a dimension."""
    if not (x._array.dtype.kind in "fcV" and y._array.dtype.kind in "fcV"):
        raise OperatorError(
            f"linalg.vecdot: Expected a floating point or complex tensor as input. Got {x.dtype} and {y.dtype}"
        )
    return into(out, ((x.conj() if is_complex(x._array) else x) * y).sum(dim), "linalg.vecdot")


# --------------------------------------------------------------------------------------------- powers and exponentials


def matrix_power(A: Tensor, n: int, *, out: Tensor | None = None) -> Tensor:
    """A multiplied by itself n times, by repeated squaring; negative powers are those of the inverse."""
    a = A
    if a._array.ndim < 2 or a._array.shape[-1] != a._array.shape[-2]:
        raise ShapeError(f"linalg.matrix_power: A must be batches of square matrices, got shape {tuple(A.shape)}")
    if n < 0:
        a, n = inv(a), -n
    if n == 0:
        one = np.broadcast_to(np.eye(a._array.shape[-1], dtype=a._array.dtype), a._array.shape).copy()
        return into(out, Constant.apply(one, a), "linalg.matrix_power")
    found = None
    while True:
        if n % 2:
            found = a if found is None else matmul(found, a)
        n //= 2
        if not n:
            return into(out, found if found is not A else A.clone(), "linalg.matrix_power")  # type: ignore[arg-type]
        a = matmul(a, a)


class MatrixExp(Operator):
    """dA is the upper right block of the exponential of [[A^H, g], [0, A^H]].

    Source: Van Loan 1978; Mathias 1996.
    """

    saves = (0,)

    @staticmethod
    def forward(ctx: Any, a: Array) -> Array:
        ctx.save(a)
        return _matrix_exp(a)

    @staticmethod
    def backward(ctx: Any, grad: Array) -> Array:
        a = adjoint_of(ctx.saved[0])
        n = a.shape[-1]
        top = xp.concatenate([a, grad], axis=-1)
        bottom = xp.concatenate([xp.zeros_like(a), a], axis=-1)
        return MatrixExp.derive(xp.concatenate([top, bottom], axis=-2))[..., :n, n:]


def _matrix_exp(a: Array) -> Array:
    """Scaling and squaring with a Taylor polynomial of degree 18 on the scaled matrix (norm at most 1/2).

    Source: Higham 2005, "The scaling and squaring method for the matrix exponential revisited".
    """
    size = np.abs(a).sum(axis=-2).max(initial=0)
    if not np.isfinite(size):
        return np.full_like(a, np.nan)
    squarings = max(0, int(np.ceil(np.log2(size))) + 1) if size else 0
    wide = a.astype(np.complex128 if is_complex(a) else np.float64) / 2**squarings
    term = total = np.broadcast_to(np.eye(a.shape[-1]), a.shape).astype(wide.dtype)
    for k in range(1, 19):
        term = term @ wide / k
        total = total + term
    for _ in range(squarings):
        total = total @ total
    return total.astype(a.dtype)


def matrix_exp(A: Tensor) -> Tensor:
    """The exponential of square matrices, I + A + A^2 / 2 + …"""
    return MatrixExp.apply(matrices(A, "linalg.matrix_exp"))


# ------------------------------------------------------------------------------------------------------------------ LU


def _pivoted(a: Array, pivot: bool) -> tuple[Array, Array]:
    """The row order of Gaussian elimination with partial pivoting, and LAPACK's pivots (row swaps, counted from 1)."""
    work, (m, n) = a.copy(), a.shape[-2:]
    flat = work.reshape((int(np.prod(a.shape[:-2])), m, n))
    count = min(m, n)
    order = np.tile(np.arange(m), (len(flat), 1))
    pivots = np.tile(np.arange(1, count + 1, dtype=np.int32), (len(flat), 1))
    rows = np.arange(len(flat))
    for k in range(count if pivot else 0):
        best = k + np.abs(flat[:, k:, k]).argmax(axis=1)
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
            column if k == 0 else cat([wrap(np.zeros((*a._array.shape[:-2], k, 1), a._array.dtype)), column], -2)
        )
        rows.append(row if k == 0 else cat([wrap(np.zeros((*a._array.shape[:-2], 1, k), a._array.dtype)), row], -1))
        rest = rest[..., 1:, 1:] - matmul(column[..., 1:, :], row[..., :, 1:])
    if not columns:
        lead = a._array.shape[:-2]
        return wrap(np.zeros((*lead, m, 0), a._array.dtype)), wrap(np.zeros((*lead, 0, n), a._array.dtype))
    return _unit_diagonal(cat(columns, -1)), cat(rows, -2)


def _unit_diagonal(lower: Tensor) -> Tensor:
    """Singular matrices would leave 0 / 1 on the diagonal of L, where there is a 1."""
    one = np.eye(*lower._array.shape[-2:], dtype=lower._array.dtype)
    return lower * wrap(1 - one) + wrap(one)


def _take_rows(a: Tensor, order: Array) -> Tensor:
    return Gather.apply(a, a._array.ndim - 2, np.broadcast_to(order[..., None], a._array.shape))


def _permutation(order: Array, kind: Any) -> Array:
    """P with A = P L U."""
    m = order.shape[-1]
    return (np.arange(m)[:, None] == order[..., None, :]).astype(kind)


def linalg_lu(A: Tensor, *, pivot: bool = True, out: Any = None) -> Any:
    """P, L and U with P L U = A: a permutation, a unit lower and an upper triangular matrix."""
    a = matrices(A, "linalg.lu", square=False)
    order, _ = _pivoted(a._array, pivot)
    lower, upper = _eliminated(_take_rows(a, order))
    p = _permutation(order, a._array.dtype) if pivot else np.zeros(0, a._array.dtype)
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
    return into_all(
        out, results.linalg_lu_factor_ex(packed, wrap(pivots), wrap(np.asarray(info))), "linalg.lu_factor_ex"
    )


def _pack(lower: Tensor, upper: Tensor, m: int, n: int, k: int) -> Tensor:
    strict = tril(lower, -1)
    lead = lower._array.shape[:-2]
    if n > k:
        strict = cat([strict, wrap(np.zeros((*lead, m, n - k), lower._array.dtype))], -1)
    if m > k:
        upper = cat([upper, wrap(np.zeros((*lead, m - k, n), upper._array.dtype))], -2)
    return strict + upper


def lu(A: Tensor, pivot: bool = True, get_infos: bool = False, out: Any = None) -> Any:
    """`linalg.lu_factor` in its old form; with `get_infos` also the info codes."""
    packed, pivots, info = lu_factor_ex(A, pivot=pivot)
    return results.linalg_lu_factor_ex(packed, pivots, info) if get_infos else results.linalg_lu_factor(packed, pivots)


def _order_from(pivots: Array, m: int) -> Array:
    """The row order that LAPACK's swaps lead to."""
    flat = pivots.reshape((int(np.prod(pivots.shape[:-1])), pivots.shape[-1]))
    order = np.tile(np.arange(m), (len(flat), 1))
    for row, swaps in zip(order, flat):
        for k, other in enumerate(swaps - 1):
            row[[k, other]] = row[[other, k]]
    return order.reshape((*pivots.shape[:-1], m))


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
    empty = wrap(np.zeros(0, kind))
    p = wrap(_permutation(_order_from(LU_pivots._array, m), kind)) if unpack_pivots else empty
    lower, upper = empty, empty
    if unpack_data:
        lower = tril(LU_data[..., :k], -1) + wrap(np.eye(m, k, dtype=kind))
        upper = triu(LU_data[..., :k, :])
    return into_all(out, results.lu_unpack(p, lower, upper), "lu_unpack")


def linalg_lu_solve(
    LU: Tensor, pivots: Tensor, B: Tensor, *, left: bool = True, adjoint: bool = False, out: Tensor | None = None
) -> Tensor:
    """X with A X = B, from A's `lu_factor`; `left=False` for X A = B, `adjoint` for A^H."""
    p, lower, upper = lu_unpack(LU, pivots)
    whole = matmul(p, matmul(lower, upper))
    whole = _conjugate_transpose(whole) if adjoint else whole
    return into(out, _matrix_solve(whole, B, left), "linalg.lu_solve")


def lu_solve(b: Tensor, LU_data: Tensor, LU_pivots: Tensor, *, out: Tensor | None = None) -> Tensor:
    """`linalg.lu_solve` in its old form."""
    return linalg_lu_solve(LU_data, LU_pivots, b, out=out)


# ------------------------------------------------------------------------------------------------ Householder vectors


def householder_product(A: Tensor, tau: Tensor, *, out: Tensor | None = None) -> Tensor:
    """The first columns of the product of (I - tau_i v_i v_i^H), with v_i the i-th column below a unit diagonal."""
    a = matrices(A, "linalg.householder_product", square=False)
    m, n = a._array.shape[-2:]
    k = tau._array.shape[-1]
    if n > m or k > n:
        raise ShapeError(
            f"linalg.householder_product: input {tuple(A.shape)} must have at least as many rows as columns and tau "
            f"{tuple(tau.shape)} at most as many elements"
        )
    one = np.broadcast_to(np.eye(m, n, dtype=a._array.dtype), a._array.shape).copy()
    return into(out, _reflect(_columns(a, k), tau, Constant.apply(one, a, tau), False), "linalg.householder_product")


def orgqr(input: Tensor, tau: Tensor, *, out: Tensor | None = None) -> Tensor:
    """`linalg.householder_product` under LAPACK's name."""
    return householder_product(input, tau, out=out)


def _columns(a: Tensor, k: int) -> list[Tensor]:
    """The vectors v_i (…, M, 1) of the elementary reflectors."""
    m = a._array.shape[-2]
    lower = tril(a, -1)[..., :k] + wrap(np.eye(m, k, dtype=a._array.dtype))
    return [lower[..., i : i + 1] for i in range(k)]


def _reflect(vectors: list[Tensor], tau: Tensor, x: Tensor, adjoint: bool) -> Tensor:
    """H_1 H_2 … H_k x, or its adjoint's product with x."""
    steps = list(range(len(vectors)))
    for i in steps if adjoint else reversed(steps):
        v, scale = vectors[i], tau[..., i : i + 1].unsqueeze(-1)
        scale = scale.conj() if adjoint and is_complex(tau._array) else scale
        x = x - scale * matmul(v, matmul(_conjugate_transpose(v), x))
    return x


def ormqr(
    input: Tensor, tau: Tensor, other: Tensor, left: bool = True, transpose: bool = False, *, out: Tensor | None = None
) -> Tensor:
    """Q @ other for the Q of Householder vectors; `left=False` for other @ Q, `transpose` for Q^H."""
    vectors = _columns(matrices(input, "ormqr", square=False), tau._array.shape[-1])
    if left:
        return into(out, _reflect(vectors, tau, other, transpose), "ormqr")
    turned = _reflect(vectors, tau, _conjugate_transpose(other), not transpose)
    return into(out, _conjugate_transpose(turned), "ormqr")


def geqrf(input: Tensor, *, out: Any = None) -> Any:
    """LAPACK's form of a QR decomposition: R above the Householder vectors, and their factors tau."""
    a = matrices(input, "geqrf", square=False)._array
    m, n = a.shape[-2:]
    flat = a.reshape((int(np.prod(input._array.shape[:-2])), m, n))
    packed = np.empty_like(flat)
    tau = np.zeros((len(flat), min(m, n)), a.dtype)
    for i, matrix in enumerate(flat):
        h, t = np.linalg.qr(matrix, "raw")
        packed[i], tau[i] = h.T, t
    return into_all(
        out, results.geqrf(wrap(packed.reshape(a.shape)), wrap(tau.reshape((*a.shape[:-2], min(m, n))))), "geqrf"
    )


# ---------------------------------------------------------------------------------------------------------- statistics


def cov(
    input: Tensor, *, correction: int = 1, fweights: Tensor | None = None, aweights: Tensor | None = None
) -> Tensor:
    """The covariance matrix of variables (rows) over observations (columns).

    Args:
        fweights: how often each observation counts (integers).
        aweights: how much each observation weighs.
    """
    if input._array.ndim > 2:
        raise ShapeError(
            f"cov: cov(): expected input to have two or fewer dimensions but got an input with {input.ndim} dimensions"
        )
    x = input.reshape(1, -1) if input._array.ndim < 2 else input
    x = cast(x, dtypes.get_default_dtype()) if x._array.dtype.kind in "iub" else x
    count: Any = x._array.shape[1]
    weight = _weights(fweights, aweights, x)
    if weight is not None:
        count = weight.sum()
        centre = (x * weight).sum(1, keepdim=True) / count
    else:
        centre = x.sum(1, keepdim=True) / max(count, 1)
    if aweights is not None and correction:
        norm = count - correction * (weight * cast(aweights, x.dtype)).sum() / count
    else:
        norm = count - correction
    far = x - centre
    back = _conjugate_transpose(far if weight is None else far * weight)
    norm = norm.clamp(min=0) if isinstance(norm, TensorBase) else wrap(np.asarray(max(norm, 0), _real_kind(x)))  # type: ignore[attr-defined]
    return (matmul(far, back) / norm).squeeze()


def _weights(fweights: Tensor | None, aweights: Tensor | None, x: Tensor) -> Tensor | None:
    for weights, name, kinds in ((fweights, "fweights", "iu"), (aweights, "aweights", "f")):
        if weights is None:
            continue
        if weights._array.ndim > 1:
            raise ShapeError(
                f"cov: cov(): expected {name} to have one or fewer dimensions but got {name} with {weights.ndim} "
                "dimensions"
            )
        if weights._array.dtype.kind not in kinds:
            raise OperatorError(
                f"cov: cov(): expected {name} to have {'integral' if kinds == 'iu' else 'floating point'} dtype but "
                f"got {weights.dtype}"
            )
        if weights._array.size != x._array.shape[1]:
            raise OperatorError(
                f"cov: cov(): expected {name} to have the same numel as there are observations in the input but got "
                f"{weights.numel()} and {x.shape[1]}"
            )
        if weights._array.size and weights._array.min() < 0:
            raise OperatorError(f"cov: cov(): {name} cannot be negative")
    parts = [cast(w, wrap(np.empty(0, _real_kind(x))).dtype) for w in (fweights, aweights) if w is not None]
    return None if not parts else parts[0] if len(parts) == 1 else parts[0] * parts[1]


def corrcoef(input: Tensor) -> Tensor:
    """The correlation coefficients of variables (rows) over observations (columns)."""
    if input._array.ndim > 2:
        raise ShapeError(
            "corrcoef: corrcoef(): expected input to have two or fewer dimensions but got an input with "
            f"{input.ndim} dimensions"
        )
    c = cov(input)
    if not c._array.ndim:
        return c / c
    spread = diagonal(c).real.sqrt() if is_complex(c._array) else diagonal(c).sqrt()
    return c / spread.unsqueeze(-1) / spread.unsqueeze(-2)


# --------------------------------------------------------------------------------- linalg's own forms of other operator


def linalg_cross(input: Tensor, other: Tensor, *, dim: int = -1, out: Tensor | None = None) -> Tensor:
    """The vector product over a dimension of size 3."""
    return cross(input, other, dim, out=out)


def linalg_diagonal(A: Tensor, *, offset: int = 0, dim1: int = -2, dim2: int = -1) -> Tensor:
    """`diagonal` of the last two dimensions."""
    return diagonal(A, offset, dim1, dim2)


def linalg_vander(x: Tensor, *, N: int | None = None) -> Tensor:
    """The ascending powers of each element, along a new last dimension of size N."""
    count = (x._array.shape or (1,))[-1] if N is None else N
    if count <= 1:
        raise OperatorError(f"linalg.vander: N must be greater than 1, got {count}")
    kept = x if x._array.dtype.kind in "fcV" else cast(x, dtypes.int64)
    kept = kept if kept._array.ndim else reshape(kept, 1)
    return unsqueeze(kept, -1) ** wrap(np.arange(count))
