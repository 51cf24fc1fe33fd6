"""What the tape costs: Python time per operator, forward and backward together, beyond the NumPy calls it wraps.

Chains of 100 operators on 4 elements are run forward and backward, and the same NumPy calls bare.
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable
from typing import Any

import numpy as np

LENGTH = 100


def per_operator(chain: Callable[[], Any]) -> float:
    """Microseconds for one link of a chain: the median of many runs."""
    samples = []
    for _ in range(300):
        start = time.perf_counter()
        chain()
        samples.append(time.perf_counter() - start)
    return statistics.median(samples) / LENGTH * 1e6


def recorded(rushlight: Any, link: Callable[..., Any], *others: Any) -> Callable[[], None]:
    x = rushlight.ones(1, 4, requires_grad=True)
    grad = rushlight.ones(1, 4)

    def chain() -> None:
        y = x
        for _ in range(LENGTH):
            y = link(y, *others)
        y.backward(grad)
        x.grad = None

    return chain


def bare(forward: Callable[[Any], Any], backward: Callable[[Any, Any], Any]) -> Callable[[], None]:
    x = np.ones((1, 4), np.float32)

    def chain() -> None:
        y, saved = x, []
        for _ in range(LENGTH):
            y = forward(y)
            saved.append(y)
        grad = x
        for y in reversed(saved):
            grad = backward(grad, y)

    return chain


def report() -> None:
    """Prints one line per operator."""
    import rushlight

    F = rushlight.nn.functional
    other, zero = rushlight.ones(1, 4), np.float32(0)
    w2 = np.full((4, 4), 0.25, np.float32)  # a chain of them neither grows nor shrinks
    w = rushlight.from_numpy(w2)
    lines = [
        ("x + y", recorded(rushlight, lambda x, y: x + y, other), bare(lambda x: x + other._array, lambda g, y: g)),
        ("relu", recorded(rushlight, F.relu), bare(lambda x: np.maximum(x, zero), lambda g, y: g * (y > 0))),
        ("linear", recorded(rushlight, F.linear, w), bare(lambda x: x @ w2.T, lambda g, y: g @ w2)),
    ]
    print(f"{'operator':12} {'recorded':>10} {'NumPy':>10} {'the tape':>10}   us per operator, forward and backward")
    for name, ours, numpys in lines:
        a, b = per_operator(ours), per_operator(numpys)
        print(f"{name:12} {a:10.2f} {b:10.2f} {a - b:10.2f}")


if __name__ == "__main__":
    report()
