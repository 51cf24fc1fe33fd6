"""Making tensors: from Python and NumPy data, filled, ranges, like another."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np

from .. import dtypes
from ..autograd.tape import TensorBase, touch, wrap
from ..device import check_device
from ..errors import ArgumentError, DTypeError, OperatorError
from .conversion import CHANNELS_LAST_RANK, check_layout, in_format, preserve_format
from .conversion import parse_to as parse_to
from .numpy_protocol import numpy_name
from .promotion import cast
from .promotion import result_type as promoted
from .shape import sizes

if TYPE_CHECKING:
    from ..tensor import Tensor

Array = Any


def finish(array: Array, requires_grad: bool) -> Tensor:
    """A new leaf."""
    tensor: Tensor = wrap(array)
    return tensor.requires_grad_() if requires_grad else tensor


def _dtype(kind: Any) -> np.dtype[Any]:
    return (dtypes.get_default_dtype() if kind is None else dtypes.as_dtype(kind)).numpy


# ---------------------------------------------------------------------------------------------------------- from data


def _array_from(data: Any) -> Array:
    """Nested data as an array in the dtype that PyTorch would give it. torch: Python floats become the default
    dtype."""
    if isinstance(data, TensorBase):
        return data._array
    if isinstance(data, (np.ndarray, np.generic)):
        return np.asarray(data)
    holds_arrays = _holds_arrays(data)
    nested = [_array_from(d) for d in data] if holds_arrays and isinstance(data, (list, tuple)) else data
    if not isinstance(nested, (list, tuple, int, float, complex)) and hasattr(nested, "__array__"):
        return np.asarray(nested)
    try:
        array = np.array(nested)
    except (ValueError, OverflowError) as why:
        raise ArgumentError(f"tensor: {why}") from None
    if array.dtype.kind in "OUSV" and array.dtype not in dtypes._BY_NUMPY:
        raise DTypeError(f"tensor: cannot make a tensor from {type(data).__name__} holding {array.dtype.name} values")
    if array.dtype == np.float64 and not holds_arrays:
        return array.astype(dtypes.get_default_dtype().numpy)
    if array.dtype == np.complex128 and not holds_arrays:
        return array.astype(dtypes.get_default_dtype().to_complex().numpy)
    return array


def _holds_arrays(data: Any) -> bool:
    """Whether Tensors or arrays are nested in the lists (looking at first entries only, as data is regular)."""
    while isinstance(data, (list, tuple)) and data:
        data = data[0]
    return isinstance(data, (TensorBase, np.ndarray, np.generic)) and type(data) is not np.float64


def _overflow_checked(data: Any, array: Array, kind: np.dtype[Any]) -> Array:
    """The array in another dtype; Python integers that do not fit are refused."""
    if kind.kind in "iu" and array.dtype.kind in "iu" and isinstance(data, (int, list, tuple)) and array.size:
        limits = np.iinfo(kind)
        if array.min() < limits.min or array.max() > limits.max:
            raise OperatorError(f"tensor: value cannot be converted to type {kind.name} without overflow")
    return np.array(array, dtype=kind, order="C")


def tensor(
    data: Any, *, dtype: Any = None, device: Any = None, requires_grad: bool = False, pin_memory: bool = False
) -> Tensor:
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
    kind = dtypes.of(array) if dtype is None else dtypes.as_dtype(dtype)
    return finish(_overflow_checked(data, array, kind.numpy), requires_grad)


def as_tensor(data: Any, dtype: Any = None, device: Any = None) -> Tensor:
    """`data` as a tensor: itself if it is one, over the same memory if it is a NumPy array, else a copy."""
    check_device(device)
    if isinstance(data, TensorBase):
        return cast(data, dtypes.as_dtype(dtype)) if dtype is not None else data  # type: ignore[return-value]
    if isinstance(data, np.ndarray):
        made = from_numpy(data)
        return made if dtype is None else cast(made, dtypes.as_dtype(dtype))
    return tensor(data, dtype=dtype)


def asarray(
    obj: Any, *, dtype: Any = None, device: Any = None, copy: bool | None = None, requires_grad: bool = False
) -> Tensor:
    """`obj` as a tensor, over the same memory where that is possible.

    Args:
        copy: True for a copy in any case; False to refuse making one.

    Raises:
        ValueError: `copy=False` but the memory cannot be shared.
    """
    if isinstance(obj, (bytes, bytearray, memoryview)):
        made = frombuffer(obj, dtype=dtypes.get_default_dtype() if dtype is None else dtype)
    else:
        made = as_tensor(obj, dtype, device)
    shared = isinstance(obj, (TensorBase, np.ndarray)) and np.shares_memory(made._array, getattr(obj, "_array", obj))
    if copy is False and not shared and made.numel():
        raise ArgumentError("asarray: can't share the memory of obj (copy=False)")
    if copy and shared:
        made = made.clone()
    if requires_grad != made.requires_grad:
        made = made.detach().requires_grad_(requires_grad)
    return made


def from_numpy(ndarray: Any) -> Tensor:
    """A tensor over the array's own memory: writing to one writes to the other.

    Raises:
        TypeError: not an array, or of a dtype that tensors do not have.
    """
    if not isinstance(ndarray, np.ndarray):
        raise DTypeError(f"from_numpy: expected np.ndarray (got {type(ndarray).__name__})")
    dtypes.of(ndarray)
    if any(s < 0 for s in ndarray.strides):
        raise ArgumentError(
            "from_numpy: At least one stride in the given numpy array is negative, and tensors with negative strides "
            "are not currently supported. (You can probably work around this by making a copy of your array with "
            "array.copy().)"
        )
    made: Tensor = wrap(ndarray)
    if not ndarray.flags.c_contiguous:
        made._layout_kept = True
    return made


def frombuffer(buffer: Any, *, dtype: Any, count: int = -1, offset: int = 0, requires_grad: bool = False) -> Tensor:
    """A 1-d tensor over the memory of a bytes-like object.

    Args:
        count: how many elements, all by default.
        offset: where to begin, in bytes.
    """
    try:
        return finish(np.frombuffer(buffer, _dtype(dtype), count, offset), requires_grad)
    except ValueError as why:
        raise ArgumentError(f"frombuffer: {why}") from None


def scalar_tensor(
    s: Any,
    *,
    dtype: Any = None,
    layout: Any = None,
    device: Any = None,
    requires_grad: bool = False,
    pin_memory: bool = False,
) -> Tensor:
    """A 0-d tensor of the default dtype (or `dtype`)."""
    return full(
        (),
        s,
        dtype=dtypes.get_default_dtype() if dtype is None else dtype,
        layout=layout,
        device=device,
        requires_grad=requires_grad,
    )


# --------------------------------------------------------------------------------------------------------- one value


def _placed(out: Any, array: Array, name: str) -> Tensor:
    """`out` holding the array."""
    if out._array.shape != array.shape:
        out._array = np.empty(array.shape, out._array.dtype)
    np.copyto(out._array, array, casting="unsafe")
    touch(out._array)
    return out


def _filled(
    make: Callable[..., Array],
    size: tuple[Any, ...],
    out: Any,
    dtype: Any,
    layout: Any,
    device: Any,
    requires_grad: bool,
    name: str,
    format_: Any = None,
) -> Tensor:
    """What zeros, ones and empty have in common."""
    if device is not None:
        check_device(device)
    check_layout(layout, name)
    shape = sizes(size)
    kind = out._array.dtype if out is not None and dtype is None else _dtype(dtype)
    try:
        array = make(shape, kind)
    except ValueError:
        raise OperatorError(
            f"{name}: Trying to create tensor with negative dimension {min(shape)}: {list(shape)}"
        ) from None
    if out is not None:
        return _placed(out, array, name)
    made = finish(in_format(array, format_), requires_grad)
    if format_ in CHANNELS_LAST_RANK:
        made._layout_kept = True
    return made


def zeros(
    *size: Any,
    out: Any = None,
    dtype: Any = None,
    layout: Any = None,
    device: Any = None,
    pin_memory: bool = False,
    requires_grad: bool = False,
) -> Tensor:
    """A tensor of zeros."""
    return _filled(np.zeros, size, out, dtype, layout, device, requires_grad, "zeros")


def ones(
    *size: Any,
    out: Any = None,
    dtype: Any = None,
    layout: Any = None,
    device: Any = None,
    pin_memory: bool = False,
    requires_grad: bool = False,
) -> Tensor:
    """A tensor of ones."""
    return _filled(np.ones, size, out, dtype, layout, device, requires_grad, "ones")


def empty(
    *size: Any,
    out: Any = None,
    dtype: Any = None,
    layout: Any = None,
    device: Any = None,
    requires_grad: bool = False,
    pin_memory: bool = False,
    memory_format: Any = None,
) -> Tensor:
    """A tensor whose elements are whatever was in memory."""
    return _filled(np.empty, size, out, dtype, layout, device, requires_grad, "empty", memory_format)


def empty_strided(
    size: Any,
    stride: Any,
    *,
    dtype: Any = None,
    layout: Any = None,
    device: Any = None,
    requires_grad: bool = False,
    pin_memory: bool = False,
) -> Tensor:
    """An uninitialised tensor with these strides (in elements)."""
    check_device(device)
    check_layout(layout, "empty_strided")
    shape, steps = sizes((size,)), sizes((stride,))
    room = 1 + sum((n - 1) * s for n, s in zip(shape, steps)) if 0 not in shape else 0
    memory = np.empty(room, _dtype(dtype))
    made = finish(np.ndarray(shape, memory.dtype, memory, 0, [s * memory.itemsize for s in steps]), requires_grad)
    made._layout_kept = True
    return made


def empty_permuted(
    size: Any,
    physical_layout: Any,
    *,
    dtype: Any = None,
    layout: Any = None,
    device: Any = None,
    requires_grad: bool = False,
    pin_memory: bool = False,
) -> Tensor:
    """An uninitialised dense tensor whose dimensions lie in memory in the order `physical_layout`, outermost first."""
    check_device(device)
    check_layout(layout, "empty_permuted")
    shape, order = sizes((size,)), sizes((physical_layout,))
    if sorted(order) != list(range(len(shape))):
        raise OperatorError(
            f"empty_permuted: physical_layout {list(order)} is not a permutation of the {len(shape)} dimensions"
        )
    made = finish(np.empty([shape[d] for d in order], _dtype(dtype)).transpose(np.argsort(order)), requires_grad)
    made._layout_kept = True
    return made


def _kind_of_value(value: Any) -> np.dtype[Any]:
    """torch: `full` takes its dtype from the value: bool, int64, the default dtype or its complex one."""
    return dtypes.of_scalar(value).numpy if not isinstance(value, TensorBase) else value._array.dtype


def full(
    size: Any,
    fill_value: Any,
    *,
    out: Any = None,
    dtype: Any = None,
    layout: Any = None,
    device: Any = None,
    requires_grad: bool = False,
    pin_memory: bool = False,
) -> Tensor:
    """A tensor of one value, by default of the value's dtype."""
    value = fill_value.item() if isinstance(fill_value, (TensorBase, np.generic)) else fill_value  # type: ignore[union-attr]
    kind = (
        _kind_of_value(fill_value if isinstance(fill_value, TensorBase) else value) if dtype is None else _dtype(dtype)
    )
    return _filled(
        lambda shape, k: np.full(shape, np.asarray(value).astype(k), k),
        (size,),
        out,
        dtypes.as_dtype(kind),
        layout,
        device,
        requires_grad,
        "full",
    )


