"""PyTorch's switches that change nothing here: they are kept and answered, since programs set and read them.

Results are deterministic in any case: sums across threads are added in a fixed order.
"""

from __future__ import annotations

from typing import Any

from ..errors import OperatorError

_PRECISIONS = ("highest", "high", "medium")
_MODES = ("default", "warn", "error")

_state: dict[str, Any] = {"precision": "highest", "mode": 0, "warn_always": False}


def use_deterministic_algorithms(mode: bool, *, warn_only: bool = False) -> None:
    """Asks for operators that repeat bit for bit: all do."""
    _state["mode"] = (1 if warn_only else 2) if mode else 0


def are_deterministic_algorithms_enabled() -> bool:
    """Whether `use_deterministic_algorithms` was asked for."""
    return bool(_state["mode"])


def is_deterministic_algorithms_warn_only_enabled() -> bool:
    """Whether it was asked for with `warn_only`."""
    return bool(_state["mode"] == 1)


def set_deterministic_debug_mode(debug_mode: int | str) -> None:
    """`use_deterministic_algorithms` by number or name: 0 "default", 1 "warn", 2 "error"."""
    mode = _MODES.index(debug_mode) if debug_mode in _MODES else debug_mode
    if mode not in (0, 1, 2):
        raise OperatorError(f"debug_mode is to be one of {', '.join(_MODES)} or 0, 1, 2, not {debug_mode}")
    _state["mode"] = mode


def get_deterministic_debug_mode() -> int:
    """0, 1 or 2; see `set_deterministic_debug_mode`."""
    return int(_state["mode"])


def set_float32_matmul_precision(precision: str) -> None:
    """How exactly products of float32 matrices may be computed on a GPU; here always in float32."""
    if precision not in _PRECISIONS:
        raise OperatorError(f"set_float32_matmul_precision: {precision!r} is not one of {', '.join(_PRECISIONS)}")
    _state["precision"] = precision


def get_float32_matmul_precision() -> str:
    """What was set last, "highest" at first."""
    return str(_state["precision"])


def set_anomaly_enabled(mode: bool, check_nan: bool = True) -> None:
    """`autograd.set_detect_anomaly` under PyTorch's inner name."""
    from ..autograd import set_detect_anomaly

    set_detect_anomaly(mode, check_nan)


def get_device_module(device: Any = None) -> Any:
    """The module for a device, by default for the CPU."""
    from importlib import import_module

    from ..device import check_device

    check_device(device)
    return import_module("rushlight.cpu")


def set_flush_denormal(mode: bool) -> bool:
    """Asks that numbers too small for full precision become 0: not done here, and False says so."""
    return False


def set_warn_always(b: bool) -> None:
    """Whether warnings that come once should come always."""
    _state["warn_always"] = bool(b)


def is_warn_always_enabled() -> bool:
    """What `set_warn_always` set."""
    return bool(_state["warn_always"])


def compiled_with_cxx11_abi() -> bool:
    """Whether C++ extensions would need the newer ABI: PyTorch's own wheels do."""
    return True


def typename(obj: Any) -> str:
    """The type's full name: 'torch.FloatTensor' for a tensor."""
    from ..autograd.tape import TensorBase

    if isinstance(obj, TensorBase):
        return str(obj.type())  # type: ignore[attr-defined]
    module, name = getattr(obj, "__module__", None) or "", getattr(obj, "__qualname__", None)
    if name is None:
        module, name = type(obj).__module__, type(obj).__qualname__
    return name if module in ("", "builtins") else f"{module}.{name}"
