"""Times cases under one library, in a process of its own: reads {"name", "seconds"} lines, answers {"median"} lines.
To {"peak"} it answers what the machine can do at most, {"flops", "bytes"} per second.

python worker.py LIBRARY THREADS
"""

from __future__ import annotations

import importlib
import json
import statistics
import sys
import time
from collections.abc import Callable
from typing import Any

FILES = (
    "ops.matrix",
    "ops.convolution",
    "ops.images",
    "ops.rows",
    "ops.elementwise",
    "ops.reduction",
    "ops.memory",
    "ops.loss",
    "ops.sequence",
    "ops.training",
    "models.steps",
)


def cases() -> dict[str, Any]:
    """All cases by name, in the order of the files."""
    return {f"{file}: {case.name}": case for file in FILES for case in importlib.import_module(file).CASES}


def seconds_per_call(call: Callable[[], Any], seconds: float) -> float:
    """The median over as many samples as fit; quick calls are repeated within a sample, as the clock costs time too."""
    start = time.perf_counter()
    call()
    once = time.perf_counter() - start
    repeats = max(1, round(1e-3 / max(once, 1e-7)))
    samples: list[float] = []
    end = time.perf_counter() + seconds
    while not samples or time.perf_counter() < end:
        start = time.perf_counter()
        for _ in range(repeats):
            call()
        samples.append((time.perf_counter() - start) / repeats)
    return statistics.median(samples)


def peak() -> dict[str, float]:
    """What this build measures; nothing without one."""
    from rushlight.kernels import native

    return dict(zip(("flops", "bytes"), native.peak_rates())) if native else {}


def main() -> None:
    torch = importlib.import_module(sys.argv[1])
    torch.set_num_threads(int(sys.argv[2]))
    known, made = cases(), {}
    for line in sys.stdin:
        request = json.loads(line)
        if "peak" in request:
            print(json.dumps(peak()), flush=True)
            continue
        name = request["name"]
        try:
            if name not in made:
                made.clear()  # one case's data at a time
                made[name] = known[name].make(torch)
                made[name]()
            answer = {"median": seconds_per_call(made[name], request["seconds"])}
        except Exception as failure:  # reported in the table; the run goes on
            answer = {"error": f"{type(failure).__name__}: {failure}"}
        print(json.dumps(answer), flush=True)


if __name__ == "__main__":
    main()
