"""Figures written down for other programs: CSV, TensorBoard, and the folder that `rushlight report` reads."""

from __future__ import annotations

import csv
import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..callback import Callback

if TYPE_CHECKING:
    from ..run import Run


def numbers(figures: dict[str, Any]) -> dict[str, Any]:
    """The figures that are single numbers."""
    return {name: value for name, value in figures.items() if isinstance(value, (int, float))}


class CSVLog(Callback):
    """Appends each epoch's figures to a CSV file, with a header; a training that is taken up goes on where its
    checkpoint was written, and rows below that are cut off.

    Args:
        path: of the file; a file that is there is begun anew unless the training is taken up.
    """

    order = 60
    first_rank_only = True

    def __init__(self, path: str | os.PathLike[str]) -> None:
        self.path = Path(path)
        self.columns: list[str] = []

    def on_epoch_end(self, run: Run) -> None:
        row = numbers(run.figures)
        if not self.columns:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            self.columns = list(row)
            self._write("w", self.columns)
        self._write("a", [row.get(name, "") for name in self.columns])

    def _write(self, mode: str, cells: list[Any]) -> None:
        with open(self.path, mode, newline="", encoding="utf-8") as file:
            csv.writer(file).writerow(cells)

    def state_dict(self) -> dict[str, Any]:
        return {"columns": self.columns, "bytes": self.path.stat().st_size if self.columns else 0}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        self.columns = state["columns"] if self.path.exists() else []
        if self.columns:
            os.truncate(self.path, min(state["bytes"], self.path.stat().st_size))


class TensorBoard(Callback):
    """Writes the loss and learning rate of each step and the figures of each epoch for TensorBoard.

    Args:
        folder: for the event files.
        every: write each so-manieth step.

    Raises:
        ImportError: when the training begins, neither tensorboardX nor tensorboard is installed.
    """

    order = 60
    first_rank_only = True

    def __init__(self, folder: str | os.PathLike[str], every: int = 1) -> None:
        self.folder = os.fspath(folder)
        self.every = every

    def on_fit_begin(self, run: Run) -> None:
        from ...utils.tensorboard import SummaryWriter  # few trainings write for TensorBoard

        self.writer: Any = SummaryWriter(self.folder)

    def on_step(self, run: Run) -> None:
        if run.step % self.every == 0:
            self.writer.add_scalar("step/loss", run.loss_value, run.step)
            self.writer.add_scalar("step/lr", run.history.rates[-1], run.step)

    def on_epoch_end(self, run: Run) -> None:
        for name, value in numbers(run.figures).items():
            self.writer.add_scalar(f"epoch/{name}", value, run.epoch)
        self.writer.flush()

    def on_fit_end(self, run: Run) -> None:
        self.writer.close()


class Record(Callback):
    """Keeps the history of a training in a folder, for `rushlight report FOLDER`: history.json after each epoch, and
    model.txt.

    Args:
        folder: is made if it is not there.
    """

    order = 70
    first_rank_only = True

    def __init__(self, folder: str | os.PathLike[str]) -> None:
        self.folder = Path(folder)

    def on_fit_begin(self, run: Run) -> None:
        self.folder.mkdir(parents=True, exist_ok=True)
        (self.folder / "model.txt").write_text(f"{run.model}\n", encoding="utf-8")

    def on_epoch_end(self, run: Run) -> None:
        run.history.save(self.folder / "history.json")

    def on_fit_end(self, run: Run) -> None:
        run.history.save(self.folder / "history.json")
