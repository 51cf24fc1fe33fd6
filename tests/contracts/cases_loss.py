"""Losses, with every reduction."""

from __future__ import annotations

from typing import Any

import numpy as np
from harness import Case, Refusal

F = "nn.functional."
REDUCTIONS = ("mean", "sum", "none")


def classifiers(reduction: str) -> Any:
    weighted = lambda t, **more: dict(weight=t.positive(5, grad=False), reduction=reduction, **more)
    for name in ("cross_entropy", "nll_loss"):
        yield Case(F + name, lambda t: (t(7, 5), t.ints(5, 7)), {"reduction": reduction})
        yield Case(F + name, lambda t: (t(7, 5), t.ints(5, 7)), lambda t: weighted(t, ignore_index=2), id="weighted")
        yield Case(F + name, lambda t: (t(2, 5, 3, 2), t.ints(5, 2, 3, 2)), weighted, id="4-d")
        yield Case(F + name, lambda t: (t(5), t.const(3)), {"reduction": reduction}, id="one")
        yield Case(F + name, lambda t: (t(0, 5), t.ints(5, 0)), {"reduction": reduction}, id="empty", layouts=False)
    smooth = {"label_smoothing": 0.2}
    name = F + "cross_entropy"
    yield Case(name, lambda t: (t(7, 5), t.ints(5, 7)), dict(reduction=reduction, **smooth), id="smooth")
    yield Case(name, lambda t: (t(7, 5), t.ints(5, 7)), lambda t: weighted(t, ignore_index=1, **smooth), id="all")
    yield Case(name, lambda t: (t(7, 5), t.unit(7, 5)), {"reduction": reduction}, id="probabilities")
    yield Case(name, lambda t: (t(2, 5, 3), t.unit(2, 5, 3)), lambda t: weighted(t, **smooth), id="probabilities-all")
    yield Case(name, lambda t: (t(5), t.unit(5)), {"reduction": reduction}, id="probabilities-one")
    for p in (1, 2):
        yield Case(
            F + "multi_margin_loss", lambda t: (t(4, 5), t.ints(5, 4)), lambda t, p=p: weighted(t, p=p, margin=0.7)
        )
    yield Case(F + "multi_margin_loss", lambda t: (t(5), t.const(3)), {"reduction": reduction}, id="one")
    listed = np.array([[0, 2, -1, 3, 3], [1, -1, -1, -1, -1], [-1, 0, 0, 0, 0]])
    yield Case(F + "multilabel_margin_loss", lambda t: (t(3, 5), t.const(listed)), {"reduction": reduction})
    yield Case(F + "multilabel_margin_loss", lambda t: (t(5), t.const(listed[0])), {"reduction": reduction}, id="one")
    yield Case(F + "multilabel_soft_margin_loss", lambda t: (t(3, 5), t.unit(3, 5)), weighted)


def pointwise(reduction: str) -> Any:
    options = {"reduction": reduction}
    for name in ("mse_loss", "l1_loss", "smooth_l1_loss", "huber_loss"):
        yield Case(F + name, lambda t: (t(3, 4), t(3, 4)), options)
    for name in ("mse_loss", "l1_loss", "huber_loss"):
        kwargs = lambda t: {"weight": t.positive(3, 4), "reduction": reduction}
        yield Case(F + name, lambda t: (t(3, 4), t(3, 4)), kwargs, id="weighted")
    yield Case(F + "smooth_l1_loss", lambda t: (t(3, 4), t(3, 4)), dict(beta=0.4, **options), id="beta")
    yield Case(F + "smooth_l1_loss", lambda t: (t(3, 4), t(3, 4)), dict(beta=0, **options), id="beta0")
    yield Case(F + "huber_loss", lambda t: (t(3, 4), t(3, 4)), dict(delta=0.4, **options), id="delta")
    name = F + "binary_cross_entropy"
    yield Case(name, lambda t: (t.unit(3, 4), t.unit(3, 4)), options)
    yield Case(
        name,
        lambda t: (t.unit(3, 4), t.unit(3, 4)),
        lambda t: dict(weight=t.positive(4, grad=False), **options),
        id="weight",
    )
    name = F + "binary_cross_entropy_with_logits"
    factors = lambda t: dict(weight=t.positive(3, 1, grad=False), pos_weight=t.positive(4, grad=False), **options)
    yield Case(name, lambda t: (t(3, 4), t.unit(3, 4)), options)
    yield Case(name, lambda t: (t(3, 4), t.unit(3, 4)), factors, id="weights")
    for log_target in (False, True):
        kwargs = dict(log_target=log_target, **options)
        yield Case(F + "kl_div", lambda t: (t(3, 4), t.unit(3, 4)), kwargs, id=str(log_target))
    for log_input, full in ((True, False), (False, True)):
        kwargs = dict(log_input=log_input, full=full, **options)
        yield Case(
            F + "poisson_nll_loss", lambda t: (t.positive(3, 4), t.positive(3, 4, grad=False)), kwargs, id=f"{full}"
        )
    yield Case(F + "gaussian_nll_loss", lambda t: (t(3, 4), t(3, 4), t.positive(3, 4)), options)
    yield Case(
        F + "gaussian_nll_loss", lambda t: (t(3, 4), t(3, 4), t.positive(3)), dict(full=True, **options), id="full"
    )
    yield Case(
        F + "soft_margin_loss", lambda t: (t(3, 4), t.const(2 * t.bools(3, 4).array.astype(t.dtype) - 1)), options
    )


