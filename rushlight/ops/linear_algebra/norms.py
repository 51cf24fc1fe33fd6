"""Norms of vectors and matrices, condition numbers, inner products along a dimension."""

from __future__ import annotations

from math import inf
from typing import TYPE_CHECKING, Any

import numpy as np

from ... import dtypes
from ...autograd.tape import wrap
from ...errors import LinAlgError, OperatorError, ShapeError
from ..dims import wrap_dims
from ..promotion import cast, into, is_complex
from ..shape import movedim, unsqueeze
from ..spread import VectorNorm
from .decompositions import svdvals
from .matrices import matrices, real_kind
from .solving import inv

if TYPE_CHECKING:
    from ...tensor import Tensor


def vector_norm(
    x: Tensor, ord: Any = 2, dim: Any = None, keepdim: bool = False, *, dtype: Any = None, out: Tensor | None = None
) -> Tensor:
    """(sum |x|^ord)^(1/ord) over `dim` or all elements; ord may be inf, -inf or 0 (the number of non-zeros)."""
    if dtype is not None:
        x = cast(x, dtypes.as_dtype(dtype))
    if x._array.dtype.kind in "iub":
        raise OperatorError(f"linalg.vector_norm: Expected a floating point or complex tensor as input. Got {x.dtype}")
    every = dim is None or not x._array.ndim
    axes = tuple(range(x._array.ndim)) if every else wrap_dims(dim, x._array.ndim, "linalg.vector_norm")
    if not all(x._array.shape[a] for a in axes) and (ord < 0 or ord == inf):
        raise OperatorError(
            f"linalg.vector_norm: cannot compute the {ord} norm on an empty dimension because the operation does not "
            "have an identity"
        )
    return into(out, VectorNorm.apply(x, float(ord), axes, keepdim), "linalg.vector_norm")


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
        if not values.shape[-1]:  # torch: of nothing it is 0
            return into(out, values.sum(-1), "linalg.cond")
        high, low = values[..., 0], values[..., -1]
        return into(out, low / high if p == -2 else high / low, "linalg.cond")
    a = matrices(A, "linalg.cond")
    try:
        return into(out, matrix_norm(a, p) * matrix_norm(inv(a), p), "linalg.cond")
    except LinAlgError:
        return into(out, wrap(np.full(a._array.shape[:-2], inf, real_kind(a))), "linalg.cond")


def vecdot(x: Tensor, y: Tensor, *, dim: int = -1, out: Tensor | None = None) -> Tensor:
    """The sum of conj(x) * y over a dimension."""
    if not (x._array.dtype.kind in "fcV" and y._array.dtype.kind in "fcV"):
        raise OperatorError(
            f"linalg.vecdot: Expected a floating point or complex tensor as input. Got {x.dtype} and {y.dtype}"
        )
    return into(out, ((x.conj() if is_complex(x._array) else x) * y).sum(dim), "linalg.vecdot")
