"""Affine maps: `linear`, `bilinear`."""

from __future__ import annotations

from math import prod
from typing import TYPE_CHECKING, Any

from ..autograd.tape import Operator
from ..errors import OperatorError, ShapeError
from ..kernels import kernel, xp
from ..kernels.moves import reshaped
from ..mistakes import advice_on
from .promotion import conj, in_float32

if TYPE_CHECKING:
    from ..tensor import Tensor

Array = Any


@kernel
@in_float32
def linear_forward(x: Array, weight: Array, bias: Array | None, activation: str | None) -> Array:
    """x (R, K), weight (O, K), bias (O,) or None, activation None or "relu"
    -> y (R, O) = activation(x weight^T + bias)."""
    y = x @ xp.transpose(weight)
    y = y if bias is None else y + bias
    return xp.maximum(y, 0) if activation == "relu" else y


@kernel
@in_float32
def linear_backward(grad: Array, x: Array, weight: Array, needs: tuple[bool, ...]) -> tuple[Any, Any, Any]:
    """grad (R, O) -> dx (R, K), dweight (O, K), dbias (O,); None for what is not needed."""
    dx = grad @ conj(weight) if needs[0] else None
    dweight = xp.transpose(grad) @ conj(x) if needs[1] else None
    return dx, dweight, grad.sum(axis=0) if needs[2] else None


class Linear(Operator):
    saves = (0, 1)

    @staticmethod
    def forward(ctx: Any, x: Array, weight: Array, bias: Array | None) -> Array:
        ctx.save(x, weight)
        if x.ndim == 2:
            return linear_forward(x, weight, bias, None)
        shape = x.shape
        rows = reshaped(x, (prod(shape[:-1]), shape[-1]))  # (..., K) -> (R, K)
        return linear_forward(rows, weight, bias, None).reshape((*shape[:-1], weight.shape[0]))

    @staticmethod
    def backward(ctx: Any, grad: Array) -> Any:
        x, weight = ctx.saved
        needs = ctx.needs
        if x.ndim == 2:
            return linear_backward(grad, x, weight, needs)
        rows, columns = prod(x.shape[:-1]), x.shape[-1]
        dx, dweight, dbias = linear_backward(
            reshaped(grad, (rows, weight.shape[0])), reshaped(x, (rows, columns)), weight, needs
        )
        return None if dx is None else dx.reshape(x.shape), dweight, dbias


def linear(input: Tensor, weight: Tensor, bias: Tensor | None = None) -> Tensor:
    """`input @ weight.T + bias`.

    Args:
        input: (..., K).
        weight: (O, K), or (K,) for a single output without its dimension; of the input's dtype.
        bias: (O,), or None.

    Returns:
        (..., O).

    Raises:
        RuntimeError: sizes or dtypes do not fit.

    Example:
        >>> rushlight.nn.functional.linear(rushlight.ones(2, 3), rushlight.ones(4, 3)).shape
        torch.Size([2, 4])
    """
    x, w = input._array, weight._array
    kind, size = w.dtype, w.shape
    fits = len(size) == 2 and x.dtype is kind and x.shape[-1:] == size[1:]
    if fits and (bias is None or (bias._array.dtype is kind and bias._array.shape == size[:1])):
        return Linear.apply(input, weight, bias)  # the usual call, without looking for mistakes
    if w.ndim != 2 or (bias is not None and bias._array.shape != w.shape[:1]):
        return _unusual_linear(input, weight, bias)
    if not x.ndim or x.shape[-1] != w.shape[1]:
        raise ShapeError(
            f"linear: mat1 and mat2 shapes cannot be multiplied: input {x.shape} does not end in ({w.shape[1]},), as "
            f"weight {w.shape} expects"
        )
    if x.dtype != w.dtype or (bias is not None and bias._array.dtype != w.dtype):
        kinds = ", ".join(str(t.dtype) for t in (input, weight, bias) if t is not None)
        raise OperatorError(
            f"linear: mat1 and mat2 must have the same dtype: input, weight and bias have {kinds}{advice_on(input)}"
        )
    return Linear.apply(input, weight, bias)


def _unusual_linear(input: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:
    """What PyTorch takes besides: a weight (K,) for one output, and a bias that broadcasts."""
    if weight.ndim not in (1, 2):
        raise ShapeError(f"linear: weight {tuple(weight.shape)} must be (out_features, in_features) or (in_features,)")
    if weight.ndim == 1:
        y = linear(input, weight.unsqueeze(0)).squeeze(-1)
    else:
        y = linear(input, weight)
    if bias is None:
        return y
    if any(b not in (1, n) for b, n in zip(bias.shape[::-1], y.shape[::-1])) or bias.ndim > y.ndim:
        raise ShapeError(
            f"linear: bias {tuple(bias.shape)} does not fit weight {tuple(weight.shape)}, which gives "
            f"({weight.shape[0]},)"
        )
    return y + bias


def bilinear(input1: Tensor, input2: Tensor, weight: Tensor, bias: Tensor | None = None) -> Tensor:
    """`y[..., o] = sum over i, j of input1[..., i] * weight[o, i, j] * input2[..., j] + bias[o]`.

    Args:
        input1: (..., I). input2: (..., J), with the same leading sizes.
        weight: (O, I, J). bias: (O,), or None.

    Raises:
        RuntimeError: sizes do not fit.
    """
    a, b, w = (tuple(t.shape) for t in (input1, input2, weight))
    if len(w) != 3:
        raise ShapeError(f"bilinear: weight {w} must have 3 dimensions")
    if a[:-1] != b[:-1]:
        raise ShapeError(f"bilinear: batch dimensions of input1 {a} and input2 {b} do not match")
    if a[-1] != w[1] or b[-1] != w[2]:
        raise ShapeError(
            f"bilinear: input1 {a} and input2 {b} do not end in ({w[1]},) and ({w[2]},), as weight {w} expects"
        )
    if bias is not None and tuple(bias.shape) != w[:1]:
        raise ShapeError(f"bilinear: bias {tuple(bias.shape)} must be ({w[0]},), as weight {w} expects")
    rows = prod(a[:-1])
    mixed = input1.reshape(rows, 1, a[-1]) @ weight.permute(1, 0, 2).reshape(a[-1], w[0] * w[2])  # (R, 1, O * J)
    y = (mixed.reshape(rows, w[0], w[2]) @ input2.reshape(rows, w[2], 1)).reshape(*a[:-1], w[0])
    return y if bias is None else y + bias
