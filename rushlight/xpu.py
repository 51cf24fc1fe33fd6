"""`torch.xpu`: what programs ask about Intel's GPUs. They are not used here."""

from __future__ import annotations

from typing import Any


def is_available() -> bool:
    """Whether tensors can be put on one: no."""
    return False


is_initialized = is_available


def device_count() -> int:
    """How many there are for Rushlight: 0."""
    return 0


def memory_allocated(device: Any = None) -> int:
    """Bytes in use on one: 0."""
    return 0


max_memory_allocated = memory_allocated


def manual_seed(seed: int) -> None:
    """Seeds one's generator: there is none, and nothing to do."""


manual_seed_all = manual_seed


def synchronize(device: Any = None) -> None:
    """Waits for one: nothing to wait for."""


empty_cache = reset_peak_memory_stats = synchronize
