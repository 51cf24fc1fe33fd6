"""Run: everything that a training is made of, which callbacks are handed, and what one batch goes through."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterable, Sequence
from typing import TYPE_CHECKING, Any

import rushlight

from ..errors import ArgumentError
from . import ranks
from .batches import resumable
from .callback import MOMENTS, Callback
from .history import History
from .metrics import Metric

if TYPE_CHECKING:
    from rushlight import Tensor, nn, optim

Forward = Callable[[Any, Any], tuple[Any, Any]]


class Stopped(Exception):
    """Leaves the loop after `Run.stop`."""


def apply_model(model: Any, batch: Any) -> tuple[Any, Any]:
    """(output, target) of a batch whose last entry is the target and whose others are the model's arguments.

    Raises:
        ValueError: the batch is no tuple or list of two or more.
    """
    if not isinstance(batch, (tuple, list)) or len(batch) < 2:
        raise ArgumentError(
            f"fit: expected batches (input, ..., target), got a {type(batch).__name__}; for others, give "
            "forward=function of model and batch that returns (output, target)"
        )
    *inputs, target = batch
    return model(*inputs), target


class Run:
    """A training under way.

    Attributes:
        model, data, criterion, optimizer, validate, metrics, callbacks, history: what `fit` was given, and made of it.
        epochs, steps, until_loss: the limits; None for none.
        epoch: epochs that are complete.
        step: steps that the optimizer has made.
        batch_number: number of the batch in this epoch, from 1; how many are done, between them.
        batch, output, target, loss, loss_value: of this batch.
        figures: of the last epoch.
        updates: whether this batch ends in a step of the optimizer.
        parts: over how many batches the gradient of a step is averaged.
        precision: gives the context in which model and loss compute.
        evaluated: the model that is validated.
    """

    batch: Any
    output: Any
    target: Any
    loss: Tensor
    loss_value: float

    def __init__(
        self,
        model: nn.Module,
        data: Iterable[Any],
        criterion: Callable[[Any, Any], Tensor],
        optimizer: optim.Optimizer,
        *,
        epochs: int | None = None,
        steps: int | None = None,
        until_loss: float | None = None,
        validate: Iterable[Any] | None = None,
        metrics: Sequence[Metric] = (),
        callbacks: Iterable[Callback] = (),
        forward: Forward | None = None,
    ) -> None:
        self.model = self.evaluated = model
        self.data = resumable(data)
        self.criterion = criterion
        self.optimizer = optimizer
        self.epochs, self.steps, self.until_loss = epochs, steps, until_loss
        self.validate = validate
        self.metrics = list(metrics)
        self.compute = forward or apply_model
        self.history = History()
        self.epoch = self.step = self.batch_number = 0
        self.figures: dict[str, Any] = {}
        self.updates, self.parts = True, 1
        self.precision: Callable[[], Any] = contextlib.nullcontext
        self.callbacks = sorted(callbacks, key=lambda callback: callback.order)
        later = ranks.later()
        self._called = [c for c in self.callbacks if not (later and c.first_rank_only)]
        self._listeners = {moment: self._listening(moment) for moment in MOMENTS}

    def _listening(self, moment: str) -> list[Callable[[Run], None]]:
        plain = getattr(Callback, moment)
        return [getattr(c, moment) for c in self._called if getattr(type(c), moment) is not plain]

    @property
    def length(self) -> int | None:
        """Batches in an epoch, None if the data do not tell."""
        try:
            return len(self.data)
        except TypeError:
            return None

    # ------------------------------------------------------------------------------------------------- for the loop

    def call(self, moment: str) -> None:
        """Calls what listens at this moment, and leaves the loop if one of them wanted it."""
        for listener in self._listeners[moment]:
            listener(self)
        if self.history.stopped:
            raise Stopped

    def end(self) -> None:
        """The last moment, which all callbacks get."""
        for listener in self._listeners["on_fit_end"]:
            listener(self)

    def stop(self, reason: str, failed: bool = False) -> None:
        """Ends the training once all callbacks have had this moment. The first reason counts.

        A training that is taken up later goes on: limits may have been raised by then. What should still hold is said
        again by the callback, in on_epoch_begin.
        """
        if not self.history.stopped:
            self.history.stopped, self.history.failed = reason, failed

    def forward(self) -> None:
        """From the batch to its loss."""
        with self.precision():
            self.output, self.target = self.compute(self.model, self.batch)
            self.loss = self.criterion(self.output, self.target)
        self.loss_value = self.loss.item()

    def backward(self) -> None:
        """From the loss to the gradients."""
        (self.loss if self.parts == 1 else self.loss / self.parts).backward()

    def update(self) -> None:
        """From the gradients to new weights."""
        self.optimizer.step()
        self.optimizer.zero_grad()

    # ------------------------------------------------------------------------------------------- saving, resuming

    def state_dict(self) -> dict[str, Any]:
        """Where the training is, but for model, optimizer, data and random numbers."""
        return {
            "epoch": self.epoch,
            "step": self.step,
            "batch_number": self.batch_number,
            "history": self.history.state_dict(),
            "callbacks": {name: callback.state_dict() for name, callback in self._named_callbacks().items()},
        }

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Goes on from what `state_dict` gave.

        Raises:
            ValueError: the callbacks are others than when it was saved.
        """
        callbacks = self._named_callbacks()
        if set(callbacks) != set(state["callbacks"]):
            raise ArgumentError(
                f"fit: the checkpoint was written with the callbacks {sorted(state['callbacks'])}, not "
                f"{sorted(callbacks)}: resume with the same ones"
            )
        self.epoch, self.step, self.batch_number = state["epoch"], state["step"], state["batch_number"]
        self.history.load_state_dict(state["history"])
        for name, callback in callbacks.items():
            if callback in self._called:
                callback.load_state_dict(state["callbacks"][name])

    def _named_callbacks(self) -> dict[str, Callback]:
        """Those with a state, under their class and which of its kind they are."""
        found: dict[str, Callback] = {}
        for callback in self.callbacks:
            if type(callback).state_dict is not Callback.state_dict:
                kind = type(callback).__name__
                found[f"{kind} {sum(name.startswith(kind + ' ') for name in found) + 1}"] = callback
        return found


@contextlib.contextmanager
def evaluating(model: nn.Module) -> Any:
    """A block in which the model is in eval mode and nothing is recorded; each module's own mode comes back."""
    before = {module: module.training for module in model.modules()}
    model.eval()
    try:
        with rushlight.no_grad():
            yield
    finally:
        for module, training in before.items():
            module.training = training
