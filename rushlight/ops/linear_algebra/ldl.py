"""LDL decomposition of symmetric or Hermitian matrices that need not be positive, on SciPy's LAPACK."""

from __future__ import annotations

from math import prod as product
from typing import TYPE_CHECKING, Any

import numpy as np

from ...autograd.tape import wrap
from ...errors import LinAlgError, OperatorError, ShapeError, UnsupportedError
from .. import results
from ..promotion import into
from ..results import into_all
from .matrices import matrices

if TYPE_CHECKING:
    from ...tensor import Tensor

Array = Any


def _lapack(name: str, kind: Any, hermitian: bool) -> Any:
    """LAPACK's sytrf or sytrs, or their Hermitian twins, for a dtype."""
    try:
        from scipy.linalg import get_lapack_funcs
    except ImportError:
        raise UnsupportedError(f"linalg.ldl_{name} needs SciPy: pip install scipy") from None
    routine = ("hetr" if hermitian and kind.kind == "c" else "sytr") + {"factor": "f", "solve": "s"}[name]
    return get_lapack_funcs(routine, dtype=kind)


def _each(shape: tuple[int, ...], *arrays: Array) -> Any:
    """The matrices of batches, one after the other; leading dimensions broadcast to `shape`."""
    spread = [np.broadcast_to(a, (*shape, *a.shape[a.ndim - k :])) for a, k in zip(arrays, (2, 1, 2))]
    return zip(*(a.reshape((product(shape), *a.shape[len(shape) :])) for a in spread))


def ldl_factor_ex(A: Tensor, *, hermitian: bool = False, check_errors: bool = False, out: Any = None) -> Any:
    """L and D of A = L D L^T in LAPACK's packed form, its pivots, and for each matrix an info code.

    Args:
        hermitian: A = L D L^H, for complex matrices.
        check_errors: raise where the info code is not 0.
    """
    a = matrices(A, "linalg.ldl_factor_ex")._array
    factor, lead, n = _lapack("factor", a.dtype, hermitian), a.shape[:-2], a.shape[-1]
    packed, pivots = np.zeros_like(a), np.zeros((*lead, n), np.int32)
    info = np.zeros(lead, np.int32)
    count = product(lead) if a.size else 0
    rows = [packed.reshape((product(lead), n, n)), pivots.reshape((product(lead), n)), info.reshape(-1, 1)]
    for _, (matrix,), ld, pivot, code in zip(range(count), _each(lead, a), *rows):
        found, pivot[:], code[0] = factor(matrix, lower=1)
        ld[:] = np.tril(found)
    if check_errors and info.any():
        raise LinAlgError("linalg.ldl_factor_ex: The factorization has been completed, but D is exactly singular.")
    return into_all(out, results.linalg_ldl_factor_ex(wrap(packed), wrap(pivots), wrap(info)), "linalg.ldl_factor_ex")


def ldl_factor(A: Tensor, *, hermitian: bool = False, out: Any = None) -> Any:
    """`ldl_factor_ex` without the info codes."""
    packed, pivots, _ = ldl_factor_ex(A, hermitian=hermitian, check_errors=True)
    return into_all(out, results.linalg_ldl_factor(packed, pivots), "linalg.ldl_factor")


def ldl_solve(LD: Tensor, pivots: Tensor, B: Tensor, *, hermitian: bool = False, out: Tensor | None = None) -> Tensor:
    """X with A X = B, from A's `ldl_factor`."""
    a, b = matrices(LD, "linalg.ldl_solve")._array, matrices(B, "linalg.ldl_solve", square=False)._array
    if pivots._array.dtype.kind not in "iu":
        raise OperatorError(f"linalg.ldl_solve: Expected pivots to be integers. Got {pivots.dtype}")
    if a.shape[-1] != b.shape[-2] or pivots._array.shape != a.shape[:-1]:
        raise ShapeError(
            f"linalg.ldl_solve: LD {a.shape}, pivots {tuple(pivots.shape)} and B {b.shape} do not fit together"
        )
    if a.dtype != b.dtype:
        raise OperatorError(f"linalg.ldl_solve: LD dtype {LD.dtype} does not match b dtype {B.dtype}")
    solve, lead = _lapack("solve", a.dtype, hermitian), np.broadcast_shapes(a.shape[:-2], b.shape[:-2])
    found = np.zeros((*lead, *b.shape[-2:]), b.dtype)
    flat = found.reshape((product(lead), *b.shape[-2:]))
    for x, (ld, pivot, right) in zip(flat if found.size else (), _each(lead, a, pivots._array, b)):
        x[:] = solve(ld, pivot, right, lower=1)[0]
    return into(out, wrap(found), "linalg.ldl_solve")
