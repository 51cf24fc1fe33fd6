"""An array that is as strict as CuPy's, made of a NumPy one: what runs on it assumes nothing that only NumPy does.

It refuses to become a NumPy array unasked, to be mixed with one, and the functions and ufunc methods that CuPy (14.2)
has not; what NumPy would return as a scalar is a 0-d array. An index may be a NumPy array, and `like=` and `get()`
cross over, as they do for CuPy.
"""

from __future__ import annotations

from typing import Any
from weakref import WeakValueDictionary

import numpy as np
from numpy.lib.mixins import NDArrayOperatorsMixin

Array = Any

_NUMPY_ONLY = {
    "block", "einsum_path", "frompyfunc", "geomspace", "histogram_bin_edges", "insert", "isnat",
    "matrix_norm", "matvec", "multi_dot", "nanpercentile", "nanquantile", "polyder", "polydiv", "polyint", "spacing",
    "svdvals", "unstack", "vecdot", "vecmat", "vector_norm",
}  # fmt: skip
_NUMPY_ONLY_IN_LINALG = {np.linalg.diagonal, np.linalg.outer, np.linalg.tensordot, np.linalg.trace}
_METHODS = {
    "__call__": None,
    "outer": None,
    "at": {"add", "subtract", "maximum", "minimum"},
    "reduce": {"add", "multiply", "maximum", "minimum"},
    "accumulate": {"add", "multiply"},
    "reduceat": {"add"},
}  # of which ufuncs; None stands for all


class Pointer:
    """An address: `root`, bytes, and how far into them."""

    def __init__(self, root: Array, offset: int) -> None:
        self.root, self.offset = root, offset

    @property
    def ptr(self) -> int:
        return int(self.root.__array_interface__["data"][0]) + self.offset

    def __add__(self, count: int) -> Pointer:
        return Pointer(self.root, self.offset + count)


def is_numpy_only(function: Any) -> bool:
    """Whether CuPy lacks a function of NumPy's."""
    return function.__name__ in _NUMPY_ONLY or function in _NUMPY_ONLY_IN_LINALG


current = [0]  # the number of the device on which arrays are made and computed with
on_allocation: list[Any] = []  # each is told of the device and the bytes of every new array
Device: Any = None  # stand_in_cupy.py, which has devices, sets it


def bytes_on(place: int) -> int:
    """What the arrays on a device own, in bytes."""
    roots = {id(root): root for root in (_root(x.hidden) for x in list(_alive.values()) if x.place == place)}
    return sum(root.nbytes for root in roots.values())


def _root(array: Any) -> Any:
    while isinstance(array.base, np.ndarray):
        array = array.base
    return array


_alive: WeakValueDictionary[int, StandIn] = WeakValueDictionary()  # by the id of what they stand on


def _standing_on(array: Any) -> StandIn | None:
    """The stand-in for that array: one and the same as long as it, or a view of it, lives."""
    if not isinstance(array, np.ndarray):
        return None
    found = _alive.get(id(array))
    return StandIn(array) if found is None else found


