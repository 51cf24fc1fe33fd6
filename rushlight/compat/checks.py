"""PyTorch's own assertions, which its compiler can read and libraries therefore use: `torch._check` and its kin."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ..ops import tensor
from ..tensor import Tensor

Message = Callable[[], Any]


def _assert(condition: Any, message: str = "") -> None:
    """Raises AssertionError(message) unless the condition, a bool or a tensor of one element, holds."""
    if not condition:
        raise AssertionError(message)


def _checking(error: type[Exception]) -> Callable[..., None]:
    def check(cond: bool, message: Message | None = None) -> None:
        if not cond:
            told = "Expected cond to be True, but got False" if message is None else str(message())
            raise error(told)

    check.__doc__ = f"Raises {error.__name__}(message()) unless `cond` holds."
    return check


_check = _checking(RuntimeError)
_check_index = _checking(IndexError)
_check_not_implemented = _checking(NotImplementedError)
_check_type = _checking(TypeError)
_check_value = _checking(ValueError)


def _shape_as_tensor(input: Tensor) -> Tensor:
    """The sizes of a tensor as a tensor of int64."""
    return tensor(tuple(input.shape))
