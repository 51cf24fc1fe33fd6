"""Indexing, gather, scatter and masks."""

import numpy as np
from harness import Case, Refusal

INDICES = {
    "int": 1,
    "negative": -1,
    "slice": slice(1, 3),
    "step": slice(None, None, 2),
    "tuple": (0, slice(1, None)),
    "ellipsis": (..., 0),
    "none": (None, 1, None),
    "list": [0, 2],
    "lists": ([0, 2, 0], [1, 1, 1]),
    "mixed": (slice(None), [0, 2, 0]),
    "apart": ([0, 1], slice(None), [1, 0]),
    "mask": np.array([True, False, True]),
    "empty": slice(2, 2),
}


def cases():
    for name, index in INDICES.items():
        yield Case("Tensor.__getitem__", lambda t, i=index: (t(3, 4, 2), i), id=name)
    yield Case("Tensor.__getitem__", lambda t: (t(3, 4), t.bools(3, 4)), id="full mask")
    yield Case("Tensor.__getitem__", lambda t: (t(3, 4), (t.ints(3, 2, 2), t.ints(4, 2))), id="tensors")
    yield from gathers()
    yield from slices()
    yield from masks()


def gathers():
    yield Case("gather", lambda t: (t(3, 4), 1, t.ints(4, 3, 2)))
    yield Case("gather", lambda t: (t(3, 4), 0, t.ints(3, 5, 3)), id="rows")
    yield Case("gather", lambda t: (t(2, 3, 4), -1, t.ints(4, 2, 3, 1)), id="3-d")
    yield Case("take_along_dim", lambda t: (t(3, 4), t.ints(4, 3, 1), 1))
    yield Case("take_along_dim", lambda t: (t(3, 4), t.ints(12, 5)), id="flat")
    yield Case("take", lambda t: (t(3, 4), t.ints(12, 2, 2)))
    yield Case("scatter", lambda t: (t(3, 4), 1, t.const([[0, 1], [3, 2], [1, 0]]), t(3, 2)))
    yield Case("scatter", lambda t: (t(3, 4), 1, t.const([[0, 1], [3, 2], [1, 0]]), 2.5), id="number")
    yield Case("scatter", lambda t: (t(3, 4), 1, t.ints(4, 3, 2), t(3, 2)), dict(reduce="add"), id="add", grad=False)
    yield Case(
        "scatter", lambda t: (t(3, 4), 1, t.ints(4, 3, 2), t(3, 2)), dict(reduce="multiply"), id="multiply", grad=False
    )
    yield Case("scatter_add", lambda t: (t(3, 4), 1, t.ints(4, 3, 2), t(3, 2)))
    yield Case("scatter_add", lambda t: (t(3, 4), 0, t.ints(3, 5, 4), t(5, 4)), id="rows")
    for reduce in ("sum", "prod", "mean", "amax", "amin"):
        for include in (True, False):
            options = dict(reduce=reduce, include_self=include)
            yield Case(
                "scatter_reduce",
                lambda t: (t.distinct(3, 4), 1, t.ints(4, 3, 5), t.distinct(3, 5)),
                options,
                id=f"{reduce} {include}",
            )
    zeros = np.array([[1.5, 0.0], [0.0, 0.0]])
    yield Case(
        "scatter_reduce",
        lambda t: (t.float(zeros), 1, t.const([[0, 0, 1], [1, 1, 1]]), t.float([[2.0, 3.0, 0.5], [0.0, 4.0, 1.5]])),
        dict(reduce="prod"),
        id="prod zeros",
    )
    for reduce in ("prod", "mean", "amax", "amin"):
        yield Case(
            "index_reduce",
            lambda t: (t.distinct(3, 4), 0, t.ints(3, 5), t.distinct(5, 4)),
            dict(reduce=reduce),
            id=reduce,
        )


