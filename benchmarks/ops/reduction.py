"""Reductions, cumulative sums and orders: over all elements, over rows, over columns."""

from typing import Any

from case import Case, both_ways, forward

SHAPES = [(4, 8), (64, 128), (512, 512), (4096, 1024)]
REDUCTIONS = [
    "sum",
    "mean",
    "amax",
    "amin",
    "max",
    "argmax",
    "argmin",
    "prod",
    "var",
    "std",
    "norm",
    "logsumexp",
    "any",
    "all",
]


def reduction(name: str, *dim: int) -> Any:
    def call(torch: Any, x: Any) -> Any:
        return getattr(x > 3 if name in ("any", "all") else x, name)(
            *([None, dim[0]] if name == "norm" and dim else dim)
        )

    return call


def of_shape(shape: tuple[int, ...]) -> list[Case]:
    size = 4 * shape[0] * shape[1]
    whole = [name for name in REDUCTIONS if name not in ("logsumexp",)]
    small = (shape[0], min(shape[1], 512))
    return [
        *[forward(f"{name} {shape}", reduction(name), shape, bytes=size) for name in whole],
        *[forward(f"{name} over rows {shape}", reduction(name, 1), shape, bytes=size) for name in REDUCTIONS],
        *[forward(f"{name} over columns {shape}", reduction(name, 0), shape, bytes=size) for name in REDUCTIONS],
        *[both_ways(f"{name} {shape}", reduction(name), shape, bytes=2 * size) for name in ("sum", "mean", "norm")],
        *[both_ways(f"{name} over rows {shape}", reduction(name, 1), shape, bytes=2 * size) for name in ("sum", "var")],
        forward(f"cumsum over rows {shape}", lambda t, x: x.cumsum(1), shape, bytes=2 * size),
        forward(f"cumsum over columns {shape}", lambda t, x: x.cumsum(0), shape, bytes=2 * size),
        forward(f"sort {small}", lambda t, x: x.sort(1), small),
        forward(f"argsort {small}", lambda t, x: x.argsort(1), small),
        forward(f"cumprod over rows {shape}", lambda t, x: x.cumprod(1), shape, bytes=2 * size),
        both_ways(f"cumsum over rows {shape}", lambda t, x: x.cumsum(1), shape, bytes=4 * size),
        forward(f"sort all {small}", lambda t, x: x.reshape(-1).sort(), small),
        forward(f"argsort of integers {small}", lambda t, x: (x * 100).long().argsort(1), small),
        forward(f"kthvalue 3 {small}", lambda t, x: x.kthvalue(3, 1), small),
        forward(f"median of all {small}", lambda t, x: x.median(), small),
        forward(f"topk 5 over columns {small}", lambda t, x: x.topk(4, 0), small),
        forward(f"unique {small}", lambda t, x: (x * 10).long().unique(), small),
        forward(f"bincount {small}", lambda t, x: (x.abs() * 10).long().reshape(-1).bincount(), small),
        forward(f"searchsorted {small}", lambda t, x: t.searchsorted(t.linspace(-3, 3, 100), x), small),
        forward(f"std_mean {shape}", lambda t, x: t.std_mean(x, 1), shape, bytes=size),
        forward(f"aminmax {shape}", lambda t, x: t.aminmax(x), shape, bytes=size),
        forward(f"count_nonzero {shape}", lambda t, x: t.count_nonzero(x), shape, bytes=size),
        both_ways(f"logsumexp over rows {shape}", lambda t, x: x.logsumexp(1), shape, bytes=2 * size),
        both_ways(f"amax over rows {shape}", lambda t, x: x.amax(1), shape, bytes=2 * size),
        both_ways(f"max over rows {shape}", lambda t, x: x.max(1).values, shape, bytes=2 * size),
        forward(f"topk 5 {shape}", lambda t, x: x.topk(5, 1), shape, bytes=size),
        forward(f"median {small}", lambda t, x: x.median(1), small),
        forward(f"dot {shape}", lambda t, x, y: x.reshape(-1) @ y.reshape(-1), shape, shape, bytes=2 * size),
    ]


CASES = [
    *[case for shape in SHAPES for case in of_shape(shape)],
    forward("mean of planes (32, 64, 32, 32)", lambda t, x: x.mean((2, 3)), (32, 64, 32, 32), bytes=4 << 21),
    both_ways("mean of planes (32, 64, 32, 32)", lambda t, x: x.mean((2, 3)), (32, 64, 32, 32), bytes=8 << 21),
    forward("var of channels (32, 64, 32, 32)", lambda t, x: x.var((0, 2, 3)), (32, 64, 32, 32), bytes=4 << 21),
]
