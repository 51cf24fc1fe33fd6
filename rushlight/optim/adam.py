"""Adam and AdamW: steps scaled by a running mean and spread of each weight's gradient."""

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
    require,
    scalar,
)


@kernel
def adam_(
    params: list[Array],
    grads: list[Array],
    exp_avgs: list[Array],
    exp_avg_sqs: list[Array],
    max_exp_avg_sqs: list[Array],
    steps: list[float],
    lr: float,
    beta1: float,
    beta2: float,
    eps: float,
    weight_decay: float,
    amsgrad: bool,
    maximize: bool,
    decoupled: bool,
) -> None:
    """One step, in place; steps count from 1; max_exp_avg_sqs is empty without amsgrad.

    m = beta1 m + (1 - beta1) g,    v = beta2 v + (1 - beta2) g^2,    largest = max(largest, v)
    w = w - lr / (1 - beta1^t) * m / (sqrt(v) / sqrt(1 - beta2^t) + eps)           (amsgrad: largest for v)
    """
    for i, (w, g, m, v, t) in enumerate(zip(params, grads, exp_avgs, exp_avg_sqs, steps)):
        g = descent(w, g, 0.0 if decoupled else weight_decay, maximize)
        if decoupled and weight_decay:
            w *= 1 - lr * weight_decay
        running_moments_(m, v, g, beta1, beta2)
        if amsgrad:
            largest = max_exp_avg_sqs[i]
            largest[...] = v = xp.maximum(largest, v)
        spread = xp.sqrt(v) / (1 - beta2**t) ** 0.5 + eps
        w -= lr / (1 - beta1**t) * (m / spread)


def running_moments_(m: Array, v: Array, g: Array, beta1: float, beta2: float) -> None:
    """m = beta1 m + (1 - beta1) g and v = beta2 v + (1 - beta2) g^2, in place."""
    m += (1 - beta1) * (g - m)
    v *= beta2
    v += (1 - beta2) * (g * g)


def _check_tensors(lr: Any, betas: Any, foreach: bool | None) -> None:
    """Options may be Tensors of one element, the two betas together. torch: foreach=True takes plain numbers only."""
    for name, option in (("lr", lr), ("betas[0]", betas[0]), ("betas[1]", betas[1])):
        if isinstance(option, Tensor):
            require(not foreach, f"{name} as a Tensor is not supported for capturable=False and foreach=True")
            require(option._array.size == 1, f"Tensor {name} must be 1-element")
    require(
        isinstance(betas[0], Tensor) == isinstance(betas[1], Tensor), "betas must be either both floats or both Tensors"
    )


def begin_moments(p: Tensor) -> State:
    """The state of Adam and its relatives before the first step."""
    return {"step": scalar(0.0), "exp_avg": filled(p), "exp_avg_sq": filled(p)}


class Adam(Rule):
    """Steps scaled by a running mean and spread of each weight's gradient.

        m = beta1 m + (1 - beta1) g,    v = beta2 v + (1 - beta2) g^2
        w = w - lr * (m / (1 - beta1^t)) / (sqrt(v / (1 - beta2^t)) + eps)

    Args:
        lr: step size, a number or a Tensor of one.
        betas: decay of m and of v, each in [0, 1).
        eps: added to the denominator, outside the root.
        weight_decay: L2 penalty, added to the gradient (AdamW decouples it).
        amsgrad: divide by the largest v so far.
        maximize: step along the gradient.
        decoupled_weight_decay: shrink the weights by lr * weight_decay instead, as AdamW.
        foreach, fused: accepted; a step is one fused call anyway.
        capturable, differentiable: not supported.

    Raises:
        ValueError: an option out of range. NotImplementedError: `capturable=True` or `differentiable=True`.

    Example:
        >>> w = rushlight.ones(2, requires_grad=True)
        >>> optimizer = rushlight.optim.Adam([w], lr=0.25)
        >>> w.sum().backward()
        >>> optimizer.step()
        >>> w.detach()
        tensor([0.7500, 0.7500])

    Source: Kingma, Ba 2015, arXiv:1412.6980, algorithm 1; amsgrad: Reddi et al. 2018, "On the convergence of Adam and
    beyond"; torch.optim.Adam.
    """

    shaped = ("exp_avg", "exp_avg_sq", "max_exp_avg_sq")

    def __init__(
        self,
        params: ParamsT,
        lr: Any = 1e-3,
        betas: tuple[Any, Any] = (0.9, 0.999),
        eps: float = 1e-8,
        weight_decay: float = 0,
        amsgrad: bool = False,
        *,
        foreach: bool | None = None,
        maximize: bool = False,
        capturable: bool = False,
        differentiable: bool = False,
        fused: bool | None = None,
        decoupled_weight_decay: bool = False,
    ) -> None:
        check_lr(lr)
        check_not_negative(eps=eps)
        check_betas(betas)
        check_not_negative(weight_decay=weight_decay)
        _check_tensors(lr, betas, foreach)
        check_hints(fused, foreach, differentiable)
        betas = tuple(betas)
        super().__init__(params, options(locals(), "lr betas eps weight_decay amsgrad maximize"))

    def _start(self, p: Tensor, group: Group) -> State:
        return {**begin_moments(p), **({"max_exp_avg_sq": filled(p)} if group["amsgrad"] else {})}

    def _update(self, group: Group, batch: Batch) -> None:
        states = self._states(group, batch)
        steps = next_steps(states)
        beta1, beta2 = group["betas"]
        amsgrad = group["amsgrad"]
        adam_(
            batch.arrays,
            batch.grads,
            column(states, "exp_avg"),
            column(states, "exp_avg_sq"),
            column(states, "max_exp_avg_sq") if amsgrad else [],
            steps,
            number(group["lr"]),
            number(beta1),
            number(beta2),
            group["eps"],
            group["weight_decay"],
            amsgrad,
            group["maximize"],
            group["decoupled_weight_decay"],
        )
        put(states, "step", steps)


class AdamW(Adam):
    """Adam whose weight decay shrinks the weights themselves: w = w - lr * weight_decay * w before each step.

    Args:
        as for `Adam`; `weight_decay` is 0.01 unless given.

    Source: Loshchilov, Hutter 2019, arXiv:1711.05101, algorithm 2; torch.optim.AdamW.
    """

    def __init__(
        self,
        params: ParamsT,
        lr: Any = 1e-3,
        betas: tuple[Any, Any] = (0.9, 0.999),
        eps: float = 1e-8,
        weight_decay: float = 1e-2,
        amsgrad: bool = False,
        *,
        maximize: bool = False,
        foreach: bool | None = None,
        capturable: bool = False,
        differentiable: bool = False,
        fused: bool | None = None,
    ) -> None:
        super().__init__(
            params,
            lr,
            betas,
            eps,
            weight_decay,
            amsgrad,
            foreach=foreach,
            maximize=maximize,
            capturable=capturable,
            differentiable=differentiable,
            fused=fused,
            decoupled_weight_decay=True,
        )

    def __setstate__(self, state: dict[str, Any]) -> None:
        super().__setstate__(state)
        for group in self.param_groups:  # torch: a state dict of Adam does not turn AdamW into it
            group["decoupled_weight_decay"] = True