def slices():
    yield Case("index_select", lambda t: (t(3, 4), 1, t.ints(4, 5)))
    yield Case("index_add", lambda t: (t(3, 4), 1, t.ints(4, 5), t(3, 5)), dict(alpha=2))
    yield Case("index_copy", lambda t: (t(3, 4), 0, t.const([2, 0]), t(2, 4)))
    yield Case("index_fill", lambda t: (t(3, 4), 0, t.const([2, 0]), 1.5))
    yield Case("index_fill", lambda t: (t(3, 4), 0, t.const([2, 0]), t()), id="tensor")
    yield Case("index_fill", lambda t: (t(3, 4), 0, t.const([2, 0, 2]), t()), id="twice")
    yield Case("index_fill", lambda t: (t(), 0, t.const([0]), 1.5), id="0-d")
    yield Case("index_copy", lambda t: (t(), 0, t.const([0]), t(1)), id="0-d")
    yield Case("unravel_index", lambda t: (t.ints(12, 5), (3, 4)), grad=False)
    yield Case("index_put", lambda t: (t(3, 4), (t.const([0, 2]), t.const([1, 3])), t(2)))
    yield Case("index_put", lambda t: (t(3, 4), (t.ints(3, 5), t.ints(4, 5)), t(5), True), id="accumulate")
    yield Case("Tensor.put", lambda t: (t(3, 4), t.const([0, 5]), t(2)))
    yield Case("Tensor.put", lambda t: (t(3, 4), t.ints(12, 5), t(5), True), id="accumulate")
    yield Case("select_scatter", lambda t: (t(3, 4), t(3), 1, 2))
    yield Case("slice_scatter", lambda t: (t(3, 4), t(3, 2), 1, 0, 4, 2))
    yield Case("diagonal_scatter", lambda t: (t(3, 4), t(3), 1))
    yield Case("as_strided_scatter", lambda t: (t(3, 4), t(2, 2), (2, 2), (4, 1), 1), layouts=False, grad=False)


def masks():
    yield Case("masked_fill", lambda t: (t(3, 4), t.bools(3, 4), 2.0))
    yield Case("masked_fill", lambda t: (t(3, 4), t.bools(4), t()), id="tensor")
    yield Case("masked_select", lambda t: (t(3, 4), t.bools(3, 4)))
    yield Case("masked_select", lambda t: (t(3, 1), t.bools(4)), id="broadcast")
    yield Case("masked_scatter", lambda t: (t(3, 4), t.bools(3, 4), t(12)))
    yield Case("nonzero", lambda t: (t.ints(2, 3, 4),), grad=False)
    yield Case("nonzero", lambda t: (t.ints(2, 3, 4),), dict(as_tuple=True), id="tuple", grad=False)
    yield Case("argwhere", lambda t: (t.ints(2, 3, 4),), grad=False)


def refusals():
    yield Refusal(
        "gather",
        lambda t: (t(3, 4), 1, t.const([[4]])),
        RuntimeError,
        "index 4 is out of bounds for dimension with size 4",
    )
    yield Refusal("gather", lambda t: (t(3, 4), 1, t.const([0])), RuntimeError, "same number of dimensions")
    yield Refusal("gather", lambda t: (t(3, 4), 1, t(1, 1)), RuntimeError, "int64")
    yield Refusal("index_select", lambda t: (t(3, 4), 0, t.const([3])), IndexError, "index 3 is out of bounds")
    yield Refusal("scatter", lambda t: (t(3, 4), 1, t.const([[0, 1, 2]]), t(1, 2)), RuntimeError, "no larger than src")
    yield Refusal("masked_fill", lambda t: (t(3), t.ints(2, 3), 1.0), RuntimeError, "BoolTensor")
    yield Refusal("take", lambda t: (t(3), t.const([3])), IndexError, "index 3")
    yield Refusal("Tensor.__getitem__", lambda t: (t(3), 3), IndexError, "index 3")
    yield Refusal("Tensor.__getitem__", lambda t: (t(3), (0, 0)), IndexError, "too many indices")
    yield Refusal("Tensor.__getitem__", lambda t: (t(3), slice(None, None, -1)), ValueError, "step")
