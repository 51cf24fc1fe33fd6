"""Averages of weights over training: stochastic weight averaging (SWA) and exponential moving averages (EMA)."""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import chain
from typing import Any

import numpy as np

from ..autograd.grad_mode import no_grad
from ..autograd.tape import touch, wrap
from ..errors import ArgumentError, AssertError
from ..nn.module import Module
from ..nn.normalization import _BatchNorm
from ..tensor import Tensor
from .lr_scheduler.base import LRScheduler, per_group
from .lr_scheduler.cosine import half_cosine
from .optimizer import Optimizer
from .rule import require

__all__ = [
    "SWALR",
    "AveragedModel",
    "get_ema_avg_fn",
    "get_ema_multi_avg_fn",
    "get_swa_avg_fn",
    "get_swa_multi_avg_fn",
    "update_bn",
]

Average = Callable[[Tensor, Tensor, Any], Tensor]
MultiAverage = Callable[[Sequence[Tensor], Sequence[Tensor], Any], None]


def _check_decay(decay: float) -> None:
    if not 0 <= decay <= 1:
        raise ArgumentError(f"Invalid decay value {decay} provided. Please provide a value in [0,1] range.")


def _move(averages: Sequence[Tensor], currents: Sequence[Tensor], share: float) -> None:
    """average = average + share (current - average), in place; integers are rounded towards zero."""
    for average, current in zip(averages, currents):
        a, c = average._array, current._array
        np.copyto(a, a + share * (c - a), casting="unsafe")
        touch(a)


def get_ema_multi_avg_fn(decay: float = 0.999) -> MultiAverage:
    """average = decay average + (1 - decay) current, for `AveragedModel(multi_avg_fn=...)`.

    Raises:
        ValueError: decay is not in [0, 1].
    """
    _check_decay(decay)

    def ema_update(ema_param_list: Sequence[Tensor], current_param_list: Sequence[Tensor], _: Any) -> None:
        _move(ema_param_list, current_param_list, 1 - decay)

    return ema_update


def get_swa_multi_avg_fn() -> MultiAverage:
    """The mean of all weights so far, for `AveragedModel(multi_avg_fn=...)`."""

    def swa_update(averaged: Sequence[Tensor], current: Sequence[Tensor], num_averaged: Any) -> None:
        _move(averaged, current, 1 / (int(num_averaged) + 1))

    return swa_update


def get_ema_avg_fn(decay: float = 0.999) -> Average:
    """average = decay average + (1 - decay) current, for `AveragedModel(avg_fn=...)`.

    Raises:
        ValueError: decay is not in [0, 1].
    """
    _check_decay(decay)

    @no_grad()
    def ema_update(ema_param: Tensor, current_param: Tensor, num_averaged: Any) -> Tensor:
        averaged: Tensor = decay * ema_param + (1 - decay) * current_param
        return averaged

    return ema_update


def get_swa_avg_fn() -> Average:
    """The mean of all weights so far, for `AveragedModel(avg_fn=...)`."""

    @no_grad()
    def swa_update(averaged_param: Tensor, current_param: Tensor, num_averaged: Any) -> Tensor:
        averaged: Tensor = averaged_param + (current_param - averaged_param) / (int(num_averaged) + 1)
        return averaged

    return swa_update


class AveragedModel(Module):
    """A copy of a model that holds the average of its weights; `update_parameters(model)` takes in the present ones.

    Args:
        model: whose copy this is, as `module`; the copy computes the forward pass.
        device: where to keep it; only "cpu".
        avg_fn: (average, current, number averaged) -> new average, tensor by tensor; None means the mean.
        multi_avg_fn: the same in place, over lists of tensors.
        use_buffers: average buffers too; otherwise they are copied.

    Raises:
        AssertionError: both functions are given.

    Example:
        >>> model = rushlight.nn.Linear(1, 1, bias=False)
        >>> averaged = rushlight.optim.swa_utils.AveragedModel(model)
        >>> for value in (1.0, 3.0):
        ...     _ = rushlight.nn.init.constant_(model.weight, value)
        ...     averaged.update_parameters(model)
        >>> averaged.module.weight.item()
        2.0

    Source: Izmailov et al. 2018, arXiv:1803.05407; torch.optim.swa_utils.AveragedModel.
    """

    n_averaged: Tensor

    def __init__(
        self,
        model: Module,
        device: Any = None,
        avg_fn: Average | None = None,
        multi_avg_fn: MultiAverage | None = None,
        use_buffers: bool = False,
    ) -> None:
        super().__init__()
        if avg_fn is not None and multi_avg_fn is not None:
            raise AssertError("Only one of avg_fn and multi_avg_fn should be provided")
        self.module = copy.deepcopy(model)
        if device is not None:
            self.module = self.module.to(device)
        self.register_buffer("n_averaged", wrap(np.array(0)))
        self.avg_fn = avg_fn
        self.multi_avg_fn = multi_avg_fn
        self.use_buffers = use_buffers

    def forward(self, *args: Any, **kwargs: Any) -> Any:
        return self.module(*args, **kwargs)

    def _averaged(self, model: Any) -> Iterator[Tensor]:
        return chain(model.parameters(), model.buffers() if self.use_buffers else ())

    def update_parameters(self, model: Module) -> None:
        """Takes the weights of `model` into the average; the first time they become it."""
        averages = [p.detach() for p in self._averaged(self.module)]
        currents = [p.detach() for p in self._averaged(model)]
        if self.n_averaged.item() == 0:
            _copy(averages, currents)
        elif self.avg_fn is not None:
            count = self.n_averaged
            _copy(averages, [self.avg_fn(a, c, count) for a, c in zip(averages, currents)])
        else:
            self._average_lists(averages, currents)
        if not self.use_buffers:
            _copy([b.detach() for b in self.module.buffers()], [b.detach() for b in model.buffers()])
        self.n_averaged._array[...] += 1

    def _average_lists(self, averages: list[Tensor], currents: list[Tensor]) -> None:
        function = self.multi_avg_fn or get_swa_multi_avg_fn()
        for kind in dict.fromkeys(a.dtype for a in averages):  # torch: one call for each dtype
            chosen = [i for i, a in enumerate(averages) if a.dtype is kind]
            function([averages[i] for i in chosen], [currents[i] for i in chosen], self.n_averaged)


