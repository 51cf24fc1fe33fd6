"""ASGD: gradient descent that also keeps the average of the weights."""

from __future__ import annotations

from typing import Any

from ..kernels import kernel
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
def asgd_(
    params: list[Array],
    grads: list[Array],
    averages: list[Array],
    etas: list[float],
    mus: list[float],
    lambd: float,
    weight_decay: float,
    maximize: bool,
) -> None:
    """One step, in place, of size eta; mu is the new weight's share of the average.

    w = (1 - lambd eta) w - eta g,    average = average + mu (w - average)
    """
    for w, g, average, eta, mu in zip(params, grads, averages, etas, mus):
        g = descent(w, g, weight_decay, maximize)
        w *= 1 - lambd * eta
        w -= eta * g
        average += mu * (w - average) if mu != 1 else w - average


class ASGD(Rule):
    """Gradient descent that also keeps the average of the weights, in `state[p]["ax"]`.

        w = (1 - lambd eta) w - eta g,           eta = lr / (1 + lambd lr t)^alpha
        average = average + mu (w - average),    mu = 1 / max(1, t - t0)

    Args:
        lr: the first step size.
        lambd: decay.
        alpha: power with which eta falls.
        t0: the step at which averaging begins.
        weight_decay: L2 penalty, added to the gradient.
        maximize: step along the gradient.
        foreach: accepted; a step is one fused call anyway.
        capturable, differentiable: not supported.

    Raises:
        ValueError: an option out of range. NotImplementedError: `capturable=True` or `differentiable=True`.

    Source: Polyak, Juditsky 1992, "Acceleration of stochastic approximation by averaging"; torch.optim.ASGD.
    """

    shaped = ("ax",)

    def __init__(
        self,
        params: ParamsT,
        lr: Any = 1e-2,
        lambd: float = 1e-4,
        alpha: float = 0.75,
        t0: float = 1e6,
        weight_decay: float = 0,
        foreach: bool | None = None,
        maximize: bool = False,
        differentiable: bool = False,
        capturable: bool = False,
    ) -> None:
        check_lr(lr)
        check_not_negative(weight_decay=weight_decay)
        super().__init__(params, options(locals()))

    def __setstate__(self, state: dict[str, Any]) -> None:
        super().__setstate__(state)
        for entries in self.state.values():
            for name in {"eta", "mu"} & entries.keys():
                if not isinstance(entries[name], Tensor):
                    entries[name] = scalar(entries[name])

    def _start(self, p: Tensor, group: Group) -> State:
        return {"step": scalar(0.0), "eta": scalar(number(group["lr"])), "mu": scalar(1.0), "ax": filled(p)}

    def _update(self, group: Group, batch: Batch) -> None:
        states = self._states(group, batch)
        steps = next_steps(states)
        etas, mus = ([a.item() for a in column(states, name)] for name in ("eta", "mu"))
        lr, lambd, rest = number(group["lr"]), group["lambd"], (group["weight_decay"], group["maximize"])
        asgd_(batch.arrays, batch.grads, column(states, "ax"), etas, mus, lambd, *rest)
        put(states, "step", steps)
        put(states, "eta", [lr / (1 + lambd * lr * t) ** group["alpha"] for t in steps])
        put(states, "mu", [1 / max(1, t - group["t0"]) for t in steps])
