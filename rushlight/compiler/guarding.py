"""Reading Python's state under guard: attributes, globals, closures and containers, each noted with what was there.

A replay is right only while all of it is still so. What was made during the call itself is `fresh` and needs no guard.
"""

from __future__ import annotations

from collections import OrderedDict
from types import CellType, FunctionType, MethodType, ModuleType
from typing import Any

import numpy as np

from ..autograd.tape import Operator, TensorBase
from ..mistakes import Looks
from ..nn.module import Module
from .recording import Recorder
from .values import PLAIN

ENTRY, ATTRIBUTE, CELL, LENGTH, ITEMS, CODE, TENSOR, CLASS, BARE = range(9)  # Kind in native/python/replay.cpp
ABSENT = Ellipsis


def class_attribute(cls: type, name: str) -> Any:
    """What a class or its bases define under a name, as it stands there; ABSENT if nothing."""
    return next((vars(base)[name] for base in cls.__mro__ if name in vars(base)), ABSENT)


class Apply:
    """`apply` of an operator, which is another function while it is recorded."""

    def __init__(self, cls: Any) -> None:
        self.cls = cls

    def __call__(self, *args: Any) -> Any:
        return self.cls.apply(*args)


class Guarding:
    """The guards of one recording."""

    def __init__(self, recorder: Recorder) -> None:
        self.recorder = recorder
        self.rows: list[tuple[int, Any, Any, Any]] = []
        self.seen: set[tuple[int, int, Any]] = set()
        self.fresh: dict[int, Any] = {}
        self.moved = False  # a scheduler has stepped: what it may have changed is not guarded by what was there before
        self.given: dict[int, Any] = {}  # containers among the arguments, whose items are guarded as arguments

    def add(self, kind: int, place: Any, key: Any, value: Any) -> None:
        mark = (kind, id(place), key if isinstance(key, str) else None)
        if mark not in self.seen:
            self.seen.add(mark)
            self.rows.append((kind, place, key, value))

    def read(self, value: Any) -> Any:
        """Notes what a guarded place holds: tensors become known to the recorder."""
        if isinstance(value, TensorBase):
            self.recorder.existing(value)
            self.add(TENSOR, value, None, None)
        elif isinstance(value, tuple):
            for each in value:
                self.read(each)
        return value

    def made(self, value: Any) -> Any:
        """Notes a container that the call itself made."""
        self.fresh[id(value)] = value
        return value

    def is_own(self, value: Any) -> bool:
        """Whether the call itself made a container, so that it may also change it."""
        return id(value) in self.fresh

    def is_fresh(self, value: Any) -> bool:
        """Whether a container needs no guard."""
        return id(value) in self.fresh or id(value) in self.given

    # -------------------------------------------------------------------------------------------------- containers

    def entry(self, mapping: dict[str, Any], name: Any) -> Any:
        """An entry of a dict that was there before."""
        value = mapping.get(name, ABSENT)
        self.add(ENTRY, mapping, name, value)
        return self.read(value)

    def deep(self, value: Any) -> None:
        """Puts lists and dicts, also within tuples and within each other, under guard as a whole."""
        if isinstance(value, (list, dict)) and not self.is_fresh(value):
            self.items(value)
        if isinstance(value, (tuple, list, dict)):
            for each in value.values() if isinstance(value, dict) else value:
                self.deep(each)

    def _check_not_moved(self, what: str) -> None:
        if self.moved:
            self.recorder.refuse(f"{what} is read after a scheduler's step")

    def length(self, container: Any) -> int:
        self._check_not_moved("a container")
        self.add(LENGTH, container, None, len(container))
        return len(container)

    def items(self, container: Any) -> None:
        """All of a list or dict that was there before."""
        if isinstance(container, OrderedDict) or not isinstance(container, (list, dict)):
            self.recorder.refuse(f"the items of a {type(container).__name__} are read")
            return
        self._check_not_moved("a container")
        flat = container
        if isinstance(container, dict):
            flat = [part for item in container.items() for part in item]
        self.add(ITEMS, container, None, tuple(flat))
        for each in flat:
            self.read(each)

    def cell(self, cell: CellType) -> Any:
        value = cell.cell_contents
        self.add(CELL, cell, None, value)
        return self.read(value)

    def code(self, function: FunctionType) -> None:
        self.add(CODE, function, function.__defaults__, function.__code__)

    # -------------------------------------------------------------------------------------------------- attributes

    def attribute(self, obj: Any, name: str) -> Any:
        """`obj.name`; a property comes as the property itself, bound by `bound`."""
        if isinstance(obj, ModuleType):
            return self._of_namespace(obj, name)
        if isinstance(obj, type):
            return self._of_class(obj, name)
        if isinstance(obj, Looks):  # what is left to look at for mistakes, which a replay does not do
            return getattr(obj, name)
        if isinstance(obj, np.ndarray):
            if name not in ("dtype", "ndim", "shape", "size"):
                self.recorder.refuse(f"{name} of an array is read")
            return getattr(obj, name)
        if isinstance(obj, (np.dtype, *PLAIN, tuple, list, dict, set, frozenset)) or self.is_fresh(obj):
            return getattr(obj, name)
        return self._of_instance(obj, name)

    def _of_namespace(self, module: ModuleType, name: str) -> Any:
        if name in vars(module):
            return self.entry(vars(module), name)
        value = getattr(module, name)  # made on use
        if vars(module).get(name, ABSENT) is not value and not module.__name__.startswith("rushlight"):
            self.recorder.refuse(f"{module.__name__}.{name} is computed on use")
        return self.read(value)

    def _of_class(self, cls: type, name: str) -> Any:
        if name == "apply" and issubclass(cls, Operator):
            return Apply(cls)
        if name in ("__name__", "__qualname__"):
            return getattr(cls, name)
        raw = class_attribute(cls, name)
        if raw is ABSENT:
            self.recorder.refuse(f"{cls.__name__}.{name} comes from a metaclass")
        else:
            self.add(ATTRIBUTE, cls, name, raw)
        return self.read(getattr(cls, name))

    def _of_instance(self, obj: Any, name: str) -> Any:
        cls = type(obj)
        self.add(CLASS, obj, "class", cls)
        if class_attribute(cls, "__getattribute__") is not vars(object)["__getattribute__"]:
            self.recorder.refuse(f"{cls.__name__} looks up attributes in a way of its own")
            return getattr(obj, name)
        raw = class_attribute(cls, name)
        own = getattr(obj, "__dict__", None)
        if raw is not ABSENT and hasattr(type(raw), "__set__"):
            self.add(ATTRIBUTE, cls, name, raw)
            if isinstance(raw, property):
                return raw
            self.recorder.refuse(f"{cls.__name__}.{name} is a descriptor")
            return getattr(obj, name)
        if own is not None and name in own:
            if not isinstance(obj, Module) and not callable(own[name]):
                self._check_not_moved(f"{cls.__name__}.{name}")
            return self.entry(own, name)
        if own is not None:
            self.add(ENTRY, own, name, ABSENT)
        if raw is ABSENT:
            self.recorder.refuse(f"{cls.__name__}.{name} is computed by __getattr__")
            return getattr(obj, name)
        self.add(ATTRIBUTE, cls, name, raw)
        return self._bound(raw, obj, name)

    def _bound(self, raw: Any, obj: Any, name: str) -> Any:
        if isinstance(raw, FunctionType):
            return MethodType(raw, obj)
        if isinstance(raw, staticmethod):
            return raw.__func__
        if isinstance(raw, classmethod):
            return MethodType(raw.__func__, type(obj))
        if hasattr(type(raw), "__get__") and not isinstance(raw, type):
            self.recorder.refuse(f"{type(obj).__name__}.{name} is a descriptor")
        return self.read(getattr(obj, name))
