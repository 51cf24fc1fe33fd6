"""SGD: steps against the gradient, with momentum if wanted."""

from __future__ import annotations

from typing import Any

from ..kernels import kernel
from .rule import (
    Array,
    Batch,
    Group,
    ParamsT,
    Rule,
    State,
    check_hints,
    check_lr,
    column,
    descent,
    filled,
    number,
    options,
    require,
)


@kernel
def sgd_(
    params: list[Array],
    grads: list[Array],
    buffers: list[Array] | None,
    lr: float,
    momentum: float,
    dampening: float,
    weight_decay: float,
    nesterov: bool,
    maximize: bool,
) -> None:
    """One step, in place; buffers None where momentum is 0.

    b = momentum b + (1 - dampening) g,    w = w - lr b        (nesterov: w = w - lr (g + momentum b))
    """
    for i, (w, g) in enumerate(zip(params, grads)):
        g = descent(w, g, weight_decay, maximize)
        if buffers is not None:
            b = buffers[i]
            b *= momentum
            b += (1 - dampening) * g
            g = g + momentum * b if nesterov else b
        w -= lr * g


class SGD(Rule):
    """Steps against the gradient, or against its running sum if there is momentum.

        b = momentum b + (1 - dampening) g        (b = g in the first step)
        w = w - lr b                              (nesterov: w = w - lr (g + momentum b))

    Args:
        lr: step size.
        momentum: how much of the running sum b is kept; 0 for none.
        dampening: how much of the new gradient is left out of b.
        weight_decay: L2 penalty, added to the gradient.
        nesterov: look ahead; needs momentum and no dampening.
        maximize: step along the gradient.
        foreach, fused: accepted; a step is one fused call anyway.
        differentiable: not supported.

    Raises:
        ValueError: an option out of range. NotImplementedError: `differentiable=True`.

    Example:
        >>> w = rushlight.ones(2, requires_grad=True)
        >>> w.sum().backward()
        >>> rushlight.optim.SGD([w], lr=0.25).step()
        >>> w.detach()
        tensor([0.7500, 0.7500])

    Source: Sutskever et al. 2013, "On the importance of initialization and momentum in deep learning"; torch.optim.SGD.
    """

    shaped = ("momentum_buffer",)
    handles_sparse = True

    def __init__(
        self,
        params: ParamsT,
        lr: Any = 1e-3,
        momentum: float = 0,
        dampening: float = 0,
        weight_decay: float = 0,
        nesterov: bool = False,
        *,
        maximize: bool = False,
        foreach: bool | None = None,
        differentiable: bool = False,
        fused: bool | None = None,
    ) -> None:
        check_lr(lr)
        require(number(momentum) >= 0, f"Invalid momentum value: {momentum}")
        require(number(weight_decay) >= 0, f"Invalid weight_decay value: {weight_decay}")
        require(
            not nesterov or (momentum > 0 and dampening == 0),
            "Nesterov momentum requires a momentum and zero dampening",
        )
        check_hints(fused, foreach, differentiable)
        super().__init__(params, options(locals()))

    def _update(self, group: Group, batch: Batch) -> None:
        lr, momentum, dampening = number(group["lr"]), number(group["momentum"]), number(group["dampening"])
        rest = (number(group["weight_decay"]), group["nesterov"], group["maximize"])
        if not momentum:
            sgd_(batch.arrays, batch.grads, None, lr, momentum, 0.0, *rest)
        elif not dampening:
            sgd_(batch.arrays, batch.grads, self._buffers(group, batch), lr, momentum, 0.0, *rest)
        else:  # torch: a first gradient is not dampened
            fresh = [self.state[p].get("momentum_buffer") is None for p in batch.params]
            buffers = self._buffers(group, batch)
            for first, share in ((True, 0.0), (False, dampening)):
                w, g, b = ([a for a, f in zip(c, fresh) if f is first] for c in (batch.arrays, batch.grads, buffers))
                sgd_(w, g, b, lr, momentum, share, *rest)

    def _start(self, p: Any, group: Group) -> State:
        return {"momentum_buffer": filled(p)}

    def _buffers(self, group: Group, batch: Batch) -> list[Array]:
        try:
            return column(self._states(group, batch), "momentum_buffer")
        except (KeyError, AttributeError):  # a state without it, or None in state dicts of PyTorch before 2.0
            for p in batch.params:
                if self.state[p].get("momentum_buffer") is None:
                    self.state[p].update(self._start(p, group))
            return column(self._states(group, batch), "momentum_buffer")
