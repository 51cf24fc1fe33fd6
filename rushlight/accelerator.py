"""`torch.accelerator`: what programs ask about the machine's GPU, whichever it is. There is none here."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from .device import check_device, device
from .errors import OperatorError


def is_available() -> bool:
    """Whether there is an accelerator: no."""
    return False


def current_accelerator(check_available: bool = False) -> device | None:
    """The accelerator's device: None, so `accelerator.current_accelerator() or "cpu"` is the CPU."""
    return None


def device_count() -> int:
    """How many accelerators there are: 0."""
    return 0


def synchronize(device: Any = None) -> None:
    """Waits for the accelerator: nothing to wait for."""


def empty_cache() -> None:
    """Gives back unused memory of the accelerator: none is held."""


def current_device_index() -> int:
    """Which accelerator is in use.

    Raises:
        RuntimeError: there is none.
    """
    raise OperatorError("accelerator: there is none on this machine that Rushlight can use; ask is_available() first")


current_device_idx = current_device_index


def set_device_index(device: Any) -> None:
    """Chooses an accelerator.

    Raises:
        RuntimeError: there is none.
    """
    current_device_index()


set_device_idx = set_device_index


@contextmanager
def device_index(device: int | None) -> Iterator[None]:
    """In the block, another accelerator is in use; None changes nothing.

    Raises:
        RuntimeError: there is none.
    """
    if device is not None:
        current_device_index()
    yield


def memory_allocated(device: Any = None) -> int:
    """Bytes in use on the accelerator: 0."""
    return 0


max_memory_allocated = memory_reserved = max_memory_reserved = memory_allocated


def reset_peak_memory_stats(device: Any = None) -> None:
    """Begins to count the most bytes in use anew: none are."""


def current_stream(device: Any = None) -> None:
    """The accelerator's queue of work.

    Raises:
        NotImplementedError: there is no accelerator.
    """
    check_device("cuda")
