"""Making tensors like another: zeros_like and its kin, and the methods new_zeros and its kin."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np

from .. import dtypes
from ..autograd.tape import TensorBase
from ..device import check_device
from .conversion import CHANNELS_LAST_RANK, check_layout, in_format, preserve_format
from .creation import empty, empty_strided, finish, full, legacy_array, np_dtype, ones, tensor, zeros
from .numpy_protocol import numpy_name

if TYPE_CHECKING:
    from ..tensor import Tensor

Array = Any


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
    where = None if device is None else check_device(device)
    check_layout(layout, name)
    array = input._array
    kind = array.dtype if dtype is None else np_dtype(dtype)
    if format_ is None or format_ is preserve_format:
        made = finish(make(array, kind, shape), requires_grad, where)
        if input._layout_kept and shape is None:
            made._layout_kept = True
        return made
    made = finish(in_format(np.ascontiguousarray(make(array, kind, shape)), format_), requires_grad, where)
    made._layout_kept = format_ in CHANNELS_LAST_RANK
    return made


def _zeros(a: Array, kind: Any, shape: Any) -> Array:
    """NumPy's zeros_like, which writes every element; in C order fresh memory is left as it is where it is 0."""
    if type(a) is np.ndarray and shape is None and a.flags.c_contiguous:
        return np.zeros(a.shape, kind)
    return np.zeros_like(a, kind, shape=shape)


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
        _zeros,
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
        lambda a, k, s: np.full_like(a, np.asarray(value).astype(k)[()], k, shape=s),
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
    return zeros(shape, dtype=dtype, device=None if like is None else like.device)


def _new_kind(self: Tensor, dtype: Any) -> Any:
    return dtypes.of(self._array) if dtype is None else dtype


def _new_place(self: Tensor, device: Any) -> Any:
    return self.device if device is None else device


def new(self: Tensor, *data: Any, device: Any = None) -> Tensor:
    """An old form of `new_empty(sizes)` and `new_tensor(values)`."""
    return finish(legacy_array(data, dtypes.of(self._array)), False, check_device(_new_place(self, device)))


def new_zeros(
    self: Tensor,
    *sizes_: Any,
    size: Any = None,
    dtype: Any = None,
    device: Any = None,
    requires_grad: bool = False,
    layout: Any = None,
    pin_memory: bool = False,
) -> Tensor:
    """Zeros of the dtype of this tensor."""
    return zeros(
        *sizes_,
        size=size,
        dtype=_new_kind(self, dtype),
        device=_new_place(self, device),
        requires_grad=requires_grad,
        layout=layout,
    )


def new_ones(
    self: Tensor,
    *sizes_: Any,
    size: Any = None,
    dtype: Any = None,
    device: Any = None,
    requires_grad: bool = False,
    layout: Any = None,
    pin_memory: bool = False,
) -> Tensor:
    """Ones of the dtype of this tensor."""
    return ones(
        *sizes_,
        size=size,
        dtype=_new_kind(self, dtype),
        device=_new_place(self, device),
        requires_grad=requires_grad,
        layout=layout,
    )


def new_empty(
    self: Tensor,
    *sizes_: Any,
    size: Any = None,
    dtype: Any = None,
    device: Any = None,
    requires_grad: bool = False,
    layout: Any = None,
    pin_memory: bool = False,
) -> Tensor:
    """An uninitialised tensor of the dtype of this tensor."""
    return empty(
        *sizes_,
        size=size,
        dtype=_new_kind(self, dtype),
        device=_new_place(self, device),
        requires_grad=requires_grad,
        layout=layout,
    )


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
        size,
        fill_value,
        dtype=_new_kind(self, dtype),
        device=_new_place(self, device),
        requires_grad=requires_grad,
        layout=layout,
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
    return tensor(data, dtype=_new_kind(self, dtype), device=_new_place(self, device), requires_grad=requires_grad)


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
        size,
        stride,
        dtype=_new_kind(self, dtype),
        device=_new_place(self, device),
        requires_grad=requires_grad,
        layout=layout,
    )
