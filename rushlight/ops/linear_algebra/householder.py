"""Products of Householder reflections: the packed form of QR that LAPACK works in."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from ...autograd.tape import wrap
from ...errors import ShapeError
from .. import results
from ..conversion import Beside, Constant
from ..joining import tril
from ..products import matmul
from ..promotion import into, is_complex
from ..results import into_all
from .matrices import conjugate_transpose, matrices

if TYPE_CHECKING:
    from ...tensor import Tensor


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
    one = np.broadcast_to(np.eye(m, n, dtype=a._array.dtype, like=a._array), a._array.shape).copy()
    return into(out, _reflect(_columns(a, k), tau, Constant.apply(one, a, tau), False), "linalg.householder_product")


def orgqr(input: Tensor, tau: Tensor, *, out: Tensor | None = None) -> Tensor:
    """`linalg.householder_product` under LAPACK's name."""
    return householder_product(input, tau, out=out)


def _columns(a: Tensor, k: int) -> list[Tensor]:
    """The vectors v_i (…, M, 1) of the elementary reflectors."""
    m = a._array.shape[-2]
    lower = tril(a, -1)[..., :k] + wrap(np.eye(m, k, dtype=a._array.dtype, like=a._array))
    return [lower[..., i : i + 1] for i in range(k)]


def _reflect(vectors: list[Tensor], tau: Tensor, x: Tensor, adjoint: bool) -> Tensor:
    """H_1 H_2 … H_k x, or its adjoint's product with x."""
    steps = list(range(len(vectors)))
    for i in steps if adjoint else reversed(steps):
        v, scale = vectors[i], tau[..., i : i + 1].unsqueeze(-1)
        scale = scale.conj() if adjoint and is_complex(tau._array) else scale
        x = x - scale * matmul(v, matmul(conjugate_transpose(v), x))
    return x


def ormqr(
    input: Tensor, tau: Tensor, other: Tensor, left: bool = True, transpose: bool = False, *, out: Tensor | None = None
) -> Tensor:
    """Q @ other for the Q of Householder vectors; `left=False` for other @ Q, `transpose` for Q^H."""
    vectors = _columns(matrices(input, "ormqr", square=False), tau._array.shape[-1])
    if not vectors or not other._array.size:
        return into(out, Beside.apply(other, input, tau), "ormqr")
    if left:
        return into(out, _reflect(vectors, tau, other, transpose), "ormqr")
    turned = _reflect(vectors, tau, conjugate_transpose(other), not transpose)
    return into(out, conjugate_transpose(turned), "ormqr")


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
