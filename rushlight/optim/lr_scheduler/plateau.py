"""ReduceLROnPlateau: lowers the rate when a metric stops getting better."""

from __future__ import annotations

import math
import warnings
from typing import Any

from ...errors import ArgumentError, OperatorError
from ..optimizer import Optimizer
from ..rule import require
from .base import EPOCH_WARNING, LRScheduler, check_optimizer, options_of, set_option


class ReduceLROnPlateau(LRScheduler):
    """Multiplies the rate by `factor` when the metric has not got better for more than `patience` epochs.

    Args:
        mode: "min" if lower is better, "max" if higher.
        factor: below 1.
        patience: epochs without improvement that are let pass.
        threshold: by how much a metric must be better to count.
        threshold_mode: "rel" for a share of the best value, "abs" for a difference.
        cooldown: epochs after a reduction in which nothing is counted.
        min_lr: lowest rate, for all groups or a list with one for each.
        eps: smallest change of the rate that is made.

    Raises:
        ValueError: an argument out of range, or a list of another length.

    Example:
        >>> optimizer = rushlight.optim.SGD([rushlight.ones(1, requires_grad=True)], lr=1.0)
        >>> scheduler = rushlight.optim.lr_scheduler.ReduceLROnPlateau(optimizer, patience=1)
        >>> for loss in (3.0, 3.0, 3.0):
        ...     scheduler.step(loss)
        >>> optimizer.param_groups[0]["lr"]
        0.1

    Source: the behaviour of torch.optim.lr_scheduler.ReduceLROnPlateau.
    """

    def __init__(
        self,
        optimizer: Optimizer,
        mode: str = "min",
        factor: float = 0.1,
        patience: int = 10,
        threshold: float = 1e-4,
        threshold_mode: str = "rel",
        cooldown: int = 0,
        min_lr: float | list[float] = 0,
        eps: float = 1e-8,
    ) -> None:
        require(factor < 1, "Factor should be < 1.0.")
        check_optimizer(optimizer)
        require(mode in ("min", "max"), f"mode {mode} is unknown!")
        require(threshold_mode in ("rel", "abs"), f"threshold mode {threshold_mode} is unknown!")
        self.optimizer = optimizer
        self.factor = factor
        groups = len(optimizer.param_groups)
        if isinstance(min_lr, (list, tuple)) and len(min_lr) != groups:
            raise ArgumentError(f"expected {groups} min_lrs, got {len(min_lr)}")
        self.default_min_lr = None if isinstance(min_lr, (list, tuple)) else min_lr
        self.min_lrs = list(min_lr) if isinstance(min_lr, (list, tuple)) else [min_lr] * groups
        self.patience = patience
        self.cooldown = cooldown
        self.eps = eps
        self.last_epoch = 0
        self._last_lr = options_of(optimizer, "lr")
        self.mode = mode
        self.threshold = threshold
        self.threshold_mode = threshold_mode
        self._reset()

    def _reset(self) -> None:
        """Forgets the best value and the epochs counted."""
        self.mode_worse = math.inf if self.mode == "min" else -math.inf
        self.best = self.mode_worse
        self.cooldown_counter = 0
        self.num_bad_epochs = 0

    def step(self, metrics: Any, epoch: int | None = None) -> None:  # type: ignore[override]
        """Takes in the metric of an epoch, a number or a Tensor of one."""
        current = float(metrics)
        if epoch is not None:
            warnings.warn(EPOCH_WARNING, UserWarning, stacklevel=2)
        self.last_epoch = self.last_epoch + 1 if epoch is None else epoch
        if self._is_better(current, self.best):
            self.best = current
            self.num_bad_epochs = 0
        else:
            self.num_bad_epochs += 1
        if self.in_cooldown:
            self.cooldown_counter -= 1
            self.num_bad_epochs = 0
        if self.num_bad_epochs > self.patience:
            self._reduce_lr(self.last_epoch)
            self.cooldown_counter = self.cooldown
            self.num_bad_epochs = 0
        self._last_lr = options_of(self.optimizer, "lr")

    @property
    def in_cooldown(self) -> bool:
        return self.cooldown_counter > 0

    def _is_better(self, a: float, best: float) -> bool:
        sign = 1 if self.mode == "min" else -1
        if math.isinf(best):
            return sign * a < sign * best
        margin = self.threshold * best if self.threshold_mode == "rel" else self.threshold
        return sign * a < sign * best - margin

    def _reduce_lr(self, epoch: int) -> None:
        groups = self.optimizer.param_groups
        if len(groups) != len(self.min_lrs):
            if self.default_min_lr is None:
                raise OperatorError(
                    f"The number of param groups in the `optimizer` ({len(groups)}) differs from when "
                    f"`ReduceLROnPlateau` was initialized ({len(self.min_lrs)}), usually due to a new param group "
                    "being added to the optimizer. Please modify the `min_lrs` field to match the length of the "
                    "`optimizer` param groups."
                )
            self.min_lrs = [self.default_min_lr] * len(groups)
        for group, lowest in zip(groups, self.min_lrs):
            old = float(group["lr"])
            new = max(old * self.factor, lowest)
            if old - new > self.eps:
                set_option(group, "lr", new)
