"""`torch.cuda` over the stand-in for CuPy, and what is said without a GPU."""

from __future__ import annotations

import sys
from typing import Any

import pytest
import stand_in_cupy

import rushlight as torch
from rushlight import cuda


@pytest.mark.usefixtures("cupy")
class TestWithGPUs:
    def test_devices(self) -> None:
        assert cuda.is_available() and cuda.device_count() == 2 and cuda.current_device() == 0
        assert cuda.get_device_name() == "Stand-In GPU" and cuda.get_device_capability(1) == (9, 0)
        assert cuda.get_device_properties("cuda:0").total_memory == 1 << 34 and cuda.is_bf16_supported()
        with cuda.device(1):
            assert cuda.current_device() == 1
            with cuda.device(None), cuda.device_of(torch.ones(1)):
                assert cuda.current_device() == 1
        assert cuda.current_device() == 0 and cuda.can_device_access_peer(0, 1)
        cuda.set_device("cuda:1")
        assert cuda.current_device() == 1 and torch.device("cuda") != torch.ones(1).cuda().device == torch.device(
            "cuda:1"
        )
        cuda.synchronize()
        assert torch.accelerator.current_accelerator() == torch.device("cuda")
        assert torch.accelerator.current_device_index() == 1
        with pytest.raises(RuntimeError, match="cuda:9.*there are 2"):
            cuda.set_device(9)
        with pytest.raises(ValueError, match="Expected a cuda device, but got: cpu"):
            cuda.set_device("cpu")

    def test_memory(self) -> None:
        assert cuda.memory_allocated() == 0
        x = torch.empty(1000, device="cuda")
        assert cuda.memory_allocated() == 4000 == cuda.memory_stats()["allocated_bytes.all.current"]
        del x
        assert cuda.memory_allocated() == 0 and cuda.max_memory_allocated() == 4000 == cuda.memory_reserved()
        cuda.empty_cache()
        assert cuda.memory_reserved() == 0 and "allocated_bytes.all.peak" in cuda.memory_summary()
        cuda.reset_peak_memory_stats()
        assert cuda.max_memory_allocated() == 0 and cuda.mem_get_info() == (1 << 34, 1 << 34)

    def test_out_of_memory_says_what_holds_it(self, cupy: Any) -> None:
        kept = torch.ones(100, 10, device="cuda", requires_grad=True)
        cupy.get_default_memory_pool().set_limit(4100)
        for use in (lambda: torch.zeros(50, device="cuda"), lambda: torch.ones(50).cuda()):
            with pytest.raises(torch.cuda.OutOfMemoryError, match=r"CUDA out of memory.*\(100, 10\) float32 0.0 MiB"):
                use()
        with pytest.raises(torch.OutOfMemoryError, match="allocating 4,000 bytes"):
            kept + 1

    def test_streams(self) -> None:
        side, event = cuda.Stream(), cuda.Event(enable_timing=True)
        assert cuda.current_stream() == cuda.default_stream() != side and side.device == torch.device("cuda:0")
        with cuda.stream(side):
            assert cuda.current_stream() == side
            event.record()
            with cuda.stream(None):
                torch.ones(2, device="cuda")
        assert cuda.current_stream() == cuda.default_stream()
        side.wait_stream(cuda.default_stream())
        end = side.record_event(cuda.Event(enable_timing=True))
        end.synchronize()
        assert event.elapsed_time(end) >= 0 and end.query() and side.query()
        event.wait(side)
        with pytest.raises(NotImplementedError, match="CUDAGraph"):
            cuda.CUDAGraph()

    def test_seeds(self) -> None:
        cuda.manual_seed_all(3)
        first = torch.rand(2, device="cuda").tolist()
        state = cuda.get_rng_state()
        second = torch.rand(2, device="cuda").tolist()
        cuda.set_rng_state(state)
        assert torch.rand(2, device="cuda").tolist() == second and cuda.initial_seed() == 3
        cuda.manual_seed(3)
        assert torch.rand(2, device="cuda").tolist() == first and len(cuda.get_rng_state_all()) == 2
        cuda.set_rng_state_all([state, state])
        assert torch.rand(2, device="cuda").tolist() == second

    def test_old_names(self) -> None:
        x = cuda.FloatTensor([1, 2])
        assert x.is_cuda and isinstance(x, cuda.FloatTensor) and not isinstance(x.cpu(), cuda.FloatTensor)
        assert not isinstance(x.long(), cuda.FloatTensor) and isinstance(x.long(), cuda.LongTensor)


def test_without_a_driver() -> None:
    with stand_in_cupy.gpus(0):
        assert not cuda.is_available() and cuda.device_count() == 0 and cuda.memory_allocated() == 0
        cuda.manual_seed_all(1)
        cuda.synchronize()
        with pytest.raises(RuntimeError, match=r"device cuda: CuPy finds no GPU \(cudaErrorInsufficientDriver"):
            torch.ones(1).cuda()


def test_without_cupy(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "cupy", None)
    assert not cuda.is_available() and torch.accelerator.current_accelerator() is None
    for use in (lambda: torch.ones(1, device="cuda"), cuda.current_device, cuda.Stream, lambda: torch.rand(1).cuda()):
        with pytest.raises(AssertionError, match=r"pip install rushlight\[cuda\], or use device='cpu'"):
            use()
