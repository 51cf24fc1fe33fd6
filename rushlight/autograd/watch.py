"""Watching operators: for a while, something is called around each operator's forward and backward, in all threads.

It costs nothing when nobody watches: the classes' own functions are put aside and back.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from .tape import Operator

# (entry, "forward" or "backward", the function to call, its arguments after the entry) -> what that function gives
Around = Callable[[Any, str, Callable[..., Any], tuple[Any, ...]], Any]
KINDS = ("forward", "backward")
_watching = 0  # blocks, in all threads


def _classes(cls: Any) -> Iterator[Any]:
    yield cls
    for sub in cls.__subclasses__():
        yield from _classes(sub)


def _watched(kind: str, function: Callable[..., Any], around: Around) -> Any:
    def call(ctx: Any, *args: Any) -> Any:
        return around(ctx, kind, function, args)

    return staticmethod(call)


@contextmanager
def watching(around: Around) -> Iterator[None]:
    """A block in which `around` is called in place of every operator's forward and backward, and has to call it.

    Example:
        >>> names = []
        >>> def around(entry, kind, function, args):
        ...     names.append((type(entry).__name__, kind))
        ...     return function(entry, *args)
        >>> x = rushlight.ones(2, requires_grad=True)
        >>> with watching(around):
        ...     x.exp().backward(rushlight.ones(2))
        >>> names
        [('Exp', 'forward'), ('Exp', 'backward')]
    """
    global _watching
    plain = [(cls, kind, vars(cls)[kind]) for cls in set(_classes(Operator)) for kind in KINDS if kind in vars(cls)]
    for cls, kind, function in plain:
        setattr(cls, kind, _watched(kind, function.__get__(None, cls), around))
    _watching += 1
    try:
        yield
    finally:
        _watching -= 1
        for cls, kind, function in plain:
            setattr(cls, kind, function)
