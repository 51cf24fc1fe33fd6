"""SparseAdam: Adam for sparse gradients, of which there are none here; a dense one is refused as PyTorch refuses it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ..errors import OperatorError
from .optimizer import Optimizer, ParamsT
from .rule import check_betas, evaluate, number, options, require


class SparseAdam(Optimizer):
    """Adam that touches only the rows that a sparse gradient names. Gradients are always dense here: use Adam.

    Args:
        lr, betas, eps: as for `Adam`, lr and eps above 0.
        maximize: step along the gradient.

    Raises:
        ValueError: an option out of range, or a complex parameter.
        RuntimeError: in `step`, for every gradient, as none is sparse.

    Source: the behaviour of torch.optim.SparseAdam for dense gradients.
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
        complex_ = [
            [i, j] for i, g in enumerate(self.param_groups) for j, p in enumerate(g["params"]) if p.is_complex()
        ]
        require(not complex_, f"Complex params at indices {complex_}: SparseAdam does not support complex parameters")

    def step(self, closure: Callable[[], Any] | None = None) -> Any:
        """Raises RuntimeError if there is a gradient."""
        loss = None if closure is None else evaluate(closure)
        if any(p.grad is not None for group in self.param_groups for p in group["params"]):
            raise OperatorError("SparseAdam does not support dense gradients, please consider Adam instead")
        return loss
