"""LRScheduler: sets the learning rate of an optimizer's groups, once per `step()`.

A schedule has two forms. `get_lr` gives the next rates from those in the groups now, so that several schedulers can
work on one optimizer (the chainable form). `_get_closed_form_lr`, where there is one, gives them from the number of the
epoch alone; it is used when `step(epoch)` jumps.
"""

from __future__ import annotations

import functools
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from weakref import ref

from ...errors import ArgumentError, DTypeError
from ...tensor import Tensor
from ..optimizer import Group, Optimizer
from ..rule import number

ADVICE = "See more details at https://pytorch.org/docs/stable/optim.html#how-to-adjust-learning-rate"
EPOCH_WARNING = (
    "The epoch parameter in `scheduler.step()` was not necessary and is being deprecated where possible. Please use "
    "`scheduler.step()` to step the scheduler. During the deprecation, if epoch is different from None, the closed "
    "form is used instead of the new chainable form, where available."
)


def check_optimizer(optimizer: Any) -> None:
    if not isinstance(optimizer, Optimizer):
        raise DTypeError(f"{type(optimizer).__name__} is not an Optimizer")


def copied(option: Any) -> Any:
    """An option of a group, safe from later writes to a Tensor."""
    return option.detach().clone() if isinstance(option, Tensor) else option


def options_of(optimizer: Optimizer, name: str) -> list[Any]:
    """The option of this name in every group."""
    return [copied(group[name]) for group in optimizer.param_groups]


def set_option(group: Group, name: str, value: Any) -> None:
    """Changes an option of a group; a Tensor stays the same object."""
    if isinstance(group[name], Tensor):
        group[name]._array[...] = number(value)
    else:
        group[name] = value


def set_momentum(group: Group, value: Any) -> None:
    """Changes a group's momentum, which in Adam and its like is the first of the betas."""
    if "betas" in group:
        group["betas"] = (value, *group["betas"][1:])
    else:
        group["momentum"] = value


def per_group(name: str, optimizer: Optimizer, value: Any) -> list[Any]:
    """`value` for every group, given once or as a list with one entry for each."""
    groups = len(optimizer.param_groups)
    if not isinstance(value, (list, tuple)):
        return [copied(value) for _ in range(groups)]
    if len(value) != groups:
        raise ArgumentError(
            f"{name} must have the same length as optimizer.param_groups. "
            f"{name} has {len(value)} values, param_groups has {groups}."
        )
    return [copied(v) for v in value]


def _note_steps(optimizer: Optimizer) -> None:
    """Makes `optimizer.step` remember that it was called: rates are to change after it, not before."""
    step = optimizer.step
    if hasattr(step, "_wrapped_by_lr_sched"):
        return
    optimizer_ref, function = ref(optimizer), step.__func__  # type: ignore[attr-defined]

    @functools.wraps(function)
    def noting(*args: Any, **kwargs: Any) -> Any:
        itself = optimizer_ref()
        itself._opt_called = True  # type: ignore[union-attr]
        return function(itself, *args, **kwargs)

    noting._wrapped_by_lr_sched = True  # type: ignore[attr-defined]
    optimizer.step = noting  # type: ignore[method-assign]


class LRScheduler:
    """Base of the schedules. A subclass gives `get_lr`, the rates of all groups at `self.last_epoch`.

    Args:
        optimizer: whose groups are to be scheduled.
        last_epoch: number of the last epoch when training is resumed (the groups must have their `initial_lr`); -1 to
            begin.

    Raises:
        TypeError: not an optimizer. KeyError: resumed without `initial_lr`.

    Source: the behaviour of torch.optim.lr_scheduler.LRScheduler.
    """

    _get_lr_called_within_step = False
    _is_initial = False
    base_lrs: list[Any]
    last_epoch: int
    _step_count: int
    _last_lr: list[Any]

    def __init__(self, optimizer: Optimizer, last_epoch: int = -1) -> None:
        check_optimizer(optimizer)
        self.optimizer = optimizer
        for i, group in enumerate(optimizer.param_groups):
            if last_epoch == -1:
                group.setdefault("initial_lr", copied(group["lr"]))
            elif "initial_lr" not in group:
                raise KeyError(
                    f"param 'initial_lr' is not specified in param_groups[{i}] when resuming scheduler with "
                    f"last_epoch={last_epoch}: load the optimizer's state first, or leave last_epoch out"
                )
        self.base_lrs = options_of(optimizer, "initial_lr")
        self.last_epoch = last_epoch
        _note_steps(optimizer)
        self._initial_step()

    def _initial_step(self) -> None:
        self._step_count = 0
        with self._flag("_is_initial"):
            self.step()

    @contextmanager
    def _flag(self, name: str) -> Iterator[None]:
        setattr(self, name, True)
        try:
            yield
        finally:
            setattr(self, name, False)

    def state_dict(self) -> dict[str, Any]:
        """Everything but the optimizer."""
        return {name: value for name, value in vars(self).items() if name != "optimizer"}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Goes on from a `state_dict`; load the optimizer's as well."""
        vars(self).update(state_dict)

    def get_last_lr(self) -> list[Any]:
        """The rates that the last step set, one per group."""
        return self._last_lr

    def get_lr(self) -> list[Any]:
        """The rates at `self.last_epoch`, one per group; for `step` to call."""
        raise NotImplementedError(f"{type(self).__name__} does not define get_lr()")

    def _check_within_step(self) -> None:
        if not self._get_lr_called_within_step:
            warnings.warn(
                "To get the last learning rate computed by the scheduler, please use `get_last_lr()`.",
                UserWarning,
                stacklevel=3,
            )

    def step(self, epoch: int | None = None) -> None:
        """Sets the rates of the next epoch (or, deprecated, of the epoch given)."""
        if self._step_count == 1:
            self._check_order()
        self._step_count += 1
        if epoch is not None:
            warnings.warn(EPOCH_WARNING, UserWarning, stacklevel=2)
        self._update_lr(epoch)

    def _check_order(self) -> None:
        if not hasattr(self.optimizer.step, "_wrapped_by_lr_sched"):
            text = "Seems like `optimizer.step()` has been overridden after learning rate scheduler initialization. "
            text += "Please, make sure to call `optimizer.step()` before `lr_scheduler.step()`. "
        elif not getattr(self.optimizer, "_opt_called", False):
            text = (
                "Detected call of `lr_scheduler.step()` before `optimizer.step()`. Call them in the opposite order, or "
            )
            text += "the first value of the learning rate schedule is skipped. "
        else:
            return
        warnings.warn(text + ADVICE, UserWarning, stacklevel=3)

    def _update_lr(self, epoch: int | None = None) -> None:
        self.last_epoch = self.last_epoch + 1 if epoch is None else epoch
        closed = getattr(self, "_get_closed_form_lr", None) if epoch is not None else None
        with self._flag("_get_lr_called_within_step"):
            self._set_lrs(self.get_lr() if closed is None else closed())

    def _set_lrs(self, values: list[Any]) -> None:
        for group, value in zip(self.optimizer.param_groups, values):
            set_option(group, "lr", value)
        self._last_lr = options_of(self.optimizer, "lr")


class _LRScheduler(LRScheduler):
    """The name that older scripts derive their schedules from."""
