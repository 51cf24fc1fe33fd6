"""`rushlight.sparse`: what PyTorch gathers for sparse tensors, as far as it exists here, and their old names."""

from __future__ import annotations

from typing import Any

from . import dtypes
from .autograd.tape import TensorBase
from .legacy import TensorType
from .ops.sparse_coo import is_coo, sparse_coo_tensor
from .ops.sparse_coo import sparse_addmm as addmm
from .ops.sparse_coo import sparse_log_softmax as log_softmax
from .ops.sparse_coo import sparse_mm as mm
from .ops.sparse_coo import sparse_softmax as softmax
from .ops.sparse_coo import sparse_sum as sum

__all__ = ["addmm", "log_softmax", "mm", "softmax", "sum"]


class SparseTensorType(TensorType):
    """The class of the old names: `sparse.FloatTensor(indices, values, size)`, or just a size."""

    def __call__(cls, *data: Any, device: Any = None) -> Any:
        given = dict(zip(("indices", "values", "size"), data))
        if all(isinstance(part, int) for part in data):
            given = {"size": data}
        elif len(data) == 1 and not isinstance(data[0], TensorBase):
            given = {"size": data[0]}
        return sparse_coo_tensor(**given, dtype=cls.dtype, device=device)

    def __instancecheck__(cls, instance: Any) -> bool:
        return is_coo(instance) and bool(instance.dtype is cls.dtype)


def _named(name: str, kind: dtypes.dtype) -> Any:
    doc = f"Sparse tensors of {kind}, by their old name."
    return SparseTensorType(name, (), {"dtype": kind, "__module__": "torch.sparse", "__doc__": doc})


FloatTensor, DoubleTensor = _named("FloatTensor", dtypes.float32), _named("DoubleTensor", dtypes.float64)
HalfTensor, BFloat16Tensor = _named("HalfTensor", dtypes.float16), _named("BFloat16Tensor", dtypes.bfloat16)
ByteTensor, CharTensor = _named("ByteTensor", dtypes.uint8), _named("CharTensor", dtypes.int8)
ShortTensor, IntTensor = _named("ShortTensor", dtypes.int16), _named("IntTensor", dtypes.int32)
LongTensor = _named("LongTensor", dtypes.int64)
