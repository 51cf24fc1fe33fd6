"""Element types: PyTorch's names over NumPy's dtypes, and PyTorch's rules for mixing them.

`torch:` the text of a dtype is "torch.float32", as in PyTorch, because scripts print it, split it and compare it.
bfloat16 and the float8 family are ml_dtypes' NumPy types.
"""

from __future__ import annotations

import builtins  # this module's own bool, int and float are dtypes
from typing import Any

import ml_dtypes
import numpy as np

from .errors import DTypeError

BOOL, INTEGER, FLOAT, COMPLEX = range(4)  # categories, in the order in which they win


class dtype:
    """An element type. There is one object per type, so `is` compares them."""

    __slots__ = ("category", "is_signed", "itemsize", "name", "numpy")

    category: builtins.int
    numpy: np.dtype[Any]

    def __init__(self, name: str, numpy: Any, category: builtins.int) -> None:
        self.name = name
        self.numpy = np.dtype(numpy)
        self.category = category
        self.is_signed = category >= FLOAT or (category == INTEGER and self.numpy.kind == "i")
        self.itemsize = self.numpy.itemsize

    @property
    def is_floating_point(self) -> builtins.bool:
        return self.category == FLOAT

    @property
    def is_complex(self) -> builtins.bool:
        return self.category == COMPLEX

    def to_complex(self) -> dtype:
        return complex128 if self is float64 or self is complex128 else complex64

    def to_real(self) -> dtype:
        return {complex64: float32, complex128: float64}.get(self, self)

    def __repr__(self) -> str:
        return f"torch.{self.name}"

    def __reduce__(self) -> str | tuple[Any, ...]:
        return find, (self.name,)


float32 = dtype("float32", np.float32, FLOAT)
float64 = dtype("float64", np.float64, FLOAT)
float16 = dtype("float16", np.float16, FLOAT)
bfloat16 = dtype("bfloat16", ml_dtypes.bfloat16, FLOAT)
float8_e4m3fn = dtype("float8_e4m3fn", ml_dtypes.float8_e4m3fn, FLOAT)
float8_e5m2 = dtype("float8_e5m2", ml_dtypes.float8_e5m2, FLOAT)
int8 = dtype("int8", np.int8, INTEGER)
int16 = dtype("int16", np.int16, INTEGER)
int32 = dtype("int32", np.int32, INTEGER)
int64 = dtype("int64", np.int64, INTEGER)
uint8 = dtype("uint8", np.uint8, INTEGER)
uint16 = dtype("uint16", np.uint16, INTEGER)
uint32 = dtype("uint32", np.uint32, INTEGER)
uint64 = dtype("uint64", np.uint64, INTEGER)
bool = dtype("bool", np.bool_, BOOL)
complex64 = dtype("complex64", np.complex64, COMPLEX)
complex128 = dtype("complex128", np.complex128, COMPLEX)

ALL = [value for value in globals().values() if isinstance(value, dtype)]
float, double, half, short, int, long = float32, float64, float16, int16, int32, int64
cfloat, cdouble = complex64, complex128

_BY_NUMPY = {each.numpy: each for each in ALL}
_BY_NAME = {each.name: each for each in ALL}
_BY_PYTHON = {builtins.int: int64, builtins.float: float32, builtins.bool: bool, complex: complex64}
_default = float32


def find(name: str) -> dtype:
    """The dtype called `name`."""
    return _BY_NAME[name]


def of(array: Any) -> dtype:
    """The dtype of a NumPy or CuPy array."""
    try:
        return _BY_NUMPY[array.dtype]
    except KeyError:
        raise DTypeError(f"no tensor can hold NumPy's {array.dtype}; it holds {', '.join(_BY_NAME)}") from None


def as_dtype(what: Any) -> dtype:
    """`what` as a dtype: one of ours, a Python type (`float`), or anything NumPy takes for a dtype."""
    if isinstance(what, dtype):
        return what
    if what in _BY_PYTHON:
        return _default if what is builtins.float else _BY_PYTHON[what]
    try:
        return _BY_NUMPY[np.dtype(what)]
    except (TypeError, KeyError):
        raise DTypeError(f"dtype must be a torch.dtype such as torch.float32, not {what!r}") from None


