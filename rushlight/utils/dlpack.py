"""Tensors shared with other libraries through DLPack, without a copy."""

from __future__ import annotations

from typing import Any

import numpy as np

from .. import gpu
from ..autograd.tape import wrap
from ..device import check_device
from ..kernels.places import device_of, moved

__all__ = ["from_dlpack", "to_dlpack"]

_GPU = 2  # kDLCUDA


def from_dlpack(ext_tensor: Any, *, device: Any = None, copy: bool | None = None) -> Any:
    """A tensor in the memory of an array of another library (anything with `__dlpack__`).

    Args:
        device: where the tensor is to be; None for where the array is.
        copy: True makes a copy, False and None share the memory.

    Raises:
        BufferError: it lies elsewhere, and `copy=False` refuses a copy.

    Example:
        >>> a = np.ones(2, np.float32)
        >>> t = rushlight.from_dlpack(a)
        >>> t[0] = 5
        >>> a.tolist()
        [5.0, 1.0]
    """
    array = ext_tensor.detach()._pin() if hasattr(ext_tensor, "_array") else _imported(ext_tensor)
    there = array if device is None else moved(array, check_device(device))
    if there is not array and copy is False:
        raise BufferError(f"from_dlpack: the array is on {device_of(array)}, not on {device}, and copy=False")
    return wrap(there.copy() if copy and there is array else there)


def _imported(ext_tensor: Any) -> Any:
    """torch: an array that may not be written to is taken all the same."""
    if isinstance(ext_tensor, np.ndarray):
        return ext_tensor
    if ext_tensor.__dlpack_device__()[0] != _GPU:
        return np.from_dlpack(ext_tensor)
    check_device("cuda")
    return gpu.cupy().from_dlpack(ext_tensor)


def to_dlpack(tensor: Any) -> Any:
    """A capsule for libraries of before `__dlpack__`."""
    return tensor.__dlpack__()
