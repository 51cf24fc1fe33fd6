"""Checkpoint: writes a training down as it goes, so that it can be taken up bit for bit after any crash."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ...errors import ArgumentError
from ..callback import Callback
from ..checkpoint import resume, save
from ..ranks import decided
from .stopping import Best, figure

if TYPE_CHECKING:
    from ..run import Run


class Checkpoint(Callback):
    """Writes FOLDER/last.safetensors after each epoch (and every so many steps), and FOLDER/best.safetensors when a
    figure is better than ever.

    Args:
        folder: is made if it is not there.
        every_steps: write after so many steps too; None for epochs only.
        every_epochs: write after so many epochs.
        keep: how many of the last ones to keep.
        best: the figure by which best.safetensors is chosen, such as "val_loss"; None for no such file.
        mode: "min" or "max"; None means "min" for losses and errors, "max" for others.
        resume: go on from the last checkpoint in the folder if there is one: the same program, run again after a crash,
            continues as if nothing had happened.

    Raises:
        ValueError: every_steps or every_epochs is below 1.
    """

    order = 90

    def __init__(
        self,
        folder: str | os.PathLike[str],
        every_steps: int | None = None,
        every_epochs: int = 1,
        keep: int = 3,
        best: str | None = None,
        mode: str | None = None,
        resume: bool = False,
    ) -> None:
        if every_epochs < 1 or (every_steps is not None and every_steps < 1):
            raise ArgumentError("Checkpoint: every_steps and every_epochs must be at least 1")
        self.folder = Path(folder)
        self.every_steps, self.every_epochs, self.keep, self.resume = every_steps, every_epochs, keep, resume
        self.monitor = best
        self.best = Best(best or "loss", mode)

    @property
    def last(self) -> Path:
        return self.folder / "last.safetensors"

    def _parts(self, run: Run) -> dict[str, Any]:
        return {"model": run.model, "optimizer": run.optimizer, "loader": run.data, "run": run}

    def on_resume(self, run: Run) -> None:
        if self.resume:
            resume(self.last, **self._parts(run))

    def on_step(self, run: Run) -> None:
        due = self.every_steps is not None and run.step % self.every_steps == 0
        if due or run.history.stopped:
            save(self.last, keep=self.keep, **self._parts(run))

    def on_epoch_end(self, run: Run) -> None:
        improved = self.monitor is not None and self.best.improves(figure(run, self.monitor, "Checkpoint"))
        if run.epoch % self.every_epochs == 0 or run.history.stopped:
            save(self.last, keep=self.keep, **self._parts(run))
        if decided(improved):
            save(self.folder / "best.safetensors", keep=1, **self._parts(run))

    def state_dict(self) -> dict[str, Any]:
        return {"best": self.best.value}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        self.best.value = state["best"]
