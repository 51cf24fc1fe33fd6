"""What distributions share: broadcasting of parameters, probabilities against logits, properties computed on demand."""

from __future__ import annotations

import functools
import math
from collections.abc import Callable, Sequence
from numbers import Number
from typing import Any, TypeVar

from .. import ops
from ..autograd import enable_grad
from ..autograd.tape import TensorBase
from ..dtypes import finfo, get_default_dtype
from ..errors import ArgumentError
from ..tensor import Tensor

T = TypeVar("T")
F = TypeVar("F", bound=Callable[..., Any])

euler_constant = 0.57721566490153286060  # Euler's and Mascheroni's


def broadcast_all(*values: Any) -> tuple[Tensor, ...]:
    """The values as tensors of one shape; numbers take the dtype of the first tensor, or the default dtype.

    Raises:
        ValueError: a value is neither a number nor a tensor.
    """
    if not all(isinstance(v, (Number, TensorBase)) for v in values):
        raise ArgumentError(
            "Input arguments must all be instances of Number, torch.Tensor or objects implementing __torch_function__."
        )
    dtype = next((v.dtype for v in values if isinstance(v, Tensor)), get_default_dtype())
    tensors = [v if isinstance(v, TensorBase) else ops.tensor(v, dtype=dtype) for v in values]
    return tuple(ops.broadcast_tensors(*tensors))


def standard_normal(shape: Sequence[int], like: Tensor) -> Tensor:
    """Normal numbers of mean 0 and variance 1, in the dtype of `like`."""
    return ops.randn(shape, dtype=like.dtype)


def uniform(shape: Sequence[int], like: Tensor) -> Tensor:
    """Uniform numbers in [0, 1), in the dtype of `like`."""
    return ops.rand(shape, dtype=like.dtype)


def sum_rightmost(value: Tensor, dim: int) -> Tensor:
    """(..., d1, ..., d_dim) -> (...): the sum over the last `dim` dimensions."""
    return value.reshape((*value.shape[: value.ndim - dim], -1)).sum(-1) if dim else value


def logits_to_probs(logits: Tensor, is_binary: bool = False) -> Tensor:
    """Probabilities: softmax over the last dimension, or sigmoid of log-odds if binary."""
    return ops.sigmoid(logits) if is_binary else ops.softmax(logits, -1)


def clamp_probs(probs: Tensor) -> Tensor:
    """Probabilities moved into [eps, 1 - eps], so that their logarithms are finite."""
    eps = finfo(probs.dtype).eps
    return probs.clamp(min=eps, max=1 - eps)


def probs_to_logits(probs: Tensor, is_binary: bool = False) -> Tensor:
    """Logarithms of probabilities, or log-odds if binary; finite at 0 and 1."""
    clamped = clamp_probs(probs)
    return ops.log(clamped) - ops.log1p(-clamped) if is_binary else ops.log(clamped)


class lazy_property:  # torch: the name is public there
    """A property computed when it is first asked for, and an attribute from then on."""

    def __init__(self, wrapped: Callable[[Any], Any]) -> None:
        self.wrapped = wrapped
        functools.update_wrapper(self, wrapped)  # type: ignore[arg-type]

    def __get__(self, instance: Any, owner: Any = None) -> Any:
        if instance is None:
            return self
        with enable_grad():
            value = self.wrapped(instance)
        setattr(instance, self.wrapped.__name__, value)
        return value


def validated(method: F) -> F:
    """Makes `log_prob` and `cdf` check their value against the support first, unless validation is off."""

    @functools.wraps(method)
    def call(self: Any, value: Any) -> Any:
        if self._validate_args:
            self._validate_sample(value)
        return method(self, value)

    return call  # type: ignore[return-value]


def _lower_triangle(size: int, diag: int) -> Tensor:
    columns = ops.arange(size)
    return columns < columns.view(-1, 1) + (diag + 1)


def tril_matrix_to_vec(mat: Tensor, diag: int = 0) -> Tensor:
    """(..., D, D) -> (..., n): the entries on and below a diagonal, row by row.

    Raises:
        ValueError: there is no such diagonal.
    """
    n = mat.shape[-1]
    if not -n <= diag < n:
        raise ArgumentError(f"diag ({diag}) provided is outside [{-n}, {n - 1}].")
    return mat[..., _lower_triangle(n, diag)]


def vec_to_tril_matrix(vec: Tensor, diag: int = 0) -> Tensor:
    """(..., n) -> (..., D, D): the inverse of `tril_matrix_to_vec`, zero above the diagonal.

    Raises:
        ValueError: n entries fill no such triangle.
    """
    shift = 1 + 2 * diag
    side = (-shift + math.sqrt(shift**2 + 8 * vec.shape[-1] + 4 * abs(diag) * (diag + 1))) / 2
    n = round(side)
    if abs(n - side) > finfo(vec.dtype).eps:
        raise ArgumentError(
            f"The size of last dimension is {vec.shape[-1]} which cannot be expressed as the lower triangular part of "
            "a square D x D matrix."
        )
    mat = vec.new_zeros((*vec.shape[:-1], n, n))
    mat[..., _lower_triangle(n, diag)] = vec
    return mat
