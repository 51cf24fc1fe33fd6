"""Metrics: figures of a model's answers, gathered batch by batch.

`update` counts a batch in, `compute` gives the figure of all since `reset`. Scores of classes are (N, C, ...) for
targets (N, ...) of class numbers; a single column of scores, of the shape of its targets, tells two classes apart by a
threshold.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..errors import ArgumentError, DTypeError, ShapeError

Array = NDArray[Any]


def _array(x: Any) -> Array:
    array = x.detach().numpy() if hasattr(x, "detach") else np.asarray(x)
    return array.astype(np.float32) if array.dtype.kind == "V" or array.dtype.name == "bfloat16" else array


class Metric:
    """Base of metrics: a subclass sets its counters to nothing in `reset`, and gives `update` and `compute`."""

    name = "metric"

    def reset(self) -> None:
        """Forgets all batches."""
        raise NotImplementedError

    def update(self, output: Any, target: Any) -> None:
        """Counts a batch in."""
        raise NotImplementedError

    def compute(self) -> Any:
        """The figure."""
        raise NotImplementedError

    def __call__(self, output: Any, target: Any) -> Any:
        """The figure of one batch; what was counted before stays."""
        twin = copy.deepcopy(self)
        twin.reset()
        twin.update(output, target)
        return twin.compute()

    def state_dict(self) -> dict[str, Any]:
        """The counters."""
        return {name: copy.copy(value) for name, value in vars(self).items() if not callable(value)}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Goes on from what `state_dict` gave."""
        vars(self).update(state)


class Mean(Metric):
    """The mean over samples of a function of output and target that gives a batch's mean.

    Example:
        >>> Mean(F.mse_loss)(rushlight.ones(2), rushlight.zeros(2))
        1.0
    """

    def __init__(self, function: Callable[[Any, Any], Any], name: str | None = None) -> None:
        self.function = function
        self.name = str(name or getattr(function, "__name__", "mean"))
        self.reset()

    def reset(self) -> None:
        self.total, self.samples = 0.0, 0

    def update(self, output: Any, target: Any) -> None:
        count = len(target) if getattr(target, "ndim", 0) else 1
        self.total += float(self.function(output, target)) * count
        self.samples += count

    def compute(self) -> float:
        return self.total / max(self.samples, 1)


def as_metrics(given: Sequence[Any] | Mapping[str, Any]) -> list[Metric]:
    """Metrics, from metrics and functions; a dict gives them names.

    Raises:
        TypeError: something is neither. ValueError: two have one name.
    """
    pairs = given.items() if isinstance(given, Mapping) else [(None, metric) for metric in given]
    found = [_as_metric(metric, name) for name, metric in pairs]
    names = [metric.name for metric in found]
    if len(set(names)) < len(names):
        raise ArgumentError(f"metrics: two have one name: {', '.join(names)}; give them names in a dict")
    return found


def _as_metric(metric: Any, name: str | None) -> Metric:
    if isinstance(metric, Metric):
        if name is not None:
            metric.name = name
        return metric
    if not callable(metric) or isinstance(metric, type):
        raise DTypeError(f"metrics: {metric!r} is neither a Metric (an object, not a class) nor a function")
    return Mean(metric, name)


# --------------------------------------------------------------------------------------------------------- classes


def classes(output: Any, target: Any, threshold: float = 0.0) -> tuple[Array, Array]:
    """Predicted and true class numbers, flat.

    Args:
        output: scores (N, C, ...), the largest of which counts; or scores of the target's shape (or (N, 1) for (N,)),
            of class 1 if above the threshold.
        target: (N, ...).

    Raises:
        RuntimeError: shapes that do not go together.
    """
    scores, truth = _array(output), _array(target)
    if scores.ndim == truth.ndim + 1 and scores.shape[1] == 1:
        scores = scores[:, 0]
    if scores.shape == truth.shape:
        predicted = (scores > threshold).astype(np.int64)
    elif scores.ndim == truth.ndim + 1 and scores.shape[:1] + scores.shape[2:] == truth.shape:
        predicted = scores.argmax(1)
    else:
        raise ShapeError(
            f"metric: scores {scores.shape} do not go with targets {truth.shape}; expected (N, C, ...) with (N, ...)"
        )
    return predicted.reshape(-1), truth.astype(np.int64).reshape(-1)


class Accuracy(Metric):
    """The share of right answers.

    Args:
        threshold: above which a single score means class 1; 0 is right for logits, 0.5 for probabilities.

    Example:
        >>> Accuracy()(rushlight.tensor([[2.0, 1.0], [0.0, 1.0]]), rushlight.tensor([0, 0]))
        0.5
    """

    name = "accuracy"

    def __init__(self, threshold: float = 0.0) -> None:
        self.threshold = threshold
        self.reset()

    def reset(self) -> None:
        self.right, self.count = 0, 0

    def update(self, output: Any, target: Any) -> None:
        predicted, truth = classes(output, target, self.threshold)
        self.right += int((predicted == truth).sum())
        self.count += truth.size

    def compute(self) -> float:
        return self.right / max(self.count, 1)


