"""On which device an array lies, and its way to another."""

from __future__ import annotations

from typing import Any

import numpy as np

from .. import gpu
from ..device import CPU, device
from ..errors import UnsupportedError
from .arrays import root_of
from .sparse import Coo

Array = Any

_on_gpus: dict[int, device] = {}


def device_of(array: Array) -> device:
    """The device that holds the array."""
    if isinstance(array, np.ndarray):
        return CPU
    if type(array) is Coo:
        return device_of(array.values)
    index = getattr(getattr(array, "device", None), "id", None)  # CuPy's arrays have a Device there
    if index is None:
        return CPU
    return _on_gpus.setdefault(index, device("cuda", index))


def moved(array: Array, where: device) -> Array:
    """The array on that device: itself if it is there, else a copy in the same memory order."""
    here = device_of(array)
    if here is where or here == where:
        return array
    if type(array) is Coo:
        raise UnsupportedError(f"device {where}: sparse tensors stay on the CPU; move x.to_dense()")
    if not array.flags.c_contiguous:
        order = sorted(range(array.ndim), key=lambda axis: -abs(array.strides[axis]))
        return moved(array.transpose(order).copy(order="C"), where).transpose(np.argsort(order).tolist())
    if where.type == "cpu":
        return array.get()
    with gpu.computing() as library:
        if here.type == "cuda":
            return array.copy()  # CuPy copies to the current GPU, which `where` is
        return _from_pinned(library, array) if is_pinned(array) else library.asarray(array)


def made(name: str, shape: tuple[int, ...], kind: np.dtype[Any], where: device, *value: Any) -> Array:
    """`np.zeros(shape, kind)` and its kin (`ones`, `empty`, `full` with its value) on a device."""
    if where is CPU:
        return getattr(np, name)(shape, *value, kind)
    if min(shape, default=0) < 0:
        raise ValueError(f"negative dimensions are not allowed: {shape}")
    with gpu.computing() as library:
        return getattr(library, name)(shape, *value, kind)


# ------------------------------------------------------------------------------------------------------ pinned memory


def pinned(array: Array) -> Array:
    """A copy of an array of the CPU in memory that the system does not move: a GPU reads it on its own."""
    if array.nbytes == 0:
        return array
    gpu.index_of(None)
    memory = gpu.cupy().cuda.alloc_pinned_memory(array.nbytes)
    copy = np.frombuffer(memory, array.dtype, array.size).reshape(array.shape)
    copy[...] = array
    return copy


def is_pinned(array: Array) -> bool:
    """Whether the array lies in such memory."""
    if not gpu.in_use or not isinstance(array, np.ndarray):
        return False
    base = root_of(array).base
    return isinstance(getattr(base, "obj", base), gpu.cupy().cuda.PinnedMemoryPointer)


def _from_pinned(library: Any, array: Array) -> Array:
    """A copy that goes on while the program does: what is computed on the same stream waits for it."""
    copy = library.empty(array.shape, array.dtype)
    copy.set(array, library.cuda.get_current_stream())
    return copy
