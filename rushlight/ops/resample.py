"""Resampling one dimension: every output is a weighted sum of a few inputs.

Padding by reflection, interpolation of every mode and their gradients are all this one map, which a `Table` describes:
`indices[i, k]` and `weights[i, k]` say what output i reads. The gradient is the same map with the transposed table.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from ..autograd.tape import Operator
from ..kernels import kernel, xp
from .promotion import in_float32

Array = Any


class Table:
    """indices (n_out, K) int64 into n_in inputs; weights (n_out, K), or None where each output is a copy (K = 1)."""

    __slots__ = ("_transposed", "indices", "size", "weights")

    def __init__(self, indices: Array, weights: Array | None, size: int, transposed: Table | None = None) -> None:
        self.indices = indices
        self.weights = weights
        self.size = size
        self._transposed = transposed

    @property
    def transposed(self) -> Table:
        """The table of the gradient: which outputs read each input, and with what weight."""
        if self._transposed is None:
            self._transposed = Table(*_transpose(self.indices, self.weights, self.size), len(self.indices), self)
        return self._transposed


def _transpose(indices: Array, weights: Array | None, size: int) -> tuple[Array, Array]:
    n, taps = indices.shape
    read = indices.reshape(-1)
    order = np.argsort(read, kind="stable")
    read, outputs = read[order], np.repeat(np.arange(n), taps)[order]
    counts = np.bincount(read, minlength=size)
    rank = np.arange(len(read)) - (np.cumsum(counts) - counts)[read]  # the how-manieth reader of this input
    readers, shares = np.zeros((size, max(int(counts.max(initial=0)), 1)), np.int64), None
    readers[read[rank == 0]] = outputs[rank == 0][:, None]  # unused places repeat the first reader, with weight 0
    readers[read, rank] = outputs
    shares = np.zeros(readers.shape)
    shares[read, rank] = 1 if weights is None else weights.reshape(-1)[order]
    return readers, shares


@kernel
@in_float32
def resample(x: Array, indices: Array, weights: Array | None, axis: int) -> Array:
    """y[.., i, ..] = sum over k of weights[i, k] * x[.., indices[i, k], ..] along one axis."""
    before, after = (slice(None),) * axis, (1,) * (x.ndim - axis - 1)
    if weights is None:
        return x[(*before, indices[:, 0])]
    total = None
    for k in range(indices.shape[1]):
        term = x[(*before, indices[:, k])] * xp.asarray(weights[:, k].astype(x.dtype), like=x).reshape((-1, *after))
        total = term if total is None else total + term
    return total


class Resample(Operator):
    """`resample` along several axes: `tables` are (axis, Table) pairs."""

    curved = True

    @staticmethod
    def forward(ctx: Any, x: Array, tables: tuple[tuple[int, Table], ...]) -> Array:
        ctx.tables = tables
        for axis, table in tables:
            x = resample(x, table.indices, table.weights, axis)
        return x

    @staticmethod
    def backward(ctx: Any, grad: Array) -> Array:
        return Resample.derive(grad, tuple((axis, table.transposed) for axis, table in reversed(ctx.tables)))
