"""The generators of GPUs, by `torch.cuda`'s names. They draw on the CPU (see `Generator`), one for each GPU; without a
GPU seeding is accepted and does nothing."""

from __future__ import annotations

import os
from collections.abc import Iterable
from typing import Any

from .. import gpu
from ..device import device as Device
from ..random import Generator, of_gpu
from .devices import number_of


def _all() -> list[Generator]:
    return [of_gpu(index) for index in range(gpu.count())]


def manual_seed(seed: int) -> None:
    """Starts the current GPU's stream of `seed`."""
    if gpu.count():
        of_gpu(number_of(None)).manual_seed(int(seed))


def manual_seed_all(seed: int) -> None:
    """Starts the streams of `seed` of all GPUs."""
    for generator in _all():
        generator.manual_seed(int(seed))


def seed() -> None:
    """Seeds the current GPU's generator from the system's entropy."""
    if gpu.count():
        of_gpu(number_of(None)).seed()


def seed_all() -> None:
    """Seeds the generators of all GPUs from the system's entropy."""
    for generator in _all():
        generator.manual_seed(int.from_bytes(os.urandom(8), "little"))


def initial_seed() -> int:
    """The seed of the current GPU's generator.

    Raises:
        NotImplementedError (also a RuntimeError): there is no GPU.
    """
    return of_gpu(number_of(None)).initial_seed()


def get_rng_state(device: Any = "cuda") -> Any:
    """The state of a GPU's generator, bytes on the CPU; not laid out as PyTorch's GPU generator lays it out.

    Raises:
        NotImplementedError (also a RuntimeError): there is no GPU.
    """
    return of_gpu(number_of(device)).get_state()


def get_rng_state_all() -> list[Any]:
    """The states of all GPUs' generators."""
    return [generator.get_state() for generator in _all()]


def set_rng_state(new_state: Any, device: Any = "cuda") -> None:
    """Sets the state of a GPU's generator; without a GPU it does nothing, as in PyTorch without CUDA."""
    if gpu.count():
        of_gpu(number_of(device)).set_state(new_state)


def set_rng_state_all(new_states: Iterable[Any]) -> None:
    """Sets the states of all GPUs' generators."""
    for index, state in enumerate(new_states):
        set_rng_state(state, Device("cuda", index))
