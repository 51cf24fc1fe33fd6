"""All parameters as one vector, and back."""

from __future__ import annotations

from collections.abc import Iterable
from math import prod
from typing import Any

from ...autograd.tape import TensorBase
from ...errors import DTypeError, ShapeError
from ...ops import cat


def parameters_to_vector(parameters: Iterable[Any]) -> Any:
    """The parameters flattened and joined; gradients flow back to each.

    Example:
        >>> parameters_to_vector([rushlight.ones(2, 2), rushlight.zeros(1)])
        tensor([1., 1., 1., 1., 0.])
    """
    return cat([p.reshape(-1) for p in parameters])


def vector_to_parameters(vec: Any, parameters: Iterable[Any]) -> None:
    """Gives each parameter its part of the vector, in the order of `parameters_to_vector`.

    Raises:
        TypeError: `vec` is no Tensor. RuntimeError: it is too short; nothing is changed then.
    """
    if not isinstance(vec, TensorBase):
        raise DTypeError(f"expected torch.Tensor, but got: {type(vec).__name__}")
    parameters = list(parameters)
    wanted, have = sum(prod(p.shape) for p in parameters), prod(vec._array.shape)
    if wanted > have:
        raise ShapeError(
            f"vector_to_parameters: the parameters have {wanted} elements, vec {tuple(vec._array.shape)} has {have}"
        )
    begin = 0
    for p in parameters:
        count = prod(p.shape)
        p.data = vec[begin : begin + count].reshape(p.shape).data  # type: ignore[index]
        begin += count
