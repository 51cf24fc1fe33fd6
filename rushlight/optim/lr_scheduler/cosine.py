"""Schedules along a cosine, from the initial rate down to `eta_min`, once or again and again."""

from __future__ import annotations

import math
from typing import Any

from ...errors import ArgumentError
from ..optimizer import Optimizer
from ..rule import require
from .base import LRScheduler


def half_cosine(progress: float) -> float:
    """From 1 at 0 down to 0 at 1, and up again to 1 at 2."""
    return (1 + math.cos(math.pi * progress)) / 2


class CosineAnnealingLR(LRScheduler):
    """Takes the rate from its initial value to `eta_min` in T_max epochs, along a cosine, and up again.

        lr = eta_min + (initial - eta_min) (1 + cos(pi epoch / T_max)) / 2

    Source: Loshchilov, Hutter 2017, arXiv:1608.03983, without the restarts; torch.optim.lr_scheduler.CosineAnnealingLR.
    """

    def __init__(self, optimizer: Optimizer, T_max: int, eta_min: float = 0.0, last_epoch: int = -1) -> None:
        self.T_max = T_max
        self.eta_min = eta_min
        super().__init__(optimizer, last_epoch)

    def get_lr(self) -> list[Any]:
        """The groups' rates, taken one step along the cosine."""
        self._check_within_step()
        lrs = [group["lr"] for group in self.optimizer.param_groups]
        if self._is_initial:
            return lrs
        if self._step_count == 1 and self.last_epoch > 0:
            return self._get_closed_form_lr()
        if (self.last_epoch - 1 - self.T_max) % (2 * self.T_max) == 0:  # at the bottom, where there is nothing to scale
            step = 1 - half_cosine(1 / self.T_max)
            return [lr + (base - self.eta_min) * step for lr, base in zip(lrs, self.base_lrs)]
        ratio = half_cosine(self.last_epoch / self.T_max) / half_cosine((self.last_epoch - 1) / self.T_max)
        return [self.eta_min + (lr - self.eta_min) * ratio for lr in lrs]

    def _get_closed_form_lr(self) -> list[Any]:
        height = half_cosine(self.last_epoch / self.T_max)
        return [self.eta_min + (base - self.eta_min) * height for base in self.base_lrs]


class CosineAnnealingWarmRestarts(LRScheduler):
    """Cosines from the initial rate down to `eta_min`, one after the other: the first takes T_0 epochs, each later one
    T_mult times the one before.

        lr = eta_min + (initial - eta_min) (1 + cos(pi T_cur / T_i)) / 2

    Raises:
        ValueError: T_0 or T_mult is no positive integer, or eta_min no number.

    Source: Loshchilov, Hutter 2017, arXiv:1608.03983; torch.optim.lr_scheduler.CosineAnnealingWarmRestarts.
    """

    def __init__(
        self, optimizer: Optimizer, T_0: int, T_mult: int = 1, eta_min: float = 0.0, last_epoch: int = -1
    ) -> None:
        require(isinstance(T_0, int) and T_0 > 0, f"Expected positive integer T_0, but got {T_0}")
        require(isinstance(T_mult, int) and T_mult >= 1, f"Expected integer T_mult >= 1, but got {T_mult}")
        if not isinstance(eta_min, (float, int)):
            raise ArgumentError(f"Expected float or int eta_min, but got {eta_min} of type {type(eta_min)}")
        self.T_0 = T_0
        self.T_i = T_0
        self.T_mult = T_mult
        self.eta_min = eta_min
        self.T_cur: float = last_epoch
        super().__init__(optimizer, last_epoch)

    def get_lr(self) -> list[Any]:
        """The rates at T_cur of the T_i epochs of this cosine."""
        self._check_within_step()
        height = half_cosine(self.T_cur / self.T_i)
        return [self.eta_min + (base - self.eta_min) * height for base in self.base_lrs]

    def step(self, epoch: float | None = None) -> None:
        """Goes to the next epoch, or to the one given, which may lie between two: `step(epoch + batch / batches)`."""
        if epoch is None and self.last_epoch < 0:
            epoch = 0
        if epoch is None:
            epoch = self.last_epoch + 1
            self._advance()
        else:
            require(epoch >= 0, f"Expected non-negative epoch, but got {epoch}")
            self._jump(epoch)
        self.last_epoch = math.floor(epoch)
        with self._flag("_get_lr_called_within_step"):
            self._set_lrs(self.get_lr())

    def _advance(self) -> None:
        self.T_cur += 1
        if self.T_cur >= self.T_i:
            self.T_cur %= self.T_i
            self.T_i *= self.T_mult

    def _jump(self, epoch: float) -> None:
        """Finds the cosine in which `epoch` lies: cosine n begins at T_0 (T_mult^n - 1) / (T_mult - 1)."""
        self.T_i, self.T_cur = self.T_0, epoch
        if epoch >= self.T_0 and self.T_mult == 1:
            self.T_cur = epoch % self.T_0
        elif epoch >= self.T_0:
            n = int(math.log(epoch / self.T_0 * (self.T_mult - 1) + 1, self.T_mult))
            self.T_cur = epoch - self.T_0 * (self.T_mult**n - 1) / (self.T_mult - 1)
            self.T_i = self.T_0 * self.T_mult**n
