"""Coo: an array of which only some elements are kept, with the places where they are (the "coordinate" format).

It is what gradients of embeddings are made of, so it knows little: it can be copied, cast, scaled, added, and made a
whole array. Anything else refuses and says so.
"""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import numpy as np
from numpy.lib.mixins import NDArrayOperatorsMixin

from ..errors import DTypeError, UnsupportedError

Array = Any


_KEEP_ZERO = (np.absolute, np.sign, np.sqrt, np.square, np.sin, np.tanh, np.expm1, np.log1p)  # of the functions of one


class SparseError(UnsupportedError, AttributeError):
    """Asked for something that sparse arrays cannot do."""

    def __init__(self, what: str) -> None:
        super().__init__(f"{what} is not supported for sparse tensors; use to_dense()")


class Coo(NDArrayOperatorsMixin):
    """The elements (or slices) `values` (N, *D) at the places `indices` (S, N) of an array of this shape, whose first S
    dimensions are sparse. A place may come several times (its values then add up), unless the array is `coalesced`."""

    flags = SimpleNamespace(c_contiguous=True, writeable=True)
    strides = ()

    def __init__(self, indices: Array, values: Array, shape: tuple[int, ...], coalesced: bool = False) -> None:
        self.indices, self.values, self.shape, self.coalesced = indices, values, tuple(shape), coalesced

    @property
    def dtype(self) -> Any:
        return self.values.dtype

    @property
    def ndim(self) -> int:
        return len(self.shape)

    @property
    def size(self) -> int:
        return int(np.prod(self.shape, dtype=np.int64))

    @property
    def itemsize(self) -> int:
        return int(self.dtype.itemsize)

    def __getattr__(self, name: str) -> Any:
        raise SparseError(name)

    def __len__(self) -> int:
        return self.shape[0]

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> Any:
        raise DTypeError("can't convert Sparse layout tensor to numpy. Use Tensor.to_dense() first.")

    def over(self, values: Array) -> Coo:
        """Other values at the same places."""
        return Coo(self.indices, values, self.shape, self.coalesced)

    def copy(self, order: str = "K") -> Coo:
        return Coo(self.indices.copy(), self.values.copy(), self.shape, self.coalesced)

    def astype(self, kind: Any, copy: bool = True) -> Coo:
        return self.over(self.values.astype(kind, copy=copy))

    def dense(self) -> Array:
        """The whole array, zero where nothing is kept."""
        whole = np.zeros_like(self.values, shape=self.shape)
        np.add.at(whole, tuple(self.indices), self.values)
        return whole

    def coalesce(self) -> Coo:
        """Every place once, in order, with the sum of its values."""
        if self.coalesced:
            return self
        sizes = self.shape[: len(self.indices)]
        flat = np.ravel_multi_index(tuple(self.indices), sizes) if sizes else np.zeros(len(self.values), np.int64)
        places, which = np.unique(flat, return_inverse=True)
        sums = np.zeros_like(self.values, shape=(len(places), *self.values.shape[1:]))
        np.add.at(sums, which.reshape(-1), self.values)
        indices = np.stack(np.unravel_index(places, sizes)) if sizes else np.zeros((0, len(places)), np.int64)
        return Coo(indices, sums, self.shape, True)

    def __setitem__(self, key: Any, value: Any) -> None:
        """All elements can become zero (then nothing is kept)."""
        if key is not Ellipsis or np.any(value):
            raise SparseError("assignment")
        self.indices, self.values, self.coalesced = self.indices[:, :0], self.values[:0], True

    def __getitem__(self, key: Any) -> Any:
        raise SparseError("indexing")

    def transposed(self, axes: tuple[int, ...]) -> Coo:
        """The dimensions in another order; sparse ones stay before the others."""
        sparse = len(self.indices)
        if sorted(axes[:sparse]) != list(range(sparse)):
            raise SparseError("transposing sparse dimensions with others")
        order = [axis - sparse + 1 for axis in axes[sparse:]]
        shape = tuple(self.shape[axis] for axis in axes)
        return Coo(self.indices[list(axes[:sparse])], self.values.transpose(0, *order), shape)

    def sum(self, axis: Any = None, dtype: Any = None, keepdims: bool = False) -> Any:
        """The sum of all elements; over some dimensions only of the whole array."""
        if axis in (None, tuple(range(self.ndim))) and not keepdims:
            return self.values.sum(dtype=dtype)
        return self.dense().sum(axis=axis, dtype=dtype, keepdims=keepdims)

    def plus(self, other: Coo) -> Coo:
        if self.shape != other.shape or len(self.indices) != len(other.indices):
            raise SparseError(f"adding sparse tensors of shapes {self.shape} and {other.shape}")
        kind = np.result_type(self.dtype, other.dtype)
        values = np.concatenate([self.values.astype(kind), other.values.astype(kind)])
        return Coo(np.concatenate([self.indices, other.indices], axis=1), values, self.shape)

    def __array_ufunc__(self, ufunc: Any, method: str, *inputs: Any, out: Any = None, **kwargs: Any) -> Any:
        if method != "__call__" or kwargs or (out is not None and ufunc is not np.add):
            raise SparseError(ufunc.__name__)
        if ufunc in (np.add, np.subtract):
            return _sum(inputs[0], inputs[1] if ufunc is np.add else -inputs[1], out)
        if ufunc in (np.negative, np.conjugate, np.positive):
            return self.over(ufunc(self.values))
        if ufunc in (np.multiply, np.true_divide) and isinstance(inputs[0], Coo) and np.ndim(inputs[1]) == 0:
            return self.over(ufunc(self.values, inputs[1]))
        if ufunc is np.multiply and isinstance(inputs[1], Coo) and np.ndim(inputs[0]) == 0:
            return self.over(ufunc(inputs[0], self.values))
        if ufunc in _KEEP_ZERO:
            return self.coalesce().over(ufunc(self.coalesce().values))
        if ufunc is np.multiply and inputs[0].shape == inputs[1].shape:
            return _product(inputs[0], inputs[1])
        raise SparseError(ufunc.__name__)

    def __array_function__(self, function: Any, types: Any, args: Any, kwargs: Any) -> Any:
        if function is np.copy:
            return self.copy()
        if function is np.ndim:
            return self.ndim
        if function is np.transpose:
            return self.transposed(*args[1:], **kwargs)
        raise SparseError(function.__name__)


def _sum(a: Any, b: Any, out: Any) -> Any:
    """Sparse and sparse stays so; with a whole array the sum is one, written to `out` if that is given."""
    if isinstance(a, Coo) and isinstance(b, Coo):
        return a.plus(b)
    whole, part = (b, a) if isinstance(a, Coo) else (a, b)
    if np.shape(whole) != part.shape:
        raise SparseError(f"adding shapes {part.shape} and {np.shape(whole)}")
    total = whole if out is not None and out[0] is whole else whole.copy()
    np.add.at(total, tuple(part.indices), part.values.astype(total.dtype))
    return total


def _product(a: Any, b: Any) -> Coo:
    """Element by element; with a whole array at the kept places only."""
    if isinstance(a, Coo) and isinstance(b, Coo):
        a, b = a.coalesce(), b.dense()
    part, whole = (a, b) if isinstance(a, Coo) else (b, a)
    return part.over(part.values * whole[tuple(part.indices)])
