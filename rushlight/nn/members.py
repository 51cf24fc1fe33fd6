"""The dicts in which a Module keeps its parameters, buffers and submodules.

Each also writes what it holds to the module's own `__dict__`. So `self.weight` is an ordinary attribute, as quick to
read
as any other, and `module._parameters["weight"] = p` changes it just as `module.weight = p` does.
"""

from __future__ import annotations

import weakref
from collections.abc import Iterable
from typing import Any


class Members(dict):  # type: ignore[type-arg]
    """A dict whose entries are attributes of a module too."""

    __slots__ = ("__weakref__", "owner")

    def __init__(self, owner: Any, entries: Any = ()) -> None:
        self.owner = weakref.ref(owner)
        super().__init__(entries)
        vars(owner).update(self)

    def attributes(self) -> dict[str, Any]:
        """The `__dict__` to write through to (an empty one if the module is gone)."""
        owner = self.owner()
        return {} if owner is None else vars(owner)

    def __setitem__(self, name: str, value: Any) -> None:
        super().__setitem__(name, value)
        self.attributes()[name] = value

    def __delitem__(self, name: str) -> None:
        super().__delitem__(name)
        self.attributes().pop(name, None)

    def pop(self, name: str, *default: Any) -> Any:
        if name in self:
            self.attributes().pop(name, None)
        return super().pop(name, *default)

    def popitem(self) -> tuple[str, Any]:
        name, value = super().popitem()
        self.attributes().pop(name, None)
        return name, value

    def clear(self) -> None:
        for name in list(self):
            del self[name]

    def update(self, *others: Any, **named: Any) -> None:
        for name, value in dict(*others, **named).items():
            self[name] = value

    def setdefault(self, name: str, default: Any = None) -> Any:
        if name not in self:
            self[name] = default
        return self[name]

    def __ior__(self, other: Any) -> Any:  # type: ignore[misc]
        self.update(other)
        return self

    def move_to_end(self, name: str, last: bool = True) -> None:
        """OrderedDict's method, which older programs use on `_modules`."""
        self._arrange([*(k for k in self if k != name), name] if last else [name, *(k for k in self if k != name)])

    def _arrange(self, names: Iterable[str]) -> None:
        entries = {name: self[name] for name in names}
        super().clear()
        super().update(entries)

    def __reduce__(self) -> Any:
        return dict, (dict(self),)

    def __deepcopy__(self, memo: dict[int, Any]) -> Any:
        from copy import deepcopy

        return deepcopy(dict(self), memo)

    def __copy__(self) -> dict[str, Any]:
        return dict(self)
