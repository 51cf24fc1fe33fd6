"""Making tensors: from Python and NumPy data, filled with one value; and questions about what was made."""

from __future__ import annotations

from collections.abc import Iterator
from functools import reduce
from typing import TYPE_CHECKING, Any

import numpy as np

from .. import dtypes
from ..autograd.tape import TensorBase, touch, wrap
from ..device import CPU, check_device, chosen
from ..device import device as Device
from ..errors import ArgumentError, DTypeError, OperatorError
from ..kernels.arrays import with_strides
from ..kernels.places import device_of, made, moved
from .conversion import CHANNELS_LAST_RANK, check_layout, in_format
from .dims import sizes
from .moving import to_device
from .promotion import cast, is_array
from .promotion import result_type as promoted

if TYPE_CHECKING:
    from ..tensor import Tensor

Array = Any


def finish(array: Array, requires_grad: bool, where: Device | None = None) -> Tensor:
    """A new leaf, on that device."""
    tensor: Tensor = wrap(array if where is None else moved(array, where))
    return tensor.requires_grad_() if requires_grad else tensor


def np_dtype(kind: Any) -> np.dtype[Any]:
    return (dtypes.get_default_dtype() if kind is None else dtypes.as_dtype(kind)).numpy


# ---------------------------------------------------------------------------------------------------------- from data


def _array_from(data: Any) -> Array:
    """Nested data as an array that holds it exactly."""
    if isinstance(data, TensorBase):
        return moved(data._array, CPU)
    if isinstance(data, (np.ndarray, np.generic)):
        return np.asarray(data)
    if isinstance(_first(data), (TensorBase, np.generic)):
        return _of_numbers(data)
    nested = [_array_from(d) for d in data] if _holds_arrays(data) and isinstance(data, (list, tuple)) else data
    if not isinstance(nested, (list, tuple, int, float, complex)) and hasattr(nested, "__array__"):
        return np.asarray(nested)
    try:
        array = np.array(nested)
    except (ValueError, OverflowError) as why:
        if isinstance(why, ValueError) and any(isinstance(leaf, TensorBase) for leaf in _leaves(data)):
            return _of_numbers(data)
        raise ArgumentError(f"tensor: {why}") from None
    if array.dtype.kind == "O":
        raise OperatorError(f"tensor: Could not infer dtype of {type(_first(data)).__name__}; give it numbers")
    if array.dtype.kind in "USV" and array.dtype not in dtypes._BY_NUMPY:
        raise DTypeError(f"tensor: cannot make a tensor from {type(data).__name__} holding {array.dtype.name} values")
    return array


def _first(data: Any) -> Any:
    """The first entry of the innermost lists."""
    while isinstance(data, (list, tuple)) and data:
        data = data[0]
    return data


def _holds_arrays(data: Any) -> bool:
    """Whether Tensors or arrays are nested in the lists (looking at first entries only, as data is regular)."""
    return isinstance(_first(data), (TensorBase, np.ndarray, np.generic))


def _leaves(data: Any) -> Iterator[Any]:
    """Everything in the lists that is no list."""
    if isinstance(data, (list, tuple)):
        for entry in data:
            yield from _leaves(entry)
    else:
        yield data


def _of_numbers(data: Any) -> Array:
    """Nested lists of numbers and Tensors. torch: a Tensor in a list is a number, whatever its number of dimensions."""
    kind = reduce(dtypes.promote_types, (_kind_of_number(leaf) for leaf in _leaves(data)))
    numbers = _numbers(data)
    try:
        return np.array(numbers, dtype=kind.numpy)
    except ValueError as why:
        raise ArgumentError(f"tensor: {why}") from None


def _kind_of_number(leaf: Any) -> dtypes.dtype:
    return dtypes.of(leaf) if isinstance(leaf, np.generic) else getattr(leaf, "dtype", dtypes.of_scalar(leaf))


