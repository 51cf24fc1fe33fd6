"""EarlyStopping: ends a training that no longer gets better, and can put the best weights back."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from ...errors import ArgumentError
from ..callback import Callback
from ..history import better

if TYPE_CHECKING:
    from ..run import Run


def figure(run: Run, name: str, who: str) -> float:
    """A figure of the epoch.

    Raises:
        ValueError: there is none of this name.
    """
    if name not in run.figures:
        raise ArgumentError(f"{who}: no figure {name!r} in this epoch; there are {', '.join(run.figures)}")
    return float(run.figures[name])


class Best:
    """The best value of a figure so far."""

    def __init__(self, name: str, mode: str | None = None, min_delta: float = 0.0) -> None:
        if mode not in ("min", "max", None):
            raise ArgumentError(f"mode={mode!r}; expected 'min' or 'max'")
        self.sign = 1 if (mode or better(name)) == "min" else -1
        self.min_delta = min_delta
        self.value = math.inf * self.sign

    def improves(self, value: float) -> bool:
        """Whether this is the best so far, by more than min_delta; it is then kept. NaN never is."""
        if not self.sign * value < self.sign * self.value - self.min_delta:
            return False
        self.value = value
        return True


class EarlyStopping(Callback):
    """Ends the training when a figure has not improved for some epochs.

    Args:
        monitor: the figure, such as "val_loss".
        patience: epochs without improvement after which it ends.
        min_delta: what counts as improvement.
        mode: "min" or "max"; None means "min" for losses and errors, "max" for others.
        restore_best: put the weights of the best epoch back at the end.
    """

    order = 20

    def __init__(
        self,
        monitor: str = "val_loss",
        patience: int = 5,
        min_delta: float = 0.0,
        mode: str | None = None,
        restore_best: bool = True,
    ) -> None:
        self.monitor, self.patience, self.restore_best = monitor, patience, restore_best
        self.best = Best(monitor, mode, min_delta)
        self.waited = 0
        self.weights: dict[str, Any] | None = None

    def on_epoch_end(self, run: Run) -> None:
        value = figure(run, self.monitor, "EarlyStopping")
        if self.best.improves(value):
            self.waited = 0
            if self.restore_best:
                self.weights = {name: tensor.clone() for name, tensor in run.model.state_dict().items()}
            return
        self.waited += 1
        self.check(run)

    def on_epoch_begin(self, run: Run) -> None:
        self.check(run)  # a training that is taken up may be at its end

    def check(self, run: Run) -> None:
        """Stops a training whose patience is at its end."""
        if self.waited >= self.patience:
            run.stop(f"{self.monitor} has not improved on {self.best.value:.4g} for {self.waited} epochs")

    def on_fit_end(self, run: Run) -> None:
        if self.weights is not None:
            run.model.load_state_dict(self.weights)

    def state_dict(self) -> dict[str, Any]:
        return {"best": self.best.value, "waited": self.waited, "weights": self.weights}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        self.best.value, self.waited, self.weights = state["best"], state["waited"], state["weights"]
