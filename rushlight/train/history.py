"""History: what happened in a training, figure by figure, and why it ended."""

from __future__ import annotations

import json
import math
import os
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

import rushlight

from ..errors import ArgumentError
from ..serialization.atomic import write_atomically

Row = dict[str, Any]


@dataclass
class History:
    """What happened in a training.

    Attributes:
        losses: the loss of each batch.
        rates: the learning rate (of the first parameter group) in each batch.
        epochs: a dict for each epoch: "epoch" (from 1), "loss" (mean over the samples), the metrics, "val_loss" and
            the metrics of the validation under "val_...", "lr", "steps" (so far), "seconds".
        stopped: why it ended: one sentence. Empty while it goes on.
        failed: whether that is a failure: numbers that are not finite.

    Example:
        >>> history = History(epochs=[{"epoch": 1, "loss": 2.0}, {"epoch": 2, "loss": 1.0}])
        >>> history["loss"], history.best("loss")["epoch"]
        ([2.0, 1.0], 2)
    """

    losses: list[float] = field(default_factory=list)
    rates: list[float] = field(default_factory=list)
    epochs: list[Row] = field(default_factory=list)
    stopped: str = ""
    failed: bool = False

    def __getitem__(self, name: str) -> list[Any]:
        """One figure of every epoch (NaN where an epoch lacks it).

        Raises:
            KeyError: no epoch has such a figure; the message lists what there is.
        """
        if not any(name in row for row in self.epochs):
            raise KeyError(f"{name!r}; this history has {', '.join(self.names()) or 'no figures yet'}")
        return [row.get(name, math.nan) for row in self.epochs]

    def names(self) -> list[str]:
        """The figures that there are, in the order in which they came up."""
        return list(dict.fromkeys(name for row in self.epochs for name in row))

    def best(self, name: str, mode: str | None = None) -> Row:
        """The epoch in which a figure was best; NaN is worse than all else.

        Args:
            name: of the figure.
            mode: "min" or "max": which is best; None means `better(name)`.
        """
        values = np.array(self[name], np.float64)
        sign = 1 if (mode or better(name)) == "min" else -1
        return self.epochs[int(np.argmin(np.where(np.isnan(values), np.inf, sign * values)))]

    def save(self, path: str | os.PathLike[str]) -> None:
        """Writes everything as JSON (numbers that are not finite as NaN and Infinity, which Python's json reads)."""
        text = json.dumps(vars(self), indent=None)
        write_atomically(path, lambda file: file.write(text.encode()))

    @classmethod
    def load(cls, path: str | os.PathLike[str]) -> History:
        """What `save` wrote.

        Raises:
            ValueError: it is no such file.
        """
        try:
            found = cls(**json.loads(Path(path).read_text(encoding="utf-8")))
        except (TypeError, ValueError) as error:
            raise ArgumentError(f"History.load: {os.fspath(path)!r} is not a history: {error}") from None
        if not all(isinstance(part, list) for part in (found.losses, found.rates, found.epochs)):
            raise ArgumentError(
                f"History.load: {os.fspath(path)!r} is not a history: losses, rates, epochs must be lists"
            )
        return found

    def state_dict(self) -> dict[str, Any]:
        """Everything, for a checkpoint."""
        long = {name: rushlight.tensor(getattr(self, name), dtype=rushlight.float64) for name in ("losses", "rates")}
        return {**long, "epochs": [dict(row) for row in self.epochs]}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Goes on from what `state_dict` gave."""
        self.losses, self.rates = state["losses"].tolist(), state["rates"].tolist()
        self.epochs = [dict(row) for row in state["epochs"]]


def better(name: str) -> str:
    """Whether a figure of this name is better when it is smaller ("min") or larger ("max"): losses and errors are the
    former, everything else is the latter.

    Example:
        >>> better("val_loss"), better("val_accuracy")
        ('min', 'max')
    """
    return "min" if any(part in ("loss", "error", "mse", "mae") for part in name.lower().split("_")) else "max"
