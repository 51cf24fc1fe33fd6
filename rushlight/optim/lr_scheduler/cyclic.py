"""Schedules that go up and down between two rates, and momentum the other way: CyclicLR often, OneCycleLR once."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

from ...errors import ArgumentError
from ..optimizer import Optimizer
from ..rule import require
from .base import LRScheduler, check_optimizer, per_group, set_momentum, set_option
from .cosine import half_cosine
from .decay import saved_callable

MODES = ("triangular", "triangular2", "exp_range")


def begin_momentum(optimizer: Optimizer, base: Any, largest: Any, begin: bool) -> tuple[list[Any], list[Any]]:
    """The lowest and highest momentum of every group; with `begin`, the groups start at the highest.

    Raises:
        ValueError: the optimizer has neither momentum nor betas.
    """
    require(
        "momentum" in optimizer.defaults or "betas" in optimizer.defaults,
        "optimizer must support momentum or beta1 with `cycle_momentum` option enabled",
    )
    lows, highs = per_group("base_momentum", optimizer, base), per_group("max_momentum", optimizer, largest)
    for group, low, high in zip(optimizer.param_groups, lows, highs):
        if begin:
            set_momentum(group, high)
            group["max_momentum"] = high
            group["base_momentum"] = low
    return lows, highs


class CyclicLR(LRScheduler):
    """Goes from `base_lr` up to `max_lr` and back, again and again; step it after every batch.

    Args:
        base_lr, max_lr: lowest and highest rate, for all groups or a list with one for each.
        step_size_up, step_size_down: batches of the rise and of the fall (None: as many as of the rise).
        mode: "triangular" (every cycle as high), "triangular2" (each half as high as the last), "exp_range" (scaled by
            gamma^batches).
        gamma: for "exp_range".
        scale_fn: in place of `mode`: the height of a cycle as a function of its number, or of the number of batches.
        scale_mode: which of the two: "cycle" or "iterations".
        cycle_momentum: move momentum (or beta1) down while the rate goes up.
        base_momentum, max_momentum: its lowest and highest value.

    Raises:
        ValueError: an unknown mode, or an optimizer without momentum although cycle_momentum is on.

    Source: Smith 2017, arXiv:1506.01186; torch.optim.lr_scheduler.CyclicLR.
    """

    def __init__(
        self,
        optimizer: Optimizer,
        base_lr: float | list[float],
        max_lr: float | list[float],
        step_size_up: int = 2000,
        step_size_down: int | None = None,
        mode: str = "triangular",
        gamma: float = 1.0,
        scale_fn: Callable[[float], float] | None = None,
        scale_mode: str = "cycle",
        cycle_momentum: bool = True,
        base_momentum: float | list[float] = 0.8,
        max_momentum: float | list[float] = 0.9,
        last_epoch: int = -1,
    ) -> None:
        check_optimizer(optimizer)
        require(mode in MODES or scale_fn is not None, "mode is invalid and scale_fn is None")
        base_lrs = per_group("base_lr", optimizer, base_lr)
        self.max_lrs = per_group("max_lr", optimizer, max_lr)
        self.mode = mode
        self.gamma = gamma
        self._scale_fn_custom = scale_fn
        self.scale_mode = scale_mode if scale_fn is not None else "iterations" if mode == "exp_range" else "cycle"
        up = float(step_size_up)
        self.total_size = up + (float(step_size_down) if step_size_down is not None else up)
        self.step_ratio = up / self.total_size
        self.cycle_momentum = cycle_momentum
        if cycle_momentum:
            self.use_beta1 = "betas" in optimizer.defaults
            lows, highs = begin_momentum(optimizer, base_momentum, max_momentum, last_epoch == -1)
            self.base_momentums, self.max_momentums = lows, highs
        if last_epoch == -1:
            for lr, group in zip(base_lrs, optimizer.param_groups):
                set_option(group, "lr", lr)
        super().__init__(optimizer, last_epoch)
        self.base_lrs = base_lrs

    def scale_fn(self, x: float) -> float:
        """The height of a cycle, by its number (or, in scale_mode "iterations", by the number of batches)."""
        if self._scale_fn_custom is not None:
            return self._scale_fn_custom(x)
        if self.mode == "triangular":
            return 1.0
        return float(2.0 ** (1 - x) if self.mode == "triangular2" else self.gamma**x)

    def get_lr(self) -> list[Any]:
        """The rates at this place in the cycle; momentum is set on the way."""
        self._check_within_step()
        cycle = math.floor(1 + self.last_epoch / self.total_size)
        x = 1.0 + self.last_epoch / self.total_size - cycle  # from 0 to 1 within the cycle
        height = x / self.step_ratio if x <= self.step_ratio else (x - 1) / (self.step_ratio - 1)
        scale = self.scale_fn(cycle if self.scale_mode == "cycle" else self.last_epoch)
        if self.cycle_momentum:
            for group, low, high in zip(self.optimizer.param_groups, self.base_momentums, self.max_momentums):
                set_momentum(group, high - (high - low) * height * scale)
        return [low + (high - low) * height * scale for low, high in zip(self.base_lrs, self.max_lrs)]

    def state_dict(self) -> dict[str, Any]:
        """Everything but the optimizer and a plain scale function, which cannot be saved."""
        return {**super().state_dict(), "_scale_fn_custom": saved_callable(self._scale_fn_custom)}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Goes on from a `state_dict`; a plain scale function stays the one that this scheduler was made with."""
        super().load_state_dict({k: v for k, v in state_dict.items() if k != "_scale_fn_custom"})
        saved = state_dict["_scale_fn_custom"]
        if saved is not None:
            vars(self._scale_fn_custom).update(saved)