# ----------------------------------------------------------------------------------------------------- like another


def _like(
    input: Tensor,
    make: Callable[..., Array],
    dtype: Any,
    layout: Any,
    device: Any,
    requires_grad: bool,
    format_: Any,
    name: str,
    shape: Any = None,
) -> Tensor:
    """A new tensor of the shape, dtype and (unless another format is asked for) memory order of `input`."""
    if device is not None:
        check_device(device)
    check_layout(layout, name)
    array = input._array
    kind = array.dtype if dtype is None else _dtype(dtype)
    if format_ is None or format_ is preserve_format:
        made = finish(make(array, kind, shape), requires_grad)
        if input._layout_kept and shape is None:
            made._layout_kept = True
        return made
    made = finish(in_format(np.ascontiguousarray(make(array, kind, shape)), format_), requires_grad)
    made._layout_kept = format_ in CHANNELS_LAST_RANK
    return made


@numpy_name("zeros_like")
def zeros_like(
    input: Tensor,
    dtype: Any = None,
    *,
    layout: Any = None,
    device: Any = None,
    requires_grad: bool = False,
    memory_format: Any = None,
    pin_memory: bool = False,
    shape: Any = None,
) -> Tensor:
    """Zeros of the shape and dtype of `input`."""
    return _like(
        input,
        lambda a, k, s: np.zeros_like(a, k, shape=s),
        dtype,
        layout,
        device,
        requires_grad,
        memory_format,
        "zeros_like",
        shape,
    )


