"""RAdam: Adam that waits for its spread to be known before it divides by it."""

from __future__ import annotations

from typing import Any

from ..kernels import kernel, xp
from ..tensor import Tensor
from .adam import begin_moments, running_moments_
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
    next_steps,
    number,
    options,
    put,
)


@kernel
def radam_(
    params: list[Array],
    grads: list[Array],
    exp_avgs: list[Array],
    exp_avg_sqs: list[Array],
    steps: list[float],
    lr: float,
    beta1: float,
    beta2: float,
    eps: float,
    weight_decay: float,
    decoupled: bool,
    maximize: bool,
) -> None:
    """One step, in place; steps count from 1; r of `rectification`.

    m = beta1 m + (1 - beta1) g,    v = beta2 v + (1 - beta2) g^2
    w = w - lr m / (1 - beta1^t) * r sqrt(1 - beta2^t) / (sqrt(v) + eps)        (without the last factor if r is 0)
    """
    for w, g, m, v, t in zip(params, grads, exp_avgs, exp_avg_sqs, steps):
        g = descent(w, g, 0.0 if decoupled else weight_decay, maximize)
        if decoupled and weight_decay:
            w *= 1 - lr * weight_decay
        running_moments_(m, v, g, beta1, beta2)
        change = m / (1 - beta1**t)
        r = rectification(t, beta2)
        if r:
            change = change * (r * (1 - beta2**t) ** 0.5 / (xp.sqrt(v) + eps))
        w -= lr * change


def rectification(t: float, beta2: float) -> float:
    """How far the spread after t steps can be trusted; 0 while it cannot.

    rho_inf = 2 / (1 - beta2) - 1,    rho = rho_inf - 2 t beta2^t / (1 - beta2^t)
    r = sqrt((rho - 4) (rho - 2) rho_inf / ((rho_inf - 4) (rho_inf - 2) rho))        if rho > 5
    """
    rho_inf = 2 / (1 - beta2) - 1
    rho = rho_inf - 2 * t * beta2**t / (1 - beta2**t)
    if rho <= 5:
        return 0.0
    return float(((rho - 4) * (rho - 2) * rho_inf / ((rho_inf - 4) * (rho_inf - 2) * rho)) ** 0.5)


class RAdam(Rule):
    """Adam that waits for its spread to be known before it divides by it.

        w = w - lr m / (1 - beta1^t)                                                while r (`rectification`) is 0
        w = w - lr m / (1 - beta1^t) * r sqrt(1 - beta2^t) / (sqrt(v) + eps)        from then on

    Args:
        lr: step size.
        betas: decay of m and of v, each in [0, 1).
        eps: added to the denominator, outside the root.
        weight_decay: L2 penalty, added to the gradient.
        decoupled_weight_decay: shrink the weights by lr * weight_decay instead of adding to the gradient.
        maximize: step along the gradient.
        foreach: accepted; a step is one fused call anyway.
        capturable, differentiable: not supported.

    Raises:
        ValueError: an option out of range. NotImplementedError: `capturable=True` or `differentiable=True`.

    Source: Liu et al. 2020, arXiv:1908.03265, algorithm 2; torch.optim.RAdam.
    """

    shaped = ("exp_avg", "exp_avg_sq")

    def __init__(
        self,
        params: ParamsT,
        lr: Any = 1e-3,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8,
        weight_decay: float = 0,
        decoupled_weight_decay: bool = False,
        *,
        foreach: bool | None = None,
        maximize: bool = False,
        capturable: bool = False,
        differentiable: bool = False,
    ) -> None:
        check_lr(lr)
        check_not_negative(eps=eps)
        check_betas(betas)
        check_not_negative(weight_decay=weight_decay)
        super().__init__(params, options(locals(), "lr betas eps weight_decay maximize foreach capturable"))

    def _start(self, p: Tensor, group: Group) -> State:
        return begin_moments(p)

    def _update(self, group: Group, batch: Batch) -> None:
        states = self._states(group, batch)
        steps = next_steps(states)
        beta1, beta2 = group["betas"]
        radam_(
            batch.arrays,
            batch.grads,
            column(states, "exp_avg"),
            column(states, "exp_avg_sq"),
            steps,
            number(group["lr"]),
            beta1,
            beta2,
            group["eps"],
            group["weight_decay"],
            group["decoupled_weight_decay"],
            group["maximize"],
        )
        put(states, "step", steps)
