"""BatchedArray: an array that shows one example's shape and computes on a whole batch. What `vmap` maps over.

It holds a NumPy array whose leading axes are batches, one per `Level` (a running `vmap`), outermost first. Its shape is
what follows them. Definitions of kernels run on it unchanged, since NumPy hands their functions over to functions.py
(`__array_function__`, `__array_ufunc__`), which call the same function on the whole array with its axes shifted.

    array (B1, B2, N, C), levels (outer, inner)   looks like   (N, C)

Whatever would read elements as if there were one example (`np.asarray`, `int(x)`, `if x > 0`) raises `Unbatchable`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any, NoReturn

import numpy as np
from numpy.lib.mixins import NDArrayOperatorsMixin

from ..autograd.tape import TensorBase
from ..errors import OperatorError
from .levels import Level

Array = Any


class Unbatchable(OperatorError):
    """Something asked for the elements of a batched array as if it were a single example."""


def unbatchable(what: str) -> Unbatchable:
    return Unbatchable(
        f"vmap: {what} a batched tensor is not possible, as each example has its own value. Data-dependent control "
        "flow is not supported: use where(), or map over the examples with a Python loop."
    )


class Flags:
    """What NumPy's `flags` says of a batched array: its layout is ours to choose, so it passes for row-major."""

    c_contiguous = True
    f_contiguous = False

    def __init__(self, writeable: bool) -> None:
        self.writeable = writeable