@numpy_name("ones_like")
def ones_like(
    input: Tensor,
    dtype: Any = None,
    *,
    layout: Any = None,
    device: Any = None,
    requires_grad: bool = False,
    memory_format: Any = None,
    pin_memory: bool = False,
    shape: Any = None,
) -> Tensor:
    """Ones of the shape and dtype of `input`."""
    return _like(
        input,
        lambda a, k, s: np.ones_like(a, k, shape=s),
        dtype,
        layout,
        device,
        requires_grad,
        memory_format,
        "ones_like",
        shape,
    )


@numpy_name("empty_like")
def empty_like(
    input: Tensor,
    dtype: Any = None,
    *,
    layout: Any = None,
    device: Any = None,
    requires_grad: bool = False,
    memory_format: Any = None,
    pin_memory: bool = False,
    shape: Any = None,
) -> Tensor:
    """An uninitialised tensor of the shape and dtype of `input`."""
    return _like(
        input,
        lambda a, k, s: np.empty_like(a, k, shape=s),
        dtype,
        layout,
        device,
        requires_grad,
        memory_format,
        "empty_like",
        shape,
    )


@numpy_name("full_like")
def full_like(
    input: Tensor,
    fill_value: Any,
    dtype: Any = None,
    *,
    layout: Any = None,
    device: Any = None,
    requires_grad: bool = False,
    memory_format: Any = None,
    pin_memory: bool = False,
    shape: Any = None,
) -> Tensor:
    """One value in the shape and dtype of `input`."""
    value = fill_value.item() if isinstance(fill_value, (TensorBase, np.generic)) else fill_value  # type: ignore[union-attr]
    return _like(
        input,
        lambda a, k, s: np.full_like(a, np.asarray(value).astype(k), k, shape=s),
        dtype,
        layout,
        device,
        requires_grad,
        memory_format,
        "full_like",
        shape,
    )