def get_default_dtype() -> dtype:
    """The dtype that Python floats become: float32 unless `set_default_dtype` changed it."""
    return _default


def set_default_dtype(d: dtype) -> None:
    """Makes `d` (a floating point dtype) the one that Python floats become."""
    global _default
    if not isinstance(d, dtype) or not d.is_floating_point:
        raise DTypeError(f"set_default_dtype: only floating-point types are supported as the default type, not {d}")
    _default = d


def _promote_pair(a: dtype, b: dtype) -> dtype:
    """The smallest type that holds both. torch: bfloat16 with float16 gives float32, uint8 with int8 int16, and
    the unsigned types above uint8 mix only with floats and themselves."""
    low, high = sorted((a, b), key=lambda d: (d.category, d.itemsize))
    if a is b or low.category < high.category < COMPLEX:
        return high
    if high.category == COMPLEX:
        return complex128 if low is float64 or low is complex128 else high
    if high.category == FLOAT:
        return high if low.itemsize < high.itemsize else float32
    if not low.is_signed and low.itemsize > 1 and high.is_signed:
        raise DTypeError(
            f"Promotion for uint16, uint32, uint64 types is not supported, attempted to promote {a} and {b}"
        )
    return _BY_NUMPY[np.promote_types(low.numpy, high.numpy)]


_promoted: dict[tuple[dtype, dtype], dtype] = {}


def promote_types(type1: dtype, type2: dtype) -> dtype:
    """The dtype of the sum of two tensors of these dtypes.

    Example:
        >>> promote_types(int64, float16)
        torch.float16
    """
    found = _promoted.get((type1, type2))
    if found is None:
        found = _promoted[type1, type2] = _promote_pair(type1, type2)
    return found


def of_scalar(value: Any) -> dtype:
    """The dtype that a Python number stands for."""
    if isinstance(value, builtins.bool):
        return bool
    if isinstance(value, builtins.int):
        return int64
    return _default.to_complex() if isinstance(value, complex) else _default


def can_cast(from_: dtype, to: dtype) -> builtins.bool:
    """Whether a value of dtype `from_` may be written into a tensor of dtype `to`."""
    return from_.category <= to.category


class Info:
    """Base of `finfo` and `iinfo`: the limits of a type, with PyTorch's attribute names."""

    shown: tuple[str, ...]  # by repr, in this order

    def __init__(self, type: dtype | None = None) -> None:
        self.dtype = (type or _default).name
        self.bits = (type or _default).itemsize * 8

    def __repr__(self) -> str:
        limits = "".join(f"{name}={getattr(self, name):g}, " for name in self.shown)
        return f"{type(self).__name__}({limits}dtype={self.dtype})"


class finfo(Info):
    """Limits of a floating point type: min, max, eps, tiny, smallest_normal, resolution, bits."""

    shown = ("resolution", "min", "max", "eps", "smallest_normal", "tiny")
    min: builtins.float
    max: builtins.float
    eps: builtins.float
    tiny: builtins.float
    smallest_normal: builtins.float
    resolution: builtins.float

    def __init__(self, type: dtype | None = None) -> None:
        kind = (type or _default).to_real()
        if not kind.is_floating_point:
            raise DTypeError(f"finfo: {type} is not a floating point type; use iinfo")
        super().__init__(kind)
        describe: Any = ml_dtypes.finfo
        limits = describe(kind.numpy)
        for name in ("min", "max", "eps", "tiny", "smallest_normal"):
            setattr(self, name, getattr(limits, name).item())
        self.resolution = 10.0**-limits.precision


class iinfo(Info):
    """Limits of an integer type: min, max, bits."""

    shown = ("min", "max")

    def __init__(self, type: dtype) -> None:
        if type.category != INTEGER:
            raise DTypeError(f"iinfo: {type} is not an integer type; use finfo")
        super().__init__(type)
        limits = np.iinfo(type.numpy)
        self.min, self.max = limits.min, limits.max
