"""Several ranks together, started by mpiexec: what they compute, and how the failure of one ends all."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

import rushlight

pytest.importorskip("mpi4py")
HERE = Path(__file__).parent
BESIDE = Path(sys.executable).with_name("mpiexec")
MPIEXEC = str(BESIDE) if BESIDE.exists() else shutil.which("mpiexec")
pytestmark = pytest.mark.skipif(MPIEXEC is None, reason="no mpiexec")


def mpiexec(count: int, *command: str) -> subprocess.CompletedProcess[str]:
    paths = os.pathsep.join([str(Path(rushlight.__file__).parent.parent), os.environ.get("PYTHONPATH", "")])
    return subprocess.run(
        [str(MPIEXEC), "-n", str(count), sys.executable, *command],
        capture_output=True,
        text=True,
        timeout=60,
        env={**os.environ, "PYTHONPATH": paths},
    )


@pytest.mark.parametrize("count", [2, 4])
def test_ranks_together(count: int) -> None:
    names = [
        "collectives",
        "objects",
        "messages",
        "groups",
        "training",
        "wide",
        "bulk",
        "accumulating",
        "buffers",
        "sharded",
        "checkpoints",
        "fitted",
    ]
    done = mpiexec(count, str(HERE / "ranks.py"), *names)
    assert done.returncode == 0, done.stderr
    assert all(f"{name}: rank {r} ok" in done.stdout for r in range(count) for name in names)


@pytest.mark.parametrize(
    ("name", "told"),
    [
        ("disagree", "the ranks disagree: rank 0: all_reduce float32 (3,) SUM; rank 1: all_reduce float32 (2,) SUM"),
        ("different", "the ranks disagree: rank 0: all_reduce float32 (2,) SUM; rank 1: broadcast float32 (2,) from 0"),
        ("failing", "rank 1 of 2 failed with ValueError; ending all ranks"),
        ("hanging", "all_reduce: rank 0 waited 1.5 s in vain: waiting are rank 0 in all_reduce; missing are ranks [1]"),
        ("killed", ""),
        ("unused", "Parameter indices which did not receive grad for rank"),
    ],
)  # fmt: skip
def test_failure_of_one_ends_all(name: str, told: str) -> None:
    done = mpiexec(2, str(HERE / "ranks.py"), name)
    assert done.returncode != 0
    assert told in done.stderr
    assert "ok" not in done.stdout


def test_an_unmodified_script(tmp_path: Path) -> None:
    """A script written for torchrun, by `rushlight launch` and by mpiexec."""
    script = tmp_path / "train.py"
    script.write_text(
        """
import os, sys, torch
import torch.distributed as dist
from torch.nn.parallel import DistributedDataParallel as DDP
from torch.utils.data import DataLoader, TensorDataset
from torch.utils.data.distributed import DistributedSampler

dist.init_process_group(backend="gloo")
rank, size = dist.get_rank(), dist.get_world_size()
assert [rank, size, rank] == [int(os.environ[name]) for name in ("RANK", "WORLD_SIZE", "LOCAL_RANK")]
data = TensorDataset(torch.arange(16.0)[:, None], 3 * torch.arange(16.0)[:, None])
loader = DataLoader(data, batch_size=4, sampler=DistributedSampler(data))
model = DDP(torch.nn.Linear(1, 1))
optimizer = torch.optim.SGD(model.parameters(), lr=1e-3)
for epoch in range(2):
    loader.sampler.set_epoch(epoch)
    for x, y in loader:
        optimizer.zero_grad()
        torch.nn.functional.mse_loss(model(x), y).backward()
        optimizer.step()
sys.stdout.write(f"{sys.argv[1]} {rank} {len(loader)} {model.module.weight.item():.3f} \\n")
dist.destroy_process_group()
"""
    )
    by_mpi = mpiexec(2, "-m", "rushlight", "run", str(script), "argument")
    launched = subprocess.run(
        [sys.executable, "-m", "rushlight", "launch", "--nproc", "2", str(script), "argument"],
        capture_output=True, text=True, timeout=60,
        env={**os.environ, "PYTHONPATH": str(Path(rushlight.__file__).parent.parent)},
    )  # fmt: skip
    for done in (by_mpi, launched):
        assert done.returncode == 0, done.stderr
        words = done.stdout.split()
        assert words[:1] + words[4:5] == ["argument", "argument"] and {words[1], words[5]} == {"0", "1"}
        assert words[2] == words[6] == "2" and words[3] == words[7]
