"""Methods of Tensors that few programs call: exchange with other libraries, and what PyTorch keeps for old programs."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, NoReturn

import numpy as np

from .autograd.tape import owner
from .errors import OperatorError, ShapeError, UnsupportedError

if TYPE_CHECKING:
    from .tensor import Tensor


class RareMethods:
    """The part of Tensor that is seldom asked for."""

    def __dlpack__(self: Tensor, *, stream: Any = None, max_version: Any = None, **options: Any) -> Any:  # type: ignore[misc]
        """What another library's `from_dlpack` reads: the memory, shared."""
        if self.requires_grad:
            raise BufferError("Can't export tensors that require gradient, use tensor.detach()")
        if self.is_cuda:
            return self._array.__dlpack__(stream=stream, max_version=max_version)
        array = self.numpy()
        array = array if array.flags.writeable or max_version else array.copy()
        return array.__dlpack__()

    def __dlpack_device__(self: Tensor) -> tuple[int, int]:  # type: ignore[misc]
        """(kind, number) of the device; 1 is the CPU, 2 a GPU."""
        return (2, self.get_device()) if self.is_cuda else (1, 0)

    def __reversed__(self: Tensor) -> Tensor:  # type: ignore[misc]
        """The tensor with its first dimension flipped."""
        return self.flip(0) if self.ndim else self

    def dim_order(self: Tensor) -> tuple[int, ...]:  # type: ignore[misc]
        """The dimensions from the outermost in memory to the innermost."""
        return tuple(sorted(range(self.ndim), key=lambda d: -self.stride(d)))

    def const_data_ptr(self: Tensor) -> int:  # type: ignore[misc]
        """`data_ptr`, for who only reads."""
        return int(self.data_ptr())

    def is_same_size(self: Tensor, other: Tensor) -> bool:  # type: ignore[misc]
        """Whether the shapes are equal."""
        return bool(self.shape == other.shape)

    def is_set_to(self: Tensor, tensor: Tensor) -> bool:  # type: ignore[misc]
        """Whether both are the same elements of the same memory."""
        same = self.shape == tensor.shape and self.stride() == tensor.stride()
        return same and owner(self._array) is owner(tensor._array) and self.data_ptr() == tensor.data_ptr()

    def module_load(self: Tensor, other: Tensor, assign: bool = False) -> Tensor:  # type: ignore[misc]
        """What stands for this parameter after `other` is loaded into it: `other` if assign, else this, overwritten."""
        return other.detach() if assign else self.copy_(other).detach()

    def storage_type(self: Tensor) -> Any:  # type: ignore[misc]
        """The class of `storage()`."""
        return type(self.storage())

    def map2_(self: Tensor, x: Tensor, y: Tensor, callable: Callable[[Any, Any, Any], Any]) -> Tensor:  # type: ignore[misc]
        """Replaces each element by callable(element, x's, y's): one Python call per element."""
        self._refuse_recorded("map2_")
        others = [other.expand_as(self).ravel().tolist() for other in (x, y)]
        made = [callable(*three) for three in zip(self.ravel().tolist(), *others)]
        self._array[...] = np.reshape(made, self._array.shape)
        return self

    def resize(self: Tensor, *sizes: Any) -> Tensor:  # type: ignore[misc]
        """`reshape` under the name that PyTorch no longer recommends: the number of elements stays."""
        warnings.warn("non-inplace resize is deprecated", UserWarning, stacklevel=2)
        shape = tuple(sizes[0]) if len(sizes) == 1 and not isinstance(sizes[0], int) else sizes
        if int(np.prod(shape, dtype=np.int64)) != self.numel():
            raise ShapeError(f"requested resize to {shape} ({self.numel()} elements in total)")
        return self.reshape(shape)

    def resize_as(self: Tensor, tensor: Tensor) -> Tensor:  # type: ignore[misc]
        """`resize` to another tensor's shape."""
        return self.resize(tensor.shape)

    def reinforce(self, *args: Any) -> NoReturn:
        """Gone from PyTorch, too."""
        raise OperatorError("reinforce() was removed. Use torch.distributions instead.")

    def record_stream(self, stream: Any) -> NoReturn:
        """For GPUs."""
        raise UnsupportedError("record_stream: tensors on the CPU are on no stream; leave the call out")

    @property
    def grad_dtype(self: Tensor) -> Any:  # type: ignore[misc]
        """The dtype that `grad` has: the tensor's own."""
        return self.dtype
