"""Tensors shared with other libraries through DLPack, without a copy."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..autograd.tape import wrap
from ..device import check_device

__all__ = ["from_dlpack", "to_dlpack"]


def from_dlpack(ext_tensor: Any, *, device: Any = None, copy: bool | None = None) -> Any:
    """A tensor in the memory of an array of another library (anything with `__dlpack__`).

    Args:
        device: the CPU, or None.
        copy: True makes a copy, False and None share the memory.

    Example:
        >>> a = np.ones(2, np.float32)
        >>> t = rushlight.from_dlpack(a)
        >>> t[0] = 5
        >>> a.tolist()
        [5.0, 1.0]
    """
    check_device(device)
    array = np.asarray(ext_tensor.numpy()) if hasattr(ext_tensor, "_array") else _imported(ext_tensor)
    return wrap(array.copy() if copy else array)


def _imported(ext_tensor: Any) -> Any:
    """torch: an array that may not be written to is taken all the same."""
    return ext_tensor if isinstance(ext_tensor, np.ndarray) else np.from_dlpack(ext_tensor)


def to_dlpack(tensor: Any) -> Any:
    """A capsule for libraries of before `__dlpack__`."""
    return tensor.__dlpack__()
