"""What programs ask about GPUs, answered truthfully: there is none here.

Questions are answered and seeding is accepted, so that `device = "cuda" if cuda.is_available() else "cpu"` and the
usual
preamble of a script work; whatever would need a GPU raises when a tensor is sent there.
"""

from __future__ import annotations


def is_available() -> bool:
    """Whether tensors can be put on a GPU: not in this version."""
    return False


def device_count() -> int:
    """How many GPUs there are for Rushlight: 0."""
    return 0


def is_initialized() -> bool:
    """Whether a GPU has been used."""
    return False


def is_bf16_supported(including_emulation: bool = True) -> bool:
    """Whether the GPU computes in bfloat16: there is none."""
    return False


def manual_seed(seed: int) -> None:
    """Seeds the GPU's generator: there is none, and nothing to do, as in PyTorch without CUDA."""


manual_seed_all = manual_seed


def synchronize(device: object = None) -> None:
    """Waits for the GPU: nothing to wait for."""


def empty_cache() -> None:
    """Gives back unused GPU memory: none is held."""
