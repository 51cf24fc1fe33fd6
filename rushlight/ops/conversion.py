"""How a tensor lies in memory and what it may be converted to: layouts, memory formats, clone, contiguous, type names,
and the arguments of `to`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from .. import dtypes
from ..autograd.tape import Operator, TensorBase
from ..device import check_device, device
from ..errors import ArgumentError, DTypeError, OperatorError, UnsupportedError
from ..kernels import xp
from ..kernels.moves import copied
from .numpy_protocol import numpy_name

if TYPE_CHECKING:
    from ..tensor import Tensor

Array = Any


class layout:
    """How elements are stored; only `strided` exists here."""

    def __init__(self, name: str) -> None:
        self.name = name

    def __repr__(self) -> str:
        return f"torch.{self.name}"

    def __reduce__(self) -> str:
        return self.name


class memory_format(layout):
    """The order of dimensions in memory."""


strided = layout("strided")
sparse_coo = layout("sparse_coo")  # named so that it can be refused
contiguous_format = memory_format("contiguous_format")
preserve_format = memory_format("preserve_format")
channels_last = memory_format("channels_last")
channels_last_3d = memory_format("channels_last_3d")


def check_layout(wanted: Any, name: str) -> None:
    """Raises unless the layout asked for is the one there is."""
    if wanted is not None and wanted is not strided:
        raise UnsupportedError(f"{name}: layout {wanted} is not supported; use torch.strided (or leave it out)")


def is_channels_last(array: Array) -> bool:
    """Whether the second dimension is innermost in memory: (N, C, H, W) stored as (N, H, W, C)."""
    return array.ndim >= 3 and bool(xp.moveaxis(array, 1, -1).flags.c_contiguous)


CHANNELS_LAST_RANK = {channels_last: 4, channels_last_3d: 5}


def channels_last_copy(array: Array, wanted: memory_format) -> Array:
    """A copy with channels innermost in memory.

    Raises:
        RuntimeError: the format is for another number of dimensions.
    """
    if array.ndim != CHANNELS_LAST_RANK[wanted]:
        raise OperatorError(
            f"required rank {CHANNELS_LAST_RANK[wanted]} tensor to use {wanted.name} format, got {array.ndim} "
            "dimensions"
        )
    return np.moveaxis(np.moveaxis(array, 1, -1).copy(order="C"), -1, 1)


class Clone(Operator):
    """A copy. torch: it keeps the order of dimensions in memory if they are dense ("preserve"), else is row-major."""

    @staticmethod
    def forward(ctx: Any, x: Array, format_: memory_format | None) -> Array:
        if format_ in CHANNELS_LAST_RANK:
            return channels_last_copy(x, format_)
        return copied(x) if format_ is contiguous_format or 0 in x.strides else x.copy(order="K")

    @staticmethod
    def backward(ctx: Any, grad: Array) -> Array:
        return grad


class Constant(Operator):
    """A result given beside the tensors that it was found from, but on which it does not depend: their gradients are
    0."""

    @staticmethod
    def forward(ctx: Any, result: Array, *sources: Array) -> Array:
        ctx.shapes = [x.shape for x in sources]
        return result

    @staticmethod
    def backward(ctx: Any, grad: Array) -> Any:
        return None, *(xp.zeros_like(grad, shape=shape) for shape in ctx.shapes)


class Beside(Operator):
    """A copy of x found beside other tensors, on which it does not depend: their gradients are 0."""

    curved = True

    @staticmethod
    def forward(ctx: Any, x: Array, *others: Array) -> Array:
        ctx.shapes = [other.shape for other in others]
        return x.copy()

    @staticmethod
    def backward(ctx: Any, grad: Array) -> Any:
        return grad, *(xp.zeros_like(grad, shape=shape) for shape in ctx.shapes)


def clone(input: Tensor, *, memory_format: memory_format | None = None) -> Tensor:
    """A copy that is recorded: gradients of the copy are gradients of the original.

    Args:
        memory_format: `preserve_format` (default), `contiguous_format`, `channels_last`, `channels_last_3d`.
    """
    result: Tensor = Clone.apply(input, memory_format)
    if memory_format in CHANNELS_LAST_RANK or input._layout_kept:
        result._layout_kept = True
    return result


@numpy_name("copy")
def _copy(x: Tensor, order: str = "K") -> Tensor:
    return clone(x)


@numpy_name("ascontiguousarray")
def contiguous(input: Tensor, memory_format: memory_format | None = None) -> Tensor:
    """This tensor if it lies in memory in row-major order (or in the format asked for), else a copy that does."""
    if memory_format is None and input._array.flags.c_contiguous:
        return input
    wanted = contiguous_format if memory_format is None else memory_format
    if wanted is preserve_format:
        raise OperatorError("contiguous: preserve memory format is unsupported by the contiguous operator")
    if input.is_contiguous(memory_format=wanted):
        return input
    return clone(input, memory_format=wanted)


def in_format(array: Array, format_: memory_format | None) -> Array:
    """A new array laid out in the format."""
    return channels_last_copy(array, format_) if format_ in CHANNELS_LAST_RANK else array


# --------------------------------------------------------------------------------------------------- names of types

_TYPE_NAMES = {
    dtypes.float32: "Float",
    dtypes.float64: "Double",
    dtypes.float16: "Half",
    dtypes.bfloat16: "BFloat16",
    dtypes.uint8: "Byte",
    dtypes.int8: "Char",
    dtypes.int16: "Short",
    dtypes.int32: "Int",
    dtypes.int64: "Long",
    dtypes.bool: "Bool",
    dtypes.complex64: "ComplexFloat",
    dtypes.complex128: "ComplexDouble",
}


def type_name(kind: dtypes.dtype) -> str:
    """PyTorch's name of the tensors of a dtype: "torch.FloatTensor"."""
    return f"torch.{_TYPE_NAMES.get(kind, kind.name)}Tensor"


