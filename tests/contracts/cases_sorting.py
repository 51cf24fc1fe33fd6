"""Sorting, order statistics, distinct values, histograms."""

import numpy as np
from harness import Case, Refusal

NAN = float("nan")


def cases():
    yield Case("sort", lambda t: (t.distinct(3, 4),))
    yield Case("sort", lambda t: (t.distinct(3, 4), 0, True), id="descending")
    yield Case(
        "sort",
        lambda t: (t.const([[3, 1, 1], [2, 2, 2]]),),
        dict(dim=1, descending=True, stable=True),
        id="ties",
        grad=False,
    )
    yield Case("sort", lambda t: (t.const([1.0, NAN, -1.0]),), id="nan", grad=False)
    yield Case("argsort", lambda t: (t.distinct(3, 4), 0), grad=False)
    yield Case("msort", lambda t: (t.distinct(3, 4),))
    yield Case("topk", lambda t: (t.distinct(3, 6), 2))
    yield Case("topk", lambda t: (t.distinct(3, 100), 4, 1, False), id="smallest")
    yield Case("topk", lambda t: (t.distinct(100, 2), 4, 0), id="rows")
    yield Case("kthvalue", lambda t: (t.distinct(3, 4), 2))
    yield Case("kthvalue", lambda t: (t.distinct(3, 4), 3, 0, True), id="keepdim")
    for name in ("median", "nanmedian"):
        yield Case(name, lambda t: (t.distinct(3, 4),))
        yield Case(name, lambda t: (t.distinct(3, 4), 1), id="dim")
        yield Case(name, lambda t: (t.const([[1.0, NAN, 3.0], [1.0, 2.0, 3.0]]), 1, True), id="nan", grad=False)
    yield Case("mode", lambda t: (t.const([[1.0, 2.0, 2.0, 1.0, 0.0], [3.0, 3.0, 1.0, 1.0, 1.0]]),), grad=False)
    yield Case("mode", lambda t: (t.distinct(3, 4), 0), id="distinct")
    for how in ("linear", "lower", "higher", "midpoint", "nearest"):
        yield Case("quantile", lambda t: (t.distinct(3, 5), 0.3, 1), dict(interpolation=how), id=how)
    yield Case("quantile", lambda t: (t.distinct(3, 5), t.float([0.1, 0.9], grad=False)), dict(keepdim=True), id="all")
    yield Case("quantile", lambda t: (t.distinct(3, 5), t.float([0.1, 0.9], grad=False), 0), id="several")
    yield Case("quantile", lambda t: (t.distinct(3, 5), t.float([0.1, 0.15, 0.9]), 1), id="repeated")
    yield Case("nanquantile", lambda t: (t.const(np.float32([[1.0, NAN, 3.0], [1.0, 2.0, 3.0]])), 0.6, 1), grad=False)
    yield from distinct()
    yield from places()


def distinct():
    yield Case("unique", lambda t: (t.ints(4, 3, 4),), grad=False)
    yield Case(
        "unique", lambda t: (t.ints(4, 3, 4),), dict(return_inverse=True, return_counts=True), id="extras", grad=False
    )
    yield Case(
        "unique",
        lambda t: (t.ints(2, 6, 2),),
        dict(dim=0, return_inverse=True, return_counts=True),
        id="dim",
        grad=False,
    )
    yield Case(
        "unique_consecutive", lambda t: (t.ints(2, 10),), dict(return_inverse=True, return_counts=True), grad=False
    )
    yield Case(
        "unique_consecutive", lambda t: (t.ints(2, 6, 1),), dict(dim=0, return_counts=True), id="dim", grad=False
    )
    yield Case("isin", lambda t: (t.ints(9, 3, 4), t.ints(9, 4)), grad=False)
    yield Case("bincount", lambda t: (t.ints(5, 20),), dict(minlength=7), grad=False)
    yield Case("bincount", lambda t: (t.ints(5, 20), t(20, grad=False)), id="weights", grad=False)
    yield Case("histc", lambda t: (t(50, grad=False), 5, -1, 1), grad=False)
    yield Case("histc", lambda t: (t(50, grad=False), 5), id="range", grad=False)
    yield Case("histogram", lambda t: (t(50, grad=False), 5), grad=False)
    yield Case(
        "histogram", lambda t: (t(50, grad=False), 5), dict(range=(-1.0, 2.0), density=True), id="density", grad=False
    )
    yield Case("histogram", lambda t: (t(50, grad=False), 3), dict(range=(0.0, 0.0)), id="point", grad=False)
    yield Case("histogram", lambda t: (t(5, 0, grad=False), 3), id="empty", grad=False, layouts=False)
    yield Case("histogramdd", lambda t: (t(50, 2, grad=False), [3, 4]), grad=False)
    weights = lambda t: dict(weight=t.positive(50, grad=False), density=True, range=[-1.0, 1.0, -2.0, 2.0])
    yield Case("histogramdd", lambda t: (t(50, 2, grad=False), 3), weights, id="weights", grad=False)
    disorder = lambda t: [t.float([0.5, -1.0, 0.2, 1.0], grad=False), t.float([-2.0, 2.0], grad=False)]
    yield Case("histogramdd", lambda t: (t(50, 2, grad=False), disorder(t)), id="disorder", grad=False)


def places():
    edges = [0.0, 0.5, 0.5, 1.0]
    yield Case(
        "searchsorted", lambda t: (t.float(edges, grad=False), t.float([0.5, 2.0, -1.0], grad=False)), grad=False
    )
    yield Case(
        "searchsorted",
        lambda t: (t.float(edges, grad=False), t.float([[0.5, 2.0]], grad=False)),
        dict(right=True),
        id="right",
        grad=False,
    )
    yield Case(
        "searchsorted",
        lambda t: (t.float([edges, edges], grad=False), t.float([[0.5], [0.6]], grad=False)),
        dict(side="right", out_int32=True),
        id="rows",
        grad=False,
    )
    nothing = lambda t: (t(0, 0, grad=False), t(0, 0, grad=False))
    yield Case("searchsorted", nothing, id="empty", grad=False, layouts=False)
    yield Case("bucketize", lambda t: (t(3, 4, grad=False), t.float(edges, grad=False)), grad=False)
    yield Case("nn.functional.one_hot", lambda t: (t.ints(4, 3), 5), grad=False)


def refusals():
    yield Refusal("topk", lambda t: (t(3), 4), RuntimeError, "k out of range")
    yield Refusal("kthvalue", lambda t: (t(3), 0), RuntimeError, "k out of range")
    yield Refusal("sort", lambda t: (t(3), 1), IndexError, "out of range")
    yield Refusal("quantile", lambda t: (t(3), 1.5), RuntimeError, r"\[0, 1\]")
    yield Refusal("bincount", lambda t: (t.const([-1]),), RuntimeError, "non-negative")
