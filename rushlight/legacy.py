"""PyTorch's old names of tensors by element type: `FloatTensor(2, 3)`, `LongTensor([1, 2])`, `isinstance(x,
BoolTensor)`."""

from __future__ import annotations

from typing import Any

from . import dtypes
from .autograd.tape import TensorBase, wrap
from .ops.conversion import dtype_from_name
from .ops.creation import legacy_array


class TensorType(type):
    """The class of these names: calling one makes a plain Tensor, and isinstance asks for the dtype."""

    dtype: dtypes.dtype

    def __call__(cls, *data: Any, device: Any = None) -> Any:
        return wrap(legacy_array(data, cls.dtype))

    def __instancecheck__(cls, instance: Any) -> bool:
        return isinstance(instance, TensorBase) and instance._array.dtype == cls.dtype.numpy


def _named(name: str, kind: dtypes.dtype) -> Any:
    return TensorType(
        name, (), {"dtype": kind, "__module__": "torch", "__doc__": f"Tensors of {kind}, by their old name."}
    )


FloatTensor = _named("FloatTensor", dtypes.float32)
DoubleTensor = _named("DoubleTensor", dtypes.float64)
HalfTensor = _named("HalfTensor", dtypes.float16)
BFloat16Tensor = _named("BFloat16Tensor", dtypes.bfloat16)
ByteTensor = _named("ByteTensor", dtypes.uint8)
CharTensor = _named("CharTensor", dtypes.int8)
ShortTensor = _named("ShortTensor", dtypes.int16)
IntTensor = _named("IntTensor", dtypes.int32)
LongTensor = _named("LongTensor", dtypes.int64)
BoolTensor = _named("BoolTensor", dtypes.bool)


def set_default_tensor_type(t: Any) -> None:
    """`set_default_dtype` by the old name of a tensor type."""
    dtypes.set_default_dtype(dtype_from_name(t))
