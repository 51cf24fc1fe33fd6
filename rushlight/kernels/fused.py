"""Fused kernels: formulas element by element whose NumPy calls run in one pass over memory.

`@fused` has a definition run once on symbols in place of arrays, which write down what NumPy functions it calls: a
program, which the native build (`native/python/fused.cpp`) runs block by block in threads. So the definition is all
there is to write, and the result has its bits. What cannot be traced (shapes, sums, dtypes that mix) runs as it is.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

import numpy as np
from numpy.lib.mixins import NDArrayOperatorsMixin

from .native import native

F = TypeVar("F", bound=Callable[..., object])
PLAIN = "fd"  # the dtypes (NumPy's letters) that programs compute in, beside bools
EXTREMES = (np.fmax, np.fmin)


def fused(definition: F) -> F:
    """The definition of a kernel that works element by element, with a native twin that makes one pass of it."""
    if native is None or isinstance(definition, native.Kernel):  # (a Kernel has a twin of its own)
        return definition
    joined: F = native.Kernel(native.in_one_pass(definition, trace), definition)
    return joined


class NotFusedError(Exception):
    """The definition does what a program cannot."""


class Symbol(NDArrayOperatorsMixin):
    """Stands for an array of some dtype while a definition is traced: NumPy functions of it become steps."""

    def __init__(self, steps: list[Step], dtype: np.dtype[Any]) -> None:
        self.steps = steps
        self.dtype = dtype

    def __array_ufunc__(self, ufunc: np.ufunc, method: str, *inputs: Any, **options: Any) -> Symbol:
        if method != "__call__" or options or ufunc.nout != 1:
            raise NotFusedError
        dtype = _common_dtype(inputs)
        letters = dtype.char * ufunc.nin + "->"
        found = next((types for types in ufunc.types if types.startswith(letters)), None)
        if found is None:
            raise NotFusedError
        return self._step(ufunc, dtype, inputs, np.dtype(found[-1]))

    def __array_function__(self, function: Any, types: Any, args: Any, options: Any) -> Symbol:
        if function is not np.where or options or len(args) != 3:
            raise NotFusedError
        mask, *choices = args
        if isinstance(mask, (bool, np.bool_)) and isinstance(choices[not mask], Symbol):
            return choices[not mask]
        dtype = _common_dtype(choices)
        if not isinstance(mask, Symbol) or mask.dtype != np.bool_ or dtype.char not in PLAIN:
            raise NotFusedError
        return self._step(None, dtype, args, dtype)

    def _step(self, ufunc: np.ufunc | None, dtype: np.dtype[Any], inputs: Any, result: np.dtype[Any]) -> Symbol:
        if dtype.char not in PLAIN + "?" or result.char not in PLAIN + "?":
            raise NotFusedError
        made = Symbol(self.steps, result)
        self.steps.append(Step(ufunc, dtype, [i if isinstance(i, Symbol) else _number(i, dtype) for i in inputs], made))
        return made

    def astype(self, dtype: Any, copy: bool = True) -> Symbol:
        if np.dtype(dtype) != self.dtype:
            raise NotFusedError
        return self

    @property
    def shape(self) -> Any:
        raise NotFusedError

    def __bool__(self) -> bool:
        raise NotFusedError


class Step:
    """A function (None: a choice by a mask), the dtype it computes in, what it reads and what it makes."""

    def __init__(self, ufunc: np.ufunc | None, dtype: np.dtype[Any], inputs: list[Any], made: Symbol) -> None:
        self.ufunc, self.dtype, self.inputs, self.made = ufunc, dtype, inputs, made


def _common_dtype(inputs: Any) -> np.dtype[Any]:
    kinds = {i.dtype for i in inputs if isinstance(i, Symbol)}
    if len(kinds) != 1:
        raise NotFusedError
    return kinds.pop()


def _number(value: Any, dtype: np.dtype[Any]) -> float:
    """A number beside arrays: Python's takes their dtype, NumPy's must have it."""
    if dtype.char not in PLAIN or not (type(value) in (int, float) or getattr(value, "dtype", None) == dtype):
        raise NotFusedError
    return float(value)


def trace(definition: Callable[..., Any], arguments: tuple[Any, ...]) -> Any:
    """The program of a definition for these arguments, or None.

    Args:
        arguments: dtypes in place of arrays, and constants.
    """
    steps: list[Step] = []
    stand_ins = [Symbol(steps, a) if isinstance(a, np.dtype) else a for a in arguments]
    try:
        result = definition(*stand_ins)
    except Exception:  # it goes wrong, or not, when it runs as it is
        return None
    needed = _needed(steps, result)
    arrays = [a for a in stand_ins if isinstance(a, Symbol)]
    read = {id(value) for step in needed for value in step.inputs}
    if not needed or any(id(array) not in read for array in arrays):  # (what is not read must not shape the result)
        return None
    return _assemble(arrays, needed)


def _needed(steps: list[Step], result: Any) -> list[Step]:
    """The steps that the result depends on; its own is the last."""
    wanted, found = {id(result)}, []
    for step in reversed(steps):
        if id(step.made) in wanted:
            found.append(step)
            wanted |= {id(value) for value in step.inputs}
    return found[::-1]


def _assemble(arrays: list[Symbol], steps: list[Step]) -> Any:
    """Places for everything: the arrays, the result, the numbers, then intermediate results, whose places are used
    again when they have been read for the last time."""
    place = {id(symbol): i for i, symbol in enumerate(arrays)} | {id(steps[-1].made): len(arrays)}
    numbers: list[tuple[float, int, bool]] = []
    for step in steps:
        for i, value in enumerate(step.inputs):
            if not isinstance(value, Symbol):
                step.inputs[i] = len(arrays) + 1 + len(numbers)
                numbers.append((value, step.dtype.num, step.ufunc in EXTREMES))
    last = {id(value): step for step in steps for value in step.inputs if isinstance(value, Symbol)}
    count = len(arrays) + 1 + len(numbers)
    free: list[int] = []
    described = []
    for step in steps:
        if id(step.made) not in place:
            if not free:
                free.append(count)
                count += 1
            place[id(step.made)] = free.pop()
        reads = tuple(place[id(value)] if isinstance(value, Symbol) else value for value in step.inputs)
        described.append((step.ufunc, step.dtype.num, reads, place[id(step.made)]))
        done = {id(value) for value in step.inputs if isinstance(value, Symbol) and last[id(value)] is step}
        free += [place[key] for key in done if place[key] > len(arrays)]
    return len(arrays), tuple(numbers), tuple(described), count
