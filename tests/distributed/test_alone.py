"""`torch.distributed` in one process, and what it refuses."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

import rushlight
import rushlight.distributed as dist
from rushlight.distributed.environment import launched
from rushlight.nn.parallel.reducer import reachable

pytest.importorskip("mpi4py")


@pytest.fixture
def group() -> Any:
    dist.init_process_group("gloo")
    yield dist.group.WORLD
    if dist.is_initialized():
        dist.destroy_process_group()


def test_without_a_group() -> None:
    assert dist.is_available() and not dist.is_initialized() and not dist.is_nccl_available()
    for ask in (dist.get_rank, dist.get_world_size, dist.barrier, dist.destroy_process_group):
        with pytest.raises(ValueError, match="Default process group has not been initialized"):
            ask()
    with pytest.raises(ValueError, match="has not been initialized"):
        rushlight.nn.parallel.DistributedDataParallel(rushlight.nn.Linear(1, 1))


def test_a_group_of_one(group: Any) -> None:
    assert dist.get_rank() == 0 and dist.get_world_size() == 1 and dist.get_backend() == "gloo"
    x = rushlight.ones(2)
    dist.all_reduce(x)
    assert x.tolist() == [1, 1]
    model = rushlight.nn.parallel.DistributedDataParallel(rushlight.nn.Linear(2, 1))
    model(x).sum().backward()
    assert model.module.weight.grad.tolist() == [[1, 1]]
    assert sorted(model.state_dict()) == ["module.bias", "module.weight"]
    with pytest.raises(ValueError, match="twice"):
        dist.init_process_group("gloo")
    sync = rushlight.nn.SyncBatchNorm(2)
    assert sync(rushlight.ones(3, 2)).shape == (3, 2)


def test_writes_are_noticed(group: Any) -> None:
    """What a collective writes into is as changed for the tape."""
    x = rushlight.ones(2)
    y = (rushlight.ones(2, requires_grad=True) * x).sum()
    dist.broadcast(x, 0)
    before = x._version
    dist.all_reduce(x)
    assert x._version > before
    with pytest.raises(RuntimeError, match="modified by an inplace operation"):
        y.backward()


def test_what_is_refused(group: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(TypeError, match="Expected parameter `tensor`"):
        dist.all_reduce([1, 2])
    with pytest.raises(TypeError, match="op must be a ReduceOp"):
        dist.all_reduce(rushlight.ones(1), "sum")
    with pytest.raises(RuntimeError, match="Cannot use ReduceOp.BAND"):
        dist.all_reduce(rushlight.ones(1), dist.ReduceOp.BAND)
    with pytest.raises(ValueError, match="not part of group"):
        dist.broadcast(rushlight.ones(1), src=3)
    with pytest.raises(ValueError, match="list of 1 tensors"):
        dist.all_gather([], rushlight.ones(1))
    with pytest.raises(ValueError, match=r"tensor_list\[0\] is float32 \(2,\)"):
        dist.all_gather([rushlight.ones(2)], rushlight.ones(1))
    with pytest.raises(ValueError, match="itself"):
        dist.send(rushlight.ones(1), 0)
    with pytest.raises(ValueError, match="device_ids"):
        rushlight.nn.parallel.DistributedDataParallel(rushlight.nn.Linear(1, 1), device_ids=[0])
    with pytest.raises(RuntimeError, match="require a gradient"):
        rushlight.nn.parallel.DistributedDataParallel(rushlight.nn.ReLU())
    with pytest.raises(NotImplementedError, match="mixed_precision"):
        rushlight.nn.parallel.DistributedDataParallel(rushlight.nn.Linear(1, 1), mixed_precision=1)
    dist.destroy_process_group()
    with pytest.raises(NotImplementedError, match="nccl"):
        dist.init_process_group("nccl")
    with pytest.raises(ValueError, match="'mip' is not known"):
        dist.init_process_group("mip")
    with pytest.raises(RuntimeError, match="MPI was started in this process before, alone"):
        dist.init_process_group(init_method="tcp://127.0.0.1:1", world_size=3, rank=0)
    monkeypatch.setenv("RANK", "1")
    with pytest.raises(RuntimeError, match="rank is 1, but MPI gave this process rank 0"):
        dist.init_process_group()


def test_launchers_variables(monkeypatch: pytest.MonkeyPatch) -> None:
    assert launched() is None
    monkeypatch.setenv("OMPI_COMM_WORLD_RANK", "3")
    monkeypatch.setenv("OMPI_COMM_WORLD_SIZE", "8")
    monkeypatch.setenv("OMPI_COMM_WORLD_LOCAL_RANK", "1")
    monkeypatch.setenv("OMPI_COMM_WORLD_LOCAL_SIZE", "2")
    assert launched() == (3, 8, 1, 2)


def test_launch_says_what_is_wrong() -> None:
    root = str(Path(rushlight.__file__).parent.parent)
    for arguments, told in ((["--nproc", "2"], "name a script"), (["--nproc", "0", "x.py"], "0 is not a number")):
        done = subprocess.run(
            [sys.executable, "-m", "rushlight", "launch", *arguments],
            capture_output=True, text=True, timeout=60, env={"PYTHONPATH": root},
        )  # fmt: skip
        assert done.returncode == 2 and told in done.stderr


def test_the_parameters_in_use_are_found(group: Any) -> None:
    """Each is known by its place on the tape, whatever views, reuse or several outputs lie between, also none."""
    used, twice, alone, unused = (rushlight.nn.Parameter(rushlight.ones(2)) for _ in range(4))
    h = (used * twice).relu()
    outputs = [h.sum() + twice.view(2, 1).sum(), h.max(0).values, alone, rushlight.ones(2)]
    assert reachable(outputs) == {p._edge for p in (used, twice, alone)}
    assert unused._edge not in reachable(outputs)


def test_unused_parameters_count_as_zero_and_keep_no_gradient(group: Any) -> None:
    net = rushlight.nn.ModuleList([rushlight.nn.Linear(2, 2) for _ in range(3)])
    net.forward = lambda x: net[0](x).relu() + net[2](x)
    model = rushlight.nn.parallel.DistributedDataParallel(net, find_unused_parameters=True)
    for _ in range(3):
        model(rushlight.ones(1, 2)).sum().backward()
    assert [p.grad is None for p in model.parameters()] == [False, False, True, True, False, False]
