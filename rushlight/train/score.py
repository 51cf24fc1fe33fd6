"""Score and Limits, the two callbacks that every training has: they keep its history, and end it."""

from __future__ import annotations

import copy
import time
from collections.abc import Callable, Iterable, Sequence
from typing import TYPE_CHECKING, Any

from .callback import Callback
from .metrics import Metric
from .run import Forward, Run, apply_model, evaluating

if TYPE_CHECKING:
    from rushlight import nn


def samples_in(target: Any) -> int:
    """How many samples a batch has, by its target; 1 if that does not tell."""
    return len(target) if getattr(target, "ndim", 0) else 1


def _plain(figure: Any) -> Any:
    return figure.tolist() if hasattr(figure, "tolist") else figure


class Tally:
    """The mean loss over samples, and metrics, over many batches."""

    def __init__(self, metrics: Sequence[Metric]) -> None:
        self.metrics = metrics
        self.reset()

    def reset(self) -> None:
        self.samples, self.loss_sum = 0, 0.0
        for metric in self.metrics:
            metric.reset()

    def add(self, loss: float, output: Any, target: Any) -> None:
        """Counts in a batch with this mean loss."""
        count = samples_in(target)
        self.samples += count
        self.loss_sum += loss * count
        for metric in self.metrics:
            metric.update(output, target)

    def figures(self) -> dict[str, Any]:
        """The loss, and each metric, by name; arrays as lists."""
        found = {"loss": self.loss_sum / max(self.samples, 1)}
        return found | {metric.name: _plain(metric.compute()) for metric in self.metrics}


def evaluate(
    model: nn.Module,
    data: Iterable[Any],
    loss: Callable[[Any, Any], Any],
    metrics: Sequence[Metric] = (),
    forward: Forward | None = None,
) -> dict[str, Any]:
    """The mean loss and the metrics of a model on data, in eval mode and without gradients.

    Args:
        data: batches (input, ..., target).
        loss: function of output and target, the mean over the batch.
        metrics: see `rushlight.train.metrics`; they are left as they are.
        forward: function of model and batch that gives (output, target).

    Example:
        >>> data = [(rushlight.ones(4, 1), rushlight.zeros(4, 1))]
        >>> evaluate(rushlight.nn.Identity(), data, F.mse_loss, [rushlight.train.metrics.MeanAbsoluteError()])
        {'loss': 1.0, 'mae': 1.0}
    """
    tally, compute = Tally([copy.deepcopy(metric) for metric in metrics]), forward or apply_model
    with evaluating(model):
        for batch in data:
            output, target = compute(model, batch)
            tally.add(loss(output, target).item(), output, target)
    return tally.figures()


class Score(Callback):
    """Keeps the history: the loss and learning rate of each batch, the figures of each epoch."""

    order = -100

    def __init__(self, metrics: Sequence[Metric]) -> None:
        self.tally = Tally(metrics)
        self.seconds = 0.0  # of this epoch, before it was interrupted
        self.since = 0.0

    def on_epoch_begin(self, run: Run) -> None:
        self.since = time.perf_counter()

    def on_loss(self, run: Run) -> None:
        run.batch_number += 1
        run.history.losses.append(run.loss_value)
        run.history.rates.append(float(run.optimizer.param_groups[0]["lr"]))
        self.tally.add(run.loss_value, run.output.detach() if hasattr(run.output, "detach") else run.output, run.target)

    def on_step(self, run: Run) -> None:
        run.step += 1

    def on_epoch_end(self, run: Run) -> None:
        run.epoch += 1
        run.batch_number = 0
        self.note(run, run.epoch)

    def on_fit_end(self, run: Run) -> None:
        if run.history.stopped and run.batch_number > 0:  # in the middle of an epoch
            self.note(run, run.epoch + 1)

    def note(self, run: Run, epoch: int) -> None:
        """A row of the history, validation included."""
        run.figures = {"epoch": epoch, **self.tally.figures()}
        if run.validate is not None:
            found = evaluate(run.evaluated, run.validate, run.criterion, run.metrics, run.compute)
            run.figures |= {f"val_{name}": value for name, value in found.items()}
        run.figures["lr"] = float(run.optimizer.param_groups[0]["lr"])
        run.figures |= {"steps": run.step, "seconds": self.seconds + time.perf_counter() - self.since}
        run.history.epochs.append(run.figures)
        self.tally.reset()
        self.seconds, self.since = 0.0, time.perf_counter()

    def state_dict(self) -> dict[str, Any]:
        return {
            "samples": self.tally.samples,
            "loss_sum": self.tally.loss_sum,
            "metrics": [metric.state_dict() for metric in self.tally.metrics],
            "seconds": self.seconds + time.perf_counter() - self.since,
        }

    def load_state_dict(self, state: dict[str, Any]) -> None:
        self.tally.samples, self.tally.loss_sum, self.seconds = state["samples"], state["loss_sum"], state["seconds"]
        for metric, saved in zip(self.tally.metrics, state["metrics"]):
            metric.load_state_dict(saved)


class Limits(Callback):
    """Ends the training: at the loss threshold, or after so many epochs or steps."""

    order = 80

    def check(self, run: Run) -> None:
        """Stops a training that is at one of its limits."""
        rows, between_epochs = run.history.epochs, run.batch_number == 0
        if run.until_loss is not None and rows and between_epochs and rows[-1]["loss"] <= run.until_loss:
            run.stop(f"at the loss threshold, {run.until_loss:g}")
        if run.epochs is not None and run.epoch >= run.epochs:
            run.stop(f"at the epoch limit, {run.epochs}")
        if run.steps is not None and run.step >= run.steps:
            run.stop(f"at the step limit, {run.steps}")

    def on_epoch_begin(self, run: Run) -> None:
        self.check(run)  # a training that is taken up may be at its end

    def on_step(self, run: Run) -> None:
        self.check(run)

    def on_epoch_end(self, run: Run) -> None:
        self.check(run)