@numpy_name("zeros")
def _zeros_for_definitions(shape: Any, dtype: Any = None, *, like: Any = None) -> Tensor:
    return zeros(shape, dtype=dtype)


def _new_kind(self: Tensor, dtype: Any) -> Any:
    return dtypes.of(self._array) if dtype is None else dtype


def new(self: Tensor, *data: Any, device: Any = None) -> Tensor:
    """An old form of `new_empty(sizes)` and `new_tensor(values)`."""
    check_device(device)
    return wrap(legacy_array(data, dtypes.of(self._array)))


def new_zeros(
    self: Tensor,
    *size: Any,
    dtype: Any = None,
    device: Any = None,
    requires_grad: bool = False,
    layout: Any = None,
    pin_memory: bool = False,
) -> Tensor:
    """Zeros of the dtype of this tensor."""
    return zeros(*size, dtype=_new_kind(self, dtype), device=device, requires_grad=requires_grad, layout=layout)


def new_ones(
    self: Tensor,
    *size: Any,
    dtype: Any = None,
    device: Any = None,
    requires_grad: bool = False,
    layout: Any = None,
    pin_memory: bool = False,
) -> Tensor:
    """Ones of the dtype of this tensor."""
    return ones(*size, dtype=_new_kind(self, dtype), device=device, requires_grad=requires_grad, layout=layout)


def new_empty(
    self: Tensor,
    *size: Any,
    dtype: Any = None,
    device: Any = None,
    requires_grad: bool = False,
    layout: Any = None,
    pin_memory: bool = False,
) -> Tensor:
    """An uninitialised tensor of the dtype of this tensor."""
    return empty(*size, dtype=_new_kind(self, dtype), device=device, requires_grad=requires_grad, layout=layout)


def new_full(
    self: Tensor,
    size: Any,
    fill_value: Any,
    *,
    dtype: Any = None,
    device: Any = None,
    requires_grad: bool = False,
    layout: Any = None,
    pin_memory: bool = False,
) -> Tensor:
    """One value in the dtype of this tensor."""
    return full(
        size, fill_value, dtype=_new_kind(self, dtype), device=device, requires_grad=requires_grad, layout=layout
    )


def new_tensor(
    self: Tensor,
    data: Any,
    *,
    dtype: Any = None,
    device: Any = None,
    requires_grad: bool = False,
    layout: Any = None,
    pin_memory: bool = False,
) -> Tensor:
    """A copy of `data` in the dtype of this tensor."""
    check_layout(layout, "new_tensor")
    return tensor(data, dtype=_new_kind(self, dtype), device=device, requires_grad=requires_grad)


