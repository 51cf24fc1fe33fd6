"""Pooling of every rank, and unpooling."""

from harness import Case, Refusal

F = "nn.functional."


def cases():
    yield from largest()
    yield from means()
    yield from adaptive()
    yield from fractional()
    yield from norms()


def largest():
    yield Case(F + "max_pool1d", lambda t: (t.distinct(2, 2, 7), 3))
    yield Case(F + "max_pool1d", lambda t: (t.distinct(2, 7), 2), {"stride": 1, "dilation": 2}, id="unbatched")
    yield Case(F + "max_pool2d", lambda t: (t.distinct(2, 2, 4, 6), 2))
    yield Case(F + "max_pool2d", lambda t: (t.distinct(1, 2, 5, 5), 3), {"stride": 2, "padding": 1}, id="overlap")
    yield Case(
        F + "max_pool2d",
        lambda t: (t.distinct(1, 2, 5, 6), (2, 3)),
        {"stride": (1, 2), "padding": (1, 0), "dilation": (2, 1)},
        id="uneven",
    )
    yield Case(
        F + "max_pool2d",
        lambda t: (t.distinct(1, 2, 5, 5), 2),
        {"ceil_mode": True, "return_indices": True},
        id="ceil-indices",
    )
    yield Case(F + "max_pool2d", lambda t: (t.distinct(2, 4, 4), 2), {"return_indices": True}, id="unbatched")
    yield Case(F + "max_pool2d", lambda t: (t.distinct(0, 2, 4, 4), 2), id="empty-batch")
    yield Case(
        F + "max_pool3d", lambda t: (t.distinct(1, 2, 3, 4, 4), 2), {"stride": 1, "padding": 1, "return_indices": True}
    )
    yield Case(F + "max_unpool1d", lambda t: (t(1, 2, 2), t.const([[[1, 3], [0, 2]]]), 2))
    yield Case(
        F + "max_unpool2d", lambda t: (t(1, 1, 2, 2), t.const([[[[0, 3], [9, 14]]]]), 2), {"output_size": (5, 5)}
    )
    yield Case(F + "max_unpool3d", lambda t: (t(1, 1, 2, 1, 1), t.const([[[[[1]], [[6]]]]]), (1, 2, 2)))


def means():
    yield Case(F + "avg_pool1d", lambda t: (t(2, 2, 7), 3), {"stride": 2, "padding": 1})
    yield Case(F + "avg_pool2d", lambda t: (t(2, 2, 4, 4), 2))
    yield Case(
        F + "avg_pool2d",
        lambda t: (t(1, 2, 5, 6), (3, 2)),
        {"stride": (2, 1), "padding": 1, "count_include_pad": False},
        id="uncounted",
    )
    yield Case(
        F + "avg_pool2d", lambda t: (t(1, 2, 5, 5), 3), {"stride": 2, "padding": 1, "ceil_mode": True}, id="ceil"
    )
    yield Case(F + "avg_pool2d", lambda t: (t(2, 5, 5), 2), {"divisor_override": 3}, id="divisor")
    yield Case(
        F + "avg_pool3d",
        lambda t: (t(1, 2, 3, 4, 4), 2),
        {"stride": 1, "padding": 1, "ceil_mode": True, "count_include_pad": False},
    )


def adaptive():
    yield Case(F + "adaptive_avg_pool1d", lambda t: (t(2, 2, 7), 3))
    yield Case(F + "adaptive_avg_pool2d", lambda t: (t(2, 2, 4, 5), 1), id="global")
    yield Case(F + "adaptive_avg_pool2d", lambda t: (t(1, 2, 5, 7), (3, None)))
    yield Case(F + "adaptive_avg_pool2d", lambda t: (t(2, 3, 3), (5, 2)), id="larger")
    yield Case(F + "adaptive_avg_pool3d", lambda t: (t(1, 2, 3, 4, 5), (2, 3, 2)))
    yield Case(F + "adaptive_max_pool1d", lambda t: (t.distinct(2, 2, 7), 3), {"return_indices": True})
    yield Case(F + "adaptive_max_pool2d", lambda t: (t.distinct(1, 2, 5, 7), (3, None)), {"return_indices": True})
    yield Case(F + "adaptive_max_pool2d", lambda t: (t.distinct(2, 5, 7), 2), id="unbatched")
    yield Case(F + "adaptive_max_pool3d", lambda t: (t.distinct(1, 2, 3, 4, 5), 2))


def fractional():
    yield Case(
        F + "fractional_max_pool2d",
        lambda t: (t.distinct(2, 2, 6, 7), 2, (3, 4)),
        lambda t: {"return_indices": True, "_random_samples": t.unit(2, 2, 2, grad=False)},
    )
    yield Case(
        F + "fractional_max_pool3d",
        lambda t: (t.distinct(1, 2, 4, 5, 4), 2),
        lambda t: {"output_ratio": 0.6, "_random_samples": t.unit(1, 2, 3, grad=False)},
    )


def norms():
    yield Case(F + "lp_pool1d", lambda t: (t.positive(2, 2, 6), 2, 3))
    yield Case(F + "lp_pool2d", lambda t: (t.positive(1, 2, 4, 5), 3, 2), {"stride": 1})
    yield Case(F + "lp_pool2d", lambda t: (t.positive(1, 2, 5, 5), 2, 2), {"ceil_mode": True}, id="ceil")
    yield Case(F + "lp_pool3d", lambda t: (t.positive(1, 2, 3, 3, 4), 1.5, 2))


def refusals():
    yield Refusal(F + "max_pool2d", lambda t: (t(8, 8), 2), RuntimeError, r"max_pool2d: Expected 3D or 4D .*\[8, 8\]")
    yield Refusal(F + "max_pool2d", lambda t: (t(1, 1, 2, 2), 3), RuntimeError, "max_pool2d: .*too small")
    yield Refusal(
        F + "max_pool2d", lambda t: (t(1, 1, 4, 4), 2), RuntimeError, "pad should be at most half", {"padding": 2}
    )
    yield Refusal(
        F + "max_pool2d", lambda t: (t(1, 1, 4, 4), 0), RuntimeError, "kernel size should be greater than zero"
    )
    yield Refusal(F + "max_pool2d", lambda t: (t(1, 1, 4, 4), (2, 2, 2)), RuntimeError, "kernel_size")
    yield Refusal(
        F + "avg_pool2d",
        lambda t: (t(1, 1, 4, 4), 2),
        RuntimeError,
        "divisor must be not zero",
        {"divisor_override": 0},
    )
    yield Refusal(
        F + "adaptive_avg_pool2d", lambda t: (t(4, 4), 2), RuntimeError, "adaptive_avg_pool2d: Expected 3D or 4D"
    )
    yield Refusal(
        F + "max_unpool2d", lambda t: (t(1, 1, 2, 2), t.ints(3, 1, 1, 2, 3), 2), RuntimeError, "shape of indices"
    )
    yield Refusal(
        F + "max_unpool2d", lambda t: (t(1, 1, 1, 1), t.const([[[[7]]]]), 2), RuntimeError, "invalid max index"
    )
    yield Refusal(
        F + "fractional_max_pool2d", lambda t: (t(1, 1, 4, 4), 2), ValueError, "output_size or an output_ratio"
    )
