"""Convolution over 1, 2 or 3 spatial dimensions, and its transpose.

The three kernels (convolve.py) are linear in each array and each the others' derivative, so as operators (`Conv`,
`ConvTranspose`, `ConvWeight`) they give derivatives of any order.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ..autograd.tape import Operator, TensorBase
from ..errors import OperatorError, ShapeError
from ..mistakes import advice_on
from .convolve import channel_sum, conv_backward_input, conv_backward_weight, conv_forward
from .promotion import conj
from .window import Sizes, reach, remembered, spread

if TYPE_CHECKING:
    from ..tensor import Tensor

Array = Any


# -------------------------------------------------------------------------------------------------------- operators


def _crop(y: Array, shape: Sizes) -> Array:
    """A convolution's result without the places that an output_padding between stride and dilation adds."""
    return y if y.shape == shape else y[tuple(map(slice, shape))]


class Conv(Operator):
    label = "Convolution"
    saves = (0, 1)
    curved = True

    @staticmethod
    def forward(ctx: Any, x: Array, weight: Array, bias: Array | None, *window: Any) -> Array:
        needs = ctx.needs
        ctx.window, ctx.shapes = window, (x.shape, weight.shape)
        ctx.save(x if needs[1] else None, weight if needs[0] else None)
        return conv_forward(x, weight, bias, *window)

    @staticmethod
    def backward(ctx: Any, grad: Array) -> Any:
        x, weight = ctx.saved
        x_shape, weight_shape = ctx.shapes
        dx = None if weight is None else ConvTranspose.derive(grad, conj(weight), None, x_shape, *ctx.window)
        dweight = None if x is None else ConvWeight.derive(grad, conj(x), weight_shape, *ctx.window)
        return dx, dweight, channel_sum(grad) if ctx.needs[2] else None


class ConvTranspose(Operator):
    saves = (0, 1)
    curved = True

    @classmethod
    def derive(cls, x: Any, weight: Any, bias: Any, *rest: Any) -> Any:
        if isinstance(x, TensorBase) or bias is not None:
            return super().derive(x, weight, bias, *rest)
        return conv_backward_input(x, weight, *rest)  # what `forward` notes costs as much as a small convolution

    @staticmethod
    def forward(ctx: Any, x: Array, weight: Array, bias: Array | None, shape: Sizes, *window: Any) -> Array:
        needs = ctx.needs
        ctx.window, ctx.x_shape, ctx.weight_shape = window, x.shape, weight.shape
        ctx.save(x if needs[1] else None, weight if needs[0] else None)
        y = conv_backward_input(x, weight, shape, *window)
        return y if bias is None else y + bias.reshape((-1, *(1,) * (x.ndim - 2)))

    @staticmethod
    def backward(ctx: Any, grad: Array) -> Any:
        x, weight = ctx.saved
        dx = None if weight is None else _crop(Conv.derive(grad, conj(weight), None, *ctx.window), ctx.x_shape)
        dweight = None if x is None else ConvWeight.derive(conj(x), grad, ctx.weight_shape, *ctx.window)
        return dx, dweight, channel_sum(grad) if ctx.needs[2] else None


class ConvWeight(Operator):
    saves = (0, 1)

    @staticmethod
    def forward(ctx: Any, grad: Array, x: Array, weight_shape: Sizes, *window: Any) -> Array:
        ctx.window, ctx.x_shape = window, x.shape
        ctx.save(grad, x)
        return conv_backward_weight(grad, x, weight_shape, *window)

    @staticmethod
    def backward(ctx: Any, dweight: Array) -> Any:
        grad, x = ctx.saved
        dgrad = _crop(Conv.derive(conj(x), dweight, None, *ctx.window), grad.shape) if ctx.needs[0] else None
        dx = ConvTranspose.derive(conj(grad), dweight, None, ctx.x_shape, *ctx.window) if ctx.needs[1] else None
        return dgrad, dx


# --------------------------------------------------------------------------------------------------- what calls them


def _check_dtypes(name: str, input: Tensor, weight: Tensor, bias: Tensor | None) -> None:
    kind = input._array.dtype
    if weight._array.dtype != kind or (bias is not None and bias._array.dtype != kind):
        kinds = ", ".join(str(t.dtype) for t in (input, weight, bias) if t is not None)
        raise OperatorError(f"{name}: input, weight and bias must have one dtype, not {kinds}{advice_on(input)}")