class TopK(Metric):
    """The share of samples whose true class is among the k largest scores (N, C); of equal scores, the true one counts
    as the last.

    Example:
        >>> TopK(2)(rushlight.tensor([[3.0, 2.0, 1.0], [3.0, 2.0, 1.0]]), rushlight.tensor([1, 2]))
        0.5
    """

    def __init__(self, k: int = 5) -> None:
        self.k = k
        self.name = f"top{k}"
        self.reset()

    def reset(self) -> None:
        self.right, self.count = 0, 0

    def update(self, output: Any, target: Any) -> None:
        scores, truth = _array(output), _array(target)
        if scores.ndim != 2 or truth.shape != scores.shape[:1]:
            raise ShapeError(f"TopK: expected scores (N, C) and targets (N,), got {scores.shape} and {truth.shape}")
        own = np.take_along_axis(scores, truth[:, None].astype(np.int64), 1)
        rank = (scores > own).sum(1) + (scores == own).sum(1) - 1
        self.right += int((rank < self.k).sum())
        self.count += len(truth)

    def compute(self) -> float:
        return self.right / max(self.count, 1)


class ConfusionMatrix(Metric):
    """Counts (C, C): row i, column j is how many samples of class i were taken for class j.

    Args:
        num_classes: C; None means one more than the largest number seen.
        threshold: as for Accuracy.

    Example:
        >>> ConfusionMatrix()(rushlight.tensor([[2.0, 1.0], [0.0, 1.0]]), rushlight.tensor([0, 0])).tolist()
        [[1, 1], [0, 0]]
    """

    name = "confusion"

    def __init__(self, num_classes: int | None = None, threshold: float = 0.0) -> None:
        self.num_classes = num_classes
        self.threshold = threshold
        self.reset()

    def reset(self) -> None:
        size = self.num_classes or 0
        self.counts: Array = np.zeros((size, size), np.int64)

    def update(self, output: Any, target: Any) -> None:
        predicted, truth = classes(output, target, self.threshold)
        size = max(len(self.counts), int(max(predicted.max(initial=-1), truth.max(initial=-1))) + 1)
        if self.num_classes is not None and size > self.num_classes:
            raise ArgumentError(f"{type(self).__name__}: class {size - 1} with num_classes={self.num_classes}")
        grown = np.zeros((size, size), np.int64)
        grown[: len(self.counts), : len(self.counts)] = self.counts
        np.add.at(grown, (truth, predicted), 1)
        self.counts = grown

    def compute(self) -> Any:
        return self.counts.copy()


class _PerClass(ConfusionMatrix):
    """A ratio of counts for each class, averaged: "macro" over the classes that occur, "micro" over the samples,
    "weighted" by how often a class occurs, "binary" for class 1 alone, or None for the array of all. 0 / 0 counts as 0.
    """

    def __init__(self, average: str | None = "macro", num_classes: int | None = None, threshold: float = 0.0) -> None:
        if average not in ("macro", "micro", "weighted", "binary", None):
            raise ArgumentError(f"{type(self).__name__}: average={average!r}; expected macro, micro, weighted, binary")
        self.average = average
        super().__init__(num_classes, threshold)

    def ratio(self, hits: Array, predicted: Array, true: Array) -> tuple[Array, Array]:
        """Numerator and denominator, of how many were right, predicted and true."""
        raise NotImplementedError

    def compute(self) -> Any:
        hits, predicted, true = np.diag(self.counts), self.counts.sum(0), self.counts.sum(1)
        if self.average == "micro":
            hits, predicted, true = (counts.sum(keepdims=True) for counts in (hits, predicted, true))
        over, under = self.ratio(hits, predicted, true)
        each = np.where(under > 0, over / np.maximum(under, 1), 0.0)
        if self.average is None:
            return each
        if self.average == "binary":
            return float(each[1]) if len(each) > 1 else 0.0
        weights = {"micro": np.ones(1), "weighted": true, "macro": (predicted + true) > 0}[self.average]
        return float((each * weights).sum() / max(weights.sum(), 1))


class Precision(_PerClass):
    """Of the samples taken for a class, the share that are of it.

    Args:
        average: "macro" (mean over classes), "micro", "weighted", "binary" (of class 1), or None for all.
        num_classes, threshold: as for ConfusionMatrix.
    """

    name = "precision"

    def ratio(self, hits: Array, predicted: Array, true: Array) -> tuple[Array, Array]:
        return hits, predicted


class Recall(_PerClass):
    """Of the samples of a class, the share that were taken for it. Arguments as for Precision."""

    name = "recall"

    def ratio(self, hits: Array, predicted: Array, true: Array) -> tuple[Array, Array]:
        return hits, true