def _numbers(data: Any) -> Any:
    """Nested lists with a number in the place of each Tensor."""
    if isinstance(data, (list, tuple)):
        return [_numbers(entry) for entry in data]
    if not isinstance(data, TensorBase):
        return data
    if data._array.size != 1:
        shape = tuple(data._array.shape)
        raise ArgumentError(
            f"tensor: only one element tensors can be converted to Python scalars, not one of shape {shape}; "
            "use stack() to join tensors"
        )
    return data._array.item()


def _kind_of(data: Any, array: Array) -> dtypes.dtype:
    """The dtype that PyTorch would give the data. torch: Python floats become the default dtype."""
    has_own = isinstance(data, np.generic) or hasattr(data, "__array__") or _holds_arrays(data)
    if array.dtype == np.float64 and not has_own:
        return dtypes.get_default_dtype()
    if array.dtype == np.complex128 and not has_own:
        return dtypes.get_default_dtype().to_complex()
    return dtypes.of(array)


def _from_list(data: list[Any], dtype: Any) -> Array | None:
    """The array of a list of Python floats or of Python integers, the usual one; None for any other, or for another
    dtype than the usual ones."""
    types = set(map(type, data))
    wide = dtype in (dtypes.float32, dtypes.float64)
    if types == {float} and (dtype is None or wide):
        return np.array(data, np_dtype(dtype))
    if types != {int} or not (dtype is None or dtype is dtypes.int64 or wide):
        return None
    try:
        whole = np.array(data, np.int64)
    except OverflowError:
        return None
    return whole.astype(np_dtype(dtype)) if wide else whole


def _overflow_checked(data: Any, array: Array, kind: np.dtype[Any]) -> Array:
    """The array in another dtype; Python integers that do not fit are refused."""
    if (
        kind != array.dtype
        and kind.kind in "iu"
        and array.dtype.kind in "iu"
        and isinstance(data, (int, list, tuple))
        and array.size
    ):
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
    where = _place_for(data, device)
    array = _from_list(data, dtype) if type(data) is list else None
    if array is None:
        given = _array_from(data)
        kind = _kind_of(data, given) if dtype is None else dtypes.as_dtype(dtype)
        array = _overflow_checked(data, given, kind.numpy)
    return finish(array, requires_grad, where)


def _place_for(data: Any, device: Any) -> Device:
    """torch: unless told otherwise, a copy of a tensor is where the tensor is."""
    if device is None and isinstance(data, TensorBase) and not chosen:
        return device_of(data._array)
    return check_device(device)


def as_tensor(data: Any, dtype: Any = None, device: Any = None) -> Tensor:
    """`data` as a tensor: itself if it is one, over the same memory if it is a NumPy array, else a copy."""
    where = _place_for(data, device)
    if not isinstance(data, (TensorBase, np.ndarray)):
        return tensor(data, dtype=dtype, device=where)
    there = to_device(from_numpy(data) if isinstance(data, np.ndarray) else data, where)  # type: ignore[arg-type]
    return there if dtype is None else cast(there, dtypes.as_dtype(dtype))


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
        found = frombuffer(obj, dtype=dtypes.get_default_dtype() if dtype is None else dtype)
        found = to_device(found, device)
    else:
        found = as_tensor(obj, dtype, device)
    source = getattr(obj, "_array", obj)
    shared = is_array(source) and device_of(source) == found.device and np.shares_memory(found._array, source)
    if copy is False and not shared and found.numel():
        raise ArgumentError("asarray: can't share the memory of obj (copy=False)")
    if copy and shared:
        found = found.clone()
    if requires_grad != found.requires_grad:
        found = found.detach().requires_grad_(requires_grad)
    return found


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
    tensor: Tensor = wrap(ndarray)
    if not ndarray.flags.c_contiguous:
        tensor._layout_kept = True
    return tensor


def frombuffer(buffer: Any, *, dtype: Any, count: int = -1, offset: int = 0, requires_grad: bool = False) -> Tensor:
    """A 1-d tensor over the memory of a bytes-like object.

    Args:
        count: how many elements, all by default.
        offset: where to begin, in bytes.
    """
    try:
        return finish(np.frombuffer(buffer, np_dtype(dtype), count, offset), requires_grad)
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


