"""`autocast`, the block in which operators choose their precision, and what asks and sets its state."""

from __future__ import annotations

import functools
import warnings
from collections.abc import Callable
from typing import Any, TypeVar

from ..device import device
from ..dtypes import bfloat16, dtype, float16
from ..errors import ArgumentError, OperatorError
from .casting import forget_casts, state, switch

F = TypeVar("F", bound=Callable[..., Any])


def _checked(device_type: Any) -> str:
    if not isinstance(device_type, str):
        raise ArgumentError(f"Expected `device_type` of type `str`, got: `{type(device_type)}`")
    return device(device_type).type


def is_autocast_available(device_type: str) -> bool:
    """Whether PyTorch has autocast for this kind of device. It does something on the CPU only."""
    return _checked(device_type) not in ("meta", "lazy", "vulkan")


def is_autocast_enabled(device_type: str = "cuda") -> bool:
    """Whether autocast is on in this thread. torch: without an argument GPUs are meant."""
    device_type = _checked(device_type)
    return state.enabled if device_type == "cpu" else device_type in state.others


def set_autocast_enabled(device_type: str | bool, enabled: bool | None = None) -> None:
    """Autocast on or off in this thread."""
    if enabled is None:
        device_type, enabled = "cuda", bool(device_type)
    device_type = _checked(device_type)
    if device_type == "cpu":
        switch(enabled)
    elif enabled:
        state.others.add(device_type)
    else:
        state.others.discard(device_type)


def get_autocast_dtype(device_type: str) -> dtype:
    """The dtype of lower precision: bfloat16 on the CPU, unless set otherwise."""
    return state.fast.get(_checked(device_type), float16)


def set_autocast_dtype(device_type: str, dtype: dtype) -> None:
    """Sets the dtype of lower precision."""
    state.fast[_checked(device_type)] = dtype


def is_autocast_cache_enabled() -> bool:
    """Whether casts of weights are kept until the outermost block is left."""
    return state.caching


def set_autocast_cache_enabled(enabled: bool) -> None:
    """Whether casts of weights are kept."""
    state.caching = enabled


def clear_autocast_cache() -> None:
    """Forgets the casts of weights."""
    forget_casts()


def autocast_increment_nesting() -> int:
    """Enters a block; returns how many this thread is in."""
    state.depth += 1
    return state.depth


def autocast_decrement_nesting() -> int:
    """Leaves a block; returns how many this thread is in still."""
    state.depth -= 1
    return state.depth


# torch: the names of old, with the device in them
is_autocast_cpu_enabled = functools.partial(is_autocast_enabled, "cpu")
set_autocast_cpu_enabled = functools.partial(set_autocast_enabled, "cpu")
get_autocast_cpu_dtype = functools.partial(get_autocast_dtype, "cpu")
set_autocast_cpu_dtype = functools.partial(set_autocast_dtype, "cpu")
get_autocast_gpu_dtype = functools.partial(get_autocast_dtype, "cuda")
set_autocast_gpu_dtype = functools.partial(set_autocast_dtype, "cuda")


class autocast:
    """A block, or a decorated function, in which operators choose their precision: matrix products and convolutions
    take bfloat16 or float16, losses, transforms and decompositions float32, the rest what it is given.

    Parameters stay in float32, and so do their gradients. On this CPU the products in half precision are computed in
    float32 and rounded, so that autocast shows what a model does in mixed precision; it is not faster.

    Args:
        device_type: "cpu"; for other devices it warns and does nothing.
        dtype: bfloat16 (None means that) or float16; for others it warns and does nothing.
        enabled: False makes a block inside another one run as if there were none.
        cache_enabled: whether casts of weights are kept until the outermost block is left; None leaves that as it is.

    Raises:
        ValueError: `device_type` is no string. RuntimeError: it names no device.

    Example:
        >>> layer = rushlight.nn.Linear(2, 3)
        >>> with rushlight.autocast("cpu"):
        ...     y = layer(rushlight.ones(1, 2))
        >>> y.dtype, layer.weight.dtype
        (torch.bfloat16, torch.float32)
    """

    def __init__(
        self, device_type: str, dtype: dtype | None = None, enabled: bool = True, cache_enabled: bool | None = None
    ) -> None:
        self.device = _checked(device_type)
        if not is_autocast_available(self.device):
            raise OperatorError(f"User specified an unsupported autocast device_type '{self.device}'")
        self.fast_dtype = get_autocast_dtype(self.device) if dtype is None else dtype
        self._cache_enabled = is_autocast_cache_enabled() if cache_enabled is None else cache_enabled
        self._enabled = bool(enabled) and self._is_possible()

    def _is_possible(self) -> bool:
        """Whether autocast can do anything for the device and dtype; warns if it cannot."""
        if self.device != "cpu":
            warnings.warn(
                f"autocast: {self.device.upper()} is not available, tensors live on the CPU. Disabling autocast.",
                stacklevel=4,
            )
            return False
        if self.fast_dtype not in (bfloat16, float16):
            warnings.warn(
                "In CPU autocast, but the target dtype is not supported. Disabling autocast.\nCPU Autocast only "
                "supports dtypes of torch.bfloat16, torch.float16 currently.",
                stacklevel=4,
            )
            return False
        return True

    def __enter__(self) -> autocast:
        self.before = is_autocast_enabled(self.device), get_autocast_dtype(self.device), state.caching
        set_autocast_enabled(self.device, self._enabled)
        set_autocast_dtype(self.device, self.fast_dtype)
        set_autocast_cache_enabled(self._cache_enabled)
        autocast_increment_nesting()
        return self

    def __exit__(self, *failure: object) -> None:
        if autocast_decrement_nesting() == 0:
            clear_autocast_cache()
        enabled, fast, caching = self.before
        set_autocast_enabled(self.device, enabled)
        set_autocast_dtype(self.device, fast)
        set_autocast_cache_enabled(caching)

    def __call__(self, function: F) -> F:
        @functools.wraps(function)
        def decorated(*args: Any, **kwargs: Any) -> Any:
            with self:
                return function(*args, **kwargs)

        return decorated  # type: ignore[return-value]