class BatchedArray(NDArrayOperatorsMixin):
    """An array with hidden leading batch axes; see this file's head."""

    __slots__ = ("__weakref__", "array", "levels")
    __array_priority__ = 500  # above NumPy's arrays, below Tensors

    def __init__(self, array: Array, levels: tuple[Level, ...]) -> None:
        self.array = array
        self.levels = levels

    # ---- what it looks like

    @property
    def shape(self) -> tuple[int, ...]:
        return self.array.shape[len(self.levels) :]

    @property
    def ndim(self) -> int:
        return self.array.ndim - len(self.levels)

    @property
    def size(self) -> int:
        return int(np.prod(self.shape, dtype=np.int64))

    @property
    def dtype(self) -> Any:
        return self.array.dtype

    @property
    def itemsize(self) -> int:
        return self.array.itemsize

    @property
    def nbytes(self) -> int:
        return self.size * self.itemsize

    @property
    def strides(self) -> tuple[int, ...]:
        """Those of a row-major array of this shape."""
        sizes = [*self.shape[1:], self.itemsize] if self.ndim else []
        return tuple(np.cumprod(sizes[::-1], dtype=int)[::-1].tolist())

    @property
    def flags(self) -> Flags:
        return Flags(self.array.flags.writeable)

    @property
    def base(self) -> Array:
        """The whole array, by which views of the same memory know one another."""
        return self.array

    @property
    def T(self) -> Any:
        return np.transpose(self)

    @property
    def device(self) -> Any:
        return self.array.device

    @property
    def real(self) -> BatchedArray:
        return BatchedArray(self.array.real, self.levels)

    @property
    def imag(self) -> BatchedArray:
        return BatchedArray(self.array.imag, self.levels)

    def __len__(self) -> int:
        if not self.ndim:
            raise TypeError("len() of unsized object")
        return self.shape[0]

    def __iter__(self) -> Iterator[BatchedArray]:
        return (self[i] for i in range(len(self)))

    def __repr__(self) -> str:
        return f"BatchedArray({'x'.join(str(level.size) for level in self.levels)} of {self.shape}, {self.array!r})"

    # ---- what NumPy asks

    def __array_ufunc__(self, ufunc: np.ufunc, method: str, *inputs: Any, **kwargs: Any) -> Any:
        from .functions import call_ufunc

        if any(isinstance(x, TensorBase) for x in inputs):
            return NotImplemented  # Tensors come first: they have the operator of that name
        return call_ufunc(ufunc, method, inputs, kwargs)

    def __array_function__(self, function: Any, types: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        from .functions import call_function

        if any(issubclass(each, TensorBase) for each in types):
            return NotImplemented
        return call_function(function, args, kwargs)

    def __getitem__(self, key: Any) -> BatchedArray:
        from .indexing import getitem

        return getitem(self, key)

    def __setitem__(self, key: Any, value: Any) -> None:
        from .indexing import setitem

        setitem(self, key, value)

    # ---- one example's value, which there is not

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> NoReturn:
        raise unbatchable("reading the elements of")

    def __bool__(self) -> NoReturn:
        raise unbatchable("branching on the value of")

    def _no_number(self) -> NoReturn:
        raise unbatchable("converting to a Python number")

    __int__ = __float__ = __index__ = __complex__ = item = _no_number

    def tolist(self) -> NoReturn:
        raise unbatchable("converting to a list")

    # ---- methods that are NumPy's functions

    def reshape(self, *shape: Any) -> Any:
        return np.reshape(self, shape[0] if len(shape) == 1 else shape)

    def transpose(self, *axes: Any) -> Any:
        return np.transpose(self, (axes[0] if len(axes) == 1 else axes) or None)

    def astype(
        self, dtype: Any, order: str = "K", casting: Any = "unsafe", subok: bool = True, copy: bool = True
    ) -> Any:
        array = self.array.astype(dtype, casting=casting, copy=copy)
        return self if array is self.array else BatchedArray(array, self.levels)

    def copy(self, order: Any = "C") -> BatchedArray:
        return BatchedArray(self.array.copy(order), self.levels)

    def view(self, kind: Any) -> BatchedArray:
        if not self.ndim and np.dtype(kind).itemsize != self.itemsize:
            raise ValueError("Changing the dtype of a 0d array is only supported if the itemsize is unchanged")
        return BatchedArray(self.array.view(kind), self.levels)

    def fill(self, value: Any) -> None:
        self[...] = value


def _method(name: str) -> Callable[..., Any]:
    def method(self: BatchedArray, *args: Any, **kwargs: Any) -> Any:
        return getattr(np, name)(self, *args, **kwargs)

    method.__name__ = name
    return method


for _name in (
    "all", "any", "argmax", "argmin", "argsort", "clip", "conj", "cumprod", "cumsum", "diagonal", "max", "mean", "min",
    "nonzero", "prod", "ravel", "repeat", "round", "squeeze", "std", "sum", "swapaxes", "take", "trace", "var",
):  # fmt: skip
    setattr(BatchedArray, _name, _method(_name))
BatchedArray.flatten = lambda self, order="C": np.ravel(self).copy()  # type: ignore[attr-defined]


# ------------------------------------------------------------------------------------------ bringing batches together


def levels_of(values: Sequence[Any]) -> tuple[Level, ...]:
    """All levels that occur in these values, outermost first."""
    found = {level for x in values if type(x) is BatchedArray for level in x.levels}
    return tuple(sorted(found, key=lambda level: level.start))


def physical(x: Any, levels: tuple[Level, ...], ndim: int | None = None) -> Any:
    """The whole array with an axis for each of `levels` in front (of size 1 where x is not batched by it) and, if
    `ndim` is given, `ndim` axes behind them, as broadcasting would have it. Numbers stay numbers."""
    if type(x) is not BatchedArray and not isinstance(x, np.ndarray):
        return x
    own = x.levels if type(x) is BatchedArray else ()
    array = x.array if type(x) is BatchedArray else x
    lacking = 0 if ndim is None else ndim - x.ndim
    if own == levels and not lacking:
        return array
    return array[(*[slice(None) if level in own else None for level in levels], *(None,) * lacking, ...)]


def whole(x: Any, levels: tuple[Level, ...]) -> Array:
    """As `physical`, with every batch axis of full size."""
    array = physical(np.asarray(x) if type(x) is not BatchedArray else x, levels)
    return np.broadcast_to(array, (*[level.size for level in levels], *array.shape[len(levels) :]))


def example(x: Any, levels: tuple[Level, ...], place: tuple[int, ...]) -> Any:
    """One example of x, a view: an array, or a BatchedArray where x has further levels."""
    if type(x) is not BatchedArray:
        return x
    index = tuple([place[levels.index(level)] if level in levels else slice(None) for level in x.levels])
    rest = tuple([level for level in x.levels if level not in levels])
    array = x.array[(*index, ...)]
    return BatchedArray(array, rest) if rest else array


def places(levels: tuple[Level, ...]) -> Iterator[tuple[int, ...]]:
    """The places of all examples."""
    return np.ndindex(*[level.size for level in levels])


def gathered(results: list[Any], levels: tuple[Level, ...]) -> Any:
    """The results for all examples, one after the other, as one: arrays are stacked, also in tuples; equal other values
    are taken once.

    Raises:
        Unbatchable: the results differ in shape or kind.
    """
    first = results[0]
    if isinstance(first, tuple):
        parts = [gathered(list(column), levels) for column in zip(*results, strict=True)]
        return type(first)(*parts) if hasattr(first, "_fields") else tuple(parts)
    if isinstance(first, (np.ndarray, np.generic)):
        if len({r.shape for r in results}) > 1:
            raise Unbatchable(
                "vmap: the result's shape depends on the values of a batched tensor, so examples differ in it."
            )
        stacked = np.stack(results)
        return BatchedArray(stacked.reshape((*[level.size for level in levels], *first.shape)), levels)
    if any(type(r) is not type(first) or r != first for r in results):
        raise unbatchable("taking a Python value from")
    return first
