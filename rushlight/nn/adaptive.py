"""Softmax over very many classes: frequent ones by themselves, rare ones in clusters of smaller width."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import Any, NamedTuple

import numpy as np

from ..autograd.tape import wrap
from ..errors import OperatorError, ShapeError
from ..ops.joining import cat
from ..tensor import Tensor
from . import functional as F
from .container import ModuleList, Sequential
from .linear import Linear
from .module import Module


class _ASMoutput(NamedTuple):
    """The log-probability of each target, and minus their mean."""

    output: Tensor
    loss: Tensor


def _check_cutoffs(cutoffs: list[int], n_classes: int) -> None:
    if not cutoffs:
        raise ValueError("cutoffs should be a sequence of length larger than 0")
    rising = all(a < b for a, b in pairwise(cutoffs))
    if not rising or cutoffs[0] <= 0 or cutoffs[-1] > n_classes - 1 or any(int(c) != c for c in cutoffs):
        raise ValueError(
            "cutoffs should be a sequence of unique, positive integers sorted in an increasing order, where each value "
            "is between 1 and n_classes-1"
        )


class AdaptiveLogSoftmaxWithLoss(Module):
    """Log-softmax over classes sorted by frequency, the rare ones through narrow clusters, and its loss.

        log p(class) = log p(cluster) + log p(class | cluster)

    Args:
        in_features: D. n_classes: how many classes, the most frequent first.
        cutoffs: where clusters start; classes below the first are scored directly.
        div_value: cluster i is in_features / div_value^(i + 1) wide.
        head_bias: of the layer that scores frequent classes and clusters.

    Shape:
        input (N, D), target (N,), or (D,) and () -> output (N,) or (), loss ().

    Source: Grave et al. 2017, arXiv:1609.04309.
    """

    def __init__(
        self,
        in_features: int,
        n_classes: int,
        cutoffs: Sequence[int],
        div_value: float = 4.0,
        head_bias: bool = False,
        device: Any = None,
        dtype: Any = None,
    ) -> None:
        super().__init__()
        cutoffs = list(cutoffs)
        _check_cutoffs(cutoffs, n_classes)
        made: Any = {"device": device, "dtype": dtype}
        self.in_features = in_features
        self.n_classes = n_classes
        self.cutoffs = [*cutoffs, n_classes]
        self.div_value = div_value
        self.head_bias = head_bias
        self.shortlist_size = cutoffs[0]
        self.n_clusters = len(cutoffs)
        self.head_size = self.shortlist_size + self.n_clusters
        self.head = Linear(in_features, self.head_size, bias=head_bias, **made)
        self.tail = ModuleList()
        for i, (low, high) in enumerate(pairwise(self.cutoffs)):
            width = int(in_features // div_value ** (i + 1))
            down, up = Linear(in_features, width, bias=False, **made), Linear(width, high - low, bias=False, **made)
            self.tail.append(Sequential(down, up))

    def reset_parameters(self) -> None:
        self.head.reset_parameters()
        for down, up in self.tail:
            down.reset_parameters()
            up.reset_parameters()

    def forward(self, input_: Tensor, target_: Tensor) -> _ASMoutput:
        self._check(input_, target_)
        if target_.dim() == 0:
            output, loss = self.forward(input_.unsqueeze(0), target_.unsqueeze(0))
            return _ASMoutput(output.squeeze(0), loss)
        target = target_._array
        cluster = np.searchsorted(self.cutoffs, target, side="right")  # 0 for the frequent classes
        column = np.where(cluster == 0, target, self.shortlist_size + cluster - 1)
        head = F.log_softmax(self.head(input_), dim=1)
        output = head.gather(1, wrap(column[:, None])).squeeze(1)
        for i in range(1, self.n_clusters + 1):
            rows = np.flatnonzero(cluster == i)
            if rows.size:
                within = F.log_softmax(self.tail[i - 1](input_[rows]), dim=1)
                local = within.gather(1, wrap((target[rows] - self.cutoffs[i - 1])[:, None])).squeeze(1)
                output = output.index_add(0, wrap(rows), local)
        return _ASMoutput(output, (-output).mean())

    def _check(self, input: Tensor, target: Tensor) -> None:
        if target.dim() > 1:
            raise ShapeError("0D or 1D target tensor expected, multi-target not supported")
        if input.dim() != target.dim() + 1:
            raise ShapeError(
                f"{target.dim()}D target tensor expects {target.dim() + 1}D input, but found {input.shape}"
            )
        if target.dim() and len(input) != len(target):
            raise ShapeError("Input and target should have the same size in the batch dimension.")
        classes = target._array
        if classes.size and (classes.min() < 0 or classes.max() >= self.n_classes):
            raise OperatorError(
                f"Target values should be in [0, {self.n_classes - 1}], but values in range [{classes.min()}, "
                f"{classes.max()}] were found."
            )

    def log_prob(self, input: Tensor) -> Tensor:
        """The log-probabilities of all classes: (N, D) -> (N, n_classes)."""
        head = F.log_softmax(self.head(input), dim=1)
        clusters = [
            F.log_softmax(tail(input), dim=1) + head[:, self.shortlist_size + i].unsqueeze(1)
            for i, tail in enumerate(self.tail)
        ]
        return cat([head[:, : self.shortlist_size], *clusters], 1)

    def predict(self, input: Tensor) -> Tensor:
        """The most probable class of each row: (N, D) -> (N,)."""
        head = self.head(input).argmax(1)
        rare = np.flatnonzero(head._array >= self.shortlist_size)  # a cluster won: only these need all classes
        if rare.size:
            head[rare] = self.log_prob(input[rare]).argmax(1)
        return head