def dtype_from_name(name: Any) -> dtypes.dtype:
    """The dtype for "torch.FloatTensor", a legacy tensor type such as FloatTensor, or a dtype."""
    if isinstance(name, str):
        for kind in _TYPE_NAMES:
            if type_name(kind) == name:
                return kind
        raise ArgumentError(f"type: invalid type: {name!r}; a name is like 'torch.FloatTensor'")
    legacy = getattr(name, "dtype", None)
    return legacy if isinstance(legacy, dtypes.dtype) else dtypes.as_dtype(name)


def parse_to(args: tuple[Any, ...], kwargs: dict[str, Any]) -> tuple[device | None, dtypes.dtype | None, bool, Any]:
    """The device, dtype, copy flag and memory format in the arguments of `Tensor.to` and `Module.to`.

    Raises:
        TypeError: an argument that is neither dtype, device nor tensor.
    """
    known = dict(kwargs)
    kind = known.pop("dtype", None)
    where = known.pop("device", None)
    other = known.pop("other", None)
    copy, format_ = known.pop("copy", False), known.pop("memory_format", None)
    flags = [a for a in args if isinstance(a, bool)]
    known.pop("non_blocking", None)
    for arg in (*(a for a in args if not isinstance(a, bool)), other):
        if isinstance(arg, dtypes.dtype) or arg is float or arg is int or arg is bool:
            kind = dtypes.as_dtype(arg)
        elif isinstance(arg, TensorBase):
            where, kind = arg.device, dtypes.of(arg._array)  # type: ignore[attr-defined]
        elif isinstance(arg, (str, device, int)):
            where = arg
        elif isinstance(arg, memory_format):
            format_ = arg
        elif arg is not None:
            raise DTypeError(f"to: expected a dtype, device or tensor, got {type(arg).__name__}")
    if known:
        raise DTypeError(f"to: unexpected keyword arguments {sorted(known)}")
    place = None if where is None else check_device(where)
    return place, None if kind is None else dtypes.as_dtype(kind), copy or (len(flags) > 1 and flags[1]), format_
