"""Speed of operators and training steps: definitions, each native build, and PyTorch if it is installed, side by side.

    python benchmarks/run.py [--match REGEX] [--variants a,b] [--threads N] [--seconds S] [--rounds R] [--json FILE]
    python benchmarks/run.py --tape

Every variant runs in a process of its own; they take turns on each case, so that what else the machine does hits all
alike, and the median over the turns is printed. "vs torch" is our best build's time over PyTorch's: below 1 is faster.
Percentages are of what the best build measures the machine to do at most: products and sums in registers, or
copies of arrays that no cache holds (what the caches do hold can be above 100 %).
"""

from __future__ import annotations

import argparse
import json
import os
import re
import statistics
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent
sys.path[:0] = [str(HERE), str(HERE.parent)]


def variants() -> dict[str, tuple[str, dict[str, str]]]:
    """Name of each variant -> library and environment."""
    from rushlight.kernels.native import available

    found = {"definition": ("rushlight", {"RUSHLIGHT_NATIVE": "0"})}
    found |= {isa: ("rushlight", {"RUSHLIGHT_ISA": isa}) for isa in reversed(available())}
    return found | ({"torch": ("torch", {})} if find_spec("torch") else {})


class Worker:
    """A process that times cases under one variant."""

    def __init__(self, library: str, environment: dict[str, str], threads: int) -> None:
        path = os.pathsep.join([str(HERE), str(HERE.parent), os.environ.get("PYTHONPATH", "")])
        self.process = subprocess.Popen(
            [sys.executable, str(HERE / "worker.py"), library, str(threads)],
            env={**os.environ, "PYTHONPATH": path, "OMP_NUM_THREADS": str(threads), **environment},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def ask(self, **request: Any) -> dict[str, Any]:
        assert self.process.stdin and self.process.stdout
        print(json.dumps(request), file=self.process.stdin, flush=True)
        answer: dict[str, Any] = json.loads(self.process.stdout.readline() or '{"error": "the process ended"}')
        return answer

    def time(self, name: str, seconds: float) -> float | str:
        """Seconds per call, or what went wrong."""
        answer = self.ask(name=name, seconds=seconds)
        return answer.get("median", answer.get("error"))  # type: ignore[no-any-return]


def peak_of(workers: dict[str, Worker]) -> dict[str, float]:
    """Flops and bytes per second at most, as the best of our builds among the workers measures them."""
    builds = [worker for key, worker in workers.items() if key not in ("definition", "torch")]
    return builds[0].ask(peak=True) if builds else {}


def measure(workers: dict[str, Worker], name: str, seconds: float, rounds: int) -> dict[str, float | str]:
    """Each variant's median over the rounds, in which they take turns."""
    turns = [{key: worker.time(name, seconds) for key, worker in workers.items()} for _ in range(rounds)]
    result: dict[str, float | str] = {}
    for key in workers:
        times = [turn[key] for turn in turns]
        failed = [t for t in times if isinstance(t, str)]
        result[key] = failed[0] if failed else statistics.median(times)  # type: ignore[type-var]
    return result


def rate(case: Any, seconds: float, peak: dict[str, float]) -> str:
    kind = "flops" if case.flops else "bytes"
    done = getattr(case, kind) / seconds
    if not done:
        return ""
    share = f"{100 * done / peak[kind]:5.0f} %" if kind in peak else ""
    return f"{done / 1e9:8.1f} {'GFLOP/s' if case.flops else 'GB/s   '}{share}"


def line(name: str, case: Any, times: dict[str, float | str], peak: dict[str, float]) -> str:
    cells = [f"{t * 1e6:12.1f}" if isinstance(t, float) else f"{'failed':>12}" for t in times.values()]
    ours = [t for key, t in times.items() if key != "torch" and isinstance(t, float)]
    theirs = times.get("torch")
    ratio = f"{min(ours) / theirs:9.2f}" if ours and isinstance(theirs, float) else " " * 9
    return f"{name:58}{''.join(cells)} {ratio}  {rate(case, min(ours), peak) if ours else ''}"


def table(results: dict[str, dict[str, float | str]]) -> str:
    """The cases that ran under PyTorch too as a Markdown table, microseconds per call."""
    rows = ["| case | ours | PyTorch | ratio |", "| --- | ---: | ---: | ---: |"]
    for name, times in results.items():
        ours = [t for key, t in times.items() if key != "torch" and isinstance(t, float)]
        theirs = times.get("torch")
        if ours and isinstance(theirs, float):
            rows.append(
                f"| {name.split(': ')[1]} | {min(ours) * 1e6:.1f} | {theirs * 1e6:.1f} | {min(ours) / theirs:.2f} |"
            )
    return "\n".join(rows) + "\n"


def parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--match", default="", help="only cases whose name contains this regular expression")
    parser.add_argument("--variants", default="", help="only these, comma-separated; default: all")
    parser.add_argument(
        "--threads",
        type=int,
        default=len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count(),
    )
    parser.add_argument("--seconds", type=float, default=0.2, help="per variant, case and round")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--json", type=Path, help="write the seconds per call here as well")
    parser.add_argument("--table", type=Path, help="write them as a Markdown table here as well")
    parser.add_argument("--tape", action="store_true", help="the cost of recording, instead")
    return parser.parse_args()


def main() -> None:
    options = parse()
    if options.tape:
        import tape

        return tape.report()
    import worker

    chosen = {k: v for k, v in variants().items() if not options.variants or k in options.variants.split(",")}
    workers = {key: Worker(*variant, options.threads) for key, variant in chosen.items()}
    print(f"{options.threads} threads, microseconds per call (median of {options.rounds} turns)")
    if hasattr(os, "getloadavg") and os.getloadavg()[0] > 0.5:
        print(f"other work is running (load {os.getloadavg()[0]:.1f}): these figures will not hold")
    peak = peak_of(workers)
    if peak:
        print(f"at most {peak['flops'] / 1e9:.0f} GFLOP/s, and {peak['bytes'] / 1e9:.0f} GB/s read and written")
    print()
    print(f"{'':58}{''.join(f'{key:>12}' for key in workers)}  vs torch  the best of ours")
    results = {}
    for name, case in worker.cases().items():
        if re.search(options.match, name):
            results[name] = measure(workers, name, options.seconds, options.rounds)
            print(line(name, case, results[name], peak), flush=True)
            for key, failure in results[name].items():
                if isinstance(failure, str):
                    print(f"    {key}: {failure}")
    if options.json:
        options.json.write_text(json.dumps(results, indent=1), encoding="utf-8")
    if options.table:
        options.table.write_text(table(results), encoding="utf-8")


if __name__ == "__main__":
    main()
