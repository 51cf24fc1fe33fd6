"""Rprop: steps by the sign of the gradient, of a size that grows while the sign stays and shrinks when it turns."""

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
def rprop_(
    params: list[Array],
    grads: list[Array],
    prevs: list[Array],
    step_sizes: list[Array],
    eta_minus: float,
    eta_plus: float,
    smallest: float,
    largest: float,
    maximize: bool,
) -> None:
    """One step, in place; a weight whose gradient turned stays where it is and forgets the gradient.

    size = clip(size * (eta_plus | 1 | eta_minus), smallest, largest)    by the sign of g * previous g
    w = w - size * sign(g)                                               with g = 0 where it turned
    """
    for w, g, prev, size in zip(params, grads, prevs, step_sizes):
        g = descent(w, g, 0.0, maximize)
        agreement = g * prev
        turned = agreement < 0
        factor = xp.where(turned, eta_minus, xp.where(agreement > 0, eta_plus, 1.0)).astype(size.dtype)
        size[...] = xp.clip(size * factor, smallest, largest)
        prev[...] = xp.where(turned, xp.zeros_like(g), g)
        w -= size * xp.sign(prev)


class Rprop(Rule):
    """Steps by the sign of the gradient, of a size that grows while the sign stays and shrinks when it turns.

    Args:
        lr: the first size.
        etas: factors for shrinking and growing, below and above 1.
        step_sizes: smallest and largest size.
        maximize: step along the gradient.
        foreach: accepted; a step is one fused call anyway.
        capturable, differentiable: not supported.

    Raises:
        ValueError: an option out of range. NotImplementedError: `capturable=True` or `differentiable=True`.

    Source: Riedmiller, Braun 1993, "A direct adaptive method for faster backpropagation learning"; torch.optim.Rprop.
    """

    shaped = ("prev", "step_size")

    def __init__(
        self,
        params: ParamsT,
        lr: Any = 1e-2,
        etas: tuple[float, float] = (0.5, 1.2),
        step_sizes: tuple[float, float] = (1e-6, 50),
        *,
        capturable: bool = False,
        foreach: bool | None = None,
        maximize: bool = False,
        differentiable: bool = False,
    ) -> None:
        check_lr(lr)
        require(0 < etas[0] < 1 < etas[1], f"Invalid eta values: {etas[0]}, {etas[1]}")
        super().__init__(params, options(locals(), "lr etas step_sizes foreach maximize differentiable"))

    def _start(self, p: Tensor, group: Group) -> State:
        return {"step": scalar(0.0), "prev": filled(p), "step_size": filled(p, number(group["lr"]))}

    def _update(self, group: Group, batch: Batch) -> None:
        states = self._states(group, batch)
        steps = next_steps(states)
        prevs, sizes = column(states, "prev"), column(states, "step_size")
        (shrink, grow), (smallest, largest) = group["etas"], group["step_sizes"]
        rprop_(batch.arrays, batch.grads, prevs, sizes, shrink, grow, smallest, largest, group["maximize"])
        put(states, "step", steps)
