"""Covariance and correlation of the rows of a matrix."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ..autograd.tape import TensorBase, wrap
from ..errors import OperatorError, ShapeError
from .linear_algebra.matrices import conjugate_transpose, real_kind
from .products import matmul
from .promotion import floating, is_complex, number_like
from .strided import diagonal

if TYPE_CHECKING:
    from ..tensor import Tensor


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
    x = floating(x, "cov")
    count: Any = x._array.shape[1]
    weight = _weights(fweights, aweights, x)
    if weight is not None:
        count = weight.sum()
        centre = (x * weight).sum(1, keepdim=True) / count
    else:
        centre = x.sum(1, keepdim=True) / max(count, 1)
    if aweights is not None and correction:
        norm = count - correction * (weight * aweights).sum() / count
    else:
        norm = count - correction
    far = x - centre
    back = conjugate_transpose(far if weight is None else far * weight)
    if isinstance(norm, TensorBase):
        degrees: Any = norm.clamp(min=0)  # type: ignore[attr-defined]
    else:
        degrees = wrap(number_like(max(norm, 0), x._array, real_kind(x)))
    return (matmul(far, back) / degrees).squeeze()


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
    parts = [w for w in (fweights, aweights) if w is not None]
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
