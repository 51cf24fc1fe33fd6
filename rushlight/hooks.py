"""Handles of hooks: what every `register_..._hook` returns."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterable
from typing import Any

_ids = itertools.count()


class RemovableHandle:
    """Takes a hook away again by `remove()`. Also a context manager that does so at its end.

    Args:
        hooks: the dict in which the hook is kept, under the handle's `id`.
        extra_dict: further dicts (one or several) that are keyed by the ids of hooks.
    """

    def __init__(self, hooks: Any, *, extra_dict: Any = ()) -> None:
        self.id = next(_ids)
        self.hooks = hooks
        self.flags: list[Any] = [extra_dict] if isinstance(extra_dict, dict) else list(extra_dict or ())

    def remove(self) -> None:
        for hooks in (self.hooks, *self.flags):
            hooks.pop(self.id, None)

    def __enter__(self) -> RemovableHandle:
        return self

    def __exit__(self, *failure: object) -> None:
        self.remove()


def register(hooks: Any, hook: Callable[..., Any], flags: Iterable[Any] = (), prepend: bool = False) -> RemovableHandle:
    """Adds `hook` to `hooks` (an OrderedDict if it is to come first), and its id to each of `flags`."""
    handle = RemovableHandle(hooks, extra_dict=list(flags))
    hooks[handle.id] = hook
    for flag in handle.flags:
        flag[handle.id] = True
    if prepend:
        hooks.move_to_end(handle.id, last=False)
    return handle
