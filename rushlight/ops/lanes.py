"""The kernels under gather and scatter: elements at places that an index names along one dimension."""

from __future__ import annotations

from typing import Any

from ..kernels import kernel, xp

Array = Any


def lane_index(indices: Array, dim: int) -> tuple[Array, ...]:
    """NumPy's advanced index for "one index per element, along one dimension": out[i][j] = x[indices[i][j]][j] for
    dim 0.

    The other dimensions get their own positions, as aranges that broadcast against `indices`.
    """
    ndim = indices.ndim
    return tuple(
        [
            indices if d == dim else xp.arange(n).reshape((-1,) + (1,) * (ndim - 1 - d))
            for d, n in enumerate(indices.shape)
        ]
    )


def slice_index(places: Array, shape: tuple[int, ...], dim: int) -> Array:
    """A 1-d index of whole slices as one per element, for an array of this shape: a view."""
    lanes = places.reshape((-1,) + (1,) * (len(shape) - 1 - dim))
    return xp.broadcast_to(lanes, (*shape[:dim], places.size, *shape[dim + 1 :]))


@kernel
def all_below(index: Array, size: int) -> bool:
    """Whether every entry is in [0, size)."""
    return bool(index.min() >= 0 and index.max() < size)


@kernel
def gather_kernel(x: Array, index: Array, dim: int) -> Array:
    """The elements that `index` names along `dim`."""
    return x[lane_index(index, dim)]


@kernel
def scatter_kernel(x: Array, index: Array, src: Array, dim: int) -> Array:
    """x with src written at the places that `index` names along `dim`."""
    out = x + xp.zeros_like(x)
    out[lane_index(index, dim)] = src
    return out


@kernel
def scatter_add_kernel(x: Array, index: Array, src: Array, dim: int) -> Array:
    """x with src added at the places that `index` names along `dim`; repeated places add up."""
    out = x + xp.zeros_like(x)
    xp.add.at(out, lane_index(index, dim), src)
    return out
