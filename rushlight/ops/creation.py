"""Making tensors: from Python and NumPy data, filled, ranges, like another; and what a tensor may be converted to."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from .. import dtypes
from ..autograd.tape import Operator, TensorBase, wrap
from ..device import check_device, device
from ..errors import DTypeError, OperatorError, ShapeError, UnsupportedError
from ..kernels import xp
from .numpy_protocol import numpy_name
from .shape import sizes

if TYPE_CHECKING:
    from ..tensor import Tensor

Array = Any


class layout:  # noqa: N801 (PyTorch's name)
    """How elements are stored; only `strided` exists here."""

    def __init__(self, name: str) -> None:
        self.name = name

    def __repr__(self) -> str:
        return f"torch.{self.name}"

    def __reduce__(self) -> str:
        return self.name


class memory_format(layout):  # noqa: N801
    """The order of dimensions in memory."""


strided = layout("strided")
contiguous_format = memory_format("contiguous_format")
preserve_format = memory_format("preserve_format")
channels_last = memory_format("channels_last")
channels_last_3d = memory_format("channels_last_3d")


def is_channels_last(array: Array) -> bool:
    """Whether the second dimension is innermost in memory: (N, C, H, W) stored as (N, H, W, C)."""
    return array.ndim >= 3 and bool(xp.moveaxis(array, 1, -1).flags.c_contiguous)


def finish(array: Array, requires_grad: bool) -> Tensor:
    """A new leaf."""
    tensor: Tensor = wrap(array)
    return tensor.requires_grad_() if requires_grad else tensor


def _dtype(kind: Any) -> np.dtype[Any]:
    return (dtypes.get_default_dtype() if kind is None else dtypes.as_dtype(kind)).numpy


def _array_from(data: Any) -> Array:
    """Nested data as an array in the dtype that PyTorch would give it. torch: Python floats become the default dtype."""
    if isinstance(data, TensorBase):
        return data._array
    if isinstance(data, (np.ndarray, np.generic)):
        return np.asarray(data)
    nested = [_array_from(d) for d in data] if isinstance(data, (list, tuple)) and _holds_arrays(data) else data
    try:
        array = np.array(nested)
    except (ValueError, OverflowError) as why:
        raise ShapeError(f"tensor: {why}") from None
    if array.size == 0 and array.dtype == np.float64 or (array.dtype == np.float64 and not _holds_arrays(data)):
        return array.astype(dtypes.get_default_dtype().numpy)
    if array.dtype == np.complex128 and not _holds_arrays(data):
        return array.astype(dtypes.get_default_dtype().to_complex().numpy)
    if array.dtype.kind in "OUS":
        raise DTypeError(f"tensor: cannot make a tensor from {type(data).__name__} holding {array.dtype.name} values")
    return array


def _holds_arrays(data: Any) -> bool:
    """Whether Tensors or arrays are nested in the lists (looking at first entries only, as data is regular)."""
    while isinstance(data, (list, tuple)) and data:
        data = data[0]
    return isinstance(data, (TensorBase, np.ndarray, np.generic)) and type(data) is not np.float64


def tensor(data: Any, *, dtype: Any = None, device: Any = None, requires_grad: bool = False, pin_memory: bool = False) -> Tensor:
    """A tensor with a copy of `data` (numbers, nested lists, NumPy arrays, tensors).

    Args:
        dtype: by default that of the data; Python floats give the default dtype, ints int64, bools bool.
        requires_grad: collect gradients in `.grad`.

    Raises:
        ValueError: the lists are ragged. TypeError: not numbers.

    Example:
        >>> rushlight.tensor([[1, 2], [3, 4]])
        tensor([[1, 2],
                [3, 4]])
    """
    check_device(device)
    array = _array_from(data)
    kind = array.dtype if dtype is None else dtypes.as_dtype(dtype).numpy
    dtypes.of(np.empty(0, kind))
    return finish(np.array(array, dtype=kind, order="C"), requires_grad)


def from_numpy(ndarray: Any) -> Tensor:
    """A tensor over the array's own memory: writing to one writes to the other.

    Raises:
        TypeError: not an array, or of a dtype that tensors do not have.
    """
    if not isinstance(ndarray, np.ndarray):
        raise DTypeError(f"from_numpy: expected np.ndarray (got {type(ndarray).__name__})")
    dtypes.of(ndarray)
    return wrap(ndarray)  # type: ignore[no-any-return]


def zeros(*size: Any, out: Any = None, dtype: Any = None, layout: Any = None, device: Any = None, pin_memory: bool = False, requires_grad: bool = False) -> Tensor:
    """A tensor of zeros."""
    check_device(device)
    return finish(np.zeros(sizes(size), _dtype(dtype)), requires_grad)


def ones(*size: Any, out: Any = None, dtype: Any = None, layout: Any = None, device: Any = None, pin_memory: bool = False, requires_grad: bool = False) -> Tensor:
    """A tensor of ones."""
    check_device(device)
    return finish(np.ones(sizes(size), _dtype(dtype)), requires_grad)


@numpy_name("zeros_like")
def zeros_like(input: Tensor, *, dtype: Any = None, layout: Any = None, device: Any = None, requires_grad: bool = False, memory_format: Any = None, shape: Any = None) -> Tensor:
    """Zeros of the shape and dtype of `input`."""
    check_device(device)
    kind = input._array.dtype if dtype is None else _dtype(dtype)
    return finish(np.zeros(input._array.shape if shape is None else shape, kind), requires_grad)


@numpy_name("zeros")
def _zeros_for_definitions(shape: Any, dtype: Any = None, *, like: Any = None) -> Tensor:
    return zeros(shape, dtype=dtype)


def legacy_array(data: tuple[Any, ...], kind: dtypes.dtype) -> Array:
    """What `Tensor(2, 3)` (a shape) and `Tensor([2, 3])` (values) hold."""
    if len(data) == 1 and not isinstance(data[0], int):
        return np.array(_array_from(data[0]), dtype=kind.numpy)
    return np.zeros(sizes(data) if data else (0,), kind.numpy)


def parse_to(args: tuple[Any, ...], kwargs: dict[str, Any]) -> tuple[dtypes.dtype | None, bool, Any]:
    """The dtype, copy flag and memory format in the arguments of `Tensor.to` and `Module.to`.

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
        if isinstance(arg, dtypes.dtype) or arg in (float, int, bool):
            kind = dtypes.as_dtype(arg)
        elif isinstance(arg, TensorBase):
            kind = dtypes.of(arg._array)
        elif isinstance(arg, (str, device, int)):
            where = arg
        elif isinstance(arg, memory_format):
            format_ = arg
        elif arg is not None:
            raise DTypeError(f"to: expected a dtype, device or tensor, got {type(arg).__name__}")
    if known:
        raise DTypeError(f"to: unexpected keyword arguments {sorted(known)}")
    check_device(where)
    return None if kind is None else dtypes.as_dtype(kind), copy or (len(flags) > 1 and flags[1]), format_
