"""Pseudo-inverse, least squares and rank: what is decided by singular values above a tolerance.

Source: Golub, Pereyra 1973 for the derivative of the pseudo-inverse.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from ...autograd.tape import OUT, Operator, wrap
from ...errors import OperatorError, ShapeError
from .. import results
from ..conversion import Beside, Constant
from ..products import adjoint_of, matmul, matmul_kernel
from ..promotion import into, is_complex
from ..shape import unsqueeze
from .matrices import matrices, real_kind
from .solving import turned

if TYPE_CHECKING:
    from ...tensor import Tensor

Array = Any


class PseudoInverse(Operator):
    """P = A^+;  dA = -P^H g P^H + (I - A P) g^H P P^H + P^H P g^H (I - P A)."""

    saves = (0, OUT)
    curved = True

    @staticmethod
    def forward(ctx: Any, a: Array, atol: Any, rtol: Any, hermitian: bool) -> Array:
        out = _pseudo_inverse(a, atol, rtol, hermitian)
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


def _pseudo_inverse(a: Array, atol: Any, rtol: Any, hermitian: bool) -> Array:
    if hermitian:
        w, v = np.linalg.eigh(a)
        keep = np.abs(w) > _cutoff(np.abs(w), a.shape, atol, rtol)[..., None]
        return (v * np.where(keep, 1 / np.where(keep, w, 1), 0)[..., None, :]) @ adjoint_of(v)
    u, s, vh = np.linalg.svd(a, full_matrices=False)
    keep = s > _cutoff(s, a.shape, atol, rtol)[..., None]
    return (adjoint_of(vh) * np.where(keep, 1 / np.where(keep, s, 1), 0)[..., None, :]) @ adjoint_of(u)


def _tolerance(a: Array, atol: Any, rtol: Any, hermitian: bool) -> Array:
    size = np.abs(np.linalg.eigvalsh(a)) if hermitian else np.linalg.svd(a, compute_uv=False)
    return _cutoff(size, a.shape, atol, rtol)


def _cutoff(size: Array, shape: tuple[int, ...], atol: Any, rtol: Any) -> Array:
    """max(atol, rtol * the largest of `size`); rtol is max(m, n) * eps by default, 0 if only atol is given."""
    top = size.max(axis=-1, initial=0)
    atol = None if atol is None else np.asarray(getattr(atol, "_array", atol))
    rtol = None if rtol is None else np.asarray(getattr(rtol, "_array", rtol))
    if rtol is None:
        usual = max(shape[-2:]) * np.finfo(top.dtype).eps
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
        return into(out, Beside.apply(turned(a) * 0), "linalg.pinv")
    return into(out, PseudoInverse.apply(a, atol, rtol if rcond is None else rcond, hermitian), "linalg.pinv")


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
    residuals = Constant.apply(np.zeros_like(a._array, real_kind(a), shape=(0,)), a, b)
    if m > n and driver != "gelsy" and (rank == n).all():
        far = matmul(a, found) - b
        residuals = (far * far.conj()).real.sum(-2) if is_complex(a._array) else (far * far).sum(-2)
    values = (
        np.linalg.svd(a._array, compute_uv=False)
        if driver in ("gelsd", "gelss")
        else np.zeros_like(residuals._array, shape=(0,))
    )
    known = rank if driver != "gels" else np.zeros_like(rank, shape=(0,))
    return results.linalg_lstsq(found.squeeze(-1) if vector else found, residuals, wrap(known), wrap(values))


def _ranks(a: Array, rcond: float | None) -> Array:
    s = np.linalg.svd(a, compute_uv=False)
    return (s > _tolerance(a, None, rcond, False)[..., None]).sum(-1)


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
    cutoff = _tolerance(a, atol, rtol, hermitian) if a.size else np.zeros_like(size, shape=a.shape[:-2])
    return into(out, wrap((size > cutoff[..., None]).sum(-1)), "linalg.matrix_rank")
