"""Keeping score while a network trains: running means over an epoch, and the history of them all."""

from __future__ import annotations

from dataclasses import dataclass, field

from rushlight import Tensor


@dataclass
class History:
    """What happened in a training."""

    losses: list[float] = field(default_factory=list)  # of each batch
    epoch_losses: list[float] = field(default_factory=list)  # means over each whole epoch
    epoch_ends: list[int] = field(default_factory=list)  # number of batches by then
    stopped: str = "the epoch limit is reached"  # why
    interrupted: bool = False

    def end_epoch(self, meter: Meter) -> None:
        """Notes the mean loss of a whole epoch."""
        self.epoch_losses.append(meter.loss)
        self.epoch_ends.append(len(self.losses))


class Meter:
    """Running means of loss and accuracy over an epoch; each batch's loss also goes to the history."""

    def __init__(self, history: History) -> None:
        self.history = history
        self.samples = 0
        self.correct = 0
        self.loss_sum = 0.0

    def add(self, loss: float, scores: Tensor, labels: Tensor) -> None:
        """Counts in a batch: its mean loss, scores (N, classes), labels (N,)."""
        self.history.losses.append(loss)
        self.samples += len(labels)
        self.loss_sum += loss * len(labels)
        self.correct += int((scores.argmax(1) == labels).sum().item())

    @property
    def loss(self) -> float:
        """Mean over the samples so far."""
        return self.loss_sum / max(self.samples, 1)

    @property
    def accuracy(self) -> float:
        """Percent of the samples so far."""
        return 100 * self.correct / max(self.samples, 1)

    def __str__(self) -> str:
        return f"loss {self.loss:.4f}  accuracy {self.accuracy:5.2f} %"
