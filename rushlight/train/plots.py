"""Pictures of trainings, as matplotlib figures (and curves of characters, which need nothing).

Each function returns a `Figure`, which notebooks show and `figure.savefig(path)` writes.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from ..errors import ShapeError
from .history import History

if TYPE_CHECKING:
    from rushlight import nn

RIGHT, WRONG = "#2a7f3f", "#c0392b"
PALE, STRONG = "#9db7d5", "#1f4e8c"
HIDDEN = ("epoch", "steps", "seconds", "lr")


def figure(width: float, height: float) -> Any:
    """An empty figure of this size in inches.

    Raises:
        ImportError: matplotlib is not installed.
    """
    try:
        from matplotlib.figure import Figure  # takes 0.3 s, and may be missing
    except ImportError:
        raise ImportError("pictures need matplotlib: pip install 'rushlight[plots]'") from None
    return Figure(figsize=(width, height), layout="constrained")


def _grid(count: int, columns: int, size: float) -> tuple[Any, list[Any]]:
    """A figure with so many bare axes in rows."""
    rows, columns = max(math.ceil(count / columns), 1), max(min(count, columns), 1)
    drawn = figure(columns * size, rows * size)
    axes = list(drawn.subplots(rows, columns, squeeze=False, subplot_kw={"xticks": (), "yticks": ()}).flat)
    for unused in axes[count:]:
        unused.set_axis_off()
    return drawn, axes[:count]


def curves(history: History) -> Any:
    """The loss of each batch with the means of each epoch, and a panel for each metric."""
    names = panels(history)
    drawn = figure(6 * len(names), 4)
    for axes, name in zip(drawn.subplots(1, len(names), squeeze=False)[0], names):
        draw_panel(axes, history, name)
    return drawn


def panels(history: History) -> list[str]:
    """The curves that there are to draw: "loss", and each metric that is a number."""
    names = [n for n in history.names() if n not in HIDDEN and not n.startswith("val_") and _is_number(history, n)]
    return list(dict.fromkeys(["loss", *names]))


def draw_panel(axes: Any, history: History, name: str) -> None:
    """One of the `panels`, into axes."""
    if name == "loss":
        draw_losses(axes, history)
        return
    _draw_means(axes, history, name)
    axes.set(title=name, xlabel="batches")
    axes.grid(alpha=0.3)
    axes.legend()


def draw_rates(axes: Any, history: History) -> None:
    """The learning rate of each batch, into axes."""
    axes.plot(np.arange(1, len(history.rates) + 1), history.rates, color=STRONG)
    axes.set(title="learning rate", xlabel="batches")
    axes.ticklabel_format(axis="y", style="sci", scilimits=(-3, 4))
    axes.grid(alpha=0.3)


def _is_number(history: History, name: str) -> bool:
    return all(isinstance(value, (int, float)) for value in history[name])


def draw_losses(axes: Any, history: History) -> None:
    """Each batch's loss, and the mean of each epoch at its middle, into axes."""
    axes.plot(np.arange(1, len(history.losses) + 1), history.losses, color=PALE, linewidth=0.8, label="each batch")
    if history.epochs:
        _draw_means(axes, history, "loss")
    if min(history.losses, default=0) > 0:
        axes.set_yscale("log")
    axes.set(title="loss", xlabel="batches")
    axes.grid(alpha=0.3)
    axes.legend()


def _draw_means(axes: Any, history: History, name: str) -> None:
    per_epoch = len(history.losses) / max(len(history.epochs), 1)
    ends = per_epoch * np.arange(1, len(history.epochs) + 1)
    axes.plot(ends - per_epoch / 2, history[name], "o-", color=STRONG, markersize=4, label="training")
    if f"val_{name}" in history.names():
        axes.plot(ends, history[f"val_{name}"], "s-", color=WRONG, markersize=4, label="validation")


def text_curve(values: Sequence[float], width: int = 72, height: int = 12) -> str:
    """A curve of characters: means over equal parts of the values, on a logarithmic scale if all are above 0.

    Example:
        >>> print(text_curve([4, 3, 2, 1], width=4, height=4))
               4 |*
                 | *
                 |  *
               1 |   *
                 +----
    """
    finite = np.array([v for v in values if math.isfinite(v)])
    if not len(finite):
        return "(no finite values)"
    means = np.array([part.mean() for part in np.array_split(finite, min(width, len(finite)))])
    scaled = np.log(means) if means.min() > 0 and means.max() > 20 * means.min() else means
    low, high = scaled.min(), scaled.max()
    rows = np.round((high - scaled) / max(high - low, 1e-300) * (height - 1)).astype(int)
    lines = ["".join("*" if row == r else " " for row in rows).rstrip() for r in range(height)]
    labels = {0: f"{means.max():.4g}", height - 1: f"{means.min():.4g}"}
    drawn = [f"{labels.get(r, ''):>9} |{line}" for r, line in enumerate(lines)]
    return "\n".join([*drawn, " " * 10 + "+" + "-" * len(means)])


