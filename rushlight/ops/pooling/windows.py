"""Where the windows of a pooling go, whatever is made of them: sizes, checks, and input without a batch."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ...autograd.tape import Operator
from ...errors import OperatorError, ShapeError
from ..window import Sizes, reach, remembered, spread

if TYPE_CHECKING:
    from ...tensor import Tensor

Array = Any
ALL = (slice(None), slice(None))  # batch and channels
Window = tuple[Sizes, Sizes, Sizes, Sizes]  # kernel_size, stride, padding, dilation


def pooled_size(
    spatial: Sizes, kernel_size: Sizes, stride: Sizes, padding: Sizes, dilation: Sizes, ceil_mode: bool
) -> Sizes:
    """How many windows fit in each dimension. torch: with `ceil_mode` a last, partial window is kept only if it starts
    inside the input or its left padding."""
    out = []
    for n, s, p, r in zip(spatial, stride, padding, reach(kernel_size, dilation)):
        free = n + 2 * p - r
        count = (-(-free // s) if ceil_mode else free // s) + 1
        if ceil_mode and (count - 1) * s >= n + p:
            count -= 1
        out.append(count)
    return tuple(out)


def overhang(spatial: Sizes, kernel_size: Sizes, stride: Sizes, padding: Sizes, dilation: Sizes, out: Sizes) -> Sizes:
    """How far the last windows reach beyond the end of the input."""
    last = zip(out, stride, reach(kernel_size, dilation), padding, spatial)
    return tuple(max((o - 1) * s + r - p - n, 0) for o, s, r, p, n in last)


def check_input(name: str, shape: Sizes, n: int) -> None:
    if len(shape) not in (n + 1, n + 2):
        raise ShapeError(f"{name}: Expected {n + 1}D or {n + 2}D (batch mode) tensor for input, but got: {list(shape)}")
    if 0 in shape[-n - 1 :]:
        raise ShapeError(
            f"{name}: Expected {n + 1}D or {n + 2}D (batch mode) tensor with non-zero dims except for the batch, but "
            f"got: {list(shape)}"
        )


@remembered
def plan(
    name: str, n: int, shape: Sizes, kernel_size: Any, stride: Any, padding: Any, dilation: Any, ceil_mode: bool
) -> Window:
    """The window in numbers, after checking that it fits the input."""
    check_input(name, shape, n)
    kernel_size, padding, dilation = (
        spread(kernel_size, n, name, "kernel_size"),
        spread(padding, n, name, "padding"),
        spread(dilation, n, name, "dilation"),
    )
    stride = kernel_size if stride is None or stride == () else spread(stride, n, name, "stride")
    for what, values in (("kernel size", kernel_size), ("stride", stride), ("dilation", dilation)):
        if min(values) <= 0:
            raise OperatorError(f"{name}: {what} should be greater than zero, but got {values}")
    if min(padding) < 0:
        raise OperatorError(f"{name}: pad must be non-negative, but got {padding}")
    if any(2 * p > r for p, r in zip(padding, reach(kernel_size, dilation))):
        raise OperatorError(
            f"{name}: pad should be at most half of effective kernel size, but got pad={padding}, "
            f"kernel_size={kernel_size} and dilation={dilation}"
        )
    out = pooled_size(shape[-n:], kernel_size, stride, padding, dilation, ceil_mode)
    if min(out) <= 0:
        raise ShapeError(
            f"{name}: Given input size per channel {shape[-n:]} and kernel size {kernel_size}, calculated output size "
            f"{out} is too small"
        )
    return kernel_size, stride, padding, dilation


def batched(operator: type[Operator], n: int, input: Tensor, *args: Any) -> Any:
    """An operator for (N, C, *S) applied to input that may lack the batch."""
    if input._array.ndim == n + 2:
        return operator.apply(input, *args)
    result = operator.apply(input.unsqueeze(0), *args)
    return tuple(t.squeeze(0) for t in result) if isinstance(result, tuple) else result.squeeze(0)
