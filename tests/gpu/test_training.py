"""Training, state dicts and checkpoints on the stand-in for CuPy: the CPU's numbers, and nothing left on the CPU."""

from __future__ import annotations

import copy
import io
from pathlib import Path
from typing import Any

import pytest
import stand_in_cupy
from harness import definitions_only

import rushlight as torch
from rushlight import nn, optim
from rushlight.nn import functional as F

pytestmark = pytest.mark.usefixtures("cupy")


def network(**where: Any) -> nn.Module:
    return nn.Sequential(
        nn.Conv2d(1, 4, 3, **where), nn.BatchNorm2d(4, **where), nn.ReLU(), nn.Dropout(0.2), nn.Flatten(),
        nn.Linear(144, 3, **where),
    )  # fmt: skip


def trained(device: str, make: Any = optim.Adam, steps: int = 2) -> tuple[nn.Module, Any]:
    torch.manual_seed(0)
    model = network().to(device)
    optimizer = make(model.parameters(), lr=0.01)
    images, labels = torch.rand(6, 1, 8, 8).to(device), torch.arange(6, device=device) % 3
    torch.manual_seed(1)
    for _ in range(steps):
        optimizer.zero_grad()
        F.cross_entropy(model(images), labels).backward()
        optimizer.step()
    return model, optimizer


def devices(tensors: Any) -> set[str]:
    return {str(t.device) for t in tensors}


@pytest.mark.parametrize("make", [optim.SGD, optim.Adam, optim.Adagrad])
def test_training_gives_the_cpus_numbers(make: Any) -> None:
    with definitions_only():  # whose bits are those of definitions on other arrays
        (model, optimizer), (expected, _) = trained("cuda", make), trained("cpu", make)
    state = model.state_dict()
    assert devices(state.values()) == {"cuda:0"} == devices(p.grad for p in model.parameters())
    for name, answer in expected.state_dict().items():
        assert state[name].tolist() == answer.tolist(), name
    for p, entry in optimizer.state.items():
        assert all(v.device == p.device for k, v in entry.items() if k != "step" and isinstance(v, torch.Tensor))


def test_modules_move() -> None:
    model, _ = trained("cpu")
    before = copy.deepcopy(model.state_dict())
    assert model.cuda() is model and devices(model.state_dict().values()) == {"cuda:0"}
    assert devices(p.grad for p in model.parameters()) == {"cuda:0"}
    assert all(p.is_leaf and type(p) is nn.Parameter for p in model.parameters())
    assert devices(model.cpu().state_dict().values()) == {"cpu"}
    assert all(model.state_dict()[k].tolist() == v.tolist() for k, v in before.items())
    assert devices(model.to("cuda", torch.float64).parameters()) == {"cuda:0"}
    assert model[1].running_mean.dtype is torch.float64 and model[1].num_batches_tracked.dtype is torch.int64


def test_modules_are_made_there() -> None:
    torch.manual_seed(0)
    there = network(device="cuda")
    assert devices(there.state_dict().values()) == {"cuda:0"}
    torch.manual_seed(0)
    assert there[5].weight.tolist() == network(device="cpu")[5].weight.tolist()
    others = [nn.Embedding(3, 4, device="cuda"), nn.LSTM(2, 3, device="cuda"), nn.LayerNorm(3, device="cuda")]
    others += [nn.MultiheadAttention(4, 2, device="cuda"), nn.PReLU(device="cuda"), nn.LazyLinear(3, device="cuda")]
    others[-1](torch.ones(2, 4, device="cuda"))
    assert all(devices(module.parameters()) == {"cuda:0"} for module in others)
    for fill in (nn.init.trunc_normal_, nn.init.orthogonal_, nn.init.kaiming_normal_, nn.init.zeros_):
        assert fill(torch.empty(3, 4, device="cuda")).is_cuda


@pytest.mark.parametrize(("saved", "loaded"), [("cuda", "cpu"), ("cpu", "cuda"), ("cuda", "cuda")])
def test_state_dicts_go_on_elsewhere(saved: str, loaded: str) -> None:
    (model, optimizer), (other, second) = trained(saved), trained(loaded, steps=1)
    other.load_state_dict(model.state_dict())
    second.load_state_dict(optimizer.state_dict())
    assert {d.partition(":")[0] for d in devices(other.state_dict().values())} == {loaded}
    for p, q in zip(model.parameters(), other.parameters()):
        assert q.tolist() == p.tolist()
        assert second.state[q]["exp_avg"].device == q.device
        assert second.state[q]["exp_avg"].tolist() == optimizer.state[p]["exp_avg"].tolist()
    for p in other.parameters():
        p.grad = torch.ones_like(p)
    second.step()


@pytest.mark.parametrize("legacy", [False, True], ids=["zip", "legacy"])
def test_checkpoints(legacy: bool, tmp_path: Path) -> None:
    x = torch.arange(6.0, device="cuda").reshape(2, 3)
    path = tmp_path / "x.pt"
    if legacy:
        torch_ = pytest.importorskip("torch")
        torch_.save([torch_.arange(6.0).reshape(2, 3)], path, _use_new_zipfile_serialization=False)
        (there,) = torch.load(path, map_location="cuda")
        assert there.is_cuda and there.tolist() == x.tolist()
        return
    torch.save({"x": x, "row": x[1], "cpu": torch.ones(1), "p": nn.Parameter(x.clone())}, path)
    back = torch.load(path)
    assert [str(back[k].device) for k in ("x", "row", "cpu", "p")] == ["cuda:0", "cuda:0", "cpu", "cuda:0"]
    back["row"].zero_()
    assert back["x"].tolist() == [[0, 1, 2], [0, 0, 0]]  # they share memory, as they did
    for place in ("cpu", torch.device("cpu"), {"cuda:0": "cpu"}, lambda storage, location: storage.cpu()):
        assert torch.load(path, map_location=place)["x"].is_cpu
    for place in ("cuda", "cuda:0", {"cpu": "cuda:0"}, lambda storage, location: storage.cuda()):
        assert torch.load(path, map_location=place)["cpu"].is_cuda
    torch_ = pytest.importorskip("torch")
    theirs = torch_.load(path, map_location="cpu")
    assert theirs["x"].tolist() == x.tolist() and theirs["row"].tolist() == x[1].tolist()


def test_checkpoints_of_a_gpu_that_is_not_there() -> None:
    torch.cuda.set_device(1)
    file = io.BytesIO()
    torch.save(torch.ones(1, device="cuda"), file)
    file.seek(0)
    with stand_in_cupy.gpus(1):
        with pytest.raises(RuntimeError, match=r"CUDA device 1 but torch.cuda.device_count\(\) is 1"):
            torch.load(file)
        file.seek(0)
        assert torch.load(file, map_location="cuda").tolist() == [1]


def test_safetensors(tmp_path: Path) -> None:
    path = tmp_path / "x.safetensors"
    torch.serialization.save_safetensors({"x": torch.ones(2, device="cuda")}, path)
    assert torch.load(path)["x"].is_cpu and torch.load(path, map_location="cuda")["x"].is_cuda


def test_autocast_and_scaler() -> None:
    model = network(device="cuda")
    optimizer = optim.SGD(model.parameters(), lr=0.1)
    scaler = torch.amp.GradScaler("cuda", init_scale=8.0)
    before = model[5].weight.tolist()
    loss = model(torch.rand(2, 1, 8, 8, device="cuda")).square().mean()
    scaler.scale(loss).backward()
    scaler.step(optimizer)
    scaler.update()
    assert model[5].weight.tolist() != before and model[5].weight.is_cuda
