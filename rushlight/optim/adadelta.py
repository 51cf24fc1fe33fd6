"""Adadelta: steps in units of the recent steps, so that no step size has to be chosen."""

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
    require,
    scalar,
)


@kernel
def adadelta_(
    params: list[Array],
    grads: list[Array],
    square_avgs: list[Array],
    acc_deltas: list[Array],
    lr: float,
    rho: float,
    eps: float,
    weight_decay: float,
    maximize: bool,
) -> None:
    """One step, in place.

    v = rho v + (1 - rho) g^2,    d = sqrt(u + eps) / sqrt(v + eps) * g,    u = rho u + (1 - rho) d^2,    w = w - lr d
    """
    for w, g, v, u in zip(params, grads, square_avgs, acc_deltas):
        g = descent(w, g, weight_decay, maximize)
        v *= rho
        v += (1 - rho) * (g * g)
        d = xp.sqrt(u + eps) / xp.sqrt(v + eps) * g
        u *= rho
        u += (1 - rho) * (d * d)
        w -= lr * d


class Adadelta(Rule):
    """Steps in units of the recent steps: u is the running size of steps, v of gradients.

        v = rho v + (1 - rho) g^2,    d = sqrt(u + eps) / sqrt(v + eps) * g
        u = rho u + (1 - rho) d^2,    w = w - lr d

    Args:
        lr: factor on the step.
        rho: decay of v and u, in [0, 1].
        eps: added inside the roots.
        weight_decay: L2 penalty, added to the gradient.
        maximize: step along the gradient.
        foreach: accepted; a step is one fused call anyway.
        capturable, differentiable: not supported.

    Raises:
        ValueError: an option out of range. NotImplementedError: `capturable=True` or `differentiable=True`.

    Source: Zeiler 2012, arXiv:1212.5701, algorithm 1; torch.optim.Adadelta.
    """

    shaped = ("square_avg", "acc_delta")

    def __init__(
        self,
        params: ParamsT,
        lr: Any = 1.0,
        rho: float = 0.9,
        eps: float = 1e-6,
        weight_decay: float = 0,
        foreach: bool | None = None,
        *,
        capturable: bool = False,
        maximize: bool = False,
        differentiable: bool = False,
    ) -> None:
        check_lr(lr)
        require(0 <= rho <= 1, f"Invalid rho value: {rho}")
        check_not_negative(eps=eps, weight_decay=weight_decay)
        super().__init__(params, options(locals(), "lr rho eps weight_decay maximize capturable foreach"))

    def _start(self, p: Tensor, group: Group) -> State:
        return {"step": scalar(0.0), "square_avg": filled(p), "acc_delta": filled(p)}

    def _update(self, group: Group, batch: Batch) -> None:
        states = self._states(group, batch)
        steps = next_steps(states)
        adadelta_(
            batch.arrays,
            batch.grads,
            column(states, "square_avg"),
            column(states, "acc_delta"),
            number(group["lr"]),
            group["rho"],
            group["eps"],
            group["weight_decay"],
            group["maximize"],
        )
        put(states, "step", steps)
