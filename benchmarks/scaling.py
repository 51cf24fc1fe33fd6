"""What computing in several processes costs: all-reduce beside MPI's own, and training steps with and without it.

    python benchmarks/scaling.py [--ranks 2] [--model resnet18] [--batch 8] [--size 224] [--rounds 10]
    python benchmarks/scaling.py --predict --latency 30e-6 --bandwidth 1.1e9 --step 0.6 --bytes 47e6

The first starts its ranks by mpiexec, one thread each, and takes turns: a sum by MPI's own blocking call, by
`all_reduce`; a step of DistributedDataParallel that averages gradients, and one that does not (`no_sync`), which is the
same work without communication. The difference is what communication costs. Then latency and bandwidth are fitted, and
the time of steps on more ranks is predicted by the model that docs/scaling.md explains. Measure on a quiet machine.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

ROOT = Path(__file__).parent.parent
BUCKET = 25e6  # bytes
BACKWARD = 0.6  # of a step, in which communication can hide: two of the three products of a layer, less the first part
SIZES = [1 << 10, 1 << 14, 1 << 17, 1 << 20, 1 << 22, 1 << 24, 45 << 20]  # bytes


# --------------------------------------------------------------------------------------------------------- the model


def sum_seconds(ranks: int, size: float, latency: float, bandwidth: float) -> float:
    """Of an all-reduce of `size` bytes: 2 log2(N) messages in a row for the latency (a tree), and 2 (N-1)/N of the
    bytes over each rank's link (what no algorithm can save)."""
    if ranks == 1:
        return 0.0
    return 2 * float(np.log2(ranks)) * latency + 2 * (ranks - 1) / ranks * size / bandwidth


def step_seconds(
    ranks: int,
    step: float,
    size: float,
    latency: float,
    bandwidth: float,
    hidden: float = BACKWARD,
    bucket: float = 25e6,
) -> float:
    """Of a training step: the step of one rank, and what of the sums does not hide in its backward pass. The last
    bucket never does: its gradients come last."""
    buckets = max(1, round(size / BUCKET))
    last = sum_seconds(ranks, size / buckets, latency, bandwidth)
    others = (buckets - 1) * last
    return step + last + max(0.0, others - hidden * step)


def fit(sizes: list[int], seconds: list[float], ranks: int) -> tuple[float, float]:
    """Latency (s) and bandwidth (bytes/s) that give these times with the smallest relative errors."""
    steps, share = 2 * float(np.log2(ranks)), 2 * (ranks - 1) / ranks
    rows = np.array([[steps / t, share * size / t] for size, t in zip(sizes, seconds)])
    scale = rows.max(axis=0)
    (a, b), *_ = np.linalg.lstsq(rows / scale, np.ones(len(rows)), rcond=None)
    return float(a / scale[0]), float(scale[1] / b)


def predict(step: float, size: float, latency: float, bandwidth: float) -> None:
    """Prints efficiencies: with a batch of its own for each rank, and with one batch, of 32 such, divided among all."""
    print(
        f"step {step * 1e3:.0f} ms, gradients {size / 1e6:.0f} MB, {latency * 1e6:.1f} us, {bandwidth / 1e9:.2f} GB/s"
    )
    print(f"{'ranks':>6} {'all-reduce, ms':>15} {'step, ms':>10} {'efficiency':>11} {'one batch divided':>18}")
    for ranks in (1, 2, 8, 16, 32, 64, 128, 256, 512, 1024):
        whole, total = sum_seconds(ranks, size, latency, bandwidth), step_seconds(ranks, step, size, latency, bandwidth)
        share = 32 * step / ranks
        divided = share / step_seconds(ranks, share, size, latency, bandwidth)
        print(f"{ranks:6} {whole * 1e3:15.1f} {total * 1e3:10.1f} {step / total:11.0%} {divided:18.0%}")


# ------------------------------------------------------------------------------------------------- what a rank measures


def turns(ways: dict[str, Callable[[], Any]], rounds: int, together: Callable[[], Any]) -> dict[str, float]:
    """Median seconds of each way; they take turns, and all ranks start each at the same time."""
    found: dict[str, list[float]] = {name: [] for name in ways}
    for turn in range(rounds + 1):
        for name, call in ways.items():
            together()
            start = time.perf_counter()
            call()
            if turn:  # the first warms up
                found[name].append(time.perf_counter() - start)
    return {name: statistics.median(times) for name, times in found.items()}


