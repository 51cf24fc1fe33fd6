"""Where tensors live: `device("cpu")`, `device("cuda:1")`; where they are made if nothing is said; and what other
devices are answered with."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from . import gpu
from .errors import OperatorError

KNOWN = ("cpu", "cuda", "mps", "xpu", "meta", "hpu", "ipu", "lazy", "maia", "mtia", "privateuseone", "vulkan", "xla")


class device:
    """A device type and, optionally, its number: `device("cpu")`, `device("cuda:1")`, `device("cuda", 1)`.

    Raises:
        RuntimeError: the text names no device.

    Example:
        >>> device("cuda:1").index
        1
    """

    __slots__ = ("index", "type")
    type: str
    index: int | None

    def __init__(self, type: str | device | int, index: int | None = None) -> None:
        text = f"cuda:{type}" if isinstance(type, int) else str(type)
        name, colon, number = text.partition(":")
        if name not in KNOWN or (colon and not number.isdigit()) or (colon and index is not None):
            raise OperatorError(f"device: {text!r} is not one of {', '.join(KNOWN)}, with or without ':NUMBER'")
        self.type = name
        self.index = int(number) if colon else index

    def __repr__(self) -> str:
        return (
            f"device(type={self.type!r})" if self.index is None else f"device(type={self.type!r}, index={self.index})"
        )

    def __str__(self) -> str:
        return self.type if self.index is None else f"{self.type}:{self.index}"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, device) and (self.type, self.index) == (other.type, other.index)

    def __hash__(self) -> int:
        return hash((self.type, self.index))

    def __reduce__(self) -> tuple[Any, tuple[str, int | None]]:
        return device, (self.type, self.index)

    def __enter__(self) -> device:
        """A block in which tensors are made on this device."""
        found = check_device(self)
        chosen.before.append(chosen.device)
        chosen.device = found
        return self

    def __exit__(self, *failure: object) -> None:
        chosen.device = chosen.before.pop()


CPU = device("cpu")


class _Chosen(threading.local):
    """Where this thread's program has tensors made, and whether it chose that."""

    def __init__(self) -> None:
        self.device = CPU
        self.default = False  # set_default_device was called
        self.before: list[device] = []  # outside of each `with device(...)` block

    def __bool__(self) -> bool:
        return self.default or bool(self.before)

    @contextmanager
    def aside(self) -> Iterator[None]:
        """A block in which nothing counts as chosen.

        torch: with a device chosen, `Tensor.backward` is looked up and called once more by what chose the device, so a
        function that a program has put in its place is called twice.
        """
        default, before = self.default, self.before
        self.default, self.before = False, []
        try:
            yield
        finally:
            self.default, self.before = default, before


chosen = _Chosen()


def get_default_device() -> device:
    """Where tensors are made: the CPU unless `set_default_device` or a `with device(...)` block says otherwise."""
    return chosen.device


def set_default_device(device: device | str | int | None) -> None:
    """Makes tensors on another device by default; None is the CPU.

    Raises:
        NotImplementedError (also a RuntimeError): it is not there.
    """
    chosen.device = CPU if device is None else check_device(device)
    chosen.default = device is not None


def check_device(where: device | str | int | None) -> device:
    """The device asked for (a GPU with its number), the chosen one for None, or an error that says what to do."""
    if where is None:
        return chosen.device
    found = where if isinstance(where, device) else device(where)
    if found.type == "cpu":
        return CPU
    if found.type == "cuda":
        return device("cuda", gpu.index_of(found.index))
    raise gpu.NoDeviceError(f"device {found}: Rushlight computes on 'cpu' and 'cuda' only; use one of them")
