"""Tensors on their way between devices, over the stand-in for CuPy."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import rushlight as torch
from rushlight import nn

pytestmark = pytest.mark.usefixtures("cupy")


def on(tensor: Any, device: str) -> Any:
    assert tensor.device == torch.device(device)
    return tensor


def test_to_and_back() -> None:
    x = torch.arange(6.0).reshape(2, 3)
    for there in (x.to("cuda"), x.cuda(), x.cuda(0), x.to(torch.device("cuda")), x.to(0), x.to(x.cuda())):
        assert on(there, "cuda:0").is_cuda and not there.is_cpu and there.get_device() == 0
        assert there.to("cuda") is there.cuda() is there.cuda(0) is there
        assert on(there.cpu(), "cpu").tolist() == x.tolist()
    assert x.cpu() is x.to("cpu") is x and x.get_device() == -1 and x.is_cpu
    assert on(x.to("cuda:0", torch.float64), "cuda:0").dtype is torch.float64
    assert on(x.to("cuda", non_blocking=True, copy=True), "cuda:0").tolist() == x.tolist()
    assert on(x.cuda().to(torch.float16), "cuda:0").dtype is torch.float16


def test_memory_order_is_kept() -> None:
    x = torch.rand(2, 3, 4, 5).to(memory_format=torch.channels_last)
    there = x.cuda()
    assert there.stride() == x.stride() and there.is_contiguous(memory_format=torch.channels_last)
    assert there.cpu().tolist() == x.tolist() and torch.rand(3, 2).T.cuda().shape == (2, 3)


def test_moves_carry_gradients() -> None:
    x = torch.ones(3, requires_grad=True)
    (x.cuda() * 3).cpu().sum().backward()
    assert on(x.grad, "cpu").tolist() == [3, 3, 3]
    w = torch.ones(2, device="cuda", requires_grad=True)
    (first,) = torch.autograd.grad((w.cpu() ** 3).sum(), w, create_graph=True)
    on(first, "cuda:0").sum().backward()
    assert on(w.grad, "cuda:0").tolist() == [6, 6]


@pytest.mark.parametrize("where", ["cuda", "cuda:1"])
def test_creation(where: str) -> None:
    torch.cuda.set_device(where == "cuda:1")
    device = torch.device("cuda", torch.cuda.current_device())
    x = torch.ones(2, 3, device=where)
    made = [
        *(f(2, 3, device=where) for f in (torch.zeros, torch.ones, torch.empty, torch.rand, torch.randn)),
        torch.full((2,), 7, device=where), torch.tensor([1, 2], device=where), torch.arange(5, device=where),
        torch.linspace(0, 1, 3, device=where), torch.logspace(0, 1, 3, device=where), torch.eye(3, device=where),
        torch.randint(5, (2,), device=where), torch.randperm(4, device=where), torch.as_tensor([1], device=where),
        torch.as_tensor(np.ones(2), device=where), torch.asarray([1.0], device=where), torch.Tensor(2, device=where),
        torch.empty_strided((2, 2), (1, 2), device=where), torch.scalar_tensor(2, device=where),
        torch.normal(0.0, 1.0, (2,), device=where), torch.hann_window(4, device=where),
        torch.tril_indices(2, 2, device=where), torch.fft.fftfreq(4, device=where), torch.range(0, 2, device=where),
        torch.testing.make_tensor(2, dtype=torch.float32, device=where),
        torch.empty((2, 3, 4, 5), device=where, memory_format=torch.channels_last),
        torch.empty_permuted((2, 3), (1, 0), device=where),
    ]  # fmt: skip
    like = [
        f(torch.ones(2), device=where) for f in (torch.zeros_like, torch.ones_like, torch.empty_like, torch.rand_like)
    ]
    assert all(tensor.device == device for tensor in made + like)
    new = [x.new_zeros(2), x.new_ones(2), x.new_empty(2), x.new_full((2,), 1), x.new_tensor([1.0]), x.new(2)]
    new += [torch.zeros_like(x), torch.randn_like(x), torch.full_like(x, 2), torch.tensor(x), torch.randint_like(x, 4)]
    assert all(tensor.device == device for tensor in new)
    assert x.new_zeros(2, device="cpu").is_cpu and torch.ones_like(x, device="cpu").tolist() == [[1] * 3] * 2
    assert torch.full((2,), 7, device=where).tolist() == [7, 7] and torch.eye(2, device=where).tolist() == [
        [1, 0],
        [0, 1],
    ]


def test_out_stays_where_it_is() -> None:
    out = torch.empty(0, device="cuda")
    for make in (lambda: torch.arange(3, out=out), lambda: torch.zeros(3, out=out), lambda: torch.rand(3, out=out)):
        assert make() is out and on(out, "cuda:0").shape == (3,)


def test_default_device() -> None:
    torch.set_default_device("cuda")
    assert torch.get_default_device() == on(torch.ones(2), "cuda:0").device
    with torch.device("cpu"):
        assert torch.rand(2).is_cpu and torch.tensor([1.0]).is_cpu
        with torch.device("cuda:0"):
            on(nn.Linear(2, 3).weight, "cuda:0")
    on(torch.tensor([1]), "cuda:0")
    assert torch.from_numpy(np.ones(1)).is_cpu and on(torch.ones(2), "cuda:0").mul(2).sum().item() == 4
    torch.set_default_device(None)
    assert torch.ones(2).is_cpu


def test_random_numbers_follow_the_seed() -> None:
    def drawn(device: str) -> list[Any]:
        torch.manual_seed(3)
        x = torch.empty(5, device=device).normal_()
        y = torch.empty(4, 6, device=device).T.uniform_()
        p = torch.full((4,), 0.5, device=device)
        tensors = [x, y, torch.rand(3, device=device), torch.bernoulli(p), torch.multinomial(p, 2), torch.poisson(p)]
        tensors += [torch.nn.functional.dropout(torch.ones(9, device=device)), torch.randperm(5, device=device)]
        tensors += [torch.normal(p, 1.0), torch.rand_like(p), p.clone().bernoulli_(p), p.clone().exponential_()]
        assert all(t.device.type == device.partition(":")[0] for t in tensors)
        return [t.tolist() for t in tensors]

    assert drawn("cuda") == drawn("cpu")


def test_generators() -> None:
    g, h = torch.Generator("cuda").manual_seed(5), torch.Generator().manual_seed(5)
    assert g.device == torch.device("cuda:0")
    assert torch.rand(3, generator=g, device="cuda").tolist() == torch.rand(3, generator=h).tolist()
    with pytest.raises(RuntimeError, match="Expected a 'cpu' device type for generator but found 'cuda'"):
        torch.rand(3, generator=g)
    with pytest.raises(RuntimeError, match="Expected a 'cuda' device type for generator but found 'cpu'"):
        torch.empty(2, device="cuda").normal_(generator=h)
    with torch.random.fork_rng():
        before = torch.rand(2, device="cuda")
    assert torch.rand(2, device="cuda").tolist() == before.tolist()


def test_numpy_and_numbers() -> None:
    x = torch.tensor([1.5, 2.0], device="cuda")
    with pytest.raises(TypeError, match="can't convert cuda:0 device type tensor to numpy. Use Tensor.cpu"):
        x.numpy()
    with pytest.raises(TypeError, match="can't convert cuda:0"):
        np.asarray(x)
    assert x.numpy(force=True).tolist() == x.tolist() == [1.5, 2.0]
    assert x[0].item() == float(x[0]) == 1.5 and int(x[1]) == 2 and bool(x[0]) and f"{x[1]:.1f}" == "2.0"
    assert repr(x) == "tensor([1.5000, 2.0000], device='cuda:0')"
    assert "device='cuda:0', dtype=torch.float64" in repr(x.double())


def test_mixed_devices() -> None:
    x, y = torch.ones(2, device="cuda"), torch.ones(2)
    for use in (lambda: x + y, lambda: torch.matmul(y, x), lambda: torch.cat([x, y]), lambda: x.mul_(y)):
        with pytest.raises(
            RuntimeError, match=r"\w+: Expected all tensors to be on the same device, but found at leas"
        ):
            use()
    torch.cuda.set_device(1)
    with pytest.raises(RuntimeError, match="Add.*cuda:0 and cuda:1"):
        x + torch.ones(2, device="cuda")
    assert on(x.to("cuda:1"), "cuda:1").tolist() == [1, 1]
    torch.cuda.set_device(0)
    with pytest.raises(RuntimeError, match="Linear.*cuda:0 and cpu"):
        nn.Linear(2, 3)(x)
    assert on(x * torch.tensor(3.0), "cuda:0").tolist() == [3, 3]
    scale = torch.tensor(2.0, requires_grad=True)
    (x * scale).sum().backward()
    assert on(scale.grad, "cpu").item() == 2
    assert x[torch.tensor([1])].tolist() == [1] and x.copy_(torch.tensor([4.0, 5])).tolist() == [4, 5]
    assert y.copy_(x).tolist() == [4, 5] and y.is_cpu


def test_one_gpu_in_a_process() -> None:
    for use in (
        lambda: torch.ones(1, device="cuda:1"),
        lambda: torch.ones(1).cuda(1),
        lambda: torch.Generator("cuda:1"),
    ):
        with pytest.raises(NotImplementedError, match=r"cuda:1: .* one GPU in a process.*set_device\(1\)"):
            use()
    with pytest.raises(RuntimeError, match="cuda:7: CUDA error: invalid device ordinal"):
        torch.ones(1, device="cuda:7")
    with torch.cuda.device(1):
        x = torch.rand(3, 4, device="cuda:1", requires_grad=True)
        (x.softmax(1) @ x.T).relu().sum().backward()
        assert on(x.grad, "cuda:1").shape == (3, 4)
    on(torch.ones(1).cuda(), "cuda:0")


def test_pinned_memory() -> None:
    x = torch.rand(3, 2)
    pinned = x.pin_memory()
    assert pinned.is_pinned() and pinned.pin_memory() is pinned and not x.is_pinned() and pinned.tolist() == x.tolist()
    assert on(pinned.to("cuda", non_blocking=True), "cuda:0").tolist() == x.tolist() and pinned[0].is_pinned()


def test_dlpack(cupy: Any) -> None:
    x = torch.ones(2, device="cuda")
    assert x.__dlpack_device__() == (2, 0) and torch.ones(1).__dlpack_device__() == (1, 0)
    assert on(torch.from_dlpack(x), "cuda:0").data_ptr() == x.data_ptr()
    assert on(torch.from_dlpack(x, device="cpu"), "cpu").tolist() == [1, 1]

    class Foreign:
        _array = x._array

        def __dlpack_device__(self) -> tuple[int, int]:
            return 2, 0

    del Foreign._array
    seen = []
    cupy.from_dlpack = lambda array: seen.append(array) or x._array
    assert torch.from_dlpack(foreign := Foreign()).data_ptr() == x.data_ptr() and seen == [foreign]


def test_pickles_and_copies() -> None:
    import copy
    import pickle

    x = nn.Parameter(torch.rand(3, device="cuda"))
    for twin in (pickle.loads(pickle.dumps(x)), copy.deepcopy(x)):
        assert on(twin, "cuda:0").tolist() == x.tolist() and type(twin) is nn.Parameter


def test_storages_are_of_the_cpu() -> None:
    with pytest.raises(NotImplementedError, match="storage.*cpu"):
        torch.ones(1, device="cuda").storage()
    with pytest.raises(NotImplementedError, match="storage.*cuda"):
        torch.UntypedStorage(4, device="cuda")
