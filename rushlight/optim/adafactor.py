"""Adafactor: Adam without the memory, its spread kept as one number per row and one per column."""

from __future__ import annotations

from typing import Any

import ml_dtypes
import numpy as np

from ..autograd.tape import wrap
from ..kernels import kernel, xp
from ..tensor import Tensor
from .rule import (
    Array,
    Batch,
    Group,
    ParamsT,
    Rule,
    State,
    filled,
    next_steps,
    number,
    options,
    put,
    require,
    scalar,
)


@kernel
def adafactor_(
    params: list[Array],
    grads: list[Array],
    spreads: list[tuple[Array, ...]],
    steps: list[float],
    lr: float,
    beta2_decay: float,
    eps1: float,
    eps2: float,
    d: float,
    weight_decay: float,
    maximize: bool,
) -> None:
    """One step, in place; steps count from 1; spreads: (rows (..., R, 1), columns (..., 1, C)) of each matrix, or (v,).

    v = v + t^beta2_decay (g^2 - v)            (kept as row means times column means over their mean)
    u = g / sqrt(max(v, eps1^2)),    u = u / max(1, rms(u) / d)
    w = w - max(eps2, rms(w)) min(lr, 1 / sqrt(t)) u
    """
    for w, g, spread, t in zip(params, grads, spreads, steps):
        g = -g if maximize else g
        size = max(eps2, rms(w)) * min(lr, t**-0.5)
        if weight_decay:
            w *= 1 - lr * weight_decay
        variance = spread_of(spread, g, t**beta2_decay, eps1)
        u = g / xp.sqrt(xp.maximum(variance, eps1 * eps1))
        w -= size / max(1.0, rms(u) / d) * u


def rms(x: Array) -> float:
    """The root of the mean square; of an empty array, 0."""
    return float(xp.sqrt((x * x).sum()) / max(x.size, 1) ** 0.5)


def spread_of(spread: tuple[Array, ...], g: Array, share: float, eps1: float) -> Array:
    """Moves the running mean of g^2 on by `share`, and gives it in g's shape."""
    square = g * g
    if len(spread) == 1:
        spread[0][...] += share * (square - spread[0])
        return spread[0]
    rows, columns = spread
    rows += share * (square.mean(axis=-1, keepdims=True) - rows)
    columns += share * (square.mean(axis=-2, keepdims=True) - columns)
    return rows * columns / xp.maximum(rows.mean(axis=-2, keepdims=True), eps1)


class Adafactor(Rule):
    """Adam without the memory: no running mean, and the spread of a matrix kept as one number per row and column.

        v = v + t^beta2_decay (g^2 - v),    u = g / sqrt(v),    u = u / max(1, rms(u) / d)
        w = w - max(eps2, rms(w)) min(lr, 1 / sqrt(t)) u

    Args:
        lr: largest relative step size.
        beta2_decay: power with which the share of the newest gradient in v falls; at most 0.
        eps: (eps1, eps2): eps1 keeps v away from zero (None: the dtype's eps); eps2 keeps the step away from zero where
            the weights are.
        d: updates with a root mean square above this are scaled down to it; at least 1.
        weight_decay: shrinks the weights by lr * weight_decay before each step.
        maximize: step along the gradient.
        foreach: accepted; a step is one fused call anyway.

    Raises:
        ValueError: an option out of range. RuntimeError: a complex parameter.

    Source: Shazeer, Stern 2018, arXiv:1804.04235; torch.optim.Adafactor.
    """

    shaped = ("variance",)
    handles_complex = False

    def __init__(
        self,
        params: ParamsT,
        lr: Any = 1e-2,
        beta2_decay: float = -0.8,
        eps: tuple[float | None, float] = (None, 1e-3),
        d: float = 1.0,
        weight_decay: float = 0.0,
        *,
        foreach: bool | None = None,
        maximize: bool = False,
    ) -> None:
        require(not isinstance(lr, Tensor) or lr._array.size == 1, "Tensor lr must be 1-element")
        require(number(lr) >= 0, f"Learning rate should be >= 0 but is: {lr}")
        require(beta2_decay <= 0, f"beta2_decay should be <= 0 but is: {beta2_decay}")
        require(eps[0] is None or eps[0] >= 0, f"epsilon1 should be >= 0 but is: {eps[0]}")
        require(eps[1] >= 0, f"epsilon2 should be >= 0 but is: {eps[1]}")
        require(d >= 1, f"Clipping threshold d should be >= 1 but is: {d}")
        require(weight_decay >= 0, f"weight_decay should be >= 0 but is: {weight_decay}")
        super().__init__(params, options(locals()))

    def _start(self, p: Tensor, group: Group) -> State:
        w, shape = p._array, p._array.shape
        if len(shape) < 2:
            return {"step": scalar(0.0), "variance": filled(p)}
        rows, columns = (np.zeros_like(w, shape=s) for s in ((*shape[:-1], 1), (*shape[:-2], 1, shape[-1])))
        return {"step": scalar(0.0), "row_var": wrap(rows), "col_var": wrap(columns)}

    def _update(self, group: Group, batch: Batch) -> None:
        states = self._states(group, batch)
        steps = next_steps(states)
        names = [("variance",) if "variance" in state else ("row_var", "col_var") for state in states]
        spreads = [tuple(state[n]._array for n in each) for state, each in zip(states, names)]
        eps1, eps2 = group["eps"]
        if eps1 is None:  # torch: of the dtype of the group's first parameter
            eps1 = float(ml_dtypes.finfo(batch.arrays[0].dtype).eps)  # type: ignore[no-untyped-call]
        adafactor_(
            batch.arrays,
            batch.grads,
            spreads,
            steps,
            number(group["lr"]),
            group["beta2_decay"],
            eps1,
            eps2,
            group["d"],
            group["weight_decay"],
            group["maximize"],
        )
        put(states, "step", steps)
