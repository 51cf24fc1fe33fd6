"""SparseAdam: Adam for sparse gradients, which touches only the rows that a gradient names."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from ..autograd.tape import touch, wrap
from ..errors import OperatorError
from ..kernels.sparse import Coo
from .optimizer import Optimizer, ParamsT
from .rule import Array, check_betas, evaluate, number, options, require


def sparse_adam_(
    w: Array, grad: Coo, m: Array, v: Array, step: int, lr: float, beta1: float, beta2: float, eps: float
) -> None:
    """One step, in place, of the rows that the coalesced gradient names; m and v of other rows do not decay.

    m = m + (1 - beta1) (g - m),    v = v + (1 - beta2) (g^2 - v)
    w = w - lr * sqrt(1 - beta2^t) / (1 - beta1^t) * m / (sqrt(v) + eps)
    """
    rows, g = tuple(grad.indices), grad.values
    m[rows] += (1 - beta1) * (g - m[rows])
    v[rows] += (1 - beta2) * (g * g - v[rows])
    size = lr * math.sqrt(1 - beta2**step) / (1 - beta1**step)
    w[rows] -= size * m[rows] / (np.sqrt(v[rows]) + eps)


class SparseAdam(Optimizer):
    """Adam that touches only the rows that a sparse gradient names, and their moments.

        m = beta1 m + (1 - beta1) g,    v = beta2 v + (1 - beta2) g^2        (rows in the gradient)
        w = w - lr * sqrt(1 - beta2^t) / (1 - beta1^t) * m / (sqrt(v) + eps)

    Args:
        lr, betas, eps: as for `Adam`, lr and eps above 0.
        maximize: step along the gradient.

    Raises:
        ValueError: an option out of range, a sparse or complex parameter.
        RuntimeError: in `step`, for a gradient that is not sparse.

    Example:
        >>> table = rushlight.nn.Embedding(3, 2, sparse=True)
        >>> table(rushlight.tensor([1])).sum().backward()
        >>> rushlight.optim.SparseAdam(table.parameters()).step()

    Source: torch.optim.SparseAdam.
    """

    def __init__(
        self,
        params: ParamsT,
        lr: Any = 1e-3,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8,
        maximize: bool = False,
    ) -> None:
        require(number(lr) > 0, f"Invalid learning rate: {lr}")
        require(eps > 0, f"Invalid epsilon value: {eps}")
        check_betas(betas)
        super().__init__(params, options(locals()))
        for word, is_wrong in (("sparse", _is_sparse), ("complex", _is_complex)):
            wrong = [[i, j] for i, g in enumerate(self.param_groups) for j, p in enumerate(g["params"]) if is_wrong(p)]
            what = "requires dense parameter tensors" if word == "sparse" else "does not support complex parameters"
            require(not wrong, f"{word.capitalize()} params at indices {wrong}: SparseAdam {what}")

    def step(self, closure: Callable[[], Any] | None = None) -> Any:
        """Updates every parameter that has a gradient.

        Args:
            closure: computes the loss anew, with gradients, and returns it; the step then returns that loss.

        Raises:
            RuntimeError: a gradient is not sparse. No parameter is changed then.
        """
        loss = None if closure is None else evaluate(closure)
        having = [(group, p) for group in self.param_groups for p in group["params"] if p.grad is not None]
        if not all(p.grad.is_sparse for _, p in having):
            raise OperatorError("SparseAdam does not support dense gradients, please consider Adam instead")
        for group, p in having:
            self._step(group, p)
        return loss

    def _step(self, group: dict[str, Any], p: Any) -> None:
        state = self.state[p]
        if not state:
            state.update(step=0, exp_avg=wrap(np.zeros_like(p._array)), exp_avg_sq=wrap(np.zeros_like(p._array)))
        state["step"] += 1
        grad = p.grad._array.coalesce()
        if not len(grad.values):
            return
        grad = -grad if group["maximize"] else grad
        m, v, (beta1, beta2) = state["exp_avg"]._array, state["exp_avg_sq"]._array, group["betas"]
        sparse_adam_(p._array, grad, m, v, state["step"], number(group["lr"]), beta1, beta2, group["eps"])
        touch(p._array, m, v)


def _is_sparse(p: Any) -> bool:
    return bool(p.is_sparse)


def _is_complex(p: Any) -> bool:
    return bool(p.is_complex())
