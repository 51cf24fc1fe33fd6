"""Padding layers: a border of a constant, of the edge, of the reflection, or of the other end; see `functional.pad`.

`padding` is an int for all sides, or one for each: before and after the last dimension, then the one before it, and so
on.
"""

from __future__ import annotations

from typing import Any, ClassVar

from ..tensor import Tensor
from . import functional as F
from .module import Module


def _sides(padding: Any, ndim: int) -> tuple[int, ...]:
    return tuple(padding) if isinstance(padding, (list, tuple)) else (padding,) * (2 * ndim)


class _PadNd(Module):
    """Pads by the `mode` of its class."""

    ndim: ClassVar[int]
    mode: ClassVar[str]

    def __init__(self, padding: Any) -> None:
        super().__init__()
        self.padding = _sides(padding, self.ndim)

    def forward(self, input: Tensor) -> Tensor:
        return F.pad(input, self.padding, self.mode)

    def extra_repr(self) -> str:
        return f"{self.padding}"


class _ConstantPadNd(_PadNd):
    mode = "constant"
    value: float

    def __init__(self, padding: Any, value: float) -> None:
        super().__init__(padding)
        self.value = value

    def forward(self, input: Tensor) -> Tensor:
        return F.pad(input, self.padding, "constant", self.value)

    def extra_repr(self) -> str:
        return f"padding={self.padding}, value={self.value}"


class ConstantPad1d(_ConstantPadNd):
    """A border of `value` around the last dimension."""

    ndim = 1


class ConstantPad2d(_ConstantPadNd):
    """A border of `value` around the last two dimensions."""

    ndim = 2


class ConstantPad3d(_ConstantPadNd):
    """A border of `value` around the last three dimensions."""

    ndim = 3


class ZeroPad1d(ConstantPad1d):
    """A border of zeros around the last dimension."""

    def __init__(self, padding: Any) -> None:
        super().__init__(padding, 0.0)

    def extra_repr(self) -> str:
        return f"{self.padding}"


class ZeroPad2d(ConstantPad2d):
    """A border of zeros around the last two dimensions."""

    def __init__(self, padding: Any) -> None:
        super().__init__(padding, 0.0)

    def extra_repr(self) -> str:
        return f"{self.padding}"


class ZeroPad3d(ConstantPad3d):
    """A border of zeros around the last three dimensions."""

    def __init__(self, padding: Any) -> None:
        super().__init__(padding, 0.0)

    def extra_repr(self) -> str:
        return f"{self.padding}"


class _ReflectionPadNd(_PadNd):
    mode = "reflect"


class ReflectionPad1d(_ReflectionPadNd):
    """A border that mirrors (N, C, L) at its edge."""

    ndim = 1


class ReflectionPad2d(_ReflectionPadNd):
    """A border that mirrors (N, C, H, W) at its edge."""

    ndim = 2


class ReflectionPad3d(_ReflectionPadNd):
    """A border that mirrors (N, C, D, H, W) at its edge."""

    ndim = 3


class _ReplicationPadNd(_PadNd):
    mode = "replicate"


class ReplicationPad1d(_ReplicationPadNd):
    """A border that repeats the edge of (N, C, L)."""

    ndim = 1


class ReplicationPad2d(_ReplicationPadNd):
    """A border that repeats the edge of (N, C, H, W)."""

    ndim = 2


class ReplicationPad3d(_ReplicationPadNd):
    """A border that repeats the edge of (N, C, D, H, W)."""

    ndim = 3


class _CircularPadNd(_PadNd):
    mode = "circular"

    def forward(self, input: Tensor) -> Tensor:
        self._check_input_dim(input)
        return super().forward(input)

    def _check_input_dim(self, input: Tensor) -> None:
        n = self.ndim
        if input.dim() not in (n + 1, n + 2):
            raise ValueError(f"expected {n + 1}D or {n + 2}D input (got {input.dim()}D input)")


class CircularPad1d(_CircularPadNd):
    """A border that continues (N, C, L) from its other end."""

    ndim = 1


class CircularPad2d(_CircularPadNd):
    """A border that continues (N, C, H, W) from its other ends."""

    ndim = 2


class CircularPad3d(_CircularPadNd):
    """A border that continues (N, C, D, H, W) from its other ends."""

    ndim = 3