def _check_shapes(name: str, n: int, x: Sizes, w: Sizes, bias: Sizes | None, groups: int, transposed: bool) -> None:
    """Everything about a convolution's shapes that does not depend on stride and padding."""
    if len(w) != n + 2 or 0 in w:
        raise ShapeError(f"{name}: weight {w} must have {n + 2} dimensions, none of them empty")
    if len(x) not in (n + 1, n + 2):
        raise ShapeError(
            f"{name}: Expected {n + 1}D (unbatched) or {n + 2}D (batched) input, but got input of size: {list(x)}"
        )
    if groups <= 0:
        raise OperatorError(f"{name}: non-positive groups is not supported (groups={groups})")
    if w[0] % groups:
        raise ShapeError(f"{name}: groups={groups} must divide the first size of weight {w}")
    channels, expected = x[-n - 1], w[0] if transposed else w[1] * groups
    if channels != expected:
        raise ShapeError(
            f"{name}: Given groups={groups}, weight of size {list(w)}, expected input{list(x)} to have {expected} "
            "channels, "
            f"but got {channels} channels instead"
        )
    outs = w[1] * groups if transposed else w[0]
    if bias is not None and bias != (outs,):
        raise ShapeError(
            f"{name}: Given weight of size {list(w)}, expected bias to be 1-dimensional with {outs} elements, but got "
            "bias of "
            f"size {list(bias)} instead"
        )
    if 0 in x[-n - 1 :]:
        raise ShapeError(f"{name}: input {x} must not be empty, except for the batch")


def _check_window(name: str, stride: Sizes, padding: Sizes, dilation: Sizes) -> None:
    if min(stride) <= 0:
        raise OperatorError(f"{name}: non-positive stride is not supported (stride={stride})")
    if min(padding) < 0:
        raise OperatorError(f"{name}: negative padding is not supported (padding={padding})")
    if min(dilation) <= 0:
        raise OperatorError(f"{name}: dilation should be greater than zero (dilation={dilation})")


def _same_padding(name: str, padding: str, stride: Sizes, extent: Sizes) -> list[int]:
    """What 'same' or 'valid' adds to each dimension, in all."""
    if padding == "valid":
        return [0] * len(stride)
    if padding != "same":
        raise OperatorError(f"{name}: Invalid padding string: {padding!r}; it is 'valid' or 'same'")
    if set(stride) != {1}:
        raise OperatorError(f"{name}: padding='same' is not supported for strided convolutions (stride={stride})")
    return [r - 1 for r in extent]


Window = tuple[Sizes, Sizes, Sizes, int]  # stride, padding, dilation, groups


