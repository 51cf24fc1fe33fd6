"""`torch.jit` without a compiler: what is scripted or traced runs as it is, which gives the same numbers.

`script` and `trace` hand back what they were given, so `scripted(x)` works. What only TorchScript can do (saving and
loading programs, graphs) is refused.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final, NoReturn, TypeVar

from .errors import UnsupportedError
from .futures import Future

__all__ = [
    "Final",
    "Future",
    "annotate",
    "export",
    "fork",
    "freeze",
    "ignore",
    "interface",
    "is_scripting",
    "is_tracing",
    "isinstance",
    "load",
    "optimize_for_inference",
    "optimized_execution",
    "save",
    "script",
    "script_if_tracing",
    "script_method",
    "set_fusion_strategy",
    "trace",
    "trace_module",
    "unused",
    "wait",
]

T = TypeVar("T")
_isinstance = isinstance


def script(obj: T, optimize: Any = None, _frames_up: int = 0, _rcb: Any = None, example_inputs: Any = None) -> T:
    """`obj`, a module or function, as it is: nothing is compiled."""
    return obj


def trace(func: T, example_inputs: Any = None, *args: Any, **kwargs: Any) -> T:
    """`func`, a module or function, as it is: nothing is recorded, so all its branches stay alive."""
    return func


def trace_module(mod: T, inputs: Any, *args: Any, **kwargs: Any) -> T:
    """The module as it is, as `trace`."""
    return mod


def freeze(mod: T, preserved_attrs: Any = None, optimize_numerics: bool = True) -> T:
    """The module as it is."""
    return mod


def optimize_for_inference(mod: T, other_methods: Any = None) -> T:
    """The module as it is."""
    return mod


def _mark(function: Any = None, *args: Any, **kwargs: Any) -> Any:
    """A decorator that TorchScript's compiler would read: gives the function back, with or without arguments."""
    return function if callable(function) else lambda inner: inner


ignore = unused = export = interface = script_method = script_if_tracing = _mark
_overload = _overload_method = _script_if_tracing = _mark


def annotate(the_type: Any, the_value: T) -> T:
    """The value; its type is for TorchScript's compiler."""
    return the_value


def isinstance(obj: Any, target_type: Any) -> bool:
    """Python's isinstance."""
    return _isinstance(obj, target_type)


def is_scripting() -> bool:
    """Whether code is being compiled: no."""
    return False


is_tracing = is_scripting


def fork(func: Callable[..., T], *args: Any, **kwargs: Any) -> Future[T]:
    """A future that holds `func(*args, **kwargs)`, computed at once, as PyTorch does outside of TorchScript."""
    future: Future[T] = Future()
    future.set_result(func(*args, **kwargs))
    return future


def wait(future: Future[T]) -> T:
    """What the future holds."""
    return future.wait()


def set_fusion_strategy(strategy: Any) -> list[Any]:
    """How TorchScript fuses operators: there is none."""
    return []


class optimized_execution:
    """A block in which TorchScript optimizes or not: nothing to do."""

    def __init__(self, should_optimize: bool) -> None:
        self.should_optimize = should_optimize

    def __enter__(self) -> None: ...

    def __exit__(self, *failure: object) -> None: ...


def save(m: Any, f: Any, _extra_files: Any = None) -> NoReturn:
    """Refused: there is no program to save."""
    raise UnsupportedError("jit.save: there is no TorchScript here; save the module's state_dict() with torch.save")


def load(f: Any, map_location: Any = None, _extra_files: Any = None, _restore_shapes: bool = False) -> NoReturn:
    """Refused: a TorchScript archive holds a program for PyTorch."""
    raise UnsupportedError(
        "jit.load: a TorchScript archive holds a program for PyTorch; save the state_dict() there and load that"
    )


class TracerWarning(Warning):
    """What PyTorch warns with while it traces: nothing is traced."""


class Error(RuntimeError):
    """What TorchScript raises."""


class ScriptModule:
    """What PyTorch's compiled modules are: no object here is one."""


class ScriptFunction(ScriptModule):
    """What PyTorch's compiled functions are: no object here is one."""


RecursiveScriptModule = TopLevelTracedModule = ScriptModule
