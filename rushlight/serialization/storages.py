"""What PyTorch's checkpoints call storages, and how tensors are made from them.

A storage is a block of memory; a tensor in a checkpoint is a storage, an offset, sizes and strides. Everything here is
called with what a file says, so every number is checked before memory is touched.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from .. import dtypes
from ..autograd.tape import TensorBase, wrap
from ..errors import RushlightError
from ..kernels.arrays import with_strides
from ..ops.creation import from_numpy
from ..tensor import Tensor

Array = Any


class CheckpointError(RushlightError, RuntimeError):
    """A file is damaged, or no checkpoint."""


_KINDS = {
    "Float": dtypes.float32,
    "Double": dtypes.float64,
    "Half": dtypes.float16,
    "BFloat16": dtypes.bfloat16,
    "Byte": dtypes.uint8,
    "Char": dtypes.int8,
    "Short": dtypes.int16,
    "Int": dtypes.int32,
    "Long": dtypes.int64,
    "Bool": dtypes.bool,
    "ComplexFloat": dtypes.complex64,
    "ComplexDouble": dtypes.complex128,
}
TYPED = {f"{name}Storage": kind for name, kind in _KINDS.items()}  # PyTorch's classes of storages with a dtype
NAME_OF = {kind: name for name, kind in TYPED.items()}


class StorageType:
    """What stands for one of PyTorch's storage classes in a pickle."""

    def __init__(self, dtype: dtypes.dtype) -> None:
        self.dtype = dtype


class Storage:
    """A block of memory read from a file."""

    def __init__(self, array: Array) -> None:
        self.array = array  # 1-d, contiguous

    def as_dtype(self, kind: dtypes.dtype) -> Array:
        """The same memory in another dtype.

        Raises:
            RuntimeError: it does not hold a whole number of them.
        """
        if self.array.dtype == kind.numpy:
            return self.array
        if self.array.nbytes % kind.itemsize:
            raise CheckpointError(f"a storage of {self.array.nbytes} bytes does not hold a whole number of {kind.name}")
        return self.array.view(kind.numpy)


def _are_sizes(values: Any) -> bool:
    return isinstance(values, tuple) and all(type(n) is int and n >= 0 for n in values)


def _view(array: Array, offset: Any, size: Any, stride: Any) -> Array:
    """The elements of a storage that a tensor consists of.

    Raises:
        RuntimeError: it reaches beyond the storage, or the numbers are none.
    """
    if not (_are_sizes((offset,)) and _are_sizes(size) and _are_sizes(stride) and len(size) == len(stride)):
        raise CheckpointError(f"a tensor has offset {offset!r}, size {size!r}, stride {stride!r}")
    last = offset + sum((n - 1) * s for n, s in zip(size, stride))
    if 0 not in size and last >= array.size:
        raise CheckpointError(
            f"a tensor of size {size}, stride {stride}, offset {offset} reaches beyond its {array.size} elements"
        )
    if 0 in size:
        return np.empty_like(array, shape=size)
    return with_strides(array, size, stride, offset)


def _finish(array: Array, requires_grad: Any) -> Tensor:
    tensor: Tensor = from_numpy(array) if isinstance(array, np.ndarray) else wrap(array)
    return tensor.requires_grad_() if requires_grad is True else tensor


def rebuild_tensor(storage: Any, offset: Any, size: Any, stride: Any) -> Tensor:
    """`torch._utils._rebuild_tensor`."""
    if not isinstance(storage, Storage):
        raise CheckpointError(f"a tensor's storage is a {type(storage).__name__}")
    return _finish(_view(storage.array, offset, size, stride), False)


def rebuild_tensor_v2(
    storage: Any, offset: Any, size: Any, stride: Any, requires_grad: Any, hooks: Any, metadata: Any = None
) -> Tensor:
    """`torch._utils._rebuild_tensor_v2`."""
    tensor = rebuild_tensor(storage, offset, size, stride)
    return _finish(_resolved(tensor._array, metadata), requires_grad)


def rebuild_tensor_v3(
    storage: Any, offset: Any, size: Any, stride: Any, requires_grad: Any, hooks: Any, dtype: Any, metadata: Any = None
) -> Tensor:
    """`torch._utils._rebuild_tensor_v3`: the storage has no dtype of its own."""
    if not isinstance(storage, Storage) or not isinstance(dtype, dtypes.dtype):
        raise CheckpointError(f"a tensor has storage {type(storage).__name__} and dtype {dtype!r}")
    return _finish(_resolved(_view(storage.as_dtype(dtype), offset, size, stride), metadata), requires_grad)


def _resolved(array: Array, metadata: Any) -> Array:
    """PyTorch may save a conjugate or a negative as a mark on the tensor; here it is computed."""
    marks = metadata if isinstance(metadata, dict) else {}
    array = array.conj() if marks.get("conj") is True else array
    return np.negative(array) if marks.get("neg") is True else array


def rebuild_parameter(data: Any, requires_grad: Any, hooks: Any, state: Any = None) -> Any:
    """`torch._utils._rebuild_parameter` and `_rebuild_parameter_with_state`."""
    if not isinstance(data, TensorBase):
        raise CheckpointError(f"a Parameter's data is a {type(data).__name__}")
    parameter = parameter_class()(data.detach(), requires_grad is True)  # type: ignore[attr-defined]
    return with_attributes(parameter, state)


def rebuild_from_type(function: Any, kind: Any, args: Any, state: Any) -> Any:
    """`torch._tensor._rebuild_from_type_v2`: a tensor with attributes of the user's."""
    if function not in REBUILDERS.values() or not isinstance(args, tuple):
        raise CheckpointError("a tensor is to be rebuilt by something that does not rebuild tensors")
    return with_attributes(function(*args), state)


def with_attributes(tensor: Any, state: Any) -> Any:
    """Sets attributes that the user had set on a tensor; none can take the place of one of the tensor's own."""
    for name, value in state.items() if isinstance(state, dict) else ():
        if isinstance(name, str) and not name.startswith("_") and not hasattr(type(tensor), name):
            setattr(tensor, name, value)
    return tensor


def parameter_class() -> Any:
    """`nn.Parameter`, which stands on a higher floor of the house."""
    from importlib import import_module

    return import_module("rushlight.nn.parameter").Parameter


REBUILDERS: dict[str, Callable[..., Any]] = {
    "_rebuild_tensor": rebuild_tensor,
    "_rebuild_tensor_v2": rebuild_tensor_v2,
    "_rebuild_tensor_v3": rebuild_tensor_v3,
    "_rebuild_parameter": rebuild_parameter,
    "_rebuild_parameter_with_state": rebuild_parameter,
}
