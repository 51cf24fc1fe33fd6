"""What moves numbers without computing: copies, casts, transposes, joining, picking, scattering, and drawing random
ones."""

from typing import Any

from case import Case, both_ways, forward

SHAPES = [(16, 8), (64, 128), (512, 512), (4096, 1024)]


def with_index(name: str, shape: tuple[int, ...], rows: tuple[int, ...], high: int, function: Any) -> Case:
    """`function(torch, x, index)` with an index of this shape below `high`."""

    def make(torch: Any) -> Any:
        x, index = torch.randn(*shape), torch.randint(0, high, rows)

        def call() -> Any:
            with torch.no_grad():
                return function(torch, x, index)

        return call

    return Case(f"{name} {shape}", make, bytes=8 * shape[0] * shape[1])


def cast(shape: tuple[int, ...], source: str, to: str) -> Case:
    def make(torch: Any) -> Any:
        x, kind = (torch.randn(*shape) * 10).to(getattr(torch, source)), getattr(torch, to)
        return lambda: x.to(kind)

    return Case(f"{source} to {to} {shape}", make)


def drawn(name: str, function: Any, size: int = 0) -> Case:
    return Case(name, lambda torch: lambda: function(torch), bytes=4 * size)


def of_shape(shape: tuple[int, ...]) -> list[Case]:
    R, C = shape
    size = 4 * R * C
    return [
        forward(f"clone {shape}", lambda t, x: x.clone(), shape, bytes=2 * size),
        forward(f"transposed copy {shape}", lambda t, x: x.t().contiguous(), shape, bytes=2 * size),
        forward(f"heads forward {shape}", lambda t, x: x.view(R // 16, 16, 4, C // 4).transpose(1, 2).contiguous(),
                shape,
                bytes=2 * size),
        forward(f"cat rows {shape}", lambda t, x, y: t.cat([x, y]), shape, shape, bytes=4 * size),
        forward(f"cat columns {shape}", lambda t, x, y: t.cat([x, y], 1), shape, shape, bytes=4 * size),
        both_ways(f"cat columns {shape}", lambda t, x, y: t.cat([x, y], 1), shape, shape, bytes=8 * size),
        forward(f"stack {shape}", lambda t, x, y: t.stack([x, y], 1), shape, shape, bytes=4 * size),
        forward(f"flip {shape}", lambda t, x: x.flip(1), shape, bytes=2 * size),
        forward(f"roll {shape}", lambda t, x: x.roll(1, 0), shape, bytes=2 * size),
        forward(f"pad {shape}", lambda t, x: t.nn.functional.pad(x, (1, 1, 1, 1)), shape, bytes=2 * size),
        forward(f"repeat {shape}", lambda t, x: x.repeat(2, 1), shape, bytes=3 * size),
        forward(f"pad channels {shape}", lambda t, x: t.nn.functional.pad(x, (0, 4)), shape, bytes=2 * size),
        both_ways(f"pad {shape}", lambda t, x: t.nn.functional.pad(x, (1, 1, 1, 1)), shape, bytes=4 * size),
        forward(f"triu {shape}", lambda t, x: x.triu(1), shape, bytes=2 * size),
        forward(f"diagonal copied {shape}", lambda t, x: x.diagonal().clone(), shape),
        forward(f"stack of 4 {shape}", lambda t, x: t.stack([x, x, x, x]), shape, bytes=5 * size),
        both_ways(f"stack {shape}", lambda t, x, y: t.stack([x, y]), shape, shape, bytes=8 * size),
        forward(f"expand copied {shape}", lambda t, x: x[:1].expand(R, C).contiguous(), shape, bytes=size),
        forward(f"repeat_interleave {shape}", lambda t, x: x.repeat_interleave(2, 0), shape, bytes=3 * size),
        forward(f"masked_fill of a triangle {shape}",
                lambda t, x: x.masked_fill(t.ones(R, C, dtype=t.bool).triu(1), 0.0), shape),
        forward(f"masked_select {shape}", lambda t, x: x.masked_select(x > 0), shape, bytes=size),
        forward(f"rows written {shape}", lambda t, x, y: x.__setitem__(slice(2, None), y[2:]), shape, shape),
        forward(f"row picked {shape}", lambda t, x: x[3], shape),
        forward(f"element read {shape}", lambda t, x: x[3, 4].item(), shape),
        forward(f"views {shape}", lambda t, x: x.view(-1).unsqueeze(0).transpose(0, 1), shape),
        forward(f"chunk {shape}", lambda t, x: x.chunk(4, 1), shape),
        forward(f"outer {shape}", lambda t, x, y: t.outer(x[:, 0], y[0]), shape, shape, bytes=size),
        forward(f"tril {shape}", lambda t, x: x.tril(), shape, bytes=2 * size),
        forward(f"slice of columns copied {shape}", lambda t, x: x[:, : C // 2].contiguous(), shape, bytes=size),
        forward(f"step through columns {shape}", lambda t, x: x[:, ::2].contiguous(), shape, bytes=size),
        both_ways(f"split columns {shape}", lambda t, x: t.cat([p * 2 for p in x.split(C // 4, 1)], 1), shape),
        with_index("index_select rows", shape, (R,), R, lambda t, x, i: x.index_select(0, i)),
        with_index("index rows", shape, (R,), R, lambda t, x, i: x[i]),
        with_index("gather", shape, shape, C, lambda t, x, i: x.gather(1, i)),
        with_index("scatter", shape, shape, C, lambda t, x, i: t.zeros(R, C).scatter(1, i, x)),
        with_index("scatter_add", shape, shape, R, lambda t, x, i: t.zeros(R, C).scatter_add(0, i, x)),
        with_index("index_add", shape, (R,), R, lambda t, x, i: t.zeros(R, C).index_add(0, i, x)),
        with_index("rows written by index", shape, (R // 2,), R, lambda t, x, i: x.__setitem__(i, 0.0)),
        with_index("index_put_ accumulated", shape, (R,), R, lambda t, x, i: x.index_put_((i,), x, accumulate=True)),
        with_index("picked by two indices", shape, (R,), min(R, C), lambda t, x, i: x[i, i]),
        with_index("take_along_dim", shape, (R, 1), C, lambda t, x, i: x.take_along_dim(i, 1)),
        with_index("gather one per row", shape, (R, 1), C, lambda t, x, i: x.gather(1, i)),
        with_index("scatter one per row", shape, (R, 1), C, lambda t, x, i: t.zeros(R, C).scatter_(1, i, 1.0)),
        with_index("index_select columns", shape, (C,), C, lambda t, x, i: x.index_select(1, i)),
        with_index("embedding_bag", shape, (R, 4), R, lambda t, x, i: t.nn.functional.embedding_bag(i, x)),
        with_index("one_hot", shape, (R,), C, lambda t, x, i: t.nn.functional.one_hot(i, C)),
        forward(f"boolean mask {shape}", lambda t, x: x[x > 0], shape, bytes=size),
        forward(f"nonzero {shape}", lambda t, x: (x > 1).nonzero(), shape, bytes=size),
        *[cast(shape, *pair) for pair in (("float32", "float64"), ("float32", "int64"), ("int64", "float32"),
                                          ("uint8", "float32"), ("float32", "bfloat16"), ("bfloat16", "float32"),
                                          ("float32", "float16"), ("float16", "float32"))],
        drawn(f"rand {shape}", lambda t: t.rand(R, C), R * C),
        drawn(f"randn {shape}", lambda t: t.randn(R, C), R * C),
        drawn(f"randint {shape}", lambda t: t.randint(0, 10, (R, C)), 2 * R * C),
        drawn(f"rand float64 {shape}", lambda t: t.rand(R, C, dtype=t.float64), 2 * R * C),
        drawn(f"randn float64 {shape}", lambda t: t.randn(R, C, dtype=t.float64), 2 * R * C),
        drawn(f"normal_ {shape}", lambda t: t.empty(R, C).normal_(1, 2), R * C),
        drawn(f"uniform_ {shape}", lambda t: t.empty(R, C).uniform_(-1, 1), R * C),
        drawn(f"exponential_ {shape}", lambda t: t.empty(R, C).exponential_(), R * C),
        drawn(f"rand and compare {shape}", lambda t: t.rand(R, C) < 0.5, R * C),
        drawn(f"randn one row {shape}", lambda t: t.randn(1, C), C),
        forward(f"randn_like {shape}", lambda t, x: t.randn_like(x), shape),
        forward(f"bernoulli of probabilities {shape}", lambda t, x: t.bernoulli(x.sigmoid()), shape),
        forward(f"multinomial {shape}", lambda t, x: x.softmax(1).multinomial(1), shape),
        drawn(f"randperm {R * C}", lambda t: t.randperm(R * C), 2 * R * C),
        drawn(f"bernoulli {shape}", lambda t: t.empty(R, C).bernoulli_(0.5), R * C),
        forward(f"dropout {shape}", lambda t, x: t.nn.functional.dropout(x, 0.5), shape, bytes=2 * size),
        both_ways(f"dropout {shape}", lambda t, x: t.nn.functional.dropout(x, 0.5), shape, bytes=4 * size),
        drawn(f"empty {shape}", lambda t: t.empty(R, C)),
        drawn(f"eye {shape}", lambda t: t.eye(R, C), R * C),
        drawn(f"linspace {R * C}", lambda t: t.linspace(0, 1, R * C), R * C),
        forward(f"zeros_like {shape}", lambda t, x: t.zeros_like(x), shape, bytes=size),
        drawn(f"zeros {shape}", lambda t: t.zeros(R, C), R * C),
        drawn(f"full {shape}", lambda t: t.full((R, C), 3.0), R * C),
        drawn(f"arange {R * C}", lambda t: t.arange(R * C), 2 * R * C),
    ]  # fmt: skip


CASES = [
    *[case for shape in SHAPES for case in of_shape(shape)],
    drawn("multinomial 64 of 1000", lambda t: t.ones(1000).multinomial(64)),
]
