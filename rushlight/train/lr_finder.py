"""The learning-rate finder: trains for a moment while the rate grows, and tells which rate to begin with."""

from __future__ import annotations

import copy
import math
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from itertools import chain, repeat
from typing import TYPE_CHECKING, Any

import numpy as np

from ..errors import ArgumentError
from ..utils.data.random_state import kept
from .callback import Callback
from .fit import fit
from .run import Forward, Run

if TYPE_CHECKING:
    from rushlight import Tensor, nn, optim


@dataclass(frozen=True)
class Rates:
    """What the finder saw.

    Attributes:
        rates: learning rates, growing.
        losses: the loss at each, smoothed.
        suggestion: a tenth of the rate at which the loss was least: a rate to begin with.
    """

    rates: list[float]
    losses: list[float]
    suggestion: float


class _Growing(Callback):
    """Multiplies the rate after each step, and stops when the loss is far above its least."""

    order = -20

    def __init__(self, start: float, end: float, steps: int) -> None:
        self.start, self.factor = start, (end / start) ** (1 / max(steps - 1, 1))
        self.rates: list[float] = []
        self.losses: list[float] = []
        self.mean = 0.0

    def on_batch_begin(self, run: Run) -> None:
        rate = self.start * self.factor ** len(self.rates)
        for group in run.optimizer.param_groups:
            group["lr"] = rate

    def on_loss(self, run: Run) -> None:
        self.mean = 0.9 * self.mean + 0.1 * run.loss_value
        smooth = self.mean / (1 - 0.9 ** (len(self.losses) + 1))
        self.rates.append(run.history.rates[-1])
        self.losses.append(smooth)
        if not math.isfinite(smooth) or smooth > 4 * min(self.losses):
            run.stop("the loss explodes")


class _Endless:
    """The batches, over and over."""

    def __init__(self, data: Iterable[Any]) -> None:
        self.data = data

    def __iter__(self) -> Any:
        return chain.from_iterable(repeat(self.data))


def find_lr(
    model: nn.Module,
    data: Iterable[Any],
    loss: Callable[[Any, Any], Tensor],
    optimizer: optim.Optimizer,
    start: float = 1e-6,
    end: float = 1.0,
    steps: int = 100,
    forward: Forward | None = None,
) -> Rates:
    """Tries learning rates from `start` to `end`, each for a step, until the loss explodes. Model, optimizer and random
    numbers are afterwards as they were.

    Raises:
        ValueError: rates that do not grow, or fewer than 10 steps.

    Source: Smith 2017, arXiv:1506.01186, section 3.3; the suggestion is the rule of thumb of fastai's course.
    """
    if not 0 < start < end or steps < 10:
        raise ArgumentError(f"find_lr: start={start}, end={end}, steps={steps}; expected 0 < start < end, steps >= 10")
    weights, state = copy.deepcopy(model.state_dict()), copy.deepcopy(optimizer.state_dict())
    growing = _Growing(start, end, steps)
    try:
        with kept():
            fit(
                model,
                _Endless(data),
                loss,
                optimizer,
                steps=steps,
                callbacks=[growing],
                forward=forward,
                progress=False,
                nan_guard=False,
            )
    finally:
        model.load_state_dict(weights)
        optimizer.load_state_dict(state)
        optimizer.zero_grad()
    least = growing.rates[int(np.nanargmin(growing.losses))]
    return Rates(growing.rates, growing.losses, least / 10)
