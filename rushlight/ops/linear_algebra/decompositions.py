"""Cholesky, QR, eigenvalue and singular value decompositions of (batches of) matrices, on NumPy's LAPACK.

Derivatives are written in matrix products, so that they can be differentiated again.

Source of the derivatives: Giles 2008, "Collected matrix derivative results for forward and reverse mode algorithmic
differentiation"; Townsend 2016 for the singular value decomposition.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from ...autograd.tape import OUT, Operator, TensorBase, wrap
from ...errors import ArgumentError, OperatorError, ShapeError
from ...kernels import xp
from .. import results
from ..joining import cat
from ..products import adjoint_of, matmul, matmul_kernel
from ..promotion import all_values, into, is_complex
from ..results import into_all
from ..sampling import randn
from .matrices import conjugate_transpose, diagonal_part, lapack, matrices, real_kind
from .solving import Inverse, Solve, each_or_nan, inv, solved

if TYPE_CHECKING:
    from ...tensor import Tensor

Array = Any


class Cholesky(Operator):
    """A = L L^H, read from A's lower or upper triangle;  dA = L^-H P L^-1 / 2, P the lower triangle of L^H g, mirrored.

    torch: for complex matrices the imaginary part of P's diagonal stays.
    """

    saves = (OUT,)

    @staticmethod
    def forward(ctx: Any, a: Array, upper: bool) -> Array:
        lower = adjoint_of(np.triu(a)) if upper else np.tril(a)
        filled = lower + adjoint_of(np.tril(lower, -1))
        ctx.save(lapack(np.linalg.cholesky, "linalg.cholesky", filled))
        return ctx.saved[0]

    @staticmethod
    def backward(ctx: Any, grad: Array) -> Array:
        (factor,) = ctx.saved
        product = matmul_kernel(adjoint_of(factor), grad)
        middle = xp.tril(product) + adjoint_of(xp.tril(product, -1))
        back = Inverse.derive(factor)
        return matmul_kernel(matmul_kernel(adjoint_of(back), middle), back) * 0.5


def cholesky(A: Tensor, *, upper: bool = False, out: Tensor | None = None) -> Tensor:
    """The lower triangular L with L L^H = A (or its conjugate transpose with `upper`), for Hermitian positive A.

    Raises:
        RuntimeError: a matrix is not positive definite.
    """
    a = matrices(A, "linalg.cholesky")
    lower = Cholesky.apply(a, upper)
    return into(out, conjugate_transpose(lower) if upper else lower, "linalg.cholesky")


def old_cholesky(input: Tensor, upper: bool = False, *, out: Tensor | None = None) -> Tensor:
    """`linalg.cholesky` under its old name."""
    return cholesky(input, upper=upper, out=out)


def cholesky_ex(A: Tensor, *, upper: bool = False, check_errors: bool = False, out: Any = None) -> Any:
    """The Cholesky factor, and for each matrix an info code: not 0 if it is not positive (raised only with
    `check_errors`)."""
    found, info = each_or_nan(matrices(A, "linalg.cholesky_ex")._array, np.linalg.cholesky)
    factor = wrap(found) if info.any() and not check_errors else cholesky(A, upper=upper)
    return into_all(out, results.linalg_cholesky_ex(factor, wrap(info)), "linalg.cholesky_ex")


def _triangle(x: Tensor, upper: bool) -> Tensor:
    """One triangle. torch: the gradient goes to the whole matrix all the same."""
    kept = np.triu(x._array) if upper else np.tril(x._array)
    return x + wrap(kept - x._array) if all_values(kept != x._array).any() else x


def cholesky_inverse(L: Tensor, upper: bool = False, *, out: Tensor | None = None) -> Tensor:
    """The inverse of A from its Cholesky factor."""
    factor = _triangle(matrices(L, "cholesky_inverse"), upper)
    whole = matmul(conjugate_transpose(factor), factor) if upper else matmul(factor, conjugate_transpose(factor))
    return into(out, inv(whole), "cholesky_inverse")


def cholesky_solve(B: Tensor, L: Tensor, upper: bool = False, *, out: Tensor | None = None) -> Tensor:
    """X with A X = B, from A's Cholesky factor."""
    if B._array.ndim < 2 or B._array.shape[-2] != L._array.shape[-1]:
        raise ShapeError(
            f"cholesky_solve: Incompatible matrix sizes for cholesky_solve: each A matrix is {tuple(L.shape)} but "
            f"each b matrix is {tuple(B.shape)}"
        )
    factor = _triangle(matrices(L, "cholesky_solve"), upper)
    factor = conjugate_transpose(factor) if upper else factor
    return into(out, solved(conjugate_transpose(factor), solved(factor, B)), "cholesky_solve")


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
        mirrored = mirrored - 1j * diagonal_part(xp.imag(mirrored))
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
        w, v = lapack(np.linalg.eigh, "linalg.eigh", a, uplo)
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
            middle = middle - diagonal_part(middle)
        if w_grad is not None:
            middle = middle + w_grad[..., None, :] * np.eye(w.shape[-1], dtype=real_kind(w), like=w)
        middle = middle.astype(_kind_of(v)) if is_complex(v) and not is_complex(middle) else middle
        whole = matmul_kernel(matmul_kernel(v, middle), adjoint_of(v))
        return (whole + adjoint_of(whole)) * 0.5  # torch: the gradient of a Hermitian matrix is Hermitian


