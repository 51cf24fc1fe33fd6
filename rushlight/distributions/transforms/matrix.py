"""Transforms of vectors and matrices: another shape, onto the simplex, onto Cholesky factors, positive definite
matrices."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from ... import linalg, ops
from ...dtypes import finfo
from ...errors import ArgumentError
from ...nn.functional import logsigmoid, pad, softplus
from ...tensor import Size, Tensor
from .. import constraints
from ..utils import tril_matrix_to_vec, vec_to_tril_matrix
from .base import Transform
from .elementary import clipped_sigmoid


class ReshapeTransform(Transform):
    """The last dimensions in another shape.

    Args:
        in_shape: their shape before.
        out_shape: their shape after, of as many elements.

    Raises:
        ValueError: numbers of elements differ.
    """

    bijective = True
    _made_of = ("in_shape", "out_shape")

    def __init__(self, in_shape: Sequence[int], out_shape: Sequence[int], cache_size: int = 0) -> None:
        super().__init__(cache_size=cache_size)
        self.in_shape, self.out_shape = Size(in_shape), Size(out_shape)
        if self.in_shape.numel() != self.out_shape.numel():
            raise ArgumentError("in_shape, out_shape have different numbers of elements")

    @constraints.dependent_property
    def domain(self) -> Any:
        return constraints.independent(constraints.real, len(self.in_shape))

    @constraints.dependent_property
    def codomain(self) -> Any:
        return constraints.independent(constraints.real, len(self.out_shape))

    def _call(self, x: Tensor) -> Tensor:
        return x.reshape(x.shape[: x.ndim - len(self.in_shape)] + self.out_shape)

    def _inverse(self, y: Tensor) -> Tensor:
        return y.reshape(y.shape[: y.ndim - len(self.out_shape)] + self.in_shape)

    def log_abs_det_jacobian(self, x: Tensor, y: Tensor) -> Tensor:
        return x.new_zeros(x.shape[: x.ndim - len(self.in_shape)])

    def forward_shape(self, shape: Size) -> Size:
        return _with_other_end(shape, self.in_shape, self.out_shape)

    def inverse_shape(self, shape: Size) -> Size:
        return _with_other_end(shape, self.out_shape, self.in_shape)


def _with_other_end(shape: Size, end: Size, other: Size) -> Size:
    if len(shape) < len(end):
        raise ArgumentError("Too few dimensions on input")
    cut = len(shape) - len(end)
    if shape[cut:] != end:
        raise ArgumentError(f"Shape mismatch: expected {shape[cut:]} but got {end}")
    return shape[:cut] + other


def _with_last(shape: Size, change: int) -> Size:
    if len(shape) < 1:
        raise ArgumentError("Too few dimensions on input")
    return Size((*shape[:-1], shape[-1] + change))


def _shifted(x: Tensor) -> Tensor:
    """(..., n) -> (..., n): a 1 in front, the last one dropped."""
    return pad(x[..., :-1], [1, 0], value=1)


class SoftmaxTransform(Transform):
    """y = exp(x) / sum(exp(x)); the inverse takes logarithms, one of the many x that lead to y."""

    domain = constraints.real_vector
    codomain = constraints.simplex

    def _call(self, x: Tensor) -> Tensor:
        weights = (x - x.amax(-1, keepdim=True)).exp()
        return weights / weights.sum(-1, keepdim=True)

    def _inverse(self, y: Tensor) -> Tensor:
        return y.log()

    def forward_shape(self, shape: Size) -> Size:
        return _with_last(shape, 0)

    inverse_shape = forward_shape


class StickBreakingTransform(Transform):
    """(..., K - 1) -> (..., K): each number says which part of what is left of a stick of length 1 is broken off.

    y_k = z_k (1 - z_1) ... (1 - z_{k-1}),  z_k = sigmoid(x_k - log(K - k)),  so that x = 0 gives equal parts
    """

    domain = constraints.real_vector
    codomain = constraints.simplex
    bijective = True

    def _call(self, x: Tensor) -> Tensor:
        z = clipped_sigmoid(x - _pieces_left(x).log())
        left = (1 - z).cumprod(-1)
        return pad(z, [0, 1], value=1) * pad(left, [1, 0], value=1)

    def _inverse(self, y: Tensor) -> Tensor:
        broken = y[..., :-1]
        left = (1 - broken.cumsum(-1)).clamp(min=finfo(y.dtype).tiny)
        return broken.log() - left.log() + _pieces_left(broken).log()

    def log_abs_det_jacobian(self, x: Tensor, y: Tensor) -> Tensor:
        x = x - _pieces_left(x).log()
        return (-x + logsigmoid(x) + y[..., :-1].log()).sum(-1)

    def forward_shape(self, shape: Size) -> Size:
        return _with_last(shape, 1)

    def inverse_shape(self, shape: Size) -> Size:
        return _with_last(shape, -1)


def _pieces_left(x: Tensor) -> Tensor:
    """K - k for k = 1 ... K - 1, in the dtype of x (..., K - 1)."""
    return x.shape[-1] + 1 - x.new_ones(x.shape[-1]).cumsum(-1)


class CorrCholeskyTransform(Transform):
    """(..., D (D - 1) / 2) -> (..., D, D): Cholesky factors of correlation matrices.

    The numbers, through tanh, fill the lower triangle row by row; each row is a stick of squared length 1.

    Source: Lewandowski, Kurowicka, Joe 2009, "Generating random correlation matrices based on vines and extended onion
    method"; Stan reference manual, "Cholesky factors of correlation matrices".
    """

    domain = constraints.real_vector
    codomain = constraints.corr_cholesky
    bijective = True

    def _call(self, x: Tensor) -> Tensor:
        eps = finfo(x.dtype).eps
        r = vec_to_tril_matrix(ops.tanh(x).clamp(min=-1 + eps, max=1 - eps), diag=-1)
        left = (1 - r**2).sqrt().cumprod(-1)
        return (r + ops.eye(r.shape[-1], dtype=r.dtype)) * _shifted(left)

    def _inverse(self, y: Tensor) -> Tensor:
        left = _shifted(1 - (y * y).cumsum(-1))
        t = tril_matrix_to_vec(y, diag=-1) / tril_matrix_to_vec(left, diag=-1).sqrt()
        return (t.log1p() - t.neg().log1p()) / 2

    def log_abs_det_jacobian(self, x: Tensor, y: Tensor) -> Tensor:
        left = tril_matrix_to_vec(1 - (y * y).cumsum(-1), diag=-2)
        of_tanh = -2 * (x + softplus(-2 * x) - math.log(2.0)).sum(-1)
        return 0.5 * left.log().sum(-1) + of_tanh

    def forward_shape(self, shape: Size) -> Size:
        if len(shape) < 1:
            raise ArgumentError("Too few dimensions on input")
        n = shape[-1]
        d = round((0.25 + 2 * n) ** 0.5 + 0.5)
        if d * (d - 1) // 2 != n:
            raise ArgumentError("Input is not a flattened lower-diagonal number")
        return Size((*shape[:-1], d, d))

    def inverse_shape(self, shape: Size) -> Size:
        if len(shape) < 2:
            raise ArgumentError("Too few dimensions on input")
        if shape[-2] != shape[-1]:
            raise ArgumentError("Input is not square")
        return Size((*shape[:-2], shape[-1] * (shape[-1] - 1) // 2))


class LowerCholeskyTransform(Transform):
    """Square matrices to Cholesky factors: what is below the diagonal stays, the diagonal is exponentiated."""

    domain = constraints.independent(constraints.real, 2)
    codomain = constraints.lower_cholesky

    def _call(self, x: Tensor) -> Tensor:
        return x.tril(-1) + x.diagonal(0, -2, -1).exp().diag_embed()

    def _inverse(self, y: Tensor) -> Tensor:
        return y.tril(-1) + y.diagonal(0, -2, -1).log().diag_embed()


class PositiveDefiniteTransform(Transform):
    """Square matrices to positive definite ones: L @ L^T, L from `LowerCholeskyTransform`."""

    domain = constraints.independent(constraints.real, 2)
    codomain = constraints.positive_definite

    def _call(self, x: Tensor) -> Tensor:
        factor = LowerCholeskyTransform()(x)
        return factor @ factor.mT

    def _inverse(self, y: Tensor) -> Tensor:
        return LowerCholeskyTransform().inv(linalg.cholesky(y))
