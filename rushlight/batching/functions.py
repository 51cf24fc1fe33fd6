"""NumPy's functions over batched arrays, by kind of function.

Elementwise functions broadcast the batch axes, functions along axes have their axes shifted, functions of matrices have
NumPy's own leading batch. What has no rule is computed example by example and stacked, so nothing is computed wrongly
for lack of a rule, only more slowly.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from .array import BatchedArray, example, gathered, levels_of, physical, places, unbatchable, whole
from .indexing import check_holds
from .levels import Level

Array = Any
Rule = Callable[..., Any]

RULES: dict[Any, Rule] = {}


def rule(*functions: Any) -> Callable[[Rule], Rule]:
    """Registers how these NumPy functions are mapped."""

    def register(function: Rule) -> Rule:
        RULES.update(dict.fromkeys(functions, function))
        return function

    return register


def _flat(values: Any) -> list[Any]:
    """All values in nested tuples and lists."""
    return [each for v in values for each in (_flat(v) if isinstance(v, (tuple, list)) else (v,))]


def _at(value: Any, levels: tuple[Level, ...], place: tuple[int, ...]) -> Any:
    if isinstance(value, (tuple, list)):
        return type(value)([_at(v, levels, place) for v in value])
    return example(value, levels, place)


def loop(function: Any, args: Sequence[Any], kwargs: dict[str, Any]) -> Any:
    """The function on each example, and the results stacked."""
    levels = levels_of(_flat([*args, *kwargs.values()]))
    return gathered(
        [
            function(*_at(list(args), levels, place), **{k: _at(v, levels, place) for k, v in kwargs.items()})
            for place in places(levels)
        ],
        levels,
    )


def _write_each(function: Any, args: Sequence[Any], kwargs: dict[str, Any]) -> None:
    """A function that writes to its first argument, on views of each example."""
    levels = levels_of(_flat([*args, *kwargs.values()]))
    check_holds(args[0], levels)
    for place in places(levels):
        function(*_at(list(args), levels, place), **{k: _at(v, levels, place) for k, v in kwargs.items()})


def call_function(function: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    """`function(*args, **kwargs)`, a NumPy function, where a batched array is among the arguments."""
    if kwargs.get("out") is not None:
        raise unbatchable(f"{function.__name__} with out= on")
    chosen = RULES.get(function)
    return loop(function, args, kwargs) if chosen is None else chosen(function, args, kwargs)


# ----------------------------------------------------------------------------------------------------- elementwise


def elementwise(function: Any, args: Sequence[Any], kwargs: dict[str, Any]) -> Any:
    """A function of broadcast elements."""
    levels = levels_of([*args, *kwargs.values()])
    ndim = max([x.ndim for x in (*args, *kwargs.values()) if hasattr(x, "ndim")])
    result = function(
        *[physical(x, levels, ndim) for x in args], **{k: physical(v, levels, ndim) for k, v in kwargs.items()}
    )
    return _batched(result, levels)


def _batched(result: Any, levels: tuple[Level, ...]) -> Any:
    if isinstance(result, (tuple, list)):
        parts = [_batched(r, levels) for r in result]
        return type(result)(*parts) if hasattr(result, "_fields") else type(result)(parts)
    return BatchedArray(result, levels) if isinstance(result, (np.ndarray, np.generic)) else result


def call_ufunc(ufunc: np.ufunc, method: str, inputs: Sequence[Any], kwargs: dict[str, Any]) -> Any:
    """`ufunc(*inputs)` and its methods."""
    kwargs = {k: v for k, v in kwargs.items() if (v is not None or k == "axis") and not (k == "where" and v is True)}
    if "out" in kwargs:
        return _ufunc_into(ufunc, method, inputs, kwargs)
    if method == "at":
        return _write_each(ufunc.at, inputs, kwargs)
    if method != "__call__":
        bound = getattr(ufunc, method)
        return along_axes(bound, inputs, {"axis": 0, **kwargs}) if method != "outer" else loop(bound, inputs, kwargs)
    if ufunc is np.matmul:
        return matmul(*inputs, **kwargs)
    return loop(ufunc, inputs, kwargs) if ufunc.signature else elementwise(ufunc, inputs, kwargs)


def _ufunc_into(ufunc: np.ufunc, method: str, inputs: Sequence[Any], kwargs: dict[str, Any]) -> Any:
    """`ufunc(*inputs, out=target)`, which `x += y` is."""
    (target,) = kwargs.pop("out")
    result = call_ufunc(ufunc, method, inputs, kwargs)
    if type(target) is not BatchedArray:
        raise unbatchable("writing in place to a tensor that is not batched the values of")
    target[...] = result
    return target


RULES.update(dict.fromkeys((
    np.angle, np.around, np.clip, np.i0, np.imag, np.isclose, np.iscomplex, np.isneginf, np.isposinf, np.isreal,
    np.nan_to_num, np.real, np.round, np.sinc,
), elementwise))  # fmt: skip


@rule(np.where)
def _where(function: Any, args: Sequence[Any], kwargs: dict[str, Any]) -> Any:
    return (elementwise if len(args) == 3 else loop)(function, args, kwargs)


# -------------------------------------------------------------------------------------------------------- along axes

_signatures: dict[Any, list[str]] = {}


def _named(function: Any, args: Sequence[Any], kwargs: dict[str, Any]) -> tuple[Any, dict[str, Any]]:
    """The first argument, and all others by name."""
    if function not in _signatures:
        _signatures[function] = list(inspect.signature(function).parameters)
    names = _signatures[function]
    return args[0], {**dict(zip(names[1:], args[1:], strict=False)), **kwargs}


def _shifted(axis: Any, ndim: int, lead: int) -> Any:
    """An axis, or several, of an example as axes of the whole array."""
    if isinstance(axis, (tuple, list)):
        return tuple([_shifted(a, ndim, lead) for a in axis])
    axis = int(axis)
    if not -ndim <= axis < max(ndim, 1):
        raise np.exceptions.AxisError(axis, ndim)
    return axis % max(ndim, 1) + lead


def along_axes(function: Any, args: Sequence[Any], kwargs: dict[str, Any]) -> Any:
    """A function along `axis` of its first argument; without an axis, along all of them."""
    x, named = (args[0], kwargs) if isinstance(function, type(np.add.reduce)) else _named(function, args, kwargs)
    if type(x) is not BatchedArray or levels_of(_flat(named.values())):
        return loop(function, args, kwargs)
    lead = len(x.levels)
    axis = named.get("axis", DEFAULT_AXIS.get(function))
    if not x.ndim:
        return loop(function, args, kwargs)
    if axis is None:
        axis = tuple(range(x.ndim))
        if function not in MANY_AXES and getattr(function, "__name__", "") != "reduce":
            x, axis = np.reshape(x, (-1,)), 0  # what comes back is that of the flattened example
    return _batched(function(x.array, **{**named, "axis": _shifted(axis, x.ndim, lead)}), x.levels)


DEFAULT_AXIS: dict[Any, Any] = dict.fromkeys((
    np.sort, np.argsort, np.partition, np.argpartition, np.diff,
    np.fft.fft, np.fft.ifft, np.fft.rfft, np.fft.irfft, np.fft.hfft, np.fft.ihfft,
), -1)  # fmt: skip
MANY_AXES = {
    np.sum, np.mean, np.prod, np.max, np.min, np.amax, np.amin, np.any, np.all, np.std, np.var, np.median, np.quantile,
    np.nansum, np.nanmean, np.nanmax, np.nanmin, np.nanmedian, np.ptp, np.flip, np.count_nonzero, np.average,
}  # fmt: skip
ONE_AXIS = {
    np.argmax, np.argmin, np.nanargmax, np.nanargmin, np.cumsum, np.cumprod, np.take, np.repeat, np.delete,
}  # fmt: skip
RULES.update(dict.fromkeys(MANY_AXES | ONE_AXIS | set(DEFAULT_AXIS), along_axes))


@rule(np.roll, np.linalg.norm)
def _if_an_axis_is_given(function: Any, args: Sequence[Any], kwargs: dict[str, Any]) -> Any:
    given = _named(function, args, kwargs)[1].get("axis") is not None
    return (along_axes if given else loop)(function, args, kwargs)


@rule(np.squeeze)
def _squeeze(function: Any, args: Sequence[Any], kwargs: dict[str, Any]) -> Any:
    x, named = _named(function, args, kwargs)
    axis = named.get("axis")
    axes = [i for i, n in enumerate(x.shape) if n == 1] if axis is None else axis
    return BatchedArray(np.squeeze(x.array, _shifted(axes, x.ndim, len(x.levels))), x.levels)


# ---------------------------------------------------------------------------------------------------------- matrices


def matmul(a: Any, b: Any, **kwargs: Any) -> Any:
    """`a @ b`; NumPy has the batch in front already, once vectors have become matrices."""
    levels = levels_of((a, b))
    if a.ndim == 1:
        return np.squeeze(matmul(np.expand_dims(a, 0), b, **kwargs), -2 if b.ndim > 1 else 0)
    if b.ndim == 1:
        return np.squeeze(matmul(a, np.expand_dims(b, 1), **kwargs), -1)
    ndim = max(a.ndim, b.ndim)
    return BatchedArray(np.matmul(physical(a, levels, ndim), physical(b, levels, ndim), **kwargs), levels)


@rule(np.dot)
def _dot(function: Any, args: Sequence[Any], kwargs: dict[str, Any]) -> Any:
    a, b = args
    if min(a.ndim, b.ndim) == 0:
        return a * b
    return matmul(a, b) if b.ndim <= 2 else loop(function, args, kwargs)


def of_matrices(function: Any, args: Sequence[Any], kwargs: dict[str, Any]) -> Any:
    """A function of the last two axes."""
    if any(hasattr(x, "ndim") and x.ndim < 2 for x in args) or levels_of(list(kwargs.values())):
        return loop(function, args, kwargs)
    levels = levels_of(args)
    ndim = max(x.ndim for x in args if hasattr(x, "ndim"))
    return _batched(function(*[physical(x, levels, ndim) for x in args], **kwargs), levels)


RULES.update(dict.fromkeys((
    np.linalg.cholesky, np.linalg.cond, np.linalg.det, np.linalg.eig, np.linalg.eigh, np.linalg.eigvals,
    np.linalg.eigvalsh, np.linalg.inv, np.linalg.matrix_power, np.linalg.matrix_rank, np.linalg.pinv, np.linalg.qr,
    np.linalg.slogdet, np.linalg.solve, np.linalg.svd, np.tril, np.triu,
), of_matrices))  # fmt: skip


# -------------------------------------------------------------------------------------------------------------- shape


@rule(np.reshape)
def _reshape(function: Any, args: Sequence[Any], kwargs: dict[str, Any]) -> Any:
    x, named = _named(function, args, kwargs)
    shape = named.get("shape", named.get("newshape"))
    shape = tuple(shape) if isinstance(shape, (tuple, list)) else (shape,)
    if -1 in shape:  # found from one example: the batch may be empty
        known = int(np.prod([n for n in shape if n != -1], dtype=np.int64))
        shape = np.empty(x.shape, np.bool_).reshape(shape).shape if known == 0 else tuple(
            x.size // known if n == -1 else n for n in shape
        )  # fmt: skip
    return BatchedArray(x.array.reshape((*x.array.shape[: len(x.levels)], *shape)), x.levels)


@rule(np.ravel)
def _ravel(function: Any, args: Sequence[Any], kwargs: dict[str, Any]) -> Any:
    return np.reshape(args[0], (args[0].size,))


@rule(np.transpose)
def _transpose(function: Any, args: Sequence[Any], kwargs: dict[str, Any]) -> Any:
    x, named = _named(function, args, kwargs)
    lead = len(x.levels)
    axes = named.get("axes")
    axes = range(x.ndim)[::-1] if axes is None else axes
    return BatchedArray(x.array.transpose((*range(lead), *_shifted(tuple(axes), x.ndim, lead))), x.levels)


@rule(np.moveaxis, np.swapaxes, np.rollaxis)
def _two_axes(function: Any, args: Sequence[Any], kwargs: dict[str, Any]) -> Any:
    x, a, b = args
    lead = len(x.levels)
    return BatchedArray(function(x.array, _shifted(a, x.ndim, lead), _shifted(b, x.ndim, lead)), x.levels)


@rule(np.diagonal, np.trace)
def _diagonal(function: Any, args: Sequence[Any], kwargs: dict[str, Any]) -> Any:
    x, named = _named(function, args, kwargs)
    axes = {k: _shifted(named.get(k, i), x.ndim, len(x.levels)) for i, k in enumerate(("axis1", "axis2"))}
    found = function(x.array, **{**named, **axes})
    if function is np.diagonal and x.array.flags.writeable:
        found.flags.writeable = True  # NumPy makes diagonals read-only for historical reasons
    return BatchedArray(found, x.levels)


@rule(np.expand_dims)
def _expand_dims(function: Any, args: Sequence[Any], kwargs: dict[str, Any]) -> Any:
    x, named = _named(function, args, kwargs)
    axis = named["axis"]
    count = len(axis) if isinstance(axis, (tuple, list)) else 1
    return BatchedArray(np.expand_dims(x.array, _shifted(axis, x.ndim + count, len(x.levels))), x.levels)


@rule(np.broadcast_to)
def _broadcast_to(function: Any, args: Sequence[Any], kwargs: dict[str, Any]) -> Any:
    x, named = _named(function, args, kwargs)
    shape = named["shape"]
    shape = tuple(shape) if isinstance(shape, (tuple, list)) else (shape,)
    array = physical(x, x.levels, max(len(shape), x.ndim))
    return BatchedArray(np.broadcast_to(array, (*array.shape[: len(x.levels)], *shape)), x.levels)


@rule(np.broadcast_arrays)
def _broadcast_arrays(function: Any, args: Sequence[Any], kwargs: dict[str, Any]) -> Any:
    shape = np.broadcast_shapes(*[x.shape for x in args])
    return tuple([np.broadcast_to(x, shape) for x in args])


@rule(np.concatenate, np.stack)
def _join(function: Any, args: Sequence[Any], kwargs: dict[str, Any]) -> Any:
    arrays, named = _named(function, args, kwargs)
    axis, levels = named.pop("axis", 0), levels_of(list(arrays))
    arrays = [whole(x, levels) for x in arrays]
    if axis is None:
        arrays, axis = [x.reshape((*x.shape[: len(levels)], -1)) for x in arrays], 0
    ndim = arrays[0].ndim - len(levels) + (function is np.stack)
    return BatchedArray(function(arrays, axis=_shifted(axis, ndim, len(levels)), **named), levels)


@rule(np.take_along_axis)
def _take_along_axis(function: Any, args: Sequence[Any], kwargs: dict[str, Any]) -> Any:
    x, named = _named(function, args, kwargs)
    indices, axis = named["indices"], named["axis"]
    if axis is None:
        return loop(function, args, kwargs)
    levels = levels_of((x, indices))
    found = np.take_along_axis(physical(x, levels), physical(indices, levels), _shifted(axis, x.ndim, len(levels)))
    return BatchedArray(found, levels)


# ------------------------------------------------------------------------------------------------- making and writing


@rule(np.zeros_like, np.ones_like, np.empty_like)
def _like(function: Any, args: Sequence[Any], kwargs: dict[str, Any]) -> Any:
    x, named = _named(function, args, kwargs)
    if named.get("shape") is not None:
        shape = named["shape"]
        named["shape"] = (*x.array.shape[: len(x.levels)], *(shape if isinstance(shape, (tuple, list)) else (shape,)))
    return BatchedArray(function(x.array, **named), x.levels)


@rule(np.full_like)
def _full_like(function: Any, args: Sequence[Any], kwargs: dict[str, Any]) -> Any:
    x, named = _named(function, args, kwargs)
    value = named.pop("fill_value")
    levels = levels_of((x, value))
    made: Any = np.empty_like(BatchedArray(whole(x, levels), levels), **named)
    made[...] = value
    return made


@rule(np.copy)
def _copy(function: Any, args: Sequence[Any], kwargs: dict[str, Any]) -> Any:
    return args[0].copy()


@rule(np.copyto)
def _copyto(function: Any, args: Sequence[Any], kwargs: dict[str, Any]) -> None:
    target, named = _named(function, args, kwargs)
    if named.get("where", True) is not True:
        _write_each(function, args, kwargs)
    elif type(target) is BatchedArray:
        target[...] = named["src"]
    else:
        raise unbatchable("writing in place to a tensor that is not batched the values of")


@rule(np.put, np.place, np.putmask, np.put_along_axis, np.fill_diagonal)
def _write(function: Any, args: Sequence[Any], kwargs: dict[str, Any]) -> None:
    _write_each(function, args, kwargs)


# ---------------------------------------------------------------------------------------------------------- questions


@rule(np.shape, np.ndim, np.size)
def _measure(function: Any, args: Sequence[Any], kwargs: dict[str, Any]) -> Any:
    return function(np.broadcast_to(np.int8(0), args[0].shape), *args[1:], **kwargs)


@rule(np.result_type, np.iscomplexobj, np.isrealobj, np.can_cast, np.common_type)
def _about_types(function: Any, args: Sequence[Any], kwargs: dict[str, Any]) -> Any:
    return function(*[x.array if type(x) is BatchedArray else x for x in args], **kwargs)


@rule(np.shares_memory, np.may_share_memory)
def _about_memory(function: Any, args: Sequence[Any], kwargs: dict[str, Any]) -> Any:
    return function(*[x.array if type(x) is BatchedArray else x for x in args], **kwargs)


@rule(np.array_equal, np.allclose, np.array_equiv)
def _about_values(function: Any, args: Sequence[Any], kwargs: dict[str, Any]) -> Any:
    raise unbatchable("comparing")
