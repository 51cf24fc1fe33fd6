"""The largest and the smallest over dimensions, and where they are: max, min, amax, amin, aminmax, argmax, argmin."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from ..autograd.tape import OUT, Operator, TensorBase, wrap
from ..errors import OperatorError, RangeError
from ..kernels import xp
from . import results
from .dims import wrap_dim
from .lanes import gather_kernel, lane_index
from .numpy_protocol import numpy_name
from .promotion import into, is_complex, not_a_tensor, not_implemented, not_supported
from .reduction import axes_of, restore
from .results import into_all
from .totals import largest, smallest

if TYPE_CHECKING:
    from ..tensor import Tensor

Array = Any
Dims = Any  # an int, a sequence of ints, or None for all


class Chosen(Operator):
    """The elements of a dimension at these places (one or more per lane): what max, sort, median … return as values."""

    @staticmethod
    def forward(ctx: Any, x: Array, indices: Array, dim: int, keepdim: bool) -> Array:
        ctx.shape, ctx.dim, ctx.indices = x.shape, dim, indices
        plain = type(x) is np.ndarray and x.flags.c_contiguous
        out = gather_kernel(x, indices, dim) if plain else xp.take_along_axis(x, indices, dim)
        return out if keepdim else out.reshape(x.shape[:dim] + x.shape[dim + 1 :])

    @staticmethod
    def backward(ctx: Any, grad: Array) -> Array:
        dx = xp.zeros_like(grad, shape=ctx.shape)
        dx[lane_index(ctx.indices, ctx.dim)] = grad.reshape(ctx.indices.shape)
        return dx


def choose(input: Tensor, indices: Array, dim: int, keepdim: bool) -> tuple[Tensor, Tensor]:
    """Values and indices, for indices (..., 1, ...) that keep the dimension `dim`."""
    values = Chosen.apply(input, indices, dim, keepdim)
    return values, wrap(indices if keepdim else indices.reshape(values._array.shape))


def one_per_lane(input: Tensor, dim: int, keepdim: bool, find: Any, name: str) -> tuple[Tensor, Tensor]:
    """Values and indices, where `find(array, dim)` gives the index in each lane, dimensions kept.

    Raises:
        IndexError: the dimension is empty.
    """
    if is_complex(input._array):
        raise not_supported(name, input)
    ndim = input._array.ndim
    dim = wrap_dim(dim, ndim, name)
    if not ndim:
        return input.clone(), wrap(np.zeros_like(input._array, np.int64))
    if not input._array.shape[dim]:
        raise RangeError(f"{name}: {name}(): Expected reduction dim {dim} to have non-zero size.")
    return choose(input, find(input._array, dim), dim, keepdim)


def _kept(index: Array, x: Array, dim: int) -> Array:
    """One index per lane of x, with the reduced dimension as 1."""
    return index.reshape((*x.shape[:dim], 1, *x.shape[dim + 1 :]))


def _find_max(x: Array, dim: int) -> Array:
    return _kept(x.argmax(dim), x, dim)


def _find_min(x: Array, dim: int) -> Array:
    return _kept(x.argmin(dim), x, dim)


class Amax(Operator):
    """torch: equal largest elements share the gradient."""

    saves = (0, OUT)

    @staticmethod
    def forward(ctx: Any, x: Array, axes: tuple[int, ...], keepdims: bool) -> Array:
        ctx.axes = axes
        out = largest(x, axes, keepdims)
        ctx.save(x, out)
        return out

    @staticmethod
    def backward(ctx: Any, grad: Array) -> Array:
        x, out = ctx.saved
        return shared(restore(grad, x.shape, ctx.axes), x == restore(out, x.shape, ctx.axes), ctx.axes)


class Amin(Amax):
    @staticmethod
    def forward(ctx: Any, x: Array, axes: tuple[int, ...], keepdims: bool) -> Array:
        ctx.axes = axes
        out = smallest(x, axes, keepdims)
        ctx.save(x, out)
        return out


def shared(grad: Array, chosen: Array, axes: tuple[int, ...]) -> Array:
    """A gradient split equally among the chosen elements of each reduced group."""
    chosen = getattr(chosen, "_array", chosen)
    weight = chosen / chosen.sum(axis=axes, keepdims=True)
    return grad * weight.astype(getattr(grad, "_array", grad).dtype)  # type: ignore[union-attr]


def _extremum(kind: type[Operator], input: Tensor, dim: Dims, keepdim: bool, name: str) -> Tensor:
    array = input._array
    if is_complex(array):
        raise not_implemented(name, input)
    axes = axes_of(dim, array.ndim, name)
    if not array.size:
        if dim is None:
            raise OperatorError(
                f"{name}: {name}(): Expected reduction dim to be specified for input.numel() == 0. Specify the "
                "reduction dim with the 'dim' argument."
            )
        empty = [a for a in axes if not array.shape[a]]
        if empty:
            raise RangeError(f"{name}: {name}(): Expected reduction dim {empty[0]} to have non-zero size.")
    return kind.apply(input, axes, keepdim)


def amax(
    input: Tensor,
    dim: Dims = (),
    keepdim: bool = False,
    *,
    out: Tensor | None = None,
    axis: Dims = None,
    keepdims: bool = False,
) -> Tensor:
    """The largest elements over one, several or all dimensions; equal ones share the gradient."""
    dim = axis if axis is not None else dim
    return into(out, _extremum(Amax, input, None if dim == () else dim, keepdim or keepdims, "amax"), "amax")


def amin(
    input: Tensor,
    dim: Dims = (),
    keepdim: bool = False,
    *,
    out: Tensor | None = None,
    axis: Dims = None,
    keepdims: bool = False,
) -> Tensor:
    """The smallest elements over one, several or all dimensions; equal ones share the gradient."""
    dim = axis if axis is not None else dim
    return into(out, _extremum(Amin, input, None if dim == () else dim, keepdim or keepdims, "amin"), "amin")


numpy_name("max", "amax")(amax)
numpy_name("min", "amin")(amin)


def _check_first(input: Any, name: str) -> None:
    if not isinstance(input, TensorBase):
        raise not_a_tensor(input, name)


def max(
    input: Tensor,
    dim: Any = None,
    keepdim: bool = False,
    *,
    other: Any = None,
    out: Any = None,
    axis: Dims = None,
    keepdims: bool | None = None,
) -> Any:
    """The largest element; with `dim` the largest of each lane and its index (the first of equals); with another tensor
    the larger of both, element by element.

    The spelling `keepdims=` is NumPy's and has NumPy's meaning, values only, since kernels are defined with it.

    Returns:
        a Tensor, or (values, indices) with `dim`.

    Example:
        >>> rushlight.tensor([[1., 3.], [2., 0.]]).max(1).indices
        tensor([1, 0])
    """
    _check_first(input, "max")
    if keepdims is not None:
        return amax(input, axis if dim is None else dim, keepdims)
    other = dim if isinstance(dim, TensorBase) else other
    if other is not None:
        from .choosing import maximum

        return maximum(input, other, out=out)
    dim = axis if dim is None else dim
    if dim is None:
        return into(out, _extremum(Amax, input, None, False, "max"), "max")
    return into_all(out, results.max(*one_per_lane(input, dim, keepdim, _find_max, "max")), "max")


def min(
    input: Tensor,
    dim: Any = None,
    keepdim: bool = False,
    *,
    other: Any = None,
    out: Any = None,
    axis: Dims = None,
    keepdims: bool | None = None,
) -> Any:
    """The smallest element; with `dim` also its index; with another tensor the smaller of both. See `max`."""
    _check_first(input, "min")
    if keepdims is not None:
        return amin(input, axis if dim is None else dim, keepdims)
    other = dim if isinstance(dim, TensorBase) else other
    if other is not None:
        from .choosing import minimum

        return minimum(input, other, out=out)
    dim = axis if dim is None else dim
    if dim is None:
        return into(out, _extremum(Amin, input, None, False, "min"), "min")
    return into_all(out, results.min(*one_per_lane(input, dim, keepdim, _find_min, "min")), "min")


def aminmax(input: Tensor, *, dim: int | None = None, keepdim: bool = False, out: Any = None) -> Any:
    """The smallest and the largest element, over a dimension or all."""
    low, high = (_extremum(kind, input, dim, keepdim, "aminmax") for kind in (Amin, Amax))
    for each in out or ():
        if each._array.dtype != input._array.dtype:
            raise OperatorError(
                f"aminmax: Expected out tensor to have dtype {input.dtype}, but got {each.dtype} instead"
            )
    return into_all(out, results.aminmax(low, high), "aminmax")


def _arg(input: Tensor, dim: int | None, keepdim: bool, which: str) -> Tensor:
    array = input._array
    if array.dtype.kind in "cb":
        raise not_supported(which, input)
    if dim is None:
        if not array.size:
            raise RangeError(
                f"{which}: {which}(): Expected reduction dim to be specified for input.numel() == 0. Specify the "
                "reduction dim with the 'dim' argument."
            )
        found = getattr(array, which)()
        return wrap(found.reshape((1,) * array.ndim if keepdim else ()))
    dim = wrap_dim(dim, array.ndim, which)
    if not array.ndim:
        return wrap(np.zeros_like(input._array, np.int64))
    if not array.shape[dim]:
        raise RangeError(f"{which}: {which}(): Expected reduction dim {dim} to have non-zero size.")
    return wrap(getattr(array, which)(axis=dim, keepdims=keepdim))


def argmax(
    input: Tensor, dim: int | None = None, keepdim: bool = False, *, out: Tensor | None = None, axis: int | None = None
) -> Tensor:
    """The index of the largest element (the first of equals; NaN is larger than all), over a dimension or flattened."""
    return into(out, _arg(input, axis if dim is None else dim, keepdim, "argmax"), "argmax")


def argmin(
    input: Tensor, dim: int | None = None, keepdim: bool = False, *, out: Tensor | None = None, axis: int | None = None
) -> Tensor:
    """The index of the smallest element (the first of equals; NaN is smaller than all), over a dimension or
    flattened."""
    return into(out, _arg(input, axis if dim is None else dim, keepdim, "argmin"), "argmin")


numpy_name("argmax")(argmax)
numpy_name("argmin")(argmin)
