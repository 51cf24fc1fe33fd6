"""Shape without arithmetic: reshape, view, transpose, permute, expand, cat, stack, split and their kin.

What can look at the same memory does (class View), as in PyTorch.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ..autograd.tape import Operator, View
from ..errors import RangeError, ShapeError
from ..kernels import xp
from .promotion import unbroadcast

if TYPE_CHECKING:
    from ..tensor import Tensor

Array = Any


def wrap_dim(dim: int, ndim: int, name: str) -> int:
    """A dimension counted from the front; 0-d tensors accept 0 and -1, as in PyTorch.

    Raises:
        IndexError: outside [-ndim, ndim).
    """
    size = max(ndim, 1)
    if not -size <= dim < size:
        raise RangeError(f"{name}: Dimension out of range (expected to be in range of [{-size}, {size - 1}], but got {dim})")
    return dim % size


def sizes(shape: tuple[Any, ...]) -> tuple[int, ...]:
    """`f(2, 3)` and `f((2, 3))` mean the same."""
    if len(shape) == 1 and not hasattr(shape[0], "__index__"):
        shape = tuple(shape[0])
    return tuple(int(n) for n in shape)


class Reshape(View):
    @staticmethod
    def forward(ctx: Any, x: Array, shape: tuple[int, ...]) -> Array:
        ctx.shape = x.shape
        return x.reshape(shape)

    @staticmethod
    def backward(ctx: Any, grad: Array) -> Array:
        return grad.reshape(ctx.shape)


class Permute(View):
    @staticmethod
    def forward(ctx: Any, x: Array, dims: tuple[int, ...]) -> Array:
        ctx.dims = dims
        return xp.transpose(x, dims)

    @staticmethod
    def backward(ctx: Any, grad: Array) -> Array:
        back = [0] * len(ctx.dims)
        for i, dim in enumerate(ctx.dims):
            back[dim] = i
        return xp.transpose(grad, tuple(back))


class Expand(View):
    @staticmethod
    def forward(ctx: Any, x: Array, shape: tuple[int, ...]) -> Array:
        ctx.shape = x.shape
        return xp.broadcast_to(x, shape)

    @staticmethod
    def backward(ctx: Any, grad: Array) -> Array:
        return unbroadcast(grad, ctx.shape)


def reshape(input: Tensor, *shape: Any) -> Tensor:
    """The same elements in another shape; one size may be -1. A view where the memory allows it, else a copy.

    Raises:
        RuntimeError: the number of elements differs.

    Example:
        >>> rushlight.arange(6).reshape(2, -1)
        tensor([[0, 1, 2],
                [3, 4, 5]])
    """
    shape = sizes(shape)
    try:
        return Reshape.apply(input, shape)
    except ValueError:
        raise ShapeError(f"reshape: shape {list(shape)} is invalid for input of size {input.numel()} (shape {tuple(input.shape)})") from None


def permute(input: Tensor, *dims: Any) -> Tensor:
    """A view with the dimensions in the order `dims`.

    Raises:
        RuntimeError: `dims` is not a permutation of the tensor's dimensions.
    """
    dims = sizes(dims)
    ndim = input.ndim
    if len(dims) != ndim:
        raise ShapeError(f"permute: input has {ndim} dimensions (shape {tuple(input.shape)}), dims {dims} name {len(dims)}")
    order = tuple(wrap_dim(d, ndim, "permute") for d in dims)
    if len(set(order)) != ndim:
        raise ShapeError(f"permute: dims {dims} name a dimension twice")
    return Permute.apply(input, order)


def transpose(input: Tensor, dim0: int, dim1: int) -> Tensor:
    """A view with two dimensions swapped."""
    ndim = input._array.ndim
    a, b = wrap_dim(dim0, ndim, "transpose"), wrap_dim(dim1, ndim, "transpose")
    order = list(range(ndim))
    if ndim:
        order[a], order[b] = b, a
    return Permute.apply(input, tuple(order))


def expand(input: Tensor, *sizes_: Any) -> Tensor:
    """A view in which sizes of 1 (and new leading dimensions) are repeated; -1 keeps a size.

    Raises:
        RuntimeError: a size other than 1 would change.
    """
    shape = sizes(sizes_)
    lead = len(shape) - input.ndim
    full = tuple(input.shape[i - lead] if n == -1 and i >= lead else n for i, n in enumerate(shape))
    try:
        return Expand.apply(input, full)
    except ValueError:
        raise ShapeError(
            f"expand: The expanded size of the tensor {shape} must match the existing size {tuple(input.shape)} at non-singleton dimensions"
        ) from None
