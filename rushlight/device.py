"""Where tensors live: `device("cpu")`, and what other devices are answered with."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from .errors import OperatorError, UnsupportedError

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
        """A block in which tensors are made on this device: it has to be the CPU."""
        check_device(self)
        chosen.blocks += 1
        return self

    def __exit__(self, *failure: object) -> None:
        chosen.blocks -= 1


class _Chosen(threading.local):
    """Whether this thread's program has chosen where tensors are made (there is no choice, but see `aside`)."""

    blocks = 0
    default = False

    @contextmanager
    def aside(self) -> Iterator[None]:
        """A block in which nothing is chosen.

        torch: with a device chosen, `Tensor.backward` is looked up and called once more by what chose the device, so a
        function that a program has put in its place is called twice.
        """
        blocks, default = self.blocks, self.default
        self.blocks, self.default = 0, False
        try:
            yield
        finally:
            self.blocks, self.default = blocks, default


chosen = _Chosen()


CPU = device("cpu")


def get_default_device() -> device:
    """Where tensors are made: the CPU."""
    return CPU


def set_default_device(device: device | str | int | None) -> None:
    """Makes tensors on another device by default.

    Raises:
        NotImplementedError: it is not the CPU.
    """
    check_device(device)
    chosen.default = device is not None


def check_device(where: device | str | int | None) -> device:
    """The device asked for, or an error that says what to do: only "cpu" holds arrays so far."""
    if where is None or where is CPU:
        return CPU
    found = where if isinstance(where, device) else device(where)
    if found.type == "cpu":
        return found
    raise UnsupportedOnCPU(found)


class UnsupportedOnCPU(UnsupportedError, RuntimeError, AssertionError):
    """A device other than the CPU was asked for. PyTorch raises one of these classes, by device and function."""

    def __init__(self, where: device) -> None:
        super().__init__(f"device {where}: this Rushlight computes on the CPU only; use device='cpu' (or leave it out)")