class StandIn(NDArrayOperatorsMixin):
    """CuPy's constructor, `(shape, dtype, memory, strides)`, or the NumPy array that it stands on."""

    __slots__ = ("__weakref__", "base", "hidden", "place")

    def __init__(self, shape: Any, dtype: Any = None, memory: Any = None, strides: Any = None) -> None:
        given = isinstance(shape, np.ndarray)
        self.hidden = shape if given else np.ndarray(shape, dtype, memory.root, memory.offset, strides)
        self.base = _standing_on(self.hidden.base)
        self.place = current[0] if self.base is None else self.base.place
        _alive.setdefault(id(self.hidden), self)
        if self.base is None:
            for tell in on_allocation:
                tell(self.place, self.hidden.nbytes)

    def get(self, stream: Any = None, order: str = "C", out: Any = None, blocking: bool = True) -> Array:
        return np.array(self.hidden, order=order)

    def set(self, arr: Any, stream: Any = None) -> None:
        self.hidden[...] = arr

    @property
    def device(self) -> Any:
        return Device(self.place)

    def __array__(self, *args: Any, **kwargs: Any) -> Array:
        raise TypeError("Implicit conversion to a NumPy array is not allowed.")

    def __array_ufunc__(self, ufunc: np.ufunc, method: str, *inputs: Any, out: Any = None, **kwargs: Any) -> Any:
        allowed = _METHODS[method]
        if allowed is not None and ufunc.__name__ not in allowed:
            raise NotImplementedError(f"`{ufunc.__name__}.{method}` is not supported yet")
        if method == "at":
            x, index, *rest = inputs
            return ufunc.at(_bare(x), _bare_index(index), *map(_bare, rest))
        if any(not isinstance(x, (StandIn, int, float, complex, np.generic, np.ndarray)) for x in inputs):
            return NotImplemented
        kwargs = {name: _bare(value) for name, value in kwargs.items()}
        if out is not None and out[0] is not None:
            kwargs["out"] = tuple(map(_bare, out))
            getattr(ufunc, method)(*map(_bare, inputs), **kwargs)
            return out[0] if len(out) == 1 else out
        return _covered(getattr(ufunc, method)(*map(_bare, inputs), **kwargs))

    def __array_function__(self, function: Any, types: Any, args: Any, kwargs: Any) -> Any:
        if is_numpy_only(function) or np.ndarray in types:
            return NotImplemented
        if function in (np.asarray, np.array):  # crosses over where `like=` asked for it
            return _covered(function(*args, **kwargs))
        result = function(*map(_bare, args), **{name: _bare(value) for name, value in kwargs.items()})
        if function is np.diagonal:
            result.flags.writeable = True
        return _covered(result)

    def __getitem__(self, index: Any) -> Any:
        return _covered(self.hidden[_bare_index(index)])

    def __setitem__(self, index: Any, value: Any) -> None:
        self.hidden[_bare_index(index)] = _bare(value)

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        found = getattr(self.hidden, name)
        if not callable(found):
            return _covered(found)
        if name in ("item", "tolist"):
            return found
        return lambda *args, **kwargs: _covered(found(*map(_bare, args), **{n: _bare(v) for n, v in kwargs.items()}))

    def _set_part(name: str) -> Any:  # type: ignore[misc]
        def read(self: StandIn) -> Any:
            return _covered(getattr(self.hidden, name))

        def write(self: StandIn, value: Any) -> None:
            setattr(self.hidden, name, _bare(value))

        return property(read, write)

    real, imag = _set_part("real"), _set_part("imag")

    @property
    def data(self) -> Pointer:
        root = _root(self.hidden)
        memory = root.ravel(order="K").view(np.uint8)
        here, start = (x.__array_interface__["data"][0] for x in (self.hidden, memory))
        return Pointer(memory, here - start)

    def __len__(self) -> int:
        return len(self.hidden)

    def __iter__(self) -> Any:
        return (self[i] for i in range(len(self)))

    def __bool__(self) -> bool:
        return bool(self.hidden)

    def __int__(self) -> int:
        return int(self.hidden)

    def __index__(self) -> int:
        return self.hidden.__index__()

    def __float__(self) -> float:
        return float(self.hidden)

    def __complex__(self) -> complex:
        return complex(self.hidden)


def _bare(x: Any) -> Any:
    """For NumPy; a NumPy array that got here was mixed in."""
    if isinstance(x, StandIn):
        if x.place != current[0]:
            raise ValueError(f"an array of device {x.place} in a computation on device {current[0]}")
        return x.hidden
    if isinstance(x, np.ndarray):
        raise TypeError("Unsupported type numpy.ndarray")
    return _each(_bare, x)


def _bare_index(index: Any) -> Any:
    if type(index) is tuple:
        return tuple(map(_bare_index, index))
    return index.hidden if isinstance(index, StandIn) else index


def _covered(x: Any) -> Any:
    """NumPy's answer, as CuPy gives it."""
    if isinstance(x, np.ndarray):
        return StandIn(x)
    return StandIn(np.asarray(x)) if isinstance(x, np.generic) else _each(_covered, x)


def _each(convert: Any, x: Any) -> Any:
    """Of tuples, named tuples and lists each item; anything else as it is."""
    if isinstance(x, tuple) and hasattr(x, "_fields"):
        return type(x)(*map(convert, x))
    return type(x)(map(convert, x)) if type(x) in (tuple, list) else x
