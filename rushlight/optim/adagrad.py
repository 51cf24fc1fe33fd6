"""Adagrad: steps scaled by the size of all of a weight's gradients so far."""

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
    check_hints,
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
def adagrad_(
    params: list[Array],
    grads: list[Array],
    sums: list[Array],
    steps: list[float],
    lr: float,
    lr_decay: float,
    eps: float,
    weight_decay: float,
    maximize: bool,
) -> None:
    """One step, in place; steps count from 1.

    s = s + g^2,    w = w - lr / (1 + (t - 1) lr_decay) * g / (sqrt(s) + eps)
    """
    for w, g, s, t in zip(params, grads, sums, steps):
        g = descent(w, g, weight_decay, maximize)
        s += g * g
        w -= lr / (1 + (t - 1) * lr_decay) * (g / (xp.sqrt(s) + eps))


class Adagrad(Rule):
    """Steps scaled by the size of all of a weight's gradients so far.

        s = s + g^2,    w = w - lr / (1 + (t - 1) lr_decay) * g / (sqrt(s) + eps)

    Args:
        lr: step size.
        lr_decay: how fast the step size falls with the number t of the step.
        weight_decay: L2 penalty, added to the gradient.
        initial_accumulator_value: what s starts from.
        eps: added to the denominator, outside the root.
        maximize: step along the gradient.
        foreach, fused: accepted; a step is one fused call anyway.
        differentiable: not supported.

    Raises:
        ValueError: an option out of range. NotImplementedError: `differentiable=True`.

    Source: Duchi, Hazan, Singer 2011, JMLR 12; torch.optim.Adagrad.
    """

    shaped = ("sum",)
    handles_sparse = True

    def __init__(
        self,
        params: ParamsT,
        lr: Any = 1e-2,
        lr_decay: float = 0,
        weight_decay: float = 0,
        initial_accumulator_value: float = 0,
        eps: float = 1e-10,
        foreach: bool | None = None,
        *,
        maximize: bool = False,
        differentiable: bool = False,
        fused: bool | None = None,
    ) -> None:
        check_lr(lr)
        check_not_negative(lr_decay=lr_decay, weight_decay=weight_decay)
        check_not_negative(initial_accumulator_value=initial_accumulator_value, eps=eps)
        check_hints(fused, foreach, differentiable)
        super().__init__(params, options(locals(), "lr lr_decay eps weight_decay initial_accumulator_value"))
        for group in self.param_groups:  # torch: the state is there before the first step
            for p in group["params"]:
                self.state[p] = self._start(p, group)

    def _start(self, p: Tensor, group: Group) -> State:
        return {"step": scalar(0.0), "sum": filled(p, self.defaults["initial_accumulator_value"])}

    def _update(self, group: Group, batch: Batch) -> None:
        states = self._states(group, batch)
        steps = next_steps(states)
        adagrad_(
            batch.arrays,
            batch.grads,
            column(states, "sum"),
            steps,
            number(group["lr"]),
            group["lr_decay"],
            group["eps"],
            group["weight_decay"],
            group["maximize"],
        )
        put(states, "step", steps)
