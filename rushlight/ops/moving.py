"""Moving tensors between devices, which is an operator like others: gradients go back the same way."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ..autograd.tape import Operator
from ..device import check_device, device
from ..kernels.places import device_of, moved

if TYPE_CHECKING:
    from ..tensor import Tensor

Array = Any


class ToDevice(Operator):
    label = "ToCopy"
    moves = True

    @staticmethod
    def forward(ctx: Any, x: Array, where: device) -> Array:
        ctx.source = device_of(x)
        return moved(x, where)

    @staticmethod
    def backward(ctx: Any, grad: Any) -> Any:
        return ToDevice.derive(grad, ctx.source)


def to_device(x: Tensor, where: device | str | int | None) -> Tensor:
    """`x` on that device; `x` itself if it is there."""
    found = check_device(where)
    if device_of(x._array) == found:
        return x
    result: Tensor = ToDevice.apply(x, found)
    result._layout_kept = x._layout_kept
    return result
