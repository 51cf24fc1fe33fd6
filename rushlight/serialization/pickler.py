"""Pickles as PyTorch writes them: tensors refer to storages beside the pickle, and our classes go by PyTorch's
names."""

from __future__ import annotations

import ctypes
import io
import pickle
from collections import OrderedDict
from collections.abc import Iterator
from types import FunctionType
from typing import Any

import numpy as np

from .. import dtypes
from ..autograd.tape import TensorBase
from ..device import device
from ..kernels.arrays import host, memory_of, root_of, with_strides
from ..ops.conversion import layout, memory_format
from ..tensor import Size, Tensor
from .names import torch_name
from .storages import NAME_OF

Array = Any


class _Name:
    """A class or function of PyTorch's, known by name only."""

    def __init__(self, module: str, name: str) -> None:
        self.module = module
        self.name = name

    def __call__(self) -> None:
        """Pickle asks that what rebuilds an object can be called."""


class _Reference:
    """A tensor's storage in the pickle: the number of the block, its class in PyTorch, its length, its device."""

    def __init__(self, key: str, kind: _Name, count: int, location: str) -> None:
        self.key = key
        self.kind = kind
        self.count = count
        self.location = location


# ------------------------------------------------------------------------------------------------- blocks of memory


def _base(array: Array) -> Any:
    """The array that owns the memory."""
    while isinstance(array.base, np.ndarray):
        array = array.base
    return array


def _address(array: Array) -> int:
    return int(array.__array_interface__["data"][0])


