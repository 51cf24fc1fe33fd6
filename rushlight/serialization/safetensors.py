"""State dicts as safetensors files, which hold arrays and text and can run no code."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from .. import dtypes
from ..autograd.tape import TensorBase, wrap
from ..errors import DTypeError, OperatorError
from ..kernels.arrays import host
from .atomic import write_atomically

if TYPE_CHECKING:
    from ..tensor import Tensor

# What the format calls the dtypes it has.
_DTYPES = {
    **{f"F{bits}": dtypes.find(f"float{bits}") for bits in (16, 32, 64)},
    **{f"I{bits}": dtypes.find(f"int{bits}") for bits in (8, 16, 32, 64)},
    **{f"U{bits}": dtypes.find(f"uint{bits}") for bits in (8, 16, 32, 64)},
    "BF16": dtypes.bfloat16,
    "F8_E4M3": dtypes.float8_e4m3fn,
    "F8_E5M2": dtypes.float8_e5m2,
    "BOOL": dtypes.bool,
    "C64": dtypes.complex64,
}


def save_safetensors(
    tensors: Mapping[str, Tensor], path: str | os.PathLike[str], metadata: Mapping[str, str] | None = None
) -> None:
    """Writes named tensors, such as `model.state_dict()`, to a safetensors file.

    Args:
        tensors: of any dtype but complex128; gradients and the graph are left out.
        metadata: text to store with them.

    Raises:
        TypeError: a value is no Tensor, or of a dtype that the format lacks. OSError: it cannot be written.

    Example:
        >>> save_safetensors({"weight": rushlight.ones(2)}, "w.safetensors")
        >>> load_safetensors("w.safetensors")
        {'weight': tensor([1., 1.])}
    """
    from safetensors.numpy import save  # a compiled library, not needed to import rushlight

    arrays = {name: _array_to_save(name, tensor) for name, tensor in tensors.items()}
    data = save(arrays, metadata=None if metadata is None else dict(metadata))
    write_atomically(path, lambda file: file.write(data))


def _array_to_save(name: str, tensor: Any) -> Any:
    if not isinstance(tensor, TensorBase):
        raise DTypeError(f"save_safetensors: {name!r} is a {type(tensor).__name__}, not a Tensor")
    if dtypes.of(tensor._array) not in _DTYPES.values():
        kinds = ", ".join(kind.name for kind in _DTYPES.values())
        raise DTypeError(
            f"save_safetensors: {name!r} has dtype {tensor._array.dtype}, which the format lacks; it has {kinds}"
        )
    return np.array(host(tensor._array), order="C")


def load_safetensors(path: str | os.PathLike[str]) -> dict[str, Tensor]:
    """The tensors of a safetensors file by name, in memory of their own.

    Raises:
        FileNotFoundError: no such file. RuntimeError: it is damaged or no safetensors file.
    """
    from safetensors import SafetensorError, deserialize

    data = Path(path).read_bytes()
    try:
        parts = deserialize(data)  # type: ignore[no-untyped-call]
    except SafetensorError as why:
        raise OperatorError(f"load_safetensors: {os.fspath(path)!r} is not a whole safetensors file: {why}") from None
    return {name: wrap(_loaded_array(part)) for name, part in parts}


def _loaded_array(part: Mapping[str, Any]) -> Any:
    kind = _DTYPES[part["dtype"]].numpy
    return np.frombuffer(part["data"], dtype=kind).reshape(part["shape"]).copy()
