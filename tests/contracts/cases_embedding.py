"""Embedding and embedding bags."""

from harness import Case, Refusal

F = "nn.functional."


def cases():
    yield Case(F + "embedding", lambda t: (t.ints(5, 2, 3), t(5, 4)))
    yield Case(F + "embedding", lambda t: (t.const([1, 4, 1, 1]), t(5, 4)), {"padding_idx": 3}, id="padding")
    yield Case(F + "embedding", lambda t: (t.const(2), t(5, 4)), id="0-d")
    yield Case(F + "embedding", lambda t: (t.ints(5, 0), t(5, 4)), id="empty")
    for mode in ("sum", "mean", "max"):
        yield Case(F + "embedding_bag", lambda t: (t.ints(6, 3, 4), t.distinct(6, 2)), {"mode": mode}, id=mode)
        offsets = {"mode": mode, "padding_idx": 1}
        yield Case(
            F + "embedding_bag",
            lambda t: (t.const([0, 1, 2, 5, 4, 1]), t.distinct(6, 2), t.const([0, 2, 2, 5])),
            offsets,
            id=mode + "-offsets",
        )
    yield Case(
        F + "embedding_bag",
        lambda t: (t.ints(6, 5), t(6, 2), t.const([0, 2, 5])),
        {"mode": "sum", "include_last_offset": True},
        id="last-offset",
    )
    yield Case(
        F + "embedding_bag",
        lambda t: (t.ints(6, 2, 3), t(6, 2)),
        lambda t: {"mode": "sum", "per_sample_weights": t(2, 3)},
        id="weights",
    )


def refusals():
    yield Refusal(
        F + "embedding",
        lambda t: (t.const([0, 5]), t(5, 4)),
        IndexError,
        r"embedding: index out of range in self: 5.*\(5, 4\)",
    )
    yield Refusal(
        F + "embedding", lambda t: (t.const([-1]), t(5, 4)), IndexError, "embedding: index out of range in self: -1"
    )
    yield Refusal(
        F + "embedding", lambda t: (t(2), t(5, 4)), RuntimeError, "embedding: Expected tensor for argument 'indices'"
    )
    yield Refusal(F + "embedding", lambda t: (t.ints(2, 2), t(5)), RuntimeError, "'weight' must be 2-D")
    yield Refusal(F + "embedding", lambda t: (t.ints(2, 2), t(5, 2)), AssertionError, "padding_idx", {"padding_idx": 5})
    yield Refusal(
        F + "embedding",
        lambda t: (t.ints(2, 2), t(5, 2)),
        RuntimeError,
        "scale_grad_by_freq not supported with sparse",
        {"sparse": True, "scale_grad_by_freq": True},
    )
    yield Refusal(F + "embedding_bag", lambda t: (t.ints(2, 2), t(5, 2)), ValueError, "offsets")
    yield Refusal(F + "embedding_bag", lambda t: (t.ints(2, 2, 2), t(5, 2)), ValueError, "mode", {"mode": "min"})
