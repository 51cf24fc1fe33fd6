"""The largest or smallest eigenvalues of symmetric matrices, under the name of an iterative method: `lobpcg`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ...errors import ArgumentError, UnsupportedError
from .decompositions import cholesky, eigh
from .matrices import conjugate_transpose
from .solving import solve_triangular

if TYPE_CHECKING:
    from ...tensor import Tensor


def lobpcg(
    A: Tensor,
    k: int | None = None,
    B: Tensor | None = None,
    X: Tensor | None = None,
    n: int | None = None,
    iK: Tensor | None = None,
    niter: int | None = None,
    tol: float | None = None,
    largest: bool | None = None,
    method: str | None = None,
    tracker: Any = None,
    ortho_iparams: dict[str, int] | None = None,
    ortho_fparams: dict[str, float] | None = None,
    ortho_bparams: dict[str, bool] | None = None,
) -> tuple[Tensor, Tensor]:
    """The k extreme eigenvalues of A x = w B x, and their vectors (columns with x^T B x = 1).

    Computed whole, by `linalg.eigh`: what steers PyTorch's iteration (X but for its number of columns, iK, niter, tol,
    method and the orthogonalisation) has no influence, and the result is what the iteration tends to.

    Args:
        A: (*, m, m), symmetric; B alike and positive definite, None for the identity.
        k: how many; None is the number of X's columns, or 1.
        largest: the largest (None, True), first the largest, or the smallest, first the smallest.

    Raises:
        ValueError: m < 3 k, as in PyTorch.
        NotImplementedError: a tracker, which would watch the iteration.
    """
    if tracker is not None:
        raise UnsupportedError("lobpcg: a tracker watches PyTorch's iteration, which does not run here")
    m = A.shape[-1]
    count = (1 if X is None else X.shape[-1]) if k is None else k
    if m < 3 * count:
        raise ArgumentError(
            f"LPBPCG algorithm is not applicable when the number of A rows (={m}) is smaller than 3 x the number of "
            f"requested eigenpairs (={count})"
        )
    values, vectors = _generalized(A, B)
    order = slice(None, count) if largest is False else slice(m - count, None)
    values, vectors = values[..., order], vectors[..., order]
    return (values, vectors) if largest is False else (values.flip(-1), vectors.flip(-1))


def _generalized(a: Any, b: Any) -> tuple[Any, Any]:
    """A x = w L L^T x is L^-1 A L^-T y = w y with y = L^T x."""
    if b is None:
        found = eigh(a)
        return found[0], found[1]
    lower = cholesky(b)
    half = solve_triangular(lower, a, upper=False)
    values, y = eigh(conjugate_transpose(solve_triangular(lower, conjugate_transpose(half), upper=False)))
    return values, solve_triangular(conjugate_transpose(lower), y, upper=True)
