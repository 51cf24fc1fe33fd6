"""Changing the shape of a tensor in place: `t_`, `squeeze_` and their kin make it a view of what it was; `resize_`
and `set_` give it other memory."""

from __future__ import annotations

from collections.abc import Callable
from math import prod as product
from typing import TYPE_CHECKING, Any

import numpy as np

from ..autograd.in_place import become_view, check_writable
from ..errors import OperatorError
from . import dims, shape, strided

if TYPE_CHECKING:
    from ..tensor import Tensor


def _viewing(function: Callable[..., Any]) -> Callable[..., Any]:
    """The in-place form of a view operator."""

    def method(input: Tensor, *args: Any, **kwargs: Any) -> Tensor:
        check_writable(input)
        become_view(input, function(input, *args, **kwargs))
        return input

    method.__name__ = function.__name__ + "_"
    method.__doc__ = f"In-place version of `{function.__name__}`: the tensor becomes that view of itself."
    return method


t_ = _viewing(shape.t)
transpose_ = _viewing(shape.transpose)
swapaxes_ = _viewing(shape.swapaxes)
swapdims_ = _viewing(shape.swapdims)
squeeze_ = _viewing(shape.squeeze)
unsqueeze_ = _viewing(shape.unsqueeze)
as_strided_ = _viewing(strided.as_strided)


def resize_(input: Tensor, *sizes: Any, memory_format: Any = None) -> Tensor:
    """Another shape, in place: the elements stay in order, those added are uninitialised.

    Raises:
        RuntimeError: the tensor requires grad.
    """
    if input._edge is not None:
        raise OperatorError("resize_: cannot resize variables that require grad")
    wanted = dims.sizes(sizes)
    flat = np.empty(product(wanted), input._array.dtype)
    kept = min(flat.size, input._array.size)
    flat[:kept] = input._array.reshape(-1)[:kept]
    if input._array.shape != wanted:
        input._array = flat.reshape(wanted)
        input._base = None
    return input


def resize_as_(input: Tensor, the_template: Tensor, *, memory_format: Any = None) -> Tensor:
    """`input.resize_(the_template.shape)`."""
    return resize_(input, the_template._array.shape, memory_format=memory_format)


def set_(input: Tensor, source: Tensor) -> Tensor:
    """The tensor takes the memory, shape and strides of `source`."""
    check_writable(input)
    if input._array.dtype != source._array.dtype:
        raise OperatorError(f"set_: Could not set tensor of type {source.dtype} to a tensor of type {input.dtype}")
    input._array, input._base = source._array, None
    return input
