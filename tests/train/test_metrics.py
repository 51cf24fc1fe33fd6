"""Metrics against their definitions, spelt out, and batch by batch against all at once."""

from __future__ import annotations

import copy

import numpy as np
import pytest
from scipy import stats

import rushlight
from rushlight.train import metrics as M

source = np.random.default_rng(0)
SCORES = source.standard_normal((60, 4)).astype(np.float32)
TRUTH = source.integers(0, 4, 60)
PREDICTED = SCORES.argmax(1)
X, Y = source.standard_normal((2, 60, 3)).astype(np.float32)
SINGLE = SCORES[:, 0].round(1)  # with ties
BINARY = TRUTH > 1


def tensor(array):
    return rushlight.from_numpy(np.ascontiguousarray(array))


def per_class(ratio):
    counts = [((PREDICTED == c) & (TRUTH == c), PREDICTED == c, TRUTH == c) for c in range(4)]
    return [ratio(*(int(mask.sum()) for mask in masks)) for masks in counts]


PRECISION = per_class(lambda hit, predicted, true: hit / predicted)
RECALL = per_class(lambda hit, predicted, true: hit / true)
F1 = per_class(lambda hit, predicted, true: 2 * hit / (predicted + true))
RIGHT = float((PREDICTED == TRUTH).mean())


def area(scores, positive):
    """Of all pairs of a positive and a negative sample, the share in which the positive one scores higher."""
    pairs = np.sign(scores[positive][:, None] - scores[~positive][None])
    return float((pairs / 2 + 0.5).mean())


def softmax(x):
    return np.exp(x) / np.exp(x).sum(1, keepdims=True)


CASES = {
    "accuracy": (M.Accuracy(), SCORES, TRUTH, RIGHT),
    "accuracy, one column": (M.Accuracy(), SINGLE[:, None], BINARY, float(((SINGLE > 0) == BINARY).mean())),
    "accuracy, threshold": (M.Accuracy(0.5), SINGLE, BINARY, float(((SINGLE > 0.5) == BINARY).mean())),
    "top 2": (M.TopK(2), SCORES, TRUTH, float(np.mean([t in np.argsort(-s)[:2] for s, t in zip(SCORES, TRUTH)]))),
    "precision": (M.Precision(), SCORES, TRUTH, float(np.mean(PRECISION))),
    "recall": (M.Recall(), SCORES, TRUTH, float(np.mean(RECALL))),
    "recall, each": (M.Recall(None), SCORES, TRUTH, RECALL),
    "f1": (M.F1(), SCORES, TRUTH, float(np.mean(F1))),
    "f1, micro": (M.F1("micro"), SCORES, TRUTH, RIGHT),
    "f1, weighted": (M.F1("weighted"), SCORES, TRUTH, float(np.dot(F1, np.bincount(TRUTH)) / 60)),
    "confusion": (M.ConfusionMatrix(), SCORES, TRUTH, np.histogram2d(TRUTH, PREDICTED, bins=4)[0]),
    "auroc": (M.AUROC(), SINGLE, BINARY, area(SINGLE, BINARY)),
    "auroc, two columns": (M.AUROC(), SCORES[:, :2], BINARY, area(SCORES[:, 1] - SCORES[:, 0], BINARY)),
    "auroc, classes": (
        M.AUROC(), SCORES, TRUTH, float(np.mean([area(softmax(SCORES)[:, c], TRUTH == c) for c in range(4)])),
    ),
    "mse": (M.MeanSquaredError(), X, Y, float(((X - Y) ** 2).mean())),
    "mae": (M.MeanAbsoluteError(), X, Y, float(np.abs(X - Y).mean())),
    "r2": (M.R2(), X, Y + 1000, float(np.mean(1 - ((Y + 1000 - X) ** 2).sum(0) / ((Y - Y.mean(0)) ** 2).sum(0)))),
}  # fmt: skip


@pytest.mark.parametrize(("metric", "output", "target", "expected"), CASES.values(), ids=CASES)
def test_a_metric_is_its_definition_batch_by_batch(metric, output, target, expected):
    output, target = tensor(output), tensor(target)
    assert np.allclose(metric(output, target), expected, rtol=1e-5)
    metric.reset()
    for rows in (slice(0, 7), slice(7, 8), slice(8, 60)):
        metric.update(output[rows], target[rows])
    assert np.allclose(metric.compute(), expected, rtol=1e-5)


@pytest.mark.parametrize(("metric", "output", "target", "expected"), CASES.values(), ids=CASES)
def test_a_metric_goes_on_from_its_state(metric, output, target, expected):
    output, target = tensor(output), tensor(target)
    metric.reset()
    metric.update(output[:30], target[:30])
    other = copy.deepcopy(metric)
    other.reset()
    other.load_state_dict(metric.state_dict())
    other.update(output[30:], target[30:])
    assert np.allclose(other.compute(), expected, rtol=1e-5)


def test_auroc_is_the_mann_whitney_statistic():
    positive = SINGLE[BINARY]
    statistic = stats.mannwhitneyu(positive, SINGLE[~BINARY]).statistic
    assert np.isclose(M.AUROC()(tensor(SINGLE), tensor(BINARY)), statistic / (len(positive) * (60 - len(positive))))


def test_classes_that_never_occur_count_for_nothing():
    metric = M.Precision(num_classes=9)
    assert np.isclose(metric(tensor(SCORES), tensor(TRUTH)), np.mean(PRECISION))
    assert np.isnan(M.AUROC()(tensor(SINGLE), tensor(np.zeros(60, np.int64))))


def test_equal_scores_win_nothing():
    assert M.TopK(1)(rushlight.zeros(4, 3), rushlight.tensor([0, 1, 2, 0])) == 0


def test_pixels_are_samples_too():
    scores = rushlight.randn(2, 3, 4, 4)
    assert M.Accuracy()(scores, scores.argmax(1)) == 1


def test_what_does_not_go_together_is_refused():
    with pytest.raises(RuntimeError, match=r"scores \(60, 4\) do not go with targets \(59,\)"):
        M.Accuracy()(tensor(SCORES), tensor(TRUTH[:59]))
    with pytest.raises(RuntimeError, match=r"output \(60, 3\) and target \(60,\) differ"):
        M.MeanSquaredError()(tensor(X), tensor(Y[:, 0]))
    with pytest.raises(ValueError, match="class 3 with num_classes=2"):
        M.ConfusionMatrix(2)(tensor(SCORES), tensor(TRUTH))
    with pytest.raises(ValueError, match="average='mean'"):
        M.F1("mean")
    with pytest.raises(RuntimeError, match="TopK"):
        M.TopK()(tensor(SINGLE), tensor(TRUTH))


def test_functions_become_metrics_by_name():
    def error(output, target):
        return (output - target).abs().mean()

    found = M.as_metrics([error, M.Accuracy()])
    assert [metric.name for metric in found] == ["error", "accuracy"]
    assert [metric.name for metric in M.as_metrics({"mine": error, "hits": M.Accuracy()})] == ["mine", "hits"]
    mean = M.Mean(error)
    mean.update(rushlight.ones(1), rushlight.zeros(1))
    mean.update(rushlight.zeros(3), rushlight.zeros(3))
    assert mean.compute() == 0.25
    with pytest.raises(TypeError, match="not a class"):
        M.as_metrics([M.Accuracy])
    with pytest.raises(ValueError, match="two have one name"):
        M.as_metrics([M.Accuracy(), M.Accuracy(0.5)])
