"""Stochastic depth: a residual branch that is left out at random.

Source: Huang et al. 2016, arXiv:1603.09382.
"""

from __future__ import annotations

from ... import nn, ops
from ...errors import ArgumentError
from ...tensor import Tensor


def stochastic_depth(input: Tensor, p: float, mode: str, training: bool = True) -> Tensor:
    """The input with whole samples set to 0 with probability p, the others over 1 - p.

    Args:
        input: (N, ...).
        p: in 0..1.
        mode: "row": each sample by itself; "batch": all or none.
        training: False leaves the input as it is.

    Raises:
        ValueError: another p or mode.
    """
    if not 0.0 <= p <= 1.0:
        raise ArgumentError(f"drop probability has to be between 0 and 1, but got {p}")
    if mode not in ("batch", "row"):
        raise ArgumentError(f"mode has to be either 'batch' or 'row', but got {mode}")
    if not training or p == 0.0:
        return input
    size = [input.shape[0] if mode == "row" else 1] + [1] * (input.ndim - 1)
    kept = ops.empty(size, dtype=input.dtype).bernoulli_(1.0 - p)
    return input * (kept / (1.0 - p) if p < 1.0 else kept)


class StochasticDepth(nn.Module):
    """See `stochastic_depth`."""

    def __init__(self, p: float, mode: str) -> None:
        super().__init__()
        self.p, self.mode = p, mode

    def forward(self, input: Tensor) -> Tensor:
        return stochastic_depth(input, self.p, self.mode, self.training)

    def __repr__(self) -> str:
        return f"{type(self).__name__}(p={self.p}, mode={self.mode})"
