"""Operators that memory bounds: elementwise, pooling, normalisation, softmax, losses."""

from typing import Any

from case import Call, Case, forward, pair

N = 1_000_000
IMAGES = (32, 64, 32, 32)
ROWS = (2048, 1024)
SIZE = 4 * 32 * 64 * 32 * 32
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
    *pair("max_pool2d 2x2", lambda t, x: t.nn.functional.max_pool2d(x, 2), IMAGES, bytes=1.25 * SIZE),
    *pair("max_pool2d 3x3/2", lambda t, x: t.nn.functional.max_pool2d(x, 3, 2, 1), IMAGES, bytes=1.25 * SIZE),
    *pair("avg_pool2d 2x2", lambda t, x: t.nn.functional.avg_pool2d(x, 2), IMAGES, bytes=1.25 * SIZE),
    *pair("max_pool1d 2", lambda t, x: t.nn.functional.max_pool1d(x, 2), (32, 64, 1024), bytes=1.5 * SIZE),
    *pair("max_pool3d 2", lambda t, x: t.nn.functional.max_pool3d(x, 2), (2, 32, 32, 32, 32), bytes=1.125 * SIZE),
    *pair("avg_pool3d 2", lambda t, x: t.nn.functional.avg_pool3d(x, 2), (2, 32, 32, 32, 32), bytes=1.125 * SIZE),
    *pair("adaptive_avg_pool2d to 1", lambda t, x: t.nn.functional.adaptive_avg_pool2d(x, 1), IMAGES, bytes=SIZE),
    *pair("adaptive_avg_pool2d to 7", lambda t, x: t.nn.functional.adaptive_avg_pool2d(x, 7), IMAGES, bytes=SIZE),
    *pair("adaptive_max_pool2d to 7", lambda t, x: t.nn.functional.adaptive_max_pool2d(x, 7), IMAGES, bytes=SIZE),
    *pair(
        "batch_norm",
        lambda t, x, w, b: t.nn.functional.batch_norm(x, None, None, w, b, training=True),
        IMAGES, (64,), (64,), bytes=3 * SIZE,
    ),
    *pair(
        "batch_norm of vectors (256, 1024)",
        lambda t, x, w, b: t.nn.functional.batch_norm(x, None, None, w, b, training=True),
        (256, 1024), (1024,), (1024,), bytes=12 * 256 * 1024,
    ),
    *pair(
        "batch_norm, evaluating",
        lambda t, x, m, v, w, b: t.nn.functional.batch_norm(x, m.detach(), v.detach().abs(), w, b),
        IMAGES, (64,), (64,), (64,), (64,), bytes=2 * SIZE,
    ),
    *pair(
        "group_norm 8",
        lambda t, x, w, b: t.nn.functional.group_norm(x, 8, w, b), IMAGES, (64,), (64,), bytes=3 * SIZE,
    ),
    *pair("instance_norm", lambda t, x: t.nn.functional.instance_norm(x), IMAGES, bytes=3 * SIZE),
    *pair("rms_norm", lambda t, x, w: t.nn.functional.rms_norm(x, (1024,), w), ROWS, (1024,), bytes=2 * ROWS_SIZE),
    *pair("local_response_norm", lambda t, x: t.nn.functional.local_response_norm(x, 5), IMAGES, bytes=2 * SIZE),
    *pair(
        "layer_norm",
        lambda t, x, w, b: t.nn.functional.layer_norm(x, (1024,), w, b),
        ROWS, (1024,), (1024,), bytes=2 * ROWS_SIZE,
    ),
    *pair("softmax", lambda t, x: t.softmax(x, 1), ROWS, bytes=2 * ROWS_SIZE),
    Case("cross_entropy (2048, 1024), both ways", cross_entropy, bytes=3 * ROWS_SIZE),
]  # fmt: skip
