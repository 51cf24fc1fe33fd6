"""Whether operators are recorded: `no_grad`, `enable_grad`, `set_grad_enabled`, `inference_mode`.

Each is a context manager and a decorator, and holds for the thread that entered it.
"""

from __future__ import annotations

import functools
import inspect
import threading
from collections.abc import Callable, Iterator
from typing import Any, TypeVar

from ..kernels import native

F = TypeVar("F", bound=Callable[..., Any])


class _Mode(threading.local):
    """The settings of each thread; with a native build its twin in native/python/tape.cpp."""

    enabled = True
    inference = False


mode = _Mode() if native is None else native.mode


def is_grad_enabled() -> bool:
    """Whether operators are being recorded in this thread."""
    return mode.enabled


def is_inference_mode_enabled() -> bool:
    """Whether this thread is inside `inference_mode`."""
    return mode.inference


class _Switch:
    """A context manager and decorator that sets `mode.enabled` and puts back what was there.

    One object may be entered several times, so what was there is kept on a stack.
    """

    def __init__(self, enabled: bool) -> None:
        self.enabled = enabled
        self.before: list[tuple[bool, bool]] = []

    def enter(self) -> None:
        self.before.append((mode.enabled, mode.inference))
        mode.enabled = self.enabled

    def __enter__(self) -> None:
        self.enter()

    def __exit__(self, *failure: object) -> None:
        mode.enabled, mode.inference = self.before.pop()

    def clone(self) -> _Switch:
        return type(self)(self.enabled)

    def __call__(self, function: F) -> F:
        wrap = self._wrap_generator if inspect.isgeneratorfunction(function) else self._wrap
        return wrap(function)  # type: ignore[return-value]

    def _wrap(self, function: Callable[..., Any]) -> Callable[..., Any]:
        @functools.wraps(function)
        def call(*args: Any, **kwargs: Any) -> Any:
            with self.clone():
                return function(*args, **kwargs)

        return call

    def _wrap_generator(self, function: Callable[..., Iterator[Any]]) -> Callable[..., Iterator[Any]]:
        """The switch holds while the generator runs, not while its consumer does."""

        @functools.wraps(function)
        def call(*args: Any, **kwargs: Any) -> Iterator[Any]:
            steps = function(*args, **kwargs)
            while True:
                with self.clone():
                    try:
                        value = next(steps)
                    except StopIteration as end:
                        return end.value
                yield value

        return call


class _Fixed(_Switch):
    """A switch whose setting is in its name; usable as `@no_grad` and `@no_grad()`."""

    setting: bool

    def __new__(cls, function: Callable[..., Any] | None = None) -> Any:
        made = super().__new__(cls)
        if function is None:
            return made
        made.__init__()  # type: ignore[misc]
        return made(function)

    def __init__(self) -> None:
        super().__init__(self.setting)

    def clone(self) -> _Switch:
        return type(self)()


class no_grad(_Fixed):
    """Nothing is recorded: for evaluation and for updates by hand.

    Example:
        >>> x = rushlight.ones(2, requires_grad=True)
        >>> with rushlight.no_grad():
        ...     y = x * 2
        >>> y.requires_grad
        False
    """

    setting = False


class enable_grad(_Fixed):
    """Operators are recorded, also inside `no_grad`."""

    setting = True


class set_grad_enabled(_Switch):
    """Recording on or off by a flag, at once; as a context manager it is put back at the end."""

    def __init__(self, mode: bool) -> None:
        super().__init__(mode)
        self.enter()

    def __enter__(self) -> None:
        if not self.before:
            self.enter()

    def __call__(self, function: F) -> F:
        self.__exit__()
        return super().__call__(function)

    def clone(self) -> _Switch:
        return _Switch(self.enabled)


class inference_mode(_Switch):
    """`no_grad` under the name that PyTorch gives its strictest form.

    Tensors made inside are ordinary ones here: nothing has to be turned off for them to be fast.
    """

    def __new__(cls, mode: bool | Callable[..., Any] = True) -> Any:
        made = super().__new__(cls)
        if isinstance(mode, bool):
            return made
        made.__init__()  # type: ignore[misc]
        return made(mode)

    def __init__(self, mode: bool = True) -> None:
        super().__init__(not mode)

    def enter(self) -> None:
        inference = not self.enabled
        super().enter()
        mode.inference = inference
        if not inference:
            mode.enabled = self.before[-1][0]  # inference_mode(False) changes nothing by itself

    def clone(self) -> _Switch:
        return type(self)(not self.enabled)
