"""Powers and exponentials of matrices, and linalg's own forms of other operators."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from ... import dtypes
from ...autograd.tape import Operator, TensorBase, wrap
from ...errors import OperatorError, ShapeError
from ...kernels import xp
from ..conversion import Constant
from ..products import adjoint_of, cross, matmul
from ..promotion import cast, into, is_complex, is_half
from ..shape import reshape, unsqueeze
from ..strided import diagonal
from .matrices import matrices
from .solving import inv

if TYPE_CHECKING:
    from ...tensor import Tensor

Array = Any


# --------------------------------------------------------------------------------------------- powers and exponentials


def matrix_power(A: Tensor, n: int, *, out: Tensor | None = None) -> Tensor:
    """A multiplied by itself n times, by repeated squaring; negative powers are those of the inverse."""
    a = A
    if a._array.ndim < 2 or a._array.shape[-1] != a._array.shape[-2]:
        raise ShapeError(f"linalg.matrix_power: A must be batches of square matrices, got shape {tuple(A.shape)}")
    if n < 0:
        a, n = inv(a), -n
    if n == 0:
        one = np.broadcast_to(np.eye(a._array.shape[-1], dtype=a._array.dtype, like=a._array), a._array.shape).copy()
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
    term = total = np.broadcast_to(np.eye(a.shape[-1], like=a), a.shape).astype(wide.dtype)
    for k in range(1, 19):
        term = term @ wide / k
        total = total + term
    for _ in range(squarings):
        total = total @ total
    return total.astype(a.dtype)


def matrix_exp(A: Tensor) -> Tensor:
    """The exponential of square matrices, I + A + A^2 / 2 + …"""
    if isinstance(A, TensorBase) and is_half(A):
        return cast(matrix_exp(cast(A, dtypes.float32)), A.dtype)
    return MatrixExp.apply(matrices(A, "linalg.matrix_exp"))


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
    return unsqueeze(kept, -1) ** wrap(np.arange(count, like=x._array))
