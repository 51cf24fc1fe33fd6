"""Adamax: Adam with the largest recent gradient in place of the spread."""

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
    check_betas,
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
def adamax_(
    params: list[Array],
    grads: list[Array],
    exp_avgs: list[Array],
    exp_infs: list[Array],
    steps: list[float],
    lr: float,
    beta1: float,
    beta2: float,
    eps: float,
    weight_decay: float,
    maximize: bool,
) -> None:
    """One step, in place; steps count from 1.

    m = beta1 m + (1 - beta1) g,    u = max(beta2 u, |g| + eps),    w = w - lr / (1 - beta1^t) * m / u
    """
    for w, g, m, u, t in zip(params, grads, exp_avgs, exp_infs, steps):
        g = descent(w, g, weight_decay, maximize)
        m += (1 - beta1) * (g - m)
        u[...] = xp.maximum(u * beta2, xp.abs(g) + eps)
        w -= lr / (1 - beta1**t) * (m / u)


class Adamax(Rule):
    """Adam with the largest recent gradient u in place of the spread.

        m = beta1 m + (1 - beta1) g,    u = max(beta2 u, |g| + eps),    w = w - lr / (1 - beta1^t) * m / u

    Args:
        lr: step size.
        betas: decay of m and of u, each in [0, 1).
        eps: added to |g|.
        weight_decay: L2 penalty, added to the gradient.
        maximize: step along the gradient.
        foreach: accepted; a step is one fused call anyway.
        capturable, differentiable: not supported.

    Raises:
        ValueError: an option out of range. NotImplementedError: `capturable=True` or `differentiable=True`.

    Source: Kingma, Ba 2015, arXiv:1412.6980, algorithm 2; torch.optim.Adamax.
    """

    shaped = ("exp_avg", "exp_inf")

    def __init__(
        self,
        params: ParamsT,
        lr: Any = 2e-3,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8,
        weight_decay: float = 0,
        foreach: bool | None = None,
        *,
        maximize: bool = False,
        differentiable: bool = False,
        capturable: bool = False,
    ) -> None:
        check_lr(lr)
        check_not_negative(eps=eps)
        check_betas(betas)
        check_not_negative(weight_decay=weight_decay)
        super().__init__(params, options(locals()))

    def _start(self, p: Tensor, group: Group) -> State:
        return {"step": scalar(0.0), "exp_avg": filled(p), "exp_inf": filled(p)}

    def _update(self, group: Group, batch: Batch) -> None:
        states = self._states(group, batch)
        steps = next_steps(states)
        beta1, beta2 = group["betas"]
        adamax_(
            batch.arrays,
            batch.grads,
            column(states, "exp_avg"),
            column(states, "exp_inf"),
            steps,
            number(group["lr"]),
            beta1,
            beta2,
            group["eps"],
            group["weight_decay"],
            group["maximize"],
        )
        put(states, "step", steps)