class OneCycleLR(LRScheduler):
    """One cycle over the whole training: up to `max_lr`, then down to far below the start; step it after every batch.

    Args:
        max_lr: highest rate, for all groups or a list with one for each.
        total_steps: batches in all; or give `epochs` and `steps_per_epoch`.
        pct_start: share of the rise, in [0, 1].
        anneal_strategy: "cos" or "linear".
        cycle_momentum: move momentum (or beta1) down while the rate goes up.
        base_momentum, max_momentum: its lowest and highest value.
        div_factor: the first rate is max_lr / div_factor.
        final_div_factor: the last rate is the first / final_div_factor.
        three_phase: fall back to the first rate in as many steps as the rise took, then on to the last; otherwise fall
            all the way at once.

    Raises:
        ValueError: an argument out of range, more steps than `total_steps`, or an optimizer without momentum although
            cycle_momentum is on.

    Source: Smith, Topin 2018, arXiv:1708.07120; torch.optim.lr_scheduler.OneCycleLR.
    """

    def __init__(
        self,
        optimizer: Optimizer,
        max_lr: float | list[float],
        total_steps: int | None = None,
        epochs: int | None = None,
        steps_per_epoch: int | None = None,
        pct_start: float = 0.3,
        anneal_strategy: str = "cos",
        cycle_momentum: bool = True,
        base_momentum: float | list[float] = 0.85,
        max_momentum: float | list[float] = 0.95,
        div_factor: float = 25.0,
        final_div_factor: float = 1e4,
        three_phase: bool = False,
        last_epoch: int = -1,
    ) -> None:
        check_optimizer(optimizer)
        self.total_steps = _total_steps(total_steps, epochs, steps_per_epoch)
        require(
            isinstance(pct_start, float) and 0 <= pct_start <= 1,
            f"Expected float between 0 and 1 pct_start, but got {pct_start}",
        )
        require(
            anneal_strategy in ("cos", "linear"),
            f"anneal_strategy must be one of 'cos' or 'linear', instead got {anneal_strategy}",
        )
        self._anneal_func_type = anneal_strategy
        self._schedule_phases = _phases(pct_start, self.total_steps, three_phase)
        highest = per_group("max_lr", optimizer, max_lr)
        self.cycle_momentum = cycle_momentum
        if cycle_momentum:
            self.use_beta1 = "betas" in optimizer.defaults
            begin_momentum(optimizer, base_momentum, max_momentum, last_epoch == -1)
        for group, high in zip(optimizer.param_groups, highest):
            if last_epoch == -1:
                group["initial_lr"] = high / div_factor
                group["max_lr"] = high
                group["min_lr"] = group["initial_lr"] / final_div_factor
        super().__init__(optimizer, last_epoch)

    def get_lr(self) -> list[Any]:
        """The rates at this place in the cycle; momentum is set on the way."""
        self._check_within_step()
        if self.last_epoch > self.total_steps:
            raise ArgumentError(
                f"Tried to step {self.last_epoch} times. The specified number of total steps is {self.total_steps}"
            )
        phase, progress = self._place()
        if self.cycle_momentum:
            for group in self.optimizer.param_groups:
                ends = group[phase["start_momentum"]], group[phase["end_momentum"]]
                set_momentum(group, self._between(*ends, progress))
        groups = self.optimizer.param_groups
        return [self._between(group[phase["start_lr"]], group[phase["end_lr"]], progress) for group in groups]

    def _place(self) -> tuple[dict[str, Any], float]:
        """The phase of this step, and how far it has come, from 0 to 1."""
        start = 0.0
        for phase in self._schedule_phases[:-1]:
            if self.last_epoch <= phase["end_step"]:
                break
            start = phase["end_step"]
        else:
            phase = self._schedule_phases[-1]
        return phase, (self.last_epoch - start) / (phase["end_step"] - start)

    def _between(self, start: Any, end: Any, progress: float) -> Any:
        if self._anneal_func_type == "cos":
            return end + (start - end) * half_cosine(progress)
        return start + (end - start) * progress


def _total_steps(total_steps: Any, epochs: Any, steps_per_epoch: Any) -> int:
    if total_steps is not None:
        named = {"total_steps": total_steps}
    elif epochs is not None and steps_per_epoch is not None:
        named = {"epochs": epochs, "steps_per_epoch": steps_per_epoch}
    else:
        raise ArgumentError("You must define either total_steps OR (epochs AND steps_per_epoch)")
    for name, value in named.items():
        require(isinstance(value, int) and value > 0, f"Expected positive integer {name}, but got {value}")
    return math.prod(named.values())


def _phases(pct_start: float, total_steps: int, three_phase: bool) -> list[dict[str, Any]]:
    """The pieces of the cycle: where each ends, and between which of a group's values it goes."""
    rise = float(pct_start * total_steps) - 1
    ends = [(rise, "max_lr", "base_momentum")]
    if three_phase:
        ends.append((2 * float(pct_start * total_steps) - 2, "initial_lr", "max_momentum"))
    ends.append((total_steps - 1, "min_lr", "max_momentum"))
    phases, lr, momentum = [], "initial_lr", "max_momentum"
    for end_step, end_lr, end_momentum in ends:
        names = {"start_lr": lr, "end_lr": end_lr, "start_momentum": momentum, "end_momentum": end_momentum}
        phases.append({"end_step": end_step, **names})
        lr, momentum = end_lr, end_momentum
    return phases
