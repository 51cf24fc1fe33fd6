"""The memory of a GPU, which CuPy takes in blocks and keeps for reuse. Without a GPU all counts are 0.

CuPy's pool knows what is in use; the most that ever was is noted by a hook that it calls at each allocation, from the
first use of a GPU on, in the thread that used it first.
"""

from __future__ import annotations

from typing import Any

from .. import gpu
from .devices import device as on_device
from .devices import is_available, number_of

_most: dict[int, list[int]] = {}  # of each GPU: most bytes in use, most bytes taken


def _pool(which: Any) -> tuple[int, int]:
    """Bytes in use and bytes taken from the GPU."""
    if not is_available():
        return 0, 0
    with on_device(number_of(which)):
        pool = gpu.cupy().get_default_memory_pool()
        return int(pool.used_bytes()), int(pool.total_bytes())


def _peaks(which: Any) -> list[int]:
    """The most of both so far."""
    if not is_available():
        return [0, 0]
    index = number_of(which)
    return _note(index, _pool(index))


def _note(index: int, now: tuple[int, int]) -> list[int]:
    _most[index] = list(map(max, _most.get(index, (0, 0)), now))
    return _most[index]


def _watch() -> None:
    """Has CuPy tell of each allocation."""
    pool = gpu.cupy().get_default_memory_pool()

    class Peaks(gpu.cupy().cuda.MemoryHook):  # type: ignore[misc]
        name = "rushlight.cuda.memory"

        def malloc_postprocess(self, **allocation: Any) -> None:
            _note(allocation["device_id"], (int(pool.used_bytes()), int(pool.total_bytes())))

    Peaks().__enter__()


gpu.before_first_use(_watch)


def memory_allocated(device: Any = None) -> int:
    """Bytes that arrays use on the GPU."""
    return _pool(device)[0]


def memory_reserved(device: Any = None) -> int:
    """Bytes that CuPy has taken from the GPU, in use or kept for reuse."""
    return _pool(device)[1]


def max_memory_allocated(device: Any = None) -> int:
    """The most bytes that arrays used at a time, since the start or `reset_peak_memory_stats`."""
    return _peaks(device)[0]


def max_memory_reserved(device: Any = None) -> int:
    """The most bytes that CuPy had taken from the GPU."""
    return _peaks(device)[1]


memory_cached, max_memory_cached = memory_reserved, max_memory_reserved


def reset_peak_memory_stats(device: Any = None) -> None:
    """Begins to count the most bytes anew."""
    if is_available():
        _most.pop(number_of(device), None)


reset_max_memory_allocated = reset_max_memory_cached = reset_peak_memory_stats


def memory_stats(device: Any = None) -> dict[str, Any]:
    """The counts by PyTorch's names; none without a GPU."""
    if not is_available():
        return {}
    return {
        "allocated_bytes.all.current": memory_allocated(device),
        "allocated_bytes.all.peak": max_memory_allocated(device),
        "reserved_bytes.all.current": memory_reserved(device),
        "reserved_bytes.all.peak": max_memory_reserved(device),
    }


def memory_summary(device: Any = None, abbreviated: bool = False) -> str:
    """The counts as text, in MiB.

    Raises:
        NotImplementedError (also a RuntimeError): there is no GPU.
    """
    index, mib = number_of(device), 2**20
    rows = [f"{name:<32}{count / mib:>12.1f} MiB" for name, count in memory_stats(index).items()]
    free, total = mem_get_info(index)
    rows += [f"{'free on the GPU':<32}{free / mib:>12.1f} MiB", f"{'total':<32}{total / mib:>12.1f} MiB"]
    return "\n".join([f"memory of cuda:{index}", *rows])


def mem_get_info(device: Any = None) -> tuple[int, int]:
    """Bytes that are free on the GPU, and all that it has.

    Raises:
        NotImplementedError (also a RuntimeError): there is no GPU.
    """
    with on_device(number_of(device)):
        free, total = gpu.cupy().cuda.runtime.memGetInfo()
    return int(free), int(total)


def empty_cache() -> None:
    """Gives memory that is not in use back to the GPU."""
    if is_available():
        gpu.cupy().get_default_memory_pool().free_all_blocks()


def ipc_collect() -> None:
    """Releases memory that was sent to other processes: none ever is."""


def set_per_process_memory_fraction(fraction: float, device: Any = None) -> None:
    """Lets arrays use no more than this part of the GPU's memory, in [0, 1]."""
    with on_device(number_of(device)):
        gpu.cupy().get_default_memory_pool().set_limit(fraction=fraction)
