"""`torch.accelerator`: what programs ask about the machine's GPU, whichever it is. Here it is `torch.cuda`'s."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from . import cuda
from .cuda import (
    current_stream,
    device_count,
    empty_cache,
    is_available,
    max_memory_allocated,
    max_memory_reserved,
    memory_allocated,
    memory_reserved,
    reset_peak_memory_stats,
    synchronize,
)
from .device import device
from .errors import OperatorError

__all__ = [
    "current_accelerator", "current_device_idx", "current_device_index", "current_stream", "device_count",
    "device_index", "empty_cache", "is_available", "max_memory_allocated", "max_memory_reserved", "memory_allocated",
    "memory_reserved", "reset_peak_memory_stats", "set_device_idx", "set_device_index", "synchronize",
]  # fmt: skip


def current_accelerator(check_available: bool = False) -> device | None:
    """The accelerator's device, `device("cuda")`; None if there is none, so that
    `accelerator.current_accelerator() or "cpu"` is the CPU."""
    return device("cuda") if is_available() else None


def current_device_index() -> int:
    """Which accelerator is in use.

    Raises:
        RuntimeError: there is none.
    """
    if not is_available():
        raise OperatorError(
            "accelerator: there is none on this machine that Rushlight can use; ask is_available() first"
        )
    return cuda.current_device()


current_device_idx = current_device_index


def set_device_index(device: Any) -> None:
    """Chooses an accelerator.

    Raises:
        RuntimeError: there is none.
    """
    current_device_index()
    cuda.set_device(device)


set_device_idx = set_device_index


@contextmanager
def device_index(device: int | None) -> Iterator[None]:
    """In the block, another accelerator is in use; None changes nothing.

    Raises:
        RuntimeError: there is none.
    """
    if device is None:
        yield
        return
    current_device_index()
    with cuda.device(device):
        yield
