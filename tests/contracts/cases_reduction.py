"""Reductions and cumulative operators."""

from math import inf

from harness import Case, Refusal


def cases():
    for name in ("sum", "mean", "prod"):
        yield Case(name, lambda t: (t(2, 3, 4),))
        yield Case(name, lambda t: (t(2, 3, 4), 1), id="dim")
        yield Case(name, lambda t: (t(2, 3), -1, True), id="keepdim")
        yield Case(name, lambda t: (t(),), id="0-d")
    for name in ("sum", "mean", "amax", "amin", "var", "std", "nansum", "nanmean", "logsumexp"):
        yield Case(name, lambda t: (t.distinct(2, 3, 4), (0, 2)), id="dims")
    yield Case(
        "prod", lambda t: (t.const([[1.0, 0.0, 2.0], [0.0, 3.0, 0.0], [1.5, 2.0, 3.0]]), 1), id="zeros", grad=False
    )
    yield from extremes()
    yield from spread()
    yield from norms()
    yield from scans()


def extremes():
    for name in ("max", "min"):
        yield Case(name, lambda t: (t.distinct(2, 3),))
        yield Case(name, lambda t: (t.distinct(2, 3), 1), id="dim")
        yield Case(name, lambda t: (t.distinct(2, 3), 0, True), id="keepdim")
        yield Case(name, lambda t: (t.distinct(2, 3), t.distinct(3)), id="two")
    for name in ("amax", "amin"):
        yield Case(name, lambda t: (t.distinct(2, 3),))
        yield Case(name, lambda t: (t.distinct(2, 3), 1, True), id="keepdim")
    yield Case("aminmax", lambda t: (t.distinct(2, 3),), dict(dim=0))
    for name in ("argmax", "argmin"):
        yield Case(name, lambda t: (t(2, 3),), grad=False)
        yield Case(name, lambda t: (t(2, 3), 1), id="dim", grad=False)
        yield Case(name, lambda t: (t.const([[1, 1, 0], [0, 0, 0]]), 1, True), id="ties", grad=False)
    for name in ("any", "all"):
        yield Case(name, lambda t: (t.bools(2, 3),), grad=False)
        yield Case(name, lambda t: (t.bools(2, 3), 1), id="dim", grad=False)
        yield Case(name, lambda t: (t.ints(2, 3, 4), (0, 1), True), id="dims", grad=False)
    yield Case("count_nonzero", lambda t: (t.ints(2, 3, 4), 1), grad=False)


def spread():
    for name in ("var", "std", "var_mean", "std_mean"):
        yield Case(name, lambda t: (t(2, 3),))
        yield Case(name, lambda t: (t(2, 3), 1), id="dim")
        yield Case(name, lambda t: (t(2, 3), False), id="biased")
        yield Case(name, lambda t: (t(2, 3, 4), (0, 2)), dict(correction=2, keepdim=True), id="correction")


def norms():
    for p in (0.0, 1.0, 2.0, 3.0, 0.5, inf, -inf):
        yield Case("norm", lambda t, p=p: (t.distinct(2, 3), p), id=str(p))
        yield Case("norm", lambda t, p=p: (t.distinct(2, 3), p, 1, True), id=f"{p} dim")
    yield Case("norm", lambda t: (t(2, 3),))
    yield Case("dist", lambda t: (t(2, 3), t(3)))
    yield Case("renorm", lambda t: (t(3, 2), 2, 0, 1.0))


def scans():
    for name in ("cumsum", "cumprod", "logcumsumexp", "cummax", "cummin"):
        yield Case(name, lambda t: (t.distinct(3, 4), 1))
        yield Case(name, lambda t: (t.distinct(3, 4), 0), id="rows")
        yield Case(name, lambda t: (t(), 0), id="0-d")
    yield Case("cumprod", lambda t: (t.float([[1.0, 0.0, 2.0], [0.0, 3.0, 0.0], [1.5, 2.0, 3.0]]), 1), id="zeros")
    yield Case("diff", lambda t: (t(3, 4),))
    yield Case("diff", lambda t: (t(3, 4), 2, 0, t(1, 4), t(2, 4)), id="more")
    yield Case("diff", lambda t: (t(3, 4), 0, 0, t(1, 4)), id="none")
    yield Case("trapezoid", lambda t: (t(3, 4),), dict(dx=0.5))
    yield Case("trapezoid", lambda t: (t(3, 4), t(4)), id="x")
    yield Case("cumulative_trapezoid", lambda t: (t(3, 4),))
    yield Case("gradient", lambda t: (t(4, 3),))
    yield Case("gradient", lambda t: (t(4, 5),), dict(spacing=2.0, dim=1, edge_order=2), id="edge")


def refusals():
    yield Refusal("mean", lambda t: (t.ints(3, 4),), RuntimeError, "floating point or complex")
    yield Refusal("sum", lambda t: (t(2, 3), 2), IndexError, "sum.*out of range")
    yield Refusal("sum", lambda t: (t(2, 3), (0, 0)), RuntimeError, "multiple times")
    yield Refusal("max", lambda t: (t(0),), RuntimeError, "max.*dim")
    yield Refusal("argmax", lambda t: (t(2, 0), 1), IndexError, "non-zero size")
