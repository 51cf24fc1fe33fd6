"""Measures how fast this machine computes with Rushlight: some operators, and steps of trainings.

Times are medians; measure on a quiet machine. (The benchmarks that compare with PyTorch and with other builds are
benchmarks/run.py in the repository.)
"""

from __future__ import annotations

import argparse
import statistics
import time
from collections.abc import Callable, Iterator
from typing import Any

from rushlight.cli.arguments import positive_number
from rushlight.cli.outcome import OK

SUMMARY = "measure how fast this machine is"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds what `rushlight bench` takes."""
    parser.add_argument(
        "--seconds", type=positive_number, default=0.5, help="to spend on each row (default: %(default)s)"
    )


def step_of(model: Any, x: Any, y: Any) -> Callable[[], Any]:
    """A training step."""
    from rushlight import optim
    from rushlight.nn.functional import cross_entropy

    optimizer = optim.Adam(model.parameters())

    def step() -> None:
        optimizer.zero_grad()
        cross_entropy(model(x), y).backward()
        optimizer.step()

    return step


def cases() -> Iterator[tuple[str, int, Callable[[], Any]]]:
    """What to measure: a name, the FLOPs of a call (0: not told), the call."""
    import rushlight
    from rushlight import nn
    from rushlight.nn.functional import conv2d

    a, b = rushlight.randn(1024, 1024), rushlight.randn(1024, 1024)
    yield "matmul (1024, 1024)", 2 * 1024**3, lambda: a @ b
    image, kernel = rushlight.randn(32, 64, 28, 28), rushlight.randn(64, 64, 3, 3)
    flops = 2 * 32 * 64 * 28 * 28 * 64 * 9
    yield "conv2d 3x3, 64 channels, (32, 28, 28)", flops, lambda: conv2d(image, kernel, padding=1)
    labels = rushlight.randint(0, 10, (64,))
    dense = nn.Sequential(nn.Linear(784, 128), nn.ReLU(), nn.Linear(128, 10))
    yield "step of a 784-128-10 network, batch 64", 0, step_of(dense, rushlight.randn(64, 784), labels)
    pictures = nn.Sequential(
        nn.Conv2d(1, 16, 5, padding=2), nn.ReLU(), nn.MaxPool2d(2), nn.Conv2d(16, 32, 5, padding=2), nn.ReLU(),
        nn.MaxPool2d(2), nn.Flatten(), nn.Linear(1568, 10),
    )  # fmt: skip
    yield "step of a small CNN on 28 x 28, batch 64", 0, step_of(pictures, rushlight.randn(64, 1, 28, 28), labels)


def median_seconds(call: Callable[[], Any], seconds: float) -> float:
    """The median time of a call over so many seconds, at least five of them, after one that is not counted."""
    call()
    times: list[float] = []
    end = time.perf_counter() + seconds
    while len(times) < 5 or time.perf_counter() < end:
        start = time.perf_counter()
        call()
        times.append(time.perf_counter() - start)
    return statistics.median(times)


def run(options: argparse.Namespace) -> int:
    """Runs the command; returns the exit code."""
    import rushlight
    from rushlight.kernels.native import isa

    rushlight.manual_seed(0)
    print(f"native kernels: {isa}, threads: {rushlight.get_num_threads()}")
    for name, flops, call in cases():
        seconds = median_seconds(call, options.seconds)
        rate = f"{flops / seconds / 1e9:8.1f} GFLOP/s" if flops else ""
        print(f"{name:42} {seconds * 1e3:9.3f} ms {rate}".rstrip(), flush=True)
    return OK
