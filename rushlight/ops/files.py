"""Tensors in the memory of a file: `from_file`."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

import numpy as np

from .. import dtypes
from ..errors import OperatorError
from .creation import finish, np_dtype

if TYPE_CHECKING:
    from ..tensor import Tensor


def from_file(
    filename: str | os.PathLike[str],
    shared: bool | None = None,
    size: int = 0,
    *,
    dtype: Any = None,
    layout: Any = None,
    device: Any = None,
    requires_grad: bool = False,
    pin_memory: bool = False,
) -> Tensor:
    """A 1-d tensor whose memory is the beginning of a file.

    Args:
        shared: writes to the tensor go to the file, which is made, or made longer, as needed; else they stay here.
        size: how many elements.
        dtype: the default dtype for None.

    Raises:
        RuntimeError: the file is not there or too short, without `shared`.
    """
    kind = np_dtype(dtypes.get_default_dtype() if dtype is None else dtype)
    needed, path = size * kind.itemsize, os.fspath(filename)
    if shared:
        _lengthen(path, needed)
    elif not os.path.exists(path):
        raise OperatorError(f"from_file: unable to open file <{path}> in read-only mode: No such file or directory (2)")
    elif os.path.getsize(path) < needed:
        raise OperatorError(
            f"from_file: file <{path}> size <{os.path.getsize(path)}> is smaller than the required mapping size "
            f"<{needed}>"
        )
    if not size:
        return finish(np.empty(0, kind), requires_grad)
    return finish(np.asarray(np.memmap(path, kind, "r+" if shared else "c", shape=(size,))), requires_grad)


def _lengthen(path: str, size: int) -> None:
    with open(path, "ab") as file:
        if file.tell() < size:
            file.truncate(size)
