"""The ranks of one machine of several, started on each by itself: `rushlight launch --nnodes 2 --node-rank 0 ...`, as
torchrun has it. They meet at the address of the first machine (rushlight.distributed.rendezvous)."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Sequence

from rushlight.cli.outcome import INTERRUPTED, OK

GRACE = 3.0  # seconds that the others have to end by themselves when one failed


def run(command: Sequence[str], count: int, nodes: int, node: int, address: str, port: int) -> int:
    """Starts `count` processes and waits for them; the exit code is that of the first that failed."""
    common: dict[str, object] = {
        "WORLD_SIZE": nodes * count,
        "LOCAL_WORLD_SIZE": count,
        "GROUP_RANK": node,
        "MASTER_ADDR": address,
    }
    places = [{"RANK": node * count + k, "LOCAL_RANK": k, "MASTER_PORT": port, **common} for k in range(count)]
    processes = [
        subprocess.Popen([sys.executable, "-m", "rushlight", "run", *command], env={**os.environ, **_texts(place)})
        for place in places
    ]
    try:
        return _wait(processes)
    except KeyboardInterrupt:  # they got it too
        for process in processes:
            process.wait()
        return INTERRUPTED


def _texts(place: dict[str, object]) -> dict[str, str]:
    return {name: str(value) for name, value in place.items()}


def _wait(processes: Sequence[subprocess.Popen[bytes]]) -> int:
    """Until all have ended, or one has failed: then the others are ended too."""
    while None in (codes := [process.poll() for process in processes]) and not any(codes):
        time.sleep(0.05)
    _end(processes)
    return next((code for code in codes if code), OK)


def _end(processes: Sequence[subprocess.Popen[bytes]]) -> None:
    deadline = time.monotonic() + GRACE
    for process in processes:
        try:
            process.wait(max(0.0, deadline - time.monotonic()))
        except subprocess.TimeoutExpired:
            process.terminate()
            process.wait()
