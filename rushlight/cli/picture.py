"""The demo's picture: the loss curve, and held-out digits with what they show and what was predicted."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from rushlight.cli.score import History

ROWS, COLUMNS = 4, 8
RIGHT, WRONG = "#2a7f3f", "#c0392b"


def chosen(labels: NDArray[np.int64], predicted: NDArray[np.int64]) -> NDArray[np.intp]:
    """Indices of the digits to show: the first ones, but for a last row of the first mistakes."""
    wrong = np.flatnonzero(labels != predicted)[:COLUMNS]
    right = np.flatnonzero(labels == predicted)[: ROWS * COLUMNS - len(wrong)]
    return np.concatenate([right, wrong])


def draw_losses(axes: Any, history: History) -> None:
    """Each batch's loss, and the mean of each epoch at its middle."""
    middles = [(start + end) / 2 for start, end in zip([1, *history.epoch_ends], history.epoch_ends)]
    axes.plot(np.arange(1, len(history.losses) + 1), history.losses, color="#9db7d5", linewidth=0.8, label="each batch")
    axes.plot(middles, history.epoch_losses, "o-", color="#1f4e8c", label="mean of each epoch")
    if min(history.losses, default=0) > 0:
        axes.set_yscale("log")
    axes.set(title="Loss while training", xlabel="batches", ylabel="cross entropy")
    axes.grid(alpha=0.3)
    axes.legend()


def draw_digit(axes: Any, image: NDArray[np.float32], label: int, predicted: int) -> None:
    """One digit (1, 28, 28) under what it was taken for."""
    axes.imshow(image[0], cmap="gray_r", vmin=0, vmax=1)
    if label == predicted:
        axes.set_title(f"{predicted}", color=RIGHT, fontsize=11, pad=2)
    else:
        axes.set_title(f"{predicted}, is {label}", color=WRONG, fontsize=11, pad=2)


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
