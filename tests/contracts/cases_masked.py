"""Masked reductions and window functions."""

from harness import Case


def cases():
    for name in ("sum", "prod", "mean", "amax", "amin", "var", "std", "norm", "logsumexp"):
        yield Case(
            "masked." + name,
            lambda t, n=name: (t.distinct(3, 4), *((2.0,) if n == "norm" else ()), 1),
            lambda t: dict(mask=some(t)),
        )
    for name in ("cumsum", "cumprod", "softmax", "log_softmax", "softmin"):
        yield Case("masked." + name, lambda t: (t.distinct(3, 4), 1), dict(mask=None), id="plain")
    for name in ("cumsum", "cumprod", "softmax", "softmin"):
        yield Case("masked." + name, lambda t: (t.distinct(3, 4), 1), lambda t: dict(mask=some(t)))
    yield Case("masked.median", lambda t: (t.distinct(3, 4), 1), lambda t: dict(mask=some(t)))
    yield Case("masked.normalize", lambda t: (t.distinct(3, 4), 2.0, 1), lambda t: dict(mask=some(t)))
    for name in ("hann", "hamming", "blackman", "nuttall", "bartlett", "cosine", "exponential", "gaussian", "kaiser"):
        for length, sym in ((1, True), (6, True), (7, False)):
            yield Case(
                "signal.windows." + name, lambda t, n=length: (n,), dict(sym=sym), id=f"{length} {sym}", grad=False
            )
    for name in ("hann", "hamming", "blackman", "bartlett", "kaiser"):
        for length, periodic in ((1, True), (6, True), (7, False)):
            yield Case(
                name + "_window",
                lambda t, n=length: (n,),
                dict(periodic=periodic),
                id=f"{length} {periodic}",
                grad=False,
            )


def some(t):
    """A mask that keeps at least two elements of each row."""
    keep = t.rng.random((3, 4)) < 0.6
    keep[:, :2] = True
    return t.const(keep)
