"""Half precision: kernels over float16 and bfloat16 compute in float32 and round once, at the end."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any, TypeVar

import numpy as np

from .. import dtypes

F = TypeVar("F", bound=Callable[..., Any])

_HALF = frozenset((dtypes.float16.numpy, dtypes.bfloat16.numpy))
_FLOAT32 = np.dtype(np.float32)


def is_half(x: Any) -> bool:
    """Whether `x` is an array (or Tensor) of float16 or bfloat16."""
    return getattr(getattr(x, "_array", x), "dtype", None) in _HALF


def _narrow(x: Any, kind: Any) -> Any:
    """Float32 results, in a tuple or alone, rounded to `kind`; everything else as it is."""
    if isinstance(x, tuple):
        return tuple(_narrow(each, kind) for each in x)
    return x.astype(kind) if getattr(getattr(x, "_array", x), "dtype", None) == _FLOAT32 else x


def in_float32(definition: F) -> F:
    """A kernel's definition, for arrays of half precision run in float32. Its results have the first such array's dtype."""

    @functools.wraps(definition)
    def run(*args: Any) -> Any:
        half = next((a for a in args if is_half(a)), None)
        if half is None:
            return definition(*args)
        kind = getattr(half, "_array", half).dtype
        return _narrow(definition(*(a.astype(_FLOAT32) if is_half(a) else a for a in args)), kind)

    return run  # type: ignore[return-value]
