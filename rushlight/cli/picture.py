"""The demo's picture: the loss curve, and held-out digits with what they show and what was predicted."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from rushlight import train
from rushlight.cli.score import History
from rushlight.train import plots

ROWS, COLUMNS = 4, 8


def chosen(labels: NDArray[np.int64], predicted: NDArray[np.int64]) -> NDArray[np.intp]:
    """Indices of the digits to show: the first ones, but for a last row of the first mistakes."""
    wrong = np.flatnonzero(labels != predicted)[:COLUMNS]
    right = np.flatnonzero(labels == predicted)[: ROWS * COLUMNS - len(wrong)]
    return np.concatenate([right, wrong])


def draw_losses(axes: Any, history: History) -> None:
    """Each batch's loss, and the mean of each epoch."""
    whole = history.losses[: history.epoch_ends[-1]] if history.epoch_ends else history.losses
    plots.draw_losses(axes, train.History(whole, epochs=[{"loss": loss} for loss in history.epoch_losses]))
    axes.set_ylabel("cross entropy")


def draw_digit(axes: Any, image: NDArray[np.float32], label: int, predicted: int) -> None:
    """One digit (1, 28, 28) under what it was taken for."""
    axes.imshow(image[0], cmap="gray_r", vmin=0, vmax=1)
    if label == predicted:
        axes.set_title(f"{predicted}", color=plots.RIGHT, fontsize=11, pad=2)
    else:
        axes.set_title(f"{predicted}, is {label}", color=plots.WRONG, fontsize=11, pad=2)


def draw(
    path: Path, history: History, images: NDArray[np.float32], labels: NDArray[np.int64], predicted: NDArray[np.int64]
) -> None:
    """Writes the picture of a training and of predictions for images (N, 1, 28, 28) as PNG.

    Raises:
        ImportError: matplotlib is not installed.
    """
    from matplotlib.figure import Figure  # takes 0.3 s, and may be missing

    figure = Figure(figsize=(13, 5), layout="constrained")
    halves: Any = figure.subfigures(1, 2, width_ratios=(5, 8))
    left, right = halves
    draw_losses(left.subplots(), history)
    correct = 100 * float((labels == predicted).mean())
    right.suptitle(f"Predictions for digits it never saw: {correct:.2f} % of {len(labels):,} right", fontsize=12)
    grid = right.subplots(ROWS, COLUMNS, subplot_kw={"frame_on": False, "xticks": (), "yticks": ()})
    for axes, i in zip(grid.flat, chosen(labels, predicted)):
        draw_digit(axes, images[i], int(labels[i]), int(predicted[i]))
    figure.savefig(path, dpi=110)
