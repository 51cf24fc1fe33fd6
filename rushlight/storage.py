"""`torch.storage`: the block of memory behind a tensor, as programs look at it: its size, its address, its elements.

A storage here is a one-dimensional view of that memory, so writing to it writes to the tensors in it.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from typing import Any

import numpy as np

from . import dtypes
from .autograd.tape import TensorBase, wrap
from .device import CPU, check_device, device
from .errors import DTypeError, UnsupportedError
from .kernels.places import device_of
from .ops.files import from_file
from .serialization.storages import TYPED

Array = Any


def block_of(array: Array) -> Array:
    """The memory that an array lies in, all of it, in one dimension and in the array's dtype."""
    base = array
    while isinstance(base.base, np.ndarray):
        base = base.base
    flat = base.reshape(-1, order="A") if base.flags.forc else np.ascontiguousarray(base).reshape(-1)
    return flat if flat.dtype == array.dtype else flat.view(np.uint8).view(array.dtype)


def _check_here(device: Any) -> None:
    if check_device(device) is not CPU:
        raise UnsupportedError(f"storage: memory on {device} is not shown as a storage; use tensors there")


class UntypedStorage:
    """A block of bytes.

    Args:
        size: of new memory, in bytes.
        device: the CPU.
    """

    is_cuda = is_sparse = is_hpu = False

    def __init__(self, size: Any = 0, *, device: Any = None) -> None:
        _check_here(device)
        self._array: Array = np.zeros(size, np.uint8) if isinstance(size, int) else np.array(list(size), np.uint8)

    @classmethod
    def _around(cls, array: Array) -> Any:
        self = cls.__new__(cls)
        self._array = array
        return self

    @classmethod
    def from_file(cls, filename: str | os.PathLike[str], shared: bool = False, nbytes: int = 0) -> Any:
        """The first bytes of a file, in its memory; see `rushlight.from_file`."""
        return cls._around(from_file(filename, shared, nbytes, dtype=dtypes.uint8)._array)

    @property
    def device(self) -> device:
        return CPU

    def __len__(self) -> int:
        return int(self._array.size)

    size = __len__

    def nbytes(self) -> int:
        return int(self._array.nbytes)

    def element_size(self) -> int:
        return int(self._array.itemsize)

    def data_ptr(self) -> int:
        """The address of the first byte; the same for all tensors that share the memory."""
        return int(self._array.__array_interface__["data"][0])

    def tolist(self) -> list[Any]:
        found: list[Any] = wrap(self._array).tolist()
        return found

    def __iter__(self) -> Iterator[Any]:
        return iter(self.tolist())

    def __getitem__(self, index: Any) -> Any:
        part = self._array[index]
        return type(self)._around(part) if isinstance(index, slice) else wrap(np.asarray(part)).item()

    def __setitem__(self, index: Any, value: Any) -> None:
        self._array[index] = value

    def fill_(self, value: Any) -> Any:
        self._array[...] = value
        return self

    def copy_(self, source: Any, non_blocking: bool = False) -> Any:
        """Takes over the elements of another storage of the same size."""
        self._array[...] = source._array
        return self

    def clone(self) -> Any:
        return type(self)._around(self._array.copy())

    def cpu(self) -> Any:
        return self

    def untyped(self) -> UntypedStorage:
        found: UntypedStorage = UntypedStorage._around(self._array.view(np.uint8))
        return found

    def share_memory_(self) -> Any:
        raise UnsupportedError("storage: share_memory_ works on tensors here: tensor.share_memory_()")

    def is_shared(self) -> bool:
        from .multiprocessing.shared import is_shared  # of use to few

        return is_shared(self._array)

    def is_pinned(self) -> bool:
        return False

    def resize_(self, size: int) -> Any:
        raise UnsupportedError("storage: its size is fixed here; make another tensor, or use tensor.resize_")

    def __eq__(self, other: object) -> bool:
        return isinstance(other, UntypedStorage) and (self.data_ptr(), len(self)) == (other.data_ptr(), len(other))

    __hash__ = object.__hash__

    def __repr__(self) -> str:
        lines = "".join(f" {value}\n" for value in self.tolist())
        return f"{lines}[torch.storage.{type(self).__name__}({self._described()}) of size {len(self)}]"

    def _described(self) -> str:
        return f"device={self.device}"


class TypedStorage(UntypedStorage):
    """A block of elements of one dtype, as `tensor.storage()` gives it.

    Args:
        size: how many elements of new memory, or the elements themselves.
        dtype: float32 by default.
    """

    kind: dtypes.dtype = dtypes.float32

    def __init__(self, size: Any = 0, *, dtype: Any = None, device: Any = None, wrap_storage: Any = None) -> None:
        _check_here(device)
        kind = (self.kind if dtype is None else dtype).numpy
        if wrap_storage is not None:
            self._array = wrap_storage._array.view(kind)
        else:
            self._array = np.zeros(size, kind) if isinstance(size, int) else np.array(list(size), kind)

    @property
    def dtype(self) -> dtypes.dtype:
        return dtypes.of(self._array)

    def type(self) -> str:
        names = {kind: name for name, kind in TYPED.items()}
        return f"torch.{names.get(self.dtype, 'TypedStorage')}"

    def _described(self) -> str:
        return f"dtype={self.dtype}, device={self.device}"


class _OldName(type):
    """The classes of typed storages by their old names, `FloatStorage`: calling one makes a TypedStorage."""

    dtype: dtypes.dtype

    def __call__(cls, *args: Any, **kwargs: Any) -> TypedStorage:
        return TypedStorage(*(args or (0,)), dtype=cls.dtype, **kwargs)

    def __instancecheck__(cls, instance: Any) -> bool:
        return isinstance(instance, TypedStorage) and instance.dtype is cls.dtype


def _old(name: str) -> Any:
    return _OldName(name, (), {"dtype": TYPED[name], "__module__": "torch"})


FloatStorage, DoubleStorage, HalfStorage, BFloat16Storage = map(
    _old, ("FloatStorage", "DoubleStorage", "HalfStorage", "BFloat16Storage")
)
ByteStorage, CharStorage, ShortStorage, IntStorage, LongStorage, BoolStorage = map(
    _old, ("ByteStorage", "CharStorage", "ShortStorage", "IntStorage", "LongStorage", "BoolStorage")
)
ComplexFloatStorage, ComplexDoubleStorage = map(_old, ("ComplexFloatStorage", "ComplexDoubleStorage"))


def is_storage(obj: Any) -> bool:
    """Whether it is a storage."""
    return isinstance(obj, UntypedStorage)


def typed_storage(tensor: Any) -> TypedStorage:
    """`tensor.storage()`."""
    if isinstance(tensor, TensorBase) and device_of(tensor._array) is not CPU:
        raise UnsupportedError("storage: memory of a GPU is not shown; copy the tensor to the CPU first: tensor.cpu()")
    if not isinstance(tensor, TensorBase):
        raise DTypeError(f"storage: expected a Tensor, got {type(tensor).__name__}")
    found: TypedStorage = TypedStorage._around(block_of(tensor._pin()))  # type: ignore[attr-defined]
    return found
