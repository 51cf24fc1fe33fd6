"""What all of linear algebra asks of its arguments, and the call to NumPy's LAPACK. Throughout the package, A^H is the
conjugate transpose."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from ... import dtypes
from ...autograd.tape import TensorBase
from ...errors import LinAlgError, OperatorError, ShapeError
from ..products import adjoint_of
from ..promotion import not_a_tensor

if TYPE_CHECKING:
    from ...tensor import Tensor

Array = Any


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


def lapack(function: Any, name: str, *args: Any, **options: Any) -> Any:
    """A call of NumPy's LAPACK, its failure told in PyTorch's class."""
    try:
        return function(*args, **options)
    except np.linalg.LinAlgError as why:
        raise LinAlgError(f"{name}: {why}") from None


def diagonal_part(x: Array) -> Array:
    """x with everything off the diagonal zero."""
    return x * np.eye(x.shape[-1], dtype=real_kind(x), like=x)


def real_kind(x: Array) -> Any:
    kind = getattr(x, "_array", x).dtype  # type: ignore[union-attr]
    return np.empty(0, kind).real.dtype


def conjugate_transpose(x: Tensor) -> Tensor:
    return adjoint_of(x)
