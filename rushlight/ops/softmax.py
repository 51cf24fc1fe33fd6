"""Exponentials normalised over a dimension: softmax, log_softmax, softmin, logsumexp, and sampling by Gumbel noise."""

from __future__ import annotations

import warnings
from typing import TYPE_CHECKING, Any

from .. import dtypes, random
from ..autograd.tape import OUT, Operator, TensorBase, wrap
from ..kernels import kernel, xp
from .dims import wrap_dim
from .promotion import cast, conj, floating, in_float32, into, not_a_tensor, not_implemented
from .reduction import axes_of, restore
from .unary import operator

if TYPE_CHECKING:
    from ..tensor import Tensor

Array = Any


# ---------------------------------------------------------------------------------------------------------- softmax


@kernel
@in_float32
def softmax_forward(x: Array, dim: int) -> Array:
    """e^x / sum(e^x) over `dim`; the largest x of a row is subtracted first, so that nothing overflows."""
    e = xp.exp(x - xp.max(x, axis=dim, keepdims=True))
    return e / e.sum(axis=dim, keepdims=True)


@kernel
@in_float32
def softmax_backward(grad: Array, y: Array, dim: int) -> Array:
    """y * (grad - sum(grad * y))."""
    weighted = grad * y
    return weighted - y * weighted.sum(axis=dim, keepdims=True)


@kernel
@in_float32
def log_softmax_forward(x: Array, dim: int) -> Array:
    """x - log(sum(e^x)) over `dim`."""
    z = x - xp.max(x, axis=dim, keepdims=True)
    return z - xp.log(xp.exp(z).sum(axis=dim, keepdims=True))


@kernel
@in_float32
def log_softmax_backward(grad: Array, y: Array, dim: int) -> Array:
    """grad - e^y * sum(grad)."""
    return grad - xp.exp(y) * grad.sum(axis=dim, keepdims=True)


Softmax = operator("Softmax", softmax_forward, softmax_backward, OUT)
LogSoftmax = operator("LogSoftmax", log_softmax_forward, log_softmax_backward, OUT)


def _normalise(cls: type[Operator], name: str, input: Any, dim: int, dtype: Any, out: Any) -> Any:
    if not isinstance(input, TensorBase):
        raise not_a_tensor(input, name)
    if dtype is not None:
        input = cast(input, dtypes.as_dtype(dtype))
    array = input._array
    dim = wrap_dim(dim, array.ndim, name)
    if array.dtype.kind not in "fV":
        raise not_implemented(name, input)
    if array.size == 0 or array.ndim == 0:
        result = cls.apply(input.reshape(-1, 1), 1).reshape(array.shape)
    else:
        result = cls.apply(input, dim)
    return result if out is None else into(out, result, name)


def softmax(input: Tensor, dim: int, dtype: dtypes.dtype | None = None, *, out: Tensor | None = None) -> Tensor:
    """exp(input) / sum(exp(input)) over `dim`: numbers in [0, 1] that add up to 1.

    Args:
        dtype: cast the input to this first.

    Raises:
        IndexError: dim is out of range. NotImplementedError: integers without `dtype`.

    Example:
        >>> rushlight.softmax(rushlight.tensor([0., 0.]), 0)
        tensor([0.5000, 0.5000])
    """
    return _normalise(Softmax, "softmax", input, dim, dtype, out)


def log_softmax(input: Tensor, dim: int, dtype: dtypes.dtype | None = None, *, out: Tensor | None = None) -> Tensor:
    """log(softmax(input)), computed without the quotient's loss of digits.

    Args:
        dtype: cast the input to this first.
    """
    return _normalise(LogSoftmax, "log_softmax", input, dim, dtype, out)


# ---------------------------------------------------------------------- nn.functional's spelling, where dim may be None


def implicit_dim(name: str, ndim: int, stacklevel: int) -> int:
    """torch: the dimension when none is given: 0 for 0, 1 or 3 dimensions, else 1."""
    warnings.warn(
        f"Implicit dimension choice for {name} has been deprecated. Change the call to include dim=X as an argument.",
        stacklevel=stacklevel,
    )
    return 0 if ndim in (0, 1, 3) else 1


def nn_softmax(
    input: Tensor, dim: int | None = None, _stacklevel: int = 3, dtype: dtypes.dtype | None = None
) -> Tensor:
    """`rushlight.softmax`; without `dim` it warns and takes 0 for 0, 1 or 3 dimensions, else 1."""
    if dim is None:
        dim = implicit_dim("softmax", input.ndim, _stacklevel)
    return softmax(input, dim, dtype)


