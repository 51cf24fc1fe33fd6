"""Convolution layers for 1, 2 and 3 dimensions, their transposes, and the lazy forms of both.

One class for convolution, one for its transpose; the classes of a rank only say which rank.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any, ClassVar

from ..mistakes import look_at_images, looks
from ..ops.creation import empty
from ..ops.window import reach
from ..tensor import Tensor
from . import functional as F
from . import init
from .lazy import LazyModuleMixin
from .linear import _init_bias_by_fan_in
from .module import Module
from .parameter import Parameter, UninitializedParameter

Sizes = tuple[int, ...]


def _spread(value: Any, n: int) -> Any:
    """A number once for each dimension; sequences as tuples."""
    return tuple(value) if isinstance(value, (list, tuple)) else (value,) * n


def _both_sides(padding: Sizes) -> list[int]:
    """The padding as `F.pad` wants it: last dimension first, before and after."""
    return [p for p in reversed(padding) for _ in range(2)]


def _same_sides(kernel_size: Sizes, dilation: Sizes) -> list[int]:
    """What padding='same' adds, as `F.pad` wants it; the odd one goes after."""
    total = [r - 1 for r in reach(kernel_size, dilation)]
    return [p for t in reversed(total) for p in (t // 2, t - t // 2)]


class _ConvNd(Module):
    """What convolution and its transpose share: the options, weight and bias; not public."""

    weight: Tensor
    bias: Tensor | None
    in_channels: int
    out_channels: int
    ndim: ClassVar[int]

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        kernel_size: Sizes,
        stride: Sizes,
        padding: str | Sizes,
        dilation: Sizes,
        transposed: bool,
        output_padding: Sizes,
        groups: int,
        bias: bool,
        padding_mode: str,
        device: Any = None,
        dtype: Any = None,
    ) -> None:
        super().__init__()
        _check_options(in_channels, out_channels, stride, padding, groups, padding_mode)
        self.in_channels = in_channels
        self.out_channels = out_channels
        self.kernel_size = kernel_size
        self.stride = stride
        self.padding = padding
        self.dilation = dilation
        self.transposed = transposed
        self.output_padding = output_padding
        self.groups = groups
        self.padding_mode = padding_mode
        if isinstance(padding, str):
            sides = _same_sides(kernel_size, dilation) if padding == "same" else [0, 0] * len(kernel_size)
        else:
            sides = _both_sides(padding)
        self._reversed_padding_repeated_twice = sides
        self.weight = Parameter(empty(self._weight_shape(), device=device, dtype=dtype))
        if bias:
            self.bias = Parameter(empty(out_channels, device=device, dtype=dtype))
        else:
            self.register_parameter("bias", None)
        self.reset_parameters()

    def _weight_shape(self) -> Sizes:
        first, second = (
            (self.in_channels, self.out_channels) if self.transposed else (self.out_channels, self.in_channels)
        )
        return first, second // self.groups, *self.kernel_size

    def reset_parameters(self) -> None:
        if not self.weight.numel():
            return
        init.kaiming_uniform_(self.weight, a=math.sqrt(5))  # torch: this a makes the bound 1 / sqrt(fan_in)
        _init_bias_by_fan_in(self.bias, self.weight.shape[1] * math.prod(self.weight.shape[2:]))

    def extra_repr(self) -> str:
        n = len(self.kernel_size)
        text = f"{self.in_channels}, {self.out_channels}, kernel_size={self.kernel_size}, stride={self.stride}"
        for name, plain in (("padding", (0,) * n), ("dilation", (1,) * n), ("output_padding", (0,) * n), ("groups", 1)):
            if getattr(self, name) != plain:
                text += f", {name}={getattr(self, name)}"
        text += "" if self.bias is not None else ", bias=False"
        return text if self.padding_mode == "zeros" else text + f", padding_mode={self.padding_mode}"

    def __setstate__(self, state: dict[str, Any]) -> None:
        super().__setstate__(state)
        if not hasattr(self, "padding_mode"):  # torch: checkpoints from before version 1.0
            self.padding_mode = "zeros"


def _check_options(
    in_channels: int, out_channels: int, stride: Sizes, padding: str | Sizes, groups: int, padding_mode: str
) -> None:
    if groups <= 0:
        raise ValueError("groups must be a positive integer")
    if in_channels % groups:
        raise ValueError("in_channels must be divisible by groups")
    if out_channels % groups:
        raise ValueError("out_channels must be divisible by groups")
    if isinstance(padding, str) and padding not in ("same", "valid"):
        raise ValueError(f"Invalid padding string {padding!r}, should be 'same' or 'valid'")
    if padding == "same" and any(s != 1 for s in stride):
        raise ValueError("padding='same' is not supported for strided convolutions")
    if padding_mode not in ("zeros", "reflect", "replicate", "circular"):
        raise ValueError(
            f"padding_mode must be one of zeros, reflect, replicate, circular, but got padding_mode='{padding_mode}'"
        )


class _Conv(_ConvNd):
    """Convolution; a subclass gives `ndim` and the function."""

    convolve: ClassVar[Callable[..., Tensor]]

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        kernel_size: Any,
        stride: Any = 1,
        padding: Any = 0,
        dilation: Any = 1,
        groups: int = 1,
        bias: bool = True,
        padding_mode: str = "zeros",
        device: Any = None,
        dtype: Any = None,
    ) -> None:
        n = self.ndim
        padding = padding if isinstance(padding, str) else _spread(padding, n)
        sizes = _spread(kernel_size, n), _spread(stride, n), padding, _spread(dilation, n)
        super().__init__(in_channels, out_channels, *sizes, False, (0,) * n, groups, bias, padding_mode, device, dtype)

    def _conv_forward(self, input: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:
        padding = self.padding
        if looks.images and input._edge is None:
            look_at_images(input._array)
        if self.padding_mode != "zeros":
            input = F.pad(input, self._reversed_padding_repeated_twice, mode=self.padding_mode)
            padding = (0,) * self.ndim
        return self.convolve(input, weight, bias, self.stride, padding, self.dilation, self.groups)

    def forward(self, input: Tensor) -> Tensor:
        return self._conv_forward(input, self.weight, self.bias)


class Conv1d(_Conv):
    """Convolves sequences (N, C, L) with learned filters; see `Conv2d`."""

    ndim = 1
    convolve = staticmethod(F.conv1d)


class Conv2d(_Conv):
    """Convolves images with learned filters; see `functional.conv2d`.

    Args:
        in_channels, out_channels: C and O.
        kernel_size, stride, padding, dilation: an int, or one for each dimension; padding also 'same' or 'valid'.
        groups: the channels are cut into this many parts, each with its own filters; divides both channel counts.
        bias: add one per output channel.
        padding_mode: 'zeros', 'reflect', 'replicate' or 'circular'.

    Shape:
        (N, C, H, W) -> (N, O, H', W'), or both without N.

    Attributes:
        weight: (O, C / groups, kh, kw). bias: (O,). Both uniform within 1 / sqrt(C / groups * kh * kw) at first.

    Example:
        >>> rushlight.nn.Conv2d(3, 8, 3, padding=1)(rushlight.ones(2, 3, 16, 16)).shape
        torch.Size([2, 8, 16, 16])
    """

    ndim = 2
    convolve = staticmethod(F.conv2d)


class Conv3d(_Conv):
    """Convolves volumes (N, C, D, H, W) with learned filters; see `Conv2d`."""

    ndim = 3
    convolve = staticmethod(F.conv3d)


class _ConvTransposeNd(_ConvNd):
    """Transposed convolution; a subclass gives `ndim` and the function."""

    convolve: ClassVar[Callable[..., Tensor]]

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        kernel_size: Any,
        stride: Any = 1,
        padding: Any = 0,
        output_padding: Any = 0,
        groups: int = 1,
        bias: bool = True,
        dilation: Any = 1,
        padding_mode: str = "zeros",
        device: Any = None,
        dtype: Any = None,
    ) -> None:
        if padding_mode != "zeros":
            raise ValueError(f'Only "zeros" padding mode is supported for {type(self).__name__}')
        n = self.ndim
        sizes = _spread(kernel_size, n), _spread(stride, n), _spread(padding, n), _spread(dilation, n)
        super().__init__(
            in_channels,
            out_channels,
            *sizes,
            True,
            _spread(output_padding, n),
            groups,
            bias,
            padding_mode,
            device,
            dtype,
        )

    def _output_padding(self, input: Tensor, output_size: Sequence[int] | None) -> Sizes:
        """The output_padding that gives `output_size`."""
        if output_size is None:
            return self.output_padding
        n, batched = self.ndim, input.dim() == self.ndim + 2
        wanted = tuple(output_size)
        wanted = wanted[1 + batched :] if len(wanted) == n + 1 + batched else wanted
        if len(wanted) != n:
            raise ValueError(
                f"ConvTranspose{n}D: for {input.dim()}D input, output_size must have {n} or {n + 1 + batched} elements "
                f"(got {len(wanted)})"
            )
        padding: Any = self.padding
        spans = zip(input.shape[-n:], self.stride, padding, reach(self.kernel_size, self.dilation))
        least = [(size - 1) * s - 2 * p + r for size, s, p, r in spans]
        most = [low + s - 1 for low, s in zip(least, self.stride)]
        if any(not low <= w <= high for low, w, high in zip(least, wanted, most)):
            raise ValueError(
                f"requested an output size of {wanted}, but valid sizes range from {least} to {most} (for an input of "
                f"{tuple(input.shape[-n:])})"
            )
        return tuple(w - low for w, low in zip(wanted, least))

    def forward(self, input: Tensor, output_size: Sequence[int] | None = None) -> Tensor:
        extra = self._output_padding(input, output_size)
        return self.convolve(
            input, self.weight, self.bias, self.stride, self.padding, extra, self.groups, self.dilation
        )


class ConvTranspose1d(_ConvTransposeNd):
    """Transposed convolution of sequences (N, C, L); see `ConvTranspose2d`."""

    ndim = 1
    convolve = staticmethod(F.conv_transpose1d)


class ConvTranspose2d(_ConvTransposeNd):
    """Spreads each pixel through a learned filter, to make images larger; see `functional.conv_transpose2d`.

    Args:
        in_channels, out_channels: C and O.
        kernel_size, stride, padding, output_padding, dilation: an int, or one for each dimension.
        groups: the channels are cut into this many parts, each with its own filters.
        bias: add one per output channel.

    Shape:
        (N, C, H, W) -> (N, O, H', W'), or both without N. `forward(input, output_size)` picks among the sizes possible.

    Attributes:
        weight: (C, O / groups, kh, kw). bias: (O,).
    """

    ndim = 2
    convolve = staticmethod(F.conv_transpose2d)


class ConvTranspose3d(_ConvTransposeNd):
    """Transposed convolution of volumes (N, C, D, H, W); see `ConvTranspose2d`."""

    ndim = 3
    convolve = staticmethod(F.conv_transpose3d)


# --------------------------------------------------------------------------------------------------------------- lazy


class _LazyConvXdMixin(LazyModuleMixin):
    """A convolution that takes `in_channels` from its first input."""

    weight: Any
    bias: Any
    out_channels: int
    groups: int
    ndim: int
    _weight_shape: Callable[[], Sizes]

    def __init__(self, out_channels: int, kernel_size: Any, *args: Any, **kwargs: Any) -> None:
        options = self._options(args, kwargs)
        bias, factory = options.pop("bias", True), {k: options.pop(k, None) for k in ("device", "dtype")}
        super().__init__(0, 0, kernel_size, bias=False, **options)
        self.weight = UninitializedParameter(**factory)
        self.out_channels = out_channels
        if bias:
            self.bias = UninitializedParameter(**factory)

    @classmethod
    def _options(cls, args: Any, kwargs: Any) -> dict[str, Any]:
        """Positional options by name: those of the convolution, after in_channels, out_channels, kernel_size."""
        code = cls.cls_to_become.__init__.__code__  # type: ignore[misc]
        names = code.co_varnames[4 : code.co_argcount]
        if len(args) > len(names):
            raise TypeError(f"{cls.__name__}.__init__() takes at most {len(names) + 3} positional arguments")
        return {**dict(zip(names, args)), **kwargs}

    def reset_parameters(self) -> None:
        if not self.has_uninitialized_params() and self.in_channels:
            super().reset_parameters()  # type: ignore[misc]

    def initialize_parameters(self, input: Tensor, *args: Any, **kwargs: Any) -> None:
        if not self.has_uninitialized_params():
            return
        if input.dim() not in (self.ndim + 1, self.ndim + 2):
            raise RuntimeError(
                f"Expected {self.ndim + 1}D (unbatched) or {self.ndim + 2}D (batched) input to {type(self).__name__}, "
                f"but got input of size: {input.shape}"
            )
        self.in_channels = input.shape[-self.ndim - 1]
        if self.in_channels % self.groups:
            raise ValueError("in_channels must be divisible by groups")
        self.weight.materialize(self._weight_shape())
        if self.bias is not None:
            self.bias.materialize((self.out_channels,))
        self.reset_parameters()


class LazyConv1d(_LazyConvXdMixin, Conv1d):
    """`Conv1d` that takes `in_channels` from its first input."""

    cls_to_become = Conv1d


class LazyConv2d(_LazyConvXdMixin, Conv2d):
    """`Conv2d` that takes `in_channels` from its first input."""

    cls_to_become = Conv2d


class LazyConv3d(_LazyConvXdMixin, Conv3d):
    """`Conv3d` that takes `in_channels` from its first input."""

    cls_to_become = Conv3d


class LazyConvTranspose1d(_LazyConvXdMixin, ConvTranspose1d):
    """`ConvTranspose1d` that takes `in_channels` from its first input."""

    cls_to_become = ConvTranspose1d


class LazyConvTranspose2d(_LazyConvXdMixin, ConvTranspose2d):
    """`ConvTranspose2d` that takes `in_channels` from its first input."""

    cls_to_become = ConvTranspose2d


class LazyConvTranspose3d(_LazyConvXdMixin, ConvTranspose3d):
    """`ConvTranspose3d` that takes `in_channels` from its first input."""

    cls_to_become = ConvTranspose3d