def _kind_of(x: Array) -> Any:
    return getattr(x, "_array", x).dtype  # type: ignore[union-attr]


def _gaps(w: Array) -> Array:
    """w[j] - w[i], with 1 on the diagonal."""
    return w[..., None, :] - w[..., :, None] + np.eye(w.shape[-1], dtype=real_kind(w), like=w)


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
        w, v = lapack(np.linalg.eig, "linalg.eig", a)
        kind = np.complex64 if a.dtype in (np.float32, np.complex64) else np.complex128
        ctx.parts = w.astype(kind), v.astype(kind)
        ctx.real = not is_complex(a)
        ctx.save(a)
        return ctx.parts

    @staticmethod
    def backward(ctx: Any, w_grad: Array, v_grad: Array) -> Array:
        (a,) = ctx.saved
        w, v = Eig.derive(a) if isinstance(a, TensorBase) else ctx.parts
        one = xp.eye(w.shape[-1], dtype=_kind_of(w), like=w)
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
        ctx.parts = lapack(np.linalg.svd, "linalg.svd", a, full_matrices=False)
        ctx.parts = tuple(ctx.parts)
        ctx.save(a)
        return ctx.parts

    @staticmethod
    def backward(ctx: Any, u_grad: Array, s_grad: Array, vh_grad: Array) -> Array:
        (a,) = ctx.saved
        u, s, vh = SVD.derive(a) if isinstance(a, TensorBase) else ctx.parts
        k, (m, n) = s.shape[-1], a.shape[-2:]
        one = xp.eye(k, dtype=real_kind(s), like=s)
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
    return into_all(out, results.svd(u, s, conjugate_transpose(vh)), "svd")


def svdvals(A: Tensor, *, driver: str | None = None, out: Tensor | None = None) -> Tensor:
    """The singular values, in descending order."""
    return into(out, svd(A, False, driver=driver)[1], "linalg.svdvals")


def _range_basis(A: Tensor, q: int, niter: int, M: Tensor | None) -> Tensor:
    """An orthonormal basis (..., m, q) of nearly the range of A - M, by subspace iteration from random vectors.

    Source: Halko, Martinsson, Tropp 2011, arXiv:0909.4061, algorithm 4.4.
    """

    def times(x: Tensor, adjoint: bool = False) -> Tensor:
        parts = (conjugate_transpose(m) if adjoint else m for m in (A, M) if m is not None)
        products = [matmul(m, x) for m in parts]
        return products[0] if M is None else products[0] - products[1]

    start = randn(A._array.shape[-1], q, dtype=A.dtype)._array
    basis = qr(times(wrap(np.asarray(start, like=A._array))))[0]
    for _ in range(niter):
        basis = qr(times(basis, adjoint=True))[0]
        basis = qr(times(basis))[0]
    return basis


def svd_lowrank(
    A: Tensor, q: int | None = 6, niter: int | None = 2, M: Tensor | None = None
) -> tuple[Tensor, Tensor, Tensor]:
    """About the first `q` singular values with their vectors, U, S, V, of A - M.

    Args:
        niter: random subspace iterations; more of them are more exact.
        M: subtracted from A, and broadcast to it; None for nothing.

    Source: Halko, Martinsson, Tropp 2011, arXiv:0909.4061, algorithm 5.1.
    """
    m, n = A._array.shape[-2:]
    count = 6 if q is None else q
    if not 0 <= count <= min(m, n):
        raise ArgumentError(
            f"svd_lowrank: q(={count}) must be non-negative integer and not greater than min(m, n)={min(m, n)}"
        )
    M = M if M is None else M.broadcast_to(A.shape)
    wide = m < n
    if wide:
        A, M = conjugate_transpose(A), None if M is None else conjugate_transpose(M)
    basis = _range_basis(A, count, 2 if niter is None else niter, M)
    projected = matmul(conjugate_transpose(basis), A)
    projected = projected if M is None else projected - matmul(conjugate_transpose(basis), M)
    u, s, vh = svd(projected, False)
    u, v = matmul(basis, u), conjugate_transpose(vh)
    return (v, s, u) if wide else (u, s, v)


def pca_lowrank(A: Tensor, q: int | None = None, center: bool = True, niter: int = 2) -> tuple[Tensor, Tensor, Tensor]:
    """`svd_lowrank` of A with its columns' means taken off (unless `center=False`)."""
    m, n = A._array.shape[-2:]
    count = min(6, m, n) if q is None else q
    if not 0 <= count <= min(m, n):
        raise ArgumentError(
            f"pca_lowrank: q(={count}) must be non-negative integer and not greater than min(m, n)={min(m, n)}"
        )
    return svd_lowrank(A - A.mean(-2, keepdim=True) if center else A, count, niter)