def _copy(targets: Iterable[Tensor], sources: Iterable[Tensor]) -> None:
    for target, source in zip(targets, sources):
        target.copy_(source)


@no_grad()
def update_bn(loader: Iterable[Any], model: Module, device: Any = None) -> None:
    """Sets the running statistics of a model's batch norms to those of the data in `loader`, in one pass.

    Args:
        loader: batches; of a list or tuple, the first entry is the input.
        model: computed in train mode; its mode is put back.
        device: where to put the input; only "cpu".
    """
    norms: list[Any] = [m for m in model.modules() if isinstance(m, _BatchNorm)]
    if not norms:
        return
    momenta, was_training = [m.momentum for m in norms], model.training
    model.train()
    for norm in norms:
        norm.reset_running_stats()
        norm.momentum = None  # a plain mean over the batches
    try:
        for batch in loader:
            first = batch[0] if isinstance(batch, (list, tuple)) else batch
            model(first if device is None else first.to(device))
    finally:
        for norm, momentum in zip(norms, momenta):
            norm.momentum = momentum
        model.train(was_training)


class SWALR(LRScheduler):
    """Takes the rate from where it is to `swa_lr` in `anneal_epochs`, and keeps it there.

    Args:
        swa_lr: the last rate, for all groups or a list with one for each.
        anneal_epochs: how many epochs that takes; 0 for at once.
        anneal_strategy: "cos" or "linear".

    Raises:
        ValueError: an unknown strategy, or anneal_epochs below 0.

    Source: the behaviour of torch.optim.swa_utils.SWALR.
    """

    def __init__(
        self,
        optimizer: Optimizer,
        swa_lr: float | list[float],
        anneal_epochs: int = 10,
        anneal_strategy: str = "cos",
        last_epoch: int = -1,
    ) -> None:
        rates = per_group("swa_lr", optimizer, swa_lr)
        require(
            anneal_strategy in ("cos", "linear"),
            f"anneal_strategy must be one of 'cos' or 'linear', instead got {anneal_strategy}",
        )
        require(
            isinstance(anneal_epochs, int) and anneal_epochs >= 0,
            f"anneal_epochs must be equal or greater than 0, got {anneal_epochs}",
        )
        for group, rate in zip(optimizer.param_groups, rates):
            group["swa_lr"] = rate
        self._anneal_strategy = anneal_strategy
        self.anneal_epochs = anneal_epochs
        super().__init__(optimizer, last_epoch)

    def _share(self, step: int) -> float:
        """How much of `swa_lr` there is in the rate after so many steps, from 0 to 1."""
        progress = max(0.0, min(1.0, step / max(1, self.anneal_epochs)))
        return 1 - half_cosine(progress) if self._anneal_strategy == "cos" else progress

    def get_lr(self) -> list[Any]:
        """The rate that the last step was made from is recovered from the present one, then mixed anew."""
        self._check_within_step()
        step = self._step_count - 1
        if self.anneal_epochs == 0:
            step = max(1, step)
        before, now = self._share(step - 1), self._share(step)
        rates = []
        for group in self.optimizer.param_groups:
            last = group["swa_lr"]
            first = last if before == 1 else (group["lr"] - before * last) / (1 - before)
            rates.append(last * now + first * (1 - now))
        return rates
