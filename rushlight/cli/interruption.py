"""Ctrl-C that lets the step at hand finish, so that what was learnt so far is whole and can be saved."""

from __future__ import annotations

import signal
from collections.abc import Iterable, Iterator
from types import FrameType, TracebackType
from typing import Any, TypeVar

T = TypeVar("T")


class Interruption:
    """While entered, the first Ctrl-C only sets `pressed`; the second acts as it always does.

    Outside the main thread, where Python takes no signals, it leaves Ctrl-C alone.
    """

    def __init__(self) -> None:
        self.pressed = False
        self._usual: Any = None

    def until_pressed(self, items: Iterable[T]) -> Iterator[T]:
        """The items, up to the press."""
        for item in items:
            if self.pressed:
                return
            yield item

    def _press(self, number: int, frame: FrameType | None) -> None:
        self.pressed = True
        signal.signal(signal.SIGINT, self._usual)

    def __enter__(self) -> Interruption:
        try:
            self._usual = signal.signal(signal.SIGINT, self._press)
        except ValueError:
            self._usual = None
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._usual is not None:
            signal.signal(signal.SIGINT, self._usual)
