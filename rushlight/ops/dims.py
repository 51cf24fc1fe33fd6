"""Dimensions and sizes as arguments: negative ones counted from the end, wrong ones refused."""

from __future__ import annotations

from typing import Any

from ..errors import OperatorError, RangeError


def wrap_dim(dim: int, ndim: int, name: str) -> int:
    """A dimension counted from the front; 0-d tensors accept 0 and -1, as in PyTorch.

    Raises:
        IndexError: outside [-ndim, ndim).
    """
    size = ndim or 1
    if not -size <= dim < size:
        raise RangeError(
            f"{name}: Dimension out of range (expected to be in range of [{-size}, {size - 1}], but got {dim})"
        )
    return dim if dim >= 0 else dim + size


def wrap_dims(dims: Any, ndim: int, name: str) -> tuple[int, ...]:
    """Several dimensions (or one), counted from the front, none twice."""
    dims = (dims,) if isinstance(dims, int) else dims
    found = tuple(wrap_dim(d, ndim, name) for d in dims)
    if len(set(found)) != len(found):
        raise OperatorError(f"{name}: dim {found[-1]} appears multiple times in the list of dims {list(dims)}")
    return found


def sizes(shape: tuple[Any, ...]) -> tuple[int, ...]:
    """`f(2, 3)` and `f((2, 3))` mean the same."""
    if len(shape) == 1 and not hasattr(shape[0], "__index__"):
        shape = tuple(shape[0])
    for n in shape:
        if type(n) is not int:
            return tuple([int(n) for n in shape])
    return shape
