"""Contexts that change what operators do: `vmap` maps them over a batch, `autocast` casts their arguments.

While one is entered, in any thread, `Operator.apply` is replaced by a method that asks this thread's handlers, the
innermost first. Nothing is asked, and nothing costs, while none is.
"""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Callable, Iterator
from typing import Any

from .tape import Entry, Operator, View, ViewEntry

Handler = Callable[[Any, tuple[Any, ...], Callable[..., Any]], Any]  # (operator, args, go on with these args) -> result


class _Handlers(threading.local):
    """This thread's handlers, the outermost first."""

    def __init__(self) -> None:
        self.stack: tuple[Handler, ...] = ()


_handlers = _Handlers()
_lock = threading.Lock()
_entered = 0  # contexts, in all threads


def plain(cls: Any, args: Any) -> Any:
    """What `apply` is while nothing intercepts it."""
    entry: Any = ViewEntry if issubclass(cls, View) else Entry
    return vars(entry)["apply"].__get__(None, cls)(*args)


_everywhere: Callable[[Any, Any], Any] = plain  # what operators do after all handlers, in all threads


def set_everywhere(function: Callable[[Any, tuple[Any, ...]], Any]) -> None:
    """Puts `function(operator, args)` in the place of `plain`, for good."""
    global _everywhere
    if _everywhere is plain:
        _swap(1)
    _everywhere = function


def _ask(cls: Any, args: tuple[Any, ...], handlers: tuple[Handler, ...]) -> Any:
    if not handlers:
        return _everywhere(cls, args)
    return handlers[-1](cls, args, lambda *changed: _ask(cls, changed, handlers[:-1]))


def _apply(cls: Any, *args: Any) -> Any:
    return _ask(cls, args, _handlers.stack)


def _swap(change: int) -> None:
    """Puts the replacement in place with the first context, and takes it away with the last."""
    global _entered
    with _lock:
        _entered += change
        for cls in (Operator, View):
            if _entered:
                cls.apply = classmethod(_apply)  # type: ignore[assignment]
            elif "apply" in vars(cls):
                del cls.apply


def is_intercepting() -> bool:
    """Whether this thread's operators are asked for."""
    return bool(_handlers.stack)


@contextlib.contextmanager
def intercepting(handler: Handler) -> Iterator[None]:
    """A block in which this thread's operators go through `handler(cls, args, proceed)`."""
    before = _handlers.stack
    _handlers.stack = (*before, handler)
    _swap(1)
    try:
        yield
    finally:
        _handlers.stack = before
        _swap(-1)
