"""Samplers that write into an array, in the order in which PyTorch visits a tensor of the same strides.

PyTorch fills a tensor in the order of its memory, not of its indices: the transpose of a matrix gets what the matrix
would get, transposed. A tensor that is not contiguous gets its normal numbers one after the other, whatever its size.
To fill an array as if it were contiguous, assign a sampler's result to it instead.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from ..kernels.places import device_of
from . import continuous, discrete
from .arithmetic import Array
from .generator import Generator, source


def in_memory_order(out: Array) -> Array:
    """A view of `out` whose C order is the order in which PyTorch's element-wise kernels visit it.

    Example:
        >>> in_memory_order(np.empty((2, 3)).T).shape
        (2, 3)
    """
    return out.transpose(axes_by_stride(out))


def axes_by_stride(out: Array) -> list[int]:
    """The axes from the slowest to the fastest in memory."""
    axes = range(out.ndim)
    return list(axes) if out.flags.c_contiguous else sorted(axes, key=lambda axis: -abs(out.strides[axis]))


def _filler(sampler: Callable[..., Array]) -> Callable[..., Array]:
    def fill(out: Array, generator: Generator | None = None, **parameters: Any) -> Array:
        ordered = in_memory_order(out)
        ordered[...] = sampler(source(generator, device_of(out)), ordered.shape, out.dtype, **parameters)
        return out

    fill.__name__ = f"{sampler.__name__}_"
    fill.__doc__ = f"""`{sampler.__name__}` into `out`, with the same parameters by keyword; returns `out`."""
    return fill


uniform_ = _filler(continuous.uniform)
exponential_ = _filler(continuous.exponential)
cauchy_ = _filler(continuous.cauchy)
log_normal_ = _filler(continuous.log_normal)
integers_ = _filler(discrete.integers)
random_integers_ = _filler(discrete.random_integers)
bernoulli_ = _filler(discrete.bernoulli)
geometric_ = _filler(discrete.geometric)


def normal_(out: Array, generator: Generator | None = None, mean: float = 0.0, std: float = 1.0) -> Array:
    """`normal` into `out`; returns `out`.

    Raises:
        NotImplementedError: out is not floating or complex.
        RuntimeError: std < 0.

    Example:
        >>> normal_(np.empty((2, 2), np.float32), Generator().manual_seed(0)).shape
        (2, 2)

    Source: the behaviour of torch.Tensor.normal_.
    """
    generator = source(generator, device_of(out))
    if out.flags.c_contiguous:
        out[...] = continuous.normal(generator, out.shape, out.dtype, mean, std)
        return out
    ordered = in_memory_order(out)
    ordered[...] = continuous.normal_one_by_one(generator, ordered.shape, out.dtype, mean, std)
    return out


def bernoulli_each_(out: Array, p: Array, generator: Generator | None = None) -> Array:
    """`bernoulli_each` into `out`, p broadcast to it; returns `out`.

    Raises:
        NotImplementedError: p is not floating, or out is of an unsuitable dtype.
        RuntimeError: an element of p is not in [0, 1].
        ValueError: p's shape does not broadcast to out's.

    Example:
        >>> bernoulli_each_(np.empty(3), np.array([1.0])).tolist()
        [1.0, 1.0, 1.0]

    Source: the behaviour of torch.Tensor.bernoulli_(tensor).
    """
    axes = axes_by_stride(out)
    spread = np.broadcast_to(p, out.shape).transpose(axes)
    out.transpose(axes)[...] = discrete.bernoulli_each(source(generator, device_of(out)), spread, out.dtype)
    return out