def sums(rounds: int) -> dict[str, dict[str, float]]:
    """Seconds of an all-reduce, for each size in bytes."""
    from mpi4py import MPI

    import rushlight as torch
    import rushlight.distributed as dist

    result = {}
    for size in SIZES:
        tensor = torch.zeros(size // 4)
        raw = np.zeros(size // 4, np.float32)
        ways = {
            "mpi": lambda raw=raw: MPI.COMM_WORLD.Allreduce(MPI.IN_PLACE, raw),
            "ours": lambda tensor=tensor: dist.all_reduce(tensor),
        }
        result[str(size)] = turns(ways, rounds, MPI.COMM_WORLD.Barrier)
    return result


def steps(model: str, batch: int, side: int, rounds: int) -> dict[str, float]:
    """Seconds of a training step of each rank, with and without averaging, and the bytes of the gradients."""
    import rushlight as torch
    import rushlight.distributed as dist
    from rushlight.vision import models

    torch.manual_seed(0)
    net = torch.nn.parallel.DistributedDataParallel(getattr(models, model)(num_classes=10))
    optimizer = torch.optim.SGD(net.parameters(), lr=1e-3, momentum=0.9)
    x, y = torch.randn(batch, 3, side, side), torch.randint(10, (batch,))

    def step() -> None:
        optimizer.zero_grad()
        torch.nn.functional.cross_entropy(net(x), y).backward()
        optimizer.step()

    def alone() -> None:
        with net.no_sync():
            step()

    found = turns({"alone": alone, "together": step}, rounds, dist.barrier)
    return {**found, "bytes": float(sum(p.nbytes for p in net.parameters()))}


def worker(arguments: argparse.Namespace) -> None:
    import rushlight as torch
    import rushlight.distributed as dist

    torch.set_num_threads(1)
    dist.init_process_group("mpi")
    found = {
        "ranks": dist.get_world_size(),
        "sums": sums(3 * arguments.rounds) if dist.get_world_size() > 1 else {},
        "steps": steps(arguments.model, arguments.batch, arguments.size, arguments.rounds),
    }
    if dist.get_rank() == 0:
        print(json.dumps(found), flush=True)


# ------------------------------------------------------------------------------------------------------------ the whole


def measure(ranks: int) -> dict[str, Any]:
    """What rank 0 found, of so many."""
    from rushlight.cli.launch import mpiexec

    paths = os.pathsep.join([str(ROOT), os.environ.get("PYTHONPATH", "")])
    done = subprocess.run(
        [mpiexec(), "-n", str(ranks), sys.executable, __file__, "--worker", *sys.argv[1:]],
        stdout=subprocess.PIPE, text=True, check=True, env={**os.environ, "PYTHONPATH": paths},
    )  # fmt: skip
    found: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return found


def report(found: dict[str, Any]) -> None:
    ranks, step = found["ranks"], found["steps"]
    latency, bandwidth = fit([int(s) for s in found["sums"]], [t["ours"] for t in found["sums"].values()], ranks)
    print(f"{'bytes':>10} {'MPI, ms':>10} {'ours, ms':>10} {'fitted, ms':>11} {'ours, GB/s':>11}")
    for size, times in found["sums"].items():
        rate = int(size) / times["ours"] / 1e9
        fitted = sum_seconds(ranks, int(size), latency, bandwidth)
        print(
            f"{int(size):10} {times['mpi'] * 1e3:10.3f} {times['ours'] * 1e3:10.3f} {fitted * 1e3:11.3f} {rate:11.2f}"
        )
    alone, together = step["alone"], step["together"]
    print(f"{ranks} ranks: step {alone * 1e3:.1f} ms without averaging, {together * 1e3:.1f} ms with it: ", end="")
    print(f"{together / alone - 1:.1%} lost to communication")
    predict(step["alone"], step["bytes"], latency, bandwidth)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--ranks", type=int, default=2)
    parser.add_argument("--model", default="resnet18")
    parser.add_argument("--batch", type=int, default=8, help="of each rank")
    parser.add_argument("--size", type=int, default=224, help="of the images")
    parser.add_argument("--rounds", type=int, default=10)
    parser.add_argument("--worker", action="store_true", help=argparse.SUPPRESS)
    parser.add_argument("--predict", action="store_true", help="only the model, with these:")
    parser.add_argument("--latency", type=float, default=30e-6, help="seconds")
    parser.add_argument("--bandwidth", type=float, default=1.1e9, help="bytes a second")
    parser.add_argument("--step", type=float, default=0.6, help="seconds of one rank's step")
    parser.add_argument("--bytes", type=float, default=47e6, help="of the gradients")
    arguments = parser.parse_args()
    sys.path.insert(0, str(ROOT))
    if arguments.worker:
        worker(arguments)
    elif arguments.predict:
        predict(arguments.step, arguments.bytes, arguments.latency, arguments.bandwidth)
    else:
        report(measure(arguments.ranks))


if __name__ == "__main__":
    main()
