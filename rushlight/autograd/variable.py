"""`Variable`, PyTorch's wrapper of before version 0.4: tensors have been variables themselves since."""

from __future__ import annotations

import warnings
from typing import Any

from ..errors import DTypeError
from .tape import TensorBase, wrap


class _Variables(type):
    """Makes every tensor an instance of Variable, and calling Variable give a tensor."""

    def __instancecheck__(cls, instance: Any) -> bool:
        return isinstance(instance, TensorBase)

    def __call__(cls, data: Any = None, requires_grad: bool = False, volatile: bool = False) -> Any:
        if volatile:
            warnings.warn(
                "volatile was removed (it is always False); use torch.no_grad()",
                UserWarning,
                stacklevel=2,
            )
        if data is None:
            from ..ops.creation import empty  # ops stand on autograd

            data = empty(0)
        if not isinstance(data, TensorBase):
            raise DTypeError(f"Variable data has to be a tensor, but got {type(data).__name__}")
        variable: Any = wrap(data.detach()._array)  # type: ignore[attr-defined]
        return variable.requires_grad_() if requires_grad else variable


class Variable(metaclass=_Variables):
    """`Variable(tensor)` is a tensor with the same memory that is no part of a graph.

    Args:
        data: the tensor; an empty one if it is left out.
        requires_grad: whether gradients are collected for it.
        volatile: has no meaning any more; warns.

    Raises:
        TypeError: data is no tensor.

    Example:
        >>> x = rushlight.autograd.Variable(rushlight.ones(2), requires_grad=True)
        >>> isinstance(x, rushlight.autograd.Variable), x.requires_grad
        (True, True)
    """
