"""`torch.cpu`: the CPU asked as if it were a GPU."""

from __future__ import annotations

from typing import Any


def is_available() -> bool:
    """Whether tensors can be put on the CPU: yes."""
    return True


def is_initialized() -> bool:
    """Whether the CPU has been used: yes."""
    return True


def device_count() -> int:
    """How many CPUs there are, counted as devices: 1."""
    return 1


def current_device() -> str:
    """The device in use."""
    return "cpu"


def set_device(device: Any) -> None:
    """Chooses the CPU: there is no other."""


def synchronize(device: Any = None) -> None:
    """Waits for work in the background: there is none."""
