"""Detours: other things to do where a function is called, wherever it was imported to.

While `autocast` is on, `linear` has to cast its arguments; inside `vmap`, a function that looks at values has to be
called for each example. Those functions are bound under many names (methods, `nn.functional`, a user's own `from torch
import matmul`), so no name is changed but the function: its code is exchanged for code that calls something else, and
put back. While a function has no detour, nothing is asked and nothing costs.
"""

from __future__ import annotations

import functools
import threading
from collections.abc import Callable
from types import CodeType, FunctionType
from typing import Any

Around = Callable[..., Any]  # around(go_on, *args, **kwargs) -> result; `go_on` is the function without this detour

_lock = threading.Lock()
_detoured: dict[FunctionType, _Way] = {}


class _Way:
    """A function's own code, and the detours around it, the outermost last."""

    def __init__(self, function: FunctionType) -> None:
        self.own = FunctionType(
            function.__code__, function.__globals__, function.__name__, function.__defaults__, function.__closure__
        )
        self.own.__kwdefaults__ = function.__kwdefaults__
        self.arounds: tuple[Around, ...] = ()

    def __call__(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        call: Callable[..., Any] = self.own
        for around in self.arounds:
            call = functools.partial(around, call)
        return call(*args, **kwargs)


def _elsewhere(*args: Any, **kwargs: Any) -> Any:
    way: Any = 0.5  # the constant in whose place `_code_of` puts a _Way
    return way(args, kwargs)


def _code_of(way: _Way) -> CodeType:
    """Code that takes the way, with the free variables (which it does not use) that the function's closure demands."""
    code, own = _elsewhere.__code__, way.own.__code__
    constants = tuple([way if constant == 0.5 else constant for constant in code.co_consts])
    return code.replace(co_consts=constants, co_freevars=own.co_freevars, co_name=own.co_name)


def detour(function: Any, around: Around) -> None:
    """Calls of `function` call `around(go_on, *args, **kwargs)` from now on, also those that are bound already."""
    with _lock:
        if function not in _detoured:
            _detoured[function] = way = _Way(function)
            function.__code__ = _code_of(way)
        _detoured[function].arounds += (around,)


def straighten(function: Any, around: Around) -> None:
    """Takes a detour away."""
    with _lock:
        way = _detoured[function]
        way.arounds = tuple([each for each in way.arounds if each is not around])
        if not way.arounds:
            function.__code__ = way.own.__code__
            del _detoured[function]
