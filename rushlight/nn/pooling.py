"""Pooling layers. Each holds the options of its function in `functional` and calls it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, ClassVar

from ..tensor import Tensor
from . import functional as F
from .module import Module


class _MaxPoolNd(Module):
    """The largest value of each window; a subclass gives the function."""

    pool: ClassVar[Callable[..., Any]]
    return_indices: bool
    ceil_mode: bool

    def __init__(
        self,
        kernel_size: Any,
        stride: Any = None,
        padding: Any = 0,
        dilation: Any = 1,
        return_indices: bool = False,
        ceil_mode: bool = False,
    ) -> None:
        super().__init__()
        self.kernel_size = kernel_size
        self.stride = stride if stride is not None else kernel_size
        self.padding = padding
        self.dilation = dilation
        self.return_indices = return_indices
        self.ceil_mode = ceil_mode

    def forward(self, input: Tensor) -> Any:
        return self.pool(
            input, self.kernel_size, self.stride, self.padding, self.dilation, self.ceil_mode, self.return_indices
        )

    def extra_repr(self) -> str:
        window = f"kernel_size={self.kernel_size}, stride={self.stride}, padding={self.padding}"
        return f"{window}, dilation={self.dilation}, ceil_mode={self.ceil_mode}"


class MaxPool1d(_MaxPoolNd):
    """The largest value of each window of a sequence; see `MaxPool2d`."""

    pool = staticmethod(F.max_pool1d)


class MaxPool2d(_MaxPoolNd):
    """The largest value of each window; see `functional.max_pool2d`.

    Args:
        kernel_size, stride, padding, dilation: an int, or one for each dimension; stride is kernel_size by default.
        return_indices: also return where each value came from, for `MaxUnpool2d`.
        ceil_mode: keep a last window that hangs over the end.

    Shape:
        (N, C, H, W) -> (N, C, H', W'), or both without N.
    """

    pool = staticmethod(F.max_pool2d)


class MaxPool3d(_MaxPoolNd):
    """The largest value of each window of a volume; see `MaxPool2d`."""

    pool = staticmethod(F.max_pool3d)


def _spread(value: Any, n: int) -> tuple[int, ...]:
    return tuple(value) if isinstance(value, (list, tuple)) else (value,) * n


class _MaxUnpoolNd(Module):
    """Puts values back where a max-pool found them; a subclass gives the function."""

    unpool: ClassVar[Callable[..., Tensor]]
    ndim: ClassVar[int]

    def __init__(self, kernel_size: Any, stride: Any = None, padding: Any = 0) -> None:
        super().__init__()
        self.kernel_size = _spread(kernel_size, self.ndim)
        self.stride = _spread(stride if stride is not None else kernel_size, self.ndim)
        self.padding = _spread(padding, self.ndim)

    def forward(self, input: Tensor, indices: Tensor, output_size: Sequence[int] | None = None) -> Tensor:
        return self.unpool(input, indices, self.kernel_size, self.stride, self.padding, output_size)

    def extra_repr(self) -> str:
        return f"kernel_size={self.kernel_size}, stride={self.stride}, padding={self.padding}"


class MaxUnpool1d(_MaxUnpoolNd):
    """Puts values back where `MaxPool1d(..., return_indices=True)` found them; zeros elsewhere."""

    ndim = 1
    unpool = staticmethod(F.max_unpool1d)


class MaxUnpool2d(_MaxUnpoolNd):
    """Puts values back where `MaxPool2d(..., return_indices=True)` found them; see `functional.max_unpool2d`.

    Args:
        kernel_size, stride, padding: those of the pooling.

    Shape:
        input and indices (N, C, H, W) -> (N, C, H', W').

    `forward(input, indices, output_size)` picks among the sizes that pool to (H, W).
    """

    ndim = 2
    unpool = staticmethod(F.max_unpool2d)


class MaxUnpool3d(_MaxUnpoolNd):
    """Puts values back where `MaxPool3d(..., return_indices=True)` found them; zeros elsewhere."""

    ndim = 3
    unpool = staticmethod(F.max_unpool3d)


class _AvgPoolNd(Module):
    kernel_size: Any
    stride: Any
    padding: Any

    def extra_repr(self) -> str:
        return f"kernel_size={self.kernel_size}, stride={self.stride}, padding={self.padding}"


class AvgPool1d(_AvgPoolNd):
    """The mean of each window of a sequence; see `AvgPool2d`."""

    def __init__(
        self,
        kernel_size: Any,
        stride: Any = None,
        padding: Any = 0,
        ceil_mode: bool = False,
        count_include_pad: bool = True,
    ) -> None:
        super().__init__()
        self.kernel_size = _spread(kernel_size, 1)
        self.stride = _spread(stride if stride is not None else kernel_size, 1)
        self.padding = _spread(padding, 1)
        self.ceil_mode = ceil_mode
        self.count_include_pad = count_include_pad

    def forward(self, input: Tensor) -> Tensor:
        return F.avg_pool1d(input, self.kernel_size, self.stride, self.padding, self.ceil_mode, self.count_include_pad)


class _AvgPoolWithDivisor(_AvgPoolNd):
    pool: ClassVar[Callable[..., Tensor]]

    def __init__(
        self,
        kernel_size: Any,
        stride: Any = None,
        padding: Any = 0,
        ceil_mode: bool = False,
        count_include_pad: bool = True,
        divisor_override: int | None = None,
    ) -> None:
        super().__init__()
        self.kernel_size = kernel_size
        self.stride = stride if stride is not None else kernel_size
        self.padding = padding
        self.ceil_mode = ceil_mode
        self.count_include_pad = count_include_pad
        self.divisor_override = divisor_override

    def forward(self, input: Tensor) -> Tensor:
        return self.pool(
            input,
            self.kernel_size,
            self.stride,
            self.padding,
            self.ceil_mode,
            self.count_include_pad,
            self.divisor_override,
        )


class AvgPool2d(_AvgPoolWithDivisor):
    """The mean of each window; see `functional.avg_pool2d`.

    Args:
        kernel_size, stride, padding: an int, or one for each dimension; stride is kernel_size by default.
        ceil_mode: keep a last window that hangs over the end.
        count_include_pad: the zeros of the padding count in the mean.
        divisor_override: divide by this instead of the number of elements.

    Shape:
        (N, C, H, W) -> (N, C, H', W'), or both without N.
    """

    pool = staticmethod(F.avg_pool2d)


class AvgPool3d(_AvgPoolWithDivisor):
    """The mean of each window of a volume; see `AvgPool2d`."""

    pool = staticmethod(F.avg_pool3d)


class _LPPoolNd(Module):
    pool: ClassVar[Callable[..., Tensor]]

    def __init__(self, norm_type: float, kernel_size: Any, stride: Any = None, ceil_mode: bool = False) -> None:
        super().__init__()
        self.norm_type = norm_type
        self.kernel_size = kernel_size
        self.stride = stride
        self.ceil_mode = ceil_mode

    def forward(self, input: Tensor) -> Tensor:
        return self.pool(input, float(self.norm_type), self.kernel_size, self.stride, self.ceil_mode)

    def extra_repr(self) -> str:
        window = f"kernel_size={self.kernel_size}, stride={self.stride}"
        return f"norm_type={self.norm_type}, {window}, ceil_mode={self.ceil_mode}"


class LPPool1d(_LPPoolNd):
    """The p-norm of each window of a sequence; see `functional.lp_pool2d`."""

    pool = staticmethod(F.lp_pool1d)


class LPPool2d(_LPPoolNd):
    """The p-norm of each window; see `functional.lp_pool2d`.

    Args:
        norm_type: p.
        kernel_size, stride: an int, or one for each dimension; stride is kernel_size by default.
        ceil_mode: keep a last window that hangs over the end.
    """

    pool = staticmethod(F.lp_pool2d)


class LPPool3d(_LPPoolNd):
    """The p-norm of each window of a volume; see `functional.lp_pool2d`."""

    pool = staticmethod(F.lp_pool3d)


class _AdaptiveAvgPoolNd(Module):
    pool: ClassVar[Callable[..., Tensor]]

    def __init__(self, output_size: Any) -> None:
        super().__init__()
        self.output_size = output_size

    def forward(self, input: Tensor) -> Tensor:
        return self.pool(input, self.output_size)

    def extra_repr(self) -> str:
        return f"output_size={self.output_size}"


class AdaptiveAvgPool1d(_AdaptiveAvgPoolNd):
    """Means of windows chosen so that a sequence gets the length asked for; see `AdaptiveAvgPool2d`."""

    pool = staticmethod(F.adaptive_avg_pool1d)


class AdaptiveAvgPool2d(_AdaptiveAvgPoolNd):
    """Means of windows chosen so that the output has the size asked for; see `functional.adaptive_avg_pool2d`.

    Args:
        output_size: an int, or one for each dimension; None keeps that of the input.
    """

    pool = staticmethod(F.adaptive_avg_pool2d)


class AdaptiveAvgPool3d(_AdaptiveAvgPoolNd):
    """Means of windows chosen so that a volume gets the size asked for; see `AdaptiveAvgPool2d`."""

    pool = staticmethod(F.adaptive_avg_pool3d)


class _AdaptiveMaxPoolNd(Module):
    pool: ClassVar[Callable[..., Any]]

    def __init__(self, output_size: Any, return_indices: bool = False) -> None:
        super().__init__()
        self.output_size = output_size
        self.return_indices = return_indices

    def forward(self, input: Tensor) -> Any:
        return self.pool(input, self.output_size, self.return_indices)

    def extra_repr(self) -> str:
        return f"output_size={self.output_size}"


class AdaptiveMaxPool1d(_AdaptiveMaxPoolNd):
    """Largest values of windows chosen so that a sequence gets the length asked for; see `AdaptiveMaxPool2d`."""

    pool = staticmethod(F.adaptive_max_pool1d)


class AdaptiveMaxPool2d(_AdaptiveMaxPoolNd):
    """Largest values of windows chosen so that the output has the size asked for; see `functional.adaptive_max_pool2d`.

    Args:
        output_size: an int, or one for each dimension; None keeps that of the input.
        return_indices: also return where each value came from.
    """

    pool = staticmethod(F.adaptive_max_pool2d)


class AdaptiveMaxPool3d(_AdaptiveMaxPoolNd):
    """Largest values of windows chosen so that a volume gets the size asked for; see `AdaptiveMaxPool2d`."""

    pool = staticmethod(F.adaptive_max_pool3d)


class _FractionalMaxPoolNd(Module):
    _random_samples: Tensor | None
    pool: ClassVar[Callable[..., Any]]
    ndim: ClassVar[int]

    def __init__(
        self,
        kernel_size: Any,
        output_size: Any = None,
        output_ratio: Any = None,
        return_indices: bool = False,
        _random_samples: Tensor | None = None,
    ) -> None:
        super().__init__()
        name = type(self).__name__
        if output_size is None and output_ratio is None:
            raise ValueError(f"{name} requires specifying either an output size, or a pooling ratio")
        if output_size is not None and output_ratio is not None:
            raise ValueError("only one of output_size and output_ratio may be specified")
        self.kernel_size = _spread(kernel_size, self.ndim)
        self.return_indices = return_indices
        self.register_buffer("_random_samples", _random_samples)
        self.output_size = None if output_size is None else _spread(output_size, self.ndim)
        self.output_ratio = None if output_ratio is None else _spread(output_ratio, self.ndim)
        if self.output_ratio is not None and not all(0 < r < 1 for r in self.output_ratio):
            raise ValueError(f"output_ratio must be between 0 and 1 (got {output_ratio})")
        if min(self.kernel_size) <= 0:
            raise ValueError(f"kernel_size must greater than zero, but got {kernel_size}")

    def forward(self, input: Tensor) -> Any:
        return self.pool(
            input, self.kernel_size, self.output_size, self.output_ratio, self.return_indices, self._random_samples
        )


class FractionalMaxPool2d(_FractionalMaxPoolNd):
    """Largest values of windows at pseudo-random places; see `functional.fractional_max_pool2d`.

    Args:
        kernel_size: of the windows.
        output_size: of the output; or output_ratio: output size / input size, each in (0, 1).
        return_indices: also return where each value came from.
    """

    ndim = 2
    pool = staticmethod(F.fractional_max_pool2d)


class FractionalMaxPool3d(_FractionalMaxPoolNd):
    """`FractionalMaxPool2d` for volumes."""

    ndim = 3
    pool = staticmethod(F.fractional_max_pool3d)