def ranking(reduction: str) -> Any:
    options = {"reduction": reduction}
    sign = lambda t, *shape: t.float(np.where(t.bools(*shape).array, 1, -1), grad=False)
    yield Case(F + "margin_ranking_loss", lambda t: (t(6), t(6), sign(t, 6)), dict(margin=0.3, **options))
    yield Case(F + "hinge_embedding_loss", lambda t: (t(3, 4), sign(t, 3, 4)), dict(margin=0.6, **options))
    yield Case(F + "cosine_embedding_loss", lambda t: (t(6, 3), t(6, 3), sign(t, 6)), dict(margin=0.1, **options))
    yield Case(F + "cosine_embedding_loss", lambda t: (t(3), t(3), sign(t)), options, id="one")
    for p, swap in ((2, True), (3, False)):
        kwargs = dict(p=p, swap=swap, margin=2.0, **options)
        yield Case(F + "triplet_margin_loss", lambda t: (t(4, 3), t(4, 3), t(4, 3)), kwargs, id=f"p{p}")
    name = F + "triplet_margin_with_distance_loss"
    yield Case(name, lambda t: (t(4, 3), t(4, 3), t(4, 3)), dict(swap=True, margin=2.0, **options))
    far = lambda a, b: ((a - b) * (a - b)).sum(-1)
    yield Case(name, lambda t: (t(4, 3), t(4, 3), t(4, 3)), dict(distance_function=far, **options), id="own")


def ctc(reduction: str) -> Any:
    """torch: the gradient is that of the softmax before the loss, so it has no numeric derivative of its own."""
    targets = np.array([[1, 1, 2], [3, 2, 1], [4, 0, 0]])
    lengths = ([6, 5, 3], [3, 2, 1])

    for zero in (False, True):
        kwargs = {"reduction": reduction, "zero_infinity": zero}
        yield Case(F + "ctc_loss", lambda t: (t(6, 3, 5, grad=False), t.const(targets), *lengths), kwargs, id=f"{zero}")
    if reduction == "none":
        too_short = ([6, 5, 1], [3, 2, 2])
        args = lambda t: (t(6, 3, 5, grad=False), t.const(targets), *too_short)
        yield Case(F + "ctc_loss", args, {"reduction": reduction, "zero_infinity": True}, id="impossible")


def cases() -> Any:
    for reduction in REDUCTIONS:
        yield from classifiers(reduction)
        yield from pointwise(reduction)
        yield from ranking(reduction)
        yield from ctc(reduction)
    yield Case(F + "kl_div", lambda t: (t(3, 4), t.unit(3, 4)), {"reduction": "batchmean"}, id="batchmean")


def refusals() -> Any:
    name = F + "cross_entropy"
    yield Refusal(name, lambda t: (t(3, 5), t.const([0, 7, 1])), IndexError, r"Target 7 is out of bounds.*target\[1\]")
    yield Refusal(name, lambda t: (t(3, 5), t.const([0, 1, -3])), IndexError, "Target -3")
    yield Refusal(name, lambda t: (t(3, 5), t.const([0, 1])), ValueError, r"batch_size \(3\).*\(2\)")
    yield Refusal(name, lambda t: (t(3, 5), t.const(np.zeros(3, np.int32))), RuntimeError, "Long")
    yield Refusal(name, lambda t: (t(3, 5), t.ints(5, 3)), ValueError, "reduction", {"reduction": "all"})
    yield Refusal(name, lambda t: (t(3, 5), t.ints(5, 3)), RuntimeError, "label_smoothing", {"label_smoothing": 2.0})
    yield Refusal(name, lambda t: (t(3, 5), t.ints(5, 3), t(4)), RuntimeError, "all 5 classes")
    yield Refusal(name, lambda t: (t(3, 5), t.ints(5, 3, 5)), RuntimeError, "floating point")
    yield Refusal(F + "nll_loss", lambda t: (t(3, 5, 2), t.ints(5, 3, 4)), RuntimeError, r"\[3, 2\]")
    yield Refusal(F + "mse_loss", lambda t: (t(3, 5), t(3, 4)), RuntimeError, r"\(3, 5\).*\(3, 4\)")
    yield Refusal(
        F + "binary_cross_entropy", lambda t: (t.float([2.0]), t.float([1.0])), RuntimeError, "between 0 and 1"
    )
    yield Refusal(F + "binary_cross_entropy", lambda t: (t.unit(3), t.unit(4)), ValueError, "size")
    yield Refusal(F + "binary_cross_entropy_with_logits", lambda t: (t(3), t(4)), ValueError, "size")
    yield Refusal(F + "huber_loss", lambda t: (t(3), t(3)), RuntimeError, "delta", {"delta": 0})
    yield Refusal(F + "multi_margin_loss", lambda t: (t(3, 4), t.const([0, 1, 9])), RuntimeError, "9")
    yield Refusal(F + "triplet_margin_loss", lambda t: (t(3, 4), t(3, 4), t(4)), RuntimeError, "dimensions")
    yield Refusal(F + "ctc_loss", lambda t: (t(4, 1, 3), t.const([[1, 2]]), [5], [2]), RuntimeError, "input_lengths")
    yield Refusal(F + "gaussian_nll_loss", lambda t: (t(3), t(3), -1.0), ValueError, "negative")