@remembered
def _plan(
    name: str, n: int, x: Sizes, w: Sizes, bias: Sizes | None, stride: Any, padding: Any, dilation: Any, groups: int
) -> tuple[Window, list[int] | None]:
    """The window, after all checks, and what to pad the input by first: an odd 'same' has one more after it."""
    _check_shapes(name, n, x, w, bias, groups, False)
    stride, dilation = spread(stride, n, name, "stride"), spread(dilation, n, name, "dilation")
    extent, first = reach(w[2:], dilation), None
    if isinstance(padding, str):
        total = _same_padding(name, padding, stride, extent)
        padding = tuple(t // 2 for t in total)
        if any(t % 2 for t in total):
            first = [side for t in reversed(total) for side in (0, t % 2)]
    else:
        padding = spread(padding, n, name, "padding")
        _check_window(name, stride, padding, dilation)
        wide = tuple(s + 2 * p for s, p in zip(x[-n:], padding))
        if any(s < r for s, r in zip(wide, extent)):
            raise ShapeError(
                f"{name}: Calculated padded input size per channel: {wide}. Kernel size: {extent}. Kernel size can't "
                "be greater than actual input size"
            )
    return (stride, padding, dilation, groups), first


def _conv(
    name: str,
    n: int,
    input: Tensor,
    weight: Tensor,
    bias: Tensor | None,
    stride: Any,
    padding: Any,
    dilation: Any,
    groups: int,
) -> Tensor:
    x = input._array
    _check_dtypes(name, input, weight, bias)
    outs = None if bias is None else bias._array.shape
    window, first = _plan(name, n, x.shape, weight._array.shape, outs, stride, padding, dilation, groups)
    if first is not None:
        from .padding import pad  # only uneven 'same' padding needs it

        input = pad(input, first)
    if x.ndim == n + 1:
        return Conv.apply(input.unsqueeze(0), weight, bias, *window).squeeze(0)
    return Conv.apply(input, weight, bias, *window)


def conv1d(
    input: Tensor,
    weight: Tensor,
    bias: Tensor | None = None,
    stride: Any = 1,
    padding: Any = 0,
    dilation: Any = 1,
    groups: int = 1,
) -> Tensor:
    """Convolves a sequence with learned filters; see `conv2d`, with (N, C, L) and (O, C / groups, k)."""
    return _conv("conv1d", 1, input, weight, bias, stride, padding, dilation, groups)


def conv2d(
    input: Tensor,
    weight: Tensor,
    bias: Tensor | None = None,
    stride: Any = 1,
    padding: Any = 0,
    dilation: Any = 1,
    groups: int = 1,
) -> Tensor:
    """Convolves an image with learned filters.

        y[n, o, i, j] = bias[o] + sum over c, a, b of weight[o, c, a, b] * x[n, c, i * s + a * d - p, j * s + b * d - p]

    Args:
        input: (N, C, H, W), or (C, H, W) without a batch.
        weight: (O, C / groups, kh, kw), of the input's dtype.
        bias: (O,), or None.
        stride: step of the window, an int or one for each dimension.
        padding: zeros added on both sides, an int or one for each dimension; 'valid' is 0, and 'same' keeps the size
            (stride 1 only).
        dilation: distance between taps.
        groups: the channels are cut into this many parts, each with its own filters.

    Returns:
        (N, O, H', W') with H' = (H + 2 * padding - dilation * (kh - 1) - 1) // stride + 1.

    Raises:
        RuntimeError: sizes, dtypes or channel counts do not fit.

    Example:
        >>> x, weight = rushlight.ones(1, 3, 8, 8), rushlight.ones(4, 3, 3, 3)
        >>> rushlight.nn.functional.conv2d(x, weight, padding=1).shape
        torch.Size([1, 4, 8, 8])
    """
    return _conv("conv2d", 2, input, weight, bias, stride, padding, dilation, groups)


def conv3d(
    input: Tensor,
    weight: Tensor,
    bias: Tensor | None = None,
    stride: Any = 1,
    padding: Any = 0,
    dilation: Any = 1,
    groups: int = 1,
) -> Tensor:
    """Convolves a volume with learned filters; see `conv2d`, with (N, C, D, H, W) and (O, C / groups, kd, kh, kw)."""
    return _conv("conv3d", 3, input, weight, bias, stride, padding, dilation, groups)


@remembered
def _transposed_plan(
    name: str,
    n: int,
    x: Sizes,
    w: Sizes,
    bias: Sizes | None,
    stride: Any,
    padding: Any,
    output_padding: Any,
    groups: int,
    dilation: Any,
) -> tuple[Sizes, Window]:
    """The output's spatial size, and the window."""
    _check_shapes(name, n, x, w, bias, groups, True)
    stride, padding, dilation = (
        spread(stride, n, name, "stride"),
        spread(padding, n, name, "padding"),
        spread(dilation, n, name, "dilation"),
    )
    extra = spread(output_padding, n, name, "output_padding")
    _check_window(name, stride, padding, dilation)
    if min(extra) < 0 or any(e >= max(s, d) for e, s, d in zip(extra, stride, dilation)):
        raise OperatorError(
            f"{name}: output padding must be smaller than either stride or dilation, but got output_padding={extra}, "
            f"stride={stride}, dilation={dilation}"
        )
    spans = zip(x[-n:], stride, padding, reach(w[2:], dilation), extra)
    out = tuple((size - 1) * s - 2 * p + r + e for size, s, p, r, e in spans)
    if min(out) <= 0:
        raise ShapeError(
            f"{name}: Given input size per channel: {x[-n:]}. Calculated output size per channel: {out}. Output size "
            "is too small"
        )
    return out, (stride, padding, dilation, groups)


def _conv_transpose(
    name: str,
    n: int,
    input: Tensor,
    weight: Tensor,
    bias: Tensor | None,
    stride: Any,
    padding: Any,
    output_padding: Any,
    groups: int,
    dilation: Any,
) -> Tensor:
    x, w = input._array, weight._array
    _check_dtypes(name, input, weight, bias)
    outs = None if bias is None else bias._array.shape
    spatial, window = _transposed_plan(
        name, n, x.shape, w.shape, outs, stride, padding, output_padding, groups, dilation
    )
    channels = w.shape[1] * groups
    if x.ndim == n + 1:
        return ConvTranspose.apply(input.unsqueeze(0), weight, bias, (1, channels, *spatial), *window).squeeze(0)
    return ConvTranspose.apply(input, weight, bias, (x.shape[0], channels, *spatial), *window)


def conv_transpose1d(
    input: Tensor,
    weight: Tensor,
    bias: Tensor | None = None,
    stride: Any = 1,
    padding: Any = 0,
    output_padding: Any = 0,
    groups: int = 1,
    dilation: Any = 1,
) -> Tensor:
    """The transpose of `conv1d`; see `conv_transpose2d`."""
    return _conv_transpose(
        "conv_transpose1d", 1, input, weight, bias, stride, padding, output_padding, groups, dilation
    )


def conv_transpose2d(
    input: Tensor,
    weight: Tensor,
    bias: Tensor | None = None,
    stride: Any = 1,
    padding: Any = 0,
    output_padding: Any = 0,
    groups: int = 1,
    dilation: Any = 1,
) -> Tensor:
    """Spreads each pixel through a learned filter: the gradient of `conv2d` with respect to its input.

    Args:
        input: (N, C, H, W), or (C, H, W) without a batch.
        weight: (C, O / groups, kh, kw): note the order of channels.
        bias: (O,), or None.
        stride, padding, dilation, groups: those of the convolution that this is the transpose of.
        output_padding: adds to one side of the output, since a strided convolution maps several sizes to one.

    Returns:
        (N, O, H', W') with H' = (H - 1) * stride - 2 * padding + dilation * (kh - 1) + 1 + output_padding.

    Raises:
        RuntimeError: sizes, dtypes or channel counts do not fit.

    Example:
        >>> x, weight = rushlight.ones(1, 3, 4, 4), rushlight.ones(3, 2, 2, 2)
        >>> rushlight.nn.functional.conv_transpose2d(x, weight, stride=2).shape
        torch.Size([1, 2, 8, 8])
    """
    return _conv_transpose(
        "conv_transpose2d", 2, input, weight, bias, stride, padding, output_padding, groups, dilation
    )


def conv_transpose3d(
    input: Tensor,
    weight: Tensor,
    bias: Tensor | None = None,
    stride: Any = 1,
    padding: Any = 0,
    output_padding: Any = 0,
    groups: int = 1,
    dilation: Any = 1,
) -> Tensor:
    """The transpose of `conv3d`; see `conv_transpose2d`."""
    return _conv_transpose(
        "conv_transpose3d", 3, input, weight, bias, stride, padding, output_padding, groups, dilation
    )


def conv_tbc(input: Tensor, weight: Tensor, bias: Tensor, pad: int = 0) -> Tensor:
    """Convolution over time for (time, batch, channels) sequences.

    Args:
        input: (L, N, C).
        weight: (k, C, O).
        bias: (O,).
        pad: zeros added at both ends.
    """
    for what, tensor, ndim in (("input", input, 3), ("weight", weight, 3), ("bias", bias, 1)):
        if tensor.ndim != ndim:
            raise ShapeError(
                f"conv_tbc: {what} {tuple(tensor.shape)} must have {ndim} dimension{'s' if ndim > 1 else ''}"
            )
    y = _conv("conv_tbc", 1, input.permute(1, 2, 0), weight.permute(2, 1, 0), bias, 1, pad, 1, 1)
    return y.permute(2, 0, 1)  # (N, O, L') -> (L', N, O)
