"""Every name and signature of CuPy that Rushlight uses, and that its stand-in has, is in the real package."""

from __future__ import annotations

import contextlib
import inspect
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import stand_in_cupy
from stand_in import is_numpy_only

import rushlight as torch

real = pytest.importorskip("cupy", exc_type=ImportError)


def names(found: Any, path: str = "") -> list[str]:
    """All names in the stand-in, with a dot between one and what it is in."""
    listed = []
    for name, value in vars(found).items():
        if not name.startswith("_"):
            listed += names(value, f"{path}{name}.") if isinstance(value, SimpleNamespace) else [path + name]
    return listed


def find(root: Any, path: str) -> Any:
    for name in path.split("."):
        root = getattr(root, name)
    return root


FAKE = stand_in_cupy.module()


@pytest.mark.parametrize("path", names(FAKE))
def test_names_exist(path: str) -> None:
    assert hasattr(find(real, path), "__doc__")


@pytest.mark.parametrize("path", ["asarray", "zeros", "ones", "empty", "full"])
def test_arguments(path: str) -> None:
    theirs = inspect.signature(find(real, path)).parameters
    ours = [p for p in inspect.signature(find(FAKE, path)).parameters.values() if p.kind is not p.VAR_KEYWORD]
    assert all(p.name in theirs for p in ours if p.kind not in (p.VAR_POSITIONAL,))


@pytest.mark.parametrize(
    ("path", "members"),
    [
        (
            "ndarray",
            "get set device data strides flags dtype copy reshape transpose __array_ufunc__ __array_function__",
        ),
        ("ndarray", "__dlpack__ __dlpack_device__ ravel view base nbytes item"),
        ("cuda.Device", "id use synchronize compute_capability pci_bus_id __enter__ __exit__"),
        ("cuda.Stream", "null use synchronize done record wait_event priority __enter__ __exit__"),
        ("cuda.Event", "record synchronize done"),
        ("cuda.MemoryPool", "used_bytes total_bytes free_bytes free_all_blocks set_limit"),
        ("cuda.MemoryHook", "malloc_postprocess __enter__ name"),
    ],
)
def test_members(path: str, members: str) -> None:
    assert [name for name in members.split() if not hasattr(find(real, path), name)] == []


@pytest.mark.parametrize(
    ("path", "arguments"),
    [
        ("ndarray.set", "arr stream"),
        ("ndarray.get", "stream order out blocking"),
        ("cuda.Stream.__init__", "null non_blocking ptds priority"),
        ("cuda.Event.__init__", "block disable_timing interprocess"),
        ("cuda.MemoryHook.malloc_postprocess", "device_id size mem_size mem_ptr pmem_id"),
        ("cuda.MemoryPool.set_limit", "size fraction"),
        ("cuda.get_elapsed_time", "start_event end_event"),
        ("cuda.get_current_stream", "device_id"),
        ("cuda.alloc_pinned_memory", "size"),
        ("cuda.runtime.deviceCanAccessPeer", "device peerDevice"),
        ("from_dlpack", "array device copy"),
    ],
)
def test_named_arguments(path: str, arguments: str) -> None:
    function = find(real, path)
    known = function.__doc__ or ""  # of what is compiled it has the signature
    with contextlib.suppress(ValueError):
        known += " ".join(inspect.signature(function).parameters)
    assert all(name in known for name in arguments.split()), known


def test_the_stand_in_refuses_the_functions_that_cupy_lacks() -> None:
    dates = {"busday_count", "busday_offset", "datetime_as_string", "is_busday"}  # of dtypes that no tensor has
    wrong = []
    for ours, theirs in ((np, real), (np.linalg, real.linalg), (np.fft, real.fft)):
        for name, function in vars(ours).items():
            dispatched = isinstance(function, np.ufunc) or hasattr(function, "_implementation")
            if dispatched and name not in dates and is_numpy_only(function) is hasattr(theirs, function.__name__):
                wrong.append(f"{ours.__name__}.{name}")
    assert not wrong


@pytest.mark.skipif(real.cuda.is_available(), reason="there is a GPU")
def test_what_is_said_where_cupy_finds_no_gpu() -> None:
    assert not torch.cuda.is_available() and torch.cuda.device_count() == 0 == torch.cuda.memory_allocated()
    torch.cuda.manual_seed_all(1)
    torch.cuda.synchronize()
    assert torch.ones(2).pin_memory().tolist() == [1, 1]
    for use in (lambda: torch.ones(1).cuda(), lambda: torch.rand(1, device="cuda"), torch.cuda.Stream):
        with pytest.raises(
            NotImplementedError, match=r"device cuda: CuPy finds no GPU \(cudaError\w+: .*use device='cpu'"
        ):
            use()


def test_out_of_memory_is_a_memory_error() -> None:
    assert issubclass(real.cuda.memory.OutOfMemoryError, MemoryError)
    assert issubclass(real.cuda.runtime.CUDARuntimeError, RuntimeError)
