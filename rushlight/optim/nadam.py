"""NAdam: Adam that looks ahead, as Nesterov's momentum does."""

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
    scalar,
)


@kernel
def nadam_(
    params: list[Array],
    grads: list[Array],
    exp_avgs: list[Array],
    exp_avg_sqs: list[Array],
    steps: list[float],
    mus: list[float],
    next_mus: list[float],
    mu_products: list[float],
    lr: float,
    beta1: float,
    beta2: float,
    eps: float,
    weight_decay: float,
    decoupled: bool,
    maximize: bool,
) -> None:
    """One step, in place; steps count from 1; mus, next_mus: mu of this step and the next; mu_products: the product of
    all mus so far.

        m = beta1 m + (1 - beta1) g,    v = beta2 v + (1 - beta2) g^2,    spread = sqrt(v / (1 - beta2^t)) + eps
        w = w - lr (1 - mu) / (1 - product) * g / spread - lr next_mu / (1 - product next_mu) * m / spread
    """
    for w, g, m, v, t, mu, next_mu, product in zip(
        params, grads, exp_avgs, exp_avg_sqs, steps, mus, next_mus, mu_products
    ):
        g = descent(w, g, 0.0 if decoupled else weight_decay, maximize)
        if decoupled and weight_decay:
            w *= 1 - lr * weight_decay
        running_moments_(m, v, g, beta1, beta2)
        spread = xp.sqrt(v / (1 - beta2**t)) + eps
        w -= lr * (1 - mu) / (1 - product) * (g / spread)
        w -= lr * next_mu / (1 - product * next_mu) * (m / spread)


class NAdam(Rule):
    """Adam that looks ahead, as Nesterov's momentum does.

        mu_t = beta1 (1 - 0.96^(t momentum_decay) / 2)
        u = (1 - mu_t) g / (1 - mu_1 ... mu_t) + mu_(t+1) m / (1 - mu_1 ... mu_(t+1))
        w = w - lr u / (sqrt(v / (1 - beta2^t)) + eps)

    Args:
        lr: step size.
        betas: decay of m and of v, each in [0, 1).
        eps: added to the denominator, outside the root.
        weight_decay: L2 penalty, added to the gradient.
        momentum_decay: how fast mu_t rises to beta1.
        decoupled_weight_decay: shrink the weights by lr * weight_decay instead of adding to the gradient.
        maximize: step along the gradient.
        foreach: accepted; a step is one fused call anyway.
        capturable, differentiable: not supported.

    Raises:
        ValueError: an option out of range. NotImplementedError: `capturable=True` or `differentiable=True`.

    Source: Dozat 2016, "Incorporating Nesterov momentum into Adam"; torch.optim.NAdam.
    """

    shaped = ("exp_avg", "exp_avg_sq")

    def __init__(
        self,
        params: ParamsT,
        lr: Any = 2e-3,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8,
        weight_decay: float = 0,
        momentum_decay: float = 4e-3,
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
        check_not_negative(weight_decay=weight_decay, momentum_decay=momentum_decay)
        super().__init__(
            params, options(locals(), "lr betas eps weight_decay momentum_decay decoupled_weight_decay maximize")
        )

    def __setstate__(self, state: dict[str, Any]) -> None:
        super().__setstate__(state)
        for entries in self.state.values():
            if "mu_product" in entries and not isinstance(entries["mu_product"], Tensor):
                entries["mu_product"] = scalar(entries["mu_product"])

    def _start(self, p: Tensor, group: Group) -> State:
        state = begin_moments(p)
        return {"step": state.pop("step"), "mu_product": scalar(1.0), **state}

    def _update(self, group: Group, batch: Batch) -> None:
        states = self._states(group, batch)
        steps = next_steps(states)
        beta1, beta2 = group["betas"]
        mus, next_mus = (
            [beta1 * (1 - 0.5 * 0.96 ** ((t + i) * group["momentum_decay"])) for t in steps] for i in (0, 1)
        )
        products = [state["mu_product"]._array.item() * mu for state, mu in zip(states, mus)]
        nadam_(
            batch.arrays,
            batch.grads,
            column(states, "exp_avg"),
            column(states, "exp_avg_sq"),
            steps,
            mus,
            next_mus,
            products,
            number(group["lr"]),
            beta1,
            beta2,
            group["eps"],
            group["weight_decay"],
            group["decoupled_weight_decay"],
            group["maximize"],
        )
        put(states, "step", steps)
        put(states, "mu_product", products)
