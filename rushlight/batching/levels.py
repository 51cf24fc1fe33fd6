"""Levels, which are `vmap`s on their way, and those that run in a thread."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Iterator, Sequence
from typing import Any

from ..autograd.tape import tick


class Level:
    """One `vmap` on its way: the size of its batch, and when it began, by the tape's clock."""

    def __init__(self, size: int, randomness: str) -> None:
        self.size = size
        self.start = tick()
        self.randomness = randomness
        self.running = True
        self.borders: dict[Any, Any] = {}  # see operators.py: tape entry from outside -> the entry put in front of it


class _Running(threading.local):
    """The levels of this thread, the outermost first."""

    def __init__(self) -> None:
        self.levels: tuple[Level, ...] = ()


_running = _Running()


def running_levels() -> tuple[Level, ...]:
    """The `vmap`s that are running in this thread, the outermost first."""
    return _running.levels


@contextlib.contextmanager
def only(levels: Sequence[Level]) -> Iterator[None]:
    """A block in which this thread runs these levels only."""
    before, _running.levels = _running.levels, tuple(levels)
    try:
        yield
    finally:
        _running.levels = before
