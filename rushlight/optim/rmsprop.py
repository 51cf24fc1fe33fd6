"""RMSprop: steps scaled by the running size of each weight's gradient."""

from __future__ import annotations

from typing import Any

from ..kernels import kernel, xp
from ..tensor import Tensor
from .rule import (
    Array,
    Batch,
    Group,
    ParamsT,
    Rule,
    State,
    check_lr,
    check_not_negative,
    column,
    descent,
    filled,
    next_steps,
    number,
    options,
    put,
    scalar,
)


@kernel
def rmsprop_(
    params: list[Array],
    grads: list[Array],
    square_avgs: list[Array],
    grad_avgs: list[Array] | None,
    buffers: list[Array] | None,
    lr: float,
    alpha: float,
    eps: float,
    weight_decay: float,
    momentum: float,
    maximize: bool,
) -> None:
    """One step, in place; grad_avgs None unless centered, buffers None where momentum is 0.

    v = alpha v + (1 - alpha) g^2,    u = g / (sqrt(v) + eps)        (centered: u = g / (sqrt(v - mean(g)^2) + eps))
    w = w - lr u                                                     (momentum: b = momentum b + u, w = w - lr b)
    """
    for i, (w, g, v) in enumerate(zip(params, grads, square_avgs)):
        g = descent(w, g, weight_decay, maximize)
        v *= alpha
        v += (1 - alpha) * (g * g)
        variance = v
        if grad_avgs is not None:
            mean = grad_avgs[i]
            mean += (1 - alpha) * (g - mean)
            variance = v - mean * mean
        change = g / (xp.sqrt(variance) + eps)
        if buffers is not None:
            b = buffers[i]
            b *= momentum
            b += change
            change = b
        w -= lr * change


class RMSprop(Rule):
    """Steps scaled by the running size of each weight's gradient.

        v = alpha v + (1 - alpha) g^2,    w = w - lr g / (sqrt(v) + eps)

    Args:
        lr: step size.
        alpha: decay of v.
        eps: added to the denominator, outside the root.
        weight_decay: L2 penalty, added to the gradient.
        momentum: if above 0, the scaled gradients are summed with this decay before the step.
        centered: divide by the running spread, sqrt(v - mean(g)^2), instead of the size.
        maximize: step along the gradient.
        foreach: accepted; a step is one fused call anyway.
        capturable, differentiable: not supported.

    Raises:
        ValueError: an option out of range. NotImplementedError: `capturable=True` or `differentiable=True`.

    Source: Tieleman, Hinton 2012, Coursera lecture 6e; centered: Graves 2013, arXiv:1308.0850; torch.optim.RMSprop.
    """

    shaped = ("square_avg", "momentum_buffer", "grad_avg")

    def __init__(
        self,
        params: ParamsT,
        lr: Any = 1e-2,
        alpha: float = 0.99,
        eps: float = 1e-8,
        weight_decay: float = 0,
        momentum: float = 0,
        centered: bool = False,
        capturable: bool = False,
        foreach: bool | None = None,
        maximize: bool = False,
        differentiable: bool = False,
    ) -> None:
        check_lr(lr)
        check_not_negative(eps=eps, momentum=momentum, weight_decay=weight_decay, alpha=alpha)
        super().__init__(params, options(locals(), "lr momentum alpha eps centered weight_decay"))

    def _start(self, p: Tensor, group: Group) -> State:
        names = ["square_avg"] + ["momentum_buffer"] * (group["momentum"] > 0) + ["grad_avg"] * group["centered"]
        return {"step": scalar(0.0), **{name: filled(p) for name in names}}

    def _update(self, group: Group, batch: Batch) -> None:
        states = self._states(group, batch)
        steps = next_steps(states)
        rmsprop_(
            batch.arrays,
            batch.grads,
            column(states, "square_avg"),
            column(states, "grad_avg") if group["centered"] else None,
            column(states, "momentum_buffer") if group["momentum"] > 0 else None,
            number(group["lr"]),
            group["alpha"],
            group["eps"],
            group["weight_decay"],
            group["momentum"],
            group["maximize"],
        )
        put(states, "step", steps)
