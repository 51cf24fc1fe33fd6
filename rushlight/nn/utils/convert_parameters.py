"""All parameters as one vector, and back."""

from __future__ import annotations

from collections.abc import Iterable

from ...autograd.tape import TensorBase
from ...errors import ShapeError
from ...ops.joining import cat
from ...tensor import Tensor
from ..registry import typename


def parameters_to_vector(parameters: Iterable[Tensor]) -> Tensor:
    """The elements of all parameters, one after the other; gradients flow back to them.

    Example:
        >>> parameters_to_vector([rushlight.ones(2), rushlight.zeros(1, 1)])
        tensor([1., 1., 0.])
    """
    return cat([p.reshape(-1) for p in parameters])


def vector_to_parameters(vec: Tensor, parameters: Iterable[Tensor]) -> None:
    """Makes each parameter a view of its part of `vec`.

    Raises:
        TypeError: vec is not a Tensor. RuntimeError: it has too few elements; nothing is changed then.
    """
    if not isinstance(vec, TensorBase):
        raise TypeError(f"expected torch.Tensor, but got: {typename(vec)}")
    parameters = list(parameters)
    needed = sum(p.numel() for p in parameters)
    if needed > vec.numel():
        raise ShapeError(f"vector_to_parameters: vec has {vec.numel()} elements, the parameters have {needed}")
    start = 0
    for param in parameters:
        param.data = vec[start : start + param.numel()].view_as(param).data
        start += param.numel()
