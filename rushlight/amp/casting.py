"""How arguments are cast while autocast is on: the state of each thread, the policies and the cache of cast weights.

The functions of operators.py get detours when the first thread switches autocast on, and lose them with the last.
"""

from __future__ import annotations

import threading
import weakref
from collections.abc import Callable
from typing import Any

from .. import dtypes
from ..autograd.grad_mode import mode
from ..autograd.tape import Leaf, TensorBase
from ..detour import detour, straighten
from ..dtypes import bfloat16, dtype, float16, float32
from ..errors import OperatorError

Policy = Callable[[Any, dict[str, Any]], dtype | None]  # (args, kwargs) -> what to cast to; None leaves all as it is

FLOATING = (bfloat16, float16, float32)  # torch: float64 is left alone


class State(threading.local):
    """Of one thread.

    Attributes:
        enabled: whether autocast is on (for the CPU; for other devices it is only noted, in `others`).
        fast: its dtype, by device type.
        caching: whether casts of weights are kept until the outermost block is left.
        depth: how many blocks this thread is in.
        casts: (id of a weight, dtype, whether gradients were recorded) -> the weight, its cast.
    """

    def __init__(self) -> None:
        self.enabled = False
        self.others: set[str] = set()
        self.fast: dict[str, dtype] = {"cpu": bfloat16, "xpu": bfloat16, "xla": bfloat16, "hpu": bfloat16}
        self.caching = True
        self.depth = 0
        self.casts: dict[tuple[int, dtype, bool], tuple[weakref.ref[Any], Any]] = {}


state = State()


# ------------------------------------------------------------------------------------------------------------ casting


def _tensors(values: Any) -> list[Any]:
    """All Tensors of dtypes that autocast casts, in nested tuples and lists."""
    if isinstance(values, (tuple, list)):
        return [tensor for value in values for tensor in _tensors(value)]
    return [values] if isinstance(values, TensorBase) and dtypes.of(values._array) in FLOATING else []


def cast(value: Any, to: dtype) -> Any:
    """A value with all Tensors in it cast, in nested tuples and lists too."""
    if isinstance(value, (tuple, list)):
        parts = [cast(each, to) for each in value]
        return type(value)(*parts) if hasattr(value, "_fields") else type(value)(parts)
    if not isinstance(value, TensorBase):
        return value
    found = dtypes.of(value._array)
    if found is to or found not in FLOATING:
        return value
    is_weight = found is float32 and to is not float32 and type(value._edge) is Leaf
    return _cast_weight(value, to) if is_weight and state.caching and state.depth else _to(value, to)


def _to(tensor: Any, to: dtype) -> Any:
    return tensor.to(to)


def _cast_weight(tensor: Any, to: dtype) -> Any:
    """A leaf's cast, made once per outermost block: its gradients are added in the low precision before they are cast
    back."""
    key = (id(tensor), to, mode.enabled)
    kept = state.casts.get(key)
    if kept is None or kept[0]() is not tensor:
        kept = state.casts[key] = weakref.ref(tensor), _to(tensor, to)
    return kept[1]


# ----------------------------------------------------------------------------------------------------------- policies


def _lower(args: Any, kwargs: dict[str, Any]) -> dtype:
    return state.fast["cpu"]


def _float32(args: Any, kwargs: dict[str, Any]) -> dtype:
    return float32


def _widest(args: Any, kwargs: dict[str, Any]) -> dtype | None:
    found = {dtypes.of(t._array) for t in _tensors([*args, *kwargs.values()])}
    if not found <= {float32, state.fast["cpu"]}:
        raise OperatorError(
            f"autocast to {state.fast['cpu']}: Unexpected floating ScalarType in at::autocast::prioritize: the "
            f"arguments have {', '.join(sorted(map(str, found)))}"
        )
    return float32 if float32 in found else None


def _first(args: Any, kwargs: dict[str, Any]) -> dtype | None:
    found = _tensors(args[:1] or [kwargs.get("input")])
    return dtypes.of(found[0]._array) if found else None


def _padding(args: Any, kwargs: dict[str, Any]) -> dtype | None:
    mode = args[2] if len(args) > 2 else kwargs.get("mode", "constant")
    return float32 if mode in ("reflect", "replicate") else None


def _sums(args: Any, kwargs: dict[str, Any]) -> dtype | None:
    """torch: a product of single elements, or its sum over all dimensions, is no matrix product."""
    if not isinstance(args[0], TensorBase):  # einsum
        return _lower(args, kwargs) if len(_tensors(args)) > 1 else None
    dims = kwargs.get("dims", args[2] if len(args) > 2 else 2)
    count = dims if isinstance(dims, int) else len(_as_list(dims[0]))
    return None if count == args[0].ndim == args[1].ndim else _lower(args, kwargs)  # type: ignore[attr-defined]


def _as_list(dims: Any) -> Any:
    return [dims] if isinstance(dims, int) else dims


def _around(policy: Policy) -> Callable[..., Any]:
    """A detour that casts by this policy. Inside the function nothing is cast any more."""

    def around(go_on: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
        if not state.enabled or kwargs.get("out") is not None:  # torch: with out= nothing is cast
            return go_on(*args, **kwargs)
        to = policy(args, kwargs)
        if to is not None:
            args, kwargs = tuple(cast(a, to) for a in args), {k: cast(v, to) for k, v in kwargs.items()}
        state.enabled = False
        try:
            return go_on(*args, **kwargs)
        finally:
            state.enabled = True

    return around


def _around_checks(go_on: Callable[..., Any], module: Any, input: Any, *args: Any, **kwargs: Any) -> Any:
    """Shows the check an input of the weights' dtype."""
    return go_on(module, input.to(module._flat_weights[0].dtype) if state.enabled else input, *args, **kwargs)


_arounds = {name: _around(policy) for name, policy in (
    ("LOWER", _lower), ("FLOAT32", _float32), ("WIDEST", _widest), ("FIRST", _first), ("PADDING", _padding),
    ("SUMS", _sums),
)} | {"CHECKS": _around_checks}  # fmt: skip


# -------------------------------------------------------------------------------------------------------------- on, off

_lock = threading.Lock()
_threads = 0  # in which autocast is on


def switch(enabled: bool) -> None:
    """Autocast on or off in this thread."""
    global _threads
    if enabled is state.enabled:
        return
    state.enabled = enabled
    with _lock:
        before, _threads = _threads, _threads + (1 if enabled else -1)
        if 0 in (before, _threads):
            _lay_detours(detour if enabled else straighten)


def _lay_detours(lay: Callable[..., None]) -> None:
    from . import operators

    for name, around in _arounds.items():
        for function in getattr(operators, name):
            lay(function, around)


def forget_casts() -> None:
    """Lets go of the casts of weights."""
    state.casts.clear()
