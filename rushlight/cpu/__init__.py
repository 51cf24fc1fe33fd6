"""`torch.cpu`: the CPU asked as if it were a GPU."""

from __future__ import annotations

from types import ModuleType as _ModuleType
from typing import Any

from .. import rooms as _rooms


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


def __getattr__(name: str) -> _ModuleType:
    """`cpu.amp`, also without an import of its own."""
    return _rooms.room(__name__, name)
