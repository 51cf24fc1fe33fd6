"""`torch.mps`: what programs ask about Apple's GPU. It is not used here, so seeds and synchronisation do nothing."""

from __future__ import annotations


def is_available() -> bool:
    """Whether tensors can be put on Apple's GPU: no."""
    return False


def device_count() -> int:
    """How many of them there are for Rushlight: 0."""
    return 0


def manual_seed(seed: int) -> None:
    """Seeds the GPU's generator: there is none."""


def seed() -> None:
    """Seeds the GPU's generator at random: there is none."""


def synchronize() -> None:
    """Waits for the GPU: nothing to wait for."""


def empty_cache() -> None:
    """Gives back unused memory of the GPU: none is held."""


def current_allocated_memory() -> int:
    """Bytes in use on the GPU: 0."""
    return 0


driver_allocated_memory = recommended_max_memory = current_allocated_memory


def set_per_process_memory_fraction(fraction: float) -> None:
    """Bounds the memory on the GPU: none is used."""
