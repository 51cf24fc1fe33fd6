"""Tensors of GPUs by their old names: `cuda.FloatTensor(2, 3)`, `isinstance(x, cuda.LongTensor)`."""

from __future__ import annotations

from typing import Any

from .. import legacy
from ..tensor import Tensor


class _GPUTensorType(type):
    """The class of these names: calling one makes a tensor on the current GPU."""

    plain: Any  # the name of the CPU's tensors

    def __instancecheck__(cls, instance: Any) -> bool:
        return isinstance(instance, cls.plain) and isinstance(instance, Tensor) and instance.is_cuda

    def __call__(cls, *data: Any, **kwargs: Any) -> Any:
        return cls.plain(*data, **kwargs).cuda()


def _gpu_type(name: str) -> Any:
    return _GPUTensorType(name, (), {"__module__": "torch.cuda", "plain": getattr(legacy, name)})


FloatTensor, DoubleTensor = _gpu_type("FloatTensor"), _gpu_type("DoubleTensor")
HalfTensor, BFloat16Tensor = _gpu_type("HalfTensor"), _gpu_type("BFloat16Tensor")
ByteTensor, CharTensor, ShortTensor = _gpu_type("ByteTensor"), _gpu_type("CharTensor"), _gpu_type("ShortTensor")
IntTensor, LongTensor, BoolTensor = _gpu_type("IntTensor"), _gpu_type("LongTensor"), _gpu_type("BoolTensor")
