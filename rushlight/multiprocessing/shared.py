"""Tensors in memory that several processes share: a file without a name, mapped by each of them."""

from __future__ import annotations

import mmap
import os
from multiprocessing import reduction
from multiprocessing.reduction import ForkingPickler
from typing import Any

import numpy as np

from ..autograd.tape import wrap
from ..errors import OperatorError
from ..nn.parameter import Parameter
from ..tensor import Tensor
from ..utils.data.transport import memory_file

Array = Any


class Memory(mmap.mmap):
    """A mapped block, with the descriptor by which other processes map it too."""

    descriptor: int

    def __new__(cls, descriptor: int, length: int) -> Memory:
        self = super().__new__(cls, descriptor, length)
        self.descriptor = descriptor
        return self

    def __del__(self) -> None:
        os.close(self.descriptor)


def _new(length: int) -> Memory:
    descriptor = memory_file()
    os.truncate(descriptor, max(length, 1))
    return Memory(descriptor, max(length, 1))


def memory_of(array: Array) -> Memory | None:
    """The shared block that an array lies in, if it lies in one."""
    base = array
    while base is not None and not isinstance(base, Memory):
        base = base.obj if isinstance(base, memoryview) else getattr(base, "base", None)
    return base


def is_shared(array: Array) -> bool:
    """Whether an array lies in memory that other processes can share."""
    return memory_of(array) is not None


def moved(array: Array) -> Array:
    """The array in shared memory; itself if it is there already."""
    if is_shared(array):
        return array
    twin: Array = np.ndarray(array.shape, array.dtype, _new(array.nbytes))
    twin[...] = array
    return twin


def _reduce(tensor: Any) -> Any:
    """How a tensor is sent: by the descriptor of its shared block, or, if it has none, by its content."""
    array = tensor._array
    memory = memory_of(array)
    if memory is None:
        return tensor.__reduce_ex__(2)
    start = np.frombuffer(memory, np.uint8).__array_interface__["data"][0]
    offset = array.__array_interface__["data"][0] - start
    place = (len(memory), array.shape, array.dtype, offset, array.strides)
    return _rebuild, (type(tensor), reduction.DupFd(memory.descriptor), place, tensor.requires_grad)


def _rebuild(kind: type, descriptor: Any, place: Any, requires_grad: bool) -> Any:
    length, shape, dtype, offset, strides = place
    tensor = wrap(np.ndarray(shape, dtype, Memory(descriptor.detach(), length), offset, strides))
    return Parameter(tensor, requires_grad) if kind is Parameter else tensor.requires_grad_(requires_grad)


for _class in (Tensor, Parameter):
    ForkingPickler.register(_class, _reduce)


def get_all_sharing_strategies() -> set[str]:
    """How memory can be shared: by descriptors of files."""
    return {"file_descriptor"}


def get_sharing_strategy() -> str:
    """How memory is shared."""
    return "file_descriptor"


def set_sharing_strategy(new_strategy: str) -> None:
    """Chooses how memory is shared; "file_system" is taken too, since files without a name do all that it does.

    Raises:
        RuntimeError: an unknown name.
    """
    if new_strategy not in ("file_descriptor", "file_system"):
        raise OperatorError(f"set_sharing_strategy: {new_strategy!r} is not file_descriptor or file_system")
