"""Operators under the names of PyTorch's own kernels, with their order of arguments: `native_layer_norm` and its kin,
which also return the statistics that they normalised by, `grid_sampler`, `constant_pad_nd`, `hash_tensor`.

Networks call the functions of `nn.functional`; these serve code that was written against PyTorch's lower level.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from ..autograd.tape import wrap
from ..dtypes import bool as bool_
from ..errors import OperatorError, UnsupportedError
from .embedding import renormalise_
from .linear_algebra.norms import matrix_norm, vector_norm
from .normalization import batch_norm, group_norm, layer_norm
from .padding import pad as pad_
from .promotion import into
from .reduction import axes_of
from .resize import grid_sample

if TYPE_CHECKING:
    from ..tensor import Tensor


def _statistics(x: Tensor, dims: Any, eps: float, keepdim: bool) -> tuple[Tensor, Tensor]:
    """Mean and 1 / sqrt(variance + eps), in the dtype of x."""
    wide = x.float() if x._array.dtype.itemsize == 2 else x
    rstd = (wide.var(dims, correction=0, keepdim=keepdim) + eps).rsqrt()
    return wide.mean(dims, keepdim).to(x.dtype), rstd.to(x.dtype)


def native_layer_norm(
    input: Tensor, normalized_shape: Sequence[int], weight: Tensor | None, bias: Tensor | None, eps: float
) -> tuple[Tensor, Tensor, Tensor]:
    """`layer_norm`, with the mean and 1 / sqrt(variance + eps) that it divided by."""
    y = layer_norm(input, normalized_shape, weight, bias, eps)
    dims = tuple(range(-len(tuple(normalized_shape)), 0))
    return y, *_statistics(input.detach(), dims, eps, True)


def native_group_norm(
    input: Tensor, weight: Tensor | None, bias: Tensor | None, N: int, C: int, HxW: int, group: int, eps: float
) -> tuple[Tensor, Tensor, Tensor]:
    """`group_norm` of N examples of C channels of HxW elements, with mean and 1 / sqrt(variance + eps), (N, group)."""
    y = group_norm(input.reshape(N, C, HxW), group, weight, bias, eps).reshape(input.shape)
    rows = input.reshape(N, group, C * HxW // group)
    return y, *_statistics(rows, -1, eps, False)


def native_batch_norm(
    input: Tensor,
    weight: Tensor | None,
    bias: Tensor | None,
    running_mean: Tensor | None,
    running_var: Tensor | None,
    training: bool,
    momentum: float,
    eps: float,
) -> tuple[Tensor, Tensor, Tensor]:
    """`batch_norm`, with the batch's mean and 1 / sqrt(variance + eps), which are empty outside training."""
    y = batch_norm(input, running_mean, running_var, weight, bias, training, momentum, eps)
    if not training:
        return y, input.new_empty(0), input.new_empty(0)
    dims = [d for d in range(input.ndim) if d != 1]
    return y, *_statistics(input.detach(), dims, eps, False)


def native_dropout(input: Tensor, p: float, train: bool | None) -> tuple[Tensor, Tensor]:
    """`dropout`, with its mask: True where an element stays."""
    mask = input.new_empty(input.shape, dtype=bool_)
    if train is False:
        return input.clone(), mask.fill_(True)
    kept = mask.bernoulli_(1 - p)
    return input * kept * (0.0 if p == 1 else 1 / (1 - p)), kept


def embedding_renorm_(input: Tensor, indices: Tensor, max_norm: float, norm_type: float) -> Tensor:
    """Scales those of the rows named that have a larger norm down to it, in place."""
    renormalise_(input, indices._array, max_norm, norm_type)
    return input


def norm_except_dim(v: Tensor, pow: int = 2, dim: int = 0) -> Tensor:
    """The norms over all dimensions but one, which all stay; -1 is the norm of everything."""
    if dim == -1:
        return vector_norm(v, pow)
    return vector_norm(v, pow, [d for d in range(v.ndim) if d != dim], True)


def frobenius_norm(input: Tensor, dim: Any, keepdim: bool = False, *, out: Tensor | None = None) -> Tensor:
    """The root of the sum of squares over one dimension or two."""
    return vector_norm(input, 2, dim, keepdim, out=out)


def nuclear_norm(input: Tensor, dim: Any = (-2, -1), keepdim: bool = False, *, out: Tensor | None = None) -> Tensor:
    """The sum of the singular values of the matrices in two dimensions."""
    return matrix_norm(input, "nuc", dim, keepdim, out=out)


def constant_pad_nd(input: Tensor, pad: Sequence[int], value: Any = 0) -> Tensor:
    """`nn.functional.pad` with a constant."""
    return pad_(input, pad, "constant", value)


def grid_sampler(
    input: Tensor, grid: Tensor, interpolation_mode: int, padding_mode: int, align_corners: bool
) -> Tensor:
    """`nn.functional.grid_sample` with modes by number: bilinear, nearest, bicubic; zeros, border, reflection."""
    mode = ("bilinear", "nearest", "bicubic")[interpolation_mode]
    return grid_sample(input, grid, mode, ("zeros", "border", "reflection")[padding_mode], align_corners)


def grid_sampler_2d(
    input: Tensor, grid: Tensor, interpolation_mode: int, padding_mode: int, align_corners: bool
) -> Tensor:
    """`grid_sampler` for images."""
    return grid_sampler(input, grid, interpolation_mode, padding_mode, align_corners)


def grid_sampler_3d(
    input: Tensor, grid: Tensor, interpolation_mode: int, padding_mode: int, align_corners: bool
) -> Tensor:
    """`grid_sampler` for volumes."""
    return grid_sampler(input, grid, interpolation_mode, padding_mode, align_corners)


def hash_tensor(
    input: Tensor, dim: Any = (), *, keepdim: bool = False, mode: int = 0, out: Tensor | None = None
) -> Tensor:
    """The bits of the elements, as int64 or float64, combined by xor into a uint64.

    Raises:
        RuntimeError: another mode than 0.
    """
    if mode != 0:
        raise OperatorError(f"hash_tensor: Unknown hash_tensor mode: {mode}")
    if input._array.dtype.kind == "c":
        raise UnsupportedError("hash_tensor: not implemented for complex tensors; hash the real and imaginary parts")
    axes = axes_of(dim, input._array.ndim, "hash_tensor")
    wide = input._array.astype(np.int64 if input._array.dtype.kind in "iub" else np.float64)
    bits = np.ascontiguousarray(wide).view(np.uint64).reshape(wide.shape)
    combine: Any = np.bitwise_xor.reduce
    return into(out, wrap(combine(bits, axis=axes, keepdims=keepdim)), "hash_tensor")