def confusion_matrix(counts: Any, labels: Sequence[str] | None = None) -> Any:
    """Counts (C, C) as a table: rows are the true classes, columns the predicted ones; the darker, the larger the share
    of the row.

    Raises:
        RuntimeError: counts are not square.
    """
    table = np.asarray(counts)
    if table.ndim != 2 or table.shape[0] != table.shape[1]:
        raise ShapeError(f"confusion_matrix: counts of shape {table.shape}; expected (C, C)")
    names = list(labels or map(str, range(len(table))))
    size = max(4.0, 0.5 * len(table) + 1.5)
    drawn = figure(size, size)
    axes = drawn.subplots()
    shares = table / np.maximum(table.sum(1, keepdims=True), 1)
    axes.imshow(shares, cmap="Blues", vmin=0, vmax=1)
    for i, j in np.ndindex(table.shape):
        axes.text(
            j, i, str(table[i, j]), ha="center", va="center", fontsize=8, color="w" if shares[i, j] > 0.5 else "k"
        )
    axes.set(xlabel="predicted", ylabel="true", xticks=range(len(names)), yticks=range(len(names)))
    axes.set_xticklabels(names)
    axes.set_yticklabels(names)
    return drawn


def _as_image(image: Any) -> Any:
    """(C, H, W) or (H, W) -> what imshow takes, from 0 to 1."""
    array = image.detach().numpy() if hasattr(image, "detach") else np.asarray(image)
    array = array.astype(np.float32)
    if array.ndim == 3:
        array = array[0] if array.shape[0] not in (3, 4) else np.moveaxis(array, 0, -1)
    span = float(array.max() - array.min())
    return (array - array.min()) / (span or 1.0)


def predictions(images: Any, labels: Any, predicted: Any, columns: int = 8) -> Any:
    """Images (N, C, H, W) under what they were taken for: green if right, red with the truth if wrong."""
    drawn, places = _grid(len(images), columns, 1.3)
    for axes, image, label, guess in zip(places, images, np.asarray(labels), np.asarray(predicted)):
        axes.imshow(_as_image(image), cmap="gray_r")
        right = label == guess
        axes.set_title(f"{guess}" if right else f"{guess}, is {label}", color=RIGHT if right else WRONG, fontsize=10)
    return drawn


def histograms(model: nn.Module, gradients: bool = False, columns: int = 4, bins: int = 50) -> Any:
    """How the numbers of each parameter, or of each gradient that there is, are distributed."""
    tensors = {name: p.grad if gradients else p for name, p in model.named_parameters()}
    found = {name: tensor.detach().numpy().ravel() for name, tensor in tensors.items() if tensor is not None}
    drawn, places = _grid(len(found), columns, 2.4)
    for axes, (name, values) in zip(places, found.items()):
        axes.hist(values[np.isfinite(values)], bins=bins, color=STRONG)
        axes.set_title(name, fontsize=8)
        axes.tick_params(labelsize=6)
        axes.set_xticks([float(values.min()), float(values.max())] if np.isfinite(values).all() else [])
        axes.set_xticklabels([f"{x:.2g}" for x in axes.get_xticks()])
    return drawn


def filters(weight: Any, columns: int = 8) -> Any:
    """The filters (O, C, kh, kw) of a convolution as images: in colour if they look at three channels, otherwise the
    mean over channels.

    Args:
        weight: of the layer, or the layer.

    Raises:
        RuntimeError: it has not four dimensions.
    """
    weight = getattr(weight, "weight", weight)
    array = weight.detach().numpy() if hasattr(weight, "detach") else np.asarray(weight)
    if array.ndim != 4:
        raise ShapeError(f"filters: weight of shape {array.shape}; expected (O, C, kh, kw)")
    drawn, places = _grid(len(array), columns, 1.0)
    for axes, kernel in zip(places, array):
        axes.imshow(_as_image(kernel if len(kernel) == 3 else kernel.mean(0)), cmap="gray")
    return drawn
