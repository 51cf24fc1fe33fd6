"""Operators once a GPU is in use: their tensors must be on one device, and errors for lack of memory say what holds it.

Programs on the CPU pay nothing for it: all this is put in place before the first array is on a GPU.
"""

from __future__ import annotations

import gc
from typing import Any

from .. import gpu
from ..device import CPU, device
from ..errors import OperatorError
from ..kernels import native
from ..kernels.places import device_of
from . import intercept, walk
from .tape import Operator, Pick, TensorBase, owner

Array = Any


def _apply(cls: Any, args: tuple[Any, ...]) -> Any:
    """`Entry.apply` of an operator that is on one device, or an error."""
    where = CPU if cls.moves else _common_device(cls, args)
    if where is CPU:
        return intercept.plain(cls, args)
    with gpu.computing():
        return intercept.plain(cls, [_beside(a, where) for a in args])


def _common_device(cls: Any, args: tuple[Any, ...]) -> device:
    """torch: a tensor of no dimensions on the CPU is a number, and may be beside any tensor."""
    there = [device_of(a._array) for a in args if isinstance(a, TensorBase) and a._array.ndim]
    there += [where for a in args if isinstance(a, TensorBase) and (where := device_of(a._array)) is not CPU]
    if not there:
        return CPU
    for other in there:
        if other != there[0]:
            raise OperatorError(
                f"{cls.label or cls.__name__}: Expected all tensors to be on the same device, but found at least two "
                f"devices, {there[0]} and {other}! Move one of them with .to(device)"
            )
    return there[0]


def _beside(a: Any, where: device) -> Any:
    """The argument for an operator on that GPU."""
    if isinstance(a, TensorBase) and a._array.ndim == 0 and device_of(a._array) is CPU:
        return a.to(where)  # type: ignore[attr-defined]
    return a


_differentiate = Operator.differentiate


def _differentiate_there(self: Any, grad: Any, create_graph: bool) -> Any:
    with gpu.computing():
        return _differentiate(self, grad, create_graph)


def _begin() -> None:
    intercept.set_everywhere(_apply)
    Operator.differentiate = _differentiate_there  # type: ignore[method-assign]
    if native is not None:
        native.set_tape(Pick, _differentiate_there, walk._call_hooks, walk._retain, walk._deliver)


gpu.before_first_use(_begin)


# --------------------------------------------------------------------------------------------------- what holds memory

_SHOWN = 5


def _holders(index: int) -> str:
    """The largest tensors on a GPU, as text."""
    found: dict[int, Any] = {}
    for tensor in gc.get_objects():
        if isinstance(tensor, TensorBase) and device_of(array := tensor._array).index == index:
            found.setdefault(id(owner(array)), array)
    largest = sorted(found.values(), key=lambda array: -array.nbytes)
    shown = ", ".join(f"{tuple(a.shape)} {a.dtype} {a.nbytes / 2**20:.1f} MiB" for a in largest[:_SHOWN])
    rest = sum(a.nbytes for a in largest[_SHOWN:]) / 2**20
    if not largest:
        return ""
    return f" Tensors of the program: {shown}" + (f", and {rest:.1f} MiB in smaller ones." if rest else ".")


gpu.holders = _holders
