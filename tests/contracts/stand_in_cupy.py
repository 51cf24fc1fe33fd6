"""`cupy` for machines without a GPU: a module with the names that Rushlight uses of it, over stand-ins for its arrays.

It has GPUs that are as separate as real ones: an array lies on the one that was current when it was made, and what
computes with it on another raises (CuPy would warn, and read it through the bus). Memory is counted and can run out.
tests/gpu/test_cupy_names.py holds every name and signature in here to the real package, where that is installed.
"""

from __future__ import annotations

import ctypes
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from types import ModuleType, SimpleNamespace
from typing import Any

import numpy as np
import stand_in
from stand_in import StandIn

import rushlight
from rushlight import gpu
from rushlight.autograd import intercept, on_gpus, walk
from rushlight.autograd.tape import Operator, Pick
from rushlight.cuda import memory
from rushlight.kernels import native
from rushlight.random import of_gpus


class CUDARuntimeError(RuntimeError):
    """What the runtime reports."""


class OutOfMemoryError(MemoryError):
    def __str__(self) -> str:
        return f"Out of memory allocating {self.args[0]:,} bytes"


class Device:
    """`cupy.cuda.Device`."""

    def __init__(self, device: Any = None) -> None:
        self.id = stand_in.current[0] if device is None else int(getattr(device, "id", device))
        self._before: list[int] = []

    def __enter__(self) -> Device:
        self._before.append(stand_in.current[0])
        return self.use()

    def __exit__(self, *failure: object) -> None:
        stand_in.current[0] = self._before.pop()

    def use(self) -> Device:
        stand_in.current[0] = self.id
        return self

    def synchronize(self) -> None: ...

    compute_capability = "90"
    pci_bus_id = "0000:01:00.0"


stand_in.Device = Device


class Stream:
    """`cupy.cuda.Stream`: work is done when it is asked for, so all is always done."""

    chosen: list[Stream] = []

    def __init__(self, null: bool = False, non_blocking: bool = False, ptds: bool = False, priority: int = 0) -> None:
        self.non_blocking, self.priority, self.ptr = non_blocking, priority, id(self)
        self.done, self.log = True, []

    def __enter__(self) -> Stream:
        return self.use()

    def __exit__(self, *failure: object) -> None:
        Stream.chosen.pop()

    def use(self) -> Stream:
        Stream.chosen.append(self)
        return self

    def synchronize(self) -> None:
        self.log.append("synchronize")

    def record(self, event: Any = None) -> Any:
        event = Event() if event is None else event
        event.record(self)
        return event

    def wait_event(self, event: Any) -> None:
        self.log.append(("wait", event))


Stream.null = Stream(null=True)  # type: ignore[attr-defined]


class Event:
    """`cupy.cuda.Event`."""

    def __init__(self, block: bool = False, disable_timing: bool = False, interprocess: bool = False) -> None:
        self.block, self.disable_timing, self.time, self.done = block, disable_timing, 0.0, True
        self.ptr = id(self)

    def record(self, stream: Any = None) -> None:
        self.time = time.perf_counter()

    def synchronize(self) -> None: ...


class PinnedMemoryPointer(ctypes.Structure):
    """What `alloc_pinned_memory` gives: a buffer."""


def alloc_pinned_memory(size: int) -> Any:
    return type("Pinned", (PinnedMemoryPointer,), {"_fields_": [("bytes", ctypes.c_ubyte * size)]})()


class MemoryPool:
    """`cupy.cuda.MemoryPool`, which counts what the stand-ins of the current device own."""

    limit = 1 << 34
    kept: dict[int, int] = {}

    def used_bytes(self) -> int:
        return stand_in.bytes_on(stand_in.current[0])

    def total_bytes(self) -> int:
        here = stand_in.current[0]
        self.kept[here] = max(self.kept.get(here, 0), self.used_bytes())
        return self.kept[here]

    def free_bytes(self) -> int:
        return self.total_bytes() - self.used_bytes()

    def free_all_blocks(self, stream: Any = None) -> None:
        self.kept[stand_in.current[0]] = self.used_bytes()

    def set_limit(self, size: int | None = None, fraction: float | None = None) -> None:
        self.limit = int(fraction * (1 << 34)) if size is None else size  # type: ignore[operator]