class F1(_PerClass):
    """2 precision recall / (precision + recall), class by class. Arguments as for Precision."""

    name = "f1"

    def ratio(self, hits: Array, predicted: Array, true: Array) -> tuple[Array, Array]:
        return 2 * hits, predicted + true


class AUROC(Metric):
    """The area under the ROC curve: how likely a sample of the class scores higher than one that is not (ties count
    half). For C > 2 classes, the mean over the classes, each against the rest.

    Args:
        from_logits: turn rows of C > 2 scores into probabilities first, by softmax.

    Example:
        >>> AUROC()(rushlight.tensor([0.1, 0.4, 0.35, 0.8]), rushlight.tensor([0, 0, 1, 1]))
        0.75
    """

    name = "auroc"

    def __init__(self, from_logits: bool = True) -> None:
        self.from_logits = from_logits
        self.reset()

    def reset(self) -> None:
        self.scores: list[Array] = []
        self.targets: list[Array] = []

    def update(self, output: Any, target: Any) -> None:
        scores, truth = _array(output).astype(np.float64), _array(target).astype(np.int64)
        scores = scores.reshape(len(truth), -1)
        if scores.shape[1] == 2:
            scores = scores[:, 1:] - scores[:, :1]
        elif scores.shape[1] > 2 and self.from_logits:
            powers = np.exp(scores - scores.max(1, keepdims=True))
            scores = powers / powers.sum(1, keepdims=True)
        self.scores.append(scores)
        self.targets.append(truth.reshape(-1))

    def compute(self) -> float:
        if not self.scores:
            return float("nan")
        scores, truth = np.concatenate(self.scores), np.concatenate(self.targets)
        if scores.shape[1] == 1:
            return _area(scores[:, 0], truth == 1)
        return float(np.nanmean([_area(scores[:, c], truth == c) for c in range(scores.shape[1])]))


def _area(scores: Array, positive: Array) -> float:
    """By the Mann-Whitney statistic: the sum of the ranks of the positive ones."""
    _, inverse, counts = np.unique(scores, return_inverse=True, return_counts=True)
    ranks = (np.cumsum(counts) - (counts - 1) / 2)[inverse.reshape(-1)]
    n = int(positive.sum())
    pairs = n * (len(scores) - n)
    return float((ranks[positive].sum() - n * (n + 1) / 2) / pairs) if pairs else float("nan")


# --------------------------------------------------------------------------------------------------------- numbers


def _same_shape(name: str, output: Any, target: Any) -> tuple[Array, Array]:
    x, y = _array(output).astype(np.float64), _array(target).astype(np.float64)
    if x.shape != y.shape:
        raise ShapeError(f"{name}: output {x.shape} and target {y.shape} differ in shape")
    return x, y


class _MeanOverEntries(Metric):
    """The mean of a function of the differences."""

    def __init__(self) -> None:
        self.reset()

    def reset(self) -> None:
        self.total, self.count = 0.0, 0

    def of(self, difference: Array) -> Array:
        raise NotImplementedError

    def update(self, output: Any, target: Any) -> None:
        x, y = _same_shape(type(self).__name__, output, target)
        self.total += float(self.of(x - y).sum())
        self.count += x.size

    def compute(self) -> float:
        return self.total / max(self.count, 1)


class MeanSquaredError(_MeanOverEntries):
    """mean((output - target)^2)."""

    name = "mse"

    def of(self, difference: Array) -> Array:
        return difference * difference


class MeanAbsoluteError(_MeanOverEntries):
    """mean(|output - target|)."""

    name = "mae"

    def of(self, difference: Array) -> Array:
        return np.abs(difference)


class R2(Metric):
    """1 - sum((target - output)^2) / sum((target - mean target)^2), for each column, and the mean over columns.

    Example:
        >>> R2()(rushlight.tensor([2.5, 0.0, 2.0, 8.0]), rushlight.tensor([3.0, -0.5, 2.0, 7.0]))
        0.948...
    """

    name = "r2"

    def __init__(self) -> None:
        self.reset()

    def reset(self) -> None:
        self.count = 0
        self.mean: Any = 0.0
        self.spread: Any = 0.0
        self.residual: Any = 0.0

    def update(self, output: Any, target: Any) -> None:
        """Joins means and sums of squares by Chan's formula, which loses no digits to large means."""
        x, y = _same_shape("R2", output, target)
        x, y = x.reshape(len(y), -1), y.reshape(len(y), -1)
        mean, n = y.mean(0), len(y)
        shift, total = mean - self.mean, self.count + n
        self.spread = self.spread + ((y - mean) ** 2).sum(0) + shift**2 * (self.count * n / total)
        self.mean = self.mean + shift * (n / total)
        self.residual = self.residual + ((y - x) ** 2).sum(0)
        self.count = total

    def compute(self) -> float:
        return float(np.mean(1 - self.residual / self.spread)) if self.count else float("nan")
