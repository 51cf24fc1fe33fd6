"""What callbacks do to a step: Schedule (the learning rate), ClipGradients, Accumulate, EMA, MixedPrecision."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import rushlight

from ...errors import ArgumentError, UnsupportedError
from ...nn.utils import clip_grad_norm_, clip_grad_value_
from ...optim.lr_scheduler import ReduceLROnPlateau
from ...optim.swa_utils import AveragedModel, get_ema_multi_avg_fn
from ..callback import Callback
from .stopping import figure

if TYPE_CHECKING:
    from ..run import Run


class Schedule(Callback):
    """Steps a learning-rate scheduler of the optimizer.

    Args:
        scheduler: of `optim.lr_scheduler`.
        each: "epoch" or "step": when it is stepped.
        monitor: the figure that a ReduceLROnPlateau is told.

    Raises:
        ValueError: another `each`, or a ReduceLROnPlateau that is to be stepped each step.
    """

    order = -20

    def __init__(self, scheduler: Any, each: str = "epoch", monitor: str = "val_loss") -> None:
        self.needs_figure = isinstance(scheduler, ReduceLROnPlateau)
        if each not in ("epoch", "step") or (self.needs_figure and each == "step"):
            raise ArgumentError(f"Schedule: each={each!r}; expected 'epoch', or 'step' for schedulers without a figure")
        self.scheduler, self.each, self.monitor = scheduler, each, monitor

    def on_step(self, run: Run) -> None:
        if self.each == "step":
            self.scheduler.step()

    def on_epoch_end(self, run: Run) -> None:
        if self.needs_figure:
            self.scheduler.step(figure(run, self.monitor, "Schedule"))
        elif self.each == "epoch":
            self.scheduler.step()

    def state_dict(self) -> dict[str, Any]:
        return dict(self.scheduler.state_dict())

    def load_state_dict(self, state: dict[str, Any]) -> None:
        self.scheduler.load_state_dict(state)


class ClipGradients(Callback):
    """Keeps gradients within bounds, before each step.

    Args:
        max_norm: largest norm of all gradients together; all are scaled down alike.
        max_value: largest magnitude of any entry.

    Raises:
        ValueError: not exactly one of the two is given.
    """

    order = -50

    def __init__(self, max_norm: float | None = None, max_value: float | None = None) -> None:
        if (max_norm is None) == (max_value is None):
            raise ArgumentError("ClipGradients: give max_norm or max_value, one of the two")
        self.clip: Callable[[Any], Any] = (
            (lambda params: clip_grad_norm_(params, max_norm))
            if max_norm is not None
            else (lambda params: clip_grad_value_(params, max_value or 0.0))
        )

    def on_gradients(self, run: Run) -> None:
        self.clip([p for group in run.optimizer.param_groups for p in group["params"]])


class Accumulate(Callback):
    """Steps once every `batches` batches, with the mean of their gradients: as one batch that is so much larger. The
    last step of an epoch takes what is left (its sum is still divided by `batches`), if the data tell their length.
    """

    order = -90

    def __init__(self, batches: int) -> None:
        if batches < 1:
            raise ArgumentError(f"Accumulate: batches={batches}; expected at least 1")
        self.batches = batches

    def on_fit_begin(self, run: Run) -> None:
        run.parts = self.batches

    def on_batch_begin(self, run: Run) -> None:
        number = run.batch_number + 1
        run.updates = number % self.batches == 0 or number == run.length


class EMA(Callback):
    """Keeps an exponential moving average of the weights, after each step: average = decay average + (1 - decay)
    weight.

    Args:
        decay: in [0, 1).
        validate: measure the average, not the weights, in validation.

    Attributes:
        model: the averaged model, once `fit` has begun.

    Example:
        >>> ema = rushlight.train.callbacks.EMA(0.9)
        >>> model, x = nn.Linear(1, 1), rushlight.ones(2, 1)
        >>> _ = rushlight.train.fit(
        ...     model, [(x, x)], F.mse_loss, optim.SGD(model.parameters(), 0.1), 3, callbacks=[ema], progress=False
        ... )
        >>> type(ema.model).__name__
        'Linear'
    """

    order = -10

    def __init__(self, decay: float = 0.999, validate: bool = True) -> None:
        self.update = get_ema_multi_avg_fn(decay)
        self.validate = validate
        self.averaged: AveragedModel | None = None

    @property
    def model(self) -> Any:
        return None if self.averaged is None else self.averaged.module

    def on_fit_begin(self, run: Run) -> None:
        self.averaged = AveragedModel(run.model, multi_avg_fn=self.update)
        if self.validate:
            run.evaluated = self.averaged.module

    def on_step(self, run: Run) -> None:
        assert self.averaged is not None
        self.averaged.update_parameters(run.model)

    def state_dict(self) -> dict[str, Any]:
        return {} if self.averaged is None else dict(self.averaged.state_dict())

    def load_state_dict(self, state: dict[str, Any]) -> None:
        assert self.averaged is not None
        self.averaged.load_state_dict(state)


class MixedPrecision(Callback):
    """Computes model and loss under autocast; the weights stay as they are. bfloat16 needs no scaling of the loss.

    Args:
        dtype: bfloat16; float16 is refused, since its gradients would need scaling.

    Raises:
        NotImplementedError: another dtype.
    """

    order = -95

    def __init__(self, dtype: Any = None) -> None:
        self.dtype = rushlight.bfloat16 if dtype is None else dtype
        if self.dtype is not rushlight.bfloat16:
            raise UnsupportedError(f"MixedPrecision: dtype={self.dtype}; on the CPU use rushlight.bfloat16")

    def on_fit_begin(self, run: Run) -> None:
        run.precision = lambda: rushlight.autocast("cpu", dtype=self.dtype)