def nn_log_softmax(
    input: Tensor, dim: int | None = None, _stacklevel: int = 3, dtype: dtypes.dtype | None = None
) -> Tensor:
    """`rushlight.log_softmax`; without `dim` it warns and takes 0 for 0, 1 or 3 dimensions, else 1."""
    if dim is None:
        dim = implicit_dim("log_softmax", input.ndim, _stacklevel)
    return log_softmax(input, dim, dtype)


def softmin(input: Tensor, dim: int | None = None, _stacklevel: int = 3, dtype: dtypes.dtype | None = None) -> Tensor:
    """softmax(-input)."""
    if dim is None:
        dim = implicit_dim("softmin", input.ndim, _stacklevel)
    return softmax(-input, dim, dtype)


# -------------------------------------------------------------------------------------------------------- logsumexp


@in_float32
def _logsumexp(x: Array, axes: tuple[int, ...], keepdims: bool) -> Array:
    top = x.real.max(axis=axes, keepdims=True) if x.size else xp.zeros_like(x.sum(axis=axes, keepdims=True))
    top = xp.where(xp.isfinite(top), top, 0)
    y = xp.log(xp.exp(x - top).sum(axis=axes, keepdims=True)) + top
    return y if keepdims else y.reshape(tuple(n for i, n in enumerate(y.shape) if i not in axes))


class LogSumExp(Operator):
    label = "Logsumexp"
    saves = (0, OUT)

    @staticmethod
    def forward(ctx: Any, x: Array, axes: tuple[int, ...], keepdims: bool) -> Array:
        y = _logsumexp(x, axes, keepdims)
        ctx.axes = axes
        ctx.save(x, y)
        return y

    @staticmethod
    def backward(ctx: Any, grad: Array) -> Array:
        x, y = ctx.saved
        grad, y = (restore(a, x.shape, ctx.axes) for a in (grad, y))
        gap = x - xp.where(y == -xp.inf, 0, y)  # torch: where everything is -inf the gradient is 0
        return grad * conj(xp.exp(gap))


def logsumexp(input: Tensor, dim: Any, keepdim: bool = False, *, out: Tensor | None = None) -> Tensor:
    """log(sum(exp(input))) over `dim` (an int or several), without overflow.

    Example:
        >>> rushlight.logsumexp(rushlight.tensor([1000., 1000.]), 0)
        tensor(1000.6932)
    """
    input = floating(input, "logsumexp")
    result = LogSumExp.apply(input, axes_of(dim, input._array.ndim, "logsumexp"), keepdim)
    return result if out is None else into(out, result, "logsumexp")


# ---------------------------------------------------------------------------------------------------- Gumbel softmax


def gumbel_softmax(logits: Tensor, tau: float = 1, hard: bool = False, eps: float = 1e-10, dim: int = -1) -> Tensor:
    """softmax((logits + noise) / tau): a draw from the categories that can be differentiated.

    Args:
        logits: log-probabilities, not necessarily normalised, over `dim`.
        tau: temperature, above 0; the smaller, the closer to one-hot.
        hard: return the one-hot vector of the largest entry; the gradient is still that of the softmax.
        eps: has no effect; PyTorch keeps it for old callers and warns when it is given.

    Source: Jang et al. 2016, arXiv:1611.01144; Maddison et al. 2016, arXiv:1611.00712.
    """
    if eps != 1e-10:
        warnings.warn("`eps` parameter is deprecated and has no effect.", stacklevel=2)
    if logits._array.dtype.kind not in "fV":
        raise not_implemented("gumbel_softmax", logits)
    exponential = random.exponential(random.source(None, logits.device), logits._array.shape, logits._array.dtype)
    noise = wrap(-xp.log(exponential))
    soft = softmax((logits + noise) / tau, dim)
    return _one_hot(soft, dim) - soft.detach() + soft if hard else soft


def _one_hot(x: Tensor, dim: int) -> Tensor:
    """1 at the largest entry along `dim`, 0 elsewhere."""
    index = xp.expand_dims(x._array.argmax(axis=dim), dim)
    hot = xp.zeros_like(x._array)
    xp.put_along_axis(hot, index, 1, axis=dim)
    return wrap(hot)
