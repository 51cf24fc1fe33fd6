"""`torch._C`: PyTorch's inner parts, of which libraries touch a few names. Those with a meaning here are answered."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

from .autograd.tape import TensorBase
from .device import device
from .dtypes import dtype
from .errors import LinAlgError
from .jit import ScriptFunction, ScriptModule
from .ops.conversion import layout, memory_format, parse_to
from .random import Generator
from .tensor import Size

__all__ = [
    "DisableTorchFunction",
    "DisableTorchFunctionSubclass",
    "Generator",
    "ScriptFunction",
    "ScriptModule",
    "Size",
    "TensorBase",
    "device",
    "dtype",
    "layout",
    "memory_format",
]

_LinAlgError = LinAlgError
_TensorBase = TensorBase
_TensorMeta = type(TensorBase)


class DisableTorchFunctionSubclass:
    """A block in which tensors' `__torch_function__` is not asked: it never is."""

    def __enter__(self) -> None: ...

    def __exit__(self, *failure: object) -> None: ...


DisableTorchFunction = DisableTorchFunctionSubclass


def _disabled_torch_function_impl(func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
    """The function as it is: what a subclass of Tensor has as `__torch_function__` to stay out of its way."""
    return func(*args, **(kwargs or {}))


def _log_api_usage_once(event: str) -> None:
    """Notes that a part of PyTorch was used: nothing is noted."""


def _get_tracing_state() -> None:
    """What TorchScript is recording: nothing."""


def _is_torch_function_enabled() -> bool:
    """Whether `__torch_function__` is asked: no."""
    return False


def _parse_to(*args: Any, **kwargs: Any) -> tuple[device | None, dtype | None, bool, Any]:
    """Device, dtype, non_blocking and memory format in the arguments of `Module.to`."""
    where, kind, _, format_ = parse_to(args, kwargs)
    return where, kind, bool(kwargs.get("non_blocking", False)), format_


_nn = SimpleNamespace(_parse_to=_parse_to)


def __getattr__(name: str) -> Any:
    raise AttributeError(f"torch._C has no {name!r} here: it is an inner part of PyTorch; use the public name instead")
