"""What the tape costs: Python time per operator, forward and backward together, beyond the arithmetic that it wraps.

Chains of 100 operators on a few elements are run forward and backward; then the same arrays go through the bare kernels
and NumPy calls that the operators are made of. What is left is checks, recording and the walk: at most 2 us each.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

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
    right, shape = (slice(None), slice(1, None)), (ROWS, COLUMNS)
    zeros = np.zeros

    def into(place: Any) -> Step:
        def backward(g: Any) -> Any:
            dx = zeros(shape, np.float32)
            dx[place] = g[place]
            return g + dx

        return backward

    def spread(total: Step) -> Step:
        return lambda g: g + np.broadcast_to(total(g), shape)

    return [
        Row("view", lambda x: x.view(COLUMNS, ROWS).view(ROWS, COLUMNS),
            lambda x: x.reshape(COLUMNS, ROWS).reshape(shape), lambda g: g.reshape(COLUMNS, ROWS).reshape(shape), 2),
        Row("reshape", lambda x: x.reshape(-1).reshape(ROWS, COLUMNS),
            lambda x: x.reshape(-1).reshape(shape), lambda g: g.reshape(-1).reshape(shape), 2),
        Row("transpose", lambda x: x.transpose(0, 1).transpose(0, 1),
            lambda x: x.transpose((1, 0)).transpose((1, 0)), lambda g: g.transpose((1, 0)).transpose((1, 0)), 2),
        Row("x[0]", lambda x: x + x[0], lambda x: x + x[0], into(0), 2),
        Row("x[:, 1:]", lambda x: x + x[:, 1:].sum(), lambda x: x + x[right].sum(), into(right), 3),
        Row("sum", lambda x: x + x.sum(), lambda x: x + x.sum(), spread(np.sum), 2),
        Row("mean", lambda x: x + x.mean(), lambda x: x + x.sum() / 32, spread(lambda g: np.sum(g) / 32), 2),
        Row("sum(0)", lambda x: x + x.sum(0), lambda x: x + x.sum(axis=0), spread(lambda g: g.sum(axis=0)), 2),
        Row("split, cat", lambda x: rushlight.cat(x.split(4, 1), 1),
            lambda x: np.concatenate((x[:, :4], x[:, 4:]), 1), lambda g: np.concatenate((g[:, :4], g[:, 4:]), 1), 2),
    ]  # fmt: skip


def once(call: Callable[[], Any], rounds: int = 2000) -> float:
    """Microseconds of one call: the least of many."""
    samples = []
    for _ in range(rounds):
        start = time.perf_counter()
        call()
        samples.append(time.perf_counter() - start)
    return min(samples) * 1e6


def losses(rushlight: Any) -> list[tuple[str, float, float]]:
    """Losses end a chain, so they are timed alone: forward and `backward()`, against their kernels."""
    from rushlight.ops.cross_entropy import cross_entropy_backward, cross_entropy_forward

    F = rushlight.nn.functional
    x, target = rushlight.ones(ROWS, COLUMNS, requires_grad=True), rushlight.tensor([0, 1, 2, 3])
    logits, labels, one = x._array, target._array, np.ones((), np.float32)
    goal = rushlight.zeros(ROWS, COLUMNS)

    def cross_entropy() -> None:
        F.cross_entropy(x, target).backward()
        x.grad = None

    def mse_loss() -> None:
        F.mse_loss(x, goal).backward()
        x.grad = None

    def bare_cross_entropy() -> None:
        _, lse = cross_entropy_forward(logits, labels, None, -100, 0.0, "mean")
        cross_entropy_backward(one, logits, labels, None, lse, -100, 0.0, "mean")

    def bare_mse_loss() -> None:
        d = logits - goal._array
        np.square(d).sum() / d.size
        (logits - goal._array) * 2 * (one / d.size)

    return [
        ("cross_entropy", once(cross_entropy), once(bare_cross_entropy)),
        ("mse_loss", once(mse_loss), once(bare_mse_loss)),
    ]


def report() -> None:
    """Prints one line per operator."""
    import rushlight

    print(f"{'operator':14} {'recorded':>10} {'arithmetic':>10} {'the tape':>10}   us per operator, both ways")
    for make in (arithmetic, activations, products, shapes):
        for row in make(rushlight):
            a, b = (per_operator(chain(row)) / row.operators for chain in (recorded, bare))
            print(f"{row.name:14} {a:10.2f} {b:10.2f} {a - b:10.2f}")
    for name, a, b in losses(rushlight):
        print(f"{name:14} {a:10.2f} {b:10.2f} {a - b:10.2f}")


if __name__ == "__main__":
    report()