class Blocks:
    """The memory that a checkpoint's tensors use: of each array that owns memory, the part from first to last byte
    used.

    Tensors that share memory share a block. The pickle is made twice: first to find what is used (`note`), then to
    write (`place`).
    """

    def __init__(self) -> None:
        self.ranges: dict[tuple[int, Any], list[int]] = {}
        self.keys: dict[tuple[int, Any], str] = {}
        self.alive: list[Any] = []
        self.copies: dict[int, Array] = {}  # of arrays of GPUs that own memory, by their ids

    def on_host(self, array: Array) -> Array:
        """The array, or for one of a GPU its like in a copy, made once, of all the memory that it is a view of."""
        if isinstance(array, np.ndarray):
            return array
        root = root_of(array)
        if id(root) not in self.copies:
            self.alive.append(root)
            self.copies[id(root)] = host(root.ravel(order="K"))
        return with_strides(
            self.copies[id(root)].view(array.dtype),
            array.shape,
            tuple(s // array.itemsize for s in array.strides),
            memory_of(array)[1],
        )

    def _owner(self, array: Array) -> tuple[int, Any]:
        base = _base(array)
        self.alive.append(base)
        return id(base), array.dtype

    def note(self, array: Array) -> None:
        start = _address(array)
        used = sum((n - 1) * s for n, s in zip(array.shape, array.strides)) + array.itemsize if array.size else 0
        found = self.ranges.setdefault(self._owner(array), [start, start + used])
        found[0], found[1] = min(found[0], start), max(found[1], start + used)

    def place(self, array: Array) -> tuple[str, int, int]:
        """The key of the array's block, its length and the array's offset in it, in elements."""
        owner = self._owner(array)
        if owner not in self.ranges:  # made while it was pickled, so not seen before
            self.note(array)
        start, end = self.ranges[owner]
        key = self.keys.setdefault(owner, str(len(self.keys)))
        return key, (end - start) // array.itemsize, (_address(array) - start) // array.itemsize

    def contents(self) -> Iterator[tuple[str, Any]]:
        """The keys, and the bytes of each block."""
        for owner, key in self.keys.items():
            start, end = self.ranges[owner]
            yield key, memoryview((ctypes.c_char * (end - start)).from_address(start)).cast("B") if end > start else b""


# ------------------------------------------------------------------------------------------------------- the pickler


_PythonPickler: Any = pickle._Pickler


class Pickler(_PythonPickler):  # type: ignore[misc]
    """Python's pickler, told about tensors and about names.

    Python's own is written in Python too; the faster one in C can't write names of modules that are not there.
    """

    def __init__(self, file: Any, protocol: int, blocks: Blocks, placing: bool) -> None:
        super().__init__(file, protocol)
        self.blocks = blocks
        self.placing = placing
        self.names: dict[tuple[str, str], _Name] = {}
        self.alive: list[Any] = []  # what is made here: the memo goes by id

    def name(self, module: str, name: str) -> _Name:
        return self.names.setdefault((module, name), _Name(module, name))

    def persistent_id(self, obj: Any) -> Any:
        if type(obj) is _Reference:
            return "storage", obj.kind, obj.key, obj.location, obj.count
        return None

    def save(self, obj: Any, save_persistent_id: bool = True) -> None:
        if type(obj) is _Name:
            self._save_name(obj)
        elif isinstance(obj, dtypes.dtype) or type(obj) is memory_format:
            self._save_name(self.name("torch", obj.name))
        elif callable(obj) and getattr(obj, "__module__", None) and _is_ours(obj):
            self._save_name(self.name(*torch_name(obj)))
        else:
            super().save(obj, save_persistent_id)

    def _save_name(self, name: _Name) -> None:
        known = self.memo.get(id(name))
        if known is not None:
            self.write(self.get(known[0]))
            return
        self.write(pickle.GLOBAL + f"{name.module}\n{name.name}\n".encode())
        self.memoize(name)

    def reducer_override(self, obj: Any) -> Any:
        if isinstance(obj, TensorBase) and "_kind" not in vars(obj):  # those without a shape yet reduce themselves
            return self._reduce_tensor(obj)
        if type(obj) is Size:
            return self.name("torch", "Size"), (tuple(obj),)
        if type(obj) is device:
            return self.name("torch", "device"), tuple(a for a in (obj.type, obj.index) if a is not None)
        if type(obj) is layout:
            return self.name("torch.serialization", "_get_layout"), (repr(obj),)
        return NotImplemented

    def _reduce_tensor(self, tensor: Any) -> tuple[_Name, tuple[Any, ...]]:
        state = {k: v for k, v in vars(tensor).items() if not k.startswith("_") and k != "persistent"}
        if getattr(tensor, "_is_param", False):
            data = tensor.detach()
            self.alive.append(data)
            function = "_rebuild_parameter_with_state" if state else "_rebuild_parameter"
            args = (data, tensor.requires_grad, OrderedDict(), *((state,) if state else ()))
            return self.name("torch._utils", function), args
        rebuild, args = self._reduce_plain(tensor)
        if not state:
            return rebuild, args
        return self.name("torch._tensor", "_rebuild_from_type_v2"), (rebuild, Tensor, args, state)

    def _reduce_plain(self, tensor: Any) -> tuple[_Name, tuple[Any, ...]]:
        array = self.blocks.on_host(tensor._pin())
        if any(s < 0 or s % array.itemsize for s in array.strides):
            array = np.ascontiguousarray(array)
        kind = tensor.dtype
        typed = kind in NAME_OF
        reference, offset = self._reference(array, kind, typed, str(tensor.device))
        stride = tuple(s // array.itemsize for s in array.strides)
        args: tuple[Any, ...] = (reference, offset, array.shape, stride, tensor.requires_grad, OrderedDict())
        if typed:
            return self.name("torch._utils", "_rebuild_tensor_v2"), args
        return self.name("torch._utils", "_rebuild_tensor_v3"), (*args, kind)

    def _reference(self, array: Array, kind: dtypes.dtype, typed: bool, location: str) -> tuple[_Reference, int]:
        self.alive.append(array)
        if not self.placing:
            self.blocks.note(array)
        key, count, offset = self.blocks.place(array) if self.placing else ("", 0, 0)
        storage = self.name("torch", NAME_OF[kind]) if typed else self.name("torch.storage", "UntypedStorage")
        reference = _Reference(key, storage, count if typed else count * array.itemsize, location)
        self.alive.append(reference)
        return reference, offset


def _is_ours(obj: Any) -> bool:
    return isinstance(obj, (type, FunctionType)) and str(obj.__module__).split(".")[0] == "rushlight"


def dump(obj: Any, protocol: int) -> tuple[bytes, Blocks]:
    """The pickle of `obj` and the memory that it refers to."""
    blocks = Blocks()
    first = Pickler(io.BytesIO(), protocol, blocks, placing=False)
    first.dump(obj)
    file = io.BytesIO()
    second = Pickler(file, protocol, blocks, placing=True)
    second.dump(obj)
    blocks.alive.extend((*first.alive, *second.alive))
    return file.getvalue(), blocks
