"""Muon: steps of orthogonal matrices, for the hidden layers' weights."""

from __future__ import annotations

import math
from typing import Any

import ml_dtypes
import numpy as np

from ..errors import ArgumentError
from ..kernels import kernel, xp
from ..tensor import Tensor
from .rule import Array, Batch, Group, ParamsT, Rule, State, column, filled, number, options, require

COEFFICIENTS = (3.4445, -4.7750, 2.0315)


@kernel
def muon_(
    params: list[Array],
    grads: list[Array],
    buffers: list[Array],
    lr: float,
    weight_decay: float,
    momentum: float,
    nesterov: bool,
    coefficients: tuple[float, float, float],
    eps: float,
    iterations: int,
    adjust_lr_fn: str | None,
) -> None:
    """One step, in place, of matrices (R, C).

    b = momentum b + (1 - momentum) g,    u = b        (nesterov: u = (1 - momentum) g + momentum b)
    w = w - lr weight_decay w - adjusted(lr) orthogonal(u)
    """
    for w, g, b in zip(params, grads, buffers):
        b += (1 - momentum) * (g - b)
        u = orthogonal(g + momentum * (b - g) if nesterov else b, coefficients, eps, iterations)
        w *= 1 - lr * weight_decay
        w -= (adjusted(lr, adjust_lr_fn, w.shape) * u).astype(w.dtype)


def orthogonal(g: Array, coefficients: tuple[float, float, float], eps: float, iterations: int) -> Array:
    """Roughly U V^T for g = U S V^T: iterates X = a X + (b A + c A A) X with A = X X^T, in bfloat16's precision.

    Source: Jordan et al. 2024, "Muon: an optimizer for hidden layers in neural networks".
    """
    a, b, c = coefficients
    x = _rounded(g if g.shape[0] <= g.shape[1] else xp.transpose(g))
    x = _rounded(x / max(float(_rounded(xp.sqrt((x * x).sum()))), eps))
    for _ in range(iterations):
        gram = _rounded(x @ xp.transpose(x))
        x = _rounded(a * x + _rounded(b * gram + c * (gram @ gram)) @ x)
    return x if g.shape[0] <= g.shape[1] else xp.transpose(x)


def _rounded(x: Array) -> Array:
    """torch: the iteration runs in bfloat16. Here products are float32 and each result is rounded to bfloat16."""
    return x.astype(ml_dtypes.bfloat16).astype(np.float32)


def adjusted(lr: float, how: str | None, shape: tuple[int, int]) -> float:
    """The step size for a matrix of this shape, so that its root mean square does not depend on the shape."""
    rows, columns = shape
    if how == "match_rms_adamw":
        return lr * 0.2 * math.sqrt(max(rows, columns))
    return lr * math.sqrt(max(1, rows / columns))


class Muon(Rule):
    """Steps of orthogonal matrices: momentum, made orthogonal by five rounds of a polynomial iteration.

        b = momentum b + (1 - momentum) g,    w = w - lr weight_decay w - lr sqrt(max(1, R / C)) orthogonal(b)

    Args:
        params: matrices (R, C) only; give biases, embeddings and the like to AdamW.
        lr: step size.
        weight_decay: shrinks the weights by lr * weight_decay before each step.
        momentum: decay of b.
        nesterov: look ahead.
        ns_coefficients: a, b, c of the polynomial.
        eps: smallest norm that is divided by.
        ns_steps: rounds of the iteration, below 100.
        adjust_lr_fn: "original" (the factor above; also None) or "match_rms_adamw" (0.2 sqrt(max(R, C))).

    Raises:
        ValueError: an option out of range, or a parameter that is no matrix. RuntimeError: a complex parameter.

    Source: Jordan et al. 2024, "Muon"; Liu et al. 2025, arXiv:2502.16982; torch.optim.Muon.
    """

    shaped = ("momentum_buffer",)
    handles_complex = False

    def __init__(
        self,
        params: ParamsT,
        lr: Any = 1e-3,
        weight_decay: float = 0.1,
        momentum: float = 0.95,
        nesterov: bool = True,
        ns_coefficients: tuple[float, float, float] = COEFFICIENTS,
        eps: float = 1e-7,
        ns_steps: int = 5,
        adjust_lr_fn: str | None = None,
    ) -> None:
        require(not isinstance(lr, Tensor) or lr._array.size == 1, "Tensor lr must be 1-element")
        require(number(lr) >= 0, f"Learning rate should be >= 0 but is: {lr}")
        require(momentum >= 0, f"momentum should be >= 0 but is: {momentum}")
        require(weight_decay >= 0, f"weight decay should be >= 0 but is: {weight_decay}")
        require(
            adjust_lr_fn in (None, "original", "match_rms_adamw"),
            f"Adjust learning rate function {adjust_lr_fn} is not supported",
        )
        require(len(ns_coefficients) == 3, "Coefficients must be a tuple of exactly 3 values")
        require(ns_steps < 100, "Number of steps must be less than 100 for computational efficiency")
        super().__init__(params, options(locals()))

    def _check_param(self, p: Any) -> None:
        super()._check_param(p)
        if p.ndim != 2:
            raise ArgumentError(f"Muon only supports 2D parameters whereas we found a parameter with size: {p.shape}")

    def _start(self, p: Tensor, group: Group) -> State:
        return {"momentum_buffer": filled(p)}

    def _update(self, group: Group, batch: Batch) -> None:
        muon_(
            batch.arrays,
            batch.grads,
            column(self._states(group, batch), "momentum_buffer"),
            number(group["lr"]),
            group["weight_decay"],
            group["momentum"],
            group["nesterov"],
            group["ns_coefficients"],
            group["eps"],
            group["ns_steps"],
            group["adjust_lr_fn"],
        )