class MemoryHook:
    """`cupy.cuda.MemoryHook`."""

    def __enter__(self) -> MemoryHook:
        stand_in.on_allocation.append(self._tell)
        return self

    def _tell(self, place: int, size: int) -> None:
        self.malloc_postprocess(device_id=place, size=size, mem_size=size, mem_ptr=0, pmem_id=0)

    def malloc_postprocess(self, **allocation: int) -> None: ...


def module(gpus: int = 2) -> Any:
    """A fresh `cupy` with that many GPUs; with none its runtime raises, as where there is no driver."""
    cupy: Any = ModuleType("cupy")
    pool = MemoryPool()

    def count() -> int:
        if not gpus:
            raise CUDARuntimeError("cudaErrorInsufficientDriver: CUDA driver version is insufficient")
        return gpus

    def made(name: str) -> Any:
        def make(shape: Any, *args: Any, **kwargs: Any) -> StandIn:
            return StandIn(getattr(np, name)(shape, *args, **kwargs))

        return make

    def asarray(a: Any, dtype: Any = None, order: Any = None, *, copy: Any = None, blocking: bool = False) -> StandIn:
        if isinstance(a, StandIn):
            return a
        return StandIn(np.array(a, dtype, order=order or "K"))

    def check_limit(place: int, size: int) -> None:
        if stand_in.bytes_on(place) > pool.limit:
            raise OutOfMemoryError(size)

    stand_in.on_allocation[:] = [check_limit]
    for name in ("zeros", "ones", "empty", "full"):
        setattr(cupy, name, made(name))
    cupy.ndarray, cupy.asarray, cupy.__version__ = StandIn, asarray, "14.2.0"
    cupy.get_default_memory_pool = lambda: pool
    cupy.from_dlpack = lambda array, *, device=None, copy=None: getattr(array, "_array", array)
    properties = {"name": b"Stand-In GPU", "totalGlobalMem": 1 << 34, "multiProcessorCount": 4, "major": 9, "minor": 0}
    cupy.cuda = SimpleNamespace(
        Device=Device,
        Stream=Stream,
        Event=Event,
        MemoryHook=MemoryHook,
        PinnedMemoryPointer=PinnedMemoryPointer,
        alloc_pinned_memory=alloc_pinned_memory,
        get_current_stream=lambda device_id=-1: Stream.chosen[-1] if Stream.chosen else Stream.null,
        get_elapsed_time=lambda start_event, end_event: (end_event.time - start_event.time) * 1e3,
        memory=SimpleNamespace(OutOfMemoryError=OutOfMemoryError),
        runtime=SimpleNamespace(
            CUDARuntimeError=CUDARuntimeError,
            getDeviceCount=count,
            getDevice=lambda: stand_in.current[0],
            setDevice=lambda device: Device(device).use() and None,
            memGetInfo=lambda: ((1 << 34) - pool.total_bytes(), 1 << 34),
            getDeviceProperties=lambda device: dict(properties),
            deviceCanAccessPeer=lambda device, peerDevice: int(device != peerDevice),
            driverGetVersion=lambda: 12040,
            runtimeGetVersion=lambda: 12090,
        ),
    )
    return cupy


@contextmanager
def gpus(count: int = 2) -> Iterator[Any]:
    """A block in which `import cupy` gives such a module; afterwards Rushlight is as before it saw a GPU."""
    before, sys.modules["cupy"] = sys.modules.get("cupy"), module(count)
    stand_in.current[0] = 0
    try:
        yield sys.modules["cupy"]
    finally:
        del sys.modules["cupy"]
        if before is not None:
            sys.modules["cupy"] = before
        stand_in.current[0] = 0
        of_gpus.clear()
        stand_in.on_allocation.clear()
        memory._most.clear()
        MemoryPool.kept.clear()
        rushlight.set_default_device(None)
        if gpu.in_use:
            _forget()


def _forget() -> None:
    gpu.in_use = False
    intercept._everywhere = intercept.plain
    intercept._swap(-1)
    Operator.differentiate = on_gpus._differentiate
    if native is not None:
        native.set_tape(Pick, Operator.differentiate, walk._call_hooks, walk._retain, walk._deliver)