def placed(out: Any, array: Array, name: str) -> Tensor:
    """`out` holding the array."""
    if out._array.shape != array.shape:
        out._array = np.empty_like(out._array, shape=array.shape)
    np.copyto(out._array, moved(array, device_of(out._array)), casting="unsafe")
    touch(out._array)
    return out


def _filled(
    size: tuple[Any, ...],
    out: Any,
    dtype: Any,
    layout: Any,
    device: Any,
    requires_grad: bool,
    name: str,
    *value: Any,
    format_: Any = None,
) -> Tensor:
    """What zeros, ones, empty and full have in common."""
    where = check_device(device) if out is None else out.device
    check_layout(layout, name)
    shape = sizes(size)
    kind = out._array.dtype if out is not None and dtype is None else np_dtype(dtype)
    try:
        array = made(name, shape, kind, where, *value)
    except ValueError:
        raise OperatorError(
            f"{name}: Trying to create tensor with negative dimension {min(shape)}: {list(shape)}"
        ) from None
    if out is not None:
        return placed(out, array, name)
    tensor = finish(in_format(array, format_), requires_grad, where)
    if format_ in CHANNELS_LAST_RANK:
        tensor._layout_kept = True
    return tensor


def zeros(
    *sizes_: Any,
    size: Any = None,
    out: Any = None,
    dtype: Any = None,
    layout: Any = None,
    device: Any = None,
    pin_memory: bool = False,
    requires_grad: bool = False,
) -> Tensor:
    """A tensor of zeros."""
    return _filled(sizes_ if size is None else (size,), out, dtype, layout, device, requires_grad, "zeros")


def ones(
    *sizes_: Any,
    size: Any = None,
    out: Any = None,
    dtype: Any = None,
    layout: Any = None,
    device: Any = None,
    pin_memory: bool = False,
    requires_grad: bool = False,
) -> Tensor:
    """A tensor of ones."""
    return _filled(sizes_ if size is None else (size,), out, dtype, layout, device, requires_grad, "ones")


def empty(
    *sizes_: Any,
    size: Any = None,
    out: Any = None,
    dtype: Any = None,
    layout: Any = None,
    device: Any = None,
    requires_grad: bool = False,
    pin_memory: bool = False,
    memory_format: Any = None,
) -> Tensor:
    """A tensor whose elements are whatever was in memory."""
    shape = sizes_ if size is None else (size,)
    return _filled(shape, out, dtype, layout, device, requires_grad, "empty", format_=memory_format)


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
    where = check_device(device)
    check_layout(layout, "empty_strided")
    shape, steps = sizes((size,)), sizes((stride,))
    room = 1 + sum((n - 1) * s for n, s in zip(shape, steps)) if 0 not in shape else 0
    memory = made("empty", (room,), np_dtype(dtype), where)
    tensor = finish(with_strides(memory, shape, steps, 0), requires_grad, where)
    tensor._layout_kept = True
    return tensor


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
    where = check_device(device)
    check_layout(layout, "empty_permuted")
    shape, order = sizes((size,)), sizes((physical_layout,))
    if sorted(order) != list(range(len(shape))):
        raise OperatorError(
            f"empty_permuted: physical_layout {list(order)} is not a permutation of the {len(shape)} dimensions"
        )
    memory = made("empty", tuple(shape[d] for d in order), np_dtype(dtype), where)
    tensor = finish(memory.transpose(np.argsort(order).tolist()), requires_grad, where)
    tensor._layout_kept = True
    return tensor


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
    given = fill_value if isinstance(fill_value, TensorBase) else value
    kind = _kind_of_value(given) if dtype is None else np_dtype(dtype)
    number = np.asarray(value).astype(kind)[()]
    return _filled((size,), out, dtypes.as_dtype(kind), layout, device, requires_grad, "full", number)


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
