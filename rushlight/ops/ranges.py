"""Making ranges: arange, linspace, logspace, the identity matrix."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np

from .. import dtypes
from ..autograd.tape import TensorBase
from ..device import check_device
from ..errors import ArgumentError, DTypeError, OperatorError
from .conversion import check_layout
from .creation import finish, np_dtype, placed

if TYPE_CHECKING:
    from ..tensor import Tensor

Array = Any


def _number(x: Any) -> Any:
    if type(x) is int:
        return x
    return x.item() if isinstance(x, (TensorBase, np.generic)) else x  # type: ignore[union-attr]


def arange(
    *bounds: Any,
    start: Any = 0,
    end: Any = None,
    step: Any = 1,
    out: Any = None,
    dtype: Any = None,
    layout: Any = None,
    device: Any = None,
    pin_memory: bool = False,
    requires_grad: bool = False,
) -> Tensor:
    """Numbers from `start` (0) to before `end`, `step` apart: `arange(end)`, `arange(start, end)`, `arange(start,
    end, step)`.

    Integers give int64, floats the default dtype.

    Raises:
        RuntimeError: a zero step, or one that leads away from `end`.

    Example:
        >>> rushlight.arange(1, 4)
        tensor([1, 2, 3])
    """
    where = check_device(device)
    check_layout(layout, "arange")
    start, end, step = _bounds(bounds, start, end, step, "arange")
    numbers = start, end, step
    if dtype is None and out is None and type(start) is type(end) is type(step) is int and (end - start) * step > 0:
        return finish(np.arange(start, end, step, dtype=np.int64), requires_grad, where)  # the usual call
    if any(isinstance(n, float) and not math.isfinite(n) for n in (start, end)):
        raise OperatorError(f"arange: unsupported range: {start} -> {end}")
    if not step:
        raise OperatorError("arange: step must be nonzero")
    if (end - start) * step < 0:
        raise OperatorError("arange: upper bound and lower bound inconsistent with step sign")
    if dtype is None and out is not None:
        kind = out._array.dtype
    elif dtype is None:
        kind = np.dtype(np.int64) if all(isinstance(n, int) for n in numbers) else dtypes.get_default_dtype().numpy
    else:
        kind = np_dtype(dtype)
    exact = all(isinstance(n, int) for n in numbers)
    if kind == np.int64 and not exact:  # torch: for int64 alone the count is that of the whole numbers
        start, end, step, exact = int(start), int(end), int(step), True
        if not step:
            raise ArgumentError("arange: step must be nonzero")
    count = -((start - end) // step) if exact else math.ceil((end - start) / step)
    whole = np.int64 if exact or kind.kind in "iu" else np.float64
    if kind.kind in "iu" and not exact:
        start, step = int(start), int(step)
    array = np.arange(count, dtype=whole)
    if step != 1:
        array *= step
    if start or whole is np.float64:  # (0.0 is added to -0.0)
        array += start
    array = array.astype(kind, copy=False)
    return finish(array, requires_grad, where) if out is None else placed(out, array, "arange")


def _bounds(bounds: tuple[Any, ...], start: Any, end: Any, step: Any, name: str) -> tuple[Any, Any, Any]:
    given = list(map(_number, bounds))
    start, end, step = _number(start), _number(end), _number(step)
    if len(given) > 3 or (not given and end is None):
        raise DTypeError(f"{name}: expected (end), (start, end) or (start, end, step), got {len(given)} numbers")
    if len(given) == 1 and end is None:
        return start, given[0], step
    values = [*given, *[start, end, step][len(given) :]]
    return values[0], values[1], values[2]


def range_(
    start: Any = 0,
    end: Any = None,
    step: Any = 1,
    *,
    out: Any = None,
    dtype: Any = None,
    layout: Any = None,
    device: Any = None,
    requires_grad: bool = False,
) -> Tensor:
    """Numbers from `start` to `end`, both included. Deprecated in PyTorch in favour of `arange`."""
    where = check_device(device)
    check_layout(layout, "range")
    start, end, step = _number(start), _number(end), _number(step)
    if not step:
        raise OperatorError("range: step must be nonzero")
    if (end - start) * step < 0:
        raise OperatorError("range: upper bound and lower bound inconsistent with step sign")
    count = math.floor((end - start) / step) + 1
    array = (start + step * np.arange(count)).astype(np_dtype(dtype))
    return finish(array, requires_grad, where) if out is None else placed(out, array, "range")


def _steps(steps: Any, name: str) -> int:
    steps = _number(steps)
    if not isinstance(steps, int):
        raise DTypeError(f"{name}(): argument 'steps' must be int, not {type(steps).__name__}")
    if steps < 0:
        raise OperatorError(f"{name}: number of steps must be non-negative, got {steps}")
    return steps


def _spaced(start: Any, end: Any, steps: int, kind: np.dtype[Any]) -> Array:
    """torch: the second half is counted back from the end, and integers are truncated."""
    if steps == 1:
        return np.asarray([start]).astype(kind)
    work = (
        np.dtype(np.float64)
        if kind.kind in "iu"
        else kind
        if kind.kind == "c" or kind.itemsize > 2
        else np.dtype(np.float32)
    )
    if kind.kind in "iu":
        start, end = int(start), int(end)
    first, last = (np.asarray(n).astype(work) for n in (start, end))
    step = (last - first) / np.asarray(max(steps - 1, 1), work)
    half = steps // 2
    values = np.empty(steps, work)
    values[:half] = first + step * np.arange(half).astype(work)
    values[half:] = last - step * np.arange(steps - half - 1, -1, -1).astype(work)
    return values.astype(kind, copy=False)


def _range_kind(start: Any, end: Any, dtype: Any, out: Any) -> np.dtype[Any]:
    if dtype is None and out is not None:
        return out._array.dtype
    if dtype is None and (isinstance(start, complex) or isinstance(end, complex)):
        return dtypes.get_default_dtype().to_complex().numpy
    return np_dtype(dtype)


def linspace(
    start: Any,
    end: Any,
    steps: int,
    *,
    out: Any = None,
    dtype: Any = None,
    layout: Any = None,
    device: Any = None,
    requires_grad: bool = False,
) -> Tensor:
    """`steps` numbers from `start` to `end`, both included, equally far apart."""
    where = check_device(device)
    check_layout(layout, "linspace")
    start, end = _number(start), _number(end)
    array = _spaced(start, end, _steps(steps, "linspace"), _range_kind(start, end, dtype, out))
    return finish(array, requires_grad, where) if out is None else placed(out, array, "linspace")


def logspace(
    start: Any,
    end: Any,
    steps: int,
    base: float = 10.0,
    *,
    out: Any = None,
    dtype: Any = None,
    layout: Any = None,
    device: Any = None,
    requires_grad: bool = False,
) -> Tensor:
    """`base` to the powers `linspace(start, end, steps)`."""
    where = check_device(device)
    check_layout(layout, "logspace")
    start, end = _number(start), _number(end)
    kind = _range_kind(start, end, dtype, out)
    if kind.kind in "iu":
        start, end = int(start), int(end)
    work = np.dtype(np.float64) if kind.kind != "c" else np.dtype(np.complex128)
    array = np.power(np.asarray(base, work), _spaced(start, end, _steps(steps, "logspace"), work)).astype(kind)
    return finish(array, requires_grad, where) if out is None else placed(out, array, "logspace")


def eye(
    n: int,
    m: int | None = None,
    *,
    out: Any = None,
    dtype: Any = None,
    layout: Any = None,
    device: Any = None,
    pin_memory: bool = False,
    requires_grad: bool = False,
) -> Tensor:
    """Ones on the diagonal of an n x m matrix (n x n by default), zeros elsewhere."""
    where = check_device(device)
    check_layout(layout, "eye")
    for size in (n, m):
        if size is not None and size < 0:
            raise OperatorError(f"eye: n and m must be greater or equal to 0, got {size}")
    array = np.eye(n, m, dtype=out._array.dtype if out is not None and dtype is None else np_dtype(dtype))
    return finish(array, requires_grad, where) if out is None else placed(out, array, "eye")
