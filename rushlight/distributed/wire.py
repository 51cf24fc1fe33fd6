"""Tensors as MPI takes them: memory in row-major order, of a type that MPI can add."""

from __future__ import annotations

from collections.abc import Sequence
from enum import Enum
from typing import Any

import numpy as np

from ..autograd.tape import TensorBase, touch
from ..errors import ArgumentError, DTypeError, ShapeError, UnsupportedError
from .channel import mpi

Array = Any


class ReduceOp(Enum):
    """How the values of the processes become one."""

    SUM = "SUM"
    AVG = "SUM of all, divided by how many"
    PRODUCT = "PROD"
    MIN = "MIN"
    MAX = "MAX"
    BAND = "BAND"
    BOR = "BOR"
    BXOR = "BXOR"
    PREMUL_SUM = "not supported"


_OF_BOOLS = {ReduceOp.SUM: "LOR", ReduceOp.MAX: "LOR", ReduceOp.PRODUCT: "LAND", ReduceOp.MIN: "LAND"}


def operation(op: ReduceOp, kind: np.dtype[Any], name: str) -> Any:
    """MPI's operation.

    Raises:
        TypeError: not a ReduceOp. RuntimeError: not defined for the dtype.
    """
    if not isinstance(op, ReduceOp):
        raise DTypeError(f"{name}: op must be a ReduceOp, not {op!r}")
    if op is ReduceOp.PREMUL_SUM:
        raise UnsupportedError(f"{name}: PREMUL_SUM is not supported; multiply before, and use SUM")
    bitwise, floats = op in (ReduceOp.BAND, ReduceOp.BOR, ReduceOp.BXOR), kind.kind in "fcV"
    if (bitwise and floats) or (kind.kind == "c" and op not in (ReduceOp.SUM, ReduceOp.AVG)):
        raise ShapeError(f"{name}: Cannot use ReduceOp.{op.name} with {kind}")
    if op is ReduceOp.AVG:
        return mpi().SUM
    return getattr(mpi(), _OF_BOOLS.get(op, op.value) if kind.kind == "b" and not bitwise else op.value)


def array_of(tensor: Any, name: str, argument: str = "tensor") -> Array:
    """The memory of a tensor argument."""
    if not isinstance(tensor, TensorBase):
        raise DTypeError(f"{name}: Invalid function argument. Expected parameter `{argument}` of type torch.Tensor")
    return tensor._pin()  # type: ignore[attr-defined]


def arrays_of(tensors: Any, count: int, name: str, argument: str) -> list[Array]:
    """The memory of a list of tensors, one for each process, of one shape and dtype."""
    if not isinstance(tensors, Sequence) or len(tensors) != count:
        raise ArgumentError(f"{name}: {argument} must be a list of {count} tensors, one for each process")
    return [array_of(t, name, argument) for t in tensors]


def check_alike(arrays: Sequence[Array], like: Array, name: str, argument: str) -> None:
    """That each has the shape and dtype of `like`."""
    for k, array in enumerate(arrays):
        if array.shape != like.shape or array.dtype != like.dtype:
            raise ArgumentError(
                f"{name}: {argument}[{k}] is {array.dtype} {array.shape}, but the tensor is {like.dtype} {like.shape}"
            )


def numbers(array: Array) -> Array:
    """The elements in a row, of a type that MPI can add: `array` itself, or a copy (halves as float32)."""
    kind = np.float32 if array.dtype.kind == "V" or array.dtype == np.float16 else array.dtype
    return np.ascontiguousarray(array, kind).reshape(-1)


def raw(array: Array) -> Array:
    """The bytes: of `array` itself, or of a copy if it is not in row-major order."""
    return np.ascontiguousarray(array).reshape(-1).view(np.uint8)


def write_back(array: Array, values: Array) -> None:
    """Puts what came by the wire (numbers, or bytes) into the tensor's memory, unless it is there already."""
    if not np.shares_memory(array, values):
        typed = values.view(array.dtype) if values.dtype == np.uint8 != array.dtype else values
        array[...] = typed.reshape(array.shape).astype(array.dtype, copy=False)
    touch(array)


def describe(array: Array) -> str:
    """What must be equal in all processes."""
    return f"{array.dtype} {array.shape}"
