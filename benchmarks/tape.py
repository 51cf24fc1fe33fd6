"""What an operator costs beyond its arithmetic, forward and backward together: at most BUDGET microseconds.

Chains of 100 operators on a few elements are run forward and backward ("recorded"). Then the same arrays go through the
bare kernels and NumPy calls that forward and backward are made of ("arithmetic", which includes the bindings' checks of
their arguments and making the result). The difference is everything Python and the tape do for one operator: checks of
what the user gave, recording, visiting in the walk, freeing. What a walk costs by itself, however long the chain, is
told in the last line.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

BUDGET = 2.0
LENGTH = 100
ROWS, COLUMNS = 4, 8

Link = Callable[[Any], Any]
Step = Callable[[Any], Any]


class Row(NamedTuple):
    """One operator: a link of the chain over Tensors, and what it does to arrays, forward and backward."""

    name: str
    link: Link
    forward: Step
    backward: Step
    operators: int = 1  # in the link
    shape: tuple[int, ...] = (ROWS, COLUMNS)


def per_operator(chain: Callable[[], Any], rounds: int = 150) -> float:
    """Microseconds for one link of a chain: the least of many runs, which other work disturbs least."""
    samples = []
    for _ in range(rounds):
        start = time.perf_counter()
        chain()
        samples.append(time.perf_counter() - start)
    return min(samples) / LENGTH * 1e6


def recorded(row: Row) -> Callable[[], None]:
    import rushlight

    x = rushlight.ones(*row.shape, requires_grad=True)
    grad = rushlight.ones(*row.shape)
    link = row.link

    def chain() -> None:
        y = x
        for _ in range(LENGTH):
            y = link(y)
        y.backward(grad)
        x.grad = None

    return chain


def bare(row: Row) -> Callable[[], None]:
    x = np.ones(row.shape, np.float32)
    forward, backward = row.forward, row.backward

    def chain() -> None:
        y, kept = x, []
        for _ in range(LENGTH):
            y = forward(y)
            kept.append(y)
        grad = x
        for _ in range(LENGTH):
            grad = backward(grad)

    return chain


def same(x: Any) -> Any:
    return x


def arithmetic(rushlight: Any) -> list[Row]:
    other, half = rushlight.ones(ROWS, COLUMNS), np.full((ROWS, COLUMNS), 0.5, np.float32)
    array = other._array
    return [
        Row("x + y", lambda x: x + other, lambda x: x + array, same),
        Row("x - y", lambda x: x - other, lambda x: x - array, same),
        Row("x * y", lambda x: x * other, lambda x: x * array, lambda g: g * array),
        Row("x / y", lambda x: x / other, lambda x: x / array, lambda g: g / array),
        Row("x * 0.5", lambda x: x * 0.5, lambda x: x * 0.5, lambda g: g * 0.5),
        Row("x / 2", lambda x: x / 2, lambda x: x / 2.0, lambda g: g / 2.0),
        Row("-x", lambda x: -x, np.negative, np.negative),
        Row("x ** 2", lambda x: x**2, lambda x: np.multiply(x, x), lambda g: g * half * 2),
        Row("exp", lambda x: (x * 0.0).exp(), lambda x: np.exp(x * 0.0), lambda g: (g * half) * 0.0, 2),
    ]


def activations(rushlight: Any) -> list[Row]:
    from rushlight.ops import activation as a
    from rushlight.ops import normalization as n
    from rushlight.ops.dropout import dropout_apply as drop
    from rushlight.random import dropout_mask as draw

    F = rushlight.nn.functional
    y = np.ones((ROWS, COLUMNS), np.float32)
    scale, mask = rushlight.ones(COLUMNS), np.ones((ROWS, COLUMNS), bool)
    weight, one = scale._array, np.float32(2)
    _, mean, rstd = n.layer_norm_forward(y, weight, weight, 1e-5)
    return [
        Row("relu", F.relu, a.relu_forward, lambda g: a.relu_backward(g, y)),
        Row("relu in place", lambda x: F.relu(x + 0.0, True), lambda x: a.relu_forward(x + 0.0),
            lambda g: a.relu_backward(g, y), 2),
        Row("sigmoid", F.sigmoid, a.sigmoid_forward, lambda g: a.sigmoid_backward(g, y)),
        Row("gelu", F.gelu, lambda x: a.gelu_forward(x, "none"), lambda g: a.gelu_backward(g, y, "none")),
        Row("layer_norm", lambda x: F.layer_norm(x, (COLUMNS,), scale, scale),
            lambda x: n.layer_norm_forward(x, weight, weight, 1e-5)[0],
            lambda g: n.layer_norm_backward(g, y, weight, mean, rstd)[0]),
        Row("dropout", lambda x: F.dropout(x, 0.5),
            lambda x: drop(x, draw(None, x.shape, 0.5), one), lambda g: drop(g, mask, one)),
    ]  # fmt: skip


def products(rushlight: Any) -> list[Row]:
    from rushlight.ops.convolution import conv_backward_input, conv_forward
    from rushlight.ops.linear import linear_backward, linear_forward
    from rushlight.ops.products import matmul_kernel

    F = rushlight.nn.functional
    square = np.full((COLUMNS, COLUMNS), 1 / COLUMNS, np.float32)  # a chain of them neither grows nor shrinks
    w, x = rushlight.from_numpy(square), np.ones((ROWS, COLUMNS), np.float32)
    filters = np.full((2, 2, 3, 3), 1 / 18, np.float32)
    image, k = (1, 2, 4, 4), rushlight.from_numpy(filters)
    options = ((1, 1), (1, 1), (1, 1), 1)
    return [
        Row("linear", lambda x: F.linear(x, w), lambda x: linear_forward(x, square, None, None),
            lambda g: linear_backward(g, x, square, (True, False, False))[0]),
        Row("matmul", lambda x: x @ w, lambda x: matmul_kernel(x, square), lambda g: matmul_kernel(g, square.T)),
        Row("conv2d", lambda x: F.conv2d(x, k, padding=1), lambda x: conv_forward(x, filters, None, *options),
            lambda g: conv_backward_input(g, filters, image, *options), 1, image),
    ]  # fmt: skip


def shapes(rushlight: Any) -> list[Row]:
    """Views and joins. Where the result is smaller, the link adds it back to what it came from."""
    from rushlight.kernels import xp
    from rushlight.ops.totals import total

    right, shape = (slice(None), slice(1, None)), (ROWS, COLUMNS)
    zeros = np.zeros

    def into(place: Any) -> Step:
        def backward(g: Any) -> Any:
            dx = zeros(shape, np.float32)
            dx[place] = g[place]
            return g + dx

        return backward

    def all_of(x: Any) -> Any:
        return total(x, (0, 1), False)

    def rows_of(x: Any) -> Any:
        return total(x, (0,), False)

    def spread(sums: Step) -> Step:
        return lambda g: g + np.broadcast_to(sums(g), shape)

    return [
        Row("view", lambda x: x.view(COLUMNS, ROWS).view(ROWS, COLUMNS),
            lambda x: x.reshape(COLUMNS, ROWS).reshape(shape), lambda g: g.reshape(COLUMNS, ROWS).reshape(shape), 2),
        Row("reshape", lambda x: x.reshape(-1).reshape(ROWS, COLUMNS),
            lambda x: x.reshape(-1).reshape(shape), lambda g: g.reshape(-1).reshape(shape), 2),
        Row("transpose", lambda x: x.transpose(0, 1).transpose(0, 1),
            lambda x: x.transpose((1, 0)).transpose((1, 0)), lambda g: g.transpose((1, 0)).transpose((1, 0)), 2),
        Row("x[0]", lambda x: x + x[0], lambda x: x + x[0], into(0), 2),
        Row("x[:, 1:]", lambda x: x + x[:, 1:].sum(), lambda x: x + all_of(x[right]), into(right), 3),
        Row("sum", lambda x: x + x.sum(), lambda x: x + all_of(x), spread(all_of), 2),
        Row("mean", lambda x: x + x.mean(), lambda x: x + xp.divide(all_of(x), 32),
            spread(lambda g: xp.divide(all_of(g), 32)), 2),
        Row("sum(0)", lambda x: x + x.sum(0), lambda x: x + rows_of(x), spread(rows_of), 2),
        Row("split, cat", lambda x: rushlight.cat(x.split(4, 1), 1),
            lambda x: np.concatenate((x[:, :4], x[:, 4:]), 1), lambda g: np.concatenate((g[:, :4], g[:, 4:]), 1), 2),
    ]  # fmt: skip


def losses(rushlight: Any) -> list[Row]:
    """Losses are single numbers; the link adds them to what they came from."""
    from rushlight.kernels import xp
    from rushlight.ops.cross_entropy import cross_entropy_backward, cross_entropy_forward
    from rushlight.ops.totals import total

    F = rushlight.nn.functional
    target, goal = rushlight.tensor([0, 1, 2, 3]), rushlight.ones(ROWS, COLUMNS)
    labels, y, options = target._array, goal._array, (-100, 0.0, "mean")
    _, lse = cross_entropy_forward(y, labels, None, *options)

    def squares(x: Any) -> Any:
        return x + xp.divide(total(xp.square(xp.subtract(x, y)), (0, 1), False), 32)

    def slopes(g: Any) -> Any:
        slope = xp.divide(total(g, (0, 1), False), 32)
        return g + xp.multiply(slope, xp.multiply(xp.subtract(y, y), 2.0))

    return [
        Row("cross_entropy", lambda x: x + F.cross_entropy(x, target),
            lambda x: x + cross_entropy_forward(x, labels, None, *options)[0],
            lambda g: g + cross_entropy_backward(total(g, (0, 1), False), y, labels, None, lse, *options), 2),
        Row("mse_loss", lambda x: x + F.mse_loss(x, goal), squares, slopes, 2),
    ]  # fmt: skip


def walk_alone(rushlight: Any, per_link: float) -> float:
    """Microseconds of `backward()` and the gradient's way into `.grad`, without the visits of operators."""
    x = rushlight.ones(ROWS, COLUMNS, requires_grad=True)
    grad = rushlight.ones(ROWS, COLUMNS)

    def step() -> None:
        (x + grad).backward(grad)
        x.grad = None

    samples = []
    for _ in range(5000):
        start = time.perf_counter()
        step()
        samples.append(time.perf_counter() - start)
    return min(samples) * 1e6 - per_link


def report() -> None:
    """Prints one line per operator; those above the budget have a star."""
    import rushlight

    print(f"{'operator':14} {'recorded':>10} {'arithmetic':>10} {'the rest':>10}   us per operator, both ways")
    above, links = [], {}
    np.seterr(over="ignore")  # sums added to what they are sums of grow without end
    for make in (arithmetic, activations, products, shapes, losses):
        for row in make(rushlight):
            a, b = (per_operator(chain(row)) / row.operators for chain in (recorded, bare))
            links[row.name] = a
            above += [row.name] if a - b > BUDGET else []
            print(f"{row.name:14} {a:10.2f} {b:10.2f} {a - b:10.2f}{' *' if a - b > BUDGET else ''}")
    print(f"above the budget of {BUDGET:g} us: {', '.join(above) or 'none'} (of {len(links)})")
    print(f"a walk costs {walk_alone(rushlight, links['x + y']):.2f} us by itself")


if __name__ == "__main__":
    report()
