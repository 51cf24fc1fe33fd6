"""Batch norm over the batches of all processes."""

from __future__ import annotations

import sys
from typing import Any

from ...autograd.function import Function
from ...autograd.grad_mode import no_grad
from ...ops.joining import cat

Tensor = Any


class AllReduceSum(Function):
    """The sum over the processes; its gradient is the sum of theirs."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, group: Any) -> Tensor:
        ctx.group = group
        return _summed(x, group)

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> Any:
        return _summed(grad, ctx.group), None


def _summed(x: Tensor, group: Any) -> Tensor:
    from ...distributed.collectives import all_reduce

    total = x.detach().clone()
    all_reduce(total, group=group)
    return total


def processes(group: Any) -> Any:
    """The group to compute with, or None where there is but this process."""
    groups = sys.modules.get("rushlight.distributed.group")  # not imported: nothing was started
    if groups is None or not groups.is_initialized():
        return None
    found = groups.resolve(group)
    return found if found.size() > 1 else None


def sync_batch_norm(
    input: Tensor,
    running_mean: Tensor | None,
    running_var: Tensor | None,
    weight: Tensor | None,
    bias: Tensor | None,
    momentum: float,
    eps: float,
    group: Any,
) -> Tensor:
    """y = (x - mean) / sqrt(var + eps) * weight + bias, with mean and variance of each channel over all processes.

    input (N, C, ...); N may differ between the processes. Running statistics are updated in place, with the unbiased
    variance.
    """
    axes = [0, *range(2, input.dim())]
    shape = (1, -1) + (1,) * (input.dim() - 2)
    local = input.new_full((1,), input.numel() // input.shape[1])
    sums = AllReduceSum.apply(cat([input.sum(axes), local]), group)
    count = float(sums[-1])
    mean = sums[:-1] / count
    far = input - mean.reshape(shape)
    var = AllReduceSum.apply((far * far).sum(axes), group) / count
    if running_mean is not None and running_var is not None:
        with no_grad():
            running_mean.lerp_(mean.to(running_mean.dtype), momentum)
            running_var.lerp_((var * (count / max(count - 1, 1))).to(running_var.dtype), momentum)
    y = far * (var + eps).rsqrt().reshape(shape)
    y = y if weight is None else y * weight.reshape(shape)
    return y if bias is None else y + bias.reshape(shape)
