"""Operators that memory bounds: elementwise, softmax, losses."""

from typing import Any

from case import Call, Case, forward, pair

N = 1_000_000
ROWS = (2048, 1024)
ROWS_SIZE = 4 * 2048 * 1024


def cross_entropy(torch: Any) -> Call:
    logits, target = torch.randn(*ROWS).requires_grad_(), torch.randint(0, 1024, (2048,))

    def call() -> Any:
        logits.grad = None
        torch.nn.functional.cross_entropy(logits, target).backward()

    return call


CASES = [
    *pair("add", lambda t, x, y: x + y, (N,), (N,), bytes=12 * N),
    *pair("relu", lambda t, x: t.relu(x), (N,), bytes=8 * N),
    *pair("gelu", lambda t, x: t.nn.functional.gelu(x), (N,), bytes=8 * N),
    *pair("tanh", lambda t, x: t.tanh(x), (N,), bytes=8 * N),
    forward("exp", lambda t, x: t.exp(x), (N,), bytes=8 * N),
    forward("sum over rows", lambda t, x: x.sum(1), ROWS, bytes=ROWS_SIZE),
    forward("sum over columns", lambda t, x: x.sum(0), ROWS, bytes=ROWS_SIZE),
    *pair("softmax", lambda t, x: t.softmax(x, 1), ROWS, bytes=2 * ROWS_SIZE),
    Case("cross_entropy (2048, 1024), both ways", cross_entropy, bytes=3 * ROWS_SIZE),
]  # fmt: skip