def new_empty_strided(
    self: Tensor,
    size: Any,
    stride: Any,
    *,
    dtype: Any = None,
    device: Any = None,
    requires_grad: bool = False,
    layout: Any = None,
    pin_memory: bool = False,
) -> Tensor:
    """An uninitialised tensor with these strides, of the dtype of this tensor."""
    return empty_strided(
        size, stride, dtype=_new_kind(self, dtype), device=device, requires_grad=requires_grad, layout=layout
    )


# ---------------------------------------------------------------------------------------------------------- ranges


def _number(x: Any) -> Any:
    return x.item() if isinstance(x, (TensorBase, np.generic)) else x  # type: ignore[union-attr]


def arange(
    *bounds: Any,
    start: Any = 0,
    end: Any = None,
    step: Any = 1,
    out: Any = None,
    dtype: Any = None,
    layout: Any = None,
    device: Any = None,
    pin_memory: bool = False,
    requires_grad: bool = False,
) -> Tensor:
    """Numbers from `start` (0) to before `end`, `step` apart: `arange(end)`, `arange(start, end)`, `arange(start,
    end, step)`.

    Integers give int64, floats the default dtype.

    Raises:
        RuntimeError: a zero step, or one that leads away from `end`.

    Example:
        >>> rushlight.arange(1, 4)
        tensor([1, 2, 3])
    """
    check_device(device)
    check_layout(layout, "arange")
    start, end, step = _bounds(bounds, start, end, step, "arange")
    numbers = start, end, step
    if any(isinstance(n, float) and not math.isfinite(n) for n in (start, end)):
        raise OperatorError(f"arange: unsupported range: {start} -> {end}")
    if not step:
        raise OperatorError("arange: step must be nonzero")
    if (end - start) * step < 0:
        raise OperatorError("arange: upper bound and lower bound inconsistent with step sign")
    if dtype is None and out is not None:
        kind = out._array.dtype
    elif dtype is None:
        kind = np.dtype(np.int64) if all(isinstance(n, int) for n in numbers) else dtypes.get_default_dtype().numpy
    else:
        kind = _dtype(dtype)
    exact = all(isinstance(n, int) for n in numbers)
    count = -((start - end) // step) if exact else math.ceil((end - start) / step)
    whole = np.int64 if exact or kind.kind in "iu" else np.float64
    if kind.kind in "iu" and not exact:
        start, step = int(start), int(step)
    array = (start + step * np.arange(count, dtype=whole)).astype(kind)
    return finish(array, requires_grad) if out is None else _placed(out, array, "arange")


def _bounds(bounds: tuple[Any, ...], start: Any, end: Any, step: Any, name: str) -> tuple[Any, Any, Any]:
    given = list(map(_number, bounds))
    start, end, step = _number(start), _number(end), _number(step)
    if len(given) > 3 or (not given and end is None):
        raise DTypeError(f"{name}: expected (end), (start, end) or (start, end, step), got {len(given)} numbers")
    if len(given) == 1 and end is None:
        return start, given[0], step
    values = [*given, *[start, end, step][len(given) :]]
    return values[0], values[1], values[2]


def range_(
    start: Any = 0,
    end: Any = None,
    step: Any = 1,
    *,
    out: Any = None,
    dtype: Any = None,
    layout: Any = None,
    device: Any = None,
    requires_grad: bool = False,
) -> Tensor:
    """Numbers from `start` to `end`, both included. Deprecated in PyTorch in favour of `arange`."""
    start, end, step = _number(start), _number(end), _number(step)
    if not step:
        raise OperatorError("range: step must be nonzero")
    if (end - start) * step < 0:
        raise OperatorError("range: upper bound and lower bound inconsistent with step sign")
    count = math.floor((end - start) / step) + 1
    array = (start + step * np.arange(count)).astype(_dtype(dtype))
    return finish(array, requires_grad) if out is None else _placed(out, array, "range")


def _steps(steps: Any, name: str) -> int:
    steps = _number(steps)
    if not isinstance(steps, int):
        raise DTypeError(f"{name}(): argument 'steps' must be int, not {type(steps).__name__}")
    if steps < 0:
        raise OperatorError(f"{name}: number of steps must be non-negative, got {steps}")
    return steps


def _spaced(start: Any, end: Any, steps: int, kind: np.dtype[Any]) -> Array:
    """torch: the second half is counted back from the end, and integers are truncated."""
    if steps == 1:
        return np.asarray([start]).astype(kind)
    work = (
        np.dtype(np.float64)
        if kind.kind in "iu"
        else kind
        if kind.kind == "c" or kind.itemsize > 2
        else np.dtype(np.float32)
    )
    if kind.kind in "iu":
        start, end = np.float32(start), np.float32(end)
    first, last = (np.asarray(n).astype(work) for n in (start, end))
    step = (last - first) / np.asarray(max(steps - 1, 1), work)
    i = np.arange(steps)
    return np.where(i < steps // 2, first + step * i.astype(work), last - step * (steps - 1 - i).astype(work)).astype(
        kind
    )


def _range_kind(start: Any, end: Any, dtype: Any, out: Any) -> np.dtype[Any]:
    if dtype is None and out is not None:
        return out._array.dtype
    if dtype is None and (isinstance(start, complex) or isinstance(end, complex)):
        return dtypes.get_default_dtype().to_complex().numpy
    return _dtype(dtype)


def linspace(
    start: Any,
    end: Any,
    steps: int,
    *,
    out: Any = None,
    dtype: Any = None,
    layout: Any = None,
    device: Any = None,
    requires_grad: bool = False,
) -> Tensor:
    """`steps` numbers from `start` to `end`, both included, equally far apart."""
    check_device(device)
    check_layout(layout, "linspace")
    start, end = _number(start), _number(end)
    array = _spaced(start, end, _steps(steps, "linspace"), _range_kind(start, end, dtype, out))
    return finish(array, requires_grad) if out is None else _placed(out, array, "linspace")


def logspace(
    start: Any,
    end: Any,
    steps: int,
    base: float = 10.0,
    *,
    out: Any = None,
    dtype: Any = None,
    layout: Any = None,
    device: Any = None,
    requires_grad: bool = False,
) -> Tensor:
    """`base` to the powers `linspace(start, end, steps)`."""
    check_device(device)
    check_layout(layout, "logspace")
    start, end = _number(start), _number(end)
    kind = _range_kind(start, end, dtype, out)
    work = np.dtype(np.float64) if kind.kind != "c" else np.dtype(np.complex128)
    array = np.power(np.asarray(base, work), _spaced(start, end, _steps(steps, "logspace"), work)).astype(kind)
    return finish(array, requires_grad) if out is None else _placed(out, array, "logspace")


def eye(
    n: int,
    m: int | None = None,
    *,
    out: Any = None,
    dtype: Any = None,
    layout: Any = None,
    device: Any = None,
    pin_memory: bool = False,
    requires_grad: bool = False,
) -> Tensor:
    """Ones on the diagonal of an n x m matrix (n x n by default), zeros elsewhere."""
    check_device(device)
    check_layout(layout, "eye")
    for size in (n, m):
        if size is not None and size < 0:
            raise OperatorError(f"eye: n and m must be greater or equal to 0, got {size}")
    array = np.eye(n, m, dtype=out._array.dtype if out is not None and dtype is None else _dtype(dtype))
    return finish(array, requires_grad) if out is None else _placed(out, array, "eye")


def legacy_array(data: tuple[Any, ...], kind: dtypes.dtype) -> Array:
    """What `Tensor(2, 3)` or `Tensor(x.shape)` (a shape) and `Tensor([2, 3])` (values) hold."""
    if len(data) == 1 and not isinstance(data[0], int) and type(data[0]).__name__ != "Size":
        return np.array(_array_from(data[0]), dtype=kind.numpy)
    return np.zeros(sizes(data) if data else (0,), kind.numpy)


# -------------------------------------------------------------------------------------------------- questions of type


def is_tensor(obj: Any) -> bool:
    """Whether `obj` is a tensor."""
    return isinstance(obj, TensorBase)


def is_floating_point(input: Tensor) -> bool:
    """Whether the elements are real floating point numbers."""
    return dtypes.of(input._array).is_floating_point


def is_complex(input: Tensor) -> bool:
    """Whether the elements are complex numbers."""
    return dtypes.of(input._array).is_complex


def numel(input: Tensor) -> int:
    """How many elements there are."""
    return int(input._array.size)


def result_type(tensor1: Any, tensor2: Any) -> dtypes.dtype:
    """The dtype of arithmetic between two tensors or numbers."""
    return promoted(tensor1, tensor2)


def can_cast(from_: dtypes.dtype, to: dtypes.dtype) -> bool:
    """Whether a result of dtype `from_` may be written to a tensor of dtype `to`."""
    return bool(dtypes.can_cast(from_, to))


def fill(input: Tensor, value: Any) -> Tensor:
    """A tensor like `input` with every element `value`, a number or a 0-d tensor, whose gradient is the sum."""
    return input.clone().fill_(value)
