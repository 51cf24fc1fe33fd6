"""Decorators for autograd Functions under autocast."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

from ..dtypes import dtype
from ..errors import ArgumentError
from .autocast_mode import autocast, get_autocast_dtype, is_autocast_enabled
from .casting import cast

Method = Callable[..., Any]


def _check_type(device_type: Any) -> None:
    if not isinstance(device_type, str):
        raise ArgumentError(f"Expected `device_type` of type `str`, got: `{type(device_type)}`")


def custom_fwd(fwd: Method | None = None, *, device_type: str, cast_inputs: dtype | None = None) -> Any:
    """Decorates a Function's forward, so that its backward knows whether autocast was on; see `custom_bwd`.

    Args:
        device_type: "cpu".
        cast_inputs: if autocast is on, floating arguments are cast to this dtype and forward runs with it off. None
            leaves both.

    Example:
        >>> class Product(rushlight.autograd.Function):
        ...     @staticmethod
        ...     @custom_fwd(device_type="cpu", cast_inputs=rushlight.float32)
        ...     def forward(ctx, a, b):
        ...         ctx.save_for_backward(a, b)
        ...         return a @ b
        ...     @staticmethod
        ...     @custom_bwd(device_type="cpu")
        ...     def backward(ctx, grad):
        ...         a, b = ctx.saved_tensors
        ...         return grad @ b.T, a.T @ grad
    """
    _check_type(device_type)
    if fwd is None:
        return functools.partial(custom_fwd, device_type=device_type, cast_inputs=cast_inputs)

    @functools.wraps(fwd)
    def decorated(*args: Any, **kwargs: Any) -> Any:
        ctx = args[0]
        ctx._dtype = get_autocast_dtype(device_type)
        ctx._fwd_used_autocast = is_autocast_enabled(device_type) and cast_inputs is None
        if cast_inputs is None or not is_autocast_enabled(device_type):
            return fwd(*args, **kwargs)
        with autocast(device_type=device_type, enabled=False):
            return fwd(*cast(args, cast_inputs), **{k: cast(v, cast_inputs) for k, v in kwargs.items()})

    return decorated


def custom_bwd(bwd: Method | None = None, *, device_type: str) -> Any:
    """Decorates a Function's backward: it runs with autocast on or off as its forward did; see `custom_fwd`."""
    _check_type(device_type)
    if bwd is None:
        return functools.partial(custom_bwd, device_type=device_type)

    @functools.wraps(bwd)
    def decorated(*args: Any, **kwargs: Any) -> Any:
        ctx = args[0]
        with autocast(device_type=device_type, enabled=ctx._fwd_used_autocast, dtype=ctx._dtype):
            return bwd(*args, **kwargs)

    return decorated
